"""Every way in which files change, with the real daemon: each save is one run, and none is lost."""

import json
import mmap
import os
import shutil
import signal
import socket
import subprocess
import unittest

from house import BUILD, HouseTest, main
from scenes import shown_value, shows

QUEUE = "/proc/sys/fs/inotify/max_queued_events"
FILES = {"d/x.txt": "1\n", "test_a.py": shows("open('d/x.txt').read()"), "test_b.py": shows("1")}


def queue_limit():
    with open(QUEUE, encoding="ascii") as file:
        return int(file.read())


def shown(house):
    """What test_a.py shows, and is current."""
    records = house.results("test_a.py")
    assert all(record["current"] for record in records.values()), records
    values = [shown_value(test) for _, test in records]
    assert len(values) == 1, values
    return values[0]


def git(house, *arguments):
    subprocess.run(["git", "-c", "gc.auto=0",
                    *arguments], cwd=house.root, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL,
                   env=dict(house.environment, GIT_AUTHOR_NAME="me", GIT_AUTHOR_EMAIL="me@here",
                            GIT_COMMITTER_NAME="me", GIT_COMMITTER_EMAIL="me@here"))


def put_nothing(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))


def put(path, text, flags=os.O_TRUNC, sync=True):
    """Opens, writes, closes; each a system call."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
    os.write(file, text.encode())
    if sync:
        os.fsync(file)
    os.close(file)


# ---- how editors save PATH, by the calls that they make ----

def vim_probe(path):
    """Vim first finds out whether it can make files there."""
    probe = os.path.join(os.path.dirname(path), "4913")
    put(probe, "", os.O_EXCL)
    os.unlink(probe)


def vim_copies(path, text):
    """backupcopy=yes"""
    shutil.copy2(path, path + "~")
    put(path, text)
    os.unlink(path + "~")


def vim_renames(path, text):
    """backupcopy=no"""
    vim_probe(path)
    os.rename(path, path + "~")
    put(path, text)
    os.chmod(path, 0o644)
    os.unlink(path + "~")


def vim_swaps(path, text):
    """backupcopy=auto, with the swap file that is there while it is open"""
    folder, name = os.path.split(path)
    swap = os.path.join(folder, ".%s.swp" % name)
    put(swap, "b0VIM", os.O_EXCL)
    vim_renames(path, text)
    os.unlink(swap)


def emacs(path, text):
    folder, name = os.path.split(path)
    lock, auto = os.path.join(folder, ".#" + name), os.path.join(folder, "#%s#" % name)
    os.symlink("me@here.1:2", lock)
    put(auto, text)
    os.rename(path, path + "~")
    put(path, text)
    os.unlink(auto)
    os.unlink(lock)
    os.unlink(path + "~")


def sed(path, text):
    subprocess.run(["sed", "-i", "s/.*/%s/" % text.strip(), path], check=True)


def safe_write(path, text):
    """JetBrains' and others: into a file beside it, then over it."""
    put(path + "___jb_tmp___", text, os.O_EXCL)
    os.rename(path, path + "___jb_old___")
    os.rename(path + "___jb_tmp___", path)
    os.unlink(path + "___jb_old___")


def replace(path, text):
    put(path + ".tmp", text)
    os.replace(path + ".tmp", path)


def truncate(path, text):
    os.truncate(path, 0)
    put(path, text, 0)


def through_memory(path, text):
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[:] = text.encode()


def delete_and_write(path, text):
    os.unlink(path)
    put(path, text)


def link_over(path, text):
    """A new file gets the name by a second link."""
    put(path + ".new", text)
    os.unlink(path)
    os.link(path + ".new", path)
    os.unlink(path + ".new")


SAVES = (vim_copies, vim_renames, vim_swaps, emacs, sed, safe_write, replace, truncate,
         through_memory, delete_and_write, link_over)


class Saves(HouseTest):
    FILES = FILES

    def test_each_editors_save_runs_who_read_the_file_and_nobody_else(self):
        self.start()
        self.house.wait()
        for number, save in enumerate(SAVES, 2):
            with self.subTest(save=save.__name__):
                ran = self.house.ran(
                    lambda: save(self.house.path("d", "x.txt"), "%d\n" % (number % 10)))
                self.assertEqual(ran, {"test_a.py"})
                self.assertEqual(shown(self.house), repr("%d\n" % (number % 10)))

    def test_a_mode_or_a_time_of_a_module_alone_runs_nobody(self):
        self.house.write("m.py", "V = 1\n")
        self.house.write("test_m.py", shows("m.V", "import m"))
        self.start()
        self.house.wait()
        module = self.house.path("m.py")
        self.assertEqual(self.house.ran(lambda: os.chmod(module, 0o600)), set())
        self.assertEqual(self.house.ran(lambda: os.utime(module)), set())

    def test_a_write_through_a_name_outside_is_seen(self):
        outside = os.path.join(self.house.base, "outside.txt")
        os.link(self.house.path("d", "x.txt"), outside)
        self.start()
        self.house.wait()
        self.assertEqual(self.house.ran(lambda: put(outside, "2\n")), {"test_a.py"})


class Overflow(HouseTest):
    """More happens at once than the kernel keeps events for."""

    FILES = dict(FILES, **{"d/names/0": "", "test_a.py": shows("len(os.listdir('d/names'))")})

    def setUp(self):
        if queue_limit() > 50000:
            self.skipTest("the kernel keeps too many events here")
        super().setUp()
        self.start()
        self.house.wait(code=0)
        self.pid = self.house.status()["pid"]

    def ask(self):
        """Connected, with the greeting read."""
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.settimeout(60)
        connection.connect(self.house.ctl("socket", code=0).stdout.strip())
        lines = connection.makefile("r", encoding="utf-8")
        self.addCleanup(lines.close)
        lines.readline()
        return connection, lines

    def flood(self, end=""):
        for number in range(1, queue_limit() // 2 + 2000):
            put_nothing(self.house.path("d", "names", str(number) + end))

    def test_what_is_made_while_the_daemon_is_stopped_is_counted_to_the_last_file(self):
        os.kill(self.pid, signal.SIGSTOP)
        self.flood()
        os.kill(self.pid, signal.SIGCONT)
        self.house.wait(code=0)
        self.assertEqual(shown(self.house), str(len(os.listdir(self.house.path("d", "names")))))

    def test_who_asks_meanwhile_gets_no_answer_before_it_is_compared(self):
        connection, lines = self.ask()
        os.kill(self.pid, signal.SIGSTOP)
        self.flood("~")  # an editor's: what is told of them holds nothing up
        self.house.write("test_a.py", "def test_red():\n    assert False\n")  # nobody is told
        os.kill(self.pid, signal.SIGCONT)
        for number in range(40):  # while it reads what is queued
            connection.sendall(b'{"id":%d,"method":"wait","params":{}}\n' % number)
        for _ in range(40):
            reply = json.loads(lines.readline())
            self.assertEqual(reply["result"]["stats"]["failures"], 1)

    def test_a_checkout_is_seen_whole(self):
        # Each file is removed, made, written and closed.
        names = ["d/names/%d" % number for number in range(queue_limit() // 3)]
        for name in names:
            put(self.house.path(name), "1", sync=False)
        self.house.write(".gitignore", ".sniffer/\n")
        git(self.house, "init", "-b", "one")
        git(self.house, "add", ".")
        git(self.house, "commit", "-m", "one")
        git(self.house, "checkout", "-b", "two")
        for name in names:
            put(self.house.path(name), "2", sync=False)
        self.house.write("test_a.py", shows("2"))
        git(self.house, "commit", "-a", "-m", "two")
        self.house.wait(code=0)
        os.kill(self.pid, signal.SIGSTOP)
        git(self.house, "checkout", "one")
        os.kill(self.pid, signal.SIGCONT)
        self.house.wait(code=0)
        self.assertEqual(shown(self.house), str(len(names)))


class Git(HouseTest):
    """What git does is one change, however many commits it makes."""

    FILES = {"m.py": "V = 0\n", "other.txt": "0\n", ".gitignore": ".sniffer/\n",
             "test_a.py": shows("m.V", "import m")}
    OPTIONS = ()

    def setUp(self):
        super().setUp()
        git(self.house, "init", "-b", "main", *self.OPTIONS)
        self.commit()
        git(self.house, "checkout", "-b", "side")
        for number in range(1, 4):
            self.house.write("m.py", "V = %d\n" % number)
            self.commit()
        git(self.house, "checkout", "main")
        self.house.write("other.txt", "1\n")
        self.commit()
        self.start()
        self.house.wait(code=0)

    def commit(self):
        git(self.house, "add", ".")
        git(self.house, "commit", "-m", "a change")

    def runs(self):
        return self.house.runs()["test_a.py"]

    def test_a_merge_is_one_run(self):
        git(self.house, "merge", "--no-edit", "side")
        self.house.wait(code=0)
        self.assertEqual(shown(self.house), "3")
        self.assertEqual(self.runs(), 2)

    def test_a_rebase_that_takes_its_time_is_one_run(self):
        # Back to the first, then commit after commit; the last state is none that was seen before.
        git(self.house, "checkout", "side")
        self.house.wait(code=0)
        before = self.runs()
        git(self.house, "rebase", "--exec", "echo V = $(($(cut -c5 m.py) + 4)) >m.py; sleep 0.2; "
            "git commit -qam edited; echo V = $(($(cut -c5 m.py) - 4)) >m.py; git commit -qam back", "main")
        self.house.wait(code=0)
        self.assertEqual(shown(self.house), "3")
        self.assertEqual(self.runs(), before)


class GitElsewhere(Git):
    """The same where .git is a file, as in submodules and linked work trees."""

    OPTIONS = ("--separate-git-dir", "../repository")


class Root(HouseTest):
    FILES = FILES

    def test_a_root_that_is_away_for_a_while_is_compared_when_it_is_back(self):
        self.start()
        self.house.wait(code=0)
        away = os.path.join(self.house.base, "away")
        os.rename(self.house.root, away)
        put(os.path.join(away, "d", "x.txt"), "2\n")
        os.rename(away, self.house.root)
        self.house.wait(code=0)
        self.assertEqual(shown(self.house), repr("2\n"))
        self.assertEqual(self.house.runs(), {"test_a.py": 2, "test_b.py": 1})


@unittest.skipUnless(os.geteuid() == 0 and subprocess.run(
    ["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode == 0, "mounts are for root")
class Mounts(HouseTest):
    """The daemon has mounts of its own; what is mounted there later counts."""

    FILES = FILES

    def inside(self, *command):
        pid = str(self.house.status()["pid"])
        subprocess.run(["nsenter", "--mount", "--target", pid, *command], check=True)

    def test_a_mount_over_what_was_read_and_its_end_are_seen(self):
        subprocess.run(["unshare", "--mount", "--propagation", "private",
                        os.path.join(BUILD, "snifferctl"), "-C", self.house.root, "start"],
                       env=self.house.environment, check=True)
        self.house.wait(code=0)
        folder = self.house.path("d")
        self.inside("mount", "-t", "tmpfs", "none", folder)
        self.house.wait()
        self.assertEqual(shown(self.house), repr("FileNotFoundError"))
        self.inside("sh", "-c", "echo 2 >%s/x.txt" % folder)
        self.house.wait()
        self.assertEqual(shown(self.house), repr("2\n"))
        self.inside("umount", folder)
        self.house.wait()
        self.assertEqual(shown(self.house), repr("1\n"))


if __name__ == "__main__":
    main()
