"""What the programs that a test starts look at: the host's side of the preloaded tracer.

A test file's own process tells its looks as they happen; a program that it starts knows nothing of
us. libsniffer_trace.so is preloaded into it, and into whatever it starts, and writes into a log in
memory that this process made and reads when the run is over. The layout is that of
python_plugin/tracer/log.h; nothing in the log is trusted.
"""

from __future__ import annotations

import mmap
import os
import posix
import stat
import struct

from .scope import Scope

_SIZE = 16 << 20  # pages that nobody writes to cost nothing
_MAGIC = 0x676F6C6666696E73
_VERSION = 1
_ALIGN = 8
_HEADER = struct.Struct("<QIIQQQQQQQQIIII")  # ends with head, epoch, lost, launched, attached, -
_RECORD = struct.Struct("<IBBHIIB7xQQQqqQ")  # a record up to its path
_WRITTEN = struct.Struct("<QQIIII")          # the part of the header that everybody writes
_WRITTEN_AT = _HEADER.size - _WRITTEN.size

(_READ, _WROTE, _FOUND, _EXISTS, _ABSENT, _LINK, _LISTING, _EXEC, _LIBRARY, _RENAMED_FROM,
 _RENAMED_TO, _REMOVED, _MADE, _UNSEEN) = range(1, 15)

_VARIABLE = "SNIFFER_TRACE_LOG"


def library() -> str | None:
    """Installed beside the folder of the Python half; None where there is none for this machine."""
    given = os.environ.get("SNIFFER_TRACE_LIBRARY")
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = given or os.path.join(os.path.dirname(folder), "libsniffer_trace.so")
    return path if os.path.isfile(path) else None


def _filters(scope: Scope) -> bytes:
    """The longest that a path is in decides: the root counts, and of the rest what is nobody's."""
    words = ["+" + scope.root, "-" + scope.root.rstrip("/") + "/.sniffer"]
    words += ["-" + folder for folder in scope.strange()]
    return b"".join(os.fsencode(word) + b"\0" for word in words)


class Log:
    """The log of one run."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.fd = os.memfd_create("sniffer-trace", os.MFD_CLOEXEC)
        posix.ftruncate(self.fd, _SIZE)
        self._map = mmap.mmap(self.fd, _SIZE)
        filters = _filters(scope)
        records = -(-(_HEADER.size + len(filters)) // _ALIGN) * _ALIGN
        slots = 64
        while slots * 2 * 64 <= _SIZE:
            slots *= 2
        table = (_SIZE - slots * 8) // _ALIGN * _ALIGN
        self._records, self._capacity = records, table - records
        self._map[_HEADER.size:_HEADER.size + len(filters)] = filters
        self._map[:_HEADER.size] = _HEADER.pack(_MAGIC, _VERSION, len(filters), records,
                                                self._capacity, table, slots, 0, 0,
                                                0, 0, 0, 0, 0, 0)

    def environment(self, host: int, path: str) -> None:
        """In the child: from here on every program that is started is traced."""
        before = os.environ.get("LD_PRELOAD")
        os.environ["LD_PRELOAD"] = path + (" " + before if before else "")
        os.environ[_VARIABLE] = "/proc/%d/fd/%d" % (host, self.fd)

    def close(self) -> None:
        self._map.close()
        posix.close(self.fd)

    def whole(self) -> bool:
        """Did the log tell everything? Asked after looks()."""
        head, _, lost, launched, attached, _ = _WRITTEN.unpack_from(self._map, _WRITTEN_AT)
        return self._read_to == head and lost == 0 and launched <= attached

    def looks(self):  # type: ignore[no-untyped-def]
        """Every look and write as (kind, path, seen), in order."""
        made: set[str] = set()
        for kind, path, seen in self._each():
            if not self._scope.owns(path) and not self._scope.foreign(path):
                continue
            if _own(path, made) and kind not in (_WROTE, _REMOVED, _RENAMED_FROM, _RENAMED_TO):
                continue
            if kind == _MADE:
                made.add(path)
            for look in _translate(kind, path, seen):
                yield look[0], self._scope.shown(path), look[1]

    def _each(self):  # type: ignore[no-untyped-def]
        data = self._map
        head = _WRITTEN.unpack_from(data, _WRITTEN_AT)[0]
        end = min(head, self._capacity)
        at = 0
        while end - at >= _RECORD.size:
            here = self._records + at
            length, kind, _, size, _, _, has_seen, *seen = _RECORD.unpack_from(data, here)
            if length % _ALIGN or length > end - at or length < _RECORD.size + size + 1:
                break
            at += length
            if kind:
                path = os.fsdecode(data[here + _RECORD.size:here + _RECORD.size + size])
                device, inode, bytes_, mtime, ctime, mode = seen
                yield kind, path, ((device, inode, bytes_, mtime, ctime, mode) if has_seen
                                   else None)
        self._read_to = at


def _own(path: str, made: set[str]) -> bool:
    while made and len(path) > 1:
        path = path.rpartition("/")[0]
        if path in made:
            return True
    return False


def _is_bytecode(path: str) -> bool:
    return path.endswith(".pyc") and "/__pycache__/" in path


def _translate(kind: int, path: str, seen):  # type: ignore[no-untyped-def]
    regular = seen is not None and stat.S_ISREG(seen[5])
    if _is_bytecode(path):
        return  # it follows from the source, which is asked for as well
    if kind in (_READ, _EXEC, _LIBRARY):
        yield "content" if regular or seen is None else "presence", seen
    elif kind == _UNSEEN:
        yield "unseen", ()
    elif kind == _LINK:
        yield "content", seen
    elif kind == _FOUND:
        # The import system asks for a source and then reads its bytecode.
        yield "content" if regular and path.endswith(".py") else "presence", seen
    elif kind == _EXISTS:
        yield "content" if regular else "presence", seen
    elif kind == _ABSENT:
        yield "presence", None
    elif kind == _LISTING:
        yield "listing", ()
    elif kind == _RENAMED_FROM:
        if regular:
            yield "content", seen
        yield "wrote", ()
    elif kind in (_WROTE, _RENAMED_TO, _REMOVED, _MADE):
        yield "wrote", ()
