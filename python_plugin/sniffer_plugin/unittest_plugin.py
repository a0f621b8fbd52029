"""The result object that turns what unittest tells into records, one for each test."""

from __future__ import annotations

import re
import sys
import traceback
import unittest

from .records import Record, Sink, prune, tidy

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from typing import Any

# setUpClass (tests.test_a.TestX): the name of what stands for a fixture that failed.
_FIXTURE = re.compile(r"(\w+) \((.*)\)$")


class Results(unittest.TextTestResult):
    """Records of everything that unittest runs: tests of FILE, which is loaded as MODULE."""

    def __init__(self, sink: Sink, file: str, module: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sink = sink
        self.file = file
        self.module = module
        self.files: dict[str, str] = {}  # by module, of those that share the process
        self.bad = False  # was a record?
        self._record: Record | None = None

    # -- unittest's calls, in the order of a test's life -----------------------------------

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().startTest(test)
        self._record = self._open(test)

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().addSuccess(test)
        self._note(test, "success")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        prune(err[1], err[2])
        super().addFailure(test, err)
        self._note(test, "failure", err[0].__name__, self.failures[-1][1])

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        prune(err[1], err[2])
        super().addError(test, err)
        self._note(test, "error", err[0].__name__, self.errors[-1][1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        super().addSkip(test, reason)
        self._note(test, "skipped", "SkipTest", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addExpectedFailure(test, err)
        self._note(test, "skipped", err[0].__name__, "expected failure")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().addUnexpectedSuccess(test)
        self._note(test, "failure", None, "unexpected success")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase,  # noqa: N802
                   err: Any) -> None:
        if err is not None:
            prune(err[1], err[2])
        before = len(self.failures)
        super().addSubTest(test, subtest, err)
        if err is not None:
            failed = len(self.failures) > before
            text = (self.failures if failed else self.errors)[-1][1]
            self._note(test, "failure" if failed else "error", err[0].__name__, "%s\n%s" % (
                subtest._subDescription(), text))  # type: ignore[attr-defined]

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().stopTest(test)
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

    # -- records ---------------------------------------------------------------------------

    def _note(self, test: unittest.TestCase, outcome: str, kind: str | None = None,
              text: str | None = None) -> None:
        record = self._record or self._open(test)
        record.add(outcome, kind, text)
        if record is not self._record:  # a fixture, which neither starts nor stops
            self._close(record)

    def _open(self, test: unittest.TestCase) -> Record:
        file, module = self._place(test)
        return Record(file, self.sink.begins(file, test_name(module, test)))

    def _place(self, test: unittest.TestCase) -> tuple[str, str]:
        """What is torn down when the next file has begun is still of the one before."""
        fixture = None if isinstance(test, unittest.TestCase) else _FIXTURE.match(test.id())
        for module, file in self.files.items() if fixture else ():
            if (fixture.group(2) + ".").startswith(module + "."):  # type: ignore[union-attr]
                return file, module
        return self.file, self.module

    def _close(self, record: Record) -> None:
        record.stop()
        self.bad = self.bad or record.bad
        self.sink.ends(record)



def test_name(module: str, test: unittest.TestCase) -> str:
    """The name of TEST, which MODULE was loaded for."""
    name = test.id()
    if (type(test).__module__, type(test).__name__) == ("unittest.loader", "_FailedTest"):
        return "(import)"  # a load_tests failed
    fixture = _FIXTURE.match(name)
    if fixture and not isinstance(test, unittest.TestCase):
        inner = fixture.group(2)
        if inner == module:
            return fixture.group(1)
        return tidy("%s (%s)" % (fixture.group(1), _without(module, inner)))
    return tidy(_without(type(test).__module__, name))


def _without(module: str, name: str) -> str:
    return name[len(module) + 1:] if name.startswith(module + ".") else name
