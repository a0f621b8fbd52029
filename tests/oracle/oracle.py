#!/usr/bin/env python3
"""No result that is shown may ever be stale: a project edited at random, and after every edit each
shown result held against a fresh run of everything in a pristine copy.

    oracle.py --seed N --edits N [--framework nose|pytest] [--rounds N] [--jobs N] [--keep] [--quick]
              [--children] [--native]

Prints the price as well: the share of test files that were run again, and how often an edit of
comments or layout ran a test file that does not read the source. A difference is printed with seed,
steps and evidence, and then cut down to few steps and few files. Five thousand edits:

    oracle.py --quick --rounds 50 --edits 100 --jobs 2

A project for pytest has conftest files and settings as well, and they are edited, too."""

import argparse
import concurrent.futures
import contextlib
import io
import json
import os
import random
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]

import acts  # noqa: E402
import edits  # noqa: E402
import edits_pytest  # noqa: E402
import fresh  # noqa: E402
import fresh_pytest  # noqa: E402
import project  # noqa: E402
import project_pytest  # noqa: E402
from house import House, interpreter_with  # noqa: E402

SETTINGS = 'timeout = 60\npackages = ["."]\n'  # the fresh runs, too, are those of the root
NAMES = {"load": "import", "settings": "begin", "conftest": "begin"}


class Framework:
    """What is different under each. MESSAGE: what a report says in one line."""

    def __init__(self, name, project, editor, fresh, message):
        self.name, self.project, self.editor = name, project, editor
        self.fresh, self.message = fresh, message

    def house(self):
        return House(settings='python = "%s"\nframework = "%s"\n%s' % (
            self.python(), self.name, SETTINGS))

    def python(self):
        return interpreter_with(self.name)


FRAMEWORKS = {
    "nose": Framework("nose", project, edits.Editor, fresh.Fresh, fresh.last_line),
    "pytest": Framework("pytest", project_pytest, edits_pytest.Editor, fresh_pytest.Fresh,
                        fresh_pytest.last_error),
}


# ---- what is shown ----

def shown_name(test):
    """Names of what is no test: as in fresh.py."""
    kind = re.match(r"\((import|load|setup|teardown|settings|conftest)\b", test)
    return "(%s)" % NAMES.get(kind.group(1), kind.group(1)) if kind else test


def shown(house, message=fresh.last_line):
    """(file, test) -> (outcome, exception, last line), and what is wrong with it in itself."""
    found, faults = {}, []
    records = sorted(house.results().values(), key=lambda r: (r["file"], r["test"]))
    for record in records:
        if not record["current"]:
            faults.append("not current after wait: %(file)s %(test)s" % record)
        outcome = record["outcome"]
        value = (outcome, "", "")
        if outcome in ("failure", "error"):
            value = (outcome, record["exception"] or "",
                     message(record["report"], house.root))
        name = shown_name(record["test"])
        if name == "(begin)":
            value = (outcome, "", "")  # why is said in each framework's own way
        while (record["file"], name) in found:
            name += " #2"
        found[record["file"], name] = value
    return found, faults


def state_faults(house, status, results, files):
    """Does the daemon agree with itself, and is it at rest?"""
    faults = []
    counts = {"tests": len(results), "to_be_run": 0}
    for plural, outcome in (("successes", "success"), ("errors", "error"), ("failures", "failure"),
                            ("skipped", "skipped")):
        counts[plural] = sum(value[0] == outcome for value in results.values())
    if status["stats"] != counts:
        faults.append("stats are %s, results say %s" % (status["stats"], counts))
    records = house.records("files", "--json")
    if sorted(record["file"] for record in records) != sorted(files):
        faults.append("test files: shown but no test file %s; not shown %s" % (
            sorted({r["file"] for r in records} - set(files)),
            sorted(set(files) - {r["file"] for r in records})))
    faults += ["%(file)s is %(state)s after wait" % record for record in records
               if record["state"] != "current"]
    faults += ["%(file)s is called flaky" % record for record in records if record["flaky"]]
    return faults


def differences(seen, truth):
    return ["%s %s: shown %s, fresh %s" % (key + (seen.get(key), truth.get(key)))
            for key in sorted(set(seen) | set(truth)) if seen.get(key) != truth.get(key)]


# ---- a run ----

class Run:
    """A project, its daemon and its truth."""

    def __init__(self, files, quick, framework="nose"):
        self.framework = FRAMEWORKS[framework]
        self.house = self.framework.house()
        with open(os.path.join(self.house.base, "outside.txt"), "w") as file:
            file.write("10\n")
        for path, content in files.items():
            acts.place(self.house.path(path), content)
        self.fresh = self.framework.fresh(self.house.root, self.framework.python(),
                                          self.house.environment, quick)
        self.house.ctl("start", code=0)

    def close(self, keep=False):
        self.fresh.close()
        if keep:
            self.house.ctl("stop")
        else:
            self.house.close()

    def check(self):
        """What is wrong now: a list of texts, empty where all is well."""
        done = self.house.ctl("wait", "--json", "--timeout", "60")
        if done.returncode == 5 and "does not begin" in done.stderr:
            return self.refused(done.stderr)
        if done.returncode not in (0, 1):
            return ["wait: exit %d, %s" % (done.returncode, done.stderr.strip())]
        status = json.loads(done.stdout)
        seen, faults = shown(self.house, self.framework.message)
        truth, files = self.fresh.outcomes()
        wrong = faults + state_faults(self.house, status, seen, files) + differences(seen, truth)
        if wrong and self.fresh.servers:
            truth, files = self.fresh.outcomes(plain=True)
            wrong = faults + state_faults(self.house, status, seen, files) + differences(seen, truth)
        return wrong

    def refused(self, message):
        """With settings that the framework refuses nothing is known of the test files."""
        wrong = ["shown as current where nothing can run: %(file)s %(test)s" % record
                 for record in self.house.results().values()
                 if record["current"] and shown_name(record["test"]) != "(begin)"]
        truth = self.fresh.outcomes(plain=True)[0]
        return wrong + ["refused, fresh %s: %s (%s)" % (key + (message.strip(),))
                        for key, value in sorted(truth.items()) if value[0] == "success"]

    def evidence(self, wrong):
        """What the daemon knows of the files that WRONG names."""
        text = []
        for file in sorted({word for line in wrong for word in line.split()[:1] if word.endswith(".py")}):
            for question in ("why", "deps"):
                text += ["$ snifferctl %s %s" % (question, file),
                         self.house.ctl(question, file).stdout]
        again = self.check()
        text.append("asked again: " + ("the same" if again == wrong else "all well" if not again
                                       else "\n".join(again)))
        return "\n".join(text) + self.house.log()


def repeat(files, batches, quick, framework):
    """The first faults of these batches, or []."""
    run = Run(files, quick, framework)
    try:
        wrong = run.check()
        for batch in batches:
            if wrong:
                break
            for step in batch:
                acts.apply(run.house, step)
            wrong = run.check()
        return wrong
    finally:
        run.close()


# ---- cutting down ----

def kinds(wrong):
    """What sort of fault it is: a smaller case must show the same sort."""
    return {"stale" if ": shown" in line else re.sub(r"\S+\.py|[\d.{}'\[\]:,]+", "", line)[:40]
            for line in wrong}


def shrink(files, batches, wrong, options):
    """Fewer steps, then fewer files, while it still fails."""
    until = time.monotonic() + options.shrink
    wanted = kinds(wrong)

    def fails(some_files, some_batches):
        return time.monotonic() < until and bool(wanted & kinds(
            repeat(some_files, some_batches, options.quick, options.framework)))

    size = max(1, len(batches) // 2)
    while size and time.monotonic() < until:
        start = 0
        while start < len(batches):
            fewer = batches[:start] + batches[start + size:]
            if fails(files, fewer):
                batches = fewer
            else:
                start += size
        size //= 2
    for index in range(len(batches)):
        for step in list(batches[index]):
            fewer = [s for s in batches[index] if s is not step]
            if fewer and fails(files, batches[:index] + [fewer] + batches[index + 1:]):
                batches = batches[:index] + [fewer] + batches[index + 1:]
    names = sorted(files)
    size = max(1, len(names) // 2)
    while size and time.monotonic() < until:
        for start in range(0, len(names), size):
            fewer = {n: t for n, t in files.items() if n not in names[start:start + size]}
            if len(fewer) < len(files) and fails(fewer, batches):
                files = fewer
        size //= 2
    return files, batches


def short(value):
    if isinstance(value, str):
        for known in (project_pytest.HEAD, project.HEAD, project.HELPERS, project_pytest.GENERATES):
            value = value.replace(known, "<...>\n")
        return value
    if isinstance(value, (list, tuple)):
        return [short(item) for item in value]
    return value


# ---- rounds ----

class Price:
    def __init__(self):
        self.edits = self.files = self.ran = self.turned = self.layouts = self.layouts_ran = 0

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def text(self):
        return "%d edits, %.1f%% of test files run again (results of %.1f%% turned); " \
            "%d of %d edits of comments and layout ran something" % (
                self.edits, 100 * self.ran / max(1, self.files),
                100 * self.turned / max(1, self.files),
                self.layouts_ran, self.layouts)


def readers(house, batch):
    """If BATCH is comments and layout alone: the test files that read the text of these sources, or
    look at their time stamps, and by that have a reason to run. Else None."""
    if any(step[0] != "layout" for step in batch):
        return None
    paths = {step[1] for step in batch}
    rows = [row for file in house.runs() for row in house.records("deps", "--json", file)]
    return {row["file"] for row in rows
            if row["path"] in paths and row["kind"] in ("content", "presence")}


def by_file(outcomes):
    found = {}
    for (file, test), value in outcomes.items():
        found.setdefault(file, {})[test] = value
    return found


def one_edit(run, editor, batches, price, verbose):
    """Another batch; its faults."""
    editor.remember()
    runs, before = run.house.runs(), by_file(run.fresh.outcomes()[0])
    batches.append(editor.batch())
    if verbose:
        print(short(batches[-1]), flush=True)
    excused = readers(run.house, batches[-1])
    for step in batches[-1]:
        acts.apply(run.house, step)
    wrong = run.check()
    price.edits += 1
    if wrong:
        return wrong
    after, now = by_file(run.fresh.outcomes()[0]), run.house.runs()
    ran = {file for file in now if now[file] != runs.get(file, 0)}
    price.files += len(now)
    price.ran += len(ran)
    price.turned += sum(after.get(file) != before.get(file) for file in now)
    if excused is not None:
        price.layouts += 1
        price.layouts_ran += bool(ran - excused)
        if verbose and ran - excused:
            print("ran for comments or layout: %s" % sorted(ran - excused), flush=True)
    return []


def one_round(seed, options, price):
    """The faults of one project."""
    rng, framework = random.Random(seed), FRAMEWORKS[options.framework]
    looks = framework.project.looks(options.children, options.native)
    files = framework.project.new_project(rng, options.tests, looks)
    run = Run(files, options.quick, options.framework)
    editor = framework.editor(rng, run.house.root, looks)
    batches = []
    try:
        wrong = run.check()
        while not wrong and price.edits < options.edits:
            wrong = one_edit(run, editor, batches, price, options.verbose)
        if not wrong:
            return []
        tell(seed, len(batches), wrong, run)
    finally:
        run.close(keep=options.keep)
        if options.keep:
            print("kept: " + run.house.base)
    if options.shrink > 0:
        files, batches = shrink(files, batches, wrong, options)
    print("--- files:\n" + "\n".join("%s: %s" % (path, json.dumps(short(content)))
                                     for path, content in sorted(files.items())))
    print("--- batches of steps:\n" + "\n".join(json.dumps(short(batch)) for batch in batches),
          flush=True)
    if options.save:
        os.makedirs(options.save, exist_ok=True)
        with open(os.path.join(options.save, "case-%d.json" % seed), "w") as file:
            json.dump([files, batches], file)
    return wrong


def told_round(seed, options):
    """A round in a process of its own: was it bad, its price, and what it printed."""
    price, began, text = Price(), time.monotonic(), io.StringIO()
    with contextlib.redirect_stdout(text) if options.jobs > 1 else contextlib.nullcontext():
        bad = bool(one_round(seed, options, price))
    return bad, price, "%sseed %d: %s, %.0f s" % (text.getvalue(), seed, price.text(),
                                                  time.monotonic() - began)


def all_rounds(options):
    """The number of bad ones, and the whole price."""
    seeds, whole, bad = range(options.seed, options.seed + options.rounds), Price(), 0
    with concurrent.futures.ProcessPoolExecutor(options.jobs) if options.jobs > 1 else \
            contextlib.nullcontext() as pool:
        play = pool.map if pool else map
        for is_bad, price, text in play(told_round, seeds, [options] * len(seeds)):
            print(text, flush=True)
            bad += is_bad
            whole.add(price)
    return bad, whole


def tell(seed, count, wrong, run):
    print("=== STALE OR WRONG: seed %d, after %d batches" % (seed, count))
    print("\n".join(wrong))
    print("--- evidence:\n" + run.evidence(wrong), flush=True)


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--framework", choices=sorted(FRAMEWORKS), default="nose")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--edits", type=int, default=100, help="batches of edits in each round")
    parser.add_argument("--rounds", type=int, default=1, help="projects, each of the next seed")
    parser.add_argument("--tests", type=int, default=8, help="test files of a project")
    parser.add_argument("--keep", action="store_true", help="do not delete the projects")
    parser.add_argument("--quick", action="store_true",
                        help="fresh runs by fork; differences are checked plainly")
    parser.add_argument("--children", action="store_true",
                        help="tests that read through subprocesses, too")
    parser.add_argument("--native", action="store_true", help="tests that read through C code, too")
    parser.add_argument("--jobs", type=int, default=1, help="rounds at a time")
    parser.add_argument("--shrink", type=float, default=120, metavar="SECONDS")
    parser.add_argument("--save", metavar="FOLDER",
                        help="write cases that failed there, for --case")
    parser.add_argument("--case", metavar="FILE", help="repeat a case that was saved")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args(argv)


def main(argv=None):
    options = arguments(argv)
    if FRAMEWORKS[options.framework].python() is None:
        sys.exit("no interpreter here has " + options.framework)
    if options.case:
        with open(options.case) as file:
            wrong = repeat(*json.load(file), options.quick, options.framework)
        print("\n".join(wrong) or "all well")
        return int(bool(wrong))
    began = time.monotonic()
    bad, price = all_rounds(options)
    print("in all: %s, %.0f s" % (price.text(), time.monotonic() - began))
    print("stale or wrong: %d of %d rounds" % (bad, options.rounds))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
