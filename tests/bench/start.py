"""What a start costs in a big tree with a big index, beside a bare walk with inotify (watch/bare.c, the limit).

usage: start.py [--files N] [--folders N] [--tests N] [--rounds N] [--folder DIR] [--backend B]

A tree of data, and trivial unittest files in one package of it; all of them run once, so that the index is a
real one. Then, in turn

  bare       from the start of the walk until all is watched
  judged     from the start of snifferd until it answers: by then each fact of the index was compared
  idle       from there until `wait` answers: the workers have said what the environment is, and which files are
             test files

each as seconds on the clock and as processor time of the program, which other work on the machine disturbs less.
Told is also what is resident once it is idle, how big the index is, and how many test files ran: none should.
Needs $SNIFFER_BUILD, the folder of a release build, and a C compiler.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "watch"))

from watch import Bare, Sniffer, path_of  # noqa: E402

TEST = """import unittest


class Test%(number)d(unittest.TestCase):
    def test(self):
        self.assertEqual(%(number)d, %(number)d)
"""


def make_tree(root, files, folders, tests):
    for folder in range(folders):
        os.makedirs(os.path.join(root, os.path.dirname(path_of(folder, folders))))
    for number in range(files):
        with open(os.path.join(root, path_of(number, folders)), "w", encoding="ascii") as file:
            file.write("%d\n" % number)
    os.mkdir(os.path.join(root, "tests"))
    with open(os.path.join(root, "tests", "__init__.py"), "w", encoding="ascii"):
        pass
    for number in range(tests):
        path = os.path.join(root, "tests", "test_%d.py" % number)
        with open(path, "w", encoding="ascii") as file:
            file.write(TEST % {"number": number})


def cpu(watcher):
    """Seconds, finer than the clock ticks of /proc/PID/stat; the programs have one thread."""
    with open("/proc/%d/schedstat" % watcher.pid, encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


class Kept(Sniffer):
    """Its index stays from one start to the next."""

    def asked(self):
        self.idle_cpu = cpu(self)
        self.idle_began = time.monotonic()

    def ask(self):
        self.lines.socket.settimeout(None)  # many tests take their time
        if self.requests == 1:
            self.asked()
        super().ask()

    def stop(self):
        self.lines.socket.close()
        self.process.terminate()
        self.process.wait()


def total_runs(watcher):
    return sum(watcher.house.runs().values())


def row(name, times, cpus):
    print("%-8s %8.3f s %8.3f s processor" % (name, statistics.median(times),
                                              statistics.median(cpus)), flush=True)


def measure(bare, sniffer, rounds):
    times = {"bare": [], "judged": [], "idle": []}
    cpus = {"bare": [], "judged": [], "idle": []}
    runs = None
    for _ in range(rounds):
        times["bare"].append(bare.start())
        cpus["bare"].append(cpu(bare))
        bare.stop()
        times["judged"].append(sniffer.start())
        cpus["judged"].append(sniffer.idle_cpu)
        times["idle"].append(time.monotonic() - sniffer.idle_began)
        cpus["idle"].append(cpu(sniffer) - sniffer.idle_cpu)
        memory = sniffer.memory()
        ran = total_runs(sniffer)
        again = 0 if runs is None else ran - runs
        runs = ran
        sniffer.stop()
    for name in ("bare", "judged", "idle"):
        row(name, times[name], cpus[name])
    print("judged / bare: %.2f on the clock, %.2f in processor time" % (
        statistics.median(times["judged"]) / statistics.median(times["bare"]),
        statistics.median(cpus["judged"]) / statistics.median(cpus["bare"])))
    size = sum(os.path.getsize(os.path.join(sniffer.root, ".sniffer", name))
               for name in os.listdir(os.path.join(sniffer.root, ".sniffer")))
    print("memory %.1f MB, state folder %.1f MB, test files run again: %d" % (
        memory, size / 1e6, again))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=100000)
    parser.add_argument("--folders", type=int, default=5000)
    parser.add_argument("--tests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="where the tree is made, and removed again")
    parser.add_argument("--backend", default="inotify", help="the bare walk uses inotify")
    options = parser.parse_args()
    base = tempfile.mkdtemp(prefix="sniffer-start-", dir=options.folder)
    try:
        root = os.path.join(base, "tree")
        make_tree(root, options.files, options.folders, options.tests)
        bare, sniffer = Bare(root, base), Kept(root, base)
        sniffer.backend = options.backend
        began = time.monotonic()
        sniffer.start()
        print("first start, all tests run: %.1f s" % (time.monotonic() - began), flush=True)
        sniffer.stop()
        measure(bare, sniffer, options.rounds)
        sniffer.close()
    finally:
        shutil.rmtree(base)


main()
