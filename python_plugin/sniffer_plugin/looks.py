"""What a run looks at, as seen from inside the interpreter.

An audit hook sees files being opened, folders listed, files made, moved and removed, programs
started. The stat family raises no audit events, so a few functions of os are wrapped. Each look is
told once, with what was there at the first look. A path that the run wrote before it looked is its
own output: the receiver draws that conclusion from the order of looks and writes.

Who learns no more than whether something is there, and of what kind (exists, isfile, access), is
told as existence; who sees time stamps (os.stat) as presence.

This is the second choice: code written in C looks without being seen here. Where the preloaded
library is at work (library), it tells everything.
"""

from __future__ import annotations

import os
import posix
import re
import stat
import sys
import time
from _thread import get_ident

from .channel import identity

# Taken now: below here nothing may go through what is wrapped, or what a test replaces.
_stat = posix.stat
_lstat = posix.lstat
_getcwd = posix.getcwd
_now = time.time
_ACCESS = posix.O_RDONLY | posix.O_WRONLY | posix.O_RDWR
_WORD = re.compile(r"[^\s;|&<>()'\"`=,]+")

_recorder: Recorder | None = None
_depth: dict[int, int] = {}  # of quiet() in each thread where it is not 0
_hooked = False


def quiet(step: int) -> None:
    """What this thread looks at between quiet(1) and quiet(-1) is no look."""
    thread = get_ident()
    depth = _depth.get(thread, 0) + step
    if depth:
        _depth[thread] = depth
    else:
        _depth.pop(thread, None)


def is_quiet() -> bool:
    return get_ident() in _depth


def lstat_or_none(path: str) -> os.stat_result | None:
    try:
        return _lstat(path)
    except OSError:
        return None


class Recorder:
    """Looks of one run. TELL(kind, path, seen) gets each once; kind "wrote" is a write. SEEN is a
    tuple of six, None for absent, or () where the kind has none. INSTALLED hears of what is read
    where packages are installed."""

    def __init__(self, scope, tell, installed=None) -> None:  # type: ignore[no-untyped-def]
        self.scope = scope
        self.installed = installed
        self._tell = tell
        self._told: set[tuple[str, str]] = set()
        self._made: set[str] = set()  # folders that the run itself made: all in them is its own
        self._fast: set[tuple[str, str]] = set()
        self._since = _now()

    # -- telling ---------------------------------------------------------------------------

    def tell(self, kind: str, real: str, seen: object) -> None:
        key = (kind, real)
        if key in self._told or (kind != "wrote" and self._own_output(real)):
            return
        self._told.add(key)
        self._tell(kind, self.scope.shown(real), seen)

    def told(self, looks) -> None:  # type: ignore[no-untyped-def]
        """These were told already, by another way."""
        self._told.update((kind, path) for kind, path, _ in looks)

    def _own_output(self, real: str) -> bool:
        if self._made:
            while len(real) > 1:
                real = real.rpartition("/")[0]
                if real in self._made:
                    return True
        return False

    def links(self, links: tuple[str, ...]) -> None:
        for link in links:
            if self.scope.owns(link):
                self.tell("content", link, identity(lstat_or_none(link)))

    def find(self, path: object, dir_fd: object = None, follow: bool = True) -> tuple[str, bool]:
        """The real name of PATH, its links told, and whether one of them was the project's."""
        real, links = self.scope.real(self.scope.absolute(path, dir_fd), follow)
        self.links(links)
        return real, any(self.scope.owns(link) for link in links)

    # -- questions -------------------------------------------------------------------------

    def read(self, path: object, dir_fd: object = None) -> None:
        """PATH is about to be opened for reading."""
        real, linked = self.find(path, dir_fd)
        status = lstat_or_none(real)
        if self.scope.owns(real):
            self._content(real, status)
        elif self.scope.foreign(real) and (linked or not self._passing(real, status)):
            self._content(real, status)
        elif self.installed is not None:
            self.installed.touched(real)

    def _passing(self, real: str, status: os.stat_result | None) -> bool:
        """A temporary file that came to be during this run, or is not there. One from the future is from
        before the clock was set back."""
        if not self.scope.is_temporary(real):
            return False
        return status is None or self._since <= status.st_ctime <= _now()

    def _counts(self, real: str, status: os.stat_result | None) -> bool:
        return self.scope.owns(real) or (self.scope.foreign(real)
                                         and not self._passing(real, status))

    def _content(self, real: str, status: os.stat_result | None) -> None:
        if status is None or stat.S_ISREG(status.st_mode):
            self.tell("content", real, identity(status))
        elif stat.S_ISDIR(status.st_mode):
            self.tell("presence", real, identity(status))

    def asked(self, path: object, status: os.stat_result | None, dir_fd: object = None,
              follow: bool = True, weak: bool = False) -> None:
        """A stat of PATH gave STATUS. WEAK: the caller sees no more of it than the kind."""
        if isinstance(path, int) and not self._named(path):
            return
        real, _ = self.find(path, dir_fd, follow)
        if not self._counts(real, status):
            return
        if status is not None and stat.S_ISLNK(status.st_mode):
            self.tell("content", real, identity(status))
        elif weak and status is not None:
            self.tell("existence", real, identity(status))
        else:
            self.tell("presence", real, identity(status))

    @staticmethod
    def _named(fd: int) -> bool:
        """No pipe, and no file that has lost its name or never had one."""
        try:
            name = posix.readlink("/proc/self/fd/%d" % fd)
        except OSError:
            return False
        return name.startswith("/") and not name.endswith(" (deleted)")

    def listed(self, path: object) -> None:
        real, _ = self.find(path)
        status = lstat_or_none(real)
        if not self._counts(real, status):
            if self.installed is not None:
                self.installed.touched(real)
            return
        if status is None:
            self.tell("presence", real, None)
        else:
            self.tell("listing", real, ())

    # -- the import system's, see guard ---------------------------------------------------

    def source(self, real: str, seen: object, name: str, file: str) -> None:
        self.tell("code", real, seen)

    def search(self, where: str) -> None:
        self.tell("search", where, ())

    def archive(self, real: str) -> None:
        self.read(real)

    def package(self, key: str) -> None:
        self.tell("environment", key, ())

    def offered(self, path: str) -> None:
        try:
            status = _stat(path)
        except OSError:
            status = None
        self.asked(path, status, weak=True)

    # -- writes ----------------------------------------------------------------------------

    def wrote(self, path: object, dir_fd: object = None, follow: bool = True) -> None:
        real, _ = self.find(path, dir_fd, follow)
        if self._writable(real):
            self.tell("wrote", real, ())

    def _writable(self, real: str) -> bool:
        return self.scope.owns(real) or self.scope.foreign(real)

    def opened(self, path: object, flags: int, dir_fd: object = None) -> None:
        """PATH is about to be opened with FLAGS."""
        access = flags & _ACCESS
        if access == posix.O_RDONLY and not flags & (posix.O_CREAT | posix.O_TRUNC):
            self.read(path, dir_fd)
            return
        real, _ = self.find(path, dir_fd)
        if not self._writable(real):
            return
        status = lstat_or_none(real)
        if status is None:
            parent = real.rpartition("/")[0] or "/"
            if lstat_or_none(parent) is None:  # it cannot be made there: that was the answer
                self.asked(parent, None)
                return
        if flags & posix.O_EXCL and flags & posix.O_CREAT:
            self.asked(real, status, weak=True)
            if status is not None:
                return
        elif not flags & posix.O_TRUNC:
            self.read(real)
        self.wrote(real)

    def altered(self, path: object, dir_fd: object = None) -> None:
        """Mode, owner, time or length were set: what was there before is still in it."""
        self.read(path, dir_fd)
        self.wrote(path, dir_fd)

    def made(self, path: object, dir_fd: object = None, folder: bool = False) -> None:
        real, _ = self.find(path, dir_fd, follow=False)
        status = lstat_or_none(real)
        if status is not None:
            self.asked(real, status, follow=False, weak=True)
            return
        self.wrote(real, follow=False)
        self.scope.forget()
        if folder and lstat_or_none(real.rpartition("/")[0] or "/") is not None:
            self._made.add(real)

    def removed(self, path: object, dir_fd: object = None) -> None:
        real, _ = self.find(path, dir_fd, follow=False)
        if lstat_or_none(real) is None:
            self.asked(real, None, follow=False)
            return
        self.wrote(real, follow=False)
        self.scope.forget()

    def moved(self, source: object, target: object, source_fd: object, target_fd: object) -> None:
        real, _ = self.find(source, source_fd, follow=False)
        status = lstat_or_none(real)
        if status is None:
            self.asked(real, None, follow=False)
            return
        if stat.S_ISREG(status.st_mode):
            self.read(real)
        self.wrote(real, follow=False)
        self.wrote(target, target_fd, follow=False)
        self.scope.forget()

    def linked(self, source: object, target: object, source_fd: object,
               target_fd: object) -> None:
        self.altered(source, source_fd)  # one more name shows in its change time
        self.made(target, target_fd)

    # -- programs --------------------------------------------------------------------------

    def started(self, program: object, arguments: object, folder: object = None) -> None:
        """A program is about to run: it, and what of its arguments is a file."""
        base = self.scope.absolute(folder) if folder is not None else None
        words: list[str] = []
        if isinstance(arguments, (str, bytes)) or hasattr(arguments, "__fspath__"):
            arguments = [arguments]
        for item in [program, *(arguments or ())]:  # type: ignore[misc]
            try:
                text = os.fsdecode(item)  # type: ignore[arg-type]
            except TypeError:
                continue
            words.append(text)
            words.extend(_WORD.findall(text))
        for word in dict.fromkeys(words):
            if word and len(word) < 4096 and "\0" not in word:
                self._argument(word if word.startswith("/") or base is None
                               else base + "/" + word)

    def _argument(self, word: str) -> None:
        try:
            status = _stat(word)
        except OSError:
            return
        if stat.S_ISREG(status.st_mode):
            self.read(word)


# -- the audit hook ------------------------------------------------------------------------


def _on_open(r: Recorder, args: tuple) -> None:  # type: ignore[type-arg]
    path, _, flags = args
    if isinstance(path, int) or path is None:
        return
    if type(path) is str and not flags & (_ACCESS | posix.O_CREAT):
        if path[:1] != "/":
            path = _getcwd() + "/" + path
        key = ("open", path)
        if key in r._fast:
            return
        r._fast.add(key)
    r.opened(path, flags)


def _on_database(r: Recorder, args: tuple) -> None:  # type: ignore[type-arg]
    name = os.fsdecode(args[0])
    if name.startswith("file:"):
        name = name[5:].partition("?")[0]
        if name.startswith("//"):
            name = "/" + name[2:].partition("/")[2]
    if name and not name.startswith(":memory:"):
        r.opened(name, posix.O_RDWR | posix.O_CREAT)


def _on_import(r: Recorder, args: tuple) -> None:  # type: ignore[type-arg]
    if args[1]:  # an extension module: loaded by the dynamic linker, which nobody hears
        r.read(args[1])


def _on_library(r: Recorder, args: tuple) -> None:  # type: ignore[type-arg]
    if isinstance(args[0], (str, bytes)) and "/" in os.fsdecode(args[0]):
        r.read(args[0])


_EVENTS = {
    "open": _on_open,
    "os.listdir": lambda r, a: r.listed(a[0]),
    "os.scandir": lambda r, a: r.listed(a[0]),
    "os.mkdir": lambda r, a: r.made(a[0], a[2], folder=True),
    "os.symlink": lambda r, a: r.made(a[1], a[2]),
    "os.rmdir": lambda r, a: r.removed(a[0], a[1]),
    "os.remove": lambda r, a: r.removed(a[0], a[1]),
    "os.rename": lambda r, a: r.moved(a[0], a[1], a[2], a[3]),
    "os.link": lambda r, a: r.linked(a[0], a[1], a[2], a[3]),
    "os.truncate": lambda r, a: r.altered(a[0]),
    "os.chmod": lambda r, a: r.altered(a[0], a[2]),
    "os.chown": lambda r, a: r.altered(a[0], a[3]),
    "os.utime": lambda r, a: r.altered(a[0], a[3]),
    "os.setxattr": lambda r, a: r.altered(a[0]),
    "os.removexattr": lambda r, a: r.altered(a[0]),
    "sqlite3.connect": _on_database,
    "import": _on_import,
    "ctypes.dlopen": _on_library,
    "subprocess.Popen": lambda r, a: r.started(a[0], a[1], a[2]),
    "os.exec": lambda r, a: r.started(a[0], a[1]),
    "os.posix_spawn": lambda r, a: r.started(a[0], a[1]),
    "os.spawn": lambda r, a: r.started(a[1], a[2]),
    "os.system": lambda r, a: r.started(a[0], ()),
}


def _hook(event: str, args: tuple) -> None:  # type: ignore[type-arg]
    recorder = _recorder
    if recorder is None:
        return
    handler = _EVENTS.get(event)
    if handler is None or is_quiet():
        return
    try:
        handler(recorder, args)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError):
        pass  # not a path: the call itself is about to say so


def start(recorder: Recorder) -> None:
    """From now on this process, and what it forks, tells RECORDER."""
    global _recorder, _hooked
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    _recorder = recorder


def stop() -> None:
    global _recorder
    _recorder = None


def current() -> Recorder | None:
    return _recorder
