"""How tests find modules: what shadows, appears, grows, and what bytecode may not do."""

import os
import shutil
import subprocess
import zipfile

from house import PYTHON, main
from scenes import AT_FIRST, GONE, Table, either, link, scene, shows, write

USER = shows("m.V", "import m")
MISSING = "error ModuleNotFoundError"


def module(value):
    return "V = %r\n" % value


def zipped(**modules):
    def act(house):
        with zipfile.ZipFile(house.path("z.zip~"), "w") as file:
            for name, text in modules.items():
                file.writestr(name + ".py", text)
        os.rename(house.path("z.zip~"), house.path("z.zip"))
    return act


class Search(Table):
    SCENES = {
        "a_module_of_the_library_is_shadowed": scene(
            {"test_a.py": shows("hasattr(colorsys, 'rgb_to_hsv')", "import colorsys"),
             "test_o.py": shows("1")},
            write("colorsys.py", ""), {"test_a.py": False}, ["delete", "colorsys.py"],
            {"test_a.py": AT_FIRST}),
        "an_optional_module_appears": scene(
            {"test_a.py": shows("m and m.V", "try:\n    import m\nexcept ImportError:\n"
                                             "    m = None"),
             "test_o.py": shows("1")}, {"test_a.py": None},
            write("other.py", ""), {}, write("m.py", module(1)), {"test_a.py": 1},
            ["delete", "m.py"], {"test_a.py": AT_FIRST}),
        "a_module_nearer_by_appears": scene(
            {"far/m.py": module(1), "near/x": "",
             "test_a.py": shows("m.V", "sys.path[:0] = ['near', 'far']\nimport m")},
            write("near/m.py", module(2)), {"test_a.py": 2}, write("far/m.py", module(3)), {},
            ["delete", "near/m.py"], {"test_a.py": 3}),
        "a_folder_on_the_path_appears": scene(
            {"far/m.py": module(1), "test_a.py": shows("m.V",
                                                       "sys.path[:0] = ['near', 'far']\nimport m")},
            write("near/o.py", ""), {}, write("near/m.py", module(2)), {"test_a.py": 2},
            costs="a folder that is searched appears"),
        "a_module_in_lib": scene(
            {"lib/m.py": module(1), "test_a.py": USER}, write("lib/m.py", module(2)),
            {"test_a.py": 2},
            write("lib/o.py", ""), {}, only="nose"),
        "a_module_beside_the_test": scene(
            {"m.py": module(1), "tests/test_a.py": USER}, write("tests/m.py", module(2)),
            {"tests/test_a.py": 2},
            write("m.py", module(3)), {}),
        "asked_for_without_a_load": scene(
            {"test_a.py": shows("find_spec('m') is None", "from importlib.util import find_spec")},
            write("m.py", ""), {"test_a.py": False}),
        "a_part_of_a_package_appears": scene(
            {"app/__init__.py": "", "test_a.py": shows("importlib.import_module('app.m').V")},
            write("app/o.py", ""), {}, write("app/m.py", module(1)), {"test_a.py": 1}),
        "from_a_package": scene(
            {"app/__init__.py": "m = 7\n", "app/m.py": module(1),
             "test_a.py": shows("type(m).__name__", "from app import m")},
            write("app/__init__.py", ""), {"test_a.py": "module"},
            write("app/__init__.py", "m = 7\n"),
            {"test_a.py": AT_FIRST}),
        "a_package_hides_a_module": scene(
            {"m.py": module(1), "test_a.py": USER}, write("m/__init__.py", module(2)),
            {"test_a.py": 2},
            ["delete", "m"], {"test_a.py": AT_FIRST}),
        "a_folder_hides_no_module": scene(
            {"m.py": module(1), "test_a.py": USER}, write("m/x.txt", ""), {},
            costs="a folder of the name counts"),
        "a_compiled_module_hides_a_source": scene(
            {"m.py": module(1), "test_a.py": USER}, write("m.abi3.so", "none"),
            {"test_a.py": "error ImportError"},
            ["delete", "m.abi3.so"], {"test_a.py": AT_FIRST}),
        "a_namespace_becomes_a_package": scene(
            {"app/m.py": module(1), "test_a.py": shows("app.__file__ is None", "import app.m")},
            write("app/__init__.py", ""), {"test_a.py": False}),
        "a_package_becomes_a_namespace": scene(
            {"app/__init__.py": "V = 1\n",
             "test_a.py": shows("getattr(app, 'V', None)", "import app")},
            ["delete", "app/__init__.py"], {"test_a.py": None}),
        "a_namespace_grows": scene(
            {"a/n/x.py": "", "b/o": "", "test_a.py": shows(
                "sorted(m.name for m in pkgutil.iter_modules(n.__path__))",
                "sys.path[:0] = ['a', 'b']\nimport n, pkgutil")}, {"test_a.py": ["x"]},
            write("b/n/y.py", ""), {"test_a.py": ["x", "y"]}, ["delete", "b/n"],
            {"test_a.py": AT_FIRST}),
        "a_path_that_a_package_extends": scene(
            {"a/n/__init__.py": "import pkgutil\n"
                                "__path__ = pkgutil.extend_path(__path__, __name__)\n",
             "b/o": "", "test_a.py": shows("importlib.import_module('n.m').V",
                                           "sys.path[:0] = ['a', 'b']\nimport n")},
            write("b/n/__init__.py", ""), write("b/n/m.py", module(1)), {"test_a.py": 1}),
        "a_module_renamed": scene(
            {"m.py": module(1), "test_a.py": USER, "test_o.py": shows("1")},
            ["rename", "m.py", "n.py"],
            {"test_a.py": MISSING}, ["rename", "n.py", "m.py"], {"test_a.py": AT_FIRST}),
        "a_package_renamed": scene(
            {"app/__init__.py": "", "app/m.py": module(1),
             "test_a.py": shows("m.V", "from app import m")},
            ["rename", "app", "ppa"], {"test_a.py": MISSING}, ["rename", "ppa", "app"],
            {"test_a.py": AT_FIRST}),
        "a_name_from_data": scene(
            {"name": "a", "a.py": module(1), "b.py": module(2),
             "test_a.py": shows("importlib.import_module(open('name').read()).V")},
            write("b.py", module(3)), {}, write("name", "b"), {"test_a.py": 3},
            write("a.py", module(4)), {}),
        "a_name_from_a_listing": scene(
            {"app/__init__.py": "", "app/a.py": module(1), "test_a.py": shows(
                "[importlib.import_module('app.' + n[:-3]).V for n in sorted(os.listdir('app')) if "
                "n[0] != '_']")},
            write("app/b.py", module(2)), {"test_a.py": [1, 2]}),
        "an_archive": scene(
            {"x": "", "test_a.py": shows("importlib.import_module('m').V",
                                         "sys.path.insert(0, 'z.zip')")},
            {"test_a.py": "ModuleNotFoundError"}, zipped(m=module(1)), {"test_a.py": 1},
            zipped(m=module(2)), {"test_a.py": 2}, ["delete", "z.zip"], {"test_a.py": AT_FIRST}),
        "an_archive_that_hides_a_module": scene(
            {"m.py": module(1), "test_a.py": shows("m.V", "sys.path.insert(0, 'z.zip')\nimport m")},
            zipped(o=""), {"test_a.py": 1}, zipped(m=module(2)), {"test_a.py": 2}),
        "a_module_by_its_file": scene(
            {"d/m.py": module(1), "test_a.py": shows(
                "SourceFileLoader('m', 'd/m.py').load_module().V",
                "from importlib.machinery import SourceFileLoader")},
            write("d/m.py", module(2)), {"test_a.py": 2}),
        "a_module_by_its_file_that_appears": scene(
            {"d/o": "", "test_a.py": shows("SourceFileLoader('m', 'd/m.py').load_module().V",
                                           "from importlib.machinery import SourceFileLoader")},
            {"test_a.py": "FileNotFoundError"}, write("d/m.py", module(1)), {"test_a.py": 1}),
        "an_import_that_failed": scene(
            {"test_a.py": "raise ImportError('by hand')\n", "test_o.py": shows("1")},
            {"test_a.py": "error ImportError"}, write("anything.py", ""),
            {"test_a.py": "error ImportError"}),
        "an_import_that_failed_within": scene(
            {"m.py": "import nothing\n", "test_a.py": USER}, {"test_a.py": MISSING},
            write("nothing.py", ""), write("m.py", "import nothing\nV = 1\n"), {"test_a.py": 1}),
        "a_module_that_nobody_seeks": scene(
            {"m.py": module(1), "test_a.py": USER}, write("o.py", ""), {},
            write("app/__init__.py", ""), {}),
        "a_module_behind_a_new_link": scene(
            {"d/m.py": module(1), "test_a.py": shows("importlib.import_module('m').V")},
            {"test_a.py": "ModuleNotFoundError"}, link("m.py", "d/m.py"), {"test_a.py": 1},
            write("d/m.py", module(2)), {"test_a.py": 2}),
    }


def same_second(house, value):
    """As an editor in a hurry: the size and the second of the save before."""
    with open(house.path("m.py"), "w") as file:
        file.write(module(value))


def compiled(house):
    """Bytecode of the present source, as another Python would leave it beside."""
    subprocess.run([PYTHON, "-c", "import m"], cwd=house.root, check=True,
                   env=house.environment)
    assert os.path.isdir(house.path("__pycache__"))


def sourceless(house):
    text = "import py_compile; py_compile.compile('m.py', 'm.pyc')"
    subprocess.run([PYTHON, "-c", text], cwd=house.root, check=True, env=house.environment)
    os.remove(house.path("m.py"))
    shutil.rmtree(house.path("__pycache__"), ignore_errors=True)


def stealthily(house):
    before = os.stat(house.path("m.py"))
    same_second(house, 2)
    os.utime(house.path("m.py"), ns=(before.st_atime_ns, before.st_mtime_ns))


WARNS = """\
import warnings

def check(value):
    pass

def test_value():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        import m
    yield check, len(seen)
"""


class Bytecode(Table):
    SCENES = {
        "three_saves_within_a_second": scene(
            {"m.py": module(1), "test_a.py": USER}, lambda house: same_second(house, 2),
            {"test_a.py": 2},
            lambda house: same_second(house, 3), {"test_a.py": 3},
            lambda house: same_second(house, 1), {"test_a.py": AT_FIRST}),
        "stale_bytecode_lies_beside": scene(
            {"m.py": module(1), "test_a.py": USER}, compiled, {}, stealthily, {"test_a.py": 2}),
        "bytecode_that_comes_and_goes": scene(
            {"m.py": module(1), "test_a.py": USER}, compiled, {}, ["delete", "__pycache__"], {}),
        "none_is_left_in_the_tree": scene(
            {"m.py": module(1), "test_a.py": shows("(m.V, os.path.exists('__pycache__'))",
                                                   "import m")},
            {"test_a.py": (1, False)}, write("m.py", module(2)), {"test_a.py": (2, False)}),
        "a_warning_while_compiling_comes_each_time": scene(
            {"m.py": "x = 1 is 1\n", "test_a.py": WARNS}, {"test_a.py": 1},
            write("test_a.py", WARNS + "# new\n"), {"test_a.py": 1},
            stale="code that was kept compiles no more, and warns no more"),
        "bytecode_without_a_source": scene(
            {"m.py": module(1), "test_a.py": USER}, sourceless, {"test_a.py": 1},
            ["delete", "m.pyc"], {"test_a.py": MISSING}),
        "a_source_appears_over_bytecode": scene(
            {"m.py": module(1), "test_a.py": USER}, sourceless, {"test_a.py": 1},
            write("m.py", module(2)), {"test_a.py": 2}),
        "of_test_files_too": scene(
            {"test_a.py": USER, "m.py": module(1)}, compiled, {},
            write("test_a.py", USER.replace("m.V", "8 #"), "stealth"), {"test_a.py": 8}),
    }


class TestFiles(Table):
    """Which files are test files, and what is shown of them."""

    SCENES = {
        "one_comes": scene({"test_a.py": shows("1")}, write("test_b.py", shows("2")),
                           {"test_b.py": 2}),
        "one_goes": scene({"test_a.py": shows("1"), "test_b.py": shows("2")},
                          ["delete", "test_b.py"],
                          {"test_b.py": GONE}),
        "one_that_another_imports_goes": scene(
            {"test_a.py": "V = 1\n" + shows("1"), "test_b.py": shows("test_a.V", "import test_a")},
            ["delete", "test_a.py"], {"test_a.py": GONE, "test_b.py": MISSING}),
        "one_is_renamed": scene({"test_a.py": shows("1")}, ["rename", "test_a.py", "test_b.py"],
                                {"test_a.py": GONE, "test_b.py": 1}),
        "one_moves_to_another_folder": scene(
            {"m.py": module(1), "tests/m.py": module(2), "test_a.py": USER},
            ["rename", "test_a.py", "tests/test_a.py"], {"test_a.py": GONE, "tests/test_a.py": 2}),
        "one_becomes_a_program": scene({"test_a.py": shows("1"), "test_b.py": shows("2")},
                                       ["chmod", "test_b.py", 0o755], {"test_b.py": GONE}, only="nose"),
        "a_folder_of_them_comes": scene(
            {"test_a.py": shows("1")}, write("tests/test_b.py", shows("2")),
            write("tests/c/test_c.py", shows("3")),
            either({"tests/test_b.py": 2}, {"tests/test_b.py": 2, "tests/c/test_c.py": 3})),
        "a_folder_of_them_becomes_a_package": scene(
            {"app/tests/test_a.py": shows("1"), "test_o.py": shows("2")},
            write("app/__init__.py", ""),
            {"app/tests/test_a.py": 1}, ["delete", "app/__init__.py"],
            {"app/tests/test_a.py": GONE}, only="nose"),
        "the_setup_of_their_package": scene(
            {"tests/__init__.py": "def setup():\n    global V\n    V = 1\n",
             "tests/test_a.py": "import tests\n" + shows("tests.V"), "test_o.py": shows("2")},
            write("tests/__init__.py", "def setup():\n    global V\n    V = 2\n"),
            {"tests/test_a.py": 2}, only="nose"),
        "their_package_changes_without_a_bearing": scene(
            {"tests/__init__.py": "", "tests/test_a.py": shows("1")},
            write("tests/__init__.py", "# new\n"), {},
            costs="the packages that a test file lies in count whole"),
        "one_is_replaced_by_a_folder": scene(
            {"test_a.py": shows("1")}, ["delete", "test_a.py"], ["mkdir", "test_a.py"],
            {"test_a.py": GONE}),
        "one_does_not_compile_for_a_while": scene(
            {"test_a.py": shows("1")}, write("test_a.py", "def (:\n"),
            {"test_a.py": "error SyntaxError"},
            write("test_a.py", shows("1")), {"test_a.py": AT_FIRST}),
        "a_folder_of_them_behind_a_link": scene(
            {"real/test_a.py": shows("1"), "test_o.py": shows("2")}, link("tests", "real"),
            {"tests/test_a.py": 1}, write("real/test_a.py", shows("3")), {"tests/test_a.py": 3},
            stale="test files in a folder behind a new link are not found"),
        "one_is_a_link": scene(
            {"real/a.py": shows("1"), "test_a.py": ("link", "real/a.py")},
            write("real/a.py", shows("2")),
            {"test_a.py": 2}),
        "a_test_is_taken_away": scene(
            {"test_a.py": "def test_b():\n    assert 0\n" + shows("1")},
            {"test_a.py": ["failure AssertionError", 1]}, write("test_a.py", shows("1")),
            {"test_a.py": 1}),
        "a_skip_whose_condition_changes": scene(
            {"test_a.py": "import os, unittest\nclass T(unittest.TestCase):\n"
             "    @unittest.skipUnless(os.path.exists('x'), 'none')\n    def test_x(self):\n"
             "        pass\n"},
            {"test_a.py": "skipped " + either("SkipTest", "Skipped")}, write("x", ""), {"test_a.py": "success"},
            ["delete", "x"],
            {"test_a.py": AT_FIRST}),
        "a_fixture_of_a_class": scene(
            {"x": "1", "test_a.py": "import unittest\nclass T(unittest.TestCase):\n"
                                    "    @classmethod\n"
             "    def setUpClass(cls):\n        cls.x = open('x').read()\n"
             "    def test_a(self):\n        assert self.x == '1'\n    def test_b(self):\n"
             "        assert self.x == '1'\n"},
            write("x", "2"), {"test_a.py": "failure AssertionError"}),
    }


if __name__ == "__main__":
    main()
