"""nose in the host: what becomes of each kind of test, and which files are test files."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from host_process import PLUGIN, Host, HostCase, Project, python_with_nose  # noqa: E402

PYTHON = python_with_nose()
EXAMPLE = os.path.join(os.path.dirname(PLUGIN), "examples", "nose_project")


class NoseCase(HostCase):
    framework, python = "nose", PYTHON

    def setUp(self):
        if PYTHON is None:
            self.skipTest("no interpreter with nose here")
        super().setUp()


class OutcomeTest(NoseCase):
    def test_success_failure_and_error(self):
        run = self.run_text("""
            import unittest
            def test_good(): pass
            def test_bad(): assert 1 == 2
            def test_error(): raise KeyError('k')
            class TestPlain:
                def test_m(self): pass
            class CaseTest(unittest.TestCase):
                def test_u(self): self.assertEqual(1, 2)
                def tearDown(self): raise RuntimeError('later')
            """)
        self.assertEqual(run.outcomes, {
            "test_good": "success", "test_bad": "failure", "test_error": "error",
            "TestPlain.test_m": "success", "CaseTest.test_u": "error"})
        self.assertEqual(run.results["test_error"]["exception"], "KeyError")
        self.assertEqual(run.results["test_bad"]["exception"], "AssertionError")
        self.assertIsNone(run.results["test_good"]["report_text"])
        self.assertIsNone(run.results["test_good"]["exception"])
        both = run.results["CaseTest.test_u"]
        self.assertEqual(both["exception"], "RuntimeError")
        self.assertIn("1 != 2", both["report_text"])
        self.assertIn("later", both["report_text"])

    def test_skips_have_their_reason(self):
        run = self.run_text("""
            import unittest
            from nose.exc import SkipTest, DeprecatedTest
            def test_a(): raise SkipTest('not now')
            def test_b(): raise DeprecatedTest('old')
            class T(unittest.TestCase):
                @unittest.skip('never')
                def test_c(self): pass
                @unittest.expectedFailure
                def test_d(self): assert 0
                @unittest.expectedFailure
                def test_e(self): pass
            """)
        self.assertEqual(run.outcomes, {
            "test_a": "skipped", "test_b": "skipped", "T.test_c": "skipped",
            "T.test_d": "skipped", "T.test_e": "failure"})
        self.assertEqual(run.results["test_a"]["report_text"], "not now")
        self.assertEqual(run.results["test_a"]["exception"], "SkipTest")
        self.assertEqual(run.results["T.test_c"]["report_text"], "never")

    def test_an_error_class_of_a_plugin_that_is_no_failure_is_a_skip(self):
        self.project.write("nose_todo-1.dist-info/METADATA", "Name: nose-todo\nVersion: 1\n")
        self.project.write("nose_todo-1.dist-info/entry_points.txt",
                           "[nose.plugins.0.10]\ntodo = nose_todo:TodoPlugin\n")
        self.project.write("nose_todo.py", """
            from nose.plugins.errorclass import ErrorClass, ErrorClassPlugin
            class Todo(Exception): pass
            class Broken(Exception): pass
            class TodoPlugin(ErrorClassPlugin):
                enabled = True
                name = 'todo'
                todo = ErrorClass(Todo, label='TODO', isfailure=False)
                broken = ErrorClass(Broken, label='BROKEN', isfailure=True)
                def configure(self, options, conf): pass
            """)
        self.project.write("test_it.py", "import nose_todo\n"
                           "def test_a(): raise nose_todo.Todo('x')\n"
                           "def test_b(): raise nose_todo.Broken('y')\n")
        host = self.new_host()  # which plugins there are is seen when it starts
        self.addCleanup(host.close)
        run = host.run("test_it.py")
        self.assertEqual(run.outcomes, {"test_a": "skipped", "test_b": "error"})

    def test_generators_have_their_arguments_in_their_names(self):
        run = self.run_text("""
            def check(a, b): assert a < b
            def test_gen():
                yield check, 1, 2
                yield check, 3, 2
            def test_objects():
                yield check, 1, 2
                yield check, 1, 2
            def test_broken():
                yield check, 1, 2
                raise ValueError('in the generator')
            class TestX:
                def test_m(self):
                    yield self.check, 'p.q'
                def check(self, a): pass
            """)
        self.assertEqual(run.outcomes, {
            "test_gen(1, 2)": "success", "test_gen(3, 2)": "failure",
            "test_objects(1, 2)": "success", "test_objects(1, 2) #2": "success",
            "test_broken(1, 2)": "success", "test_broken": "error",
            "TestX.test_m('p.q',)": "success"})

    def test_addresses_do_not_get_into_names(self):
        run = self.run_text("def check(a): pass\ndef test_g(): yield check, object()\n")
        self.assertEqual(list(run.outcomes), ["test_g(<object object at 0x...>,)"])

    def test_a_file_that_cannot_be_loaded_is_one_error(self):
        for text, kind in (("import nothing_here\n", "ModuleNotFoundError"),
                           ("def f(:\n", "SyntaxError"), ("assert 0\n", "AssertionError"),
                           ("raise SystemExit(0)\n", "SystemExit"),
                           ("raise KeyboardInterrupt\n", "KeyboardInterrupt")):
            with self.subTest(text):
                run = self.run_text(text + "def test_a(): pass\n")
                self.assertEqual(run.outcomes, {"(import)": "error"})
                self.assertEqual(run.results["(import)"]["exception"], kind)
                self.assertIn("test_it.py", run.results["(import)"]["report_text"])
                self.assertTrue(run.done)

    def test_a_broken_package_on_the_way_is_an_import_error(self):
        self.project.write("pkg/__init__.py", "import nothing_here\n")
        run = self.run_text("def test_a(): pass\n", name="pkg/test_it.py")
        self.assertEqual(run.outcomes, {"(import)": "error"})

    def test_fixtures_that_fail_have_a_record_of_their_own(self):
        self.project.write("tests/__init__.py", "def setup_package(): raise ValueError\n")
        run = self.run_text("def test_a(): pass\n", name="tests/test_it.py")
        self.assertEqual(run.outcomes, {"(setup package tests)": "error"})
        run = self.run_text("def setup_module(): raise ValueError\ndef test_a(): pass\n")
        self.assertEqual(run.outcomes, {"(setup)": "error"})
        run = self.run_text("""
            def teardown_module(): raise ValueError
            class TestX:
                @classmethod
                def setup_class(cls): raise ValueError
                def test_a(self): pass
            class TestY:
                @classmethod
                def teardown_class(cls): raise ValueError
                def test_a(self): pass
            """)
        self.assertEqual(run.outcomes, {"(setup TestX)": "error", "TestY.test_a": "success",
                                        "(teardown TestY)": "error", "(teardown)": "error"})

    def test_an_exit_in_a_test_is_its_error_and_the_rest_goes_on(self):
        run = self.run_text("import sys\ndef test_a(): sys.exit(0)\ndef test_b(): pass\n")
        self.assertEqual(run.outcomes, {"test_a": "error", "test_b": "success"})

    def test_an_interrupt_in_a_test_is_its_error(self):
        run = self.run_text("def test_a(): raise KeyboardInterrupt\ndef test_b(): pass\n")
        self.assertEqual(run.outcomes, {"test_a": "error"})
        self.assertEqual(run.results["test_a"]["exception"], "KeyboardInterrupt")

    def test_a_failing_subtest_fails_its_test(self):
        run = self.run_text("""
            import unittest
            class T(unittest.TestCase):
                def test_a(self):
                    for i in range(3):
                        with self.subTest(i=i):
                            self.assertNotEqual(i, 1)
            """)
        self.assertEqual(run.outcomes, {"T.test_a": "failure"})
        self.assertIn("1 == 1", run.results["T.test_a"]["report_text"])

    def test_captured_output_and_logging_are_in_the_report(self):
        run = self.run_text("""
            import logging
            def test_a():
                print('spoken \\udc80 \\0')
                logging.getLogger('mine').error('logged')
                assert 0
            """)
        text = run.results["test_a"]["report_text"]
        self.assertIn("begin captured stdout", text)
        self.assertIn("spoken \\udc80 \\x00", text)
        self.assertIn("mine: ERROR: logged", text)
        self.assertNotIn("spoken", run.results["test_a"].get("exception"))

    def test_wrappers_of_ours_do_not_show_in_tracebacks(self):
        run = self.run_text("import os\ndef test_a(): os.stat('nope')\n")
        self.assertNotIn("sniffer_plugin", run.results["test_a"]["report_text"])

    def test_doctests_where_switched_on(self):
        run = self.run_text('''
            """
            >>> 1 + 1
            3
            """
            def f():
                """
                >>> 1
                1
                """
            ''', "--with-doctest", "--doctest-tests")
        self.assertEqual(sorted(run.outcomes.values()), ["failure", "success"])
        self.assertEqual(run.outcomes.get("f"), "success")

    def test_frozen_clocks_do_not_stop_ours(self):
        run = self.run_text("""
            import time
            from unittest import mock
            def test_a():
                mock.patch('time.perf_counter', lambda: 1 / 0).start()
                mock.patch('os.write', None).start()
                mock.patch('os.getpid', None).start()
                mock.patch('json.dumps', None).start()
            def test_b(): pass
            """)
        self.assertEqual(run.outcomes, {"test_a": "success", "test_b": "success"})
        self.assertGreaterEqual(run.results["test_a"]["duration_ms"], 0)


class SettingsTest(NoseCase):
    def test_options_that_make_no_sense_for_one_file_are_switched_off(self):
        self.project.write("setup.cfg", "[nosetests]\nstop=1\nprocesses=2\npdb=1\nfailed=1\n"
                           "tests=other.py\nwith-sniffer=1\n")
        self.project.write("other.py", "def test_other(): pass\n")
        run = self.run_text("def test_a(): assert 0\ndef test_b(): assert 0\n")
        self.assertEqual(run.outcomes, {"test_a": "failure", "test_b": "failure"})
        self.assertEqual(self.ran.printed.count("sniffer:"), 1)
        for name in ("--stop", "--processes", "--pdb", "--failed"):
            self.assertIn(name, self.ran.printed)
        self.assertIn("content", run.kinds("setup.cfg"))

    def test_each_option_is_left_out_or_obeyed(self):
        text = "def test_a(): pass\ndef test_b(): assert 0\ndef test_c(): assert 0\ntest_c.slow = 1\n"
        every = {"test_a": "success", "test_b": "failure", "test_c": "failure"}
        off = "not used, for each test file runs in a process of its own: "
        for setting, outcomes, unused in (
                ("stop=1", every, off + "--stop"), ("failed=1", every, off + "--failed"),
                ("processes=2", every, off + "--processes"), ("with-xunit=1", every, off + "--with-xunit"),
                ("collect-only=1", every, off + "--collect-only"), ("with-id=1", every, off + "--with-id"),
                ("attr=slow", {"test_c": "failure"}, "tests are left out by -a"), ("verbosity=3", every, None)):
            with self.subTest(setting):
                self.project.write("setup.cfg", "[nosetests]\n%s\n" % setting)
                run = self.run_text(text)
                self.assertEqual(run.outcomes, outcomes)
                answer = self.ran.classify("test_it.py")
                self.assertEqual((answer["tests"], answer["unused"]), (["test_it.py"], unused))
        for name in (".noseids", "nosetests.xml"):
            self.assertFalse(os.path.exists(self.project.path(name)))

    def test_settings_that_nose_cannot_take_are_one_error(self):
        self.project.write("setup.cfg", "[nosetests]\nno-such-option=1\n")
        run = self.run_text("def test_a(): pass\n")
        self.assertEqual(run.outcomes, {"(settings)": "error"})
        self.assertIn("no-such-option", run.results["(settings)"]["report_text"])
        answer = self.ran.classify("test_it.py")
        self.assertEqual(answer["tests"], [])
        self.assertIn("no-such-option", answer["message"])

    def test_arguments_that_nose_cannot_take_are_one_error(self):
        run = self.run_text("def test_a(): pass\n", "--nonsense")
        self.assertEqual(run.outcomes, {"(settings)": "error"})

    def test_what_a_worker_is_rests_on_settings_at_home(self):
        rests = self.host().first["rests"]
        for name in (".noserc", "nose.cfg"):
            self.assertIn(self.project.outer + "/" + name, rests["absent"])


class ClassifyTest(NoseCase):
    FILES = ("test_top.py", "helper.py", "tests/test_a.py", "tests/helper.py",
             "other/test_b.py", "pkg/__init__.py", "pkg/test_c.py", "pkg/sub/test_d.py",
             "lib/test_e.py", ".hidden/test_f.py", "_private/test_g.py", "tests/_test_h.py",
             "tests/.test_i.py", "src/deep/test_j.py")

    def setUp(self):
        super().setUp()
        for name in self.FILES:
            self.project.write(name, "def test_a(): pass\n" if "test" in name else "")

    def classify(self, *args, paths=None):
        return self.host(*args).classify(*(paths or self.FILES))["tests"]

    def test_nose_decides_which_are_test_files(self):
        self.assertEqual(self.classify(), ["test_top.py", "tests/test_a.py", "pkg/test_c.py",
                                           "lib/test_e.py"])

    def test_it_is_what_nose_collects(self):
        listed = subprocess.run(
            [PYTHON, "-B", "-m", "nose", "-vvv", "--collect-only", "--with-xunit"],
            cwd=self.project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for name in self.classify():
            module = os.path.basename(name)[:-3]
            self.assertIn(module + ".test_a", listed.stdout.decode())
        self.assertIn("Ran 4 tests", listed.stdout.decode())

    def test_settings_count_and_are_read_afresh(self):
        host = self.host()
        self.project.write("setup.cfg", "[nosetests]\nexclude=top\n")
        self.assertNotIn("test_top.py", host.classify(*self.FILES)["tests"])
        self.project.write("setup.cfg", "[nosetests]\nwhere=tests\n")
        self.assertEqual(host.classify(*self.FILES)["tests"], ["tests/test_a.py"])
        self.project.write("setup.cfg", "[nosetests]\ntests=other,helper.py\n")
        self.assertEqual(host.classify(*self.FILES)["tests"], ["helper.py", "other/test_b.py"])
        self.project.write("setup.cfg", "[nosetests]\nmatch=^helper\n")
        self.assertEqual(host.classify(*self.FILES)["tests"], ["helper.py"])

    def test_a_package_is_a_test_file_only_where_it_has_tests(self):
        self.project.write("tests/__init__.py", "from os import path\n")
        paths = ["tests/__init__.py", "pkg/__init__.py"]
        self.assertEqual(self.classify(paths=paths), [])
        self.project.write("tests/__init__.py", "def test_a(): pass\n")
        self.project.write("pkg/__init__.py", "def test_a(): pass\n")
        host = self.host()
        self.assertEqual(host.classify(*paths)["tests"], ["tests/__init__.py"])
        self.assertEqual(host.run("tests/__init__.py").outcomes, {"test_a": "success"})

    def test_executables_and_absent_files_are_none(self):
        os.chmod(self.project.path("test_top.py"), 0o755)
        self.assertEqual(self.classify(paths=["test_top.py", "tests/test_gone.py"]), [])
        self.assertEqual(self.classify("--exe", paths=["test_top.py"]), ["test_top.py"])

    def test_the_example_is_green(self):
        example = Project()
        self.addCleanup(example.remove)
        example.root = EXAMPLE
        host = Host(example, PYTHON)
        self.addCleanup(host.close)
        host.ready()
        names = ["tests/" + name for name in sorted(os.listdir(EXAMPLE + "/tests"))
                 if name.endswith(".py")]
        tests = host.classify(*names)["tests"]
        self.assertEqual(tests, [name for name in names if "test_" in name])
        for name in tests:
            run = host.run(name)
            self.assertTrue(run.done)
            self.assertLessEqual(set(run.outcomes.values()), {"success", "skipped"})


if __name__ == "__main__":
    unittest.main()
