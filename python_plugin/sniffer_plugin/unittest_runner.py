"""unittest, asked two questions: which of these are test files, and what becomes of this one.

Test files are those that `python -m unittest discover` would find in the root; `args` are its
arguments. A file is loaded as discovery would load it, by way of its packages and their load_tests,
but without a look at what lies beside it.
"""

from __future__ import annotations

import argparse
import functools
import ast
import fnmatch
import importlib
import os
import re
import sys
import unittest

from .framework import unused
from .order import First, ahead, is_doctest
from .records import Record, short_traceback
from .unittest_plugin import Results, test_name

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

    from .framework import Answer

    from .company import Company

NAME = "unittest"
MAIN = "unittest.__main__"
SUFFIXES = [".py"]
ENTRY_POINTS = ()
PARKS = 0
VARIABLES = ()
_MODULE = re.compile(r"[_a-z]\w*\.py$", re.IGNORECASE)
_INIT = "/__init__.py"


class SettingsError(Exception):
    """unittest does not take its arguments."""


def prepare(guard) -> str:  # type: ignore[no-untyped-def]
    """All is loaded; the version of unittest is Python's."""
    return "%d.%d.%d" % sys.version_info[:3]


def settings_files() -> list[str]:
    return []


def searched_folders(args: list[str], root: str, file: str) -> list[str]:
    """Where discovery puts its top in front of sys.path."""
    try:
        return [_Settings(args).top]
    except SettingsError:
        return []


# -- arguments -----------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise SettingsError(message)  # it would print, and leave


@functools.lru_cache(maxsize=1)
def _options(words: tuple[str, ...]) -> argparse.Namespace:
    parser = _Parser(add_help=False, allow_abbrev=False)
    for short, name in (("-v", "--verbose"), ("-q", "--quiet"), ("-f", "--failfast"),
                        ("-c", "--catch"), ("-b", "--buffer")):
        parser.add_argument(short, name, action="store_true")
    parser.add_argument("--locals", action="store_true")
    parser.add_argument("--durations", type=int)
    parser.add_argument("-k", action="append", dest="patterns")
    parser.add_argument("-s", "--start-directory", dest="start", default=".")
    parser.add_argument("-p", "--pattern", default="test*.py")
    parser.add_argument("-t", "--top-level-directory", dest="top")
    for name in ("start", "pattern", "top"):  # the same by their places
        parser.add_argument(name, nargs="?", default=argparse.SUPPRESS)
    return parser.parse_args(words)


class _Settings:
    """What discovery is told. Folders are absolute."""

    def __init__(self, args: list[str]) -> None:
        words = args[1:] if args[:1] == ["discover"] else args
        if words is args and args and not args[0].startswith("-"):
            raise SettingsError("%r: \"args\" are those of `python -m unittest discover`; names of "
                                "tests are not among them" % args[0])
        self.options = _options(tuple(words))
        self.pattern: str = self.options.pattern
        start: str = self.options.start
        if not os.path.isdir(start) and re.fullmatch(r"[\w.]+", start):  # a package's name
            self.top = os.path.abspath(self.options.top or ".")
            self.start = self.top + "/" + start.replace(".", "/")
        else:
            self.start = os.path.abspath(start)
            self.top = os.path.abspath(self.options.top or start)
        if not os.path.isdir(self.start) or not (self.start + "/").startswith(self.top + "/"):
            raise SettingsError("%s is no folder to start in" % start)


# -- which are test files ------------------------------------------------------------------


def classify(args: list[str], paths: list[str]) -> Answer:
    """See framework.py."""
    try:
        settings = _Settings(args)
    except SettingsError as error:
        return [], "unittest does not take its arguments: %s" % error, None, False
    return ([path for path in paths if _is_found(settings, os.path.abspath(path))], None,
            unused(["--failfast"] * settings.options.failfast,
                   ["-k"] * bool(settings.options.patterns)), False)


def _is_found(settings: _Settings, path: str) -> bool:
    folder, name = os.path.split(path)
    if not os.path.isfile(path) or not (folder + "/").startswith(settings.start + "/"):
        return False
    while folder != settings.top:
        if not os.path.isfile(folder + _INIT):
            return False
        folder = os.path.dirname(folder)
    if path.endswith(_INIT):
        return os.path.dirname(path) != settings.top and _has_tests(path)
    return bool(_MODULE.match(name)) and fnmatch.fnmatch(name, settings.pattern)


def _has_tests(init: str) -> bool:
    """Has a package tests of its own? A load_tests that discovers leaves them to their files."""
    try:
        with open(init, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return False
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any("TestCase" in ast.dump(base)
                                                  for base in node.bases):
            return True
        if isinstance(node, ast.FunctionDef) and node.name == "load_tests":
            return "attr='discover'" not in ast.dump(node)
    return False


# -- one file ------------------------------------------------------------------------------


class _OneFile(unittest.TestLoader):
    """Loads what discovery would load from one file."""

    def __init__(self, settings: _Settings, file: str) -> None:
        super().__init__()
        self._top = settings.top
        self._file = file
        self._entered: set[str] = set()  # packages
        self._own: unittest.TestSuite | None = None
        self.testNamePatterns = [word if "*" in word else "*%s*" % word
                                 for word in settings.options.patterns or []] or None
        self.module = self._name(file)

    def load(self, start: str, pattern: str) -> unittest.TestSuite:
        if self._top not in sys.path:
            sys.path.insert(0, self._top)
        self.discover(start, pattern)
        return self._own if self._own is not None else self.suiteClass()

    def discover(self, start_dir: str, pattern: str = "test*.py",
                 top_level_dir: str | None = None) -> unittest.TestSuite:
        """Also called by the load_tests of packages, which may load what they like: what they load
        from other files is not asked for."""
        start = os.path.abspath(start_dir)
        if not os.path.isdir(start):
            start = self._top + "/" + start_dir.replace(".", "/")
        for folder in self._folders(start):
            name = self._name(folder)
            package = self._import(name, folder + _INIT)
            if name not in self._entered and (name == self.module
                                              or hasattr(package, "load_tests")):
                self._enter(package, pattern)
                return self.suiteClass()
        if self.module not in self._entered and self._file.startswith(start + "/") \
                and fnmatch.fnmatch(os.path.basename(self._file), pattern):
            self._enter(self._import(self.module, self._file), pattern)
        return self.suiteClass()

    def _enter(self, module: ModuleType, pattern: str) -> None:
        self._entered.add(module.__name__)
        self.loadTestsFromModule(module, pattern=pattern)

    def loadTestsFromModule(self, module: ModuleType, *args: Any,  # noqa: N802
                            **kwargs: Any) -> unittest.TestSuite:
        tests = super().loadTestsFromModule(module, *args, **kwargs)
        if getattr(module, "__name__", None) == self.module:
            self._own = tests
        return tests

    def _folders(self, start: str) -> Iterator[str]:
        """The packages from START to the file."""
        if not self._file.startswith(start + "/"):
            return
        if start != self._top:
            yield start
        for at, letter in enumerate(self._file):
            if letter == "/" and at > len(start):
                yield self._file[:at]

    def _name(self, path: str) -> str:
        below = path[:-len(_INIT)] if path.endswith(_INIT) else path
        return os.path.splitext(below[len(self._top) + 1:])[0].replace("/", ".")

    def _import(self, name: str, file: str) -> ModuleType:
        module = importlib.import_module(name)
        found = os.path.abspath(getattr(module, "__file__", None) or file)
        if os.path.splitext(os.path.realpath(found))[0] != os.path.splitext(
                os.path.realpath(file))[0]:
            raise ImportError("%s is imported from %s, not from %s: is another one installed?"
                              % (name, found, file))
        return module


def _runner(settings: _Settings, results: Callable[..., unittest.TextTestResult]) -> unittest.TextTestRunner:
    options = settings.options
    return unittest.TextTestRunner(
        verbosity=2 if options.verbose else 0 if options.quiet else 1, buffer=options.buffer,
        tb_locals=options.locals, warnings=None if sys.warnoptions else "default",
        resultclass=results)


def load(args: list[str], file: str) -> tuple[unittest.TestSuite, str, Callable[
        [Callable[..., unittest.TextTestResult]], unittest.TextTestRunner]]:
    """The tests of FILE, its module's name, and what makes a runner with results of a kind."""
    settings = _Settings(args)
    loader = _OneFile(settings, file)
    return (loader.load(settings.start, settings.pattern), loader.module,
            functools.partial(_runner, settings))


def _put_ahead(tests: unittest.TestSuite, first: First, module: str) -> unittest.TestSuite:
    """A suite of its own knows how to run its tests: then all stay where they are."""
    cases: list[unittest.TestCase] = []
    inside = [tests] if first else []
    while inside:
        suite = inside.pop()
        if type(suite) is unittest.TestSuite:
            inside += reversed(list(suite))  # type: ignore[arg-type]
        elif isinstance(suite, unittest.TestCase):
            cases.append(suite)
        else:
            return tests
    if not cases:
        return tests
    return unittest.TestSuite(ahead(
        cases, lambda case: not is_doctest(case) and test_name(module, case) in first,
        lambda case: (type(case).__module__, type(case))))


class _OfFile(unittest.TestSuite):
    """The tests of one of the files that share a process."""

    def __init__(self, tests: unittest.TestSuite, file: str, module: str,
                 sink: Company) -> None:
        super().__init__([tests])
        self._place = file, module
        self._sink = sink

    def run(self, result: Results, debug: bool = False) -> Results:  # type: ignore[override]
        result.file, result.module = self._place
        super().run(result, debug)
        if not result.shouldStop:
            self._sink.through(self._place[0])
        return result


def _run_all(args: list[str], files: list[str], sink: Company) -> bool:
    """All FILES are loaded before the first test runs, as by discovery; what cannot be loaded does not
    keep the others from running."""
    record = Record(None, "(settings)")
    suites: list[_OfFile] = []
    modules: dict[str, str] = {}
    bad = False
    try:
        settings = _Settings(args)
        for file in files:
            tests, module, why = _load(settings, file)
            if why is None:
                suites.append(_OfFile(tests, file, module, sink))
                modules[module] = file
            else:
                _tell(sink, why)
                bad = bad or why.bad
                sink.through(file)
        record.name = "(run)"

        def results(*args: object, **kwargs: object) -> Results:
            result = Results(sink, "", "", *args, **kwargs)
            result.files = modules
            return result

        return not _runner(settings, results).run(unittest.TestSuite(suites)).bad and not bad
    except SettingsError as error:
        record.add("error", "SettingsError", "unittest does not take its arguments: %s" % error)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        record.add("error", type(error).__name__,
                   short_traceback(error, os.path.dirname(__file__)))
    _tell(sink, record)
    return False


def _tell(sink, record: Record) -> None:  # type: ignore[no-untyped-def]
    record.name = sink.begins(record.file, record.name)
    sink.ends(record)


def _load(settings: _Settings,
          file: str) -> tuple[unittest.TestSuite, str, Record | None]:
    """The tests of FILE and its module's name; or why there are none."""
    loader = _OneFile(settings, file)
    record = Record(file, "(import)")
    try:
        return loader.load(settings.start, settings.pattern), loader.module, None
    except unittest.SkipTest as error:
        record.add("skipped", type(error).__name__, str(error))
    except (Exception, SystemExit) as error:
        record.add("error", type(error).__name__,
                   short_traceback(error, os.path.dirname(__file__)))
    return unittest.TestSuite(), loader.module, record


def run(args: list[str], file: str, sink, begins,  # type: ignore[no-untyped-def]
        first: First, company=()) -> bool:
    """Run FILE (absolute) as discovery would, with COMPANY behind it; SINK gets the records. BEGINS is
    called first, for unittest has neither settings nor plugins. Was all well?"""
    begins()
    sys.argv = ["%s -m unittest" % os.path.basename(sys.executable), *args]
    if company:
        return _run_all(args, [file, *company], sink)
    record = Record(file, "(settings)")
    made: list[Results] = []
    try:
        settings = _Settings(args)
        if settings.options.failfast:
            sys.stderr.write("sniffer: not used for a single file: --failfast\n")
        record.name = "(import)"
        loader = _OneFile(settings, file)
        tests = _put_ahead(loader.load(settings.start, settings.pattern), first, loader.module)
        record.name = "(run)"

        def results(*args: object, **kwargs: object) -> Results:
            made.append(Results(sink, file, loader.module, *args, **kwargs))
            return made[0]

        return not _runner(settings, results).run(tests).bad
    except SettingsError as error:
        record.add("error", "SettingsError", "unittest does not take its arguments: %s" % error)
    except unittest.SkipTest as error:
        record.add("skipped", type(error).__name__, str(error))
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        record.add("error", type(error).__name__,
                   short_traceback(error, os.path.dirname(__file__)))
    if not any(one.bad for one in made):  # else a test has said so
        _tell(sink, record)
    return not record.bad
