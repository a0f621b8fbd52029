"""What people type to ask: each command, its exit codes, its JSON keys, against the real daemon."""

import json
import os
import pty
import stat
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

from cli import COUNTS, CTL, MIXED, RED, STATUS, CliTest
from house import BUILD, House, PYTHON, main

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


if __name__ == "__main__":
    main()
