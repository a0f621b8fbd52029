#!/usr/bin/env python3
"""A long life: edits, switches of branches, clients that come and go, for as long as is asked; what the
daemon uses must not grow with it.

    soak.py [--minutes M] [--seed N] [--framework nose|pytest] [--tests N] [--verbose]

A cycle is some batches of edits, one client of each kind, and back to the first state of the project,
where memory, descriptors, watches, processes and the index are measured: they depend on the
project alone, so the later ones are held against the earlier ones. The first quarter is for getting
warm. Now and then every shown result is judged, as the oracle does."""

import argparse
import os
import random
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system"),
                os.path.join(os.path.dirname(os.path.dirname(HERE)), "examples", "clients")]

import acts  # noqa: E402
import edits  # noqa: E402
import oracle  # noqa: E402
from sniffer_client import Client, Gone, Refused  # noqa: E402

# What is measured: growth that is allowed from the first half to the second, as a share and on top.
LIMITS = {
    "memory, KiB": (0.05, 1024),
    "descriptors": (0, 1),
    "watches": (0.05, 4),
    "processes": (0, 2),
    "index, KiB": (0.10, 512),
    "log of the index, KiB": (0, 33000),  # PRAGMA journal_size_limit
}
JUDGED = 10  # each so many cycles the results are


def kib(path):
    try:
        return os.path.getsize(path) // 1024
    except OSError:
        return 0


def children(pid):
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as file:
            found += [int(word) for word in file.read().split()]
    return found


def measure(house, pid):
    with open("/proc/%d/status" % pid) as file:
        memory = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    watches = 0
    fds = os.listdir("/proc/%d/fd" % pid)
    for fd in fds:
        try:
            with open("/proc/%d/fdinfo/%s" % (pid, fd)) as file:
                watches += sum(line.startswith(("inotify wd", "fanotify ino")) for line in file)
        except OSError:
            continue
    index = house.path(".sniffer", "index.sqlite")
    return {"memory, KiB": memory, "descriptors": len(fds), "watches": watches,
            "processes": len(children(pid)), "index, KiB": kib(index),
            "log of the index, KiB": kib(index + "-wal")}


class Soak:
    def __init__(self, options):
        self.options, self.rng = options, random.Random(options.seed)
        framework = oracle.FRAMEWORKS[options.framework]
        looks = framework.project.looks(False, False)
        self.run = oracle.Run(framework.project.new_project(self.rng, options.tests, looks), True,
                              options.framework)
        self.house = self.run.house
        os.environ["XDG_RUNTIME_DIR"] = self.house.environment["XDG_RUNTIME_DIR"]  # for the Client
        self.editor = framework.editor(self.rng, self.house.root, looks)
        self.first = edits.snapshot(self.house.root)
        self.listener = None
        self.cycles = self.edits = self.clients = 0
        self.wrong, self.measured = [], []
        self.house.ctl("wait", "--timeout", "60")
        self.pid = self.house.status()["pid"]

    def edit(self):
        self.editor.remember()
        for _ in range(self.rng.randrange(1, 4)):
            for step in self.editor.several(2):
                acts.apply(self.house, step)
                self.edits += 1
            if self.rng.random() < 0.5:
                self.house.ctl("wait", "--timeout", "60")

    def client(self):
        """One that asks, one that listens until another cycle, one that leaves in the middle, and those
        of the shell."""
        for words in (["status"], ["results", "--json"], ["files"], ["doctor"]):
            self.house.ctl(*words)
        try:
            if self.listener is not None:
                self.listener.dispatch()
                self.listener.close()
            self.listener = Client(self.house.root)
            self.listener.subscribe()
            with Client(self.house.root) as asking:
                asking.list("results")
            leaving = Client(self.house.root)
            leaving._send(b'{"id": 1, "method": "results", "params": {}}\n{"id": 2, "met')
            leaving.close()
        except (Gone, Refused, TimeoutError) as error:
            self.wrong.append("a client: %r" % error)
        self.clients += 7

    def back(self):
        """To the first state, as a checkout does it; then it is measured."""
        for path in edits.tree(self.house.root):
            if path not in self.first:
                acts.delete(self.house.path(path))
        for folder, folders, names in os.walk(self.house.root, topdown=False):
            if folder != self.house.root and not folders and not names and ".sniffer" not in folder:
                os.rmdir(folder)
        for path, content in sorted(self.first.items()):
            acts.place(self.house.path(path), content)
        self.house.ctl("wait", "--timeout", "60")
        if self.cycles % JUDGED == 0:
            self.wrong += self.run.check()
        if self.house.status()["pid"] != self.pid:
            self.wrong.append("the daemon is another one")
        else:
            self.measured.append(measure(self.house, self.pid))

    def cycle(self):
        self.edit()
        self.client()
        self.back()
        self.cycles += 1

    def close(self):
        if self.listener is not None:
            self.listener.close()
        self.run.close()

    def grown(self):
        """What is more in the second half than it was in the first, the warming left out."""
        warm = self.measured[len(self.measured) // 4:]
        earlier, later = warm[:len(warm) // 2], warm[len(warm) // 2:]
        if not earlier:
            return ["too short to tell: %d cycles" % self.cycles]
        found = []
        for name, (share, more) in LIMITS.items():
            before, after = (statistics.median(one[name] for one in part) for part in (earlier, later))
            print("%-22s first %d, then %d, at the end %d" % (
                name, self.measured[0][name], before, after))
            if after > before * (1 + share) + more:
                found.append("%s grew from %d to %d" % (name, before, after))
        return found


def play(options):
    until = time.monotonic() + options.minutes * 60
    soak = Soak(options)
    try:
        while not soak.wrong and time.monotonic() < until:
            soak.cycle()
            if options.verbose:
                print(soak.cycles, soak.measured[-1], flush=True)
        if soak.wrong:
            print("\n".join(soak.wrong) + soak.house.log())
        wrong = soak.grown() + soak.wrong
    finally:
        soak.close()
    print("%d cycles, %d edits, %d clients: %s" % (soak.cycles, soak.edits, soak.clients,
                                                 "; ".join(wrong) or "nothing grew"))
    return int(bool(wrong))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--framework", choices=sorted(oracle.FRAMEWORKS), default="nose")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tests", type=int, default=5, help="test files of the project")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args(argv)
    if oracle.FRAMEWORKS[options.framework].python() is None:
        sys.exit("no interpreter here has " + options.framework)
    return play(options)


if __name__ == "__main__":
    sys.exit(main())
