"""unittest in the host: what becomes of each kind of test, and which files are test files."""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from each_python import load_tests_of  # noqa: E402
from host_process import HostCase  # noqa: E402


class UnittestCase(HostCase):
    framework = "unittest"

    def plain(self, *args):
        return subprocess.run([self.python, "-B", "-m", "unittest", "discover", *args],
                              cwd=self.project.root, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT).stdout.decode()


class OutcomeTest(UnittestCase):
    EVERYTHING = """
        import sys, unittest
        class T(unittest.TestCase):
            def test_good(self): pass
            def test_bad(self): self.assertEqual(1, 2)
            def test_error(self): raise KeyError('k')
            @unittest.skip('never')
            def test_skip(self): pass
            def test_skip_inside(self): self.skipTest('not now')
            @unittest.expectedFailure
            def test_expected(self): assert 0
            @unittest.expectedFailure
            def test_unexpected(self): pass
            def test_exit(self): sys.exit(0)
            def test_parts(self):
                for i in range(4):
                    with self.subTest(i=i):
                        if i == 2: raise OSError
                        self.assertNotEqual(i, 1)
            def test_part_skipped(self):
                with self.subTest(): self.skipTest('a part')
        class Both(unittest.TestCase):
            def test_a(self): assert 0
            def tearDown(self): raise ValueError('later')
        class A(unittest.IsolatedAsyncioTestCase):
            async def test_a(self): pass
            async def test_b(self): assert 0
        class Early(unittest.TestCase):
            @classmethod
            def setUpClass(cls): raise ValueError
            def test_a(self): pass
        class Late(unittest.TestCase):
            @classmethod
            def tearDownClass(cls): raise ValueError
            def test_a(self): pass
        class Not(unittest.TestCase):
            @classmethod
            def setUpClass(cls): raise unittest.SkipTest('not here')
            def test_a(self): pass
        """
    OUTCOMES = {
        "T.test_good": ("success", None), "T.test_bad": ("failure", "AssertionError"),
        "T.test_error": ("error", "KeyError"), "T.test_skip": ("skipped", "SkipTest"),
        "T.test_skip_inside": ("skipped", "SkipTest"),
        "T.test_expected": ("skipped", "AssertionError"), "T.test_unexpected": ("failure", None),
        "T.test_exit": ("error", "SystemExit"), "T.test_parts": ("error", "OSError"),
        "T.test_part_skipped": ("skipped", "SkipTest"), "Both.test_a": ("error", "ValueError"),
        "A.test_a": ("success", None), "A.test_b": ("failure", "AssertionError"),
        "setUpClass (Early)": ("error", "ValueError"), "Late.test_a": ("success", None),
        "tearDownClass (Late)": ("error", "ValueError"),
        "setUpClass (Not)": ("skipped", "SkipTest")}

    def test_outcomes_and_exceptions(self):
        run = self.run_text(self.EVERYTHING)
        self.assertEqual({name: (one["outcome"], one["exception"])
                          for name, one in run.results.items()}, self.OUTCOMES)
        self.assertTrue(run.done)

    def test_all_tests_of_unittest_are_told(self):
        self.run_text(self.EVERYTHING)
        summary = re.compile(r"Ran \d+ tests in|FAILED.*$")
        self.assertEqual(summary.findall(self.ran.printed), summary.findall(self.plain()))

    def test_reports_have_what_happened(self):
        run = self.run_text(self.EVERYTHING)
        reports = {name: one["report_text"] for name, one in run.results.items()}
        self.assertIsNone(reports["T.test_good"])
        self.assertIn("1 != 2", reports["T.test_bad"])
        self.assertEqual(reports["T.test_skip"], "never")
        self.assertIn("(i=1)", reports["T.test_parts"])
        self.assertIn("(i=2)\nTraceback", reports["T.test_parts"])
        self.assertIn("assert 0", reports["Both.test_a"])
        self.assertIn("later", reports["Both.test_a"])

    def test_captured_output_is_in_the_report_where_asked_for(self):
        run = self.run_text("import unittest\nclass T(unittest.TestCase):\n"
                            "    def test_a(self): print('spoken'); assert 0\n", "-b")
        self.assertIn("Stdout:\nspoken", run.results["T.test_a"]["report_text"])

    def test_fixtures_of_modules_have_a_record_of_their_own(self):
        for name in ("setUpModule", "tearDownModule"):
            run = self.run_text("import unittest\ndef %s(): raise ValueError\n"
                                "class T(unittest.TestCase):\n    def test_a(self): pass\n" % name)
            self.assertEqual(run.outcomes.pop(name), "error")
            self.assertEqual(run.outcomes, {} if name == "setUpModule" else {"T.test_a": "success"})

    def test_a_file_that_cannot_be_loaded_is_one_error(self):
        for text, kind in (("import nothing_here\n", "ModuleNotFoundError"),
                           ("def f(:\n", "SyntaxError"), ("assert 0\n", "AssertionError"),
                           ("raise SystemExit(0)\n", "SystemExit"),
                           ("raise KeyboardInterrupt\n", "KeyboardInterrupt"),
                           ("def load_tests(*_): raise OSError\n", "OSError")):
            with self.subTest(text):
                run = self.run_text(text)
                self.assertEqual(run.outcomes, {"(import)": "error"})
                self.assertEqual(run.results["(import)"]["exception"], kind)
                self.assertIn("test_it.py", run.results["(import)"]["report_text"])
                self.assertNotIn("unittest_runner", run.results["(import)"]["report_text"])
                self.assertTrue(run.done)

    def test_a_file_that_skips_itself_is_one_skip(self):
        run = self.run_text("import unittest\nraise unittest.SkipTest('not here')\n")
        self.assertEqual(run.outcomes, {"(import)": "skipped"})
        self.assertEqual(run.results["(import)"]["report_text"], "not here")

    def test_an_interrupt_is_the_error_of_its_test(self):
        run = self.run_text("import unittest\nclass T(unittest.TestCase):\n"
                            "    def test_a(self): raise KeyboardInterrupt\n")
        self.assertEqual(run.outcomes, {"T.test_a": "error"})
        self.assertEqual(run.results["T.test_a"]["exception"], "KeyboardInterrupt")

    def test_names_have_the_class_and_not_the_module(self):
        self.project.write("base.py", "import unittest\nclass Base(unittest.TestCase):\n"
                                      "    def test_b(self): pass\n")
        run = self.run_text("from base import Base\nclass T(Base): pass\n")
        self.assertEqual(sorted(run.outcomes), ["Base.test_b", "T.test_b"])

    def test_a_load_tests_of_the_module_has_its_say(self):
        run = self.run_text("""
            import unittest
            class T(unittest.TestCase):
                def test_a(self): pass
            def f(): pass
            def load_tests(loader, standard, pattern):
                assert pattern == 'test*.py'
                standard.addTest(unittest.FunctionTestCase(f))
                return standard
            """)
        self.assertEqual(run.outcomes, {"T.test_a": "success", "f": "success"})


class SettingsTest(UnittestCase):
    TEXT = ("import unittest\nclass T(unittest.TestCase):\n    def test_a(self): assert 0\n"
            "    def test_b(self): assert 0\n")

    def test_arguments_are_those_of_discover(self):
        self.assertEqual(len(self.run_text(self.TEXT, "discover", "-f").outcomes), 2)
        self.assertIn("sniffer: not used for a single file: --failfast", self.ran.printed)
        self.assertEqual(self.ran.classify("test_it.py")["unused"],
                         "not used, for each test file runs in a process of its own: --failfast")
        self.assertEqual(list(self.run_text(self.TEXT, "-k", "test_b").outcomes), ["T.test_b"])
        self.assertEqual(self.ran.classify("test_it.py")["unused"], "tests are left out by -k")

    def test_arguments_that_unittest_cannot_take_are_one_error(self):
        for args in (["--nonsense"], ["test_it.T"], ["-s", "nowhere"]):
            with self.subTest(args):
                run = self.run_text(self.TEXT, *args)
                self.assertEqual(run.outcomes, {"(settings)": "error"})
                answer = self.ran.classify("test_it.py")
                self.assertEqual(answer["tests"], [])
                self.assertIn("does not take its arguments", answer["message"])

    def test_a_run_is_as_python_m_unittest(self):
        run = self.run_text("""
            import os, sys, unittest
            class T(unittest.TestCase):
                def test_a(self):
                    self.assertEqual(sys.path[0], os.getcwd())
                    self.assertFalse([p for p in sys.path if 'python_plugin' in p])
                    self.assertEqual(sys.modules['__main__'].__spec__.name, 'unittest.__main__')
            """)
        self.assertEqual(run.outcomes, {"T.test_a": "success"})


class DiscoveryTest(UnittestCase):
    TEXT = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): pass\n"
    FILES = ("test_top.py", "check_top.py", "test-dash.py", "pkg/__init__.py", "pkg/test_a.py",
             "pkg/sub/__init__.py", "pkg/sub/test_b.py", "pkg/none/test_c.py", "tests/test_d.py",
             "own/__init__.py", "all/__init__.py", "all/test_e.py", "all/deep/__init__.py",
             "all/deep/test_f.py")

    def setUp(self):
        super().setUp()
        for name in self.FILES:
            self.project.write(name, "" if "__init__" in name else self.TEXT)
        self.project.write("own/__init__.py", self.TEXT)
        self.project.write("all/__init__.py", """
            import os
            def load_tests(loader, standard, pattern):
                here = os.path.dirname(__file__)
                standard.addTests(loader.discover(start_dir=here, pattern=pattern))
                return standard
            """)

    def both(self, *args):
        """What discovery finds: the files, and the number of tests."""
        host = self.host(*args)
        answer = host.classify(*self.FILES)
        self.assertIsNone(answer["message"])
        outcomes = [outcome for name in answer["tests"] for outcome in host.run(name).outcomes]
        self.assertIn("Ran %d test" % len(outcomes), self.plain(*args))
        return answer["tests"]

    def test_it_is_what_discovery_finds(self):
        self.assertEqual(self.both(), [
            "test_top.py", "pkg/test_a.py", "pkg/sub/test_b.py", "own/__init__.py",
            "all/test_e.py", "all/deep/test_f.py"])

    def test_folder_and_pattern(self):
        self.assertEqual(self.both("-s", "tests"), ["tests/test_d.py"])
        self.assertEqual(self.both("-p", "check*.py"), ["check_top.py", "own/__init__.py"])
        self.assertEqual(self.both("-s", "pkg/sub", "-t", "."), ["pkg/sub/test_b.py"])
        self.assertEqual(self.both("-s", "pkg.sub"), ["pkg/sub/test_b.py"])

    def test_what_lies_beside_is_not_looked_at(self):
        run = self.host().run("pkg/sub/test_b.py")
        self.assertFalse([path for kind, path in run.looks if kind == "listing"])
        self.assertEqual({path for kind, path in run.looks if kind == "code"},
                         {"pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/test_b.py"})

    def test_another_module_of_the_name_is_an_error(self):
        self.project.write("first/pkg/__init__.py", "")
        self.project.write("first/pkg/test_a.py", "")
        self.project.write("pkg/__init__.py", "import sys\nsys.path.insert(0, 'first')\n"
                                              "__path__.insert(0, 'first/pkg')\n")
        run = self.host().run("pkg/test_a.py")
        self.assertEqual(run.outcomes, {"(import)": "error"})
        self.assertIn("first/pkg/test_a.py", run.results["(import)"]["report_text"])


load_tests = load_tests_of(__file__)


if __name__ == "__main__":
    unittest.main()
