"""Test files, hosts and interpreters that misbehave: each gets a clear outcome, and life goes on."""

import fcntl
import os
import signal
import socket
import stat
import subprocess
import unittest

from house import BUILD, HouseTest, PYTHON, main

GOOD = "def test_good():\n    pass\n"


class BadTestFiles(HouseTest):
    SETTINGS = "jobs = 1\n"
    FILES = {"test_zgood.py": GOOD}

    def one(self, text, code=1):
        """Outcomes of test_bad.py and of its good neighbour, which must always have run."""
        self.house.write("test_bad.py", text)
        self.start()
        self.house.wait(code=code)
        self.assertEqual(self.house.outcomes("test_zgood.py"),
                         {("test_zgood.py", "test_good"): "success"})
        return [(r["test"], r["outcome"], r["exception"], r["report"])
                for r in self.house.results("test_bad.py").values()]

    def test_a_segfault_is_laid_at_its_tests_door(self):
        records = self.one("""\
            import os
            import signal

            def test_before():
                pass

            def test_boom():
                os.kill(os.getpid(), signal.SIGSEGV)
            """)
        self.assertEqual([r[:3] for r in records], [("test_before", "success", None),
                                                    ("test_boom", "error", "SIGSEGV")])
        self.assertIn("signal 11", records[1][3])

    def test_leaving_with_0_is_red(self):
        records = self.one("import os\n\ndef test_leaves():\n    os._exit(0)\n")
        self.assertEqual([r[:2] for r in records], [("test_leaves", "error")])
        self.assertIn("status 0", records[0][3])

    def test_leaving_while_imported_is_red(self):
        records = self.one("import os\nos._exit(0)\n")
        self.assertEqual([r[1] for r in records], ["error"])

    def test_a_clean_exit_while_imported_is_red(self):
        records = self.one("import sys\nsys.exit(0)\n")
        self.assertEqual([r[1] for r in records], ["error"])

    def test_megabytes_of_output_are_no_failure(self):
        records = self.one("""\
            import os

            def test_loud():
                line = b"x" * 1023 + b"\\n"
                for _ in range(50 * 1024):
                    os.write(1, line)
            """, code=0)
        self.assertEqual([r[:2] for r in records], [("test_loud", "success")])

    def test_closed_descriptors_are_no_failure(self):
        records = self.one("""\
            import os

            def test_closes():
                os.closerange(3, 4096)

            def test_after():
                pass
            """, code=0)
        self.assertEqual([r[:2] for r in records], [("test_closes", "success"),
                                                    ("test_after", "success")])

    def test_a_left_child_is_not_waited_for_and_does_not_stay(self):
        records = self.one("""\
            import os
            import subprocess
            import time

            def test_leaves_a_child():
                child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
                with open(os.environ["HOME"] + "/pid", "w") as file:
                    file.write(str(child.pid))
            """, code=0)
        self.assertEqual([r[:2] for r in records], [("test_leaves_a_child", "success")])
        with open(os.path.join(self.house.base, "pid")) as file:
            self.assert_gone(int(file.read()))

    def test_a_daemon_made_by_a_test_does_not_stay(self):
        records = self.one("""\
            import os
            import time

            def test_daemonises():
                reader, writer = os.pipe()
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        os.write(writer, str(os.getpid()).encode())
                        while True:
                            time.sleep(1000)
                    os._exit(0)
                os.wait()
                with open(os.environ["HOME"] + "/pid", "wb") as file:
                    file.write(os.read(reader, 100))
            """, code=0)
        self.assertEqual([r[:2] for r in records], [("test_daemonises", "success")])
        with open(os.path.join(self.house.base, "pid")) as file:
            self.assert_gone(int(file.read()))

    def assert_gone(self, pid):
        try:
            with open("/proc/%d/stat" % pid) as file:
                state = file.read().rpartition(")")[2].split()[0]
        except OSError:
            return
        self.assertEqual(state, "Z", "process %d is still there" % pid)


class Hanging(HouseTest):
    SETTINGS = "jobs = 1\ntimeout = 2\n"
    FILES = {
        "test_zgood.py": GOOD,
        "test_bad.py": """\
            import os
            import signal
            import subprocess
            import sys
            import time

            def test_before():
                pass

            def test_hangs():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                child = subprocess.Popen([sys.executable, "-c",
                    "import os, signal, time\\n"
                    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n"
                    "os.setsid()\\n"
                    "time.sleep(1000)"])
                with open(os.environ["HOME"] + "/pid", "w") as file:
                    file.write(str(child.pid))
                print("soon over", flush=True)
                while True:
                    time.sleep(1000)
            """,
    }

    def test_a_hang_is_ended_with_all_its_processes(self):
        self.start()
        self.house.wait(code=1)
        results = self.house.results()
        self.assertEqual(results["test_bad.py", "test_before"]["outcome"], "success")
        hung = results["test_bad.py", "test_hangs"]
        self.assertEqual((hung["outcome"], hung["exception"]), ("error", "Timeout"))
        self.assertIn("2.0 s", hung["report"])
        self.assertEqual(results["test_zgood.py", "test_good"]["outcome"], "success")
        with open(os.path.join(self.house.base, "pid")) as file:
            BadTestFiles.assert_gone(self, int(file.read()))


class Hosts(HouseTest):
    FILES = {
        "test_kills.py": """\
            import os
            import signal

            def test_kills_its_parent():
                os.kill(os.getppid(), signal.SIGKILL)
                signal.pause()
            """,
        "test_zgood.py": GOOD,
    }

    def test_a_test_that_kills_its_host_is_red_and_others_run(self):
        self.start()
        self.house.wait(code=1)
        results = self.house.results()
        self.assertEqual(results["test_zgood.py", "test_good"]["outcome"], "success")
        killed = [r for (file, _), r in results.items() if file == "test_kills.py"]
        self.assertEqual([(r["outcome"], r["exception"]) for r in killed], [("error", "WorkerDied")])


class Interpreters(HouseTest):
    FILES = {"test_good.py": GOOD}
    SETTINGS = 'python = "bin/python"\n'

    def test_a_missing_interpreter_is_a_state_and_is_healed(self):
        self.start()
        done = self.house.ctl("wait", "--timeout", "60", code=5)
        self.assertIn("bin/python", done.stderr)
        status = self.house.status()
        self.assertEqual(status["state"], "error")
        self.assertIn("bin/python", status["message"])
        with self.subTest("once it is there, no restart is needed"):
            os.mkdir(self.house.path("bin"))
            os.symlink(PYTHON, self.house.path("bin", "python"))
            self.house.wait(code=0)
            self.assertEqual(self.house.status()["state"], "idle")

    def test_a_missing_nose_is_a_state_and_is_healed(self):
        os.mkdir(self.house.path("bin"))
        script = self.house.path("bin", "python")
        self.house.write("bin/python", '#!/bin/sh\nexec %s -S "$@"\n' % PYTHON)  # no site, no nose
        os.chmod(script, 0o755)
        self.start()
        done = self.house.ctl("wait", "--timeout", "60", code=5)
        self.assertIn("nose", done.stderr)
        self.assertEqual(self.house.status()["state"], "error")
        self.house.write("bin/python", '#!/bin/sh\nexec %s "$@"\n' % PYTHON)
        os.chmod(script, 0o755)
        self.house.wait(code=0)

    def test_settings_mended_are_taken_without_a_restart(self):
        self.start()
        self.house.ctl("wait", "--timeout", "60", code=5)
        self.house.write("pyproject.toml", '[tool.sniffer]\npython = "%s"\njobs = "many"\n' % PYTHON)
        done = self.house.ctl("wait", "--timeout", "60", code=5)
        message = self.house.ctl("doctor").stdout
        self.assertIn("jobs", message)
        self.house.write("pyproject.toml", '[tool.sniffer]\npython = "%s"\njobs = 2\n' % PYTHON)
        self.house.wait(code=0)


class Kill(HouseTest):
    FILES = {"test_%d.py" % number: GOOD for number in range(8)}

    def test_a_killed_daemon_is_followed_by_one_that_knows_the_truth(self):
        self.start()
        self.house.wait(code=0)
        before = self.house.runs()
        os.kill(self.house.status()["pid"], signal.SIGKILL)
        self.house.write("test_3.py", "def test_good():\n    assert False\n")
        self.start()
        self.house.wait(code=1)
        after = self.house.runs()
        self.assertEqual({file for file in after if after[file] != before[file]}, {"test_3.py"})

    def second(self):
        return subprocess.Popen([os.path.join(BUILD, "snifferd"), "-C", self.house.root, "--foreground"],
                                env=self.house.environment, stderr=subprocess.PIPE,
                                universal_newlines=True)

    def test_a_second_daemon_says_so_and_leaves(self):
        self.start()
        second = self.second()
        said = second.communicate(timeout=60)[1]
        self.assertEqual(second.returncode, 3, said)
        self.assertIn("already runs", said)
        self.house.wait(code=0)

    def test_what_a_killed_daemon_was_about_to_start_is_waited_for(self):
        """A child that has not begun its own program yet holds all that its daemon held."""
        path = self.house.ctl("socket").stdout.rstrip("\n")
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        ready, told = os.pipe()
        daemon = os.fork()
        if daemon == 0:
            lock = os.open(path + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(path)
            listening.listen()
            if os.fork() == 0:
                os.write(told, b".")
                _peer = listening.accept()  # the next daemon has seen that somebody listens
            os._exit(0)
        os.waitpid(daemon, 0)
        os.read(ready, 1)
        next_one = self.second()
        self.addCleanup(next_one.communicate)
        self.addCleanup(next_one.terminate)
        for line in next_one.stderr:
            if "tests run with" in line:
                break
        else:
            self.fail("it did not begin")
        self.assertEqual(self.house.status()["pid"], next_one.pid)


if __name__ == "__main__":
    main()
