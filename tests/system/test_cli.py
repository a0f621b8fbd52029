"""What people type: each command, its exit codes, its JSON keys, against the real daemon."""

import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

from house import BUILD, House, HouseTest, PYTHON, TIMEOUT, main

CTL = os.path.join(BUILD, "snifferctl")

TRIES = 100
GREEN = {"test_good.py": "def test_good():\n    pass\n"}
MIXED = {
    "shop/__init__.py": "",
    "shop/price.py": """\
        def of(item):
            return {"apple": 2}[item]
        """,
    "tests/__init__.py": "",
    "tests/test_price.py": """\
        import unittest
        from shop import price

        def test_apple():
            assert price.of("apple") == 2

        def test_pear():
            price.of("pear")

        def test_sum():
            assert price.of("apple") + 1 == 4, "two & <three>"

        class TestLater:
            @unittest.skip("not yet")
            def test_plum(self):
                pass
        """,
    "tests/test_text.py": """\
        def test_upper():
            assert "a".upper() == "A"
        """,
}
COUNTS = {"tests": 5, "successes": 2, "errors": 1, "failures": 1, "skipped": 1, "to_be_run": 0}
RED = {"test_pear": ("error", "KeyError"), "test_sum": ("failure", "AssertionError")}

STATUS = {"state", "message", "stats", "running", "queue", "root", "pid", "version", "backend"}
KEYS = {
    "status": STATUS,
    "wait": STATUS | {"seen_ms", "waited_ms"},
    "results": {"file", "test", "outcome", "current", "duration_ms", "exception", "report"},
    "files": {"file", "state", "runs", "outcome", "duration_ms", "tests", "last_run", "from_cache"},
    "deps": {"file", "path", "kind", "detail", "holds"},
    "why": {"file", "reason", "path", "detail"},
}
KINDS = {"code", "content", "listing", "presence", "search", "environment"}
REASONS = {"changed", "deleted", "added", "forced", "new", "failed-import", "environment", "never_run"}

# Each needs a daemon and starts none.
ASKING = (["status"], ["status", "--json"], ["status", "--short"], ["results"], ["files"],
          ["deps", "test_good.py"], ["affected", "test_good.py"], ["why", "test_good.py"],
          ["run", "--all"], ["touch", "test_good.py"], ["events"], ["pause"], ["resume"], ["focus", "--off"],
          ["stop"])
COMMANDS = ("start", "stop", "restart", "status", "wait", "check", "results", "files", "deps", "affected",
            "why", "run", "touch", "events", "socket", "doctor", "pause", "resume",
            "focus", "debug")


def is_gone(pid):
    """No process, or one that only waits for its parent to look."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Talk:
    """A client by hand: a socket, lines of JSON."""

    def __init__(self, house):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(house.ctl("socket", code=0).stdout.strip())
        self.lines = self.socket.makefile("r", encoding="utf-8")

    def say(self, line):
        self.socket.sendall((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")

    def hear(self):
        line = self.lines.readline()
        return json.loads(line) if line else None

    def hear_until(self, wanted):
        """The first message of which WANTED(message) is true."""
        while True:
            message = self.hear()
            if message is None or wanted(message):
                return message

    def close(self):
        self.lines.close()
        self.socket.close()


class CliTest(HouseTest):
    FILES = GREEN

    def bare(self, *arguments, cwd=None, **environment):
        """snifferctl without -C."""
        variables = {name: value for name, value in dict(self.house.environment, **environment).items()
                     if value is not None}
        return subprocess.run([CTL, *arguments], cwd=cwd or self.house.root, env=variables,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=TIMEOUT)

    def talk(self):
        talk = Talk(self.house)
        self.addCleanup(talk.close)
        return talk

    def assert_one_line(self, done):
        """What went wrong is one line on stderr, and stdout has nothing of it."""
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.endswith("\n"))
        self.assertRegex(done.stderr, r"\Asniffer(ctl|d): .")

    def runs_now(self):
        return self.house.ctl("status").returncode == 0


# ---- the daemon's life ---------------------------------------------------------------------


class Life(CliTest):
    def test_start_returns_once_the_socket_answers(self):
        done = self.house.ctl("start", code=0)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"\Asniffer: the first time in [^\n]*\n\Z")
        hello = self.talk().hear()
        self.assertEqual(hello["params"]["pid"], self.house.status()["pid"])
        with open("/proc/%d/comm" % hello["params"]["pid"]) as file:
            self.assertEqual(file.read().strip(), "snifferd")

    def test_start_on_a_running_daemon_is_0_and_leaves_it_alone(self):
        self.start()
        pid = self.house.status()["pid"]
        self.start()
        self.assertEqual(self.house.status()["pid"], pid)

    def test_after_stop_the_pid_is_gone(self):
        self.start()
        self.house.wait(code=0)
        pid = self.house.status()["pid"]
        path = self.house.ctl("socket").stdout.strip()
        self.assertFalse(is_gone(pid))
        self.house.ctl("stop", code=0)
        self.assertTrue(is_gone(pid))
        self.assertFalse(os.path.exists(path))
        self.assert_one_line(self.house.ctl("stop", code=3))

    def test_stop_does_not_wait_for_what_runs(self):
        fifo = os.path.join(self.house.base, "fifo")
        os.mkfifo(fifo)
        self.house.write("test_slow.py", "def test_slow():\n    open(%r, 'w')\n    open(%r)\n" % (fifo, fifo))
        self.start()
        with open(fifo):  # the test is on, and waits for somebody to write
            self.house.ctl("stop", code=0)

    def test_restart_brings_another_daemon(self):
        self.house.ctl("restart", code=0)
        pid = self.house.status()["pid"]
        self.house.ctl("restart", code=0)
        self.assertTrue(is_gone(pid))
        self.assertNotEqual(self.house.status()["pid"], pid)

    def test_without_a_daemon_asking_is_3_and_starts_none(self):
        for arguments in ASKING:
            with self.subTest(command=" ".join(arguments)):
                done = self.house.ctl(*arguments, code=3)
                self.assert_one_line(done)
                self.assertIn("no daemon runs for %s" % self.house.root, done.stderr)
                self.assertIn("snifferctl start", done.stderr)
        self.assertFalse(os.path.exists(self.house.ctl("socket", code=0).stdout.strip()))

    def test_doctor_works_without_a_daemon(self):
        done = self.house.ctl("doctor", code=0)
        self.assertIn("none answers", done.stdout)

    def test_status_and_doctor_say_what_is_warm(self):
        self.house.write("pyproject.toml", '[tool.sniffer]\npython = "%s"\nframework = "pytest"\njobs = 1\n'
                         % PYTHON)
        self.house.write("db/conftest.py", "import random\nrandom.seed(1)\n")
        self.house.write("db/test_db.py", "def test_db():\n    pass\n")
        self.house.wait(code=0)
        # No layer is made of what was saved this very moment.
        for _ in range(TRIES):
            self.house.ctl("run", "test_good.py", code=0)
            self.house.ctl("run", "db/test_db.py", code=0)
            status = self.house.wait(code=0)
            checks = {check["name"]: check for check in self.house.records("doctor", "--json", code=0)}
            if status["warm"]["layers"] == 1 and "without" in checks["warm"]["message"]:
                break
        self.assertEqual((status["warm"]["hosts"], status["warm"]["layers"]), (1, 1))
        self.assertIn("db (random numbers are drawn, or seeded); ", checks["warm"]["message"])

    def test_wait_starts_the_daemon_and_leaves_it(self):
        self.assertEqual(self.house.wait(code=0)["stats"]["successes"], 1)
        self.assertTrue(self.runs_now())

    def test_check_starts_the_daemon_and_leaves_it(self):
        self.house.ctl("check", code=0)
        self.assertTrue(self.runs_now())

    def test_check_once_stops_what_it_started(self):
        self.house.ctl("check", "--once", code=0)
        self.assertFalse(self.runs_now())
        self.house.write("test_bad.py", "def test_bad():\n    assert False\n")
        done = self.house.ctl("check", "--once", code=1)
        self.assertIn("test_bad", done.stdout)
        self.assertFalse(self.runs_now())

    def test_check_once_leaves_the_daemon_that_ran_before(self):
        self.start()
        pid = self.house.status()["pid"]
        self.house.ctl("check", "--once", code=0)
        self.assertEqual(self.house.status()["pid"], pid)

    def test_a_daemon_that_cannot_start_is_3_and_says_why(self):
        self.house.environment["SNIFFER_PLUGIN"] = os.path.join(self.house.base, "nothing")
        for command in ("start", "wait", "check", "restart"):
            with self.subTest(command=command):
                done = self.house.ctl(command, code=3)
                self.assert_one_line(done)
                self.assertIn("sniffer_host.py", done.stderr)

    def test_a_wrong_option_for_the_daemon_is_wrong_usage(self):
        for options in (["--jobs", "0"], ["--jobs", "many"], ["--backend", "magic"], ["--log-level", "loud"]):
            with self.subTest(options=options):
                done = self.house.ctl("start", *options, code=2)
                self.assert_one_line(done)
                self.assertIn(options[0], done.stderr)

    def test_the_python_option_reaches_the_daemon_and_beats_the_setting(self):
        nothing = os.path.join(self.house.base, "no-python")
        self.house.ctl("start", "--python", nothing, code=0)
        done = self.house.ctl("wait", code=5)
        self.assert_one_line(done)
        self.assertIn(nothing, done.stderr)
        status = self.house.status()
        self.assertEqual(status["state"], "error")
        self.assertIn(nothing, status["message"])
        self.house.ctl("check", code=5)
        self.house.ctl("restart", code=0)
        self.house.wait(code=0)


class Place(CliTest):
    """Where the root is, and what is put there."""

    def root_of(self, folder, **environment):
        done = self.bare("status", cwd=folder, **environment)
        self.assertEqual(done.returncode, 3, done.stderr)
        return re.search("no daemon runs for (.*); ", done.stderr).group(1)

    def folder(self, *names):
        path = os.path.join(self.house.base, *names)
        os.makedirs(path, exist_ok=True)
        return path

    def test_the_root_is_the_nearest_parent_with_a_mark(self):
        for mark in ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini", ".git"):
            with self.subTest(mark=mark):
                root = self.folder(mark.strip("."), "root")
                deep = self.folder(mark.strip("."), "root", "a", "b")
                with open(os.path.join(root, mark), "w"):
                    pass
                self.assertEqual(self.root_of(deep), root)
                self.assertEqual(self.root_of(root), root)

    def test_a_state_folder_further_up_beats_a_nearer_mark(self):
        root = self.folder("outer")
        inner = self.folder("outer", "inner")
        with open(os.path.join(inner, "setup.py"), "w"):
            pass
        self.assertEqual(self.root_of(inner), inner)
        self.folder("outer", ".sniffer")
        self.assertEqual(self.root_of(inner), root)

    def test_a_folder_without_marks_is_its_own_root(self):
        folder = self.folder("plain", "folder")
        self.assertEqual(self.root_of(folder), folder)

    def test_c_names_the_project_before_the_command(self):
        elsewhere = self.folder("elsewhere")
        self.assertEqual(self.bare("-C", self.house.root, "wait", cwd=elsewhere).returncode, 0)
        self.assertEqual(self.bare("-C", self.house.path(), "status", cwd=elsewhere).returncode, 0)
        done = self.bare("status", "-C", self.house.root, cwd=elsewhere)
        self.assertEqual(done.returncode, 2)
        self.assert_one_line(done)
        self.assertIn("before the command", done.stderr)
        done = self.bare("-C", os.path.join(elsewhere, "nothing"), "status")
        self.assertEqual(done.returncode, 2)
        self.assert_one_line(done)

    def test_without_c_the_project_is_that_of_the_working_directory(self):
        self.house.write("tests/deep_tests/test_deep.py", "def test_deep():\n    pass\n")
        self.house.wait(code=0)
        done = self.bare("status", "--json", cwd=self.house.path("tests", "deep_tests"))
        self.assertEqual(json.loads(done.stdout)["root"], self.house.root)
        done = self.bare("results", "--json", "test_deep.py", cwd=self.house.path("tests", "deep_tests"))
        self.assertEqual(json.loads(done.stdout)["file"], "tests/deep_tests/test_deep.py")

    def test_after_c_names_are_meant_from_there(self):
        self.house.write("tests/test_deep.py", "def test_deep():\n    pass\n")
        self.house.wait(code=0)
        elsewhere = self.folder("elsewhere")
        for directory, name in ((self.house.root, "tests/test_deep.py"), (self.house.path("tests"), "test_deep.py"),
                                ("../project", "tests/test_deep.py"),
                                (self.house.root, self.house.path("tests/test_deep.py"))):
            with self.subTest(directory=directory, name=name):
                done = self.bare("-C", directory, "results", "--json", name, cwd=elsewhere)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(json.loads(done.stdout)["file"], "tests/test_deep.py")

    def test_the_sockets_place(self):
        runtime = os.path.join(self.house.environment["XDG_RUNTIME_DIR"], "sniffer")
        name = r"/project-[0-9a-f]{16}\.sock\n\Z"
        self.assertRegex(self.bare("socket").stdout, re.escape(runtime) + name)
        self.assertRegex(self.bare("socket", XDG_RUNTIME_DIR=None).stdout,
                         r"\A/tmp/sniffer-%d" % os.getuid() + name)
        own = os.path.join(self.house.base, "own.sock")
        self.assertEqual(self.bare("socket", SNIFFER_SOCKET=own).stdout, own + "\n")

    def test_a_socket_of_ones_own_is_used(self):
        own = os.path.join(self.house.base, "run", "own.sock")
        self.house.environment["SNIFFER_SOCKET"] = own
        self.house.wait(code=0)
        self.assertTrue(stat.S_ISSOCK(os.stat(own).st_mode))
        self.house.ctl("stop", code=0)
        self.assertFalse(os.path.exists(own))

    def test_the_socket_is_the_users_alone(self):
        old = os.umask(0)
        try:
            self.start()
        finally:
            os.umask(old)
        path = self.house.ctl("socket").stdout.strip()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertTrue(stat.S_ISSOCK(os.stat(path).st_mode))
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)

    def test_the_state_folder_keeps_out_of_the_way(self):
        self.start()
        with open(self.house.path(".sniffer", ".gitignore")) as file:
            self.assertEqual(file.read(), "*\n")
        with open(self.house.path(".sniffer", "CACHEDIR.TAG")) as file:
            self.assertTrue(file.read().startswith("Signature: 8a477f597d28d172789f06886806bc55\n"))
        self.assertEqual(set(os.listdir(self.house.root)), {".sniffer", "pyproject.toml", "test_good.py"})


# ---- questions -----------------------------------------------------------------------------


class SharedTest(CliTest):
    """One project for all: nothing in these tests changes it."""

    @classmethod
    def setUpClass(cls):
        if PYTHON is None:
            raise unittest.SkipTest("no interpreter here has nose")
        cls.shared = House(MIXED)
        cls.addClassCleanup(cls.shared.close)
        cls.shared.wait(code=1)

    def setUp(self):
        self.house = self.shared


class Questions(SharedTest):
    def line_of(self, path, text):
        with open(self.house.path(path), encoding="utf-8") as file:
            return next(number for number, line in enumerate(file, 1) if text in line)

    def test_json_has_the_keys(self):
        asked = {"status": [], "wait": [], "results": [], "files": [], "deps": ["tests/test_price.py"],
                 "why": ["tests/test_price.py"]}
        for command, operands in asked.items():
            with self.subTest(command=command):
                done = self.house.ctl(command, "--json", *operands, code=1 if command == "wait" else 0)
                records = [json.loads(line) for line in done.stdout.splitlines()]
                self.assertTrue(records)
                for record in records:
                    self.assertLessEqual(KEYS[command], set(record))

    def test_status(self):
        status = self.house.status()
        self.assertEqual(status["stats"], COUNTS)
        self.assertEqual((status["state"], status["message"], status["running"], status["queue"]),
                         ("idle", "", [], []))
        self.assertEqual(status["root"], self.house.root)
        self.assertIn(status["backend"], ("inotify", "fanotify"))
        self.assertIn("snifferctl " + status["version"], self.bare("--version").stdout)

    def test_stats_equal_the_counts_of_the_results(self):
        outcomes = [record["outcome"] for record in self.house.results().values()]
        plural = {"success": "successes", "failure": "failures", "error": "errors", "skipped": "skipped"}
        counts = {plural[outcome]: outcomes.count(outcome) for outcome in plural}
        self.assertEqual(dict(counts, tests=len(outcomes), to_be_run=0), COUNTS)

    def test_wait_is_1_when_something_is_red(self):
        status = self.house.records("wait", "--json", code=1)[0]
        self.assertEqual(status["stats"], COUNTS)
        self.assertGreaterEqual(status["waited_ms"], status["seen_ms"])
        self.assertGreaterEqual(status["seen_ms"], 0)

    def test_results(self):
        results = self.house.results()
        self.assertEqual({test: record["outcome"] for (_, test), record in results.items()},
                         {"test_apple": "success", "test_pear": "error", "test_sum": "failure",
                          "TestLater.test_plum": "skipped", "test_upper": "success"})
        for (_, test), record in results.items():
            self.assertIs(record["current"], True)
            self.assertIsInstance(record["duration_ms"], float)
            if test in RED:
                self.assertEqual(record["exception"], RED[test][1])
                self.assertIn("Traceback", record["report"])
        apple = results["tests/test_price.py", "test_apple"]
        self.assertEqual((apple["exception"], apple["report"]), (None, None))

    def test_results_of_some_files(self):
        self.assertEqual({key[0] for key in self.house.results("tests/test_text.py")},
                         {"tests/test_text.py"})
        self.assertEqual(len(self.house.results("tests/test_text.py", "tests/test_price.py")), 5)

    def test_results_failed(self):
        records = self.house.records("results", "--json", "--failed")
        self.assertEqual({r["test"]: (r["outcome"], r["exception"]) for r in records}, RED)
        self.assertEqual(self.house.ctl("results", "--failed", "tests/test_text.py", code=0).stdout, "")

    def test_quickfix_points_at_the_failing_line(self):
        lines = self.house.ctl("results", "--format", "quickfix", code=0).stdout.splitlines()
        price = self.line_of("shop/price.py", "return")
        total = self.line_of("tests/test_price.py", "+ 1 == 4")
        self.assertEqual(sorted(lines), [
            "shop/price.py:%d: test_pear: KeyError: 'pear'" % price,
            "tests/test_price.py:%d: test_sum: AssertionError: two & <three>" % total])
        with self.subTest("whole names from a folder below the root"):
            done = self.bare("results", "--format", "quickfix", cwd=self.house.path("tests"))
            self.assertIn(self.house.path("shop/price.py:%d: " % price), done.stdout)

    def test_files(self):
        files = {record["file"]: record for record in self.house.records("files", "--json")}
        self.assertEqual({file: (r["state"], r["outcome"], r["tests"], r["runs"], r["from_cache"])
                          for file, r in files.items()},
                         {"tests/test_price.py": ("current", "error", 4, 1, False),
                          "tests/test_text.py": ("current", "success", 1, 1, False)})
        for record in files.values():
            self.assertRegex(record["last_run"], r"\A20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")
            self.assertGreater(record["duration_ms"], 0)

    def test_deps(self):
        records = self.house.records("deps", "--json", "tests/test_price.py")
        self.assertLessEqual({record["kind"] for record in records}, KINDS)
        self.assertIn(("shop/price.py", "code"), {(r["path"], r["kind"]) for r in records})
        self.assertEqual({(r["file"], r["holds"]) for r in records}, {("tests/test_price.py", True)})

    def test_affected(self):
        for paths, files in ((["shop/price.py"], {"tests/test_price.py"}),
                             (["shop"], {"tests/test_price.py"}),
                             (["tests/__init__.py"], {"tests/test_price.py", "tests/test_text.py"}),
                             (["shop/nobody_asks.txt"], set()),
                             ([self.house.path("shop/price.py"), "tests/test_text.py"],
                              {"tests/test_price.py", "tests/test_text.py"})):
            with self.subTest(paths=paths):
                records = self.house.records("affected", "--json", *paths)
                self.assertEqual({record["file"] for record in records}, files)

    def test_why(self):
        records = self.house.records("why", "--json", "tests/test_price.py", "tests/test_text.py")
        self.assertEqual([record["file"] for record in records], ["tests/test_price.py", "tests/test_text.py"])
        self.assertLessEqual({record["reason"] for record in records}, REASONS)

    def test_the_socket_is_told(self):
        path = self.house.ctl("socket", code=0).stdout
        self.assertTrue(stat.S_ISSOCK(os.stat(path.rstrip("\n")).st_mode))

    def test_status_short_is_one_line(self):
        short = self.bare("status", "--short", LC_ALL="C").stdout
        self.assertEqual(short, "FAIL 2 of 5\n")
        self.assertEqual(self.bare("status", "--short", LC_ALL="C.UTF-8").stdout, "✘ 2 of 5\n")

    def test_status_format_fills_in_what_is_named(self):
        done = self.house.ctl("status", "--format", "%{failures}+%{errors} of %{tests}, %{successes} "
                              "%{skipped} %{to_be_run} %{state} 100%%", code=0)
        self.assertEqual(done.stdout, "1+1 of 5, 2 1 0 idle 100%\n")
        self.assert_one_line(self.house.ctl("status", "--format", "%{nothing}", code=2))

    def test_for_people_all_is_told(self):
        text = self.house.ctl("status", code=0).stdout
        for part in (self.house.root, "idle", "5, 2 passed, 1 failure, 1 error, 1 skipped"):
            self.assertIn(part, text)
        self.assertRegex(self.house.ctl("results", code=0).stdout,
                         r"(?m)^failure +tests/test_price\.py +test_sum +")
        self.assertRegex(self.house.ctl("files", code=0).stdout,
                         r"(?m)^error +tests/test_price\.py +current +4 tests")
        self.assertRegex(self.house.ctl("deps", "tests/test_price.py", code=0).stdout,
                         r"(?m)^holds +tests/test_price\.py +code +shop/price\.py")

    @unittest.skipUnless(os.path.exists("/dev/pts/ptmx"), "no pseudo-terminals here")
    def test_escapes_only_on_a_terminal_and_never_with_no_color(self):
        def on_terminal(arguments, **environment):
            main_end, terminal = pty.openpty()
            program = subprocess.Popen([CTL, "-C", self.house.root, *arguments],
                                       env=dict(self.house.environment, TERM="xterm", **environment),
                                       stdin=terminal, stdout=terminal, stderr=terminal)
            os.close(terminal)
            text = b""
            try:
                while True:
                    text += os.read(main_end, 65536)
            except OSError:  # EIO: the other end is closed
                pass
            os.close(main_end)
            program.wait()
            return text

        self.house.environment.pop("NO_COLOR", None)
        for arguments in (["status"], ["status", "--short"], ["results"], ["files"], ["check"],
                          ["why", "tests/test_price.py"], ["deps", "tests/test_price.py"]):
            with self.subTest(command=arguments):
                done = self.house.ctl(*arguments)
                self.assertNotIn("\x1b", done.stdout + done.stderr)
                self.assertTrue(done.stdout)
                self.assertIn(b"\x1b[", on_terminal(arguments))
                self.assertNotIn(b"\x1b", on_terminal(arguments, NO_COLOR="1"))
        self.assertNotIn(b"\x1b", on_terminal(["results", "--json"]))

    def test_doctor(self):
        checks = self.house.records("doctor", "--json", code=0)
        self.assertTrue(all(set(check) == {"name", "ok", "message"} for check in checks))
        self.assertTrue(all(check["ok"] for check in checks), checks)
        self.assertLessEqual({"socket", "framework", "daemon"}, {check["name"] for check in checks})
        self.assertIn(str(self.house.status()["pid"]), self.house.ctl("doctor", code=0).stdout)

    def test_each_command_has_its_help(self):
        whole = self.bare("--help")
        self.assertEqual((whole.returncode, whole.stderr), (0, ""))
        for command in COMMANDS:
            with self.subTest(command=command):
                self.assertRegex(whole.stdout, r"(?m)^  %s +\w" % command)
                done = self.bare(command, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertTrue(done.stdout.startswith("usage: snifferctl [-C DIR] %s" % command))
        for program in ("snifferctl", "snifferd"):
            done = subprocess.run([os.path.join(BUILD, program), "--version"], stdout=subprocess.PIPE,
                                  universal_newlines=True)
            self.assertRegex(done.stdout, r"\A%s \d+\.\d+\.\d+\n\Z" % program)
            self.assertEqual(done.returncode, 0)

    def test_wrong_usage_is_2(self):
        for arguments in ([], ["nonsense"], ["--nonsense"], ["status", "--nonsense"], ["status", "x"],
                          ["status", "--json", "--short"], ["wait", "--timeout"], ["wait", "--timeout", "soon"],
                          ["wait", "--timeout", "-1"], ["results", "--format", "nonsense"], ["deps"],
                          ["affected"], ["why"], ["run"], ["run", "--all", "tests/test_text.py"], ["touch"],
                          ["events", "nonsense"], ["stop", "now"], ["socket", "x"]):
            with self.subTest(arguments=arguments):
                done = self.house.ctl(*arguments, code=2)
                self.assert_one_line(done)
                self.assertIn("--help", done.stderr)

    def test_what_the_daemon_refuses_is_5(self):
        for command in ("results", "deps", "why", "run"):
            with self.subTest(command=command):
                done = self.house.ctl(command, "shop/price.py", code=5)
                self.assert_one_line(done)
                self.assertIn("shop/price.py", done.stderr)


class Check(SharedTest):
    def test_failures_are_shown_with_their_reports(self):
        text = self.house.ctl("check", code=1).stdout
        for test, (outcome, exception) in RED.items():
            self.assertIn("%s  tests/test_price.py  %s  %s\n" % (outcome, test, exception), text)
        self.assertIn("    KeyError: 'pear'\n", text)
        self.assertIn("2 of 5 tests failed: 1 failure, 1 error, 1 skipped", text.splitlines()[-1])
        self.assertNotIn("test_apple", text)

    def test_json_is_the_failures_alone(self):
        records = self.house.records("check", "--json", code=1)
        self.assertEqual({r["test"]: (r["outcome"], r["exception"]) for r in records}, RED)
        for record in records:
            self.assertLessEqual(KEYS["results"], set(record))

    def test_junit_xml_has_every_test(self):
        path = os.path.join(self.house.base, "junit.xml")
        self.house.ctl("check", "--junit-xml", path, code=1)
        root = ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, "testsuites")
        counts = ("tests", "failures", "errors", "skipped")
        self.assertEqual({name: int(root.get(name)) for name in counts},
                         {name: COUNTS[name] for name in counts})
        suites = {suite.get("name"): suite for suite in root}
        self.assertEqual(set(suites), {"tests/test_price.py", "tests/test_text.py"})
        for suite in suites.values():
            self.assertEqual(int(suite.get("tests")), len(suite.findall("testcase")))
        cases = {case.get("name"): case for case in root.iter("testcase")}
        self.assertEqual(set(cases), {"test_apple", "test_pear", "test_sum", "test_plum", "test_upper"})
        self.assertEqual(cases["test_plum"].get("classname"), "tests.test_price.TestLater")
        self.assertEqual(cases["test_upper"].get("classname"), "tests.test_text")
        self.assertEqual([child.tag for child in cases["test_apple"]], [])
        self.assertEqual([child.tag for child in cases["test_plum"]], ["skipped"])
        for test, (outcome, exception) in RED.items():
            (child,) = cases[test]
            self.assertEqual((child.tag, child.get("type")), (outcome, exception))
            self.assertIn("Traceback", child.text)
        self.assertEqual(cases["test_sum"][0].get("message"), "AssertionError: two & <three>")

    def test_a_junit_file_that_cannot_be_written_is_told(self):
        done = self.house.ctl("check", "--junit-xml", self.house.path("no", "such", "folder.xml"), code=2)
        self.assert_one_line(done)


# ---- orders --------------------------------------------------------------------------------


class Orders(CliTest):
    FILES = {
        "value.txt": "one\n",
        "test_value.py": """\
            def test_value():
                with open("value.txt") as file:
                    assert file.read() == "one\\n"
            """,
        **GREEN,
    }

    def setUp(self):
        super().setUp()
        self.start()
        self.house.wait(code=0)

    def test_a_green_check_is_0(self):
        done = self.house.ctl("check", code=0)
        self.assertIn("2 tests passed", done.stdout)
        self.assertEqual(self.house.ctl("check", "--json", code=0).stdout, "")

    def test_run_says_how_many(self):
        self.assertEqual(self.house.ctl("run", "test_good.py", code=0).stdout, "1 test file will run\n")
        self.house.wait(code=0)
        self.assertEqual(self.house.records("run", "--all", "--json"), [{"wanted": 2}])
        self.house.wait(code=0)
        self.assertEqual(self.house.runs(), {"test_good.py": 3, "test_value.py": 2})
        why = self.house.records("why", "--json", "test_good.py")[0]
        self.assertEqual((why["reason"], why["path"]), ("forced", None))

    def change_unseen(self):
        """Through a mapping, of which the kernel tells nobody."""
        import mmap
        path = self.house.path("value.txt")
        before = os.stat(path)
        file = open(path, "r+b")
        self.addCleanup(file.close)
        mapping = mmap.mmap(file.fileno(), 0)
        self.addCleanup(mapping.close)
        mapping[0:3] = b"two"
        if os.stat(path).st_mtime_ns == before.st_mtime_ns:
            self.skipTest("this file system does not even keep the time of it")

    def test_a_touched_path_is_looked_at(self):
        self.change_unseen()
        self.house.wait(code=0)
        self.house.ctl("touch", "value.txt", code=0)
        self.house.wait(code=1)

    def test_touch_reads_paths_from_stdin(self):
        self.change_unseen()
        self.house.wait(code=0)
        done = self.house.ctl("touch", "-", text="no/such/path\nvalue.txt\n", code=0)
        self.assertEqual((done.stdout, done.stderr), ("", ""))
        self.house.wait(code=1)

    def test_paused_nothing_runs_and_nothing_is_lost(self):
        self.house.ctl("pause", code=0)
        self.house.write("value.txt", "two\n")
        done = self.house.ctl("wait", "--timeout", "0.3", code=4)
        self.assert_one_line(done)
        status = self.house.status()
        while not status["queue"]:  # the change is seen; what follows may be on its way
            status = self.house.status()
        self.assertEqual((status["state"], status["queue"]), ("paused", ["test_value.py"]))
        self.assertEqual(status["stats"]["to_be_run"], 1)
        self.assertEqual([r["current"] for r in self.house.results("test_value.py").values()], [False])
        self.assert_one_line(self.house.ctl("check", "--timeout", "0.1", code=4))
        self.house.ctl("resume", code=0)
        self.house.wait(code=1)

    def test_under_focus_one_test_file_runs_and_the_others_wait(self):
        self.house.write("test_other.py", "import value\n\ndef test_other():\n    pass\n")
        self.house.wait()
        before = self.house.runs()
        self.assert_one_line(self.house.ctl("focus", code=2))
        self.assert_one_line(self.house.ctl("focus", "value.py", code=5))
        self.house.ctl("focus", "test_other.py::test_other", code=0)
        self.assertEqual("test_other.py", self.house.status()["focus"])
        self.house.ctl("run", "--all", code=0)
        self.house.ctl("wait", "--timeout", "2", code=4)
        status = self.house.status()
        self.assertEqual("paused", status["state"])
        self.assertEqual({"test_good.py", "test_value.py"}, set(status["queue"]))
        self.assertIn("test_other.py", status["message"])
        runs = self.house.runs()
        self.assertEqual(before["test_value.py"], runs["test_value.py"])
        self.assertEqual(before["test_other.py"] + 1, runs["test_other.py"])
        self.house.ctl("focus", "--off", code=0)
        self.house.wait()
        self.assertIsNone(self.house.status()["focus"])
        self.assertEqual(before["test_value.py"] + 1, self.house.runs()["test_value.py"])

    def test_a_focus_ends_with_its_test_file(self):
        self.house.write("test_other.py", "def test_other():\n    pass\n")
        self.house.wait()
        self.house.ctl("focus", "test_other.py", code=0)
        self.house.remove("test_other.py")
        self.house.write("value.py", "VALUE = 3\n")
        self.house.wait()
        self.assertIsNone(self.house.status()["focus"])

    def test_a_time_that_is_over_at_once_is_4(self):
        self.house.ctl("pause", code=0)
        self.house.ctl("run", "--all", code=0)
        self.house.ctl("wait", "--timeout", "0", code=4)
        self.house.ctl("resume", code=0)
        self.house.wait(code=0)

    def events(self, *topics):
        # Who runs in the background of a shell is born deaf to SIGINT.
        program = subprocess.Popen([CTL, "-C", self.house.root, "events", *topics],
                                   env=self.house.environment, stdout=subprocess.PIPE,
                                   universal_newlines=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        return program

    def test_events_of_the_topics_asked_for_until_interrupted(self):
        events = self.events("red", "green")
        self.assertEqual(json.loads(events.stdout.readline())["method"], "snapshot")
        self.house.write("value.txt", "two\n")
        self.house.wait(code=1)
        self.house.write("value.txt", "one\n")
        self.assertEqual([json.loads(events.stdout.readline())["method"] for _ in range(2)], ["red", "green"])
        events.send_signal(signal.SIGINT)
        self.assertEqual(events.wait(TIMEOUT), -signal.SIGINT)

    def test_events_are_what_the_socket_sends_verbatim(self):
        talk = self.talk()
        talk.hear()
        talk.say({"id": 1, "method": "subscribe", "params": {"topics": ["red"]}})
        self.assertEqual([talk.hear().get("id"), talk.hear()["method"]], [1, "snapshot"])
        events = self.events("red")
        events.stdout.readline()
        self.house.write("value.txt", "two\n")
        self.assertEqual(events.stdout.readline(), talk.lines.readline())

    def test_events_end_when_the_daemon_leaves(self):
        events = self.events()
        events.stdout.readline()
        self.house.ctl("stop", code=0)
        last = events.stdout.read().splitlines()[-1]
        self.assertEqual(json.loads(last)["method"], "bye")
        self.assertEqual(events.wait(TIMEOUT), 0)


# ---- the socket by hand --------------------------------------------------------------------


class Conversation(CliTest):
    def setUp(self):
        super().setUp()
        self.house.wait(code=0)

    def ask(self, line):
        talk = self.talk()
        talk.hear()
        talk.say(line)
        return talk.hear()

    def test_hello_comes_first_and_unasked(self):
        hello = self.talk().hear()
        self.assertEqual((hello["jsonrpc"], hello["method"]), ("2.0", "hello"))
        params = hello["params"]
        self.assertEqual(params["protocol"]["major"], 1)
        self.assertEqual(params["root"], self.house.root)
        self.assertEqual(params["pid"], self.house.status()["pid"])
        self.assertLessEqual({"status", "results", "wait", "subscribe"},
                             set(params["capabilities"]["methods"]))
        self.assertGreater(params["limits"]["line"], 1000)

    def test_a_reply_has_the_id_of_its_request(self):
        talk = self.talk()
        talk.hear()
        for number in (7, "seven", 0):
            talk.say({"id": number, "method": "status"})
            reply = talk.hear()
            self.assertEqual(reply["id"], number)
            self.assertEqual(reply["jsonrpc"], "2.0")
            self.assertEqual(reply["result"]["stats"]["successes"], 1)
        with self.subTest("many at once get one reply each"):
            for number in range(1, 21):
                talk.say({"jsonrpc": "2.0", "id": number, "method": "files", "params": {}})
            self.assertEqual(sorted(talk.hear()["id"] for _ in range(20)), list(range(1, 21)))

    def test_a_request_without_an_id_is_obeyed_and_never_answered(self):
        talk = self.talk()
        talk.hear()
        talk.say({"method": "pause"})
        talk.say({"method": "no_such_method"})
        talk.say({"id": 1, "method": "status"})
        reply = talk.hear()
        self.assertEqual((reply["id"], reply["result"]["state"]), (1, "paused"))

    def test_mistakes_have_a_kind_and_do_not_end_the_talk(self):
        talk = self.talk()
        talk.hear()
        for line, number, code, kind in (
                ('{"id":1,"method":"no_such_method"}', 1, -32601, "unknown_method"),
                ('{"id":"x","method":"no_such_method"}', "x", -32601, "unknown_method"),
                ("{bad", None, -32700, "parse"),
                ('{"id":2}', 2, -32600, "parse"),
                ('[{"id":3,"method":"status"}]', None, -32600, "unsupported"),
                ('{"id":4,"method":"status","params":[1]}', 4, -32602, "bad_params"),
                ('{"id":5,"method":"deps"}', 5, -32602, "bad_params"),
                ('{"id":6,"method":"why","params":{"files":["nothing.py"]}}', 6, -32602, "bad_params"),
                ('{"id":7,"method":"subscribe","params":{"topics":["x"]}}', 7, -32602, "bad_params"),
                ("{%s}" % (" " * 1048576), None, -32000, "too_long")):
            with self.subTest(line=line[:60]):
                talk.say(line)
                talk.say({"id": "after", "method": "status"})
                reply = talk.hear()
                self.assertEqual(reply["id"], number)
                self.assertEqual((reply["error"]["code"], reply["error"]["data"]["kind"]), (code, kind))
                self.assertEqual(len(reply["error"]["message"].splitlines()), 1)
                self.assertEqual(talk.hear()["id"], "after")

    def test_a_client_that_has_said_all_still_gets_its_answers(self):
        talk = self.talk()  # as `echo ... | nc -U -N` does it
        talk.say({"id": 1, "method": "wait", "params": {"timeout_ms": 60000}})
        talk.say({"id": 2, "method": "files"})
        talk.socket.shutdown(socket.SHUT_WR)
        answers = [talk.hear() for _ in range(4)]
        self.assertEqual(answers[0]["method"], "hello")
        self.assertEqual({answer["id"] for answer in answers[1:3]}, {1, 2})
        self.assertIsNone(answers[3])

    def test_what_the_client_prints_is_what_the_socket_says(self):
        for method, params in (("files", {}), ("results", {}), ("deps", {"files": ["test_good.py"]}),
                               ("why", {"files": ["test_good.py"]}), ("affected", {"paths": ["test_good.py"]})):
            with self.subTest(method=method):
                said = self.ask({"id": 1, "method": method, "params": params})["result"][method]
                operands = [operand for names in params.values() for operand in names]
                self.assertEqual(self.house.records(method, "--json", *operands), said)

    def test_a_subscriber_hears_of_each_result(self):
        talk = self.talk()
        talk.hear()
        talk.say({"id": 1, "method": "subscribe"})
        reply, snapshot = talk.hear(), talk.hear()
        self.assertEqual((reply["id"], snapshot["method"]), (1, "snapshot"))
        self.assertEqual(snapshot["params"]["status"]["stats"]["tests"], 1)
        self.house.write("test_good.py", "def test_good():\n    assert 1 == 2\n")
        first = talk.hear()
        self.assertEqual(first["params"]["seq"], snapshot["params"]["seq"] + 1)
        result = talk.hear_until(lambda message: message["method"] == "result")["params"]
        self.assertEqual((result["file"], result["test"], result["outcome"], result["exception"]),
                         ("test_good.py", "test_good", "failure", "AssertionError"))
        self.assertIn("assert 1 == 2", result["report_text"])

    def test_stop_is_answered_and_then_the_line_ends(self):
        pid = self.house.status()["pid"]
        process = os.pidfd_open(pid)
        self.addCleanup(os.close, process)
        talk = self.talk()
        talk.hear()
        talk.say({"id": 1, "method": "stop"})
        self.assertEqual(talk.hear(), {"jsonrpc": "2.0", "id": 1, "result": {}})
        self.assertIsNone(talk.hear_until(lambda message: False))
        import select
        self.assertTrue(select.select([process], [], [], 10)[0])


# ---- settings ------------------------------------------------------------------------------


class Settings(CliTest):
    MISTAKES = (
        # file, text, where, what must be said
        ("pyproject.toml", '[tool.sniffer]\npython = "%s"\njbos = 3\n', 3, ("jbos", "jobs")),
        ("pyproject.toml", '[tool.other]\nx = 1\n\n[tool.sniffer]\njobs = "many"\n', 5, ("jobs", "many")),
        ("pyproject.toml", "[tool.sniffer]\njobs = 0\n", 2, ("jobs", "0")),
        ("pyproject.toml", "[tool.sniffer]\ntimeout = -1\n", 2, ("timeout", "-1")),
        ("pyproject.toml", '[tool.sniffer]\n\nframework = "tap"\n', 3, ("framework", "tap")),
        ("pyproject.toml", '[tool.sniffer]\nargs = "-v"\n', 2, ("args", "list")),
        ("pyproject.toml", "[tool.sniffer\n", 1, ()),
        ("setup.cfg", "[nosetests]\nverbosity = 1\n[sniffer]\njbos = 3\n", 4, ("jbos", "jobs")),
        ("tox.ini", "[tox]\n[sniffer]\njobs = many\n", 3, ("jobs", "many")),
    )

    def put(self, name, text):
        for other in ("pyproject.toml", "setup.cfg", "tox.ini"):
            if other != name and os.path.exists(self.house.path(other)):
                self.house.remove(other)
        self.house.write(name, text % PYTHON if "%s" in text else text)

    def test_a_mistake_is_told_with_file_line_and_key(self):
        for name, text, line, words in self.MISTAKES:
            with self.subTest(file=name, text=text):
                self.put(name, text)
                done = self.house.ctl("start", code=3)
                self.assert_one_line(done)
                self.assertIn("%s:%d: " % (name, line), done.stderr)
                for word in words:
                    self.assertIn(word, done.stderr)

    def test_the_daemon_keeps_the_last_good_settings_and_says_so(self):
        self.house.wait(code=0)
        good = '[tool.sniffer]\npython = "%s"\nframework = "nose"\n' % PYTHON
        for name, text, line, words in self.MISTAKES:
            if name != "pyproject.toml":
                continue
            with self.subTest(text=text):
                self.put(name, text)
                status = self.house.wait(code=0)
                self.assertIn("%s:%d: " % (name, line), status["message"])
                checks = {c["name"]: c for c in self.house.records("doctor", "--json", code=1)}
                self.assertEqual((checks["settings"]["ok"], checks["settings"]["message"]),
                                 (False, status["message"]))
                self.assertIn(status["message"], self.house.ctl("status", code=0).stdout)
                self.put(name, good)
                self.assertEqual(self.house.wait(code=0)["message"], "")
        self.house.ctl("doctor", code=0)

    def test_settings_are_found_in_each_file(self):
        for name, text in (("pyproject.toml", '[tool.sniffer]\npython = "%s"\nenv = ["COLOUR", "TZ"]\n'),
                           ("setup.cfg", "[sniffer]\npython = %s\nenv = COLOUR TZ\n"),
                           ("tox.ini", "[sniffer]\npython = %s\nenv =\n  COLOUR\n  TZ\n")):
            with self.subTest(file=name):
                self.put(name, text)
                self.house.ctl("restart", code=0)
                self.house.wait(code=0)
                deps = self.house.records("deps", "--json", "test_good.py")
                named = {r["path"] for r in deps if r["kind"] == "environment"}
                self.assertLessEqual({"env:COLOUR", "env:TZ"}, named)

    def test_a_named_variable_is_evidence(self):
        self.house.write("pyproject.toml", '[tool.sniffer]\npython = "%s"\nenv = ["COLOUR"]\n' % PYTHON)
        self.house.wait(code=0)
        runs = self.house.runs()["test_good.py"]
        self.house.environment["OTHER"] = "x"
        self.house.ctl("restart", code=0)
        self.house.wait(code=0)
        self.assertEqual(self.house.runs()["test_good.py"], runs)
        self.house.environment["COLOUR"] = "blue"
        self.house.ctl("restart", code=0)
        self.house.wait(code=0)
        self.assertEqual(self.house.runs()["test_good.py"], runs + 1)
        why = self.house.records("why", "--json", "test_good.py")[0]
        self.assertEqual(why["reason"], "environment")


if __name__ == "__main__":
    main()
