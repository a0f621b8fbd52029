"""The nose plugin that turns what nose tells into records, one for each test.

Results is the machinery: it hands (file, name, outcome, ...) to a sink. The host adds it to its
own runs. SnifferPlugin is what `nosetests --with-sniffer` finds by its entry point: it records a
run by hand for a daemon that watches the project.
"""

from __future__ import annotations

import functools
import os
import sys
import traceback
import unittest

from nose.failure import Failure
from nose.plugins.base import Plugin
from nose.proxy import ResultProxy
from nose.suite import ContextSuite
from nose.util import getpackage

from .order import First, ahead, is_doctest
from .records import Record, Sink, now, prune, tidy

# Options that change what is printed, not what is run.
_HARMLESS = {"--with-sniffer", "-v", "-vv", "--verbose", "-q", "--quiet", "-s", "--nocapture",
             "--nologcapture", "-d", "--detailed-errors", "--verbosity"}


def _address(test: object) -> tuple[str | None, str | None, str | None]:
    try:
        file, module, call = test.address()  # type: ignore[attr-defined]
    except Exception:  # nose raises what it likes for what it cannot place
        return None, None, None
    return file, module, call


def _is_context(test: object) -> bool:
    return isinstance(test, unittest.TestSuite)


def _expects_failure(case: object) -> bool:
    method = getattr(case, getattr(case, "_testMethodName", ""), None)
    return bool(getattr(case, "__unittest_expecting_failure__", False)
                or getattr(method, "__unittest_expecting_failure__", False))


class Results(Plugin):
    """Records of everything that nose runs."""

    name = "sniffer"
    score = 5000  # the skip plugin (1000) ends the chain: who comes later sees no skips
    enabled = True

    def __init__(self, sink: Sink | None = None) -> None:
        super().__init__()
        self.sink = sink
        self.file: str | None = None  # the file of tests that do not know theirs
        self.module: str | None = None
        self.company: list[str] = []  # files that share the process, where there are several
        self.first: First | None = None  # of the tests
        self.result = None
        self._record: Record | None = None
        self._began = 0.0

    # -- nose's hooks, in the order of a test's life ---------------------------------------

    def prepareTestResult(self, result) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        self.result = result

    def prepareTestLoader(self, loader) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        if not self.company:
            return
        load = loader.loadTestsFromName

        def load_one(name, *args, **kwargs):  # type: ignore[no-untyped-def]
            suite = load(name, *args, **kwargs)
            if name in self.company:
                suite.run = functools.partial(self._run_of, name, suite.run)
            return suite

        loader.loadTestsFromName = load_one

    def _run_of(self, file: str, run, result):  # type: ignore[no-untyped-def]
        """The tests of one file. They may be defined in another one: nothing else tells."""
        self.file, self.module = file, getpackage(file)
        try:
            return run(result)
        finally:
            self.file = self.module = None
            if not result.shouldStop and sys.exc_info()[0] is None:
                self.sink.through(file)  # type: ignore[union-attr]

    def prepareTest(self, test) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        if self.first:
            self._put_ahead(test, self.first)

    def beforeTest(self, test) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        self._record = None
        self._began = now()

    def startTest(self, test) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        self._record = self._open(test)

    def handleError(self, test, err) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        prune(err[1], err[2])

    def handleFailure(self, test, err) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        prune(err[1], err[2])

    def addSuccess(self, test) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        record = self._record or self._open(test)
        if _expects_failure(getattr(test, "test", None)):
            # nose knows no expected failures; unittest then calls them passes.
            record.add("skipped", None, "expected failure")
        else:
            record.add("success")
        self._close_unless_begun(record)

    def addFailure(self, test, err) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        self._problem(test, "failure", err)

    def addError(self, test, err) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        self._problem(test, self._error_outcome(err[0]), err)

    def stopTest(self, test) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        record, self._record = self._record, None
        if record is None:
            return
        if record.outcome is None:
            kind, value, where = sys.exc_info()  # KeyboardInterrupt passes by without a word
            if kind is not None:
                record.add("error", kind.__name__,
                           "".join(traceback.format_exception(kind, value, where)))
            else:
                record.add("error", None, "the test ended without any outcome")
        self._close(record)

    # -- order -----------------------------------------------------------------------------

    def _put_ahead(self, suite, first: First) -> bool:  # type: ignore[no-untyped-def]
        """Each suite is set up for what is in it, so it moves as one. What a generator is going to
        make is not known yet. Is one of FIRST in here?"""
        if type(suite) is not ContextSuite or suite.test_generator is not None:
            return False
        tests = list(suite)
        wanted = {id(test) for test in tests if (
            self._put_ahead(test, first) if _is_context(test)
            else not is_doctest(test.test) and self._place(test)[1] in first)}
        if wanted:
            suite._tests = ahead(tests, lambda test: id(test) in wanted, lambda _: ())
        return bool(wanted)

    # -- records ---------------------------------------------------------------------------

    def _error_outcome(self, kind: object) -> str:
        if not isinstance(kind, type):
            return "error"
        if issubclass(kind, unittest.SkipTest):
            return "skipped"
        classes = getattr(self.result, "errorClasses", None) or {}
        for known, (_, _, is_failure) in list(classes.items()):
            if isinstance(known, type) and issubclass(kind, known):
                return "error" if is_failure else "skipped"
        return "error"

    def _problem(self, test, outcome: str, err) -> None:  # type: ignore[no-untyped-def]
        record = self._record or self._open(test)
        if isinstance(getattr(test, "test", None), Failure) and outcome == "failure" \
                and record.name == "(import)":
            outcome = "error"  # an assert at the top of a module is not a test's
        kind = getattr(err[0], "__name__", str(err[0]))
        text = str(err[1]) if outcome == "skipped" else self._text(test, err)
        record.add(outcome, kind, text)
        self._close_unless_begun(record)

    def _text(self, test, err) -> str:  # type: ignore[no-untyped-def]
        """What nose prints for it: it has already added what was captured."""
        try:
            shown = ResultProxy._prepareErr(None, err)  # type: ignore[arg-type]
            return self.result._exc_info_to_string(shown, test)  # type: ignore[union-attr]
        except Exception:  # another plugin's result, or an exception that cannot be shown
            kind, value, where = err
            lines = traceback.format_tb(where)
            return "Traceback (most recent call last):\n%s%s: %s\n" % (
                "".join(lines), getattr(kind, "__name__", kind), value)

    def _open(self, test) -> Record:  # type: ignore[no-untyped-def]
        file, name = self._place(test)
        if self.sink is not None:
            name = self.sink.begins(file, name)
        record = Record(file, name)
        if self._began:
            record.started = self._began
        return record

    def _close_unless_begun(self, record: Record) -> None:
        if record is not self._record:
            self._close(record)

    def _close(self, record: Record) -> None:
        record.stop()
        self._began = 0.0
        if self.sink is not None:
            self.sink.ends(record)

    # -- names -----------------------------------------------------------------------------

    def _place(self, test) -> tuple[str | None, str]:  # type: ignore[no-untyped-def]
        if _is_context(test):
            return self._context_place(test)
        file, module, call = _address(test)
        file = self.file or file
        if isinstance(getattr(test, "test", None), Failure):
            if call:
                return file, tidy(call)
            return file, "(import)" if file and os.path.isfile(file) or module else "(load)"
        name = test.id()
        for prefix in (module, self.module):
            if prefix and name.startswith(prefix + "."):
                name = name[len(prefix) + 1:]
                break
        return file, tidy(name)

    @staticmethod
    def _failed_context(suite) -> object:  # type: ignore[no-untyped-def]
        """A suite also sets up the packages around it: the last one that it came to has failed."""
        factory = getattr(suite, "factory", None)
        begun = getattr(factory, "was_torndown" if suite.error_context == "teardown"
                        else "was_setup", None) or {}
        last = next(reversed(list(begun)), None)
        return last if last is not None and begun[last] is suite else suite.context

    def _context_place(self, suite) -> tuple[str | None, str]:  # type: ignore[no-untyped-def]
        context = self._failed_context(suite)
        name = getattr(context, "__name__", str(context))
        file = self.file or getattr(sys.modules.get(getattr(context, "__module__", name)),
                                    "__file__", None)
        step = suite.error_context or "setup"
        if hasattr(context, "__path__"):
            return file, "(%s package %s)" % (step, name)
        if isinstance(context, type(sys)):
            return file, "(%s)" % step
        return file, "(%s %s)" % (step, name)


class SnifferPlugin(Results):
    """Tells the daemon that watches this project what a run by hand has found."""

    def __init__(self) -> None:
        super().__init__()
        self._hand = None

    def options(self, parser, env) -> None:  # type: ignore[no-untyped-def]
        parser.add_option("--with-sniffer", action="store_true", dest="with_sniffer",
                          default=env.get("NOSE_WITH_SNIFFER", False),
                          help="Tell the sniffer daemon of this project, if one runs, the results "
                               "of this run [NOSE_WITH_SNIFFER]")

    def configure(self, options, conf) -> None:  # type: ignore[no-untyped-def]
        self.conf = conf
        self.enabled = False
        if not getattr(options, "with_sniffer", False) or getattr(conf, "worker", False):
            return
        import nose

        from . import by_hand, nose_runner
        self._hand = hand = by_hand.begin("nose " + nose.__version__, nose_runner.settings_files())
        self.enabled = hand is not None
        self.sink = hand
        if hand is not None and not self._is_as_a_worker_s(options, hand.args):
            hand.refuse()

    @staticmethod
    def _is_as_a_worker_s(options, args: list[str]) -> bool:  # type: ignore[no-untyped-def]
        from .nose_runner import switched_off
        words = sys.argv[1:]
        rest = [word.partition("=")[0] for word in words[len(args):] if word.startswith("-")]
        return words[:len(args)] == args and set(rest) <= _HARMLESS and not switched_off(options)

    def loadTestsFromNames(self, names, module=None) -> None:  # type: ignore[no-untyped-def]  # noqa: N802
        from nose.util import split_test_name
        if self._hand is not None and any(split_test_name(name)[2] for name in names):
            self._hand.refuse()

    def finalize(self, result) -> None:  # type: ignore[no-untyped-def]
        hand, self._hand = self._hand, None
        if hand is not None:
            if result.shouldStop or sys.exc_info()[0] is not None:
                hand.refuse()
            hand.end()
