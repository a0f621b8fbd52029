"""What is ignored: no test files there, and evidence all the same."""

from house import HouseTest, main
from scenes import AT_FIRST, GONE, Table, cached, scene, shows, write

READS = shows("open('build/x.txt').read()")


class Evidence(Table):
    """Whoever looks into an ignored folder, or outside, rests on what is there."""

    SETTINGS = 'ignore = ["build/"]\n'
    SCENES = {
        "read": scene({"build/x.txt": "1\n", "test_a.py": READS},
                      write("build/x.txt", "2\n"), {"test_a.py": "2\n"},
                      write("build/x.txt", "1\n"), {"test_a.py": AT_FIRST}),
        "read_before_the_daemon_started": scene(
            {"build/x.txt": "1\n", "test_a.py": READS},
            ["stop"], ["start"], {},
            write("build/x.txt", "2\n"), {"test_a.py": "2\n"}),
        "outside_before_the_daemon_started": scene(
            {"../far/x": "1\n", "test_a.py": shows("open(os.path.expanduser('~/far/x')).read()")},
            ["stop"], ["start"], {},
            write("../far/x", "2\n"), {"test_a.py": "2\n"}),
        "listed_before_the_daemon_started": scene(
            {"build/x.txt": "1\n", "test_a.py": shows("os.listdir('build')")},
            ["stop"], ["start"], {},
            write("build/y.txt", "2\n"), {"test_a.py": ["x.txt", "y.txt"]}),
        "absent_before_the_daemon_started": scene(
            {"test_a.py": shows("os.path.exists('build/deep/y')")},
            ["stop"], ["start"], {},
            write("build/deep/y", "2\n"), {"test_a.py": True}),
    }


class Rules(Table):
    """What .gitignore files say counts at once, and says nothing about what tests look at."""

    SCENES = {
        "a_rule_takes_a_test_file_away_and_gives_it_back": scene(
            {"test_a.py": shows("1"), "test_b.py": shows("2")},
            write(".gitignore", "test_b.py\n"), {"test_b.py": GONE},
            write(".gitignore", "# test_b.py\n"), {"test_b.py": 2}),
        "a_folder_is_ignored_and_is_not": scene(
            {".gitignore": "tests/\n", "tests/test_b.py": shows("2"), "test_a.py": shows("1")},
            ["delete", ".gitignore"], {"tests/test_b.py": 2},
            write("tests/.gitignore", "*\n"), {"tests/test_b.py": GONE}),
        "a_rule_is_taken_back_further_down": scene(
            {".gitignore": "test_*\n", "tests/test_b.py": shows("2"), "o.py": ""},
            write("tests/.gitignore", "!test_b.py\n"), {"tests/test_b.py": 2}),
        "a_new_test_file_is_ignored": scene(
            {".gitignore": "/tests/*_b.py\n", "test_a.py": shows("1")},
            write("tests/test_b.py", shows("2")), {},
            write("tests/test_c.py", shows("3")), {"tests/test_c.py": 3},
            write("conftest.py", ""), {}),
        "the_rules_change_and_no_file": scene(
            {".gitignore": "*.o\n", "test_a.py": shows("1")},
            write(".gitignore", "*.o\n*.a\n"), {}),
        "a_folder_that_was_read_is_ignored": scene(
            {"build/x.txt": "1\n", "test_a.py": READS},
            write(".gitignore", "build/\n"), {},
            write("build/x.txt", "2\n"), {"test_a.py": "2\n"},
            write("build/x.txt", "1\n"), {"test_a.py": cached("1\n")}),
        "a_module": scene(
            {".gitignore": "gen/\n", "gen/__init__.py": "", "gen/m.py": "V = 1\n",
             "test_a.py": shows("gen.m.V", "import gen.m")},
            write("gen/m.py", "V = 2\n"), {"test_a.py": 2}),
        "a_module_that_comes_before_another": scene(
            {".gitignore": "gen/\n", "m.py": "V = 1\n", "gen/o.txt": "",
             "test_a.py": shows("importlib.import_module('m').V",
                                "import sys; sys.path.insert(0, 'gen')")},
            write("gen/m.py", "V = 2\n"), {"test_a.py": 2}),
        "a_listing": scene(
            {".gitignore": "gen/\n", "gen/d/x": "",
             "test_a.py": shows("sorted(sum((f for _, _, f in os.walk('gen')), []))")},
            write("gen/d/y", ""), {"test_a.py": ["x", "y"]}),
        "a_file_that_is_not_there": scene(
            {".gitignore": "gen/\n", "test_a.py": shows("os.path.exists('gen/d/x')")},
            write("gen/d/x", ""), {"test_a.py": True}),
        "the_rules_themselves": scene(
            {".gitignore": "a\n", "test_a.py": shows("open('.gitignore').read()")},
            write(".gitignore", "b\n"), {"test_a.py": "b\n"}),
    }


class Doctor(HouseTest):
    FILES = {".gitignore": "*_local.py\n", "tests/test_a.py": "def test_a():\n    pass\n",
             "tests/test_local.py": "def test_b():\n    pass\n"}

    def test_a_test_file_that_is_ignored_is_named_with_its_rule_and_the_mend(self):
        self.start()
        self.house.wait(code=0)
        check, = (check for check in self.house.records("doctor", "--json", code=1)
                  if check["name"] == "ignored tests")
        self.assertIn("tests/test_local.py (.gitignore:1: *_local.py)", check["message"])
        mend = 'ignore = ["!/tests/test_local.py"]'
        self.assertIn(mend, check["message"])
        settings = self.house.read("pyproject.toml")
        self.house.write("pyproject.toml", settings + mend + "\n")
        self.assertEqual(self.house.wait(code=0)["stats"]["tests"], 2)
        self.house.ctl("doctor", code=0)
        self.house.write("pyproject.toml", settings + 'ignore = ["*_local.py"]\n')
        self.assertEqual(self.house.wait(code=0)["stats"]["tests"], 1)
        self.house.ctl("doctor", code=0)


if __name__ == "__main__":
    main()
