"""Inside a layer: a process that has come to where the runs of its folder part, and what each of
them does first, forked there.

The framework itself is what is halfway: it has called the layer from the depth of its own start,
and in each run that call returns, as if nobody had waited.
"""

from __future__ import annotations

import gc
import os
import posix
import random
import stat
import sys

from . import library

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, SupportsIndex

_urandom = os.urandom
_HARMLESS = ("multiprocessing.process",)  # its key, which children share with their parent anyway


class _Noting:
    """Words in a layer, the last of which is another one in each run. Was it looked at?"""

    KIND: Any  # what this is besides
    noted = False

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        found = self.KIND.__getitem__(self, at)
        last = self.KIND.__getitem__(self, -1)
        self._note(bool(found and found[-1] is last) if isinstance(at, slice) else found is last)
        return found

    def __iter__(self) -> Iterator[str]:
        self._note(True)
        return self.KIND.__iter__(self)  # type: ignore[no-any-return]

    def __contains__(self, word: object) -> bool:
        self._note(word == self.KIND.__getitem__(self, -1))
        return self.KIND.__contains__(self, word)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        self._note(True)
        return self.KIND.__repr__(self)  # type: ignore[no-any-return]

    def __add__(self, words):  # type: ignore[no-untyped-def]
        self._note(True)
        return self.KIND.__add__(self, words)

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return self.KIND, (self.KIND(self.KIND.__iter__(self)),)

    def _note(self, is_file: bool) -> None:
        self.noted = self.noted or is_file


class Argv(_Noting, list):  # type: ignore[type-arg]
    """Such as sys.argv."""

    KIND = list

    def copy(self) -> list[str]:
        return list(self)

    def pop(self, at: SupportsIndex = -1) -> str:
        self._note(True)
        return list.pop(self, at)  # type: ignore[no-any-return]


class Given(_Noting, tuple):  # type: ignore[type-arg]
    KIND = tuple


class Drawn:
    """os.urandom, noting that somebody drew from it: a unique name would be several runs'."""

    noted = False

    def __call__(self, size: int) -> bytes:
        caller = sys._getframe(1).f_globals.get("__name__")
        self.noted = self.noted or caller not in _HARMLESS
        return _urandom(size)

    def put(self, function: object) -> None:
        for module in (os, random):
            for name in ("urandom", "_urandom"):
                if hasattr(module, name):
                    setattr(module, name, function)


def _descriptors() -> dict[int, tuple[int, int, int, int]]:
    """Number: (device, inode, kind, links)."""
    found = {}
    for name in posix.listdir("/proc/self/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:
            continue  # that of the listing itself
        found[int(name)] = (status.st_dev, status.st_ino, stat.S_IFMT(status.st_mode),
                            status.st_nlink)
    return found


class Parked:
    """The process, which speaks with its host by CONTROL and STATUS. `argv` is to be sys.argv."""

    def __init__(self, control: int, status: int) -> None:
        self.argv = Argv()
        self._control = control
        self._status = status
        self._fds = _descriptors()
        self._random = random.getstate()
        self._drawn = Drawn()
        self._drawn.put(self._drawn)

    def wait(self, strangers: list[str], why: str | None) -> str:
        """Where the runs part. Returns in runs only: what the host said to begin this one.
        STRANGERS: sources outside of the project that were loaded. WHY: they parted before."""
        self._drawn.put(_urandom)
        why = why or self._unfit()
        if why is not None:
            self._say(why)
            posix._exit(0)
        own = _own_files(self._fds)
        gc.collect()  # as may happen in any run; what is left the runs are not to go through,
        gc.freeze()  # for each would copy all of it
        self._say("\0".join(["ready", *strangers]))
        line = self._wait()
        for fds in own:
            _replace(fds)
        return line

    def leave(self) -> None:
        """In a run: it has nothing to do with the layer any more."""
        self._say("%d" % posix.getpid())
        posix.close(self._control)
        posix.close(self._status)

    def _say(self, word: str) -> None:
        data = os.fsencode(word.replace("\n", " ")) + b"\n"
        while data:
            data = data[posix.write(self._status, data):]

    def _unfit(self) -> str | None:
        """Why nothing is to be forked from here."""
        if len(posix.listdir("/proc/self/task")) != 1:
            return "threads run"
        with open("/proc/self/task/%d/children" % posix.getpid()) as file:
            if file.read().split():
                return "programs run"
        if self._drawn.noted or random.getstate() != self._random:
            return "random numbers are drawn, or seeded"
        if "numpy.random" in sys.modules:
            return "numpy has drawn its random state"
        if self.argv.noted:
            return "sys.argv is looked at"
        return self._unfit_descriptors()

    def _unfit_descriptors(self) -> str | None:
        known = {entry[:2] for entry in self._fds.values()}
        for fd, (device, inode, kind, links) in _descriptors().items():
            own = kind == stat.S_IFREG and links == 0  # each run makes its own of it
            if not own and (device, inode) not in known and kind != stat.S_IFCHR:
                return "%s stays open" % posix.readlink("/proc/self/fd/%d" % fd)
        return None

    def _wait(self) -> str:
        """Fork a child for each line that comes; the line, in the child."""
        data = b""
        while True:
            more = posix.read(self._control, 4096)
            if not more:
                posix._exit(0)
            data += more
            *lines, data = data.split(b"\n")
            for line in lines:
                if library.fork():  # the child is the host's and not ours
                    return line.decode("ascii")


def _own_files(before: dict[int, tuple[int, int, int, int]]) -> list[list[tuple[int, bool]]]:
    """Forked processes share files without a name, and where they are in them: such as what a
    framework captures output with. Which are these, of those that were not open BEFORE? For each
    file its descriptors, and whether programs inherit them."""
    found: dict[tuple[int, int], list[tuple[int, bool]]] = {}
    for fd, (device, inode, kind, links) in _descriptors().items():
        if kind == stat.S_IFREG and not links and before.get(fd, ())[:2] != (device, inode):
            found.setdefault((device, inode), []).append((fd, os.get_inheritable(fd)))
    return list(found.values())


def _replace(fds: list[tuple[int, bool]]) -> None:
    """Put a copy of their file, which is this process's own, into the place of FDS."""
    own = _copy(fds[0][0])
    for fd, inheritable in fds:
        os.dup2(own, fd, inheritable)
    posix.close(own)


def _copy(fd: int) -> int:
    # Not on a disk: pytest truncates it some eight times a test, and each would wait for a journal.
    own = os.memfd_create("sniffer-output", os.MFD_CLOEXEC)
    os.fchmod(own, 0o600)
    at = 0
    while at < os.fstat(fd).st_size:
        piece = os.pread(fd, 1 << 20, at)
        if not piece:
            break
        at += os.pwrite(own, piece, at)
    os.lseek(own, os.lseek(fd, 0, os.SEEK_CUR), os.SEEK_SET)
    return own
