"""Pipes to the daemon that outlive what tests do to descriptors.

A test may close every descriptor it finds, and open others in their place. So each pipe lives at
a high number, is known by its identity rather than by its number, and is opened again through the
host's /proc/PID/fd where it was lost. Nothing is ever written into somebody else's file.
"""

from __future__ import annotations

import fcntl
import posix
import resource
import select
import threading
from json.encoder import encode_basestring_ascii

# Taken now: a test may replace what it finds in os.
_write = posix.write
_fstat = posix.fstat
_open = posix.open
_close = posix.close
_getpid = posix.getpid
_poll = select.poll

_HIGH = 500
PIPE_BUF = select.PIPE_BUF


class Lost(Exception):
    """The pipe is gone and cannot be had back."""


def _move_up(fd: int) -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    lowest = _HIGH
    if soft != resource.RLIM_INFINITY and soft <= _HIGH + 16:
        lowest = max(3, soft - 16)
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)


class Channel:
    """The writing end of one pipe."""

    def __init__(self, fd: int) -> None:
        self.fd = _move_up(fd)
        if self.fd != fd:
            _close(fd)
        status = _fstat(self.fd)
        self._identity = (status.st_dev, status.st_ino)
        self._source = "/proc/%d/fd/%d" % (_getpid(), self.fd)

    def _ours(self) -> bool:
        try:
            status = _fstat(self.fd)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    def _reopen(self) -> None:
        try:
            fd = _open(self._source, posix.O_WRONLY | posix.O_CLOEXEC)
        except OSError as error:
            raise Lost(str(error)) from None
        try:
            self.fd = _move_up(fd)
        except OSError:
            self.fd = fd
        else:
            _close(fd)
        if not self._ours():
            raise Lost("another file is at " + self._source)

    def write(self, data: bytes) -> None:
        """All of DATA. Up to PIPE_BUF bytes are written whole, whoever else writes."""
        if not self._ours():
            self._reopen()
        while data:
            try:
                data = data[_write(self.fd, data):]
            except BlockingIOError:  # the daemon's end made the pipe non-blocking, and it is full
                poll = _poll()
                poll.register(self.fd, select.POLLOUT)
                poll.poll()


def plain(text: str) -> str:
    """TEXT as JSON readers elsewhere take it: no lone surrogates, no NUL."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def path_json(path: str) -> str:
    """PATH on the wire: a string, or {"b64": ...} where its bytes are not UTF-8."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        import binascii
        import os
        raw = binascii.b2a_base64(os.fsencode(path), newline=False).decode("ascii")
        return '{"b64":"%s"}' % raw
    return encode_basestring_ascii(path)


def identity(status: posix.stat_result | None) -> tuple[int, ...] | None:
    """What travels as "seen"; None: absent."""
    if status is None:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns,
            status.st_ctime_ns, status.st_mode)


def seen_json(seen: object) -> str:
    """Some file systems have devices and inodes that only fit without a sign."""
    if seen is None:
        return "null"
    return "[%s]" % ",".join([str(number - (1 << 64) if number >= 1 << 63 else number)
                              for number in seen])  # type: ignore[attr-defined]


class Serial:
    """One writer at a time, and a mark that outlives the writer: is half a line in the pipe?"""

    def __init__(self, channel: Channel) -> None:
        import mmap
        self._channel = channel
        self._lock = threading.RLock()
        self._half = mmap.mmap(-1, 1)  # shared with the children

    @property
    def fd(self) -> int:
        return self._channel.fd

    def line(self, text: str) -> None:
        data = text.encode("ascii") + b"\n"
        with self._lock:
            long = len(data) > PIPE_BUF
            if long:
                self._half[0] = 1
            self._channel.write(data)
            if long:
                self._half[0] = 0

    def mend(self) -> None:
        """After the death of a writer: end the line that it left."""
        if self._half[0]:
            self._half[0] = 0
            self._channel.write(b"\n")
