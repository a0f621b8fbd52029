"""One test file, or tests of it, in the foreground: nothing is recorded, nobody is told, and the
terminal is the tests' own, so that a debugger can use it.

All else is as a worker has it: settings and arguments of the framework, what is switched off of
them, sys.path, the loading of modules by their content, the limit on memory.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
import types
import unittest

from . import child, framework
from .guard import Guard
from .processes import limit_memory
from .scope import Scope
from .settings import Settings, Usage

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_GOOD, _BAD, _USAGE = 0, 1, 2  # exit codes
_SECOND = re.compile(r" #\d+$")  # of the same name; see names.py


class Wanted:
    """Those tests that people mean by the name TEST: as results have it, or as pytest writes it.
    A class stands for its tests, a function for all of its parameters. None: all tests."""

    def __init__(self, test: str | None) -> None:
        self.any = test is None
        head, bracket, rest = (test or "").partition("[")
        self.test = _SECOND.sub("", head.replace("::", ".") + bracket + rest)
        self.found = False

    def __call__(self, name: str) -> bool:
        fits = self.any or name.startswith(self.test) and name[len(self.test):][:1] in (
            "", ".", "[", "(")
        self.found |= fits
        return fits


class _Settings(Settings):
    """A worker's, and which tests."""

    def __init__(self, argv: list[str]) -> None:
        self.file = ""
        self.test: str | None = None
        self.pdb = False
        if "--pdb" in argv:
            self.pdb = True
            argv = [word for word in argv if word != "--pdb"]
        super().__init__(argv)

    def take(self, name: str, value: str) -> None:
        if name in ("--file", "--test"):
            setattr(self, name[2:], value)
        else:
            super().take(name, value)

    def check(self) -> None:
        if not (self.root and self.file):
            raise Usage("--root and --file are needed")


class Foreground:
    """What a host is to its child; see child.shadowed."""

    def __init__(self, settings: _Settings, startup: frozenset[str]) -> None:
        self.settings = settings
        self.args = settings.args
        self.scope = Scope(settings.root, settings.package)
        self.guard = Guard(self.scope, lambda step: None)
        own = {name.partition(".")[0] for name in sys.modules}
        self.borrowed = frozenset(own - startup - {"sniffer_plugin"})
        self.runner: types.ModuleType

    def run(self) -> int:
        settings = self.settings
        file = os.path.join(self.scope.root, settings.file)
        # The order is a host's and its child's.
        self.guard.install()
        sys.path[0] = self.scope.home
        self.runner = framework.load(settings.framework)
        self.runner.prepare(self.guard)
        limit_memory(settings.memory)
        child.as_main(self.runner.MAIN)
        child.make_way(self, file)
        wanted = Wanted(settings.test)
        good = _RUN[self.runner.NAME](self.args, file, wanted, settings.pdb)
        if good and not wanted.any and not wanted.found:
            sys.stderr.write("snifferctl: %s has no test %s\n" % (settings.file, settings.test))
            return _USAGE
        return _GOOD if good else _BAD


# -- the frameworks ------------------------------------------------------------------------


def _pytest(args: list[str], file: str, wanted: Wanted, pdb: bool) -> bool:
    import pytest

    from . import pytest_runner
    from .pytest_plugin import Settled, test_name

    class Plugin(Settled):
        def settle(self, config) -> None:  # type: ignore[no-untyped-def]
            config.option.usepdb = pdb
            config.args = [file]  # settings may name others

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_collection_modifyitems(self, config, items):  # type: ignore[no-untyped-def]
            yield
            left = [item for item in items if not wanted(test_name(item.nodeid))]
            if left:
                items[:] = [item for item in items if item not in left]
                config.hook.pytest_deselected(items=left)

    # -s: a debugger other than pytest's own needs the terminal, too.
    words = [*args, "-s", file]
    sys.argv[:] = [sys.modules["__main__"].__file__ or "pytest", *words]
    return pytest_runner.main(Plugin(), words) in (0, 5)


def _nose(args: list[str], file: str, wanted: Wanted, pdb: bool) -> bool:
    from nose.core import TestProgram

    from .nose_plugin import Results, SnifferPlugin
    from .nose_runner import config_of

    class Plugin(Results):
        options = SnifferPlugin.options
        bad = False

        def configure(self, options, conf) -> None:  # type: ignore[no-untyped-def]
            self.conf = conf
            self.enabled = True
            function = wanted.test.partition("(")[0]  # nose does not know what a generator makes
            conf.testNames = [file if wanted.any else "%s:%s" % (file, function)]

        def _close(self, record) -> None:  # type: ignore[no-untyped-def]
            self.bad = self.bad or record.bad  # nose counts no test that was interrupted

        def prepareTestCase(self, test):  # type: ignore[no-untyped-def]  # noqa: N802
            return None if wanted(self._place(test)[1]) else lambda result: None

    words = [*args, "-s"]
    sys.argv[:] = ["%s -m nose" % sys.executable, *words, file]
    plugin = Plugin()
    config = config_of(args, [])
    parse = config._parseArgs

    def parsed(*given):  # type: ignore[no-untyped-def]
        options, rest = parse(*given)
        options.debugBoth = pdb
        return options, rest

    config._parseArgs = parsed
    program = TestProgram(argv=["nosetests", *words], config=config, addplugins=[plugin],
                          exit=False)
    return bool(program.success) and not plugin.bad


def _unittest(args: list[str], file: str, wanted: Wanted, pdb: bool) -> bool:
    from .unittest_plugin import test_name
    from .unittest_runner import load

    class Results(unittest.TextTestResult):
        def addError(self, test, err) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            super().addError(test, err)
            look_into(err)

        def addFailure(self, test, err) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            super().addFailure(test, err)
            look_into(err)

        def addSubTest(self, test, subtest, err) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
            super().addSubTest(test, subtest, err)
            if err is not None:
                look_into(err)

    def look_into(err) -> None:  # type: ignore[no-untyped-def]
        if pdb:
            from pdb import post_mortem
            traceback.print_exception(*err)
            post_mortem(err[2])

    def cases(tests):  # type: ignore[no-untyped-def]
        for test in tests:
            if isinstance(test, unittest.TestSuite):
                yield from cases(test)
            else:
                yield test

    sys.argv = ["%s -m unittest" % os.path.basename(sys.executable), *args]
    tests, module, runner = load(args, file)
    if not wanted.any:
        tests = unittest.TestSuite(test for test in cases(tests) if wanted(test_name(module, test)))
    return runner(Results).run(tests).wasSuccessful()


_RUN: dict[str, Callable[[list[str], str, Wanted, bool], bool]] = {
    "pytest": _pytest, "nose": _nose, "unittest": _unittest}


def main(argv: list[str], startup: frozenset[str]) -> int:
    try:
        return Foreground(_Settings(argv), startup).run()
    except (Usage, ValueError) as error:
        sys.stderr.write("sniffer_debug: %s\n" % error)
        return _USAGE
    except framework.Unfit as unfit:
        sys.stderr.write("snifferctl: %s\n" % unfit)
        return _BAD
