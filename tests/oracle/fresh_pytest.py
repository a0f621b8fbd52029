"""Fresh runs of a project's test files with plain pytest, each file in a process of its own, in a
pristine copy: what sniffer's results of a pytest project are held against.

Plain and quick are as in fresh.py. A quick run is forked from an interpreter that has loaded pytest
and nothing of any project; where the project has a module of the name of one that is loaded there,
it is done plainly."""

import ast
import os
import re
import subprocess

import fresh
# A plugin of pytest's own making: the outcome of each test, or which files would be asked for tests.
# It imports little: a project may have a module of any name.
_REPORTER = """\
import os, pytest

outcomes, kinds, files = [], {}, []
last = {}  # of outcomes, by node
RANK = ["success", "skipped", "failure", "error"]
BAD = {"call": "failure"}

@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests():
    outcome = yield
    if outcome.excinfo is not None:
        add("::(begin)", "error", "", "")
        write()

@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_make_collect_report(collector):
    is_file = (isinstance(collector, pytest.File) and
               type(collector).__name__ not in ("Package", "Dir"))
    if is_file and "FRESH_FILES" in os.environ:
        files.append(os.path.relpath(str(getattr(collector, "path", None) or collector.fspath),
                                     str(collector.config.invocation_params.dir)))
        collector.collect = lambda: []
    outcome = yield
    report = outcome.get_result()
    if report.outcome != "passed":
        error = report.call.excinfo.value if getattr(report, "call", None) else None
        if isinstance(error, collector.CollectError) and error.__cause__ is not None:
            error = error.__cause__
        add(report.nodeid, "error" if report.failed else "skipped", type(error).__name__,
            report.longreprtext)

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    yield
    if call.excinfo is not None:
        kinds[item.nodeid, call.when] = call.excinfo.typename

def pytest_runtest_logreport(report):
    if report.when == "setup":
        last.pop(report.nodeid, None)  # two tests can have one name
    if report.skipped and getattr(report, "context", None):
        return  # a part of a test
    outcome = {"passed": "success", "skipped": "skipped"}.get(report.outcome)
    add(report.nodeid, outcome or BAD.get(report.when, "error"),
        kinds.get((report.nodeid, report.when), ""), report.longreprtext)

def add(nodeid, outcome, kind, text):
    if nodeid not in last:
        last[nodeid] = ["success", "", ""]
        outcomes.append((nodeid, last[nodeid]))
    one, bad = last[nodeid], outcome in ("failure", "error")
    if RANK.index(outcome) > RANK.index(one[0]):
        one[:2] = outcome, kind if bad else ""
    if bad:
        one[2] += text + "\\n"

def pytest_unconfigure():
    write()

def write():
    with open(os.environ["FRESH_REPORT"], "w") as file:
        file.write(ascii((files, outcomes)))
"""

_SERVER = r"""
import os, sys
import pdb, pytest
from _pytest.config import get_config
get_config()
sys.stdout.write(" ".join(name for name in sys.modules if "." not in name) + "\n")
sys.stdout.flush()
for line in sys.stdin:
    root, report, files, *words = line.rstrip("\n").split("\t")
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.chdir(root)
        sys.path[0] = root
        os.environ["FRESH_REPORT"] = report
        if files:
            os.environ["FRESH_FILES"] = files
        sys.argv = [pytest.__file__.replace("__init__", "__main__"), *words]
        try:
            pytest.console_main()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    sys.stdout.write("\n")
    sys.stdout.flush()
"""


def last_error(text, root):
    """The last line that pytest marks as what the exception says."""
    lines = [line for line in (text or "").splitlines() if line.startswith("E  ")]
    shown = lines[-1][1:].strip().replace(root, "ROOT") if lines else ""
    return re.sub(" at 0x[0-9a-f]+", " at 0x...", shown)


def _name(nodeid):
    head, bracket, parameters = nodeid.partition("::")[2].partition("[")
    return head.replace("::", ".") + bracket + parameters or "(import)"


class Fresh(fresh.Fresh):
    """Fresh runs of one project at ROOT."""

    SERVER = _SERVER

    def __init__(self, root, python, environment, quick=False):
        super().__init__(root, python, environment, quick)
        self.loaded = [set(server.process.stdout.readline().split()) for server in self.servers]

    def prepare(self):
        with open(os.path.join(self.base, "sniffer_fresh_reporter.py"), "w") as file:
            file.write(_REPORTER)
        paths = [self.base] + self.environment.get("PYTHONPATH", "").split(os.pathsep)
        self.environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))

    def test_files(self, copy, plain):
        """Those below a conftest file that does not load are broken, not gone. Those in a folder
        that a link leads to are not asked for: sniffer says that it does not run them."""
        files, errors = self._pytest("files", copy, plain, "1")
        if errors:
            more = set(self._pytest("files", copy, plain, "1", "--noconftest")[0]) - set(files)
            for folder in sorted({os.path.dirname(file) or "." for file in more}):
                # Is it broken here, or does a conftest file that is well leave them out?
                found, errors = self._pytest("files", copy, plain, "1", folder)
                files += found
                if errors:
                    files += [file for file in more if (os.path.dirname(file) or ".") == folder]
        top = os.path.realpath(copy)
        return sorted(file for file in set(files) if os.path.dirname(os.path.join(top, file)) ==
                      os.path.realpath(os.path.dirname(os.path.join(top, file))))

    def run(self, number, copy, file, plain):
        _, outcomes = self._pytest(str(number), copy, plain, "", file)
        found = {}
        for nodeid, (outcome, kind, text) in outcomes:
            fresh.add(found, _name(nodeid), (outcome, kind, last_error(text, copy)))
        return {(file, test): value for test, value in found.items()}

    def everything(self, copy):
        """The same of one plain run of all, which began where sniffer begins."""
        by_file = {}
        for nodeid, (outcome, kind, text) in self._pytest("everything", copy, True, "")[1]:
            fresh.add(by_file.setdefault(nodeid.partition("::")[0], {}), _name(nodeid),
                      (outcome, kind, last_error(text, copy)))
        return {(file, test): value for file, found in by_file.items()
                for test, value in found.items()}

    def _pytest(self, name, copy, plain, files, *words):
        report = os.path.join(self.base, name + ".report")
        words = ("-p", "sniffer_fresh_reporter", "-p", "no:cacheprovider", *words)
        if self.servers and not plain and not self._hides(copy):
            server = self.servers.pop()
            server.run(copy, report, files, *words)
            self.servers.append(server)
        else:
            environment = dict(self.environment, FRESH_REPORT=report)
            if files:
                environment["FRESH_FILES"] = files
            subprocess.run([self.python, "-B", "-m", "pytest", *words], cwd=copy, env=environment,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=600)
        try:
            with open(report) as file:
                return ast.literal_eval(file.read())
        except (OSError, ValueError, SyntaxError):
            return [], [["::(begin)", ("error", "", "")]]
        finally:
            if os.path.exists(report):
                os.remove(report)

    def _hides(self, copy):
        """Has the project a module of the name of one that the servers have?"""
        return any(name in self.loaded[0] or name.endswith(".py") and name[:-3] in self.loaded[0]
                   for folder, folders, names in os.walk(copy) for name in folders + names)
