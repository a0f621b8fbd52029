"""systemd: what the daemon takes from it and tells it; the units; snifferctl service, with a real user manager.

That manager gets namespaces of its own, and a control group of its own: in anybody else's it would take
other people's processes for its own and move them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from house import BUILD, PYTHON, SOURCE, TIMEOUT, HouseTest

FILES = {"test_a.py": "def test_one(): pass\ndef test_two(): assert False\n"}
INSIDE = "SNIFFER_TEST_MANAGER"  # set in the namespaces: the folder of the user's units
UNITS = ("basic", "default", "sockets", "shutdown", "timers", "paths", "exit")


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def make_units(folder):
    """The two as installed, but for the path of the daemon, which is the build's."""
    with open(os.path.join(SOURCE, "systemd", "sniffer@.service.in"), encoding="utf-8") as file:
        service = file.read().replace("@CMAKE_INSTALL_FULL_BINDIR@", BUILD)
    put(os.path.join(folder, "sniffer@.service"), service)
    shutil.copy(os.path.join(SOURCE, "systemd", "sniffer@.socket"), folder)
    return folder


def escaped(path):
    return subprocess.run(["systemd-escape", "--path", path], stdout=subprocess.PIPE, check=True,
                          universal_newlines=True).stdout.strip()


class Manager:
    """As systemd's end of the socket that sd_notify speaks to."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(TIMEOUT)
        self.said = []

    def until(self, line):
        """What was said, up to LINE (or one that begins so)."""
        lines = []
        while not any(one.startswith(line) for one in lines):
            lines += self.socket.recv(65536).decode().splitlines()
        self.said += lines
        return lines


class Daemon(HouseTest):
    FILES = {"test_a.py": """
        import os
        def test_nobody_speaks_in_its_name():
            assert not [name for name in os.environ if name.startswith(("NOTIFY", "LISTEN", "WATCHDOG"))]
        def test_red(): assert False
        """}

    def start(self, command, **environment):
        self.house.environment.update(environment)
        process = subprocess.Popen(command, env=self.house.environment, cwd=self.house.root,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def daemon(self, **environment):
        return self.start([os.path.join(BUILD, "snifferd"), "-C", self.house.root, "--foreground"],
                          **environment)

    def test_the_manager_is_told_how_it_stands(self):
        manager = Manager(os.path.join(self.house.base, "notify"))
        self.addCleanup(manager.socket.close)
        process = self.daemon(NOTIFY_SOCKET=manager.path)
        manager.until("READY=1")
        self.assertEqual(self.house.wait(code=1)["stats"]["failures"], 1)
        manager.until("STATUS=idle: 2 tests, 1 failures, 0 errors")
        process.send_signal(signal.SIGHUP)
        lines = manager.until("READY=1")
        self.assertTrue(any(line == "RELOADING=1" for line in lines), lines)
        self.assertTrue(any(line.startswith("MONOTONIC_USEC=") for line in lines), lines)
        self.assertFalse([line for line in manager.said if line.startswith("WATCHDOG")])
        process.send_signal(signal.SIGTERM)
        manager.until("STOPPING=1")
        self.assertEqual(process.wait(TIMEOUT), 0)

    def test_a_watchdog_gets_its_signs_of_life(self):
        manager = Manager(os.path.join(self.house.base, "notify"))
        self.addCleanup(manager.socket.close)
        self.daemon(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="200000")
        for _ in range(3):
            manager.until("WATCHDOG=1")
        self.house.ctl("stop", code=0)

    def test_a_watchdog_of_another_process_does_not_matter(self):
        manager = Manager(os.path.join(self.house.base, "notify"))
        self.addCleanup(manager.socket.close)
        self.daemon(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="1000", WATCHDOG_PID="1")
        self.house.wait(code=1)
        self.house.ctl("stop", code=0)
        self.assertFalse([line for line in manager.until("STOPPING=1") if line.startswith("WATCHDOG")])

    @unittest.skipUnless(shutil.which("systemd-socket-activate"), "no systemd-socket-activate here")
    def test_it_takes_the_socket_that_it_is_passed(self):
        path = self.house.ctl("socket", code=0).stdout.strip()
        os.makedirs(os.path.dirname(path), 0o700)
        # The build's variables reach it only by name.
        command = ["systemd-socket-activate", "-l", path]
        for name in ("XDG_RUNTIME_DIR", "HOME", "PATH", "SNIFFER_PLUGIN", "SNIFFER_TRACE_LIBRARY"):
            command += ["-E", name]
        process = self.start(command + [os.path.join(BUILD, "snifferd"), "-C", self.house.root,
                                        "--foreground"])
        line = process.stderr.readline()
        while b"Listening on" not in line:
            self.assertTrue(line, "systemd-socket-activate is gone")
            line = process.stderr.readline()
        status = self.house.wait(code=1)
        self.assertEqual(status["pid"], process.pid)
        self.assertEqual(status["stats"]["successes"], 1)
        second = subprocess.run([os.path.join(BUILD, "snifferd"), "-C", self.house.root, "--foreground"],
                                env=self.house.environment, stderr=subprocess.PIPE, check=False)
        self.assertEqual(second.returncode, 3)
        self.assertIn(b"already runs", second.stderr)
        self.house.ctl("stop", code=0)
        self.assertTrue(os.path.exists(path), "it is systemd's")

    @unittest.skipUnless(shutil.which("systemd-socket-activate"), "no systemd-socket-activate here")
    def test_a_socket_where_nobody_looks_is_refused(self):
        path = os.path.join(self.house.base, "elsewhere")
        command = ["systemd-socket-activate", "-l", path, "-E", "XDG_RUNTIME_DIR", "-E", "SNIFFER_PLUGIN",
                   "-E", "PATH", os.path.join(BUILD, "snifferd"), "-C", self.house.root, "--foreground"]
        process = self.start(command)
        while b"Listening on" not in process.stderr.readline():
            self.assertIsNone(process.poll())
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(path)
        self.assertIn(b"where clients", process.stderr.read())
        self.assertEqual(process.wait(TIMEOUT), 3)


class Service(HouseTest):
    FILES = FILES

    def test_without_systemd_it_says_what_to_do(self):
        self.house.environment["PATH"] = self.house.base
        for verb in ("enable", "disable", "status"):
            self.assertIn("snifferctl start", self.house.ctl("service", verb, code=3).stderr)

    @unittest.skipUnless(shutil.which("systemctl"), "no systemctl here")
    def test_without_a_manager_it_says_what_to_do(self):
        self.house.environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
        said = self.house.ctl("service", "enable", code=3).stderr
        self.assertIn("enable-linger", said)
        self.assertEqual(len(said.splitlines()), 1, said)
        self.assertFalse(os.path.exists(os.path.join(self.house.base, ".config")))

    def test_a_wrong_word_is_wrong_usage(self):
        for words in ((), ("enabel",), ("enable", "status")):
            self.house.ctl("service", *words, code=2)


@unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
class Units(unittest.TestCase):
    def test_systemd_has_nothing_to_say_about_them(self):
        base = tempfile.mkdtemp(prefix="sniffer-test-")
        self.addCleanup(shutil.rmtree, base)
        units = make_units(os.path.join(base, "units"))
        put(os.path.join(units, "sniffer@tmp.socket.d", "place.conf"),
            "[Socket]\nListenStream=%t/sniffer/tmp-0123456789abcdef.sock\n")
        for name in ("sniffer@tmp.service", "sniffer@tmp.socket"):
            done = subprocess.run(["systemd-analyze", "--user", "--man=no", "verify", name],
                                  env=dict(os.environ, XDG_RUNTIME_DIR=base, HOME=base,
                                           SYSTEMD_UNIT_PATH=units + ":"),
                                  stderr=subprocess.PIPE, universal_newlines=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))


# ---- a real user manager ----

GROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
# As the first process of the namespaces: file systems of its own, and then only what is in a control
# group that holds nobody from outside (whose numbers would read 0 here) may see systemd.
ENTER = r"""
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
mount -t cgroup2 cgroup2 /sys/fs/cgroup
! grep -qx 0 /sys/fs/cgroup/cgroup.procs
grep -qx "$$" /sys/fs/cgroup/cgroup.procs
"$@"
"""


def own_group():
    """A new, empty control group; None where there can be none."""
    for top in GROUPS:
        name = os.path.join(top, "sniffer-test-%d" % os.getpid())
        if os.path.exists(os.path.join(top, "cgroup.procs")):
            try:
                os.mkdir(name)
                return name
            except OSError:
                continue
    return None


def remove_group(name):
    """With those that systemd made in it."""
    for folder, _, _ in os.walk(name, topdown=False):
        os.rmdir(folder)


class Namespaces(unittest.TestCase):
    def test_with_a_user_manager_in_namespaces_of_its_own(self):
        if not all(map(shutil.which, ("unshare", "systemctl"))) or not os.path.exists("/lib/systemd/systemd"):
            self.skipTest("no systemd here")
        group = own_group() if os.getuid() == 0 else None
        if group is None:
            self.skipTest("only root with a writable cgroup2 can give a manager a control group of its own")
        self.addCleanup(remove_group, group)
        enter = ["sh", "-c", 'echo "$$" >"$0/cgroup.procs" && exec "$@"', group, "unshare", "--mount", "--pid",
                 "--cgroup", "--fork", "--kill-child", "sh", "-c", ENTER, "sh"]
        if subprocess.run(enter + ["true"], stderr=subprocess.PIPE, check=False).returncode != 0:
            self.skipTest("namespaces of its own cannot be had here")
        done = subprocess.run(enter + [sys.executable, "-B", os.path.abspath(__file__), "-v", "Inside"],
                              env=dict(os.environ, **{INSIDE: "1"}), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)


@unittest.skipUnless(os.environ.get(INSIDE), "only in namespaces of its own")
class Inside(HouseTest):
    FILES = FILES

    def setUp(self):
        super().setUp()
        own = os.path.join(self.house.base, ".config", "systemd", "user")
        units = os.path.join(self.house.base, "units")
        make_units(units)
        for name in UNITS:  # and none of the machine's: nothing else is to be started
            put(os.path.join(units, name + ".target"), "[Unit]\nDescription=%s\n" % name)
        self.house.environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
        self.house.environment.pop("XDG_CONFIG_HOME", None)
        self.house.environment.update(SYSTEMD_UNIT_PATH=own + ":" + units)
        self.unit = "sniffer@%s" % escaped(self.house.root)
        self.ready = Manager(os.path.join(self.house.base, "ready"))
        self.addCleanup(self.ready.socket.close)
        log = open(os.path.join(self.house.base, "manager.log"), "w", encoding="utf-8")
        self.addCleanup(log.close)
        self.manager = subprocess.Popen(["/lib/systemd/systemd", "--user", "--log-target=console"],
                                        env=dict(self.house.environment, NOTIFY_SOCKET=self.ready.path),
                                        stdout=log, stderr=log)
        self.addCleanup(self.manager.wait)
        self.addCleanup(self.manager.kill)
        self.ready.until("READY=1")

    def tearDown(self):
        self.house.ctl("service", "disable")

    def systemctl(self, *arguments):
        done = subprocess.run(["systemctl", "--user", *arguments], env=self.house.environment, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        if done.returncode != 0:
            with open(os.path.join(self.house.base, "manager.log"), encoding="utf-8") as file:
                raise AssertionError(done.stdout + file.read())
        return done.stdout

    def show(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, self.unit + unit).strip()

    def test_enabled_it_runs_and_disabled_it_does_not(self):
        self.house.wait(code=1)  # one by hand gives way
        by_hand = self.house.status()["pid"]
        self.house.ctl("service", "enable", code=0)
        self.assertFalse(os.path.exists("/proc/%d" % by_hand))
        self.assertEqual(self.house.wait(code=1)["pid"], int(self.show(".service", "MainPID")))
        said = self.house.ctl("service", "status", code=0).stdout
        self.assertIn("enabled, active (running); idle: 2 tests, 1 failures, 0 errors", said)
        self.assertEqual(self.show(".service", "UnitFileState"), "enabled")
        self.house.ctl("service", "enable", code=0)  # twice is once
        self.house.ctl("service", "disable", code=0)
        self.assertEqual(self.show(".service", "ActiveState"), "inactive")
        self.house.ctl("status", code=3)
        self.house.ctl("service", "status", code=3)
        self.assertEqual(os.listdir(os.path.join(self.house.base, ".config", "systemd", "user")), [])

    def test_who_connects_starts_it(self):
        self.house.ctl("service", "enable", code=0)
        self.systemctl("stop", self.unit + ".service")
        self.assertEqual(self.show(".service", "ActiveState"), "inactive")
        self.house.wait(code=1)
        self.assertEqual(self.show(".service", "ActiveState"), "active")
        self.house.ctl("stop", code=0)
        self.house.ctl("restart", code=0)
        self.assertEqual(self.house.status()["pid"], int(self.show(".service", "MainPID")))

    def test_any_path_will_do(self):
        root = os.path.join(self.house.base, "50% $HOME it's \u00e9 -x.y")
        os.rename(self.house.root, root)
        self.house.root = root
        self.unit = "sniffer@%s" % escaped(root)
        self.house.ctl("service", "enable", code=0)
        self.assertEqual(self.house.wait(code=1)["root"], root)
        self.assertEqual(self.house.status()["pid"], int(self.show(".service", "MainPID")))

    def test_a_reload_reads_the_settings(self):
        self.house.ctl("service", "enable", code=0)
        self.house.wait(code=1)
        before = self.show(".service", "MainPID")
        self.systemctl("reload", self.unit + ".service")
        self.assertEqual(self.show(".service", "ActiveState"), "active")
        self.assertEqual(self.show(".service", "MainPID"), before)

    def test_killed_it_comes_back(self):
        self.house.ctl("service", "enable", code=0)
        self.systemctl("kill", "--kill-who=main", "--signal=KILL", self.unit + ".service")
        self.house.wait(code=1)  # the socket kept whoever came meanwhile
        self.assertEqual(self.show(".service", "NRestarts"), "1")

    def test_a_daemon_that_hangs_is_replaced(self):
        put(os.path.join(self.house.base, "units", "sniffer@.service.d", "soon.conf"),
            "[Service]\nWatchdogSec=1s\n")
        self.house.ctl("service", "enable", code=0)
        self.house.wait(code=1)
        self.systemctl("kill", "--kill-who=main", "--signal=STOP", self.unit + ".service")
        self.house.wait(code=1)
        self.assertEqual(self.show(".service", "NRestarts"), "1")

    def test_stopping_leaves_nobody(self):
        self.house.write("test_left.py", """
            import os, signal, time
            def test_left():
                open("begun", "w").close()
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                time.sleep(10000)
            """)
        os.mkfifo(self.house.path("begun"))
        self.house.ctl("service", "enable", code=0)
        with open(self.house.path("begun"), encoding="utf-8"):
            pass
        group = "/sys/fs/cgroup" + self.show(".service", "ControlGroup")
        self.systemctl("stop", self.unit + ".service")
        self.assertFalse(os.path.exists(group), group)


if __name__ == "__main__":
    unittest.main()
