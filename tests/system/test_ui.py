"""sniffer, the real program: in tmux with keys sent and the screen read, and on a terminal of our
own against a daemon that says what the test wants."""

import json
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import house

SNIFFER = os.path.join(house.BUILD, "sniffer")
PATIENCE = 60
RED = {"tests/test_a.py": """
           def test_good():
               pass
           def test_bad():
               assert "left" == "right", "words of mine"
           """,
       "tests/test_b.py": """
           def test_also_bad():
               raise ValueError("second")
           """}


class Tmux:
    """A terminal with sniffer in it."""

    def __init__(self, scene, command="sniffer", size=(80, 24), **variables):
        self.server = ["tmux", "-L", "sniffer-%d-%d" % (os.getpid(), id(self)), "-f", "/dev/null"]
        self.environment = dict(scene.environment, LC_ALL="C.UTF-8", SHELL="/bin/sh",
                                PS1="shell> ", PATH=house.BUILD + ":" + os.environ["PATH"],
                                # Whose terminal is gone is never through with looking for leaks.
                                ASAN_OPTIONS="detect_leaks=0", **variables)
        self.environment.pop("TMUX", None)
        self.command = command
        self.run("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", scene.root,
                 "exec sh -i")
        self.wait("shell>")
        self.type(command, "Enter")

    def run(self, *arguments):
        done = subprocess.run([*self.server, *arguments], env=self.environment, check=True,
                              stdout=subprocess.PIPE, universal_newlines=True)
        return done.stdout

    def type(self, *keys):
        self.run("send-keys", *keys)

    def screen(self):
        return self.run("capture-pane", "-p")

    def wait(self, *texts, gone=()):
        """Until all TEXTS are on the screen, and none of GONE."""
        deadline = time.monotonic() + PATIENCE
        while True:
            screen = self.screen()
            if all(text in screen for text in texts) and not any(text in screen for text in gone):
                return screen
            if time.monotonic() > deadline:
                raise AssertionError("not seen: %r\n%s" % (texts, screen))
            time.sleep(0.02)

    def close(self):
        subprocess.run([*self.server, "kill-server"], env=self.environment,
                       stderr=subprocess.DEVNULL)


@unittest.skipIf(shutil.which("tmux") is None, "tmux is not installed")
class Screen(house.HouseTest):
    FILES = RED

    def open(self, **options):
        tmux = Tmux(self.house, **options)
        self.addCleanup(tmux.close)
        return tmux

    def test_it_starts_the_daemon_and_shows_what_fails(self):
        tmux = self.open()
        screen = tmux.wait("2 of 3 tests fail", "words of mine", "test_also_bad", "current since")
        self.assertIn("1 passed", screen)

    def test_mended_and_broken_again_is_seen_at_once(self):
        tmux = self.open()
        tmux.wait("2 of 3 tests fail")
        for path in RED:
            self.house.write(path, "def test_good():\n    pass\n")
        tmux.wait("all pass", "Nothing fails", gone=["words of mine"])
        self.house.write("tests/test_b.py", "def test_third():\n    assert 1 == 3, 'broken anew'\n")
        tmux.wait("1 of 2 tests fails", "broken anew")

    def test_keys(self):
        tmux = self.open()
        tmux.wait("2 of 3 tests fail", "current since")
        tmux.type("?")
        tmux.wait("follow what the tests print")
        tmux.type("q")
        tmux.wait("words of mine", "1/2")
        tmux.type("n")
        tmux.wait("2/2")
        tmux.type("/", "also", "Enter")
        tmux.wait("/also 1", gone=["words of mine"])
        tmux.type("w")
        tmux.wait("Why: tests/test_b.py", "reason")
        tmux.type("q", "d")
        tmux.wait("What it rests on:", "content", "tests/test_b.py")
        tmux.type("q", "Escape")
        tmux.wait("words of mine")
        tmux.type("p")
        tmux.wait("paused")
        tmux.type("p")
        tmux.wait("current since")
        tmux.type("f")
        tmux.wait("only tests/test_")
        focus = self.house.status()["focus"]
        self.assertIn(focus, RED)
        tmux.type("f")
        tmux.wait("current since", gone=["only tests/test_"])
        self.assertIsNone(self.house.status()["focus"])
        before = self.house.runs()
        tmux.type("R")
        tmux.wait("2 test files will run")
        tmux.type("n")
        tmux.wait("current since")
        self.house.wait()
        self.assertEqual({path: count + 1 for path, count in before.items()}, self.house.runs())
        tmux.type("q")
        tmux.wait("The daemon stays", "shell>")
        self.assertEqual("idle", self.house.status()["state"])

    def test_the_editor_opens_at_the_failing_line_and_comes_back(self):
        script = self.house.path("editor")
        self.house.write("editor", '#!/bin/sh\necho "edits $@"\nread answer\n')
        os.chmod(script, 0o755)
        tmux = self.open(EDITOR=script)
        tmux.wait("2 of 3 tests fail", "current since")
        tmux.type("/", "words", "C-u", "test_bad", "Enter", "Enter")
        tmux.wait("edits +5 " + self.house.path("tests/test_a.py"))
        tmux.type("Enter")
        tmux.wait("2 of 3 tests fail", "words of mine")

    def test_a_debugger_has_the_terminal_and_gives_it_back(self):
        self.house.write("tests/test_stops.py", "def test_it():\n    number = 6\n    breakpoint()\n")
        tmux = self.open()
        tmux.wait("3 of 4 tests fail", "current since")
        tmux.type("/", "stops", "Enter", "D")
        tmux.wait("(Pdb)", gone=["tests fail"])
        tmux.type("p number * 7", "Enter")
        tmux.wait("42")
        tmux.type("c", "Enter")
        tmux.wait("enter goes back")
        tmux.type("Enter")
        tmux.wait("3 of 4 tests fail", "DebuggerWanted")

    def test_suspended_and_back(self):
        tmux = self.open()
        tmux.wait("2 of 3 tests fail")
        tmux.type("C-z")
        tmux.wait("shell>", "Stopped", gone=["tests fail"])
        tmux.type("fg", "Enter")
        tmux.wait("2 of 3 tests fail", "words of mine")

    def test_resized(self):
        tmux = self.open()
        tmux.wait("2 of 3 tests fail", "current since")
        for columns, rows in ((20, 5), (300, 100), (80, 24)):
            tmux.run("resize-window", "-x", str(columns), "-y", str(rows))
            screen = tmux.wait("2 of 3 tests" if columns > 20 else "▾ ✘ tests/test_")
            self.assertLessEqual(len(screen.splitlines()), rows)
        tmux.wait("words of mine", "second")

    def test_a_lost_daemon_is_said_and_reconnected_to(self):
        tmux = self.open()
        tmux.wait("2 of 3 tests fail")
        self.house.ctl("stop", code=0)
        tmux.wait("The daemon is gone (stop)", "as it was")
        self.house.ctl("start", code=0)
        tmux.wait("2 of 3 tests fail", "current since", gone=["as it was"])
        self.house.ctl("stop", code=0)
        tmux.wait("The daemon is gone")
        tmux.type("s")
        tmux.wait("2 of 3 tests fail", "current since")

    def test_copied(self):
        tmux = self.open()
        tmux.run("set-option", "-s", "set-clipboard", "on")
        tmux.wait("2 of 3 tests fail", "current since")
        tmux.type("/", "test_bad", "Enter", "c")
        tmux.wait("copied the report of test_bad")
        deadline = time.monotonic() + PATIENCE
        show = [*tmux.server, "show-buffer"]
        while "words of mine" not in subprocess.run(
                show, env=tmux.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                universal_newlines=True).stdout:
            self.assertLess(time.monotonic(), deadline)

    def test_what_fails_is_shown_before_its_file_is_over(self):
        tmux = self.open()
        tmux.wait("2 of 3 tests fail", "current since")
        self.house.write("tests/test_long.py", """
            import os, time

            def test_at_once():
                assert 1 == 3, "seen early"

            def test_long():
                while not os.path.exists("over"):
                    time.sleep(0.01)
            """)
        tmux.wait("tests/test_long.py  test_long", "(in the run that is on)", "seen early",
                  "2 of 3 tests fail")
        self.house.write("over", "")
        tmux.wait("3 of 5 tests fail", "seen early", "current since",
                  gone=["in the run that is on"])

    def test_p_under_a_focus_pauses_and_goes_on(self):
        tmux = self.open()
        tmux.wait("2 of 3 tests fail", "current since")
        tmux.type("f")
        tmux.wait("only tests/test_")
        tmux.type("p")
        tmux.wait("paused: nothing is run")
        focus = self.house.status()["focus"]
        self.house.write(focus, "def test_new():\n    assert 0, 'newly'\n")
        tmux.wait("1 file to be run")
        tmux.type("p")
        tmux.wait("newly", gone=["file to be run"])

    def test_what_was_halted_goes_on_with_p(self):
        self.house.write("pyproject.toml", self.house.read("pyproject.toml")
                         + "fail_fast = true\njobs = 1\n")
        tmux = self.open()
        tmux.wait("halted at a failure; p goes on with 1 file", "p go on")
        tmux.type("p")
        tmux.wait("2 of 3 tests fail", "current since")

    def test_a_dumb_terminal_gets_lines(self):
        tmux = self.open(command="TERM=dumb sniffer", size=(100, 60))
        tmux.wait("failure  tests/test_a.py  test_bad" if house.FRAMEWORK else "", "words of mine",
                  "idle; 3 tests")
        tmux.type("C-c")
        tmux.wait("shell>")

    def test_colours(self):
        for term, colour, expected in (("tmux-256color", "", "48;5;160"), ("screen", "", "[41m"),
                                       ("tmux-256color", "1", None)):
            with self.subTest(term=term, no_color=colour):
                tmux = self.open(command="TERM=%s sniffer" % term, NO_COLOR=colour)
                tmux.wait("2 of 3 tests fail")
                coloured = tmux.run("capture-pane", "-p", "-e")
                bar = coloured.splitlines()[0]
                if expected is not None:
                    self.assertTrue(expected in bar or "41" in bar, repr(bar))
                else:
                    self.assertNotIn("[3", bar.replace("[39", ""))
                    self.assertNotIn("[4", bar.replace("[49", ""))
                tmux.close()


class Played(unittest.TestCase):
    """A daemon of our own: it says what the test wants as fast as the client takes it."""

    RESULTS = 20000

    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="sniffer-test-")
        self.addCleanup(shutil.rmtree, self.base)
        self.root = os.path.join(os.path.realpath(self.base), "project")
        os.makedirs(os.path.join(self.root, ".sniffer"))
        self.path = os.path.join(self.base, "socket")
        self.socket = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.socket.close)
        self.socket.bind(self.path)
        self.socket.listen()

    def say(self, method, **params):
        line = json.dumps({"jsonrpc": "2.0", "method": method, "params": params})
        self.file.write(line.encode() + b"\n")

    def greet(self, peer):
        self.file = peer.makefile("rwb")
        self.say("hello", protocol={"major": 1, "minor": 0}, version="0", root=self.root,
                 pid=os.getpid(), epoch=1, seq=1)
        self.file.flush()
        self.reply(self.asked(), {})

    def asked(self):
        return json.loads(self.file.readline())

    def reply(self, request, result):
        self.file.write(json.dumps({"id": request["id"], "result": result}).encode() + b"\n")
        self.file.flush()

    def snapshot(self, state, stats, **more):
        told = dict(epoch=1, seq=1, why="new", files=[], results=[], complete=True,
                    status=dict(state=state, message="", stats=stats, running=[], queue=[],
                                root=self.root))
        self.say("snapshot", **dict(told, **more))

    def flood(self):
        peer, _ = self.socket.accept()
        with peer:
            self.greet(peer)
            stats = dict(tests=0, successes=0, errors=0, failures=0, skipped=0, to_be_run=1)
            self.snapshot("running", stats)
            for i in range(self.RESULTS):
                self.say("result", file="test_a.py", test="test_%d" % i, current=True, seq=i,
                         outcome="success" if i % 100 else "failure", duration_ms=1, exception="E",
                         report_text="E: number %d" % i)
                self.say("run.output", file="test_a.py", text="output %d\n" % i, seq=i)
                self.say("stats", **dict(stats, tests=i + 1, failures=i // 100 + 1,
                                         successes=i - i // 100, seq=i))
            self.say("state", state="idle", message="", framework=None, python=None,
                     seq=self.RESULTS)
            self.file.flush()
            self.leave.wait(PATIENCE)
            self.file.close()

    def pages(self):
        """A snapshot of two results; the third is asked for, moved on from, and asked for again."""
        peer, _ = self.socket.accept()
        with peer:
            self.greet(peer)
            results = [dict(file="test_a.py", test=name, outcome="failure", current=True,
                            duration_ms=1, exception="E", report="E: " + name)
                       for name in ("first", "second", "third", "fourth")]
            stats = dict(tests=3, successes=0, errors=0, failures=3, skipped=0, to_be_run=0)
            file = dict(file="test_a.py", state="current", tests=4, duration_ms=1, last_run="2026")
            self.snapshot("idle", stats, files=[file], results=results[:2], complete=False)
            self.file.flush()
            for _ in range(2):  # files and results from the snapshot's end on
                request = self.asked()
                at = request["params"]["offset"]
                self.told.append((request["method"], at))
                page = [] if request["method"] == "files" else results[3:]
                self.reply(request, {request["method"]: page, "next": None, "seq": 2})
            for _ in range(2):  # all of it: the state had moved on between the two
                request = self.asked()
                self.told.append((request["method"], request["params"]["offset"]))
                page = [dict(file, tests=3)] if request["method"] == "files" else results[:3]
                self.reply(request, {request["method"]: page, "next": None, "seq": 2})
            self.leave.wait(PATIENCE)
            self.file.close()

    def play(self, serve):
        """sniffer on a terminal of ours; its process and the terminal."""
        self.leave = threading.Event()
        server = threading.Thread(target=serve)
        server.start()
        self.addCleanup(server.join)
        self.addCleanup(self.leave.set)
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(SNIFFER_SOCKET=self.path, TERM="xterm", LC_ALL="C.UTF-8",
                              COLUMNS="80", LINES="24")
            os.execv(SNIFFER, [SNIFFER, "-C", self.root])
        self.addCleanup(os.close, terminal)
        return pid, terminal

    def read(self, terminal):
        ready, _, _ = select.select([terminal], [], [], PATIENCE)
        self.assertTrue(ready, "nothing is drawn")
        try:
            return os.read(terminal, 65536)
        except OSError:
            return b""  # it has left

    def test_a_snapshot_in_pages_is_made_whole(self):
        self.told = []
        pid, terminal = self.play(self.pages)
        seen = b""
        while b"E: third" not in seen:
            seen += self.read(terminal)
        os.write(terminal, b"q")
        while self.read(terminal):
            pass
        self.assertEqual(0, os.waitpid(pid, 0)[1])
        self.assertEqual([("files", 1), ("results", 2), ("files", 0), ("results", 0)], self.told)

    def test_a_flood_of_results_is_taken_and_few_bytes_are_drawn(self):
        pid, terminal = self.play(self.flood)
        seen, began, frames = b"", time.monotonic(), 0
        piece = self.read(terminal)
        while piece:
            seen += piece
            if not frames and b"current since" in seen:
                frames = (time.monotonic() - began) / 0.033 + 3
                os.write(terminal, b"q")
            piece = self.read(terminal)
        self.assertEqual(0, os.waitpid(pid, 0)[1])
        self.assertTrue(frames, seen[-500:])
        # Each picture has another count of tests: how many were there? And their bytes are few.
        self.assertLess(len(re.findall(rb"\x1b\[2;[2-7]H", seen)), frames)
        self.assertLess(len(seen), 1024 * frames)


if __name__ == "__main__":
    house.main()
