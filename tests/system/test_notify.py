"""The notify setting, with the example for the desktop; notify-send is a fake that writes down what it was called with."""

import json
import os
import subprocess
import time

from house import SOURCE, HouseTest, main

GOOD = "def test_%s():\n    assert 1 == 1\n"
BAD = "def test_%s():\n    assert 1 == 2\n"
DESKTOP = os.path.join(SOURCE, "examples", "notifiers", "desktop.sh")


class Notify(HouseTest):
    FILES = {"test_a.py": GOOD % "a", "test_b.py": GOOD % "b"}
    SETTINGS = "notify = [%s]\n" % json.dumps(DESKTOP)

    def setUp(self):
        super().setUp()
        tools = os.path.join(self.house.base, "bin")
        os.mkdir(tools)
        self.told = os.path.join(self.house.base, "told")
        os.mkfifo(self.told)
        # Open for writing, too: a reader that is always there, and that never sees an end.
        self.pipe = open(os.open(self.told, os.O_RDWR), encoding="utf-8")
        self.addCleanup(self.pipe.close)
        fake = os.path.join(tools, "notify-send")
        with open(fake, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nIFS='|'\necho \"$*\" > '%s'\n" % self.told)
        os.chmod(fake, 0o755)
        self.house.environment["PATH"] = tools + os.pathsep + self.house.environment["PATH"]

    def next(self):
        return self.pipe.readline().rstrip("\n")

    def check(self):
        """What doctor says of it."""
        found = [one for one in map(json.loads, self.house.ctl("doctor", "--json").stdout.splitlines())
                 if one["name"] == "notify"]
        return (found[0]["ok"], found[0]["message"]) if found else None

    def until(self, wanted):
        """Doctor's word changes when the command has ended, and that it did nobody tells."""
        deadline = time.monotonic() + 60
        while self.check() != wanted:
            self.assertLess(time.monotonic(), deadline, "%s\n%s" % (self.check(), self.house.log()))

    def test_the_desktop_is_told_of_red_of_fewer_and_of_green(self):
        self.start()
        self.house.wait(code=0)
        self.assertEqual(self.check(), (True, "there was nothing to tell yet"))
        self.house.write("test_a.py", BAD % "a")
        self.house.wait(code=1)
        self.assertEqual(self.next(), "--app-name=sniffer|--urgency=critical|--icon=dialog-error|project|"
                                      "1 of 2 tests failed")
        self.house.write("test_b.py", BAD % "b")
        self.house.wait(code=1)
        self.house.write("test_a.py", GOOD % "a")
        self.house.wait(code=1)
        self.assertEqual(self.next(), "--app-name=sniffer|--urgency=normal|--icon=dialog-warning|project|"
                                      "still 1 failed, 2 before")
        self.house.write("test_b.py", GOOD % "b")
        self.house.wait(code=0)
        self.assertEqual(self.next(), "--app-name=sniffer|--urgency=low|--icon=dialog-information|project|"
                                      "all 2 tests are good")
        self.until((True, "the last one went well"))

    def test_a_text_is_for_the_shell_and_new_settings_count_at_once(self):
        self.start()
        self.house.wait(code=0)
        before = self.house.read("pyproject.toml")
        self.house.write("pyproject.toml", before.replace(
            self.SETTINGS, "notify = 'echo $SNIFFER_EVENT $SNIFFER_FAILED > \"%s\"'\n" % self.told))
        self.house.wait(code=0)
        runs = self.house.runs()
        self.assertEqual(set(runs.values()), {1})  # no test has to do with it
        self.house.write("test_a.py", BAD % "a")
        self.assertEqual(self.next(), "red 1")
        self.house.write("pyproject.toml", before.replace(self.SETTINGS, ""))
        self.house.wait(code=1)
        self.assertIsNone(self.check())

    def test_one_that_fails_is_in_the_log_and_told_by_doctor(self):
        self.house.write("pyproject.toml", self.house.read("pyproject.toml").replace(
            self.SETTINGS, "notify = 'echo no display >&2; exit 7'\n"))
        self.start()
        self.house.write("test_a.py", BAD % "a")
        self.house.wait(code=1)
        message = "/bin/sh ended with exit code 7: no display"
        self.until((False, message))
        self.assertIn("the notify command: " + message, self.house.log())

    def test_nobody_waits_for_one_that_does_not_end(self):
        self.house.write("pyproject.toml", self.house.read("pyproject.toml").replace(
            self.SETTINGS, "notify = 'echo $$ > \"%s\"; exec sleep 1000'\n" % self.told))
        self.start()
        self.house.write("test_a.py", BAD % "a")
        self.house.wait(code=1)
        pid = int(self.next())
        self.house.write("test_a.py", GOOD % "a")
        self.house.wait(code=0)
        self.house.ctl("stop", code=0)
        self.assertNotEqual(subprocess.run(["kill", "-0", str(pid)], stderr=subprocess.DEVNULL).returncode, 0)


if __name__ == "__main__":
    main()
