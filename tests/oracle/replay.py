#!/usr/bin/env python3
"""Walks the history of a real project that has nose tests: after each checkout what is shown is held
against a fresh run of everything. Prints stale results, the share of test files that were run again,
and the time beside that of running everything.

    replay.py REPOSITORY [--commits N] [--from REVISION] [--python PYTHON]

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


class Replay:
    def __init__(self, options):
        self.house = House(settings=None)
        os.rmdir(self.house.root)
        git(os.getcwd(), "clone", "-q", os.path.abspath(options.repository), self.house.root)
        self.options = options
        self.fresh = None

    def commits(self):
        """Oldest first."""
        words = ["rev-list", "--first-parent", "-n", str(self.options.commits), self.options.start]
        return git(self.house.root, *words).split()[::-1]

    def start(self):
        self.house.ctl("start", "--python", self.options.python, code=0)
        self.fresh = fresh.Fresh(self.house.root, self.options.python, self.house.environment)

    def close(self):
        if self.fresh is not None:
            self.fresh.close()
        self.house.close()

    def step(self, commit, number, totals):
        house = self.house
        before = {} if number == 0 else house.runs()
        git(house.root, "checkout", "-q", "--detach", "-f", commit)
        if number == 0:
            self.start()
        began = time.monotonic()
        status = house.wait()
        waited = time.monotonic() - began
        seen, faults = oracle.shown(house)
        now = house.runs()
        ran = sum(count != before.get(file, 0) for file, count in now.items())
        began = time.monotonic()
        truth, files = self.fresh.outcomes()
        everything = time.monotonic() - began
        wrong = faults + oracle.state_faults(house, status, seen, files) + \
            oracle.differences(brief(seen), brief(truth))
        if wrong:
            wrong = self.sure(wrong, status, seen, faults, truth)
        print("%s: %d of %d test files run in %.1f s, everything takes %.1f s%s" % (
            commit[:10], ran, len(now), waited, everything, "".join("\n    " + line for line in wrong)),
            flush=True)
        if number > 0:
            for name, value in (("ran", ran), ("files", len(now)), ("waited", waited),
                                ("everything", everything)):
                totals[name] = totals.get(name, 0) + value
        totals["wrong"] = totals.get("wrong", 0) + len(wrong)

    def sure(self, wrong, status, seen, faults, truth):
        """What is still wrong when tests whose fresh runs differ are left out."""
        self.fresh.known.clear()
        again, files = self.fresh.outcomes()
        loose = {key for key in set(truth) | set(again)
                 if brief(truth).get(key) != brief(again).get(key)}
        if loose:
            print("    not the same in two fresh runs: %s" % ", ".join(sorted({k[0] for k in loose})))
        kept = [{k: v for k, v in brief(o).items() if k not in loose} for o in (seen, again)]
        return faults + oracle.state_faults(self.house, status, seen, files) + oracle.differences(*kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("repository")
    parser.add_argument("--commits", type=int, default=20)
    parser.add_argument("--from", dest="start", default="HEAD", metavar="REVISION",
                        help="the last commit of the walk")
    parser.add_argument("--python", default=PYTHON, help="an interpreter with nose")
    options = parser.parse_args()
    if options.python is None:
        sys.exit("no interpreter here has nose")
    replay, totals = Replay(options), {}
    try:
        for number, commit in enumerate(replay.commits()):
            replay.step(commit, number, totals)
    finally:
        replay.close()
    print("%.1f%% of test files run again; %.1f s beside %.1f s for everything; stale or wrong: %d" % (
        100 * totals.get("ran", 0) / max(1, totals.get("files", 0)), totals.get("waited", 0),
        totals.get("everything", 0), totals["wrong"]))
    return int(totals["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
