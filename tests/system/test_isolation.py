"""isolation = "directory" and "package": test files that share a process, and so what is dear to set up."""

import functools
import os
import subprocess
import sys
import unittest

from house import House, SOURCE, interpreter_with, main

sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from host_process import other_pythons  # noqa: E402

# What is set up says so where no evidence lies.
NOTE = """\
    import os

    def note(word):
        file = os.open(%r, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, word.encode() + b" ")
        os.close(file)
    """
SESSION = """\
    import pytest
    from notes import note

    @pytest.fixture(scope="session")
    def database():
        note("up")
        yield {"answer": 42}
        note("down")
    """
PACKAGE = """\
    from notes import note

    database = {}

    def setup():
        note("up")
        database["answer"] = 42

    def teardown():
        note("down")
    """
MODULE = """\
    from notes import note

    note("up")
    database = {"answer": 42}
    """
SOURCE = """\
    def %s():
        return 1
    """
WITH_FIXTURE = """\
    import {0}

    def test_{0}(database):
        assert database["answer"] == 42 and {0}.{0}() == 1
    """
WITH_PACKAGE = """\
    import {0}
    from tests import database

    def test_{0}():
        assert database["answer"] == 42 and {0}.{0}() == 1
    """
WITH_MODULE = """\
    import unittest
    import {0}
    from tests.shared import database

    class Case(unittest.TestCase):
        def test_{0}(self):
            self.assertEqual(database["answer"], 42)
            self.assertEqual({0}.{0}(), 1)
    """
FILES = ("tests/test_a.py", "tests/test_b.py", "tests/test_c.py")
FRAMEWORKS = {
    "pytest": ({"tests/conftest.py": SESSION}, WITH_FIXTURE, "up down"),
    "nose": ({"tests/__init__.py": PACKAGE}, WITH_PACKAGE, "up down"),
    "unittest": ({"tests/__init__.py": "", "tests/shared.py": MODULE}, WITH_MODULE, "up"),
}


class IsolationTest(unittest.TestCase):
    interpreter_with = staticmethod(interpreter_with)

    def open(self, framework, isolation, more=()):
        python = self.interpreter_with(framework)
        if python is None:
            self.skipTest("no interpreter here has " + framework)
        files, text, self.once = FRAMEWORKS[framework]
        self.house = House({name + ".py": SOURCE % name for name in "abc"},
                           'framework = "%s"\npython = "%s"\nisolation = "%s"\n%s'
                           % (framework, python, isolation, "\n".join(more)))
        self.addCleanup(self.house.close)
        self.notes = os.path.join(self.house.base, "notes")
        self.noted = ""
        self.house.write("notes.py", NOTE % self.notes)
        for path, content in files.items():
            self.house.write(path, content)
        for name in "abc":
            self.house.write("tests/test_%s.py" % name, text.format(name))

    def expect(self, notes, ran, code=0):
        """What was set up, and which files ran, since the last time; all is current."""
        before = getattr(self, "runs", {})
        self.house.wait(code=code)
        self.runs = self.house.runs()
        self.assertEqual({file for file, count in self.runs.items()
                          if count != before.get(file, 0)}, set(ran))
        text = ""
        if os.path.exists(self.notes):
            with open(self.notes, encoding="ascii") as file:
                text = file.read()
        before, self.noted = self.noted, text
        self.assertEqual(text[len(before):].strip(), notes)
        for record in self.house.records("files", "--json"):
            self.assertEqual(record["state"], "current", record)

    def outcomes(self):
        return {"%s %s" % (os.path.basename(file), test): outcome
                for (file, test), outcome in self.house.outcomes().items()}


def story(framework):
    def test(self):
        self.open(framework, "directory")
        self.expect(self.once, FILES)
        one_each = {file: 1 for file in FILES}
        self.assertEqual(self.runs, one_each)
        self.assertEqual(len(self.outcomes()), 3)
        # One file's module: its company runs with it, in one process.
        self.house.write("b.py", "def b():\n    return 2\n")
        self.expect(self.once, FILES, code=1)
        case = "Case." if framework == "unittest" else ""
        self.assertEqual(self.outcomes(), {"test_a.py %stest_a" % case: "success",
                                           "test_b.py %stest_b" % case: "failure",
                                           "test_c.py %stest_c" % case: "success"})
        self.house.write("b.py", "def b():\n    return 1\n")  # was proved before
        self.expect("", ())
        self.house.ctl("run", "tests/test_c.py")
        self.expect(self.once, FILES)
    return test


class Together(IsolationTest):
    def test_alone_each_file_sets_up_its_own(self):
        self.open("pytest", "file")
        self.expect("up down up down up down", FILES)
        self.house.write("b.py", "def b():\n    return int(1)\n")
        self.expect("up down", ["tests/test_b.py"])

    def test_a_new_file_is_another_company(self):
        self.open("pytest", "directory")
        self.expect("up down", FILES)
        self.house.write("tests/test_d.py", "def test_d(database):\n    pass\n")
        self.expect("up down", FILES + ("tests/test_d.py",))
        self.house.remove("tests/test_d.py")
        self.expect("", ())  # as it was before

    def test_a_file_that_leaves_is_another_company(self):
        self.open("pytest", "directory")
        self.expect("up down", FILES)
        self.house.remove("tests/test_c.py")
        self.expect("up down", FILES[:2])

    def test_another_isolation_is_another_result(self):
        self.open("nose", "directory")
        self.expect("up down", FILES)
        settings = self.house.read("pyproject.toml")
        self.house.write("pyproject.toml", settings.replace('"directory"', '"file"'))
        self.expect("up down up down up down", FILES)
        self.house.write("pyproject.toml", settings)
        self.expect("", ())
        self.house.write("pyproject.toml", settings.replace('"directory"', '"folder"'))
        self.expect("", ())
        self.assertIn('isolation must be "file", "directory" or "package", not "folder"',
                      self.house.status()["message"])

    DEEP = ("tests/deep/test_x.py", "tests/deep/test_y.py")

    def open_deep(self, isolation):
        self.open("nose", isolation)
        self.house.write("tests/deep/__init__.py", "")
        for path in self.DEEP:
            self.house.write(path, "def test_it():\n    pass\n")

    def test_each_folder_is_a_company(self):
        self.open_deep("directory")
        self.expect("up down up down", FILES + self.DEEP)
        self.house.write("tests/deep/test_x.py", "def test_it():\n    assert 1\n")
        self.expect("up down", self.DEEP)

    def test_each_package_is_a_company(self):
        self.open_deep("package")
        self.expect("up down", FILES + self.DEEP)
        self.house.write("tests/deep/test_x.py", "def test_it():\n    assert 1\n")
        self.expect("up down", FILES + self.DEEP)
        self.house.remove("tests/deep/__init__.py")
        self.expect("up down", FILES)  # nose looks for tests in packages

    def test_a_package_s_own_file_runs_alone(self):
        self.open("nose", "package")
        init = "tests/__init__.py"
        self.house.write(init, self.house.read(init) + "\n\ndef test_own():\n    pass\n")
        self.house.wait(code=0)
        self.assertEqual(self.house.runs(), dict.fromkeys(FILES + (init,), 1))
        self.assertEqual(self.house.outcomes(init)[init, "test_own"], "success")

    def test_results_are_those_of_the_company(self):
        """One file finds what another one left behind, as in a plain run of both."""
        self.open("pytest", "directory")
        self.house.write("tests/test_a.py", "import sys\n\ndef test_a():\n    sys.left = 1\n")
        self.house.write("tests/test_b.py", "import sys\n\ndef test_b():\n    assert sys.left\n")
        self.expect("up down", FILES)
        self.house.write("tests/test_a.py", "import sys\n\ndef test_a():\n    pass\n")
        self.expect("up down", FILES, code=1)
        self.assertEqual(self.outcomes(), {"test_a.py test_a": "success",
                                           "test_b.py test_b": "failure",
                                           "test_c.py test_c": "success"})


class Ends(IsolationTest):
    """A process that comes to a bad end takes those with it that were not through."""

    def play(self, framework, text, more=()):
        self.open(framework, "directory", more)
        self.house.write("tests/test_b.py", text)
        self.house.wait(code=1)
        return {key: (record["outcome"], record["exception"])
                for key, record in self.house.results().items()}

    def test_a_crash(self):
        for framework in ("pytest", "nose"):
            with self.subTest(framework):
                found = self.play(framework, "import os\n\ndef test_b():\n    os.abort()\n\n"
                                             "def test_later():\n    pass\n")
                self.assertEqual(found, {
                    ("tests/test_a.py", "test_a"): ("success", None),
                    ("tests/test_b.py", "test_b"): ("error", "SIGABRT"),
                    ("tests/test_c.py", "(not run)"): ("error", "ProcessEnded")})
                self.house.write("tests/test_b.py", "def test_b():\n    pass\n")
                self.house.wait(code=0)

    def test_an_exit(self):
        found = self.play("pytest", "import os\n\ndef test_b():\n    os._exit(0)\n")
        self.assertEqual(found, {
            ("tests/test_a.py", "test_a"): ("success", None),
            ("tests/test_b.py", "test_b"): ("error", "SystemExit"),
            ("tests/test_c.py", "(not run)"): ("error", "ProcessEnded")})

    def test_a_time_out(self):
        found = self.play("pytest", "import time\n\ndef test_b():\n    time.sleep(600)\n",
                          ["timeout = 3"])
        self.assertEqual(found, {
            ("tests/test_a.py", "test_a"): ("success", None),
            ("tests/test_b.py", "test_b"): ("error", "Timeout"),
            ("tests/test_c.py", "(not run)"): ("error", "ProcessEnded")})

    def test_pytest_that_stops(self):
        found = self.play("pytest", "import pytest\n\ndef test_b():\n    pytest.exit('enough')\n")
        self.assertEqual({key: outcome for key, (outcome, _) in found.items()}, {
            ("tests/test_a.py", "test_a"): "success",
            ("tests/test_b.py", "test_b"): "error",
            ("tests/test_b.py", "(not run)"): "error",
            ("tests/test_c.py", "(not run)"): "error"})

    def test_what_cannot_be_imported_keeps_nobody_from_running(self):
        for framework in FRAMEWORKS:
            with self.subTest(framework):
                found = self.play(framework, "import nowhere\n")
                self.assertEqual(
                    {key[0]: value for key, value in found.items()},
                    {"tests/test_a.py": ("success", None),
                     "tests/test_b.py": ("error", "ModuleNotFoundError"),
                     "tests/test_c.py": ("success", None)})

    def test_a_package_that_cannot_be_set_up(self):
        self.open("nose", "directory")
        self.house.write("tests/__init__.py", "database = {}\n\ndef setup():\n    1 / 0\n")
        self.house.wait(code=1)
        self.assertEqual(self.house.outcomes(),
                         {(file, "(setup package tests)"): "error" for file in FILES})


for framework in FRAMEWORKS:
    setattr(Together, "test_%s_sets_up_once" % framework, story(framework))


@functools.lru_cache(maxsize=None)
def _with_folders(_framework):
    """An interpreter whose pytest collects folder by folder, as it does from 8 on."""
    for python in other_pythons():
        if subprocess.call([python, "-c", "import pytest; pytest.Dir"],
                           stderr=subprocess.DEVNULL) == 0:
            return python
    return None


class FolderByFolder(IsolationTest):
    """What pytest is asked for, once more from 8 on."""

    play = Ends.play

    interpreter_with = staticmethod(_with_folders)

    def setUp(self):
        if _with_folders("pytest") is None:
            self.skipTest("no interpreter here has pytest 8 or newer")


for case in (Together, Ends):
    for name, test in list(vars(case).items()):
        if "pytest" in name or name.startswith("test_") and "pytest" in test.__code__.co_consts:
            setattr(FolderByFolder, name, test)


if __name__ == "__main__":
    main()
