#!/usr/bin/env python3
"""Does sniffer say of a real project what its framework says? Each test's outcome and exception are
held against those of a plain run of its file, `python -m pytest FILE` or `python -m nose FILE`, each
file in a process of its own, in the same tree; and the counts against those of one plain run of all.

    agree.py [--framework pytest|nose] [--python PYTHON] PROJECT...

PYTHON, relative to the project or not, is an interpreter that has the framework and what the project
needs. Each difference is named. What two plain runs do not agree upon is told as such and is no
difference; nor is what the plain run of all sees otherwise than plain runs of the files: there tests
of other files have been before, in the same process."""

import argparse
import collections
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]

import oracle  # noqa: E402
from house import House  # noqa: E402

SHOWN = 10  # of what is nobody's fault


def counts(outcomes):
    found = collections.Counter(value[0] for value in outcomes.values())
    return "%d tests: %s" % (len(outcomes), ", ".join(
        "%d %s" % (found[name], name) for name in ("success", "failure", "error", "skipped")))


class Agreement:
    def __init__(self, project, options):
        self.root = os.path.realpath(project)
        self.python = options.python
        if "/" in self.python:
            self.python = os.path.join(self.root, self.python)
        self.framework = oracle.FRAMEWORKS[options.framework]
        self.house = House(settings=None, root=self.root)
        self.plain = self.framework.fresh(self.root, self.python, self.house.environment)

    def close(self):
        self.plain.close()
        self.house.close()

    def shown(self):
        shutil.rmtree(os.path.join(self.root, ".sniffer"), ignore_errors=True)
        self.house.ctl("start", "--python", self.python, code=0)
        status = self.house.long_wait()
        if status["state"] == "error":
            sys.exit(status["message"])
        seen, wrong = oracle.shown(self.house, self.framework.message)
        files = self.plain.test_files(self.root, True)
        wrong += oracle.state_faults(self.house, status, seen, files)
        self.house.ctl("stop", code=0)
        return seen, wrong, files

    def fresh(self, files):
        jobs = [self.plain.pool.submit(self.plain.run, number, self.root, file, True)
                for number, file in enumerate(files)]
        return {key: value for job in jobs for key, value in job.result().items()}

    def told(self):
        """The number of differences."""
        seen, wrong, files = self.shown()
        truth = self.fresh(files)
        found = oracle.differences(seen, truth)
        if found:  # whose runs differ among themselves?
            again = self.fresh(sorted({file for file, _ in set(seen) | set(truth)} & set(files)))
            loose = {key for key in set(truth) | set(again) if truth.get(key) != again.get(key)}
            print("".join("  not the same in two plain runs: %s %s\n" % key
                          for key in sorted(loose)), end="")
            found = oracle.differences(*({key: value for key, value in one.items()
                                          if key not in loose} for one in (seen, truth)))
        print("  sniffer         %s, in %d files" % (counts(seen), len(files)))
        print("  file by file    %s" % counts(truth))
        if self.framework.name == "pytest":  # whose report says where each test comes from
            self.all_at_once(truth)
        wrong += found
        print("".join("  DIFFERENT %s\n" % line for line in wrong), end="")
        return len(wrong)

    def all_at_once(self, truth):
        whole = self.plain.everything(self.root)
        print("  all at once     %s" % counts(whole))
        only = sorted(key for key in set(truth) | set(whole) if truth.get(key) != whole.get(key))
        for key in only[:SHOWN]:
            print("  plain runs differ: %s %s: file by file %s, all at once %s" % (
                key + (truth.get(key), whole.get(key))))
        if only[SHOWN:]:
            print("  plain runs differ: %d more" % len(only[SHOWN:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--framework", choices=tuple(oracle.FRAMEWORKS), default="pytest")
    parser.add_argument("--python", default=".venv/bin/python")
    parser.add_argument("projects", nargs="+", metavar="PROJECT")
    options = parser.parse_args()
    wrong = 0
    for project in options.projects:
        print(project, flush=True)
        agreement = Agreement(project, options)
        try:
            wrong += agreement.told()
        finally:
            agreement.close()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
