"""The preloaded library, as seen from inside the interpreter that it was loaded into.

It is a shared object without anything of Python in its interface: it is spoken to by audit events,
which it hears from before the interpreter starts. What it hears of this process, and what is told
through it, is one stream in one log, whoever looked: Python, code written in C, what was forked.

Whether all this works in the interpreter at hand is tried before anything rests on it (trial).
"""

from __future__ import annotations

import gc
import os
import posix
import stat
import sys
from types import CodeType, FunctionType

from . import trace
from .channel import identity
from .wrappers import Wrapped

# The file and the code object by which a run shows, at its end, that it was still heard.
LAST = "/sniffer: the last"

# Taken now: a test may replace what it finds in os and sys.
_audit = sys.audit
_fsencode = os.fsencode
_readlink = posix.readlink


def quiet(step: int) -> None:
    """What this thread looks at between quiet(1) and quiet(-1) is no look."""
    _audit("sniffer.quiet", step)


def weak(step: int) -> None:
    """A stat between weak(1) and weak(-1) is a question of existence."""
    _audit("sniffer.weak", step)


def begin(path: str) -> None:
    """From now on this process tells the log at PATH; its count says whether it does."""
    _audit("sniffer.begin", path)


def end() -> None:
    _audit("sniffer.end")


def blocks(on: bool) -> None:
    """Code objects that begin are told, or not."""
    _audit("sniffer.blocks", int(on))


def foresee(path: str) -> None:
    """Most code that is loaded by now is of files that do not count in the log at PATH. In no run
    that counts the same does anybody have to find that out again."""
    begin(path)
    for function in gc.get_objects():
        if type(function) is FunctionType:
            for part in gc.get_referents(function):  # to ask it for its code would be heard
                if type(part) is CodeType:
                    _audit("sniffer.foresee", part)
    end()


def test(name: str) -> None:
    """The test NAME begins; "": it is over. Each is told the code objects that it runs."""
    _audit("sniffer.test", name.encode("utf-8", "surrogateescape"))


def fork() -> bool:
    """True in a child, which is an orphan from its birth; False here, with a child or without."""
    before = posix.getpid()
    _audit("sniffer.fork")
    return posix.getpid() != before


def last() -> None:
    """At the end of a run: whatever its tests did, it is still heard, as the log will show."""
    exec(compile("", LAST[1:], "exec", dont_inherit=True))
    posix.access(LAST, posix.F_OK)


def record(kind: int, path: str, seen: tuple[int, ...] | None = None, detail: int = 0) -> None:
    _audit("sniffer.record", kind, detail, _fsencode(path),
           trace.SEEN.pack(*seen) if seen is not None else b"")


class Heard:
    """Where guard tells to while a run is on."""

    def __init__(self, scope) -> None:  # type: ignore[no-untyped-def]
        self._scope = scope
        self._searches: set[str] = set()

    def source(self, real: str, seen: tuple[int, ...] | None, name: str, file: str) -> None:
        record(trace.SOURCE, "%s\0%s\0%s" % (real, name, file), seen)

    def search(self, where: str) -> None:
        if where not in self._searches:
            self._searches.add(where)
            record(trace.SEARCH, where)

    def links(self, links: tuple[str, ...]) -> None:
        for link in links:
            if self._scope.owns(link):
                record(trace.LINK, link, identity(posix.lstat(link)))

    def archive(self, real: str) -> None:
        try:
            posix.close(posix.open(real, posix.O_RDONLY | posix.O_CLOEXEC))
        except OSError:
            pass  # that was heard as well

    def package(self, key: str) -> None:
        record(trace.PACKAGE, key)

    def offered(self, path: str) -> None:
        posix.access(path, posix.F_OK)


class _Fstat(Wrapped):
    """Sees the times of an open file. The library cannot tell this from what open() itself asks
    of every file."""

    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        status = self._original(*args, **kwargs)
        if stat.S_ISREG(status.st_mode) and status.st_nlink:  # else nobody can find it again
            try:
                path = _readlink("/proc/self/fd/%d" % (args[0] if args else kwargs["fd"]))
                if path.startswith("/"):
                    record(trace.FOUND, path, identity(status), trace.BY_RUN)
            except (OSError, ValueError, TypeError):
                pass
        return status


class _Hook:
    """An audit hook of the tests. What is said to the library is not for it: it may refuse what it
    does not know."""

    def __init__(self, hook) -> None:  # type: ignore[no-untyped-def]
        self._hook = hook

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if not event.startswith("sniffer."):
            self._hook(event, args)

    def __getattr__(self, name: str) -> object:  # __cantrace__
        return getattr(self._hook, name)


class _AddAuditHook(Wrapped):
    def __init__(self, original) -> None:  # type: ignore[no-untyped-def]
        super().__init__(original)
        self.__module__ = "sys"

    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        hook = args[0] if args else kwargs.get("hook")
        if len(args) + len(kwargs) != 1 or not callable(hook):
            return self._original(*args, **kwargs)  # which says what is wrong
        return self._original(_Hook(hook))


def wrap() -> None:
    if not isinstance(os.fstat, Wrapped):
        os.fstat = _Fstat(os.fstat)
        sys.addaudithook = _AddAuditHook(sys.addaudithook)
