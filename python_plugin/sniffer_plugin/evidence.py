"""What a run's log says, as the looks that travel.

The log has one order for everything: what a process looked at and wrote, what its import system
loaded and searched, which code objects began. Most records stand for one look each. Sources are
another matter: what was executed of one is known when all has been read.

A source counts as a whole, and not by blocks, where the blocks would not be the whole truth: it was
loaded in two versions; by a loader that makes its own code of it; code began in it that it does not
contain; something ran in this process that the tracer cannot follow, or the tracer was gone at the
end.
"""

from __future__ import annotations

import os
import posix
import stat
import time

from . import library, packages, trace
from .scope import Scope
from .sources import LARGE, Source, Sources

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    Record = tuple[int, int, bytes, bytes]
    Look = tuple[str, str, object, str | None]
    Places = dict[bytes, set[tuple[int, bytes]]]  # of code objects, by file as it was compiled

_now = time.time_ns  # as it is before tests replace it
_LAST_LOOK = library.LAST.encode()
_LAST_CODE = _LAST_LOOK[1:]
_READS = frozenset((trace.READ, trace.EXEC, trace.LIBRARY, trace.LISTING))
_CHANGES = frozenset((trace.WROTE, trace.RENAMED_FROM, trace.RENAMED_TO, trace.REMOVED, trace.MADE))


class Run:
    """What one run looked at. SINCE: when it began, in ns."""

    def __init__(self, scope: Scope, sources: Sources | None, since: int) -> None:
        self._scope = scope
        self._sources = sources
        self._since = since
        self._made: set[str] = set()  # folders that the run itself made: all in them is its own
        self._began: Places = {}
        self._tests: dict[bytes, Places] = {}
        # Real path, name of the file as it was compiled, names in the store ("": not there).
        self._loads: dict[bytes, dict[bytes, set[bytes]]] = {}
        self._whole = sources is None
        self._silent = True
        self._left: dict[str, Any] = {}  # what was written, as it was then
        self._inodes: dict[Any, object] = {}  # the same, by device and inode
        self._framework_loads = True

    def is_heard(self) -> bool:
        """After looks(): not, where the run came to its end and its last look is not there."""
        return not self._silent or _LAST_CODE not in self._began

    def ended(self) -> bool:
        """After looks(): is its last look there?"""
        return not self._silent

    def looks(self, records: Iterable[Record]) -> list[Look]:
        """Each look once, as (kind, path, seen, ran); RAN tells the blocks of a source, or is None.
        Kind "wrote" is a write, "unseen" something that the log does not tell."""
        rest = self._sort(records)
        told: dict[tuple[str, str], Look] = {}
        for record in rest:
            for kind, path, seen in self._translate(*record):
                told.setdefault((kind, path), (kind, self._scope.shown(path), seen, None))
        for (kind, path), (_, shown, seen, _) in told.items():
            if kind == "wrote" and {("content", path), ("code", path)} & told.keys():
                told[kind, path] = kind, shown, self._left_as(path), None
            elif kind == "code" and ("content", path) not in told:  # which says more
                told[kind, path] = kind, shown, seen, self._ran(path)
        return list(told.values())

    # -- what ran --------------------------------------------------------------------------

    def _sort(self, records: Iterable[Record]) -> list[Record]:
        """The records that are looks of their own; the rest is kept for what it says of sources."""
        rest = []
        test: Places | None = None
        for record in records:
            kind, _, path, seen = record
            if kind == trace.CODE:
                file, _, name = path.partition(b"\0")
                if len(seen) == trace.SEEN.size:
                    place = trace.SEEN.unpack(seen)[2], name
                    self._began.setdefault(file, set()).add(place)
                    if test is not None:
                        test.setdefault(file, set()).add(place)
            elif kind == trace.TEST:
                test = self._tests.setdefault(path, {}) if path else None
            elif kind == trace.WHOLE:
                self._whole = True
            elif kind == trace.LEFT:
                self._leave(os.fsdecode(path), seen)
            elif kind == trace.ABSENT and path == _LAST_LOOK:
                self._silent = False
            else:
                rest.append(record)
                if kind == trace.SOURCE:
                    self._loaded(path, seen)
        if self._silent or _LAST_CODE not in self._began:
            self._whole = True
        return rest

    def _leave(self, path: str, seen: bytes) -> None:
        if len(seen) != trace.SEEN.size:
            self._left[path] = ()  # whatever is told later: somebody may go on writing
        elif self._left.get(path) != ():
            left = trace.SEEN.unpack(seen)
            self._left[path] = left
            self._inodes[left[:2]] = left

    def _left_as(self, path: str) -> object:
        """As it was left under whichever of its names it was written last."""
        left = self._left.get(path, ())
        return self._inodes[left[:2]] if left else left

    def _loaded(self, path: bytes, seen: bytes) -> None:
        real, _, rest = path.partition(b"\0")
        name, _, file = rest.partition(b"\0")
        size = trace.SEEN.unpack(seen)[2] if len(seen) == trace.SEEN.size else LARGE
        if not name or size >= LARGE:
            name = b""
        self._loads.setdefault(real, {}).setdefault(file, set()).add(name)

    def _ran(self, path: str) -> str | None:
        bits = 0
        source = None
        for file, source in self._made_of(os.fsencode(path)):
            bits |= source.bits(self._began.get(file, ())) or 0
        return source.ran(bits) if source is not None else None

    def _made_of(self, path: bytes) -> list[tuple[bytes, Source]]:
        """The blocks of PATH, for each name under which it was compiled; none: it counts as a
        whole."""
        found: list[tuple[bytes, Source]] = []
        if self._sources is None or self._whole:
            return found
        for file, names in self._loads.get(path, {}).items():
            source = self._sources.find(min(names).decode("ascii", "replace"))
            if source is None or len(names) > 1 or (found and found[0][1].told != source.told) \
                    or source.bits(self._began.get(file, ())) is None:
                return []
            found.append((file, source))
        return found

    def tested(self) -> dict[str, dict[str, str]]:
        """After looks(): of which sources the tests executed what, by path and test."""
        if not self._tests:
            return {}
        sources = {file: (path, source) for path in self._loads
                   for file, source in self._made_of(path)}
        told: dict[str, dict[str, str]] = {}
        for name, began in self._tests.items():
            for file in began.keys() & sources.keys():
                path, source = sources[file]
                ran = source.ran(source.bits(began[file]) or 0)
                if ran is not None and b"\0" not in name:
                    shown = self._scope.shown(os.fsdecode(path))
                    told.setdefault(shown, {})[os.fsdecode(name)] = ran
        return told

    # -- one record ------------------------------------------------------------------------

    def _translate(self, kind: int, detail: int, path: bytes,
                   seen: bytes) -> Iterator[tuple[str, str, object]]:
        if kind == trace.PACKAGE:
            self._framework_loads = False
            yield "environment", os.fsdecode(path), ()
            return
        real = os.fsdecode(path.partition(b"\0")[0])
        if kind == trace.UNSEEN:
            yield "unseen", real, ()
            return
        if not self._scope.owns(real) and not self._scope.foreign(real):
            yield from self._installed(kind, real)
            return
        state = trace.SEEN.unpack(seen) if len(seen) == trace.SEEN.size else None
        if kind not in _CHANGES and (self._own(real) or self._passing(kind, real, state)):
            return
        if kind == trace.MADE:
            self._made.add(real)
        if not _is_bytecode(real):  # it follows from the source, which is asked for as well
            yield from self._look(kind, detail, real, state)

    @staticmethod
    def _look(kind: int, detail: int, real: str,
              seen: Any) -> Iterator[tuple[str, str, object]]:
        regular = seen is not None and stat.S_ISREG(seen[5])
        if kind == trace.LINK or (seen is not None and stat.S_ISLNK(seen[5])):
            yield "content", real, seen
        elif kind in (trace.READ, trace.EXEC, trace.LIBRARY):
            yield "content" if regular or seen is None else "presence", real, seen
        elif kind == trace.FOUND:
            # A program asks for a source and then reads its bytecode.
            believed = regular and detail != trace.BY_RUN and real.endswith(".py")
            yield "content" if believed else "presence", real, seen
        elif kind == trace.EXISTS:
            yield "existence", real, seen
        elif kind == trace.ABSENT:
            yield "presence", real, None
        elif kind == trace.LISTING:
            yield "listing", real, ()
        elif kind == trace.SOURCE:
            yield "code", real, seen
        elif kind == trace.SEARCH:
            yield "search", real, ()
        elif kind in _CHANGES:
            if kind == trace.RENAMED_FROM and regular:
                yield "content", real, seen
            yield "wrote", real, ()

    def _installed(self, kind: int, real: str) -> Iterator[tuple[str, str, object]]:
        """Something was read where packages are installed. The framework goes through all of them
        for its plugins; that is told in another way, and before the first package is."""
        for key in packages.keys(real) if kind in _READS else ():
            if key.startswith("package:") or not self._framework_loads:
                yield "environment", key, ()

    # -- what is no evidence ---------------------------------------------------------------

    def _own(self, real: str) -> bool:
        while self._made and len(real) > 1:
            real = real.rpartition("/")[0]
            if real in self._made:
                return True
        return False

    def _passing(self, kind: int, real: str, seen: Any) -> bool:
        """A temporary file that came to be during this run, or is not there."""
        if kind == trace.SEARCH or not self._scope.is_temporary(real):
            return False
        if kind == trace.LISTING:  # of a folder that others use, too
            return real == self._scope.temporary and self._changed_since(real)
        return seen is None or self._is_since(seen[4])

    def _changed_since(self, path: str) -> bool:
        try:
            return self._is_since(posix.stat(path).st_ctime_ns)
        except OSError:
            return True

    def _is_since(self, stamp: int) -> bool:
        """What is of the future was stamped before somebody set the clock back."""
        return self._since <= stamp <= _now()


def _is_bytecode(path: str) -> bool:
    return path.endswith(".pyc") and "/__pycache__/" in path
