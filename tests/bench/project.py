"""A real project under sniffer, beside plain pytest or nose, and pytest-testmon where it is installed.

usage: project.py [--python P] [--module pytest|nose] [--rounds N] [--edits N] [--seed N] PROJECT

PROJECT is a clone that may be edited; P, relative to it or absolute, an interpreter that has what its
tests need (a `.venv` in it, with the project installed in place). Told are seconds of wall-clock time:

  everything    one plain run over all tests
  first         from `snifferctl start` in a project that it never saw until all is known
  all again     `snifferctl run --all`
  restart       stop, start, and all is known again: nothing may run
  edit          a statement is put into a function of the project, saved, and all is known again; the
                edits are drawn at random, the same ones for one SEED, and each is undone
  undo          the same for the way back, where the older verdict holds again

For each edit the plain run of everything, the plain run of exactly the test files that ran, and
`pytest --testmon` follow in the same state of the tree. Needs $SNIFFER_BUILD, the folder of a release build.
"""

import argparse
import ast
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

from house import House  # noqa: E402


def timed(act):
    began = time.monotonic()
    result = act()
    return time.monotonic() - began, result


class Edit:
    """A statement more at the beginning of a function's body, which changes nothing that it does."""

    def __init__(self, path, text, line, indent, name):
        self.path, self.text, self.name = path, text, name
        lines = text.splitlines(keepends=True)
        lines.insert(line, indent + "_edited = 0\n")
        self.edited = "".join(lines)

    def save(self, text):
        with open(self.path + "~", "w", encoding="utf-8") as file:
            file.write(text)
        shutil.copymode(self.path, self.path + "~")
        os.rename(self.path + "~", self.path)


def functions(path):
    """(line, indent, name) of the bodies that a line can be put before."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body and body[0].lineno > node.lineno:
                yield text, body[0].lineno - 1, " " * body[0].col_offset, node.name


def edits(root, count, seed):
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name[0] != "." and name not in (
            "tests", "test", "docs", "examples", "build", "node_modules")]
        for name in sorted(names):
            path = os.path.join(folder, name)
            if name.endswith(".py") and name not in ("setup.py", "conftest.py", "noxfile.py"):
                found += [Edit(path, *where) for where in functions(path)]
    found.sort(key=lambda edit: (edit.path, edit.edited))
    return random.Random(seed).sample(found, min(count, len(found)))


class Bench:
    def __init__(self, options):
        self.root = os.path.realpath(options.project)
        self.python = os.path.join(self.root, options.python)
        self.module = options.module
        self.house = House(settings=None, root=self.root)
        self.testmon = self.module == "pytest" and subprocess.run(
            [self.python, "-c", "import testmon"], stderr=subprocess.DEVNULL).returncode == 0

    def plain(self, *words):
        return timed(lambda: subprocess.run(
            [self.python, "-m", self.module, *words], cwd=self.root, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace").stdout)

    def known(self, act):
        return timed(lambda: (act(), self.house.long_wait()))[0]

    def start(self):
        self.house.ctl("start", "--python", self.python, code=0)

    def whole(self, rounds):
        shutil.rmtree(os.path.join(self.root, ".sniffer"), ignore_errors=True)
        everything = [self.plain("-q") for _ in range(rounds)]
        self.told("everything", [seconds for seconds, _ in everything],
                  everything[0][1].strip().splitlines()[-1])
        self.told("first", [self.known(self.start)], "%(tests)d tests in all" % self.house.status()["stats"])
        self.told("all again", [self.known(lambda: self.house.ctl("run", "--all", code=0))
                                for _ in range(rounds)])
        before = self.house.runs()
        self.house.ctl("stop", code=0)
        self.told("restart", [self.known(self.start)],
                  "%d runs" % sum(n != before[f] for f, n in self.house.runs().items()))

    @staticmethod
    def told(name, seconds, more=""):
        print("  %-12s %7.2f s   %s" % (name, statistics.median(seconds), more), flush=True)

    def edited(self, edit, rows):
        before = self.house.runs()
        taken = self.known(lambda: edit.save(edit.edited))
        now = self.house.runs()
        ran = sorted(file for file, count in now.items() if count != before.get(file, 0))
        row = {"sniffer": taken, "share": len(ran) / len(now), "everything": self.plain("-q")[0]}
        if ran:
            row["those files"] = self.plain("-q", *ran)[0]
        if self.testmon:
            row["testmon"] = self.plain("-q", "--testmon")[0]
        row["undo"] = self.known(lambda: edit.save(edit.text))
        rows.append(row)
        print("    %-40s %3d of %d files  %s" % (
            os.path.relpath(edit.path, self.root) + " " + edit.name, len(ran), len(now),
            "  ".join("%s %.2f" % (name, seconds) for name, seconds in row.items()
                      if name != "share")), flush=True)

    def edits(self, options):
        if self.testmon:
            self.plain("-q", "--testmon")
        rows = []
        for edit in edits(self.root, options.edits, options.seed):
            self.edited(edit, rows)
        print("  %d edits, %.0f %% of the test files run again" % (
            len(rows), 100 * statistics.mean(row["share"] for row in rows)))
        for name in ("sniffer", "those files", "everything", "testmon", "undo"):
            with_it = [row for row in rows if name in row]
            if with_it:
                self.told(name, [row[name] for row in with_it],
                          "x%.2f of everything (median of ratios)" % statistics.median(
                              row[name] / row["everything"] for row in with_it))

    def close(self):
        self.house.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=".venv/bin/python")
    parser.add_argument("--module", choices=("pytest", "nose"), default="pytest")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("project", metavar="PROJECT")
    options = parser.parse_args()
    bench = Bench(options)
    try:
        print(bench.root)
        bench.whole(options.rounds)
        bench.edits(options)
    finally:
        bench.close()


if __name__ == "__main__":
    main()
