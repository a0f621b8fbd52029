"""A debugger in a run: nobody can talk to it.

Its input is empty, and what a debugger makes of that is no help: a BdbQuit from somewhere, a session
that is over. So who begins one is in error at once, and the report says where, and how to have one.
One that reads from elsewhere (a socket, an input that the test itself made) is left alone, as are
those that PYTHONBREAKPOINT or sys.breakpointhook name and that are not pdb's.
"""

from __future__ import annotations

import builtins
import os
import posix
import re
import stat
import sys
import traceback

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from types import FrameType, ModuleType

    from .guard import Guard
    from .records import Record
    from .scope import Scope

_PLAIN = re.compile(r"[\w@%+=:,./-]+\Z", re.ASCII)
# Taken now: a test may replace what it finds.
_input = builtins.input
_fstat = posix.fstat
_lines: list[str] = []  # where one was asked for, by whom no record was told of yet


class DebuggerWanted(Exception):
    """A debugger was asked for where there is no terminal."""


def install(guard: Guard) -> None:
    """Not everybody loads pdb: it is changed when it is."""
    guard.mended["pdb"] = lambda module: _mend(module, guard.scope)


def _is_mute(debugger: object) -> bool:
    """Is there nothing to read for it?"""
    if not getattr(debugger, "use_rawinput", False) or builtins.input is not _input:
        return False
    try:
        status = _fstat(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        # pytest's own stands there while it captures, and takes no questions.
        return sys.stdin is None or type(sys.stdin).__module__ == "_pytest.capture"
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)  # /dev/null


def _mend(module: ModuleType, scope: Scope) -> None:
    if os.path.dirname(module.__file__ or "") != os.path.dirname(os.__file__):
        return  # the project's own
    set_trace = module.Pdb.set_trace

    def set_trace_unless_mute(self, frame=None, *args, **kwargs):  # type: ignore[no-untyped-def]
        __tracebackhide__ = True  # of pytest
        frame = frame or sys._getframe(1)
        if not _is_mute(self):
            return set_trace(self, frame, *args, **kwargs)
        _lines[:] = _stack(frame, scope)
        raise DebuggerWanted("a debugger was asked for, and there is no terminal here")

    module.Pdb.set_trace = set_trace_unless_mute


def _stack(frame: FrameType | None, scope: Scope) -> list[str]:
    """The project's own frames down to FRAME."""
    frames = []
    while frame is not None:
        if not frames or scope.owns(scope.real(scope.absolute(frame.f_code.co_filename))[0]):
            frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    return traceback.StackSummary.extract(reversed(frames)).format()  # type: ignore[arg-type]


def _quoted(word: str) -> str:
    """For a shell."""
    return word if _PLAIN.match(word) else "'%s'" % word.replace("'", "'\"'\"'")


def amend(record: Record, file: str) -> None:
    """RECORD, of FILE as people know it, is over: where a debugger was asked for that is what
    matters, whatever the test has made of the exception."""
    if not _lines:
        return
    known = record.report if record.exception != DebuggerWanted.__name__ else None
    test = "" if record.name.startswith("(") else "::" + record.name
    record.texts[:] = [
        "Traceback (most recent call last):\n%s%s: a debugger was asked for, and there is no "
        "terminal here. To run this with one:\n    snifferctl debug %s\n" % (
            "".join(_lines), DebuggerWanted.__name__, _quoted(file + test))]
    if known:
        record.texts.append(known)
    record.outcome, record.exception = "error", DebuggerWanted.__name__
    _lines.clear()
