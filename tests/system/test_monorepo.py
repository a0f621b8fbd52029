"""One repository, many packages: the story of examples/monorepo, and what packages must not do to each other."""

import json
import os

import house
from house import SOURCE, HouseTest, House, main

EXAMPLE = os.path.join(SOURCE, "examples", "monorepo")


def example():
    files = {}
    for folder, _, names in os.walk(EXAMPLE):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as file:
                files[os.path.relpath(path, EXAMPLE)] = file.read()
    return files


def test_file(name="test_it", body="pass"):
    return "def %s():\n    %s\n" % (name, body)


class Repository(HouseTest):
    """All packages have the interpreter that the root names."""

    SETTINGS = ""

    def setUp(self):
        if house.PYTHON is None:
            self.skipTest("no interpreter here has nose")
        self.house = House(self.FILES, None)
        self.house.write("pyproject.toml", '[tool.sniffer]\npython = "%s"\n%s' % (house.PYTHON, self.SETTINGS))
        self.addCleanup(self.house.close)

    def packages(self):
        return {record["file"]: record["package"] for record in self.house.records("files", "--json")}

    def started(self, act):
        """The test files that ran, in their order, until all is verified or halted."""
        before = self.house.runs()
        act()
        self.house.ctl("wait")
        records = [record for record in self.house.records("files", "--json")
                   if record["runs"] != before.get(record["file"], 0)]
        return [record["file"] for record in sorted(records, key=lambda record: record["last_run"])]


class Story(Repository):
    FILES = example()
    SETTINGS = "fail_fast = true\njobs = 1\n"

    UNITS = "package1/shapes/units.py"

    def test_a_merge_that_breaks_a_neighbour_is_seen_at_once(self):
        self.house.write("package2/tests/test_zoo.py", "from catalog import tiles\n\n\n" + test_file())
        self.house.write("package3/tests/test_zoo.py",
                         "import unittest\nfrom shop import order\n\n\nclass Zoo(unittest.TestCase):\n"
                         "    def test_it(self):\n        order.needed('small', 1)\n")
        self.start()
        self.house.wait(code=0)
        self.assertEqual(set(self.packages().values()), {"package1", "package2", "package3"})
        good = self.house.read(self.UNITS)
        ran = self.started(lambda: self.house.write(self.UNITS, good.replace('"cm": 10', '"cm": 9')))
        # package1 first and green; the nearest neighbour next; then the one that breaks
        self.assertEqual(ran[0], "package1/tests/test_units.py")
        self.assertEqual(ran[-1].split("/")[0], "package3")
        self.assertEqual([file.split("/")[0] for file in ran], sorted(file.split("/")[0] for file in ran))
        shown = self.house.ctl("check", code=1).stdout
        self.assertIn("test_a_part_of_a_tile_is_a_tile", shown)
        self.assertEqual(shown.count("Traceback"), 1)
        self.house.write(self.UNITS, good)
        self.house.wait(code=0)

    def test_after_a_failure_the_rest_waits_for_a_word(self):
        self.start()
        self.house.wait(code=0)
        broken = self.house.read(self.UNITS).replace('"cm": 10', '"cm": 10 / 0')
        ran = self.started(lambda: self.house.write(self.UNITS, broken))
        self.assertEqual(ran, ["package1/tests/test_units.py"])
        status = self.house.status()
        self.assertEqual((status["state"], status["stats"]["to_be_run"]), ("halted", 2))
        self.assertIn("2 test files not run", self.house.ctl("check", code=1).stdout)
        self.house.ctl("resume", code=0)
        self.house.ctl("wait", code=1)
        self.assertEqual(self.house.status()["stats"]["to_be_run"], 1)  # the next one failed as well
        # A change goes on, with what failed last at the head.
        self.house.write("package2/tests/test_units.py", self.house.read("package2/tests/test_units.py") + "\nX = 1\n")
        self.house.ctl("wait", code=1)
        self.house.write(self.UNITS, self.house.read(self.UNITS).replace("10 / 0", "10"))
        self.house.wait(code=0)

    def test_a_data_file_and_a_folder_of_a_neighbour_are_evidence(self):
        self.start()
        self.house.wait(code=0)
        before = self.house.runs()
        self.house.write("package2/catalog/tiles.ini", "small 50 mm\nlarge 600 mm\n")
        self.house.wait(code=0)
        after = self.house.runs()
        self.assertEqual({file for file in after if after[file] != before[file]},
                         {"package2/tests/test_units.py", "package3/tests/test_units.py"})

    def test_each_command_can_be_narrowed(self):
        self.start()
        self.house.wait(code=0)
        self.house.write("package3/tests/test_bad.py",
                         "import unittest\n\n\nclass Bad(unittest.TestCase):\n    def test(self):\n        self.fail()\n")
        self.house.ctl("wait", code=1)
        self.house.ctl("wait", "--package", "package1", code=0)
        self.house.ctl("check", "--package", "package3", code=1)
        records = self.house.records("results", "--json", "--package", "package2")
        self.assertEqual({record["package"] for record in records}, {"package2"})
        files = self.house.records("files", "--json", "--package", "package3")
        self.assertEqual(len(files), 2)
        status = json.loads(self.house.ctl("status", "--json", "--package", "package1", code=0).stdout)
        self.assertEqual((status["stats"]["tests"], status["stats"]["failures"]), (2, 0))
        before = self.house.runs()
        self.house.ctl("run", "--package", "package1", code=0)
        self.house.ctl("wait", code=1)
        after = self.house.runs()
        self.assertEqual([file for file in after if after[file] != before[file]], ["package1/tests/test_units.py"])
        refused = self.house.ctl("status", "--package", "package9", code=5).stderr
        self.assertIn("package1, package2, package3", refused)


class Apart(Repository):
    """Two packages with the same names in them."""

    FILES = {"%s/%s" % (package, path): text
             for package in ("one", "two")
             for path, text in {
                 "setup.cfg": "[nosetests]\n" if package == "one" else "[tool:pytest]\n",
                 "util.py": "NAME = %r\n" % package,
                 "conftest.py": "",
                 "tests/test_util.py": "import os\nimport util\n\n\ndef test_it():\n"
                                       "    assert util.NAME == %r\n"
                                       "    assert os.getcwd().endswith(%r)\n" % (package, package),
             }.items()}

    def test_equal_names_do_not_get_in_each_other_s_way(self):
        self.start()
        self.house.wait(code=0)
        self.assertEqual(self.packages(), {"one/tests/test_util.py": "one", "two/tests/test_util.py": "two"})
        self.assertEqual(self.house.ran(lambda: self.house.write("one/util.py", "NAME = 'one'\nX = 1\n")),
                         {"one/tests/test_util.py"})
        self.house.write("two/util.py", "NAME = 'three'\n")
        self.house.wait(code=1)
        failed = [record for record in self.house.records("results", "--json", "--failed")]
        self.assertEqual([record["package"] for record in failed], ["two"])

    def test_all_is_current_over_a_restart(self):
        self.start()
        self.house.wait(code=0)
        before = self.house.runs()
        self.house.ctl("restart", code=0)
        self.house.wait(code=0)
        self.assertEqual(self.house.runs(), before)

    def test_a_restart_without_a_change_starts_no_worker(self):
        self.house.write("two/left_out.py", "names = []\n")
        self.house.write("two/conftest.py", "from left_out import names as collect_ignore\n")
        self.start()
        self.house.wait(code=0)
        for _ in range(2):  # in the first one files may be too new to be trusted by their times
            self.house.ctl("restart", code=0)
            self.house.wait(code=0)
        self.assertEqual(self.house.status()["warm"]["hosts"], 0)
        before = self.house.runs()
        self.assertEqual(set(before), {"one/tests/test_util.py", "two/tests/test_util.py"})
        # Where something is another, its package is asked.
        self.house.ctl("stop", code=0)
        self.house.write("two/left_out.py", "names = ['tests/test_util.py']\n")
        self.house.ctl("start", code=0)
        self.house.wait(code=0)
        self.assertEqual(set(self.house.runs()), {"one/tests/test_util.py"})
        self.house.write("one/util.py", "NAME = 'none'\n")
        self.house.wait(code=1)

    def test_a_folder_that_becomes_a_package_takes_its_tests_along(self):
        self.start()
        self.house.wait(code=0)
        self.house.write("two/inner/tests/test_inner.py", "import os\n\n\ndef test_it():\n"
                                                          "    assert os.getcwd().endswith('two')\n")
        self.house.wait(code=0)
        self.house.write("pyproject.toml", '[tool.sniffer]\npython = "%s"\npackages = ["one", "two", "two/inner"]\n'
                         % house.PYTHON)
        self.house.write("two/inner/setup.cfg", "[nosetests]\n")
        self.house.wait(code=1)  # it runs in another folder now
        self.assertEqual(self.packages()["two/inner/tests/test_inner.py"], "two/inner")
        self.house.write("pyproject.toml", '[tool.sniffer]\npython = "%s"\n' % house.PYTHON)
        self.house.wait(code=0)
        self.assertEqual(self.packages()["two/inner/tests/test_inner.py"], "two")

    def test_what_is_wrong_with_one_package_hinders_no_other(self):
        self.house.write("two/pyproject.toml", '[tool.sniffer]\npython = "/nowhere/python"\n')
        self.start()
        self.house.ctl("wait", "--package", "one", code=0)
        refused = self.house.ctl("wait", code=5).stderr
        self.assertIn("two: ", refused)
        self.assertIn("/nowhere/python", refused)
        self.assertEqual(self.house.status()["state"], "error")
        os.remove(self.house.path("two", "pyproject.toml"))
        self.house.wait(code=0)

    def test_settings_of_a_package_are_its_own(self):
        self.house.write("one/pyproject.toml", '[tool.sniffer]\nisolation = "directory"\n')
        self.start()
        self.house.wait(code=0)
        before = self.house.runs()
        self.house.write("one/pyproject.toml", "[tool.sniffer]\n")
        self.house.wait(code=0)
        after = self.house.runs()
        self.assertEqual([file for file in after if after[file] != before[file]], ["one/tests/test_util.py"])
        self.house.write("one/pyproject.toml", "[tool.sniffer]\njobs = 3\n")
        self.house.wait(code=0)
        self.assertIn("one/pyproject.toml:2: jobs is about the whole project", self.house.status()["message"])


class OneProject(HouseTest):
    """A root that is a project has no packages but those that are named."""

    FILES = {"setup.py": "", "tests/test_a.py": test_file(),
             "plugins/extra/setup.py": "", "plugins/extra/tests/test_b.py": test_file()}

    def test_it_is_one_package(self):
        self.start()
        self.house.wait(code=0)
        packages = {record["package"] for record in self.house.records("files", "--json")}
        self.assertEqual(packages, {"."})
        self.assertIn("the root: it has a setup.py", self.house.ctl("doctor").stdout)


if __name__ == "__main__":
    main()
