#!/usr/bin/env python3
"""Walks the history of a real project: after each checkout what is shown is held against a fresh run
of everything. Prints stale results, the share of test files that were run again, and the time beside
that of plain nose or pytest in a second clone, as one would do without sniffer.

    replay.py REPOSITORY [N] [--framework nose|pytest] [--from REVISION] [--python PYTHON]
              [--prepare COMMAND] [--back]

PYTHON is an interpreter that has the framework and what the project needs; relative, it is one in the
clone. COMMAND is run once in each clone, at the first commit; "python" in it is PYTHON:
`python setup.py -q egg_info`.

Outcomes and exceptions are compared, no messages: real ones hold addresses and times. A test whose
fresh runs differ among themselves is nobody's stale result; it is counted and left out."""

import argparse
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]

import fresh  # noqa: E402
import fresh_pytest  # noqa: E402
import oracle  # noqa: E402
from house import PYTHON, House  # noqa: E402


def git(folder, *words):
    done = subprocess.run(["git", "-C", folder, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode != 0:
        sys.exit("git %s: %s" % (" ".join(words), done.stderr.strip()))
    return done.stdout


def brief(outcomes):
    return {key: value[:2] for key, value in outcomes.items()}


class Totals:
    def __init__(self):
        self.ran = self.files = self.none = self.commits = self.wrong = self.loose = 0
        self.waited = self.everything = 0.0
        self.slower = 0

    def add(self, ran, files, waited, everything):
        self.commits += 1
        self.ran += ran
        self.files += files
        self.none += ran == 0
        self.waited += waited
        self.everything += everything
        self.slower += waited > everything

    def text(self):
        return ("%d commits after the first: %.1f%% of test files run again, none after %d "
                "commits\n"
                "%.1f s beside %.1f s for everything; longer than everything after %d commits\n"
                "tests that are not the same in two fresh runs: %d; stale or wrong: %d" % (
                    self.commits, 100 * self.ran / max(1, self.files), self.none, self.waited,
                    self.everything, self.slower, self.loose, self.wrong))


class Replay:
    def __init__(self, options):
        self.options = options
        self.house = House(settings=None)
        self.root, self.beside = self.house.root, os.path.join(self.house.base, "beside")
        os.rmdir(self.root)
        for clone in (self.root, self.beside):
            git(os.getcwd(), "clone", "-q", os.path.abspath(options.repository), clone)
        self.fresh = None
        self.totals = Totals()

    def commits(self):
        """Oldest first."""
        words = ["rev-list", "--first-parent", "-n", str(self.options.commits), self.options.start]
        found = git(self.root, *words).split()[::-1]
        return found + found[-2::-1] if self.options.back else found

    def start(self):
        if self.options.prepare:
            words = [self.options.python if word == "python" else word
                     for word in self.options.prepare.split()]
            for clone in (self.root, self.beside):
                subprocess.run(words, cwd=clone, check=True, stdout=subprocess.DEVNULL,
                               env=self.house.environment)
        if "/" in self.options.python:
            self.options.python = os.path.join(self.root, self.options.python)
        self.house.ctl("start", "--python", self.options.python, code=0)
        how = fresh.Fresh if self.options.framework == "nose" else fresh_pytest.Fresh
        self.fresh = how(self.root, self.options.python, self.house.environment)

    def close(self):
        if self.fresh is not None:
            self.fresh.close()
        self.house.close()

    def check_out(self, commit):
        for clone in (self.root, self.beside):
            git(clone, "checkout", "-q", "--detach", "-f", commit)

    def waited(self):
        began = time.monotonic()
        return self.house.long_wait(), time.monotonic() - began

    def everything(self):
        """Seconds that the framework itself takes."""
        began = time.monotonic()
        subprocess.run([self.options.python, "-m", self.options.framework], cwd=self.beside,
                       env=self.house.environment,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        return time.monotonic() - began

    def step(self, commit, first):
        house = self.house
        before = {} if first else house.runs()
        self.check_out(commit)
        if first:
            self.start()
        status, waited = self.waited()
        seen, faults = oracle.shown(house)
        now = house.runs()
        ran = sum(count != before.get(file, 0) for file, count in now.items())
        everything = self.everything()
        wrong = self.faults(status, seen, faults)
        self.totals.wrong += len(wrong)
        if not first:
            self.totals.add(ran, len(now), waited, everything)
        print("%s: %d of %d test files run in %.1f s, everything takes %.1f s%s" % (
            commit[:10], ran, len(now), waited, everything,
            "".join("\n    " + line for line in wrong)),
            flush=True)

    def faults(self, status, seen, faults):
        truth, files = self.fresh.outcomes()
        wrong = faults + oracle.state_faults(self.house, status, seen, files) + \
            oracle.differences(self.told(seen, truth), brief(truth))
        return wrong and self.sure(status, seen, faults, truth)

    def told(self, seen, truth):
        """SEEN without what nose's report leaves out: tests that unittest itself skips."""
        return {key: value for key, value in brief(seen).items()
                if key in truth or value[0] != "skipped" or self.options.framework != "nose"}

    def sure(self, status, seen, faults, truth):
        """What is still wrong when tests whose fresh runs differ are left out."""
        self.fresh.known.clear()
        again, files = self.fresh.outcomes()
        loose = {key for key in set(truth) | set(again)
                 if brief(truth).get(key) != brief(again).get(key)}
        self.totals.loose += len(loose)
        if loose:
            print("    not the same in two fresh runs: %s" % ", ".join(sorted({k[0] for k in loose})))
        kept = [{k: v for k, v in brief(o).items() if k not in loose} for o in (self.told(seen, again), again)]
        return faults + oracle.state_faults(self.house, status, seen,
                                            files) + oracle.differences(*kept)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("repository")
    parser.add_argument("commits", type=int, nargs="?", default=20, metavar="N",
                        help="how many commits")
    parser.add_argument("--from", dest="start", default="HEAD", metavar="REVISION",
                        help="the last commit of the walk")
    parser.add_argument("--framework", choices=("nose", "pytest"), default="nose")
    parser.add_argument("--python", default=PYTHON,
                        help="an interpreter with the framework and the project's needs")
    parser.add_argument("--prepare", metavar="COMMAND", help="run this once in each clone")
    parser.add_argument("--back", action="store_true",
                        help="walk back again, where older verdicts hold")
    return parser.parse_args()


def main():
    options = arguments()
    if options.python is None:
        sys.exit("no interpreter here has nose: name one by --python")
    replay = Replay(options)
    try:
        for number, commit in enumerate(replay.commits()):
            replay.step(commit, number == 0)
    finally:
        replay.close()
    print(replay.totals.text())
    return int(replay.totals.wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
