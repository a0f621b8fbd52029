"""nosetests --with-sniffer and pytest -p sniffer, started by a person, feed the daemon's index: soundly or
not at all."""

import os
import subprocess
import sys
import unittest

from house import HouseTest, PYTHON, SOURCE, interpreter_with, main

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
from host_process import other_pythons  # noqa: E402

LIB = "def f():\n    return 1\n"
BROKEN = "def f():\n    return 2\n"


class ByHand(HouseTest):
    FILES = {
        "lib.py": LIB,
        "other.py": "x = 1\n",
        "test_lib.py": "import lib\n\ndef test_f():\n    assert lib.f() == 1\n\ndef test_g():\n    pass\n",
        "test_other.py": "import other\n\ndef test_x():\n    assert other.x\n",
    }
    COMMAND = ()

    def setUp(self):
        super().setUp()
        self.start()
        self.house.wait(code=0)
        self.house.ctl("pause", code=0)

    def run_it(self, *arguments, command=None, cwd=".", **environment):
        return subprocess.run([*(command or self.COMMAND), *arguments], cwd=self.house.path(cwd),
                              env=dict(self.house.environment,
                                       PYTHONPATH=os.path.join(SOURCE, "python_plugin"), **environment),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)

    def by_hand(self, *arguments, **options):
        """The run, and then whatever the daemon still wants to run."""
        done = self.run_it(*arguments, **options)
        self.house.ctl("resume", code=0)
        self.house.wait()
        self.house.ctl("pause", code=0)
        return done

    def counted(self, file):
        return self.house.records("why", "--json", file)[0]["detail"] == "run by hand"

    def refused(self, *arguments, **options):
        """The run tells nothing: the daemon runs the file itself."""
        self.fresh = getattr(self, "fresh", 1) + 1
        self.house.write("lib.py", "def f():\n    return %d\n" % self.fresh)
        done = self.by_hand(*arguments, **options)
        self.assertFalse(self.counted("test_lib.py"), done.stdout)
        self.assertEqual(self.house.outcomes("test_lib.py")["test_lib.py", "test_f"], "failure")

    def after(self, act):
        """The files that run because of ACT."""
        self.house.ctl("resume", code=0)
        return self.house.ran(act)


class NoseByHand(ByHand):
    COMMAND = (PYTHON, "-m", "nose", "--with-sniffer")

    def test_a_run_by_hand_is_a_verdict(self):
        self.house.write("lib.py", BROKEN)
        runs = self.house.runs()
        self.assertEqual(self.by_hand("test_lib.py").returncode, 1)
        self.assertTrue(self.counted("test_lib.py"))
        self.assertEqual(self.house.runs()["test_lib.py"], runs["test_lib.py"] + 1)
        self.assertEqual(self.house.outcomes("test_lib.py"), {("test_lib.py", "test_f"): "failure",
                                                              ("test_lib.py", "test_g"): "success"})
        with self.subTest("and rests on what it used"):
            self.assertEqual(self.after(lambda: self.house.write("lib.py", "def f():\n    return len('x')\n")),
                             {"test_lib.py"})
            self.assertEqual(self.after(lambda: self.house.write("other.py", "x = 2\n")),
                             {"test_other.py"})

    def test_all_files_at_once(self):
        self.house.write("lib.py", BROKEN)
        self.by_hand()
        self.assertTrue(self.counted("test_lib.py"))
        self.assertTrue(self.counted("test_other.py"))

    def test_what_is_not_as_a_worker_runs_it_tells_nothing(self):
        self.refused("test_lib.py:test_f")
        self.refused("test_lib.py", PYTHONOPTIMIZE="1")

    def test_without_a_daemon_it_says_nothing(self):
        self.house.ctl("stop", code=0)
        done = self.run_it()
        self.assertEqual(done.returncode, 0)
        self.assertTrue(done.stdout.startswith("...\n"), done.stdout)


class PytestByHand(ByHand):
    python = None  # set by load_tests

    @property
    def SETTINGS(self):  # noqa: N802
        return 'framework = "pytest"\npython = "%s"\n' % self.python

    @property
    def COMMAND(self):  # noqa: N802
        return self.python, "-m", "pytest", "-p", "sniffer"

    def test_a_run_by_hand_is_a_verdict(self):
        self.house.write("lib.py", BROKEN)
        runs = self.house.runs()
        done = self.by_hand("test_lib.py")
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("sniffer", done.stdout.replace(self.house.root, ""))
        self.assertTrue(self.counted("test_lib.py"), done.stdout)
        self.assertEqual(self.house.runs()["test_lib.py"], runs["test_lib.py"] + 1)
        results = self.house.results("test_lib.py")
        self.assertEqual({test: one["outcome"] for (_, test), one in results.items()},
                         {"test_f": "failure", "test_g": "success"})
        self.assertIn("assert 2 == 1", results["test_lib.py", "test_f"]["report"])
        with self.subTest("and rests on what it used"):
            self.assertEqual(self.after(lambda: self.house.write("lib.py", "def f():\n    return len('x')\n")),
                             {"test_lib.py"})
            self.assertEqual(self.after(lambda: self.house.write("other.py", "x = 2\n")),
                             {"test_other.py"})

    def test_all_files_at_once_rest_on_what_any_of_them_used(self):
        self.house.write("test_third.py", "import sys\ndef test_y(): assert sys.modules['lib'].f() == 2\n")
        self.house.write("lib.py", BROKEN)
        self.by_hand()
        for file in ("test_lib.py", "test_other.py", "test_third.py"):
            self.assertTrue(self.counted(file), file)
        # It was there because of test_lib.py.
        self.assertEqual(self.house.outcomes("test_third.py"), {("test_third.py", "test_y"): "success"})
        with self.subTest("and an edit of what a neighbour imported runs it again"):
            for file in ("test_lib.py", "test_other.py", "test_third.py"):
                self.assertIn(("lib.py", "code"), {(one["path"], one["kind"])
                                                   for one in self.house.records("deps", "--json", file)})
            # What test_other.py has proved before, on its own, holds again.
            self.assertEqual(self.after(lambda: self.house.write("lib.py", "def f():\n    return 4\n")),
                             {"test_lib.py", "test_third.py"})
            self.assertEqual(self.house.outcomes("test_third.py"), {("test_third.py", "test_y"): "failure"})

    def test_the_settings_options_are_a_worker_s(self):
        self.house.write("pytest.ini", "[pytest]\nmarkers = slow\naddopts = -p sniffer -m 'not slow'\n")
        self.house.write("lib.py", BROKEN)
        self.by_hand("test_lib.py", command=(self.python, "-m", "pytest"))
        self.assertTrue(self.counted("test_lib.py"))
        self.assertEqual(self.after(lambda: self.house.write("lib.py", LIB)), {"test_lib.py"})
        self.assertEqual(set(self.house.outcomes("test_lib.py").values()), {"success"})
        self.house.ctl("pause", code=0)
        with self.subTest("but for those that a worker leaves out"):
            self.house.write("pytest.ini", "[pytest]\naddopts = -p sniffer -x\n")
            self.refused("test_lib.py", command=(self.python, "-m", "pytest"))

    def test_a_conftest_that_comes_too_late_tells_nothing(self):
        self.house.write("deep/er/conftest.py", "def pytest_sessionstart():\n    import lib\n    lib.f = lambda: 1\n")
        self.house.write("deep/er/test_deep.py", "import lib\ndef test_a(): assert lib.f() == 1\n")
        self.after(lambda: None)
        self.house.ctl("pause", code=0)
        self.house.write("lib.py", BROKEN)
        done = self.by_hand()
        self.assertIn("2 failed", done.stdout)
        self.assertFalse(self.counted("deep/er/test_deep.py"))
        self.assertEqual(self.house.outcomes("deep/er/test_deep.py"),
                         {("deep/er/test_deep.py", "test_a"): "success"})

    def test_pytest_s_own_folders_are_no_evidence(self):
        self.house.write("test_lib.py", "import lib\ndef test_f(tmp_path, request):\n    (tmp_path / 'x').write_text('x')\n"
                                        "    request.config.cache.set('own/key', 1)\n    assert lib.f() == 1\n")
        self.by_hand("test_lib.py")
        self.assertTrue(self.counted("test_lib.py"))
        runs = self.house.runs()
        self.house.ctl("resume", code=0)
        self.run_it("test_other.py", command=(self.python, "-m", "pytest"))
        self.house.wait(code=0)
        self.assertEqual(self.house.runs(), runs)
        paths = [one["path"] for one in self.house.records("deps", "--json", "test_lib.py")]
        self.assertFalse([path for path in paths if "pytest-of-" in path or ".pytest_cache/v/cache" in path])

    def test_an_edit_during_the_run_is_not_lost(self):
        self.house.write("test_lib.py", """
            import lib, os, time
            def test_f():
                if os.path.exists("wait"):
                    os.rename("wait", "waits")
                    while os.path.exists("waits"):
                        time.sleep(0.01)
                assert lib.f() == 1
            """)
        self.house.write("wait", "")
        process = subprocess.Popen([*self.COMMAND, "test_lib.py"], cwd=self.house.root, stdout=subprocess.PIPE,
                                   env=dict(self.house.environment,
                                            PYTHONPATH=os.path.join(SOURCE, "python_plugin")))
        while not os.path.exists(self.house.path("waits")):
            self.assertIsNone(process.poll())
        self.house.write("lib.py", BROKEN)
        self.house.remove("waits")
        process.communicate()
        self.assertEqual(process.returncode, 0)
        self.house.ctl("resume", code=0)
        self.house.wait(code=1)
        self.assertEqual(self.house.outcomes("test_lib.py"), {("test_lib.py", "test_f"): "failure"})

    def test_without_a_daemon_nothing_is_loaded_for_it(self):
        self.house.ctl("stop", code=0)
        self.house.write("conftest.py", "import sys\ndef pytest_unconfigure():\n"
                                        "    print('loaded', [name for name in sys.modules if 'sniffer_plugin' in name])\n")
        done = self.run_it("-q")
        self.assertEqual(done.returncode, 0)
        self.assertIn("loaded ['sniffer_plugin', 'sniffer_plugin.place']", done.stdout)


def load_tests(loader, tests, pattern):
    suite = unittest.TestSuite([loader.loadTestsFromTestCase(NoseByHand)])
    for python in dict.fromkeys(filter(None, [interpreter_with("pytest"), *other_pythons()])):
        if subprocess.call([python, "-c", "import pytest"], stderr=subprocess.DEVNULL) == 0:
            suite.addTests(loader.loadTestsFromTestCase(
                type("PytestByHand[%s]" % python, (PytestByHand,), {"python": python})))
    return suite


if __name__ == "__main__":
    main()
