"""Suites of many small test files under sniffer, beside one plain process over all of them.

usage: many.py [--files N] [--rounds N] [--python P] [--jobs N] [SUITE...]

A SUITE is one of those below, by its name; without any, all are measured. Told are medians of
wall-clock time and of CPU time (user and system, of all processes: the daemon, its workers, their
children), and the ratios to the plain process of the same round:

  plain      one process of the framework over the whole suite
  first      from `snifferctl start` in a project that it never saw until all is known
  all again  `snifferctl run --all`

Needs $SNIFFER_BUILD, the folder of a release build.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

from house import House, interpreter_with  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")

TRIVIAL = """\
def test_one():
    assert 1 + 1 == 2


def test_two():
    assert "b" in "abc"
"""

CASES = """\
import unittest


class TestSums(unittest.TestCase):
    def test_one(self):
        self.assertEqual(1 + 1, 2)

    def test_two(self):
        self.assertIn("b", "abc")
"""

SMALL = """\
import pytest

from shop import basket


@pytest.fixture
def full(empty):
    empty.put("apple", {n})
    return empty


@pytest.mark.parametrize("count", [1, 2, 3])
def test_put(empty, count):
    empty.put("pear", count)
    assert empty.count() == count


def test_full(full, shelf):
    assert full.count() == {n} and "apple" in shelf


def test_total(full):
    assert basket.total(full, {{"apple": 2}}) == 2 * {n}
"""

CONFTEST = """\
import pytest

from shop import basket


@pytest.fixture
def empty():
    return basket.Basket()


@pytest.fixture(scope="session")
def shelf():
    return ["apple", "pear"]
"""

BASKET = """\
import json


class Basket:
    def __init__(self):
        self.things = {}

    def put(self, name, count):
        self.things[name] = self.things.get(name, 0) + count

    def count(self):
        return sum(self.things.values())


def total(basket, prices):
    return sum(prices[name] * count for name, count in basket.things.items())


def told(basket):
    return json.dumps(basket.things)
"""


def trivial(count):
    return {"tests/test_%03d.py" % n: TRIVIAL for n in range(count)}


def cases(count):
    return {"tests/__init__.py": "",
            **{"tests/test_%03d.py" % n: CASES for n in range(count)}}


def small(count):
    """A conftest file, a few fixtures, a package of the project, in folders of 25 files."""
    files = {"conftest.py": CONFTEST, "shop/__init__.py": "", "shop/basket.py": BASKET}
    for n in range(count):
        files["tests/part%d/test_%03d.py" % (n // 25, n)] = SMALL.format(n=n)
    return files


SUITES = {  # name: framework, files, the plain process
    "pytest-trivial": ("pytest", trivial, ["pytest", "-q"]),
    "pytest-small": ("pytest", small, ["pytest", "-q"]),
    "nose-trivial": ("nose", trivial, ["nose"]),
    "unittest": ("unittest", cases, ["unittest", "discover"]),
}


def used_by(pid):
    """Seconds of CPU of this process, of those below it, and of those that they waited for."""
    with open("/proc/%d/stat" % pid) as file:
        ticks = sum(int(word) for word in file.read().rpartition(")")[2].split()[11:15])
    seconds = ticks / TICKS
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as file:
            seconds += sum(used_by(int(word)) for word in file.read().split())
    return seconds


class Bench:
    def __init__(self, name, options):
        self.framework, files, self.command = SUITES[name]
        self.python = options.python or interpreter_with(self.framework)
        self.options = options
        self.house = House(files(options.files), 'python = "%s"\nframework = "%s"\n' % (
            self.python, self.framework))
        self.rows = {}

    def plain(self):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        subprocess.run([self.python, "-m", *self.command], cwd=self.house.root, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        wall = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def known(self, *order):
        """(wall, CPU) until all is known after ORDER, and the daemon's own share of the CPU."""
        before = 0.0
        if order[0] != "start":
            before = used_by(self.house.status()["pid"])
        began = time.monotonic()
        self.house.ctl(*order, code=0)
        status = self.house.wait(code=0)
        wall = time.monotonic() - began
        assert status["stats"]["tests"] >= self.options.files, status
        return wall, used_by(status["pid"]) - before

    def round(self):
        shutil.rmtree(self.house.path(".sniffer"), ignore_errors=True)
        taken = {"plain": self.plain(),
                 "first": self.known("start", "--jobs", str(self.options.jobs))}
        taken["all again"] = self.known("run", "--all")
        self.house.ctl("stop", code=0)
        for name, pair in taken.items():
            self.rows.setdefault(name, []).append(pair)

    def tell(self):
        for name, pairs in self.rows.items():
            walls, cpus = zip(*pairs)
            plain_walls, plain_cpus = zip(*self.rows["plain"])
            print("  %-10s %6.2f s  x%.2f   CPU %6.2f s  x%.2f   %5.1f ms a file" % (
                name, statistics.median(walls),
                statistics.median(map(_ratio, walls, plain_walls)), statistics.median(cpus),
                statistics.median(map(_ratio, cpus, plain_cpus)),
                1000 * statistics.median(cpus) / self.options.files), flush=True)

    def close(self):
        self.house.ctl("stop")
        shutil.rmtree(self.house.base, ignore_errors=True)


def _ratio(one, other):
    return one / other


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--python")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    options = parser.parse_args()
    for name in options.suites:
        if name not in SUITES:
            parser.error("there is no suite %s" % name)
    for name in options.suites or SUITES:
        bench = Bench(name, options)
        try:
            for _ in range(options.rounds):
                bench.round()
            print("%s: %d files, %d rounds, %s" % (name, options.files, options.rounds,
                                                   bench.python))
            bench.tell()
        finally:
            bench.close()


if __name__ == "__main__":
    main()
