"""What the tests of the command line share: projects, what is known of them, and a client by hand."""

import json
import os
import socket
import subprocess

from house import BUILD, HouseTest, TIMEOUT

CTL = os.path.join(BUILD, "snifferctl")

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
