"""What tests read, list and ask for; what they write; what is undone."""

import os
import shutil

from house import main
from scenes import AT_FIRST, GONE, Table, cached, link, scene, shows, write

X = {"d/x.txt": "1\n"}
NEW, OLD = write("d/x.txt", "2\n"), write("d/x.txt", "1\n")


def reads(look, first="", old="1\n", new="2\n", stats=False, **marks):
    """LOOK gives OLD, then NEW, then OLD again, without a run if it STATS no time stamps; another
    file in the folder is nobody's."""
    return scene(dict(X, **{"test_a.py": shows(look, first), "test_o.py": shows("7")}),
                 {"test_a.py": old},
                 NEW, {"test_a.py": new}, OLD, {"test_a.py": old if stats else AT_FIRST},
                 write("d/o.txt", ""), {}, **marks)


class Data(Table):
    SCENES = {
        "open": reads("open('d/x.txt').read()"),
        "open_absolute": reads("open(os.path.abspath('d/x.txt')).read()"),
        "open_after_chdir": reads("(os.chdir('d'), open('x.txt').read())[1]"),
        "open_below_a_folder": reads("os.read(os.open('x.txt', 0, dir_fd=os.open('d', 0)), "
                                     "9).decode()"),
        "open_by_descriptors": reads("open('/proc/self/fd/%d' % os.open('d/x.txt', 0)).read()"),
        "open_through_dots": reads("open('d/../d/./x.txt').read()"),
        "open_through_proc": reads("open('/proc/self/cwd/d/x.txt').read()"),
        "raw": reads("__import__('io').FileIO('d/x.txt').read().decode()"),
        "path": reads("__import__('pathlib').Path('d/x.txt').read_text()"),
        "input": reads("''.join(fileinput.input('d/x.txt'))", "import fileinput"),
        "map": reads("mmap.mmap(os.open('d/x.txt', 0), 0, prot=1)[:].decode()", "import mmap"),
        "line": reads("linecache.getline('d/x.txt', 1)", "import linecache"),
        "copy": reads("open(shutil.copy('d/x.txt', tempfile.mkdtemp())).read()",
                      "import shutil, tempfile",
                      stats=True),
        "compare": reads("filecmp.cmp('d/x.txt', __file__, shallow=False) or "
                         "open('d/x.txt').read()",
                         "import filecmp", stats=True),
        "json": reads("json.load(open('d/x.txt'))", "import json", 1, 2),
        "csv": reads("list(csv.reader(open('d/x.txt')))", "import csv", [["1"]], [["2"]]),
        "at_import": reads("V", "V = open('d/x.txt').read()"),
        "in_a_thread": reads("ThreadPoolExecutor(1).submit(lambda: "
                             "open('d/x.txt').read()).result()",
                             "from concurrent.futures import ThreadPoolExecutor"),
        "in_a_cache_of_its_neighbour": reads(
            "(f(), f())[1]", "import functools\n@functools.lru_cache(None)\ndef f():\n"
                             "    return open('d/x.txt').read()"),
        "executed": scene({"d/x.txt": "V = 1\n", "test_a.py": shows(
            "(exec(compile(open('d/x.txt').read(), 'x', 'exec'), globals()), V)[1]")},
            write("d/x.txt", "V = 2\n"), {"test_a.py": 2}),
        "run_as_a_script": scene({"run": "V = 1\n", "test_a.py": shows(
            "__import__('runpy').run_path('run')['V']")}, write("run", "V = 2\n"),
            {"test_a.py": 2}),
        "outside": scene(
            {"../other/x": "1\n",
             "test_a.py": shows("open(os.path.expanduser('~/other/x')).read()")},
            write("../other/x", "2\n"), {"test_a.py": "2\n"}, write("../other/x", "1\n"),
            {"test_a.py": cached("1\n")}),
        "time_stamps_alone": scene(
            dict(X, **{"test_a.py": shows("open('d/x.txt').read()")}), ["utime", "d/x.txt", 10**18],
            {},
            write("d/x.txt", "1\n"), {}, write("d/x.txt", "1\n", "place"), {}),
        "a_restored_time_stamp": scene(
            dict(X, **{"test_a.py": shows("open('d/x.txt').read()")}),
            write("d/x.txt", "2\n", "stealth"), {"test_a.py": "2\n"}),
        "the_mode": scene(
            dict(X, **{"test_a.py": shows("open('d/x.txt').read()")}), ["chmod", "d/x.txt", 0o600],
            {"test_a.py": "1\n"}, ["chmod", "d/x.txt", 0o644], {"test_a.py": cached("1\n")}),
        "a_file_that_goes_and_returns": scene(
            dict(X, **{"test_a.py": shows("open('d/x.txt').read()")}), ["delete", "d/x.txt"],
            {"test_a.py": "FileNotFoundError"}, OLD, {"test_a.py": cached("1\n")}),
        "a_folder_instead_of_a_file": scene(
            dict(X, **{"test_a.py": shows("open('d/x.txt').read()")}), ["delete", "d/x.txt"],
            ["mkdir", "d/x.txt"], {"test_a.py": "IsADirectoryError"}),
        "a_folder_that_moves_away": scene(
            dict(X, **{"test_a.py": shows("open('d/x.txt').read()")}), ["rename", "d", "e"],
            {"test_a.py": "FileNotFoundError"}, ["rename", "e", "d"], {"test_a.py": cached("1\n")}),
        "which_tests_there_are": scene(
            {"d/x.txt": "1 2\n", "test_a.py": "def check(n):\n    pass\n\ndef test_it():\n"
             "    for n in open('d/x.txt').read().split():\n        yield check, n\n"},
            write("d/x.txt", "1 2 3\n"), {"test_a.py": "success"}, only="nose"),
        "which_parameters_there_are": scene(
            {"d/x.txt": "1 2\n", "test_a.py": "import pytest\n\n@pytest.mark.parametrize('n',"
             " open('d/x.txt').read().split())\ndef test_it(n):\n    assert n != '3'\n"},
            write("d/x.txt", "1 2 3\n"), {"test_a.py": ["success", "success", "failure AssertionError"]},
            only="pytest"),
        "who_reads_nothing_of_it": scene(
            dict(X, **{"test_a.py": shows("1")}), NEW, {}, write("d/z.txt", ""), {}),
        "resources": scene(
            {"app/__init__.py": "", "app/x.txt": "1\n", "test_a.py": shows(
                "(resources.files('app') / 'x.txt').read_text()",
                "from importlib import resources")},
            write("app/x.txt", "2\n"), {"test_a.py": "2\n"}, write("app/y.txt", "2\n"), {}),
        "package_data": scene(
            {"app/__init__.py": "", "app/x.txt": "1\n",
             "test_a.py": shows("pkgutil.get_data('app', 'x.txt').decode()", "import pkgutil")},
            write("app/x.txt", "2\n"), {"test_a.py": "2\n"}),
    }


D = {"d/a": "", "d/b.txt": "1\n", "d/e/f.txt": ""}


def lists(look, first="", new=None, deep=False, **marks):
    """A new name counts; what is in files does not, nor, unless it goes DEEP, what lies deeper."""
    return scene(dict(D, **{"test_a.py": shows(look, first)}),
                 write("d/b.txt", "2\n"), {}, write("d/b.txt", "1\n", "place"), {},
                 *([] if deep else [write("d/e/g.txt", ""), {}]),
                 write("d/n.txt", ""), {"test_a.py": new}, ["delete", "d/n.txt"],
                 {"test_a.py": AT_FIRST}, **marks)


class Listings(Table):
    SCENES = {
        "listdir": lists("sorted(os.listdir('d'))", new=["a", "b.txt", "e", "n.txt"]),
        "scandir": lists("sorted(e.name for e in os.scandir('d'))",
                         new=["a", "b.txt", "e", "n.txt"]),
        "iterdir": lists("len(list(Path('d').iterdir()))", "from pathlib import Path", 4),
        "glob": lists("sorted(glob.glob('d/*.txt'))", "import glob", ["d/b.txt", "d/n.txt"]),
        "glob_of_paths": lists("len(list(Path('d').glob('*.txt')))", "from pathlib import Path", 2),
        "walk": lists("sum(len(names) for _, _, names in os.walk('d'))", new=4, deep=True),
        "rglob": lists("len(list(Path('d').rglob('*.txt')))", "from pathlib import Path", 3,
                       deep=True),
        "by_descriptor": lists("len(os.listdir(os.open('d', os.O_RDONLY)))", new=4),
        "a_deeper_file": scene(
            dict(D, **{"test_a.py": shows("len(glob.glob('d/**/*.txt', recursive=True))",
                                          "import glob")}),
            write("d/e/n.txt", ""), {"test_a.py": 3}),
        "a_kind": scene(
            dict(D, **{"test_a.py": shows("sorted(e.name for e in os.scandir('d') "
                                          "if e.is_dir())")}),
            ["delete", "d/a"], ["mkdir", "d/a"], {"test_a.py": ["a", "e"]}),
        "a_temporary_file_of_an_editor": scene(
            dict(D, **{"test_a.py": shows("sorted(os.listdir('d'))")}), write("d/b.txt", "2\n"),
            write("d/.b.txt.swp", "x"), ["delete", "d/.b.txt.swp"], {}),
        "a_backup_of_an_editor": scene(
            dict(D, **{"test_a.py": shows("sorted(os.listdir('d'))")}),
            write("d/a~", "", "place"), {"test_a.py": ["a", "a~", "b.txt", "e"]},
            stale="names that editors use for a moment are not told in listings"),
        "a_folder_that_appears": scene(
            {"test_a.py": shows("sorted(os.listdir('d'))")}, {"test_a.py": "FileNotFoundError"},
            ["mkdir", "d"], {"test_a.py": []}, write("d/x", ""), {"test_a.py": ["x"]},
            ["delete", "d"], {"test_a.py": cached("FileNotFoundError")}),
        "modules_of_a_package": scene(
            {"app/__init__.py": "", "app/a.py": "V = 1\n", "test_a.py": shows(
                "[m.name for m in pkgutil.iter_modules(app.__path__)]", "import app, pkgutil")},
            write("app/a.py", "V = 2\n"), {}, write("app/b.py", ""), {"test_a.py": ["a", "b"]}),
        "plugins": scene(
            {"app/__init__.py": "", "app/a.py": "V = 1\n", "test_a.py": shows(
                "[importlib.import_module('app.' + m.name).V for m in "
                "pkgutil.iter_modules(app.__path__)]",
                "import app, pkgutil")},
            write("app/b.py", "V = 2\n"), {"test_a.py": [1, 2]}, write("app/b.py", "V = 3\n"),
            {"test_a.py": [1, 3]}, ["delete", "app/b.py"], {"test_a.py": cached([1])}),
    }


def asks(look, first="", missing=False, there=True, **marks):
    """Whether something is there, and no more: what is in it is nobody's business."""
    return scene({"d/o": "", "test_a.py": shows(look, first)}, {"test_a.py": missing},
                 write("d/x.txt", "1\n"), {"test_a.py": there}, write("d/x.txt", "22\n"), {},
                 ["utime", "d/x.txt", 10**18], {}, ["delete", "d/x.txt"],
                 {"test_a.py": cached(missing)}, **marks)


class Presence(Table):
    SCENES = {
        "exists": asks("os.path.exists('d/x.txt')"),
        "isfile": asks("os.path.isfile('d/x.txt')"),
        "isdir": scene({"d/o": "", "test_a.py": shows("os.path.isdir('d/x')")},
                       {"test_a.py": False},
                       ["mkdir", "d/x"], {"test_a.py": True}, write("d/x/y", ""), {}),
        "lexists": asks("os.path.lexists('d/x.txt')"),
        "access": asks("os.access('d/x.txt', os.R_OK)"),
        "access_to_write": scene(
            dict(X, **{"test_a.py": shows("os.access('d/x.txt', os.X_OK)")}),
            ["chmod", "d/x.txt", 0o755],
            {"test_a.py": True}),
        "a_missing_file": scene(
            {"d/o": "", "test_a.py": shows("open('d/x.txt').read()")},
            {"test_a.py": "FileNotFoundError"},
            write("d/y.txt", ""), {}, NEW, {"test_a.py": "2\n"}),
        "a_missing_folder": scene(
            {"test_a.py": shows("os.path.exists('a/b/c')")}, ["mkdir", "a"], {}, ["mkdir", "a/b"],
            {},
            write("a/b/c", ""), {"test_a.py": True}),
        "a_path_below_a_file": scene(
            {"a": "", "test_a.py": shows("os.path.exists('a/b')")}, ["delete", "a"], {},
            write("a/b", ""), {"test_a.py": True}),
        "a_kind": scene(
            dict(X, **{"test_a.py": shows("os.path.isfile('d/x.txt')")}), ["delete", "d/x.txt"],
            ["mkdir", "d/x.txt"], {"test_a.py": False}),
        "size": scene(dict(X, **{"test_a.py": shows("os.path.getsize('d/x.txt')")}),
                      write("d/x.txt", "333\n"), {"test_a.py": 4}),
        "time": scene(dict(X, **{"test_a.py": shows("os.stat('d/x.txt').st_mtime_ns > 0")}),
                      ["utime", "d/x.txt", -10**18], {"test_a.py": False}),
        "mode": scene(dict(X, **{"test_a.py": shows("os.stat('d/x.txt').st_mode & 0o777")}),
                      ["chmod", "d/x.txt", 0o600], {"test_a.py": 0o600}),
        "through_a_descriptor": scene(
            dict(X, **{"test_a.py": shows("os.stat('x.txt', dir_fd=os.open('d', 0)).st_size")}),
            write("d/x.txt", "333\n"), {"test_a.py": 4}),
        "of_a_folder": scene(
            dict(X, **{"test_a.py": shows("os.stat('d').st_mode & 0o777")}), write("d/y", ""), {},
            ["chmod", "d", 0o700], {"test_a.py": 0o700}, ["chmod", "d", 0o755],
            {"test_a.py": cached(0o755)}),
        "a_program_on_the_path": scene(
            {"bin/o": "", "test_a.py": shows("shutil.which('tool', path='bin')", "import shutil")},
            write("bin/tool", "#!/bin/sh\n"), ["chmod", "bin/tool", 0o755],
            {"test_a.py": "bin/tool"}),
    }


class Links(Table):
    V = {"v1/x": "1\n", "v2/x": "2\n", "now": ("link", "v1")}
    SCENES = {
        "a_link_to_a_folder_set_anew": scene(
            dict(V, **{"test_a.py": shows("open('now/x').read()"),
                       "test_o.py": shows("open('v1/x').read()")}),
            link("now", "v2"), {"test_a.py": "2\n"}, link("now", "v1"),
            {"test_a.py": cached("1\n")}),
        "a_file_behind_a_link": scene(
            dict(V, **{"test_a.py": shows("open('now/x').read()")}), write("v1/x", "3\n"),
            {"test_a.py": "3\n"}),
        "a_file_behind_another_link": scene(
            dict(V, **{"test_a.py": shows("open('now/x').read()")}), write("v2/x", "3\n"), {}),
        "a_link_to_a_file": scene(
            {"x": "1\n", "y": "2\n", "l": ("link", "x"), "test_a.py": shows("open('l').read()")},
            link("l", "y"), {"test_a.py": "2\n"}, write("y", "3\n"), {"test_a.py": "3\n"},
            write("x", "4\n"), {}),
        "two_links": scene(
            {"x": "1\n", "l": ("link", "k"), "k": ("link", "x"),
             "test_a.py": shows("open('l').read()")},
            link("k", "nowhere"), {"test_a.py": "FileNotFoundError"}, write("nowhere", "2\n"),
            {"test_a.py": "2\n"}),
        "where_a_link_leads": scene(
            dict(V, **{"test_a.py": shows("os.readlink('now')")}), link("now", "v2"),
            {"test_a.py": "v2"}),
        "the_real_path": scene(
            dict(V, **{"test_a.py": shows("os.path.basename(os.path.realpath('now'))")}),
            link("now", "v2"), {"test_a.py": "v2"}),
        "a_link_or_none": scene(
            dict(V, **{"test_a.py": shows("os.path.islink('now')")}), ["delete", "now"],
            ["mkdir", "now"],
            {"test_a.py": False}),
        "a_link_that_becomes_a_file": scene(
            {"x": "1\n", "l": ("link", "x"), "test_a.py": shows("open('l').read()")},
            ["delete", "l"], write("l", "2\n"), {"test_a.py": "2\n"}),
        "a_link_out_of_the_root": scene(
            {"../other/x": "1\n", "l": ("link", "../other/x"),
             "test_a.py": shows("open('l').read()")},
            write("../other/x", "2\n"), {"test_a.py": "2\n"}),
        "a_scanned_link_to_itself": scene(
            {"d/x": "1\n", "test_a.py": shows("[e.is_file() for e in os.scandir('d')]")},
            link("d/x", "x"), {"test_a.py": "OSError"}),
        "a_module_behind_a_link": scene(
            {"v1/m.py": "V = 1\n", "v2/m.py": "V = 2\n", "m.py": ("link", "v1/m.py"),
             "test_a.py": shows("m.V", "import m")},
            link("m.py", "v2/m.py"), {"test_a.py": 2}, write("v2/m.py", "V = 3\n"),
            {"test_a.py": 3}),
        "a_package_behind_a_link": scene(
            {"v1/__init__.py": "V = 1\n", "v2/__init__.py": "V = 2\n", "app": ("link", "v1"),
             "test_a.py": shows("app.V", "import app")}, link("app", "v2"), {"test_a.py": 2}),
    }


class Outputs(Table):
    """What a test writes itself starts nothing; what a person does to it later does."""

    SCENES = {
        "an_output": scene(
            {"test_a.py": shows("(open('out', 'w').write('1'), open('out').read())[1]"),
             "m.py": ""},
            write("out", "2"), {}, ["delete", "out"], {}),
        "an_output_that_another_test_reads": scene(
            {"test_a.py": shows("(open('out', 'w').write('1'), open('out').read())[1]"),
             "test_b.py": shows("os.path.exists('nothing')")}, write("nothing", ""),
             {"test_b.py": True}),
        "a_folder_of_its_own": scene(
            {"test_a.py": shows("(os.makedirs('out/x'), os.listdir('out'), os.rmdir('out/x'), "
                                "os.rmdir('out'))[1]")},
            ["mkdir", "o"], {}),
        "a_temporary_folder": scene(
            {"test_a.py": shows("(open(tempfile.mkdtemp(dir='.') + '/x', 'w').write('1'))",
                                "import tempfile")},
            write("x", ""), {}),
        "a_counter": scene(
            {"n": "0", "test_a.py": shows("(int(open('n').read()) >= 40, open('n', "
                                          "'a').write('1'))[0]")},
            write("n", "40"), {"test_a.py": True}),
        "a_counter_and_an_older_verdict": scene(
            {"n": "0", "test_a.py": shows("(int(open('n').read()) >= 40, os.path.exists('x'), "
                                          "open('n', 'a').write('1'))[:2]")},
            {"test_a.py": (False, False)}, write("x", ""), {"test_a.py": (False, True)},
            write("n", "40"), {"test_a.py": (True, True)},
            ["delete", "x"], {"test_a.py": (True, False)}),
        "a_database": scene(
            {"test_a.py": shows(
                "(db.execute('create table if not exists t (a)'), db.commit(), 1)[2]",
                "import sqlite3\ndb = sqlite3.connect('db')")}, {"test_a.py": 1}, write("x", ""),
                {}),
        "what_a_program_writes": scene(
            {"test_a.py": shows("os.system('echo 1 > out; cat out >/dev/null')")},
            write("out", "2\n"), {}),
    }


def restore(path, target):
    """As git does it: another file, of another time, of the old content."""
    def act(house):
        shutil.copy(house.path(path), house.path(path + "~"))
        os.rename(house.path(path + "~"), house.path(target))
    return act


class Undone(Table):
    """What was proved once is not proved again."""

    PROJECT = {"m.py": "V = 1\n", "d/x": "1\n", "test_m.py": shows("m.V", "import m"),
               "test_x.py": shows("open('d/x').read()"), "test_l.py": shows("len(os.listdir('d'))"),
               "test_p.py": shows("os.path.exists('p')")}
    # git holds a lock while it writes: one change, however slowly it comes.
    LOCK, UNLOCK = write(".git/index.lock", ""), ["delete", ".git/index.lock"]
    TO = [write("m.py", "V = 2\n"), write("d/x", "2\n"), write("d/y", ""), write("p", "")]
    FROM = [write("m.py", "V = 1\n", "checkout"), write("d/x", "1\n", "checkout"),
            ["delete", "d/y"],
            ["delete", "p"]]
    THERE, BACK = [LOCK, *TO, UNLOCK], [LOCK, *FROM, UNLOCK]
    RAN = {"test_m.py": 2, "test_x.py": "2\n", "test_l.py": 2, "test_p.py": True}
    AGAIN = {file: cached(value) for file, value in RAN.items()}
    FIRST = dict.fromkeys(RAN, AT_FIRST)
    SCENES = {
        "an_edit": scene(PROJECT, write("m.py", "V = 2\n"), {"test_m.py": 2},
                         write("m.py", "V = 1\n"),
                         {"test_m.py": cached(1)}, write("m.py", "V = 2\n"),
                         {"test_m.py": cached(2)}),
        "several_edits": scene(PROJECT, write("m.py", "V = 2\n"), {"test_m.py": 2},
                               write("m.py", "V = 3\n"),
                               {"test_m.py": 3}, write("m.py", "V = 1\n"),
                               {"test_m.py": cached(1)}),
        "a_branch": scene(PROJECT, *THERE, RAN, *BACK, FIRST, *THERE, AGAIN),
        "a_branch_and_a_restart": scene(PROJECT, *THERE, RAN, ["stop"], *BACK, ["start"], FIRST),
        "a_branch_in_one_go": scene(PROJECT, LOCK, *TO, *FROM, UNLOCK, {}),
        "the_test_file_itself": scene(PROJECT, write("test_m.py", shows("8")), {"test_m.py": 8},
                                      write("test_m.py", PROJECT["test_m.py"]),
                                      {"test_m.py": AT_FIRST}),
        "a_deleted_test_file": scene(PROJECT, ["delete", "test_m.py"], {"test_m.py": GONE},
                                     write("test_m.py", PROJECT["test_m.py"]),
                                     {"test_m.py": AT_FIRST},
                                     costs="the verdicts of a deleted test file are forgotten"),
        "a_renamed_module": scene(PROJECT, ["rename", "m.py", "n.py"],
                                  {"test_m.py": "error ModuleNotFoundError"},
                                  ["rename", "n.py", "m.py"],
                                  {"test_m.py": cached(1)}),
        "one_of_two_dependencies": scene(
            {"d/x": "1", "d/y": "1", "test_a.py": shows("open('d/x').read() + open('d/y').read()")},
            write("d/x", "2"), {"test_a.py": "21"}, write("d/y", "2"), {"test_a.py": "22"},
            write("d/x", "1"), {"test_a.py": "12"}, write("d/y", "1"), {"test_a.py": cached("11")}),
        "a_save_of_another_file_with_the_old_content": scene(
            dict(PROJECT, **{"old": "1\n"}), write("d/x", "2\n"), {"test_x.py": "2\n"},
            restore("old", "d/x"), {"test_x.py": cached("1\n")}),
    }


if __name__ == "__main__":
    main()
