"""Layers: what all runs of one folder begin with, executed once.

A run begins as each run of its folder does: the framework takes its settings, and loads its plugins
and the conftest files on the way. A layer is a process that has come so far and stopped there, with
the first file of the folder that was ordered (see parked). The runs of that folder are forked from
it, and go on as if they had come there by themselves. Nothing else of a project is ever shared.
How much belongs to such a folder is for the framework to say: with nose, the whole project.

What a layer has looked at is evidence of each run from it. The daemon knows no change of it that
happened before the run began: so before each run all of it is looked at again, and a layer for
which something is not as it was is replaced. What a second run could tell from a first one (a file
was written, a thread was started, random numbers were drawn) makes a folder one without a layer,
until that changes. Where the framework can part its runs at two places, that holds for the earlier
one: a layer that went too far is followed by one that stops there.
"""

from __future__ import annotations

import os
import posix
import re
import select
import stat
import time

from . import trace
from .channel import identity
from .evidence import Run
from .sources import Sources

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .evidence import Look, Record
    from .scope import Scope

    # The folder, and names of modules that its runs do not take over from the host.
    Key = tuple[str, frozenset[str]]

_MOST = 4          # layers at a time
_FREE = 0.1        # of the memory must be available for one more
_ANSWER = 5.0      # seconds for a fork
_IDLE = 600.0      # seconds without a run, after which they are put away
_OLD = 600.0       # seconds: what it knows of the time is no evidence, but may be believed
_BUILD = 20.0      # seconds for a layer; a run that has none is only slower
_TICK = 20_000_000  # ns: time stamps of files lag behind by less
_PID = re.compile(rb"\bgetpid\b")
_RACE = "something changed while it was loaded"
_SHORT = "too little memory is free"


class Evidence:
    """What a layer has looked at, as it was; it began at SINCE, with FILE."""

    def __init__(self, scope: Scope, since: int, looks: Iterable[Look], file: str) -> None:
        self._name = os.fsencode(os.path.basename(file).partition(".")[0])
        self.why: str | None = None  # no run may rest on it
        self._racy = since - _TICK
        self._seen: dict[tuple[str, str], object] = {}
        self._listed: dict[str, object] = {}
        self._searched: dict[str, set[str]] = {}
        self._offered: dict[str, object] = {}
        for kind, shown, seen, _ in looks:
            self._take(kind, shown if shown.startswith("/") else
                       os.path.join(scope.root, shown).rstrip("/"), seen)
        for path in self._listed:
            self._listed[path] = _entries(path)
        for path in self._searched:
            self._offered[path] = self._offers(path)
        for path in [*self._listed, *self._searched]:
            self._settled(_status(path))

    def _take(self, kind: str, path: str, seen: object) -> None:
        if kind == "listing":
            self._listed[path] = None
        elif kind == "search":
            folder, _, name = path.rpartition("/")
            self._searched.setdefault(folder, set()).add(name)
        elif kind == "wrote":
            self._refuse("%s is written" % path)
        elif kind == "unseen":
            self._refuse("not all that happens is seen")
        elif kind != "environment":  # the host's, too
            self._seen[kind, path] = seen
            if kind == "code":
                self._read(path)
            if seen is not None and not stat.S_ISDIR(seen[5]):  # type: ignore[index]
                self._settled(seen)

    def loaded(self, path: str) -> None:
        """No evidence of a run, which names the package, but what the layer is made of."""
        seen = self._seen["content", path] = _status(path)
        self._settled(seen)

    def _read(self, path: str) -> None:
        """What a source asks for that no look tells."""
        text = _text(path)
        if _PID.search(text):
            self._refuse("%s asks for the number of its process" % path)
        if self._name in text:
            self._refuse("%s names the test file %s" % (path, os.fsdecode(self._name)))

    def _refuse(self, why: str) -> None:
        self.why = self.why or why

    def _settled(self, seen: object) -> None:
        """What changes now may change once more, and have the same time stamp."""
        if seen is not None and seen[4] >= self._racy:  # type: ignore[index]
            self._refuse(_RACE)

    def _offers(self, folder: str) -> object:
        entries = _entries(folder)
        return entries and [entry for entry in entries
                            if entry[0].partition(".")[0] in self._searched[folder]]

    def holds(self) -> bool:
        return (self.why != _RACE
                and all(_is_as(kind, _status(path), seen)
                        for (kind, path), seen in self._seen.items())
                and all(_entries(path) == was for path, was in self._listed.items())
                and all(self._offers(path) == was for path, was in self._offered.items()))


def _text(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _status(path: str) -> tuple[int, ...] | None:
    try:
        return identity(posix.lstat(path))
    except OSError:
        return None


def _entries(folder: str) -> list[tuple[str, bool]] | None:
    try:
        with posix.scandir(folder) as entries:
            return sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return None


def _is_as(kind: str, now, seen) -> bool:  # type: ignore[no-untyped-def]
    if now is None or seen is None:
        return now is seen
    if kind == "existence":
        return stat.S_IFMT(now[5]) == stat.S_IFMT(seen[5])
    if stat.S_ISDIR(seen[5]):
        return bool(now[5] == seen[5])
    return bool(now == seen)


class Layer:
    """That of KEY, seen from the host, made with FILE. FORK makes the process.

    That FILE is there is known of each file that is run, and is no evidence of the others."""

    def __init__(self, key: Key, file: str, fork: Callable[[int, int], int],
                 log: trace.Log, late: bool = False) -> None:
        self.key = key
        self._late = late  # there is an earlier place where the runs could part
        self._file = file
        self.ready = False
        self.why: str | None = None  # there is none for this folder
        self.records: list[Record] = []
        self._log: trace.Log | None = log
        self._evidence: Evidence | None = None
        self._since = time.time_ns()
        self._born = time.monotonic()
        theirs, self.control = os.pipe2(os.O_CLOEXEC)
        self.status, said = os.pipe2(os.O_CLOEXEC)
        self.pid = fork(theirs, said)
        posix.close(theirs)
        posix.close(said)

    def left(self) -> float | None:
        """Seconds for it to get ready; None where it is not awaited."""
        if self.ready or self.why is not None:
            return None
        return max(0.0, self._born + _BUILD - time.monotonic())

    def went_too_far(self) -> bool:
        """There may be one that parts earlier."""
        return self._late and self.why is not None and self.why != _RACE

    def is_old(self) -> bool:
        return self._born + _OLD <= time.monotonic()

    def built(self, scope: Scope, sources: Sources | None) -> None:
        """It has told what became of it, or is gone, or takes too long."""
        assert self._log is not None
        word, *strangers = self._answer(_ANSWER if self.left() else 0.0).split("\0")
        self.records = [record for record in dict.fromkeys(self._log.records())
                        if record[:3] != (trace.EXISTS, 0, os.fsencode(self._file))]
        whole = self._log.whole()
        self._log.close()
        self._log = None
        run = Run(scope, sources, self._since)
        self._evidence = Evidence(scope, self._since, run.looks(self.records),
                                  self._file)
        for path in strangers:
            self._evidence.loaded(path)
        if word == "ready":
            self.why = self._evidence.why or (None if whole else "not all that happens is seen")
            self.ready = self.why is None
        else:
            self.why = word or "its settings or conftest files do not load"
        if not self.ready:
            self.close()

    def holds(self) -> bool:
        return self._evidence is not None and self._evidence.holds()

    def spare(self, pipe: int, log: int) -> int:
        """The pid of a new child, which takes its order from PIPE and tells LOG, both descriptors
        of this process. 0: there is none to be had."""
        try:
            posix.write(self.control, b"%d %d\n" % (pipe, log))
        except OSError:
            return 0
        word = self._answer(_ANSWER)
        return int(word) if word.isdigit() else 0

    def _answer(self, seconds: float) -> str:
        poll = select.poll()
        poll.register(self.status, select.POLLIN)
        data = b""
        while not data.endswith(b"\n"):
            more = posix.read(self.status, 4096) if poll.poll(seconds * 1000) else b""
            if not more:
                return ""
            data += more
        return os.fsdecode(data[:-1])

    def close(self) -> None:
        """The process sees that, and leaves."""
        self.ready = False
        for fd in (self.control, self.status):
            if fd >= 0:
                posix.close(fd)
        self.control = self.status = -1
        if self._log is not None:
            self._log.close()
            self._log = None


class Layers:
    """Those of a host, the one used last at the end."""

    def __init__(self) -> None:
        self._all: dict[Key, Layer] = {}
        self._early: set[Key] = set()
        self._used = time.monotonic()
        self._short: str | None = None  # the last folder for which there was no memory

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(list(self._all.values()))

    def pids(self) -> set[int]:
        return {layer.pid for layer in self if layer.control >= 0}

    def count(self) -> int:
        return sum(layer.ready for layer in self)

    def without(self) -> list[tuple[str, str]]:
        """Folders that have none, and why, where that lasts."""
        found = {layer.key[0]: layer.why for layer in self
                 if layer.why is not None and layer.why != _RACE}
        if self._short is not None:
            found[self._short] = _SHORT
        return sorted(found.items())

    def of(self, key: Key) -> Layer | None:
        """That of KEY, or what there is to say about why there is none. None: it may be
        made."""
        self._used = time.monotonic()
        layer = self._all.pop(key, None)
        if layer is None:
            return None
        if layer.went_too_far():
            self._early.add(key)
            return None
        if layer.left() is None and (layer.is_old() or not layer.holds()):
            layer.close()
            return None
        self._all[key] = layer
        return layer

    def parts_early(self, key: Key) -> bool:
        """Known from a layer that went too far, until nobody has used any for long."""
        return key in self._early

    def add(self, layer: Layer) -> None:
        self._all[layer.key] = layer

    def left(self) -> float | None:
        """Seconds until something is to be done, if nothing happens; None: forever."""
        awaited = [layer.left() for layer in self if layer.left() is not None]
        if self._all:
            awaited.append(max(0.0, self._used + _IDLE - time.monotonic()))
        return min(awaited, default=None)

    def awaited(self) -> list[Layer]:
        return [layer for layer in self if layer.left() is not None]

    def put_away(self, busy: bool) -> bool:
        """Nobody has used them for long, and is not BUSY with one."""
        if busy:
            self._used = time.monotonic()
        if self._all and self._used + _IDLE <= time.monotonic():
            self.close()
            return True
        return False

    def have_room(self, folder: str) -> bool:
        """Makes room for that of FOLDER. False: there is too little memory for it."""
        self._short = None
        if _available() < _FREE:
            self.close()
            self._short = folder
            return False
        living = [layer for layer in self if layer.control >= 0]
        for layer in living[:max(0, len(living) - _MOST + 1)]:
            self.drop(layer)
        return True

    def drop(self, layer: Layer) -> None:
        layer.close()
        if self._all.get(layer.key) is layer:
            del self._all[layer.key]

    def close(self) -> None:
        for layer in self:
            self.drop(layer)
        self._early.clear()


def _available() -> float:
    """The part of the memory that is to be had."""
    amounts = {}
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                name, _, rest = line.partition(":")
                amounts[name] = int(rest.split()[0])
        return amounts["MemAvailable"] / amounts["MemTotal"]
    except (OSError, KeyError, ValueError, ZeroDivisionError):
        return 1.0
