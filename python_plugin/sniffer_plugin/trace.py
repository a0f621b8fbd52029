"""The log of a run: what its processes looked at, told by the preloaded library.

libsniffer_trace.so is preloaded into the process of a test file and into every program that this
starts. It writes into a log in memory that the host made, and that the host reads when the run is
over. The layout is that of python_plugin/tracer/log.h; nothing in the log is trusted.
"""

from __future__ import annotations

import mmap
import os
import posix
import struct

from .scope import Scope

NAME = "sniffer-trace"
SIZE = 16 << 20  # pages that nobody writes to cost nothing
_MOST = 1 << 20  # of records, in most runs
_PAGE = 4096
_MAGIC = 0x676F6C6666696E73
_VERSION = 1
_ALIGN = 8
_HEADER = struct.Struct("<QIIQQQQQQQQIIII")  # ends with head, epoch, lost, launched, attached, -
_WRITTEN = struct.Struct("<QQIIII")          # the part of the header that everybody writes
_WRITTEN_AT = _HEADER.size - _WRITTEN.size
_RECORD = struct.Struct("<IBBHII?")          # the beginning of a record
_SEEN_AT = 24
_PATH_AT = 72
SEEN = struct.Struct("<QQQqqQ")

(READ, WROTE, FOUND, EXISTS, ABSENT, LINK, LISTING, EXEC, LIBRARY, RENAMED_FROM, RENAMED_TO,
 REMOVED, MADE, UNSEEN, CODE, SOURCE, SEARCH, PACKAGE, TEST, WHOLE, LEFT) = range(1, 22)
BY_RUN = 1  # detail of FOUND: asked by a process of the run itself, and not by a program

VARIABLE = "SNIFFER_TRACE_LOG"


def library() -> str | None:
    """Installed beside the folder of the Python half; None where there is none for this machine."""
    given = os.environ.get("SNIFFER_TRACE_LIBRARY")
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = given or os.path.join(os.path.dirname(folder), "libsniffer_trace.so")
    return path if os.path.isfile(path) else None


def filters(scope: Scope) -> list[str]:
    """The longest that a path is in decides: "+" counts, "-" does not, and of "=", where packages
    are installed, it is not told which code objects run."""
    words = ["+" + scope.root, "-" + scope.root.rstrip("/") + "/.sniffer"]
    words += ["-" + folder for folder in scope.strange()]
    return words + ["=" + folder for folder in scope.packages()]


class Log:
    """The log of one run. LAUNCHED: how many processes are expected to attach themselves, beside
    those that are started by others which have."""

    def __init__(self, words: list[str], launched: int, size: int = SIZE) -> None:
        self.fd = os.memfd_create(NAME, os.MFD_CLOEXEC)
        posix.ftruncate(self.fd, size)
        self._map = mmap.mmap(self.fd, size)
        text = b"".join(os.fsencode(word) + b"\0" for word in words)
        records = -(-(_HEADER.size + len(text)) // _ALIGN) * _ALIGN
        slots = 64
        while slots * 2 * 64 <= size:
            slots *= 2
        table = (size - slots * 8) // _ALIGN * _ALIGN
        self._size = size
        self._records, self._capacity = records, table - records
        self._read_to = 0
        self._map[_HEADER.size:_HEADER.size + len(text)] = text
        self._map[:_HEADER.size] = _HEADER.pack(_MAGIC, _VERSION, len(text), records,
                                                self._capacity, table, slots, 0, 0,
                                                0, 0, 0, launched, 0, 0)

    def place(self, host: int) -> str:
        """The path by which others find it, for as long as the process HOST keeps it."""
        return "/proc/%d/fd/%d" % (host, self.fd)

    def busy(self) -> list[tuple[int, int]]:
        """Where most runs write, as (offset, length) in whole pages."""
        table = (self._records + self._capacity) // _PAGE * _PAGE
        return [(0, min(_MOST, table)), (table, self._size - table)]

    def attached(self) -> int:
        """How many have found it."""
        return _WRITTEN.unpack_from(self._map, _WRITTEN_AT)[4]  # type: ignore[no-any-return]

    def close(self) -> None:
        self._map.close()
        posix.close(self.fd)

    def whole(self) -> bool:
        """Did the log tell everything? Asked after records()."""
        head, _, lost, launched, attached, _ = _WRITTEN.unpack_from(self._map, _WRITTEN_AT)
        return self._read_to == head and lost == 0 and launched <= attached

    def records(self):  # type: ignore[no-untyped-def]
        """Every record as (kind, detail, path, seen), in order; both are bytes, SEEN is a SEEN or
        empty."""
        head = _WRITTEN.unpack_from(self._map, _WRITTEN_AT)[0]
        end = min(head, self._capacity)
        data = self._map[self._records:self._records + end]
        unpack, at = _RECORD.unpack_from, 0
        while end - at > _PATH_AT:
            length, kind, detail, size, _, _, has_seen = unpack(data, at)
            if length % _ALIGN or length > end - at or length <= _PATH_AT + size:
                break
            if kind:
                path = at + _PATH_AT
                yield (kind, detail, data[path:path + size],
                       data[at + _SEEN_AT:path] if has_seen else b"")
            at += length
        self._read_to = at


def preload(environment, path: str, log: str) -> None:  # type: ignore[no-untyped-def]
    """ENVIRONMENT of programs: from here on each that is started is heard."""
    others = [word for word in environment.get("LD_PRELOAD", "").replace(":", " ").split()
              if word != path]
    environment["LD_PRELOAD"] = " ".join([path] + others)
    environment[VARIABLE] = log
