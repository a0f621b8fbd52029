"""pytest in the host: what becomes of each kind of test, and which settings count."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from each_pytest import PytestCase, load_tests_of  # noqa: E402

# What pytest itself makes of each test: the worst of its parts, as sniffer says it.
PLAIN = """
    import json
    told = {}
    def pytest_runtest_logreport(report):
        part = "failure" if report.when == "call" else "error"
        if report.failed:
            outcome = part
        elif report.skipped:
            outcome = "skipped"
        elif report.when == "call":
            outcome = "success"
        else:
            return
        told.setdefault(report.nodeid, []).append(outcome)
    def pytest_unconfigure():
        with open("plain.json", "w") as file:
            json.dump(told, file)
    """
ORDER = ("success", "skipped", "failure", "error")


class OutcomeTest(PytestCase):
    EVERYTHING = """
        import sys, unittest, pytest
        @pytest.fixture
        def early(): raise KeyError(1)
        @pytest.fixture
        def late():
            yield
            print('going')
            raise OSError('late')
        @pytest.fixture(scope='module')
        def shared():
            yield 1
            raise OSError('at the end')
        def test_good(tmp_path, shared): (tmp_path / 'x').write_text('1')
        def test_bad():
            print('spoken')
            assert {'a': 1} == {'a': 2}
        def test_error(): raise KeyError('k')
        def test_early(early): pass
        def test_late(late): print('hi')
        def test_both(late): assert 0
        @pytest.mark.skip(reason='never')
        def test_skip(): pass
        def test_skip_inside(): pytest.skip('not now')
        @pytest.mark.xfail(reason='known')
        def test_xfail(): assert 0
        @pytest.mark.xfail
        def test_xpass(): pass
        @pytest.mark.xfail(strict=True)
        def test_strict(): pass
        @pytest.mark.parametrize('a', ['x::y', 'b[c]', 3])
        def test_each(a): assert a != 3
        class TestX:
            class TestIn:
                def test_m(self): pass
        class CaseTest(unittest.TestCase):
            def test_u(self): self.assertEqual(1, 2)
            @unittest.expectedFailure
            def test_x(self): assert 0
            @unittest.expectedFailure
            def test_y(self): pass
            @unittest.skip('no')
            def test_s(self): pass
            def test_sub(self):
                for i in range(3):
                    with self.subTest(i=i): assert i != 1
        async def test_async(): pass
        def test_exit(): sys.exit(0)
        def test_last(shared): pass
        """

    def test_all_is_as_pytest_says(self):
        self.project.write("../plain_report.py", PLAIN)
        run = self.run_text(self.EVERYTHING)
        self.plain("-p", "plain_report", "test_it.py")
        with open(self.project.path("plain.json")) as file:
            told = json.load(file)
        expected = {}
        for nodeid, outcomes in told.items():
            head, bracket, rest = nodeid.partition("::")[2].partition("[")
            expected[head.replace("::", ".") + bracket + rest] = max(outcomes, key=ORDER.index)
        self.assertEqual(run.outcomes, expected)
        self.assertTrue(run.done)

    def test_outcomes_and_exceptions(self):
        run = self.run_text(self.EVERYTHING)
        for name, outcome, exception in (
                ("test_good", "success", None), ("test_bad", "failure", "AssertionError"),
                ("test_error", "failure", "KeyError"), ("test_early", "error", "KeyError"),
                ("test_late", "error", "OSError"), ("test_both", "error", "OSError"),
                ("test_skip", "skipped", "Skipped"), ("test_skip_inside", "skipped", "Skipped"),
                ("test_xfail", "skipped", "AssertionError"), ("test_xpass", "success", None),
                ("test_strict", "failure", None), ("test_each[x::y]", "success", None),
                ("test_each[b[c]]", "success", None), ("test_each[3]", "failure", "AssertionError"),
                ("TestX.TestIn.test_m", "success", None),
                ("CaseTest.test_u", "failure", "AssertionError"),
                ("CaseTest.test_sub", "failure", "AssertionError"),
                ("test_exit", "failure", "SystemExit"), ("test_last", "error", "OSError")):
            with self.subTest(name):
                self.assertEqual(run.outcomes[name], outcome)
                self.assertEqual(run.results[name]["exception"], exception)

    def test_reports_are_what_pytest_prints(self):
        run = self.run_text(self.EVERYTHING)
        reports = {name: one["report_text"] for name, one in run.results.items()}
        self.assertIsNone(reports["test_good"])
        self.assertIn("E       AssertionError: assert {'a': 1} == {'a': 2}", reports["test_bad"])
        self.assertIn("- Captured stdout call -", reports["test_bad"])
        self.assertIn("spoken", reports["test_bad"])
        self.assertIn("assert 0", reports["test_both"])
        self.assertIn("OSError: late", reports["test_both"])
        self.assertIn("going", reports["test_late"])
        self.assertEqual(reports["test_skip"], "never")
        self.assertEqual(reports["test_xfail"], "expected to fail: known")
        for text in filter(None, reports.values()):
            self.assertNotIn("\x1b", text)

    def test_what_a_test_prints_while_it_is_torn_down_is_shown_with_its_failure(self):
        run = self.run_text("""
            import pytest
            @pytest.fixture
            def f():
                yield
                print('going')
            def test_a(f): assert 0
            """)
        self.assertRegex(run.results["test_a"]["report_text"],
                         "- Captured stdout teardown -+\ngoing")
        self.assertNotIn("- Captured stdout call", run.results["test_a"]["report_text"])

    def test_captured_output_is_left_out_where_the_settings_say_so(self):
        run = self.run_text("def test_a():\n    print('spoken')\n    assert 0\n",
                            "--show-capture=no", "--color=yes")
        self.assertNotIn("Captured", run.results["test_a"]["report_text"])
        self.assertNotIn("\x1b", run.results["test_a"]["report_text"])

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
                self.assertNotIn("sniffer_plugin", run.results["(import)"]["report_text"])
                self.assertTrue(run.done)

    def test_a_file_that_skips_itself_is_one_skip(self):
        for text in ("import pytest\npytest.skip('not here', allow_module_level=True)\n",
                     "import pytest\npytest.importorskip('nothing_here')\n"):
            with self.subTest(text):
                run = self.run_text(text + "def test_a(): pass\n")
                self.assertEqual(run.outcomes, {"(import)": "skipped"})

    def test_a_broken_conftest_is_one_error(self):
        for text, kind in (("import nothing_here\n", "ModuleNotFoundError"),
                           ("def f(:\n", "SyntaxError")):
            with self.subTest(text):
                self.project.write("tests/conftest.py", text)
                run = self.run_text("def test_a(): pass\n", name="tests/test_it.py")
                self.assertEqual(run.outcomes, {"(conftest)": "error"})
                self.assertEqual(run.results["(conftest)"]["exception"], kind)
                self.assertIn("tests/conftest.py", run.results["(conftest)"]["report_text"])
                self.assertNotIn("pluggy", run.results["(conftest)"]["report_text"])

    def test_a_conftest_that_leaves_is_one_error(self):
        self.project.write("conftest.py", "import sys\nsys.exit(0)\n")
        run = self.run_text("def test_a(): pass\n")
        self.assertEqual(run.outcomes, {"(settings)": "error"})
        self.assertEqual(run.results["(settings)"]["exception"], "SystemExit")
        self.assertIn("conftest.py", run.results["(settings)"]["report_text"])

    def test_a_conftest_that_skips_is_one_error(self):
        self.project.write("conftest.py", "import pytest\n"
                                          "pytest.skip('all', allow_module_level=True)\n")
        run = self.run_text("def test_a(): pass\n")
        self.assertEqual(run.outcomes, {"(settings)": "error"})
        self.assertEqual(run.results["(settings)"]["exception"], "Skipped")
        self.assertIn("conftest.py", run.results["(settings)"]["report_text"])

    def test_who_ends_the_run_is_its_error(self):
        for text, kind in (("raise KeyboardInterrupt", "KeyboardInterrupt"),
                           ("import pytest; pytest.exit('enough', 0)", "Exit")):
            with self.subTest(kind):
                run = self.run_text("def test_a(): pass\ndef test_b(): %s\ndef test_c(): pass\n"
                                    % text)
                self.assertEqual(run.outcomes, {"test_a": "success", "test_b": "error"})
                self.assertEqual(run.results["test_b"]["exception"], kind)

    def test_a_run_that_ends_badly_is_red_though_its_tests_are_well(self):
        for text, kind in (
                ("def pytest_sessionfinish(session): session.exitstatus = 7\n", None),
                ("def pytest_runtestloop(): raise ValueError('inside')\n", "ValueError")):
            with self.subTest(text):
                self.project.write("conftest.py", text)
                run = self.run_text("def test_a(): pass\n")
                self.assertEqual(run.outcomes.pop("(run)"), "error")
                self.assertEqual(run.results["(run)"]["exception"], kind)
                self.assertLessEqual(set(run.outcomes.values()), {"success"})

    def test_doctests_and_files_that_are_no_python(self):
        self.project.write("conftest.py", """
            import pytest
            class Item(pytest.Item):
                def runtest(self): assert 'good' in open(str(self.fspath)).read()
                def repr_failure(self, excinfo, style=None): return 'it is no good'
            class File(pytest.File):
                def collect(self): yield Item.from_parent(self, name='all')
            if hasattr(pytest, 'version_tuple'):
                def pytest_collect_file(file_path, parent):
                    if file_path.suffix == '.yaml': return File.from_parent(parent, path=file_path)
            else:
                def pytest_collect_file(path, parent):
                    if path.ext == '.yaml': return File.from_parent(parent, fspath=path)
            """)
        self.project.write("a.yaml", "good")
        self.project.write("b.yaml", "bad")
        self.project.write("test_c.txt", ">>> 1 + 1\n3\n")
        self.project.write("d.txt", ">>> 1 + 1\n3\n")
        host = self.host()
        self.assertIn(".yaml", host.first["suffixes"])
        names = ("a.yaml", "b.yaml", "test_c.txt", "d.txt")
        answer = host.classify(*names)
        self.assertEqual((answer["tests"], answer["any_name"]),
                         (["a.yaml", "b.yaml", "test_c.txt"], True))
        self.assertEqual(host.run("a.yaml").outcomes, {"all": "success"})
        run = host.run("b.yaml")
        self.assertEqual(run.results["all"]["report_text"], "it is no good")
        self.assertEqual(host.run("test_c.txt").outcomes, {"test_c.txt": "failure"})

    def test_a_plugin_that_hands_on_what_only_pytest_mends(self):
        """As pytest-subtests does for parts that are skipped."""
        self.project.write("conftest.py", """
            import copy
            from _pytest.runner import CallInfo
            from _pytest.unittest import TestCaseFunction
            plain = TestCaseFunction.addSkip
            def add_skip(self, case, reason):
                plain(self, case, reason)
                outer = copy.copy(self._excinfo[-1])
                outer._excinfo = self._excinfo[-1]
                call = CallInfo.from_call(lambda: None, "call")
                call.excinfo = outer
                report = self.ihook.pytest_runtest_makereport(item=self, call=call)
                assert report.skipped
            TestCaseFunction.addSkip = add_skip
            """)
        self.project.write("test_it.py", """
            import unittest
            class T(unittest.TestCase):
                def test_skips(self): self.skipTest("a part")
            """)
        self.assertEqual(self.host().run("test_it.py").outcomes, {"T.test_skips": "success"})


class SettingsTest(PytestCase):
    def test_options_that_make_no_sense_for_one_file_are_switched_off_and_said(self):
        self.project.write("pytest.ini",
                           "[pytest]\naddopts = -x --lf --junitxml=out.xml other.py\n")
        self.project.write("other.py", "def test_other(): pass\n")
        run = self.run_text("def test_a(): assert 0\ndef test_b(): assert 0\n", "--collect-only")
        self.assertEqual(run.outcomes, {"test_a": "failure", "test_b": "failure"})
        self.assertEqual(self.ran.printed.count("sniffer:"), 1)
        for name in ("-x", "--last-failed", "--junitxml", "--collect-only"):
            self.assertIn(name, self.ran.printed)
        for name in ("out.xml", ".pytest_cache"):
            self.assertFalse(os.path.exists(self.project.path(name)))

    def test_each_option_is_left_out_or_obeyed(self):
        """Whether it stands in the project's settings or in our arguments."""
        text = ("import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n@pytest.mark.slow\n"
                "def test_c(): assert 0\n")
        self.project.write("other.ini", "[pytest]\nmarkers = slow\npython_functions = test_a\n")
        every = {"test_a", "test_b", "test_c"}
        off, out = "not used, for each test file runs in a process of its own: ", "tests are left out by "
        for words, tests, unused in (
                ("-x", every, off + "-x, --maxfail"), ("--lf", every, off + "--lf, --last-failed"),
                ("--ff", every, off + "--ff, --failed-first"),
                ("--sw", every, off + "--sw, --stepwise"),
                ("--collect-only", every, off + "--collect-only"), ("--pdb", every, off + "--pdb"),
                ("-k test_a", {"test_a"}, out + "-k"), ("-k test_b -m slow", set(), out + "-k, -m"),
                ("-m slow", {"test_c"}, out + "-m"),
                ("--deselect test_it.py::test_c", {"test_a", "test_b"}, out + "--deselect"),
                ("-x -k test_a", {"test_a"}, off + "-x, --maxfail; " + out + "-k"),
                ("-p no:doctest", every, None), ("-c other.ini", {"test_a"}, None), ("--rootdir=.", every, None),
                ("-vv", every, None), ("-p sniffer", every, None)):
            for place in ("settings", "arguments"):
                if (words == "-c other.ini" if place == "settings" else words not in (
                        "-x", "--lf", "-k test_a", "-m slow", "-c other.ini", "-p sniffer")):
                    continue  # settings are read by the time that they name others
                with self.subTest(words, place=place):
                    self.project.write("pytest.ini", "[pytest]\nmarkers = slow\n"
                                       + ("addopts = %s\n" % words if place == "settings" else ""))
                    self.project.write("test_it.py", text)
                    host = self.host(*(words.split() if place == "arguments" else ()))
                    answer = host.classify("test_it.py")
                    self.assertEqual((answer["tests"], answer["unused"]), (["test_it.py"], unused))
                    run = host.run("test_it.py")
                    self.assertEqual(set(run.outcomes), tests)
                    self.assertEqual("not used" in host.printed, bool(unused) and unused.startswith(off))
                    if words.startswith("-c"):
                        self.assertIn("content", run.kinds("other.ini"))

    def test_what_plugins_would_do_to_many_files_is_switched_off(self):
        self.project.write("conftest.py", """
            def pytest_addoption(parser):
                parser.addoption('--many', dest='numprocesses', type=int)
                parser.addoption('--dist', default='no')
            def pytest_cmdline_main(config):
                assert not config.option.numprocesses and config.option.dist == 'no'
            """)
        run = self.run_text("def test_a(): pass\n", "--many=4", "--dist=load")
        self.assertEqual(run.outcomes, {"test_a": "success"})
        self.assertIn("--numprocesses; --dist", self.ran.printed)

    def test_a_choice_of_tests_is_pytest_s_own(self):
        text = ("import pytest\ndef test_a(): pass\n@pytest.mark.slow\ndef test_b(): pass\n")
        self.project.write("pytest.ini", "[pytest]\nmarkers = slow\n")
        run = self.run_text(text, "-m", "not slow")
        self.assertEqual(run.outcomes, {"test_a": "success"})
        self.assertNotIn("sniffer:", self.ran.printed)
        run = self.run_text(text, "-k", "test_b")
        self.assertEqual(run.outcomes, {"test_b": "success"})
        self.assertIn("sniffer: -k leaves out 1", self.ran.printed)
        run = self.run_text(text, "-m", "nothing")
        self.assertEqual((run.outcomes, run.done, run.exited["status"]), ({}, True, 0))

    def test_settings_that_pytest_cannot_take_are_one_error(self):
        self.project.write("pytest.ini", "[pytest]\naddopts = --no-such-option\n")
        run = self.run_text("def test_a(): pass\n")
        self.assertEqual(run.outcomes, {"(settings)": "error"})
        self.assertIn("--no-such-option", run.results["(settings)"]["report_text"])
        answer = self.ran.classify("test_it.py")
        self.assertEqual(answer["tests"], [])
        self.assertIn("--no-such-option", answer["message"])

    def test_modules_are_found_as_pytest_finds_them(self):
        self.project.write("deep/more/helper.py", "")
        self.project.write("lib/other.py", "")
        for ini, ok in (("", True), ("addopts = --import-mode=append", True),
                        ("addopts = --import-mode=importlib", False)):
            with self.subTest(ini):
                self.project.write("pytest.ini", "[pytest]\n%s\n" % ini)
                run = self.run_text("def test_a():\n    import helper\n",
                                    name="deep/more/test_it.py")
                self.assertEqual(run.outcomes, {"test_a": "success" if ok else "failure"})
        if self.version >= (7,):
            self.project.write("pytest.ini", "[pytest]\npythonpath = lib\n")
            run = self.run_text("import other\ndef test_a(): pass\n")
            self.assertEqual(run.outcomes, {"test_a": "success"})

    def test_a_run_is_as_python_m_pytest(self):
        run = self.run_text("""
            import os, sys
            def test_a():
                assert sys.path[0] == os.getcwd() or sys.path[1] == os.getcwd()
                assert not [p for p in sys.path if 'python_plugin' in p]
                main = sys.modules['__main__']
                assert main.__spec__.name == 'pytest.__main__'
                assert sys.argv == [main.__file__, '-v', os.path.abspath('test_it.py')]
            """, "-v")
        self.assertEqual(run.outcomes, {"test_a": "success"})

    def test_the_cache_works_and_is_empty_in_each_run(self):
        text = """
            def test_a(request):
                assert request.config.cache.get('a/b', None) is None
                request.config.cache.set('a/b', 1)
                assert request.config.cache.get('a/b', None) == 1
            """
        run = self.run_text(text)
        self.assertEqual(run.outcomes, {"test_a": "success"})
        self.assertEqual(self.ran.run("test_it.py").outcomes, {"test_a": "success"})
        self.assertEqual(os.listdir(self.project.path(".sniffer/pytest_cache")), [])

    def test_plugins_by_name_by_conftest_and_by_entry_point(self):
        self.project.write("by_name.py", "import pytest\n@pytest.fixture\ndef one(): return 1\n")
        self.project.write("by_conf.py", "import pytest\n@pytest.fixture\ndef two(): return 2\n")
        self.project.write("by_entry.py", "import pytest\n@pytest.fixture\ndef three(): return 3\n")
        self.project.write("conftest.py", "pytest_plugins = ['by_conf']\n")
        self.project.write("Mine.egg-info/PKG-INFO", "Name: mine\nVersion: 1\n")
        self.project.write("Mine.egg-info/entry_points.txt", "[pytest11]\nmine = by_entry\n")
        run = self.run_text("def test_a(one, two, three): assert (one, two, three) == (1, 2, 3)\n",
                            "-p", "by_name")
        self.assertEqual(run.outcomes, {"test_a": "success"})
        for name in ("by_name.py", "by_conf.py", "by_entry.py"):
            self.assertIn("code", run.kinds(name))
        self.assertIn("content", run.kinds("Mine.egg-info/entry_points.txt"))

    def test_variables_that_pytest_reads_are_evidence(self):
        host = self.host(env={"PYTEST_ADDOPTS": "-q"})
        pairs = dict(host.first["environment"])
        self.assertEqual(pairs["env:PYTEST_ADDOPTS"], "=-q")
        self.assertEqual(pairs["env:PYTEST_PLUGINS"], "unset")
        self.assertEqual(host.first["framework"], "pytest")


load_tests = load_tests_of(OutcomeTest, SettingsTest)

if __name__ == "__main__":
    unittest.main()
