"""What becomes of each test, whichever framework runs it."""

from __future__ import annotations

import os
import re
import time
import traceback
import types

from . import weak

# In a tuple: libraries that freeze time replace clocks that stand in a module by name.
_CLOCK = (time.perf_counter,)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NAME_MAX = 500
_RANK = {"success": 0, "skipped": 1, "failure": 2, "error": 3}
_BAD = ("failure", "error")


def now() -> float:
    """Seconds, whatever tests do to the clocks."""
    return _CLOCK[0]()


class Record:
    """What became of one test."""

    def __init__(self, file: str | None, name: str) -> None:
        self.file = file
        self.name = name
        self.outcome: str | None = None
        self.exception: str | None = None
        self.texts: list[str] = []
        self.started = now()
        self.duration_ms = 0.0

    def add(self, outcome: str, exception: str | None = None, text: str | None = None) -> None:
        """A test can fail and then fail to tear down: the worst counts, both are shown."""
        if self.outcome is None or _RANK[outcome] > _RANK[self.outcome]:
            self.outcome, self.exception = outcome, exception
        if text:
            self.texts.append(text)

    @property
    def report(self) -> str | None:
        return "\n".join(self.texts) if self.texts else None

    @property
    def bad(self) -> bool:
        return self.outcome in _BAD

    def stop(self) -> None:
        self.duration_ms = (now() - self.started) * 1000


class Sink:
    """Where records go. `begins` may give the test another name, so that names are unique."""

    def begins(self, file: str | None, name: str) -> str:
        raise NotImplementedError

    def ends(self, record: Record) -> None:
        raise NotImplementedError


def tidy(name: str) -> str:
    """Arguments of generated tests may show addresses, which differ from run to run."""
    name = _ADDRESS.sub(" at 0x...", name)
    return name if len(name) <= _NAME_MAX else name[:_NAME_MAX - 3] + "..."


def short_traceback(error: BaseException, *inside: str) -> str:
    """Without the frames of importlib, and of what lies INSIDE: the ways that led to the project's
    code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if not frame.filename.startswith(("<frozen importlib", *inside))
              and not frame.filename.endswith("/importlib/__init__.py")]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)] * bool(frames)
    return "".join(lines + traceback.format_exception_only(type(error), error))


def prune(error: object, where: types.TracebackType | None) -> None:
    """Take the frames of our own wrappers out of a traceback: they are no news to anybody."""
    own = tuple(os.path.dirname(__file__) + name for name in ("/wrappers.py", "/guard.py",
                                                            "/debugger.py"))
    known = set()
    while isinstance(error, BaseException) and id(error) not in known:
        known.add(id(error))
        while where is not None and where.tb_next is not None:
            code = where.tb_next.tb_frame.f_code
            if code.co_filename in own or code in weak.surrounding:
                where.tb_next = where.tb_next.tb_next
            else:
                where = where.tb_next
        error = error.__cause__ or error.__context__
        where = getattr(error, "__traceback__", None)
