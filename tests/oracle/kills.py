#!/usr/bin/env python3
"""A daemon that is killed at any moment leaves no wrong verdict, no lost history, no process and no
socket in the way: a project edited at random, its daemon killed by SIGKILL at random, also between
the writes of a transaction and in the middle of one (kill_at.c), and the next one judged as the
oracle judges.

    kills.py [--kills N] [--seed N] [--framework nose|pytest] [--tests N] [--in-a-row N] [--verbose]

After each row of up to --in-a-row kills: every shown result is held against a fresh run, nothing of
the dead daemons runs any more, no test file has fewer runs than before, and no index was set aside.
A thousand of them:

    kills.py --kills 1000"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system"),
                os.path.join(os.path.dirname(os.path.dirname(HERE)), "examples", "clients")]

import acts  # noqa: E402
import oracle  # noqa: E402
from house import BUILD  # noqa: E402
from sniffer_client import Client, Gone  # noqa: E402

LIBRARY = os.path.join(BUILD, "tests", "libkill_at.so")
MARK = "SNIFFER_KILLED_BY"  # in the environment of the daemons here, and so of all that they start
GONE_IN = 20  # seconds until nothing of a dead daemon may be left

# Beside the project's own: what a kill may meet running, and what it must not leave behind.
CHILDREN = '''\
import os
import signal
import subprocess
import sys

def test_has_a_child_that_left_its_group():
    subprocess.Popen(["sleep", "1000"], start_new_session=True)

def test_has_a_child_that_does_not_listen():
    child = subprocess.Popen([sys.executable, "-c",
        "import os, signal\\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n"
        "if os.fork():\\n    os._exit(0)\\n"
        "os.setsid()\\n"
        "os.close(1)\\n"
        "signal.pause()"], stdout=subprocess.PIPE)
    assert child.stdout.read() == b""

def test_takes_its_time():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.run(["sleep", "0.2"])

VALUE = 0
'''
CALM = {"write", "layout", "utime", "database", "archive", "outside"}  # no test file goes by these


def marked(mark):
    """Processes that a daemon with MARK is or has begun, without those that have ended."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                if mark not in file.read().split(b"\0"):
                    continue
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                found[int(pid)] = file.read().replace(b"\0", b" ").decode(errors="replace")[:200]
        except OSError:
            continue  # it has ended
    return found


class Killed:
    """A project and one daemon after the other."""

    def __init__(self, options):
        self.options, self.rng = options, random.Random(options.seed)
        framework = oracle.FRAMEWORKS[options.framework]
        looks = framework.project.looks(False, False)
        files = framework.project.new_project(self.rng, options.tests, looks)
        files["test_children.py"] = CHILDREN
        self.run = oracle.Run(files, True, options.framework)
        self.house = self.run.house
        os.environ["XDG_RUNTIME_DIR"] = self.house.environment["XDG_RUNTIME_DIR"]  # for the Client
        self.editor = framework.editor(self.rng, self.house.root, looks)
        self.mark = "%s=%s" % (MARK, self.house.base)
        self.kills = self.inside = self.edits = 0
        self.runs, self.removed = {}, False

    def close(self):
        self.run.close()

    # ---- edits ----

    def edit(self):
        """Some; some of them while the daemon is dead, by the order of things."""
        self.editor.remember()
        for _ in range(self.rng.randrange(0, 4)):
            for step in self.editor.ordinary():
                if step[0] in acts.ON_HOUSES and step[0] not in ("rename", "swap", "outside"):
                    continue  # needs a daemon
                self.removed = self.removed or step[0] not in CALM
                acts.apply(self.house, step)
                self.edits += 1
        if self.rng.random() < 0.3:
            self.house.write_in_place("test_children.py",
                                      CHILDREN + "VALUE = %d\n" % self.rng.randrange(1000))

    # ---- kills ----

    def begin(self):
        """A daemon that may die by its own hand; what it says goes to a file."""
        environment = dict(self.house.environment, **dict([self.mark.split("=", 1)]))
        inside = self.rng.random() < 0.6
        if inside:
            at = self.rng.choice([self.rng.randrange(1, 12), self.rng.randrange(1, 200),
                                  self.rng.randrange(1, 2000)])
            environment.update(LD_PRELOAD=LIBRARY,
                               SNIFFER_KILL_AT="%d%s" % (at, self.rng.choice(["", "/2"])),
                               ASAN_OPTIONS="verify_asan_link_order=0")
        with open(self.house.path(".sniffer", "said"), "ab") as said:
            daemon = subprocess.Popen([os.path.join(BUILD, "snifferd"), "-C", self.house.root,
                                       "--foreground"], env=environment, stdin=subprocess.DEVNULL,
                                      stdout=said, stderr=said)
        return daemon, inside

    def connect(self, daemon):
        """None where it died before it listened."""
        until = time.monotonic() + 60
        while daemon.poll() is None:
            try:
                return Client(self.house.root)
            except (Gone, TimeoutError):
                if time.monotonic() > until:
                    raise AssertionError("the daemon does not answer\n" + self.said()) from None
                time.sleep(0.01)
        return None

    def kill(self):
        """One daemon from birth to death; what was wrong with it."""
        daemon, inside = self.begin()
        rest = None if self.rng.random() < 0.3 else self.rng.choice([0.05, 0.5, 2]) * self.rng.random()
        client = self.connect(daemon)
        if client is not None:
            try:
                client.call("wait", timeout_ms=60000 if rest is None or inside else 1 + int(rest * 1000))
            except Exception as error:  # noqa: B902: it died, is not done yet, or cannot run
                if self.options.verbose:
                    print("  ", error)
            client.close()
        if self.rng.random() < 0.3:
            self.edit()
        if daemon.poll() is None:
            daemon.kill()
        daemon.wait()
        self.kills += 1
        self.inside += inside
        if daemon.returncode != -signal.SIGKILL:
            return ["the daemon ended by itself: %d\n%s" % (daemon.returncode, self.said())]
        return []

    def said(self):
        with open(self.house.path(".sniffer", "said"), errors="replace") as file:
            return file.read()[-3000:]

    # ---- judging ----

    def orphans(self):
        until, left = time.monotonic() + GONE_IN, marked(self.mark.encode())
        while left and time.monotonic() < until:
            time.sleep(0.05)
            left = marked(self.mark.encode())
        return ["left behind: %d %s" % item for item in sorted(left.items())]

    def judge(self):
        """What the next daemon shows, against the truth."""
        wrong = self.orphans()
        done = self.house.ctl("start")
        if done.returncode != 0:
            return wrong + ["start: exit %d, %s" % (done.returncode, done.stderr.strip())]
        wrong += self.run.check()
        wrong += ["set aside: " + name for name in sorted(os.listdir(self.house.path(".sniffer")))
                  if name.startswith("index.sqlite.")]
        runs = self.house.runs()
        if not self.removed:
            wrong += ["%s had %d runs, now %d" % (file, count, runs.get(file, 0))
                      for file, count in sorted(self.runs.items()) if runs.get(file, 0) < count]
        self.runs, self.removed = runs, False
        return wrong

    def row(self):
        """Kills in a row, and what is wrong after them."""
        wrong = []
        if self.rng.random() < 0.5:
            self.edit()
        self.house.ctl("stop")  # that of the judgement
        for _ in range(self.rng.randrange(1, self.options.in_a_row + 1)):
            wrong += self.kill()
            if self.rng.random() < 0.5:
                self.edit()
        return wrong + self.judge()


def play(options):
    """The number of rows that went wrong."""
    began, bad = time.monotonic(), 0
    killed = Killed(options)
    try:
        wrong = killed.judge()
        while not wrong and killed.kills < options.kills:
            wrong = killed.row()
            if options.verbose:
                print("%d kills, %.0f s" % (killed.kills, time.monotonic() - began), flush=True)
        if wrong:
            bad = 1
            print("=== WRONG: seed %d, after %d kills\n%s" % (options.seed, killed.kills, "\n".join(wrong)))
            print(killed.run.evidence(wrong) + killed.said(), flush=True)
    finally:
        killed.close()
    print("%d kills, up to %d of them while the index was written; %d edits; %s; %.0f s" % (
        killed.kills, killed.inside, killed.edits, "WRONG" if bad else "nothing wrong",
        time.monotonic() - began), flush=True)
    return bad


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--framework", choices=sorted(oracle.FRAMEWORKS), default="nose")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tests", type=int, default=4, help="test files of the project")
    parser.add_argument("--in-a-row", type=int, default=4, help="kills before each judgement, at most")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args(argv)
    if oracle.FRAMEWORKS[options.framework].python() is None:
        sys.exit("no interpreter here has " + options.framework)
    return play(options)


if __name__ == "__main__":
    sys.exit(main())
