"""The index damaged, taken away, locked, or on a disk that takes nothing: always a clear message and a
way on, and never a wrong verdict."""

import ctypes
import fcntl
import os
import random
import signal
import sqlite3
import subprocess
import time
import unittest

from house import BUILD, HouseTest, main

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]


def allowed():
    try:
        return subprocess.run(NAMESPACE + ["mount -t tmpfs none /mnt"],
                              stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


class IndexTest(HouseTest):
    FILES = {
        "m.py": "def value():\n    return 1\n",
        "test_green.py": "import m\n\ndef test_green():\n    assert m.value()\n",
        "test_red.py": "import m\n\ndef test_red():\n    assert m.value() == 2, 'x' * 9000\n",
    }
    TRUTH = {("test_green.py", "test_green"): "success", ("test_red.py", "test_red"): "failure"}

    def index(self):
        return self.house.path(".sniffer", "index.sqlite")

    def beside(self):
        return sorted(name for name in os.listdir(self.house.path(".sniffer"))
                      if name.startswith("index.sqlite.") and not name.endswith(("-wal", "-sum")))

    def is_true(self):
        """What is shown now, and after an edit."""
        self.house.wait(code=1)
        self.assertEqual(self.house.outcomes(), self.TRUTH)
        self.house.write("m.py", "def value():\n    return 2\n")
        self.house.wait(code=0)
        self.house.write("m.py", self.FILES["m.py"])
        self.house.wait(code=1)
        self.assertEqual(self.house.outcomes(), self.TRUTH)

    def check(self, name):
        """Doctor's check of this name."""
        for record in self.house.records("doctor", "--json", code=None):
            if record.get("name") == name:
                return record
        self.fail("doctor has no check " + name)


class Unfit(IndexTest):
    def after(self, spoil, aside=()):
        self.start()
        self.house.wait(code=1)
        self.house.ctl("stop", code=0)
        spoil(self.index())
        self.start()
        self.is_true()
        if aside is not None:
            self.assertEqual(self.beside(), list(aside))
        for name in self.beside():
            self.assertIn(name, self.house.log())

    def test_a_file_without_anything_is_a_new_index(self):
        self.after(lambda path: os.truncate(path, 0))

    def test_a_truncated_file_is_set_aside(self):
        self.after(lambda path: os.truncate(path, 10000), ["index.sqlite.damaged"])

    def test_a_folder_in_its_place_is_told(self):
        def spoil(path):
            os.remove(path)
            os.mkdir(path)
        self.after(spoil)
        self.assertIn("index.sqlite", self.house.status()["message"])

    def test_a_file_of_a_newer_program_is_set_aside(self):
        def spoil(path):
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA user_version = 1000")
            connection.close()
        self.after(spoil, ["index.sqlite.newer"])

    def test_an_outcome_that_became_another_is_found(self):
        def spoil(path):
            with open(path + "-sum") as file:
                told = file.read()
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("UPDATE result SET outcome = 0")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.close()
            with open(path + "-sum", "w") as file:
                file.write(told)
        self.after(spoil, ["index.sqlite.damaged"])

    def test_wrong_bytes_anywhere_never_make_a_wrong_verdict(self):
        rng = random.Random(3)
        for _ in range(6):
            def spoil(path):
                with open(path, "r+b") as file:
                    for _ in range(rng.choice([1, 20, 400])):
                        file.seek(rng.randrange(os.path.getsize(path)))
                        file.write(bytes([rng.randrange(256)]))
            self.after(spoil, None)
            self.house.ctl("stop", code=0)

    def test_damage_that_is_met_late_lets_everything_run_again(self):
        def spoil(path):
            connection = sqlite3.connect(path)
            root, = connection.execute(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'result'").fetchone()
            connection.close()
            os.remove(path + "-sum")  # it would be found at once
            with open(path, "r+b") as file:
                file.seek((root - 1) * 4096)
                file.write(b"\x5a" * 4096)
        self.start()
        self.house.wait(code=1)
        self.house.ctl("stop", code=0)
        spoil(self.index())
        self.start()
        self.is_true()
        self.assertEqual(self.beside(), ["index.sqlite.damaged"])
        self.assertIn("the index is damaged; it was set aside as", self.house.log())


class Held(IndexTest):
    def test_a_second_daemon_with_another_socket_says_so_and_leaves(self):
        self.start()
        self.house.wait(code=1)
        other = os.path.join(self.house.base, "other")
        os.mkdir(other, 0o700)
        done = subprocess.run([BUILD + "/snifferd", "-C", self.house.root], stderr=subprocess.PIPE,
                              env=dict(self.house.environment, XDG_RUNTIME_DIR=other),
                              universal_newlines=True)
        self.assertEqual(done.returncode, 3)
        self.assertIn("held by process %d:" % self.house.status()["pid"], done.stderr)
        self.is_true()

    def test_who_holds_it_is_told(self):
        self.start()
        self.house.wait(code=1)
        self.house.ctl("stop", code=0)
        connection = sqlite3.connect(self.index(), isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        self.assertIn("held by process %d:" % os.getpid(), self.house.ctl("start", code=3).stderr)
        connection.close()
        self.start()
        self.is_true()

    def test_a_lock_that_a_dead_daemons_child_holds_for_a_moment_is_waited_for(self):
        self.start()
        lock = self.house.ctl("socket").stdout.strip() + ".lock"
        os.kill(self.house.status()["pid"], signal.SIGKILL)
        libc = ctypes.CDLL(None, use_errno=True)
        notes = libc.inotify_init1(os.O_CLOEXEC)
        with open(lock) as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.01)  # the killed one's
            libc.inotify_add_watch(notes, os.fsencode(lock), 0x20)  # IN_OPEN
            daemon = subprocess.Popen([BUILD + "/snifferd", "-C", self.house.root],
                                      env=self.house.environment)
            for _ in range(3):  # it tries again and again
                os.read(notes, 16)
        os.close(notes)
        self.assertEqual(daemon.wait(), 0)
        self.is_true()

    def test_the_folder_that_goes_while_it_is_open_comes_again(self):
        self.start()
        self.house.wait(code=1)
        runs = self.house.runs()
        self.house.remove(".sniffer")
        self.is_true()
        self.house.ctl("restart", code=0)
        self.is_true()
        self.assertEqual(set(self.house.runs()), set(runs))


@unittest.skipUnless(allowed(), "this machine gives no user namespace")
class NothingCanBeWritten(IndexTest):
    SETTINGS = "jobs = 1\n"

    def start_after(self, mount, *arguments):
        script = mount + '; exec "$0" "$@"'
        done = subprocess.run(NAMESPACE + [script, BUILD + "/snifferctl", "-C", self.house.root, "start"],
                              env=dict(self.house.environment, ROOT=self.house.root),
                              cwd=self.house.base, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_tree_that_is_read_only_is_tested_all_the_same(self):
        self.start_after('mount --bind "$ROOT" "$ROOT"; mount -o remount,bind,ro "$ROOT"')
        self.is_true()
        self.assertIn("kept in memory", self.house.status()["message"])
        self.assertFalse(self.check("index")["ok"])
        self.assertIn("kept in memory", self.check("index")["message"])

    def test_a_folder_that_is_read_only_is_used_no_more(self):
        self.start()
        self.is_true()
        self.house.ctl("stop", code=0)
        self.start_after('cd "$ROOT"; mount --bind .sniffer .sniffer; mount -o remount,bind,ro .sniffer')
        self.is_true()
        self.assertFalse(self.check("index")["ok"])

    def test_a_disk_that_is_full_is_told_and_loses_nothing(self):
        self.start_after('cd "$ROOT"; mkdir -p .sniffer; mount -t tmpfs -o size=400k none .sniffer; '
                         'dd if=/dev/zero of=.sniffer/fill bs=4k count=30 2>/dev/null')
        for number in range(30):
            self.house.write("test_%d.py" % number, "def test_it():\n    assert %d\n" % (number + 1))
        self.house.wait(code=1)
        self.assertFalse(self.check("index")["ok"])
        self.assertIn("kept in memory", self.house.status()["message"])
        self.assertEqual(self.house.status()["stats"]["successes"], 31)
        self.house.write("test_7.py", "def test_it():\n    assert 0\n")
        self.house.wait(code=1)
        self.assertEqual(self.house.outcomes("test_7.py"), {("test_7.py", "test_it"): "failure"})


if __name__ == "__main__":
    main()
