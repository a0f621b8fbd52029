"""The worker host: a real one, on real pipes."""

import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from host_process import Host, Project, other_pythons, python_with_nose  # noqa: E402

PYTHON = python_with_nose()


@unittest.skipUnless(PYTHON, "no interpreter with nose here")
class HostTest(unittest.TestCase):
    def setUp(self):
        self.project = Project()
        self.addCleanup(self.project.remove)

    PRELOAD = True

    def host(self, *args, **kwargs):
        host = Host(self.project, PYTHON, args, **dict({"preload": self.PRELOAD}, **kwargs)).ready()
        self.addCleanup(host.close)
        return host

    def run_text(self, text, name="test_it.py"):
        self.project.write(name, text)
        return self.host().run(name)

    def test_ready_tells_interpreter_framework_and_named_variables(self):
        host = self.host("--arg=-v", "--env", "ZONE", "--env=NOT_SET", env={"ZONE": "UTC"})
        said = dict(host.first["environment"])
        self.assertEqual(said["env:ZONE"], "=UTC")
        self.assertEqual(said["env:NOT_SET"], "unset")
        self.assertEqual(said["args"], '["-v"]')
        self.assertIn("nose", said["framework"])
        self.assertEqual(host.first["protocol"], 1)
        self.assertTrue(host.first["python"].endswith(PYTHON))

    def test_a_run_is_started_done_and_exited_in_this_order(self):
        run = self.run_text("def test_a(): pass\n")
        kinds = [r["report"] for r in run.reports]
        self.assertEqual(kinds, ["started", "test", "result", "done", "exited"])
        self.assertEqual((run.exited["status"], run.exited["signal"]), (0, 0))

    def test_each_run_has_a_fresh_process(self):
        self.project.write("helper.py", "seen = []\n")
        self.project.write("test_it.py", """
            import helper
            def test_a():
                helper.seen.append(1)
                assert helper.seen == [1]
            """)
        host = self.host()
        first, second = host.run("test_it.py"), host.run("test_it.py")
        self.assertEqual(first.outcomes, {"test_a": "success"})
        self.assertEqual(second.outcomes, {"test_a": "success"})
        self.assertNotEqual(first.reports[0]["pid"], second.reports[0]["pid"])

    def test_orders_that_came_together_are_all_served(self):
        self.project.write("test_it.py", "def test_a(): pass\n")
        host = self.host()
        for number in (1, 2, 3):
            host.order(order="run", run=number, file="test_it.py")
        ended = []
        while len(ended) < 3:
            reports, _ = host.until("exited")
            ended += [r["run"] for r in reports if r["report"] == "exited"]
        self.assertEqual(ended, [1, 2, 3])

    def test_what_the_host_knows_before_a_run_is_told_of_each(self):
        self.project.write("one/test_it.py", "def test_a(): pass\n")
        self.project.write("two/test_it.py", "import os\ndef test_a(): os.kill(os.getpid(), 9)\n")
        host = self.host()
        for number, folder in enumerate(("one", "two", "one"), 1):
            run = host.run(folder + "/test_it.py")
            told = [(look["run"], look["kind"], look["path"]) for look in run.stream]
            for look in (("search", "json"), ("search", folder + "/json"), ("presence", "lib"),
                         ("environment", "entry points:nose.plugins")):
                self.assertIn((number, *look), told)
            self.assertEqual({run for run, _, _ in told}, {number})
            self.assertEqual([path for _, kind, path in told
                              if kind == "search" and path.endswith("/json")], [folder + "/json"])

    def test_a_saved_file_of_the_same_size_and_second_runs_new_code(self):
        path = self.project.write("helper.py", "VALUE = 1\n")
        self.project.write("test_it.py", "import helper\ndef test_a(): assert helper.VALUE == 1\n")
        host = self.host()
        before = os.stat(path)
        self.assertEqual(host.run("test_it.py").outcomes, {"test_a": "success"})
        self.project.write("helper.py", "VALUE = 2\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertEqual(host.run("test_it.py").outcomes, {"test_a": "failure"})
        self.assertTrue(os.listdir(self.project.path(".sniffer/bytecode")))
        self.assertFalse(os.path.exists(self.project.path("__pycache__")))

    def test_a_damaged_bytecode_store_costs_nothing_but_time(self):
        self.project.write("test_it.py", "def test_a(): pass\n")
        host = self.host()
        host.run("test_it.py")
        store = self.project.path(".sniffer/bytecode")
        for name in os.listdir(store):
            with open(os.path.join(store, name), "r+b") as file:
                file.truncate(20)
        self.assertEqual(host.run("test_it.py").outcomes, {"test_a": "success"})

    def test_an_early_exit_is_not_done(self):
        run = self.run_text("import os\ndef test_a(): os._exit(0)\n")
        self.assertFalse(run.done)
        self.assertEqual(run.exited["status"], 0)

    def test_a_crash_tells_its_signal_and_the_test_that_ran(self):
        run = self.run_text("import os\ndef test_a(): pass\n"
                            "def test_b(): os.kill(os.getpid(), 11)\n")
        self.assertEqual((run.exited["status"], run.exited["signal"]), (-1, signal.SIGSEGV))
        self.assertEqual([r["test"] for r in run.reports if r["report"] == "test"][-1], "test_b")
        self.assertFalse(run.done)

    def test_a_left_child_is_killed_and_not_waited_for(self):
        run = self.run_text("""
            import os, subprocess
            def test_a():
                left = subprocess.Popen(['setsid', 'sh', '-c', 'sleep 600 & sleep 600'])
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        open('left', 'w').write(str(os.getpid()))
                        import signal
                        signal.signal(signal.SIGTERM, signal.SIG_IGN)
                        while True:
                            signal.pause()
                    os._exit(0)
                while not os.path.exists('left') or not open('left').read():
                    pass
            """)
        self.assertEqual(run.outcomes, {"test_a": "success"})
        with open(self.project.path("left")) as file:
            self.assertFalse(os.path.exists("/proc/" + file.read()))

    def test_closing_every_descriptor_loses_no_report(self):
        run = self.run_text("""
            import os
            def test_a():
                os.closerange(3, 20000)
                for _ in range(900):
                    os.open('trap', os.O_RDWR | os.O_CREAT)
            def test_b():
                assert open('data.txt').read() == 'x'
                assert not open('trap').read()
            """.replace("'data.txt'", "__file__").replace("== 'x'", "!= ''"))
        self.assertEqual(run.outcomes, {"test_a": "success", "test_b": "success"})
        self.assertTrue(run.done)

    def test_a_forked_child_that_goes_on_reports_nothing(self):
        run = self.run_text("""
            import os
            pid = None
            def test_a():
                global pid
                pid = os.fork()
            def test_b():
                if pid:
                    os.waitpid(pid, 0)
            """)
        self.assertEqual([r["test"] for r in run.reports if r["report"] == "result"],
                         ["test_a", "test_b"])

    def test_what_atexit_and_threads_do_is_waited_for(self):
        self.run_text("""
            import atexit, threading
            event = threading.Event()
            atexit.register(lambda: open('atexit', 'w').close())
            def wait():
                threading.main_thread().join()
                open('thread', 'w').close()
            def test_a(): threading.Thread(target=wait).start()
            """)
        self.assertTrue(os.path.exists(self.project.path("atexit")))
        self.assertTrue(os.path.exists(self.project.path("thread")))

    def test_signals_and_input_are_those_of_a_fresh_process(self):
        run = self.run_text("""
            import os, signal, sys
            def test_a():
                assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
                assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
                assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
                assert sys.stdin.read() == ''
                assert os.getsid(0) == os.getpid()
                assert sys.path[0] == os.getcwd() == os.path.dirname(os.path.abspath(__file__))
                assert not [p for p in sys.path if 'python_plugin' in p]
            """)
        self.assertEqual(run.outcomes, {"test_a": "success"})

    def test_random_numbers_differ_between_runs(self):
        self.project.write("test_it.py", """
            import random
            def test_a(): print(random.random()); assert 0
            """)
        host = self.host()
        texts = {host.run("test_it.py").results["test_a"]["report_text"] for _ in range(2)}
        self.assertEqual(len(texts), 2)

    def test_a_project_module_wins_over_one_that_only_the_host_needed(self):
        self.project.write("base64.py", "MINE = True\n")
        run = self.run_text("import base64\ndef test_a(): assert base64.MINE\n")
        self.assertEqual(run.outcomes, {"test_a": "success"})

    def test_a_module_that_shadows_what_nose_needs_starts_the_host_anew(self):
        self.project.write("test_it.py", "import cmd\ndef test_a(): assert cmd.MINE\n")
        host = self.host()
        self.assertEqual(host.run("test_it.py").outcomes, {"test_a": "error"})
        self.project.write("cmd.py", "from _cmd_real import *\nMINE = True\n")
        self.project.write("_cmd_real.py", "class Cmd: pass\n")
        host.order(order="run", run=5, file="test_it.py")
        host.order(order="run", run=6, file="test_it.py")
        reports, looks = host.until("exited")
        while not any(r["report"] == "exited" and r["run"] == 6 for r in reports):
            more, more_looks = host.until("exited")
            reports += more
            looks += more_looks
        self.assertEqual([r["outcome"] for r in reports if r["report"] == "result"],
                         ["success", "success"])
        self.assertIn(("code", "cmd.py"), {(r.get("kind"), r["path"]) for r in looks})

    def test_a_long_report_cut_off_by_death_is_ended_with_a_newline(self):
        # The pipe is full and nobody reads: the child dies in the middle of its line.
        self.project.write("test_it.py", """
            import os, signal, threading
            def test_a():
                parent = os.getpid()
                if os.fork() == 0:
                    os.setsid()
                    import select
                    while True:  # until the parent waits in its write
                        with open('/proc/%d/syscall' % parent) as file:
                            if file.read().startswith('1 '):
                                break
                    os.kill(parent, signal.SIGKILL)
                    os._exit(0)
                assert 0, 'x' * 190000
            """)
        host = self.host()
        run = host.run_number = 1
        host.order(order="run", run=run, file="test_it.py")
        raw = b""
        while b'"exited"' not in raw:
            if raw == b"":
                # Let the child fill the pipe and die before the first byte is taken.
                child = None
                while child is None:
                    child = _finished_run(host.process.pid)
            raw += os.read(host.reports, 1 << 16)
        [last] = [line for line in raw.split(b"\n") if b'"exited"' in line]
        self.assertTrue(last.startswith(b'{"report": "exited"'), last[:200])

    def test_the_end_of_orders_kills_the_run_and_leaves(self):
        self.project.write("test_it.py", """
            import os, time
            def test_a():
                open('pid', 'w').write(str(os.getpid()))
                time.sleep(600)
            """)
        host = Host(self.project, PYTHON, preload=self.PRELOAD).ready()
        host.order(order="run", run=1, file="test_it.py")
        host.until("test")
        os.close(host.orders)
        host.orders = None
        pid = None
        host.until(None)
        self.assertEqual(host.close(), 0)
        if os.path.exists(self.project.path("pid")):
            with open(self.project.path("pid")) as file:
                pid = file.read()
        self.assertFalse(pid and os.path.exists("/proc/" + pid))


class WithoutLibraryTest(HostTest):
    """The same, for want of the preloaded library."""

    PRELOAD = False


def _finished_run(host):
    """The child of HOST has died or is gone, its leftovers too: the host waits in a full pipe."""
    with open("/proc/%d/syscall" % host) as file:
        return True if file.read().startswith("1 ") else None


class UnfitTest(unittest.TestCase):
    def test_a_python_without_nose_is_unfit_and_says_what_to_do(self):
        pythons = other_pythons()
        if not pythons:
            self.skipTest("no interpreter without nose here")
        for python in pythons:
            with self.subTest(python=python):
                project = Project()
                self.addCleanup(project.remove)
                host = Host(project, python)
                said = host.until("unfit")[0][-1]
                self.assertEqual(said["kind"], "framework_missing")
                self.assertIn("install", said["message"])
                self.assertEqual(host.close(), 3)


if __name__ == "__main__":
    unittest.main()
