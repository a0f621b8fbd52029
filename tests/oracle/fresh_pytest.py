"""Fresh runs of a project's test files with plain pytest, each file in a process of its own, in a
pristine copy: what sniffer's results of a pytest project are held against."""

import concurrent.futures
import json
import os
import shutil
import subprocess
import tempfile

from fresh import HIDDEN, JOBS

# A plugin of pytest's own making: the outcome of each test, and which files were asked for tests.
_REPORTER = """\
import json, os, pytest

outcomes, kinds, files = {}, {}, []
RANK = ["success", "skipped", "failure", "error"]
BAD = {"call": "failure"}

@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    outcome = yield
    if isinstance(collector, pytest.File) and type(collector).__name__ not in ("Package", "Dir"):
        files.append(collector.nodeid.partition("::")[0])
    report = outcome.get_result()
    if report.outcome != "passed":
        error = report.call.excinfo.value if getattr(report, "call", None) else None
        if isinstance(error, collector.CollectError) and error.__cause__ is not None:
            error = error.__cause__
        add(report.nodeid, "error" if report.failed else "skipped", type(error).__name__)

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    yield
    if call.excinfo is not None:
        kinds[item.nodeid, call.when] = call.excinfo.typename

def pytest_runtest_logreport(report):
    outcome = {"passed": "success", "skipped": "skipped"}.get(report.outcome)
    add(report.nodeid, outcome or BAD.get(report.when, "error"),
        kinds.get((report.nodeid, report.when), ""))

def add(nodeid, outcome, kind):
    old = outcomes.get(nodeid)
    if old is None or RANK.index(outcome) > RANK.index(old[0]):
        outcomes[nodeid] = outcome, kind if outcome in ("failure", "error") else ""

def pytest_unconfigure():
    with open(os.environ["FRESH_REPORT"], "w") as file:
        json.dump([files, list(outcomes.items())], file)
"""


def _name(nodeid):
    head, bracket, parameters = nodeid.partition("::")[2].partition("[")
    return head.replace("::", ".") + bracket + parameters or "(import)"


class Fresh:
    """Fresh runs of one project at ROOT, as fresh.Fresh has them for nose."""

    def __init__(self, root, python, environment):
        self.root, self.python = root, python
        self.base = tempfile.mkdtemp(prefix="sniffer-fresh-")
        with open(os.path.join(self.base, "sniffer_fresh_reporter.py"), "w") as file:
            file.write(_REPORTER)
        paths = [self.base] + environment.get("PYTHONPATH", "").split(os.pathsep)
        self.environment = dict(environment, PYTHONDONTWRITEBYTECODE="1",
                                PYTHONPATH=os.pathsep.join(filter(None, paths)))
        self.pool = concurrent.futures.ThreadPoolExecutor(JOBS)
        self.known = {}

    def close(self):
        self.pool.shutdown()
        shutil.rmtree(self.base, ignore_errors=True)

    def _pytest(self, name, copy, *words):
        report = os.path.join(self.base, name)
        subprocess.run([self.python, "-B", "-m", "pytest", "-p", "sniffer_fresh_reporter",
                        "-p", "no:cacheprovider", *words], cwd=copy,
                       env=dict(self.environment, FRESH_REPORT=report), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
        try:
            with open(report) as file:
                return json.load(file)
        except (OSError, ValueError):
            return [], [["", ("error", "(no report)")]]
        finally:
            if os.path.exists(report):
                os.remove(report)

    def _run(self, number, copy, file):
        _, outcomes = self._pytest("%d.json" % number, copy, file)
        return {(file, _name(nodeid)): tuple(value) for nodeid, value in outcomes}

    def outcomes(self):
        """(file, test) -> (outcome, exception), and the list of test files."""
        copy = os.path.join(self.base, os.path.basename(self.root))
        shutil.copytree(self.root, copy, symlinks=True, ignore=shutil.ignore_patterns(*HIDDEN))
        try:
            files = sorted(set(self._pytest("files.json", copy, "--collect-only")[0]))
            jobs = [self.pool.submit(self._run, number, copy, file)
                    for number, file in enumerate(files)]
            found = {}
            for job in jobs:
                found.update(job.result())
        finally:
            shutil.rmtree(copy)
        return found, files
