"""Test code that is hostile, mostly by accident: each file has a clear outcome, its neighbours have
theirs, nothing stays behind, and what it rests on is known or said to be unknown."""

import os
import subprocess

from house import BUILD, HouseTest, main

FILES = {
    "lib.py": "def answer():\n    return 42\n",
    "test_good.py": "import lib\n\ndef test_good():\n    assert lib.answer() == 42\n",
    "test_cwd.py": """\
        import os
        import shutil
        import tempfile

        def test_leaves_for_a_folder_that_goes_away():
            folder = tempfile.mkdtemp()
            os.chdir(folder)
            shutil.rmtree(folder)

        def test_after():
            import lib
            assert lib.answer() == 42
        """,
    "test_signals.py": """\
        import signal

        def test_takes_all_signals():
            for number in range(1, signal.NSIG):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
            signal.alarm(1)

        def test_after():
            pass
        """,
    "test_reuse.py": """\
        import os
        import tempfile

        def test_closes_and_reuses_descriptors():
            os.closerange(3, 1024)
            for _ in range(64):
                os.open(tempfile.gettempdir(), os.O_RDONLY)

        def test_writes_into_those_of_others():
            for fd in range(3, 64):
                try:
                    os.write(fd, b'{"report": "exited"}\\n')
                except OSError:
                    pass
            reader, writer = os.pipe()
            for fd in range(3, 64):
                if fd not in (reader, writer):
                    os.dup2(writer, fd)

        def test_after():
            import lib
            assert lib.answer() == 42
        """,
    "test_closed_output.py": """\
        import os

        def test_closes_all():
            os.closerange(0, 1024)

        def test_after():
            pass
        """,
    "test_tracing.py": """\
        import os
        import sys
        import threading

        def test_takes_the_tracers():
            sys.settrace(None)
            sys.setprofile(None)
            threading.settrace(None)
            threading.setprofile(None)
            monitoring = getattr(sys, "monitoring", None)
            if monitoring is not None:
                for tool in range(6):
                    try:
                        monitoring.set_events(tool, 0)
                        monitoring.free_tool_id(tool)
                    except ValueError:
                        pass

        def test_after():
            import lib
            assert lib.answer() == 42
        """,
    "test_preload.py": """\
        import os
        import subprocess
        import sys

        def test_clears_the_preload():
            os.environ.pop("LD_PRELOAD", None)
            code = "import lib; assert lib.answer() == 42"
            subprocess.run([sys.executable, "-c", code], check=True)
            subprocess.run([sys.executable, "-c", code], check=True, env={})
        """,
    "test_breakpoint.py": """\
        def test_breaks():
            breakpoint()
        """,
    "test_input.py": """\
        def test_asks():
            input("what now? ")
        """,
    "test_coverage_of_its_own.py": """\
        import sys

        def test_traces():
            seen = []
            sys.settrace(lambda *_: seen.append(1))
            import lib
            assert lib.answer() == 42
            sys.settrace(None)
            assert seen
        """,
    "test_gc.py": """\
        import gc
        import sys

        def test_unloads_everything():
            for name in list(sys.modules):
                if name.startswith("sniffer_plugin"):
                    del sys.modules[name]
            gc.disable()
            gc.collect()

        def test_after():
            import lib
            assert lib.answer() == 42
        """,
    "test_builtins.py": """\
        import builtins
        import json
        import os
        import time

        def broken(*_, **__):
            raise RuntimeError("patched away")

        def test_patches_the_world():
            json.dumps = json.loads = broken
            time.time = time.perf_counter = time.monotonic = broken
            os.write = os.read = os.stat = os.getpid = broken
            builtins.open = builtins.print = broken

        def test_after():
            pass
        """,
    "test_limits.py": """\
        import resource

        def test_lowers_its_limits():
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))

        def test_after():
            pass
        """,
    "test_stop.py": """\
        import os
        import signal

        def test_stops_itself():
            os.kill(os.getpid(), signal.SIGSTOP)
        """,
    "test_group.py": """\
        import os
        import signal

        def test_kills_its_group():
            os.kill(0, signal.SIGKILL)
        """,
    "test_escapes.py": """\
        def test_paints():
            print("\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\u009b31m\\x1b]52;c;aGk=\\x07")
            raise ValueError("\\x1b[31mred\\x1b[0m \\u202egnp.exe \\ud800")
        """,
    "test_chroot.py": """\
        import os
        import lib

        def test_changes_its_root():
            try:
                os.chroot(os.environ["HOME"])
            except PermissionError:
                pass
            os.chdir("/")

        def test_after():
            assert lib.answer() == 42
        """,
    "test_audit.py": """\
        import sys

        def test_allows_nothing_to_be_heard():
            def hook(name, args):
                if name.startswith("sniffer"):
                    raise RuntimeError("I do not know " + name)
            sys.addaudithook(hook)

        def test_after():
            import lib
            assert lib.answer() == 42
        """,
}

GREEN = {"test_good.py", "test_cwd.py", "test_signals.py", "test_reuse.py", "test_tracing.py",
         "test_preload.py", "test_coverage_of_its_own.py", "test_gc.py", "test_limits.py",
         "test_audit.py"}
CALLERS = {file for file, text in FILES.items() if file.startswith("test_") and "import lib" in text}


class Hostile(HouseTest):
    """All of them in one project, each beside all others."""

    FILES = FILES
    SETTINGS = "jobs = 2\ntimeout = 3\n"

    def setUp(self):
        super().setUp()
        self.start()
        self.house.wait(code=1)

    def told(self, file):
        return [(test, record["outcome"], record["exception"])
                for (_, test), record in self.house.results(file).items()]

    def test_each_is_told_as_what_it_is(self):
        files = {record["file"]: record for record in self.house.records("files", "--json")}
        self.assertEqual(GREEN - {file for file, record in files.items()
                                  if record["outcome"] == "success"}, set())
        self.assertEqual({record["state"] for record in files.values()}, {"current"})
        for file, expected in (("test_group.py", [("test_kills_its_group", "error", "SIGKILL")]),
                               ("test_stop.py", [("test_stops_itself", "error", "Timeout")]),
                               ("test_input.py", [("test_asks", "error", "EOFError")]),
                               ("test_breakpoint.py", [("test_breaks", "error", "DebuggerWanted")]),
                               ("test_escapes.py", [("test_paints", "error", "ValueError")])):
            with self.subTest(file):
                self.assertEqual(self.told(file), expected)
        with self.subTest("who breaks the framework itself is red"):
            for file in ("test_builtins.py", "test_closed_output.py"):
                self.assertIn("error", [outcome for _, outcome, _ in self.told(file)])
        with self.subTest("who changes its root, or leaves no room to look, rests on something unseen"):
            self.assertTrue(files["test_limits.py"]["unseen"])
            if os.geteuid() == 0:
                self.assertTrue(files["test_chroot.py"]["unseen"])

        with self.subTest("evidence may be coarser, but is there"):
            ran = self.house.ran(
                lambda: self.house.write("lib.py", "def answer():\n    return 41 + len(str(1))\n"))
            self.assertEqual(CALLERS - ran, set())
            self.assertEqual(ran & {"test_stop.py", "test_group.py", "test_input.py"}, set())

        with self.subTest("nothing that they print commands a terminal"):
            told = [self.house.ctl("check", code=1).stdout, self.house.ctl("results").stdout,
                    self.house.ctl("results", "--format", "quickfix").stdout,
                    self.screen()]
            for text in told:
                self.assertIn("test_paints", text)
                self.assertNotRegex(text, "[\\0-\\x09\\x0b-\\x1f\\x7f-\\x9f\\u202e]")
            self.assertIn("\\x1b[31mred\\x1b[0m \\u202egnp.exe", told[0])

    def screen(self):
        """What `sniffer` says where the terminal can do nothing."""
        environment = dict(self.house.environment, TERM="dumb")
        with subprocess.Popen([os.path.join(BUILD, "sniffer"), "-C", self.house.root],
                              env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              encoding="utf-8") as screen:
            text = ""
            for line in screen.stdout:
                text += line
                if " tests, " in line:
                    break
            screen.terminate()
        return text


class StateFolder(HouseTest):
    """What a test does to .sniffer."""

    SETTINGS = "jobs = 1\n"
    FILES = {"test_zgood.py": "def test_good():\n    pass\n"}

    def one(self, text):
        self.house.write("test_bad.py", text)
        self.start()
        self.house.wait(code=0)
        self.house.write("test_zgood.py", "def test_good():\n    assert 0\n")
        self.house.wait(code=1)
        self.house.ctl("restart", code=0)
        self.house.wait(code=1)
        self.house.write("test_zgood.py", "def test_good():\n    pass\n")
        self.house.wait(code=0)
        self.assertEqual(self.house.outcomes(), {("test_bad.py", "test_bad"): "success",
                                                 ("test_zgood.py", "test_good"): "success"})

    def test_it_may_be_deleted(self):
        self.one("import shutil\n\ndef test_bad():\n    shutil.rmtree('.sniffer')\n")

    def test_it_may_be_closed(self):
        self.one("""\
            import os

            def test_bad():
                for name in os.listdir(".sniffer"):
                    os.chmod(os.path.join(".sniffer", name), 0)
                os.chmod(".sniffer", 0)
            """)

    def test_its_files_may_be_emptied(self):
        self.one("""\
            import os

            def test_bad():
                for name in os.listdir(".sniffer"):
                    if os.path.isfile(os.path.join(".sniffer", name)):
                        os.truncate(os.path.join(".sniffer", name), 0)
            """)


if __name__ == "__main__":
    main()
