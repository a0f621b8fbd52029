"""The pytest plugins behind a run of one file, and behind the question which files are test files.

Records turns what pytest tells into records, one for each test: set-up, call and tear-down are one
test, and the worst of them counts. Results does so for one file. Finder lets pytest walk to the
files in question and no further, so that nothing is imported but conftest files. These two switch
off what makes no sense for one file in a process of its own.
"""

from __future__ import annotations

import functools
import io
import os
import re
import sys

import pytest

from .order import First, ahead
from .records import Record, Sink, prune, short_traceback, tidy

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SWITCHED_OFF = (
    # name of the option, what people know it by, its value for off
    ("maxfail", "-x, --maxfail", 0),
    ("lf", "--lf, --last-failed", False),
    ("failedfirst", "--ff, --failed-first", False),
    ("newfirst", "--nf, --new-first", False),
    ("stepwise", "--sw, --stepwise", False),
    ("stepwise_skip", "--stepwise-skip", False),
    ("usepdb", "--pdb", False),
    ("trace", "--trace", False),
    ("collectonly", "--collect-only", False),
    ("setuponly", "--setup-only", False),
    ("setupplan", "--setup-plan", False),
    ("showfixtures", "--fixtures", False),
    ("show_fixtures_per_test", "--fixtures-per-test", False),
    ("markers", "--markers", False),
    ("cacheshow", "--cache-show", None),
    ("help", "--help", False),
    ("version", "--version", 0),
    ("pastebin", "--pastebin", None),
    ("xmlpath", "--junitxml", None),
    # of plugins
    ("htmlpath", "--html", None),
    ("numprocesses", "-n, --numprocesses", None),
    ("dist", "--dist", "no"),
    ("tx", "--tx", []),
    ("looponfail", "--looponfail", False),
    ("testmon", "--testmon", False),
)
COVERAGE = ("cov_source", "--cov", [])
_CHOOSING = (("keyword", "-k"), ("markexpr", "-m"), ("deselect", "--deselect"))
# From pytest 8 on. Of the others only their plugin knows what is in them.
_FOLDERS = (pytest.Dir, pytest.Package) if hasattr(pytest, "Dir") else ()
_OWN_FRAMES = re.compile(r"^%s/.*: in .*\n(?:    .*\n)*" % re.escape(os.path.dirname(__file__)),
                         re.MULTILINE)
_OF_ONE_TEST = ("function", 4)  # the second up to pytest 6
_OUTCOMES = {"setup": "error", "call": "failure", "teardown": "error"}


def _nothing() -> None:
    pass


def path_of(node: Any) -> str:
    return str(getattr(node, "path", None) or node.fspath)


def test_name(nodeid: str) -> str:
    """tests/test_a.py::TestX::test_y[a::b] is TestX.test_y[a::b] to its file."""
    head, bracket, parameters = nodeid.partition("::")[2].partition("[")
    return tidy(head.replace("::", ".") + bracket + parameters) or "(import)"


def _around(item: pytest.Item) -> list[object]:
    """Modules and classes: fixtures of theirs are torn down when the next test is outside."""
    return item.listchain()[:-1]


def _setting(item: pytest.Item) -> object:
    """The parameters for which something is set up that is for more than one test."""
    spec = getattr(item, "callspec", None)
    if spec is None:
        return ()
    scopes = getattr(spec, "_arg2scope", None) or getattr(spec, "_arg2scopenum", {})
    try:
        return tuple((name, at) for name, at in sorted(spec.indices.items())
                     if getattr(scopes[name], "value", scopes[name]) not in _OF_ONE_TEST)
    except (AttributeError, KeyError, TypeError):  # a pytest that nobody has seen yet
        return item


def inside() -> list[str]:
    """The folders whose frames are no news to anybody."""
    return [os.path.dirname(__file__)] + [os.path.dirname(sys.modules[name].__file__ or "")
                                          for name in ("pytest", "_pytest", "pluggy")]


class Records:
    """Turns what pytest tells into records, one for each test."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.bad = False  # was a record?
        self._config: Any = None
        self._open: dict[str, Record] = {}
        self._kinds: dict[tuple[str, str], str] = {}  # of exceptions, by test and phase

    def file_of(self, nodeid: str) -> str | None:
        raise NotImplementedError

    # -- collection ------------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector):  # type: ignore[no-untyped-def]
        outcome = yield
        report = None if outcome.excinfo is not None else outcome.get_result()
        call = getattr(report, "call", None)
        if call is not None and call.excinfo is not None:
            error = call.excinfo.value
            if isinstance(error, collector.CollectError) and error.__cause__ is not None:
                error = error.__cause__  # pytest says more than that it could not collect
            self._kinds[report.nodeid, "collect"] = type(error).__name__

    def pytest_collectreport(self, report) -> None:  # type: ignore[no-untyped-def]
        if not report.passed:
            record = self._begin(report.nodeid)
            self._add(record, report, "collect")
            self._end(report.nodeid)

    # -- tests, in the order of their life -------------------------------------------------

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._begin(nodeid)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):  # type: ignore[no-untyped-def]
        # unittest's cases keep theirs until the report is made.
        for info in [call.excinfo, *(getattr(item, "_excinfo", None) or ())]:
            if info is not None:
                prune(*_error(info))
        yield
        if call.excinfo is not None:
            self._kinds[item.nodeid, call.when] = call.excinfo.typename

    def pytest_runtest_logreport(self, report) -> None:  # type: ignore[no-untyped-def]
        known = report.nodeid in self._open
        record = self._open[report.nodeid] if known else self._begin(report.nodeid)
        record.duration_ms += report.duration * 1000
        self._add(record, report, report.when)
        if not known:  # from a plugin that has its own ways
            self._end(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if nodeid in self._open:
            self._end(nodeid)

    # -- records ---------------------------------------------------------------------------

    def _begin(self, nodeid: str) -> Record:
        file = self.file_of(nodeid)
        record = Record(file, self.sink.begins(file, test_name(nodeid)))
        self._open[nodeid] = record
        return record

    def _end(self, nodeid: str) -> None:
        record = self._open.pop(nodeid)
        if record.outcome is None:
            record.add("error", None, "the test ended without any outcome")
        self._tell(record)

    def _tell(self, record: Record) -> None:
        self.bad = self.bad or record.bad
        self.sink.ends(record)

    def _add(self, record: Record, report, when: str) -> None:  # type: ignore[no-untyped-def]
        if report.failed:
            kind = self._kinds.get((report.nodeid, when)) or _kind_of(report)
            record.add(_OUTCOMES.get(when, "error"), kind, self._text(report))
        elif report.skipped:
            # The rest of a test may be well where a part of it was skipped.
            if getattr(report, "context", None) is None:
                record.add("skipped", self._kinds.get((report.nodeid, when)), _reason(report))
        elif when == "call":
            record.add("success")
        elif when == "teardown" and record.bad:
            record.add("success", None, self._text(report, "teardown"))

    def _text(self, report, part: str = "") -> str:  # type: ignore[no-untyped-def]
        """What pytest shows of it, with what was captured; of PART of a test the latter alone."""
        from _pytest.config import create_terminal_writer

        file = io.StringIO()
        writer = create_terminal_writer(self._config, file)
        if not part:
            report.toterminal(writer)
        shown = self._config.option.showcapture
        for name, content in report.sections:
            if (shown == "all" or shown in name) and part in name:
                writer.sep("-", name)
                writer.line(content[:-1] if content.endswith("\n") else content)
        return _OWN_FRAMES.sub("", file.getvalue()).strip("\n").rstrip()


class Settled:
    """What a run and a question have in common: the settings, and what is wrong with them."""

    folders: Any  # of this run's own: cache and temporary
    # Settings may ask for the plugin that is for runs by hand (sniffer.py): pytest finds that a
    # plugin of its name is there.
    __name__ = "sniffer"

    def __init__(self) -> None:
        self.off: list[str] = []  # what the settings ask for and does not happen
        self.choosing: list[str] = []  # options that leave out tests
        self.problem: BaseException | None = None

    # The last, for in older versions of pluggy an error ends in the first wrapper that asks for it.
    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_cmdline_parse(self):  # type: ignore[no-untyped-def]
        self._note((yield))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config):  # type: ignore[no-untyped-def]
        self._switch_off(early_config.known_args_namespace, *COVERAGE)  # it would begin here
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config):  # type: ignore[no-untyped-def]
        for item in SWITCHED_OFF:
            self._switch_off(config.option, *item)
        self.choosing = [shown for name, shown in _CHOOSING if getattr(config.option, name, None)]
        config._inicache["cache_dir"] = self.folders.cache
        if not config.option.basetemp:
            config.option.basetemp = self.folders.temporary
        self.settle(config)
        self._note((yield))

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config) -> None:  # type: ignore[no-untyped-def]
        # They would fill the cache, for nobody.
        for name in ("lfplugin", "nfplugin", "stepwise"):
            if config.pluginmanager.hasplugin(name):
                config.pluginmanager.unregister(name=name)

    def settle(self, config) -> None:  # type: ignore[no-untyped-def]
        raise NotImplementedError

    def _switch_off(self, options: Any, name: str, shown: str, off: object) -> None:
        value = getattr(options, name, off)
        if value != off and value:
            setattr(options, name, off)
            self.off.append(shown)

    def _note(self, outcome) -> None:  # type: ignore[no-untyped-def]
        if outcome.excinfo is not None and self.problem is None:
            self.problem = outcome.excinfo[1]


class Results(Settled, Records):
    """Records of one file's run."""

    def __init__(self, sink: Sink, file: str, begins,  # type: ignore[no-untyped-def]
                 first: First) -> None:
        Settled.__init__(self)
        Records.__init__(self, sink)
        self.first = first
        self.file: str | None = file  # of records that know none
        self.files = [file]
        self.stage = "(settings)"
        self.interrupted = ""
        self.keyword = ""
        self.left_out = 0
        self.settled: Callable[[], None] = _nothing  # to be called when it knows its settings,
        self.begun: Callable[[], None] = _nothing  # and when it has made its session of them
        self._begins = begins

    def file_of(self, nodeid: str) -> str | None:
        return self.file

    def settle(self, config) -> None:  # type: ignore[no-untyped-def]
        self._config = config
        config.option.color = "no"
        config.args = list(self.files)  # settings may name others
        self.settled()
        self.keyword = config.option.keyword
        if self.off:
            sys.stderr.write("sniffer: not used for a single file: %s\n" % "; ".join(self.off))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config):  # type: ignore[no-untyped-def]
        self._begins()
        yield from super().pytest_load_initial_conftests(early_config)

    # Outside of all others: they find and leave the order that they would have without this one.
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items):  # type: ignore[no-untyped-def]
        outcome = yield
        if self.first and outcome.excinfo is None:
            items[:] = ahead(items, self._comes_first, _around, _setting)

    def _comes_first(self, item: pytest.Item) -> bool:
        """Doctests, and what plugins make, stay behind: they may rest on what ran before."""
        return isinstance(item, pytest.Function) and test_name(item.nodeid) in self.first

    def pytest_deselected(self, items) -> None:  # type: ignore[no-untyped-def]
        self.left_out += len(items)

    # -- collection ------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        self.begun()
        self.stage = "(import)"

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector):  # type: ignore[no-untyped-def]
        if type(collector) in _FOLDERS:
            collector.collect = functools.partial(self._next_on_the_way, collector)
        yield from super().pytest_make_collect_report(collector)

    def _next_on_the_way(self, folder):  # type: ignore[no-untyped-def]
        """pytest would collect all that lies in FOLDER and take what it needs: then each new file
        there would be a reason to run again."""
        start = str(folder.path).rstrip("/") + "/"
        names = dict.fromkeys(file[len(start):].partition("/")[0] for file in self.files
                              if file.startswith(start))
        if not names:
            return list(type(folder).collect(folder))
        found = []
        for path in (folder.path / name for name in names):
            if path.is_dir():
                below = folder.ihook.pytest_collect_directory(path=path, parent=folder)
                found += [] if below is None else [below]
            else:
                found += folder.ihook.pytest_collect_file(file_path=path, parent=folder)
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        self.stage = "(run)"

    # -- ends ------------------------------------------------------------------------------

    def pytest_keyboard_interrupt(self, excinfo) -> None:  # type: ignore[no-untyped-def]
        if excinfo.typename == "Interrupted":  # by pytest, which has its reasons
            self.interrupted = str(excinfo.value)
        else:
            self.broken(excinfo.typename, short_traceback(excinfo.value, *inside()))

    def pytest_internalerror(self, excinfo) -> None:  # type: ignore[no-untyped-def]
        self.broken(excinfo.typename, short_traceback(excinfo.value, *inside()))

    def broken(self, kind: str | None, text: str) -> None:
        """The run is at its end, by the test that is on, or by none."""
        for nodeid in list(self._open) or [None]:
            record = self._open[nodeid] if nodeid else Record(
                self.file, self.sink.begins(self.file, self.stage))
            record.add("error", kind, text)
            self._tell(record)
        self._open.clear()


class Several(Results):
    """Records of the run of FILES that share a process. SINK is a Company."""

    def __init__(self, sink: Any, files: list[str],  # type: ignore[no-untyped-def]
                 begins) -> None:
        super().__init__(sink, files[0], begins, First(()))
        self.file = None
        self.files = files
        self._paths: dict[str, str] = {}  # of tests and collectors
        self._to_come: dict[str | None, set[str]] = {}  # tests, by file

    def file_of(self, nodeid: str) -> str | None:
        return self._paths.get(nodeid)

    def settle(self, config) -> None:  # type: ignore[no-untyped-def]
        super().settle(config)
        config.option.continue_on_collection_errors = True  # the others' tests can run

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector):  # type: ignore[no-untyped-def]
        if not isinstance(collector, pytest.Session):
            self._paths[collector.nodeid] = path_of(collector)
        yield from super().pytest_make_collect_report(collector)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session) -> None:  # type: ignore[no-untyped-def]
        for item in session.items:
            path = self._paths[item.nodeid] = path_of(item)
            self._to_come.setdefault(self.sink.of(path), set()).add(item.nodeid)
        for file in self.files:
            if file not in self._to_come:
                self.sink.through(file)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        super().pytest_runtest_logfinish(nodeid)
        file = self.sink.of(self._paths.get(nodeid))
        left = self._to_come.get(file, set())
        left.discard(nodeid)
        if file is not None and not left:
            self.sink.through(file)


def _error(info):  # type: ignore[no-untyped-def]
    """pytest-subtests puts one ExceptionInfo into another, and pytest replaces it before it looks."""
    try:
        return info.value, info.tb
    except TypeError:
        return None, None


def _kind_of(report) -> str | None:  # type: ignore[no-untyped-def]
    """Of a report that came from another process."""
    crash = getattr(report.longrepr, "reprcrash", None)
    word = getattr(crash, "message", "").partition(":")[0].rpartition(".")[2].strip()
    return word if word.isidentifier() else None


def _reason(report) -> str:  # type: ignore[no-untyped-def]
    if hasattr(report, "wasxfail"):
        reason = report.wasxfail
        if reason.startswith("reason: "):
            reason = reason[len("reason: "):]
        return "expected to fail" + (": " + reason if reason else "")
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return text[len("Skipped: "):] if text.startswith("Skipped: ") else text


def _hears_paths() -> bool:
    """From pytest 7 on the hooks are told paths of pathlib."""
    return hasattr(pytest, "version_tuple")


class Finder(Settled):
    """Which of the files WANTED (absolute) would pytest collect?"""

    def __init__(self, wanted: set[str]) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.failed = False  # was a folder not collected, or skipped?
        self.others = False  # does somebody else than pytest say what a test file is?
        self._ways = set(wanted)
        for path in wanted:
            while path not in ("", "/"):
                path = os.path.dirname(path)
                self._ways.add(path)

    def settle(self, config) -> None:  # type: ignore[no-untyped-def]
        config.option.collectonly = True  # plugins then prepare less
        config.args = [str(arg).partition("::")[0] for arg in config.args]

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector):  # type: ignore[no-untyped-def]
        if not isinstance(collector, pytest.File) or isinstance(collector, pytest.Package):
            return None
        from _pytest.reports import CollectReport

        self.found.add(path_of(collector))
        return CollectReport(collector.nodeid, "passed", None, [])

    def pytest_collectreport(self, report) -> None:  # type: ignore[no-untyped-def]
        self.failed = self.failed or not report.passed

    def pytest_sessionfinish(self, session) -> None:  # type: ignore[no-untyped-def]
        hook = session.config.pluginmanager.hook.pytest_collect_file
        self.others = any(not impl.function.__module__.startswith("_pytest.")
                          for impl in hook.get_hookimpls())

    def _ignores(self, path: str) -> bool | None:
        """Nobody asked for what is there. Packages are known by their __init__.py, and left to
        the others is what pytest would ignore itself."""
        if path in self._ways or path.endswith("/__init__.py"):
            return None
        return True

    if _hears_paths():
        @pytest.hookimpl(tryfirst=True)
        def pytest_ignore_collect(self, collection_path):  # type: ignore[no-untyped-def]
            return self._ignores(str(collection_path))
    else:
        @pytest.hookimpl(tryfirst=True)
        def pytest_ignore_collect(self, path):  # type: ignore[no-untyped-def]
            return self._ignores(str(path))

    def pytest_internalerror(self, excinfo) -> None:  # type: ignore[no-untyped-def]
        self.problem = self.problem or excinfo.value

    def pytest_keyboard_interrupt(self, excinfo) -> None:  # type: ignore[no-untyped-def]
        self.problem = self.problem or excinfo.value
