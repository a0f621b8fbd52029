"""What tracing costs: whole suites under it, beside a plain run and one under coverage.py.

usage: overhead.py [--rounds N] [--python P] [--module nose|pytest|unittest] SUITE...

SUITE is a project's folder, whose tests `python -m MODULE` runs there. Each round runs every variant
once, in turn, so that what else the machine does falls on all alike; told are medians of the CPU
time (user and system, children included), and the ratio to the plain run of the same round.
Needs $SNIFFER_BUILD, the folder of a release build. Nothing is written into a suite but what its
tests write: sniffer's bytecode goes into a copy.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("SNIFFER_BUILD", "")
LIBRARY = os.environ.get("SNIFFER_TRACE_LIBRARY", os.path.join(BUILD, "libsniffer_trace.so"))


def variants(python, module, arguments, report):
    """Name, command, environment on top."""
    plain = [python, "-m", module, *arguments]
    yield "plain", plain, {}
    yield "sniffer", [python, os.path.join(HERE, "traced.py"), os.path.join(ROOT, "python_plugin"),
                      report, module, *arguments], {"LD_PRELOAD": LIBRARY}
    if subprocess.run([python, "-c", "import coverage"], capture_output=True).returncode == 0:
        yield "coverage.py", [python, "-m", "coverage", "run", "-m", module, *arguments], {}


def take(report):
    """What a variant said that is not to be counted."""
    if not os.path.exists(report):
        return 0
    with open(report) as file:
        seconds = float(file.read())
    os.unlink(report)
    return seconds


def cpu(command, folder, extra, report):
    """Seconds of CPU, and the last line that it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env={**os.environ, **extra}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    last = ([""] + done.stdout.strip().splitlines())[-1]
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds - take(report), last


def measure(suite, options):
    with tempfile.TemporaryDirectory(prefix="sniffer-overhead-") as folder:
        copy = os.path.join(folder, "suite")
        shutil.copytree(suite, copy, symlinks=True,
                        ignore=shutil.ignore_patterns(".git", ".sniffer", "__pycache__"))
        report = os.path.join(folder, "report")
        times, ends = {}, {}
        for _ in range(options.rounds + 1):
            for name, command, extra in variants(options.python, options.module,
                                                 options.arguments, report):
                seconds, ends[name] = cpu(command, copy, extra, report)
                times.setdefault(name, []).append(seconds)
    print("%s: %d rounds, %s" % (suite, options.rounds, ends["plain"]))
    for name, taken in times.items():
        taken = taken[1:]  # the first one fills caches
        ratios = [mine / plain for mine, plain in zip(taken, times["plain"][1:])]
        print("  %-12s %7.2f s   x%.2f   (%.2f to %.2f)%s" % (
            name, statistics.median(taken), statistics.median(ratios), min(ratios), max(ratios),
            "" if ends[name] == ends["plain"] else "   ended with: " + ends[name]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--module", default="nose")
    parser.add_argument("--arg", dest="arguments", action="append", default=[])
    parser.add_argument("suites", nargs="+", metavar="SUITE")
    options = parser.parse_args()
    if not os.path.isfile(LIBRARY):
        sys.exit("overhead.py: no %s; set SNIFFER_BUILD to a release build" % (LIBRARY or "library"))
    for suite in options.suites:
        measure(suite, options)


if __name__ == "__main__":
    main()
