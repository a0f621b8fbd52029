"""pytest in the host: which files are test files, and what a run of one rests on."""

import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from each_pytest import PytestCase, load_tests_of  # noqa: E402
from host_process import Host, Project  # noqa: E402


class ClassifyTest(PytestCase):
    FILES = ("test_top.py", "top_test.py", "helper.py", "conftest.py", "tests/test_a.py",
             "tests/helper.py", "other/test_b.py", "pkg/__init__.py", "pkg/test_c.py",
             "pkg/sub/test_d.py", "build/test_e.py", ".hidden/test_f.py", "spec/check_g.py",
             "tests/deep/er/test_h.py", "node_modules/x/test_i.py", "venv/lib/test_j.py")

    def setUp(self):
        super().setUp()
        for name in self.FILES:
            self.project.write(name, "def test_a(): pass\n" if "conf" not in name else "")
        self.project.write("venv/pyvenv.cfg", "")
        self.project.write("venv/bin/activate", "")

    def collected(self, *args):
        """The files in which plain pytest finds tests."""
        lines = self.plain("--collect-only", "-q", *args).splitlines()
        return sorted({line.partition("::")[0] for line in lines if "::" in line})

    def both(self, host, *args):
        answer = host.classify(*self.FILES)
        self.assertIsNone(answer["message"])
        self.assertEqual(sorted(answer["tests"]), self.collected(*args))
        return set(answer["tests"])

    def test_it_is_what_pytest_collects(self):
        host = self.host()
        self.assertEqual(self.both(host), {
            "test_top.py", "top_test.py", "tests/test_a.py", "other/test_b.py", "pkg/test_c.py",
            "pkg/sub/test_d.py", "tests/deep/er/test_h.py"})

    def test_settings_count_and_are_read_afresh(self):
        host = self.host()
        for ini in ("python_files = check_*.py", "testpaths = tests other",
                    "norecursedirs = deep other", "addopts = --ignore=tests",
                    "addopts = --ignore-glob=*_test.py", "addopts = pkg",
                    "addopts = tests/test_a.py::test_a"):
            with self.subTest(ini):
                self.project.write("pytest.ini", "[pytest]\n%s\n" % ini)
                self.both(host)

    def test_a_file_without_tests_may_be_a_test_file(self):
        self.project.write("pytest.ini", "[pytest]\npython_files = *.py\n")
        self.assertEqual(self.host().classify("helper.py", "pkg/__init__.py")["tests"],
                         ["helper.py", "pkg/__init__.py"])

    def test_conftest_files_have_their_say(self):
        host = self.host()
        self.project.write("conftest.py", "collect_ignore = ['other']\n")
        self.assertNotIn("other/test_b.py", self.both(host))
        self.project.write("tests/conftest.py", "collect_ignore_glob = ['deep/*']\n")
        self.assertNotIn("tests/deep/er/test_h.py", self.both(host))

    def test_arguments_count(self):
        self.both(self.host("tests"), "tests")

    def test_the_answer_rests_on_what_was_looked_at(self):
        self.project.write("tests/conftest.py",
                           "from left_out import names\ncollect_ignore = names\n")
        self.project.write("left_out.py", "names = ['test_a.py']\n")
        answer = self.host().classify(*self.FILES)
        self.assertNotIn("tests/test_a.py", answer["tests"])
        rests = answer["rests"]
        for path in ("tests/conftest.py", "left_out.py", "tests"):
            self.assertIn(path, rests["there"])
        for path in ("pytest.ini", "tox.ini", "pkg/conftest.py"):
            self.assertIn(path, rests["absent"])
        # What is in it, and whether it was saved since, is nobody's business.
        self.assertFalse([path for paths in rests.values() for path in paths
                          if path in self.FILES and "test_" in path])

    def test_what_a_worker_is_rests_on_its_interpreter_and_what_is_installed(self):
        import_of = "import pytest, sys; print(pytest.__file__); print(sys.executable)"
        pytest, python = subprocess.check_output([self.python, "-c", import_of],
                                                 text=True).split()
        first = self.host().first
        there = first["rests"]["there"]
        for path in (os.path.realpath(pytest), os.path.dirname(os.path.dirname(pytest)),
                     os.path.realpath(python), "", os.path.realpath("/etc/os-release")):
            self.assertIn(path, there)
        self.assertLess(first["began_ns"], time.time_ns())

    def test_what_is_absent_is_none(self):
        self.assertEqual(self.host().classify("tests/test_gone.py")["tests"], [])

    def test_nothing_is_imported_but_conftest_files(self):
        self.project.write("tests/test_a.py", "open('ran', 'w')\n")
        self.host().classify(*self.FILES)
        self.assertFalse(os.path.exists(self.project.path("ran")))

    def test_nothing_is_loaded_where_nobody_asked(self):
        self.project.write("other/conftest.py", "open('ran', 'w')\n")
        self.host().classify("tests/test_a.py", "pkg/sub/test_d.py")
        self.assertFalse(os.path.exists(self.project.path("ran")))
        self.host().classify("other/test_b.py")
        self.assertTrue(os.path.exists(self.project.path("ran")))

    def test_below_a_broken_conftest_the_tests_are_still_there(self):
        host = self.host()
        before = self.both(host)
        for text in ("import nothing_here\n", "pytest_plugins = ['nothing_here']\n",
                     "import sys\nsys.exit(3)\n",
                     "import pytest\npytest.skip('all', allow_module_level=True)\n"):
            for name in ("tests/conftest.py", "other/conftest.py", "conftest.py"):
                with self.subTest(text, name=name):
                    self.project.write(name, text)
                    self.assertEqual(set(host.classify(*self.FILES)["tests"]), before)
                    os.remove(self.project.path(name))

    def test_beside_a_broken_conftest_one_that_is_well_has_its_say(self):
        self.project.write("other/conftest.py", "collect_ignore = ['test_b.py']\n")
        self.project.write("pkg/conftest.py", "collect_ignore = ['sub']\n")
        host = self.host()
        before = self.both(host)
        self.assertFalse(before & {"other/test_b.py", "pkg/sub/test_d.py"})
        self.project.write("tests/conftest.py", "def (:\n")
        self.assertEqual(set(host.classify(*self.FILES)["tests"]), before)
        # It is loaded first.
        self.project.write("pytest.ini", "[pytest]\ntestpaths = tests other .\n")
        self.assertEqual(set(host.classify(*self.FILES)["tests"]) - {"pkg/sub/test_d.py"}, before)

    def test_a_package_that_does_not_compile_hides_nothing(self):
        self.project.write("pkg/conftest.py", "")
        host = self.host()
        before = self.both(host)
        self.project.write("pkg/__init__.py", "def (:\n")
        self.assertEqual(set(host.classify(*self.FILES)["tests"]), before)


class EvidenceTest(PytestCase):
    def test_rewritten_modules_are_loaded_by_content(self):
        """A .pyc of pytest's is beside the source, and both are of the same second and size."""
        self.project.write("test_helped.py", "X = 1\n")
        path = self.project.write("test_it.py", "import test_helped\ndef test_a():\n"
                                                "    assert test_helped.X == 1\n")
        helper = self.project.path("test_helped.py")
        for name in (path, helper):
            os.utime(name, (1000, 1000))
        subprocess.run([self.python, "-m", "pytest", "-p", "no:cacheprovider"],
                       cwd=self.project.root, stdout=subprocess.PIPE,
                       env=dict(os.environ, PYTHONDONTWRITEBYTECODE="", **self.environment()))
        self.assertTrue(os.listdir(self.project.path("__pycache__")))
        host = self.host()
        self.assertEqual(host.run("test_it.py").outcomes, {"test_a": "success"})
        self.project.write("test_helped.py", "X = 2\n")
        os.utime(helper, (1000, 1000))
        run = host.run("test_it.py")
        self.assertEqual(run.outcomes, {"test_a": "failure"})
        self.assertIn("assert 2 == 1", run.results["test_a"]["report_text"])
        self.assertFalse({name for _, name in run.looks if name.endswith(".pyc")})

    def test_what_was_rewritten_once_is_kept(self):
        host = self.host()
        self.project.write("test_it.py", "def test_a():\n    assert 1 == 2\n")
        host.run("test_it.py")
        kept = os.listdir(self.project.path(".sniffer/bytecode"))
        self.project.write("conftest.py", """
            from _pytest.assertion import rewrite
            def stop(*_): raise RuntimeError('rewritten again')
            rewrite.rewrite_asserts = stop
            """)
        run = host.run("test_it.py")
        self.assertIn("assert 1 == 2", run.results["test_a"]["report_text"])
        self.assertLessEqual(set(kept), set(os.listdir(self.project.path(".sniffer/bytecode"))))

    def test_warnings_of_the_compiler_are_shown_in_each_run(self):
        text = "def test_a():\n    assert '\\d'\n"
        self.assertEqual(self.run_text(text).outcomes, {"test_a": "success"})
        self.assertEqual(self.run_text(text, "-W", "error").outcomes, {"(import)": "error"})

    def test_a_fixture_that_nobody_used_is_no_evidence(self):
        self.project.write("conftest.py", """
            import pytest
            @pytest.fixture
            def used(): return 1
            @pytest.fixture
            def unused(): return [x for x in range(3)]
            """)
        run = self.run_text("def test_a(used): pass\n")
        if self.ran.first["precision"] != "block":
            self.skipTest("no blocks here")
        self.assertEqual(run.ran("conftest.py"), ["<module>", "used"])

    def test_a_lambda_that_the_rewriting_moves_is_not_mistaken_for_another(self):
        self.project.write("conftest.py", """
            import pytest
            @pytest.fixture
            def used():
                assert (lambda: 1)() == max(
                    [1, 0],
                    key=lambda x: x,
                )
            """)
        run = self.run_text("def test_a(used): pass\n")
        if self.ran.first["precision"] != "block":
            self.skipTest("no blocks here")
        ran = run.ran("conftest.py")
        self.assertTrue(ran is None or sum("<lambda>" in key for key in ran) == 2, ran)

    def test_what_pytest_looked_for_is_evidence_and_what_lies_beside_is_not(self):
        self.project.write("tests/test_other.py", "def test_a(): pass\n")
        run = self.run_text("def test_a(tmp_path): pass\n", name="tests/test_it.py")
        self.assertIn("content", run.kinds("tests/test_it.py"))
        for name in ("tests/conftest.py", "conftest.py", "pytest.ini", "tests/__init__.py"):
            self.assertIsNone(run.looks["presence", name])
        self.assertFalse([one for kind, one in run.looks
                          if kind == "listing" and one not in run.wrote])
        self.assertFalse([one for _, one in run.looks if one.startswith("tests/test_other")])
        self.assertFalse([one for _, one in run.looks if "pytest-of" in one])

    def test_the_time_stamp_of_what_was_loaded_is_no_evidence(self):
        self.project.write("conftest.py", "")
        run = self.run_text("def test_a(): pass\n")
        if self.ran.first["tracing"] != "library":
            self.skipTest("no library here")
        for name in ("conftest.py", "test_it.py"):
            self.assertNotIn("presence", run.kinds(name))

    def test_folders_of_a_run_s_own_are_gone_after_it(self):
        run = self.run_text("def test_a(tmp_path): print('at', tmp_path); assert 0\n")
        text = run.results["test_a"]["report_text"]
        path = text[text.index("\nat ") + 4:].split()[0]
        self.assertFalse(os.path.exists(os.path.dirname(path)))

    def test_without_the_library_it_is_the_same(self):
        self.project.write("tests/conftest.py", "")
        run = self.run_text("def test_a(tmp_path): assert 1 == 2\n", name="tests/test_it.py",
                            preload=False)
        self.assertEqual(self.ran.first["tracing"], "python")
        self.assertIn("assert 1 == 2", run.results["test_a"]["report_text"])
        self.assertIn("code", run.kinds("tests/conftest.py"))
        self.assertIsNone(run.looks["presence", "conftest.py"])
        self.assertFalse([one for kind, one in run.looks
                          if kind == "listing" and one not in run.wrote])


class UnfitTest(unittest.TestCase):
    def test_an_interpreter_without_pytest_is_told(self):
        project = Project()
        self.addCleanup(project.remove)
        project.write("sitecustomize.py", "import sys\nsys.modules['pytest'] = None\n")
        host = Host(project, sys.executable, framework="pytest",
                    env={"PYTHONPATH": project.root})
        self.addCleanup(host.close)
        unfit = host.until("unfit")[0][-1]
        self.assertEqual(unfit["kind"], "framework_missing")
        self.assertIn("pip install pytest", unfit["message"])

    def test_a_pytest_that_is_too_old_is_told(self):
        project = Project()
        self.addCleanup(project.remove)
        project.write("pytest.py", "__version__ = '5.4.3'\n")
        host = Host(project, sys.executable, framework="pytest")
        self.addCleanup(host.close)
        self.assertIn("5.4.3", host.until("unfit")[0][-1]["message"])


load_tests = load_tests_of(ClassifyTest, EvidenceTest, once=(UnfitTest,))

if __name__ == "__main__":
    unittest.main()
