"""What people type: the daemon's life, the project's place, and its settings."""

import json
import os
import re
import stat

from cli import CliTest
from house import PYTHON, main

TRIES = 100
# Each needs a daemon and starts none.
ASKING = (["status"], ["status", "--json"], ["status", "--short"], ["results"], ["files"],
          ["deps", "test_good.py"], ["affected", "test_good.py"], ["why", "test_good.py"],
          ["run", "--all"], ["touch", "test_good.py"], ["events"], ["pause"], ["resume"], ["focus", "--off"],
          ["stop"])


def is_gone(pid):
    """No process, or one that only waits for its parent to look."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


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
