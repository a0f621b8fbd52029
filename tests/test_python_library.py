"""A worker host with the preloaded library: one stream of evidence, and blocks."""

import os
import shutil
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from host_process import LIBRARY, Host, Project, python_with_nose  # noqa: E402

PYTHON = python_with_nose()

HELPER = """
    def f(): return 1
    def g(): return 2
    class C:
        def m(self): return [g() for _ in (1,)]
    """


@unittest.skipUnless(PYTHON, "no interpreter with nose here")
@unittest.skipUnless(os.path.exists(LIBRARY), "there is no library for this machine")
class LibraryTest(unittest.TestCase):
    def setUp(self):
        self.project = Project(**{"helper.py": HELPER, "data.txt": "x"})
        self.addCleanup(self.project.remove)

    def host(self, *args, **kwargs):
        host = Host(self.project, PYTHON, args, **kwargs).ready()
        self.addCleanup(host.close)
        return host

    def run_text(self, text, host=None):
        self.project.write("test_it.py", text)
        return (host or self.host()).run("test_it.py")


class ReadyTest(LibraryTest):
    def why(self, *args, **kwargs):
        first = self.host(*args, **kwargs).first
        return tuple(first[name] for name in ("tracing", "tracing_why", "precision",
                                              "precision_why"))

    def test_all_is_at_its_finest(self):
        self.assertEqual(self.why(), ("library", None, "block", None))

    def test_whole_files_that_were_asked_for_need_no_reason(self):
        self.assertEqual(self.why("--precision", "file"), ("library", None, "file", None))

    def test_what_there_is_no_library_for_is_told(self):
        tracing, why, precision, precision_why = self.why(preload=False)
        self.assertEqual((tracing, precision), ("python", "file"))
        self.assertIn("no libsniffer_trace.so", why)
        self.assertEqual(precision_why, why)

    def test_a_library_that_is_not_preloaded_is_told(self):
        tracing, why, precision, _ = self.why(env={"LD_PRELOAD": ""})
        self.assertEqual((tracing, precision), ("python", "file"))
        self.assertIn("not preloaded", why)

    def test_installed_distributions_are_told(self):
        first = self.host().first
        self.assertIn("package:nose", first["distributions"])
        self.assertIn("pth", dict(first["environment"]))
        self.assertNotIn("packages", dict(first["environment"]))


class BlocksTest(LibraryTest):
    def test_what_ran_is_told_by_blocks(self):
        run = self.run_text("import helper\ndef test_a(): helper.f()\n")
        self.assertEqual(run.ran("helper.py"), ["<module>", "f"])

    def test_what_sources_are_made_of_is_told_only_where_it_is_asked(self):
        run = self.run_text("import helper\ndef test_a(): helper.f()\n")
        self.assertNotIn("blocks", {report["report"] for report in run.reports})

    def test_a_second_run_tells_what_it_ran_itself(self):
        host = self.host()
        self.run_text("import helper\ndef test_a(): helper.f()\n", host)
        run = self.run_text("import helper\ndef test_a(): helper.C().m()\n", host)
        self.assertEqual(run.ran("helper.py"), ["<module>", "g", "C.m"])

    def test_what_a_forked_child_ran_counts(self):
        run = self.run_text("""
            import helper, multiprocessing, os
            def test_a():
                pid = os.fork()
                if not pid:
                    helper.g()
                    os._exit(0)
                os.waitpid(pid, 0)
                process = multiprocessing.get_context("fork").Process(target=helper.f)
                process.start()
                process.join()
            """)
        self.assertEqual(run.ran("helper.py"), ["<module>", "f", "g"])

    def test_a_source_that_was_read_as_well_is_content(self):
        run = self.run_text("import helper, inspect\n"
                            "def test_a(): assert inspect.getsource(helper.f)\n")
        self.assertIsNone(run.ran("helper.py"))
        self.assertIn("content", run.kinds("helper.py"))

    def test_two_versions_of_a_source_count_as_a_whole(self):
        run = self.run_text("""
            import importlib, helper
            def test_a():
                with open(helper.__file__, 'a') as file:
                    file.write('def h(): pass\\n')
                importlib.reload(helper).h()
            """)
        self.assertEqual(run.outcomes, {"test_a": "success"})
        self.assertIsNone(run.ran("helper.py"))

    def test_a_loader_that_makes_its_own_code_makes_the_file_count_as_a_whole(self):
        host = self.host()
        host.blocks("helper.py")
        run = self.run_text("""
            import importlib.machinery, importlib.util, os
            PATH = os.path.abspath('helper.py')
            class Loader(importlib.machinery.SourceFileLoader):
                def source_to_code(self, data, path, **kwargs):
                    return compile(b'X = 1', path, 'exec')
            def test_a():
                spec = importlib.util.spec_from_loader('helper', Loader('helper', PATH))
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                assert module.X == 1
            """, host)
        self.assertEqual(run.outcomes, {"test_a": "success"})
        self.assertIsNone(run.ran("helper.py"))

    def test_a_run_without_an_end_counts_whole_files(self):
        run = self.run_text("import helper, os\ndef test_a(): helper.f(); os._exit(0)\n")
        self.assertIsNone(run.ran("helper.py"))

    def test_a_tracer_that_was_switched_off_counts_whole_files(self):
        run = self.run_text("import helper, sys\n"
                            "def test_a(): helper.f(); sys.audit('sniffer.blocks', 0)\n")
        self.assertIsNone(run.ran("helper.py"))

    def test_a_host_of_file_precision_counts_whole_files(self):
        run = self.run_text("import helper\ndef test_a(): helper.f()\n",
                            self.host("--precision=file"))
        self.assertIsNone(run.ran("helper.py"))

    def test_a_damaged_bytecode_store_costs_blocks_at_most(self):
        host = self.host()
        self.run_text("import helper\ndef test_a(): helper.f()\n", host)
        shutil.rmtree(self.project.path(".sniffer/bytecode"))
        again = host.run("test_it.py")
        self.assertEqual(again.outcomes, {"test_a": "success"})
        self.assertIn(again.ran("helper.py"), (None, ["<module>", "f"]))


class QuestionTest(LibraryTest):
    def test_each_path_has_an_answer(self):
        self.project.write("half.py", "def f(:\n")
        helper, half, none = self.host().blocks("helper.py", "half.py", "none.py")
        self.assertEqual(helper["keys"][0], "<module>")
        self.assertIn("line 1", half["message"])
        self.assertEqual((none["seen"], none["path"]), (None, "none.py"))

    def test_comments_and_layout_change_no_digest(self):
        host = self.host()
        [before] = host.blocks("helper.py")
        text = open(self.project.path("helper.py")).read()
        self.project.write("helper.py", "# about it\n\n\n" + text.replace("def g", "\n\ndef g"))
        [after] = host.blocks("helper.py")
        self.assertEqual((after["keys"], after["digests"]), (before["keys"], before["digests"]))
        self.assertNotEqual(after["seen"], before["seen"])

    def test_the_answer_comes_while_a_run_is_on(self):
        self.project.write("test_it.py", """
            import os
            def test_a():
                while not os.path.exists('go'):
                    pass
            """)
        host = self.host()
        host.order(order="run", run=1, file="test_it.py")
        host.until("test")
        [source] = host.blocks("helper.py")
        self.assertIn("keys", source)
        self.project.write("go", "")
        reports, _ = host.until("exited")
        self.assertEqual(reports[0]["outcome"], "success")


class HeardTest(LibraryTest):
    def test_what_was_imported_is_code_and_nothing_else(self):
        self.project.write("pkg/__init__.py", "")
        self.project.write("pkg/inner.py", "")
        run = self.run_text("import helper, pkg.inner\ndef test_a(): pass\n")
        for path in ("helper.py", "pkg/__init__.py", "pkg/inner.py"):
            self.assertEqual(run.kinds(path), {"code"})

    def test_programs_are_heard_also_where_the_run_itself_is_not(self):
        run = self.run_text("import os\ndef test_a(): assert not os.system('cat d*.txt')\n",
                            self.host(env={"LD_PRELOAD": ""}))
        self.assertIn("content", run.kinds("data.txt"))

    def test_a_question_of_existence_is_no_content(self):
        run = self.run_text("import os\n"
                            "def test_a(): assert os.path.exists('helper.py') and not "
                            "os.path.exists('none.py')\n")
        self.assertEqual(run.kinds("helper.py"), {"existence"})
        self.assertEqual(run.kinds("none.py"), {"presence"})

    def test_who_asks_for_times_depends_on_them(self):
        run = self.run_text("import os\ndef test_a(): os.path.getmtime('helper.py')\n")
        self.assertEqual(run.kinds("helper.py"), {"presence"})

    def test_code_in_c_is_heard(self):
        run = self.run_text("""
            import ctypes
            def test_a():
                libc = ctypes.CDLL(None)
                libc.fopen.restype = ctypes.c_void_p
                assert libc.fopen(b'data.txt', b'r')
            """)
        self.assertIn("content", run.kinds("data.txt"))

    def test_what_a_killed_run_looked_at_is_told(self):
        run = self.run_text("import os\n"
                            "def test_a(): open('data.txt'); os.kill(os.getpid(), 9)\n")
        self.assertEqual(run.exited["signal"], signal.SIGKILL)
        self.assertIn("content", run.kinds("data.txt"))

    def test_the_order_of_looks_and_writes_is_that_of_the_run(self):
        run = self.run_text("""
            import subprocess
            def test_a():
                open('data.txt').read()
                subprocess.check_call(['sh', '-c', 'echo >data.txt; echo >out.txt'])
                open('out.txt').read()
            """)
        mine = [(look.get("kind", "wrote"), look["path"]) for look in run.stream
                if look["path"] in ("data.txt", "out.txt")]
        self.assertEqual(mine, [("content", "data.txt"), ("wrote", "data.txt"),
                                ("wrote", "out.txt"), ("content", "out.txt")])

    def test_all_was_heard(self):
        run = self.run_text("import subprocess\ndef test_a(): subprocess.check_call(['true'])\n")
        self.assertEqual([look for look in run.stream if look.get("unseen")], [])

    def test_a_run_that_nobody_hears_any_more_says_so(self):
        run = self.run_text("import sys\ndef test_a(): sys.audit('sniffer.quiet', 1)\n")
        self.assertEqual(len([look for look in run.stream if look.get("unseen")]), 1)

    def test_packages_are_told_by_name_and_so_are_absent_ones(self):
        run = self.run_text("""
            import nose
            try: import no_such_package
            except ImportError: pass
            def test_a(): pass
            """)
        told = {path for kind, path in run.looks if kind == "environment"}
        self.assertLessEqual({"package:nose", "package:no_such_package",
                              "entry points:nose.plugins"}, told)
        self.assertNotIn("distributions", told)

    def test_who_lists_a_package_folder_depends_on_all(self):
        run = self.run_text("""
            import nose, os
            def test_a(): os.listdir(os.path.dirname(os.path.dirname(nose.__file__)))
            """)
        self.assertIn(("environment", "distributions"), run.looks)


class FaithTest(LibraryTest):
    """What tests see of it."""

    def test_programs_get_the_library_before_the_users_own(self):
        with open("/proc/self/maps") as file:  # a library that is there anyway
            other = next(line.split()[-1] for line in file if "/libm" in line or "/libc" in line)
        host = self.host(env={"LD_PRELOAD": LIBRARY + " " + other})
        run = self.run_text("""
            import os, subprocess
            def test_a():
                said = subprocess.check_output(['sh', '-c', 'echo "$LD_PRELOAD"']).decode()
                assert said == %r, said
            """ % ("%s %s\n" % (LIBRARY, other)), host)
        self.assertEqual(run.outcomes, {"test_a": "success"})

    def test_functions_of_os_are_themselves(self):
        run = self.run_text("""
            import os, posix, posixpath
            def test_a():
                assert os.stat is posix.stat and os.open is posix.open
                assert os.scandir is posix.scandir
                assert os.path.exists.__name__ == 'exists'
            """)
        self.assertEqual(run.outcomes, {"test_a": "success"})

    def test_a_report_shows_no_frame_of_ours(self):
        run = self.run_text("import os\ndef test_a(): os.path.exists(3.5)\n")
        text = run.results["test_a"]["report_text"]
        self.assertEqual(text.count("genericpath"), 1)
        self.assertNotIn("sniffer_plugin", text)

    def test_a_test_that_replaces_audit_and_others_changes_nothing(self):
        run = self.run_text("""
            import os, sys
            def nothing(*args, **kwargs): raise ValueError
            def test_a():
                sys.audit = os.fsencode = os.readlink = os.access = nothing
                import helper
                helper.f()
                assert os.path.exists('data.txt')
            """)
        self.assertEqual(run.outcomes, {"test_a": "success"})
        self.assertEqual(run.ran("helper.py"), ["<module>", "f"])
        self.assertIn("existence", run.kinds("data.txt"))


if __name__ == "__main__":
    unittest.main()
