"""Does the library tell what it should, and the block tracer, in this very interpreter?

Few milliseconds at the start of a host. What fails here is not used: the recorder inside the
interpreter takes the place of the library, and whole files that of blocks.
"""

from __future__ import annotations

import os
import posix

from . import blocks, library, trace
from .channel import identity

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Record = tuple[int, int, bytes, bytes]

_SIZE = 1 << 18
_FOLDER = os.path.dirname(os.path.realpath(__file__))


class _Fails(Exception):
    pass


def hears() -> str | None:
    """None, or why the library is not to be relied on here."""
    if trace.library() is None:
        return "there is no libsniffer_trace.so for this machine"
    try:
        seen, expected = _expected()
        told = _log_of(lambda: _look(seen))
        if told != expected:
            return "the library told %s, not %s" % (_shown(told), _shown(expected))
        return None
    except Exception as error:
        return str(error) if isinstance(error, _Fails) else "%s: %s" % (
            type(error).__name__, error)


def sees_blocks() -> str | None:
    """The same of the block tracer."""
    try:
        return blocks.self_test() or _trace()
    except Exception as error:
        return "%s: %s" % (type(error).__name__, error)


def _log_of(act: Callable[[], object]) -> list[Record]:
    log = trace.Log(["+" + _FOLDER], 1, _SIZE)
    try:
        library.begin(log.place(posix.getpid()))
        try:
            if log.attached() != 1:
                raise _Fails("libsniffer_trace.so is not preloaded")
            act()
        finally:
            library.end()
        told = list(log.records())
        if not log.whole():
            raise _Fails("the library lost something")
        return told
    finally:
        log.close()


# -- looks -------------------------------------------------------------------------------------

_READ, _ASKED, _WEAKLY, _QUIETLY, _NONE = (
    _FOLDER + "/" + name for name in ("__init__.py", "names.py", "channel.py", "scope.py", "none"))


def _expected() -> tuple[tuple[int, ...], list[Record]]:
    def state(path: str) -> bytes:
        return trace.SEEN.pack(*identity(posix.stat(path)))  # type: ignore[misc]

    seen = (1, 2, 3, -4, 5, 6)
    return seen, [
        (trace.READ, 0, os.fsencode(_READ), state(_READ)),
        (trace.FOUND, trace.BY_RUN, os.fsencode(_ASKED), state(_ASKED)),
        (trace.EXISTS, 0, os.fsencode(_WEAKLY), state(_WEAKLY)),
        (trace.ABSENT, 0, os.fsencode(_NONE), b""),
        (trace.SOURCE, 0, os.fsencode(_READ) + b"\0a\0b", trace.SEEN.pack(*seen)),
    ]


def _look(seen: tuple[int, ...]) -> None:
    posix.close(posix.open(_READ, posix.O_RDONLY))
    posix.stat(_ASKED)
    library.weak(1)
    posix.stat(_WEAKLY)
    library.weak(-1)
    library.quiet(1)
    posix.close(posix.open(_QUIETLY, posix.O_RDONLY))
    library.quiet(-1)
    try:
        posix.stat(_NONE)
    except OSError:
        pass
    library.record(trace.SOURCE, _READ + "\0a\0b", seen)


def _shown(told: list[Record]) -> str:
    return " ".join("%d.%d:%s" % (kind, detail, path.rpartition(b"/")[2].decode("ascii", "replace"))
                    for kind, detail, path, _ in told) or "nothing"


# -- blocks ------------------------------------------------------------------------------------

_TRIED = """
def plain(): pass
def never(): pass
def series():
    yield 1
    yield 2
def outer():
    def inner(): return (lambda: 1)()
    return inner()
class C:
    def method(self): return [plain() for _ in (1,)]
"""
_BEGINS = {"plain", "series", "outer", "outer.<locals>.inner",
           "outer.<locals>.inner.<locals>.<lambda>", "C.method"}


def _trace() -> str | None:
    file = _FOLDER + "/tried.py"
    code = compile(_TRIED, file, "exec", dont_inherit=True)
    found = blocks.read(code)
    for _ in range(2):  # what was seen once is seen again by the next
        space: dict[str, Any] = {"__name__": "tried"}
        exec(code, space)
        series = space["series"]()
        next(series)
        began = _began(_log_of(lambda: _run(space, series)), file)
        keys = blocks.keys_of(found.places, began)
        if keys != _BEGINS:
            return "of %s the tracer saw %s" % (sorted(_BEGINS), sorted(keys or ["something else"]))
    return None


def _run(space: dict[str, Any], series: Any) -> None:
    library.blocks(True)
    try:
        next(series)
        space["outer"]()
        space["C"]().method()
        library.last()
    finally:
        library.blocks(False)


def _began(told: list[Record], file: str) -> list[tuple[int, str]]:
    places, last = [], False
    for kind, _, path, seen in told:
        name, _, function = path.partition(b"\0")
        if kind == trace.CODE and name == os.fsencode(file):
            places.append((trace.SEEN.unpack(seen)[2], function.decode("utf-8")))
        last = last or (kind == trace.CODE and name == library.LAST[1:].encode())
    return places if last else []
