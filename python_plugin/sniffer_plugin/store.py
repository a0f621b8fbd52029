"""Compiled code under the hash of its source, in ROOT/.sniffer/bytecode."""

from __future__ import annotations

import importlib.util
import marshal
import os
import posix
import sys
from hashlib import blake2b

# Taken now: a test may replace what it finds in os.
_fsencode = os.fsencode
_open = posix.open
_read = posix.read
_close = posix.close
_fstat = posix.fstat
_write = posix.write
_rename = posix.rename
_SUM = 16
_KEPT_MAX = 4096  # compiled modules that are kept


def contents(path: str, flags: int = 0) -> tuple[bytes, os.stat_result]:
    """The bytes of a file, and whose they are."""
    fd = _open(path, posix.O_RDONLY | posix.O_CLOEXEC | flags)
    try:
        status = _fstat(fd)
        parts = []
        while True:
            part = _read(fd, 1 << 20)
            if not part:
                return b"".join(parts), status
            parts.append(part)
    finally:
        _close(fd)


class Store:
    """A store that cannot be used costs time only."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._salt = importlib.util.MAGIC_NUMBER + repr(
            (sys.version, sys.flags.optimize)).encode("utf-8")

    def name(self, data: bytes, path: str) -> str:
        """The name of what DATA compiles to as the file PATH."""
        key = blake2b(self._salt, digest_size=20)
        key.update(_fsencode(path) + b"\0")  # it is in the compiled code
        key.update(data)
        return key.hexdigest()

    def load(self, name: str) -> object:
        try:
            data, _ = contents(self._folder + "/" + name)
        except OSError:
            return None
        body = data[_SUM:]
        if blake2b(body, digest_size=_SUM).digest() != data[:_SUM]:
            return None  # cut short: marshal would not survive that
        return marshal.loads(body)

    def save(self, name: str, code: object) -> None:
        body = marshal.dumps(code)
        data = blake2b(body, digest_size=_SUM).digest() + body
        draft = "%s/%s.%d" % (self._folder, name, posix.getpid())
        try:
            self._make_folder()
            fd = _open(draft, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC,
                       0o600)
            try:
                whole = _write(fd, data) == len(data)
            finally:
                _close(fd)
            if whole:
                _rename(draft, self._folder + "/" + name)
            else:
                posix.unlink(draft)
        except OSError:
            pass

    def _make_folder(self) -> None:
        try:
            posix.mkdir(self._folder, 0o700)
        except FileExistsError:
            pass

    def tidy(self) -> None:
        """Keep the newest half where there are too many."""
        try:
            names = [self._folder + "/" + name for name in posix.listdir(self._folder)]
            if len(names) > _KEPT_MAX:
                names.sort(key=lambda name: posix.stat(name).st_mtime)
                for name in names[:-_KEPT_MAX // 2]:
                    posix.unlink(name)
        except OSError:
            pass
