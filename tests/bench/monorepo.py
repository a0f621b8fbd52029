#!/usr/bin/env python3
"""A repository of many packages: start, restart, edits near and far, memory.

    tests/bench/monorepo.py [--packages 50] [--files 2000] [--modules 20000] [--framework unittest]

Each package has its share of modules, of which each imports the one before it, in rows of ten, and of test files, each for one
row. Every tenth row also imports the first module of the package before, and all packages use one module of the first.
Prints seconds from the edit to `wait`, how many test files ran for it, and what the daemon and its workers hold.
SNIFFER_BUILD names the build folder (default: build/release)."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("SNIFFER_BUILD", os.path.join(SOURCE, "build", "release"))
ROW = 10

SETTINGS = {"unittest": ("pyproject.toml", '[tool.sniffer]\nframework = "unittest"\n'),
            "pytest": ("pytest.ini", "[pytest]\n"),
            "nose": ("setup.cfg", "[nosetests]\n")}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def module(package, number):
    row, place = divmod(number, ROW)
    lines = []
    if place:
        lines.append("from . import m%d as before" % (number - 1))
    elif package:
        lines.append("import p0.common as before" if row % 10 else "import p%d.m0 as before" % (package - 1))
    else:
        lines.append("from . import common as before")
    return "\n".join(lines) + "\n\n\ndef value():\n    return before.value() + %d\n" % (number % 3)


def make(root, args):
    name, text = SETTINGS[args.framework]
    modules, files = args.modules // args.packages, args.files // args.packages
    for package in range(args.packages):
        home = "%s/package%02d" % (root, package)
        write(home + "/" + name, text)
        write("%s/p%d/__init__.py" % (home, package), "")
        for number in range(modules):
            write("%s/p%d/m%d.py" % (home, package, number), module(package, number))
        write(home + "/tests/__init__.py",
              "import glob\nimport os\nimport sys\n\nsys.path[:0] = sorted(glob.glob(os.path.join(os.path.dirname(os.path.dirname(\n"
              "    os.path.dirname(os.path.abspath(__file__)))), 'package*')))\n")
        for number in range(files):
            last = (number * ROW) % modules + ROW - 1
            write("%s/tests/test_%d.py" % (home, number),
                  "import unittest\nfrom p%d import m%d\n\n\nclass T(unittest.TestCase):\n    def test_it(self):\n"
                  "        self.assertGreaterEqual(m%d.value(), 0)\n" % (package, last, last))
    write(root + "/package00/p0/common.py", "def value():\n    return 1\n")


class Bench:
    def __init__(self, root, base):
        self.root = root
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=base, HOME=base,
                                SNIFFER_PLUGIN=os.path.join(SOURCE, "python_plugin"),
                                SNIFFER_TRACE_LIBRARY=os.path.join(BUILD, "libsniffer_trace.so"))

    def ctl(self, *arguments):
        return subprocess.run([os.path.join(BUILD, "snifferctl"), "-C", self.root, *arguments],
                              env=self.environment, stdout=subprocess.PIPE, check=False, text=True).stdout

    def runs(self):
        return {record["file"]: record["runs"] for record in map(json.loads, self.ctl("files", "--json").splitlines())}

    def timed(self, what, act):
        before = self.runs() if os.path.exists(self.root + "/.sniffer") else {}
        began = time.monotonic()
        act()
        self.ctl("wait")
        seconds = time.monotonic() - began
        ran = sum(1 for file, count in self.runs().items() if count != before.get(file, 0))
        print("%-34s %8.2f s  %5d test files ran" % (what, seconds, ran))
        sys.stdout.flush()

    def memory(self):
        daemon = json.loads(self.ctl("status", "--json"))["pid"]
        own, workers, count = 0, 0, 0
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open("/proc/%s/status" % name, encoding="ascii") as file:
                    status = dict(line.split(":", 1) for line in file if ":" in line)
                with open("/proc/%s/smaps_rollup" % name, encoding="ascii") as file:
                    share = [int(line.split()[1]) for line in file if line.startswith("Pss:")][0]
            except (OSError, ValueError, IndexError):
                continue
            if int(name) == daemon:
                own = share
            elif int(status["PPid"]) == daemon:
                workers += share
                count += 1
        print("%-34s %8.1f MB daemon, %.1f MB in %d workers (PSS), index %.1f MB" % (
            "memory", own / 1024, workers / 1024, count,
            os.path.getsize(self.root + "/.sniffer/index.sqlite") / 1e6))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--packages", type=int, default=50)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--modules", type=int, default=20000)
    parser.add_argument("--framework", choices=sorted(SETTINGS), default="unittest")
    args = parser.parse_args()
    base = tempfile.mkdtemp(prefix="sniffer-bench-")
    bench = Bench(base + "/repository", base)
    try:
        make(bench.root, args)
        subprocess.run(["git", "init", "-q", bench.root], check=True)
        bench.timed("first start", lambda: bench.ctl("start"))
        bench.memory()
        bench.timed("restart", lambda: bench.ctl("restart"))
        leaf = bench.root + "/package%02d/p%d/m%d.py" % (args.packages - 1, args.packages - 1, ROW - 1)
        text = open(leaf, encoding="utf-8").read()
        bench.timed("edit of a leaf", lambda: write(leaf, text.replace("+ 0", "+ 5")))
        bench.timed("and back", lambda: write(leaf, text))
        bench.timed("edit of the module that all use",
                    lambda: write(bench.root + "/package00/p0/common.py", "def value():\n    return 2\n"))
        bench.timed("and back", lambda: write(bench.root + "/package00/p0/common.py", "def value():\n    return 1\n"))
        bench.memory()
    finally:
        bench.ctl("stop")
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
