#!/usr/bin/env python3
"""What the oracle found, each cut down by hand to one test file and a few edits; run them all, or
those whose names hold one of the words given:

    cases.py [WORD ...]

Every case goes through the oracle's own comparison after each batch of edits. A new find belongs
here before it is mended."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]

import acts  # noqa: E402
import oracle  # noqa: E402
from acts import link, write  # noqa: E402
from house import PYTHON, main  # noqa: E402

HEAD = "import importlib, os, sys\n\ndef check(value):\n    pass\n\n"
OTHER = "sys.path.insert(0, os.path.expanduser('~/other'))\n"  # beside the project


def shows(look, first=""):
    """A test file whose test is named after what LOOK gives."""
    return (HEAD + first + "def test_value():\n    try:\n        value = %s\n"
            "    except Exception as error:\n        value = type(error).__name__\n"
            "    yield check, value\n" % look)


def module(name):
    return "importlib.import_module('%s').VALUE" % name


def optional(name):
    return "getattr(importlib.import_module('%s'), 'VALUE', None)" % name


MOVED = [["rename", "d", "e"], link("d", "e")]
PACKAGE = {"app/__init__.py": "", "app/sub/__init__.py": "", "app/sub/n.py": "VALUE = 1\n",
           "alt/x": "", "test_a.py": shows(module("app.sub.n"))}

# name -> (files, batches of edits...)
CASES = {
    # -- which files are test files --
    "a_program_that_is_none_any_more_is_a_test_file_again": (
        {"test_a.py": shows("1")}, [["chmod", "test_a.py", 0o755]], [["chmod", "test_a.py", 0o644]]),
    "a_folder_that_becomes_a_package_shows_its_test_files": (
        {"app/tests/test_a.py": shows("1")}, [write("app/__init__.py", "")]),
    "a_folder_that_is_no_package_any_more_hides_its_test_files": (
        {"app/__init__.py": "", "app/tests/test_a.py": shows("1")}, [["delete", "app/__init__.py"]]),
    "test_files_in_a_folder_behind_a_link_are_run": (
        {"real/test_a.py": shows("1"), "test_b.py": shows("2")}, [link("tests", "real")],
        [write("real/test_a.py", shows("3"))]),
    "what_changes_while_no_daemon_runs_is_found": (
        {"app/tests/test_a.py": shows("1"), "test_b.py": shows("1")},
        [["stop"], write("app/__init__.py", ""), ["chmod", "test_b.py", 0o755], ["start"]],
        [["stop"], ["delete", "app/__init__.py"], ["chmod", "test_b.py", 0o644], ["start"]]),
    # -- modules --
    "an_archive_that_appears_on_the_module_path_is_found": (
        {"test_a.py": shows(module("packed"), "sys.path.insert(0, 'z.zip')\n")},
        [["archive", "z.zip", 3]]),
    "a_folder_that_appears_on_the_module_path_is_found": (
        {"test_a.py": shows(module("z"), "sys.path.insert(0, 'ex')\n")},
        [write("ex/z.py", "VALUE = 3\n")]),
    "a_module_in_the_root_hides_one_that_the_host_has_loaded": (
        {"test_a.py": shows(optional("json"))}, [write("json.py", "VALUE = 2\n")],
        [write("json.py", "VALUE = 3\n")], [["delete", "json.py"]]),
    "a_module_beside_the_tests_hides_one_that_the_host_has_loaded": (
        {"tests/json.py": "VALUE = 1\n", "tests/test_a.py": shows(optional("json"))},
        [write("tests/json.py", "VALUE = 2\n")]),
    "a_module_in_lib_hides_one_that_the_host_has_loaded": (
        {"lib/x.py": "", "test_a.py": shows(optional("json"))}, [write("lib/json.py", "VALUE = 2\n")]),
    "a_module_beside_the_tests_hides_one_that_the_child_has_loaded": (
        {"tests/ctypes.py": "VALUE = 1\n", "tests/test_a.py": shows(optional("ctypes"))},
        [write("tests/ctypes.py", "VALUE = 2\n")]),
    "a_module_in_the_root_hides_one_that_the_child_has_loaded": (
        {"ctypes.py": "VALUE = 1\n", "test_a.py": shows(optional("ctypes"))},
        [write("ctypes.py", "VALUE = 2\n")], [["delete", "ctypes.py"]],
        [write("ctypes.py", "VALUE = 3\n")]),
    "the_target_of_a_modules_link_appears": (
        {"m.py": ("link", "alt/m.py"), "test_a.py": shows(module("m"))},
        [write("alt/m.py", "VALUE = 2\n")]),
    "the_target_of_a_packages_link_appears": (
        {"m": ("link", "alt/m"), "test_a.py": shows("importlib.import_module('m').__file__ is None")},
        [write("alt/m/__init__.py", "VALUE = 2\n")]),
    "a_packages_link_is_set_to_another_one": (
        {"real/__init__.py": "", "real/m.py": "VALUE = 1\n", "app": ("link", "real"),
         "test_a.py": shows(module("app.m"))}, [link("app", "other")],
        [write("other/__init__.py", ""), write("other/m.py", "VALUE = 9\n")]),
    "a_package_that_moved_and_left_a_link_is_followed": (
        PACKAGE, [["rename", "app/sub", "alt/sub"], link("app/sub", "../alt/sub")],
        [write("alt/sub/n.py", "VALUE = 2\n")]),
    "a_namespace_package_gets_a_second_part": (
        {"lib/n/a.py": "VALUE = 1\n", "test_a.py": shows(module("n.a"))},
        [write("n/a.py", "VALUE = 2\n")], [["delete", "n"]], [write("n.py", "")]),
    # -- links and kinds --
    "data_in_a_folder_that_moved_and_left_a_link_is_followed": (
        {"d/a": "1\n", "test_a.py": shows("open('d/a').read()")}, MOVED, [write("e/a", "2\n")]),
    "the_listing_of_a_folder_that_moved_and_left_a_link_is_followed": (
        {"d/a": "1\n", "test_a.py": shows("sorted(os.listdir('d'))")}, MOVED, [write("e/b", "1\n")]),
    "absence_in_a_folder_that_moved_and_left_a_link_is_followed": (
        {"d/a": "1\n", "test_a.py": shows("os.path.exists('d/b')")}, MOVED, [write("e/b", "2\n")]),
    "a_folder_that_becomes_a_link_is_one": (
        {"d/a": "1\n", "test_a.py": shows("os.path.islink('d')")}, MOVED),
    "a_file_that_becomes_a_link_is_one": (
        {"d": "1\n", "test_a.py": shows("os.lstat('d').st_mode")}, MOVED),
    "a_link_to_nowhere_appears_where_nothing_was": (
        {"x": "", "test_a.py": shows("os.path.lexists('a')")}, [link("a", "nowhere")]),
    "a_link_to_nowhere_can_be_read": (
        {"x": "", "test_a.py": shows("os.readlink('a')")}, [link("a", "nowhere")],
        [link("a", "elsewhere")]),
    "the_kind_of_a_scanned_links_target_is_seen": (
        {"d/a": "1\n", "e/l": ("link", "../d/a"),
         "test_a.py": shows("[e.is_file() for e in os.scandir('e')]")},
        [["delete", "d/a"]], [["mkdir", "d/a"]]),
    "a_walk_that_follows_no_links_sees_the_kind_of_their_targets": (
        {"d/a": "1\n", "e/l": ("link", "../d"), "test_a.py": shows("sorted(map(str, os.walk('e')))")},
        [["rename", "d", "f"]], [write("d", "a file\n")]),
    # -- names that editors use --
    "a_file_with_the_name_of_a_backup_is_data_to_who_reads_it": (
        {"data/x~": "1\n", "test_a.py": shows("open('data/x~').read()")},
        [write("data/x~", "2\n", "place")]),
    "a_listing_has_backups_in_it": (
        {"data/x": "1\n", "test_a.py": shows("sorted(os.listdir('data'))")},
        [write("data/x~", "2\n", "place")]),
    # -- outside the root --
    "a_file_outside_that_was_read_is_deleted": (
        {"../other/x": "1\n", "test_a.py": shows("open(os.path.expanduser('~/other/x')).read()")},
        [write("../other/x", "2\n")], [["delete", "../other/x"]], [write("../other/x", "3\n")]),
    "a_file_outside_that_was_missed_appears": (
        {"test_a.py": shows("open(os.path.expanduser('~/other/x')).read()")},
        [write("../other/x", "2\n")]),
    "a_folder_outside_that_was_listed_gets_a_file": (
        {"../other/x": "1\n", "test_a.py": shows("sorted(os.listdir(os.path.expanduser('~/other')))")},
        [write("../other/y", "2\n")]),
    "a_file_outside_that_was_asked_for_appears": (
        {"test_a.py": shows("os.path.exists(os.path.expanduser('~/other/x'))")},
        [write("../other/x", "2\n")]),
    "a_module_outside_is_changed_and_deleted": (
        {"../other/packed.py": "VALUE = 1\n", "test_a.py": shows(module("packed"), OTHER)},
        [write("../other/packed.py", "VALUE = 2\n")], [["delete", "../other/packed.py"]],
        [write("../other/packed.py", "VALUE = 3\n")]),
    "a_module_outside_appears_in_front_of_one_inside": (
        {"../other/x": "", "packed.py": "VALUE = 0\n", "test_a.py": shows(module("packed"), OTHER)},
        [write("../other/packed.py", "VALUE = 2\n")]),
    # -- what was not seen --
    "a_warning_while_compiling_comes_each_time": (
        {"m.py": "x = 1 is 1\n", "test_a.py": HEAD + "import warnings\ndef test_warns():\n"
         "    with warnings.catch_warnings(record=True) as seen:\n"
         "        warnings.simplefilter('always')\n        import m\n    yield check, len(seen)\n"},
        [["write", "test_a.py", HEAD + "import warnings\ndef test_warns():\n"
          "    with warnings.catch_warnings(record=True) as seen:\n"
          "        warnings.simplefilter('always')\n        import m\n    yield check, -len(seen)\n",
          "replace"]]),
    "a_run_whose_writes_nobody_sees_comes_to_an_end": (
        {"test_a.py": HEAD + "def test_x():\n    os.path.exists('out.txt')\n"
         "    os.system('date +%N > out.txt')\n"},),
    "a_database_that_is_written_by_a_c_library_comes_to_an_end": (
        {"test_a.py": shows("__import__('dbm').open('db', 'c').close()")},),
}


class Cases(unittest.TestCase):
    def holds(self, name):
        if PYTHON is None:
            self.skipTest("no interpreter here has nose")
        files, *batches = CASES[name]
        run = oracle.Run(files, False)
        try:
            self.assertEqual(run.check(), [], "at first")
            for number, batch in enumerate(batches, 1):
                for step in batch:
                    acts.apply(run.house, step)
                self.assertEqual(run.check(), [], "after batch %d: %s" % (number, batch))
        finally:
            run.close()


for case in CASES:
    if len(sys.argv) < 2 or any(word in case for word in sys.argv[1:]):
        setattr(Cases, "test_" + case, lambda self, name=case: self.holds(name))
del sys.argv[1:]

if __name__ == "__main__":
    main()
