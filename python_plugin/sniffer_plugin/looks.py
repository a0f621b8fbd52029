"""What a run looks at, as seen from inside the interpreter.

An audit hook sees files being opened, folders listed, files made, moved and removed, programs
started. The stat family raises no audit events, so a few functions of os are wrapped. Each look is
told once, with what was there at the first look. A path that the run wrote before it looked is its
own output: the receiver draws that conclusion from the order of looks and writes.

Questions that can only be answered by a file's kind (exists, isfile, access) are told as content:
content includes kind and mode but no time stamp, so a touched file stays what it was. Only who
sees a time stamp (os.stat) is told as presence.
"""

from __future__ import annotations

import genericpath
import linecache
import os
import posix
import posixpath
import re
import stat
import sys
import time
from _thread import get_ident

# Taken now: below here nothing may go through what is wrapped, or what a test replaces.
_stat = posix.stat
_lstat = posix.lstat
_getcwd = posix.getcwd
_ACCESS = posix.O_RDONLY | posix.O_WRONLY | posix.O_RDWR
_HASHED_MAX = 64 << 20  # a file larger than this is asked for by identity where that will do
_WORD = re.compile(r"[^\s;|&<>()'\"`=,]+")

_recorder: Recorder | None = None
_quiet: set[int] = set()  # threads in which the import system reads for itself
_hooked = False


class quiet:
    """What this thread opens inside `with quiet():` is no look."""

    def __enter__(self) -> None:
        self._was = get_ident() in _quiet
        _quiet.add(get_ident())

    def __exit__(self, *_: object) -> None:
        if not self._was:
            _quiet.discard(get_ident())


def identity(status: os.stat_result | None) -> tuple[int, ...] | None:
    """What travels as "seen"; None: absent."""
    if status is None:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns,
            status.st_ctime_ns, status.st_mode)


def _lstat_or_none(path: str) -> os.stat_result | None:
    try:
        return _lstat(path)
    except OSError:
        return None


class Recorder:
    """Looks of one run. TELL(kind, path, seen) gets each once; kind "wrote" is a write. SEEN is a
    tuple of six, None for absent, or () where the kind has none."""

    def __init__(self, scope, tell) -> None:  # type: ignore[no-untyped-def]
        self.scope = scope
        self._tell = tell
        self._told: set[tuple[str, str]] = set()
        self._made: set[str] = set()  # folders that the run itself made: all in them is its own
        self._fast: set[tuple[str, str]] = set()
        self._since = time.time()

    # -- telling ---------------------------------------------------------------------------

    def tell(self, kind: str, real: str, seen: object) -> None:
        key = (kind, real)
        if key in self._told or (kind != "wrote" and self._own_output(real)):
            return
        self._told.add(key)
        self._tell(kind, self.scope.shown(real), seen)

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
                self.tell("content", link, identity(_lstat_or_none(link)))

    def find(self, path: object, dir_fd: object = None, follow: bool = True) -> tuple[str, bool]:
        """The real name of PATH, its links told, and whether one of them was the project's."""
        real, links = self.scope.real(self.scope.absolute(path, dir_fd), follow)
        self.links(links)
        return real, any(self.scope.owns(link) for link in links)

    # -- questions -------------------------------------------------------------------------

    def read(self, path: object, dir_fd: object = None) -> None:
        """PATH is about to be opened for reading."""
        real, linked = self.find(path, dir_fd)
        status = _lstat_or_none(real)
        if self.scope.owns(real):
            self._content(real, status)
        elif self.scope.foreign(real) and (linked or not self._passing(real, status)):
            self._content(real, status)

    def _passing(self, real: str, status: os.stat_result | None) -> bool:
        """A temporary file that came to be during this run, or is not there."""
        if not self.scope.is_temporary(real):
            return False
        return status is None or status.st_ctime >= self._since

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
        elif weak and status is not None and stat.S_ISREG(status.st_mode) \
                and status.st_size <= _HASHED_MAX:
            self.tell("content", real, identity(status))
        else:
            self.tell("presence", real, identity(status))

    @staticmethod
    def _named(fd: int) -> bool:
        try:
            return posix.readlink("/proc/self/fd/%d" % fd).startswith("/")
        except OSError:
            return False

    def listed(self, path: object) -> None:
        real, _ = self.find(path)
        status = _lstat_or_none(real)
        if not self._counts(real, status):
            return
        if status is None:
            self.tell("presence", real, None)
        else:
            self.tell("listing", real, ())

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
        status = _lstat_or_none(real)
        if status is None:
            parent = real.rpartition("/")[0] or "/"
            if _lstat_or_none(parent) is None:  # it cannot be made there: that was the answer
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
        status = _lstat_or_none(real)
        if status is not None:
            self.asked(real, status, follow=False, weak=True)
            return
        self.wrote(real, follow=False)
        self.scope.forget()
        if folder and _lstat_or_none(real.rpartition("/")[0] or "/") is not None:
            self._made.add(real)

    def removed(self, path: object, dir_fd: object = None) -> None:
        real, _ = self.find(path, dir_fd, follow=False)
        if _lstat_or_none(real) is None:
            self.asked(real, None, follow=False)
            return
        self.wrote(real, follow=False)
        self.scope.forget()

    def moved(self, source: object, target: object, source_fd: object, target_fd: object) -> None:
        real, _ = self.find(source, source_fd, follow=False)
        status = _lstat_or_none(real)
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
        self.read(source, source_fd)
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
    if handler is None or get_ident() in _quiet:
        return
    try:
        handler(recorder, args)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError):
        pass  # not a path: the call itself is about to say so


# -- functions that raise no audit event ---------------------------------------------------

# Who calls os.stat only to learn whether something is there, and of what kind. linecache compares
# time stamps only to throw away its own cache.
_WEAK_CALLERS = {
    f.__code__
    for m, names in (
        (genericpath, ("exists", "isfile", "isdir", "lexists", "islink")),
        (posixpath, ("lexists", "islink", "ismount", "realpath", "_joinrealpath")),
        (linecache, ("checkcache", "updatecache")),
    )
    for f in (getattr(m, n, None) for n in names) if hasattr(f, "__code__")
}
# posixpath.realpath has inner functions in newer versions
_WEAK_NAMES = {"_realpath", "_joinrealpath"}


class _Wrapped:
    """Stands for a function of os, and is to callers what that was. It is an object and not a
    function because a class may have taken os.stat as an attribute (pathlib did until 3.10): a
    function would become a method there."""

    def __init__(self, original) -> None:  # type: ignore[no-untyped-def]
        self._original = original
        self.__wrapped__ = original
        self.__doc__ = original.__doc__
        self.__name__ = original.__name__
        self.__qualname__ = original.__qualname__
        self.__module__ = "os"
        self.__text_signature__ = original.__text_signature__
        self.__self__ = original.__self__

    def __repr__(self) -> str:
        return repr(self._original)

    def __reduce__(self) -> str:
        return self.__name__

    def __eq__(self, other: object) -> bool:
        return other is self or other == self._original

    def __hash__(self) -> int:
        return hash(self._original)  # os.supports_dir_fd and the like find it


def _weak(frame) -> bool:  # type: ignore[no-untyped-def]
    code = frame.f_code
    return code in _WEAK_CALLERS or (code.co_name in _WEAK_NAMES
                                     and frame.f_globals.get("__name__") == "posixpath")


class _Stat(_Wrapped):
    """os.stat and os.lstat."""

    def __init__(self, original, follow: bool) -> None:  # type: ignore[no-untyped-def]
        super().__init__(original)
        self._follow = follow

    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        recorder = _recorder
        if recorder is None or get_ident() in _quiet:
            return self._original(*args, **kwargs)
        try:
            status = self._original(*args, **kwargs)
        except OSError as error:
            if error.errno not in (2, 20, 40):  # ENOENT, ENOTDIR, ELOOP: absent
                raise
            self._note(recorder, None, args, kwargs, _weak(sys._getframe(1)))
            raise
        self._note(recorder, status, args, kwargs, _weak(sys._getframe(1)))
        return status

    def _note(self, recorder: Recorder, status, args, kwargs,  # type: ignore[no-untyped-def]
              weak: bool) -> None:
        path = args[0] if args else kwargs.get("path")
        follow = self._follow and kwargs.get("follow_symlinks", True)
        folder = kwargs.get("dir_fd")
        try:
            if type(path) is str and folder is None:
                if path[:1] != "/":
                    path = _getcwd() + "/" + path
                key = ("weak" if weak else "stat" if follow else "lstat", path)
                if key in recorder._fast:
                    return
                recorder._fast.add(key)
            recorder.asked(path, status, folder, follow, weak)
        except (OSError, ValueError, TypeError):
            pass


class _Access(_Wrapped):
    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        answer = self._original(*args, **kwargs)
        if _recorder is not None:
            path = args[0] if args else kwargs.get("path")
            try:
                real, _ = _recorder.find(path, kwargs.get("dir_fd"))
                _recorder.asked(real, _lstat_or_none(real), weak=True)
            except (OSError, ValueError, TypeError):
                pass
        return answer


class _Readlink(_Wrapped):
    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        if _recorder is not None:
            path = args[0] if args else kwargs.get("path")
            try:
                real, _ = _recorder.find(path, kwargs.get("dir_fd"), follow=False)
                _recorder.asked(real, _lstat_or_none(real), follow=False, weak=True)
            except (OSError, ValueError, TypeError):
                pass
        return self._original(*args, **kwargs)


class _Fstat(_Wrapped):
    """Sees the times of an open file: content alone would not cover that."""

    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        status = self._original(*args, **kwargs)
        if _recorder is not None and stat.S_ISREG(status.st_mode):
            try:
                _recorder.asked(args[0] if args else kwargs["fd"], status)
            except (OSError, ValueError, TypeError):
                pass
        return status


class _Open(_Wrapped):
    """The audit event of os.open does not tell dir_fd."""

    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        if _recorder is not None and kwargs.get("dir_fd") is not None:
            try:
                _recorder.opened(args[0] if args else kwargs["path"],
                                 args[1] if len(args) > 1 else kwargs["flags"], kwargs["dir_fd"])
            except (OSError, ValueError, TypeError, KeyError):
                pass
        return self._original(*args, **kwargs)


class _Entry:
    """An entry of os.scandir that notes when its times or size are asked for: the listing covers
    its name and kind alone. It says it is an os.DirEntry."""

    __slots__ = ("_entry",)
    __class__ = os.DirEntry  # type: ignore[assignment]

    def __init__(self, entry: os.DirEntry) -> None:  # type: ignore[type-arg]
        self._entry = entry

    def __getattr__(self, name: str) -> object:
        return getattr(self._entry, name)

    def __fspath__(self) -> str:
        return self._entry.__fspath__()

    def __repr__(self) -> str:
        return repr(self._entry)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return os.stat(self._entry.path, follow_symlinks=follow_symlinks)

    # The listing covers the entry's own kind, but not what a link leads to.

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        if follow_symlinks and self._entry.is_symlink():
            return genericpath.isdir(self._entry.path)
        return self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        if follow_symlinks and self._entry.is_symlink():
            return genericpath.isfile(self._entry.path)
        return self._entry.is_file(follow_symlinks=follow_symlinks)


class _Entries:
    def __init__(self, entries) -> None:  # type: ignore[no-untyped-def]
        self._entries = entries

    def __iter__(self) -> _Entries:
        return self

    def __next__(self) -> _Entry:
        return _Entry(next(self._entries))

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self._entries.close()

    def close(self) -> None:
        self._entries.close()


class _Scandir(_Wrapped):
    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        entries = self._original(*args, **kwargs)
        path = args[0] if args else kwargs.get("path", ".")
        if _recorder is None or isinstance(path, int):
            return entries
        try:
            real = _recorder.find(path)[0]
            inside = _recorder.scope.owns(real) or _recorder.scope.foreign(real)
        except (OSError, ValueError, TypeError):
            inside = False
        return _Entries(entries) if inside else entries


def wrap() -> None:
    """Put the wrappers in place. They pass everything on until `start`. To be called before
    others take os.stat by name."""
    if isinstance(os.stat, _Wrapped):
        return
    wrapped = [_Stat(os.stat, True), _Stat(os.lstat, False), _Fstat(os.fstat), _Open(os.open),
               _Access(os.access), _Readlink(os.readlink), _Scandir(os.scandir)]
    accessor = getattr(sys.modules.get("pathlib"), "_NormalAccessor", None)
    for item in wrapped:
        setattr(os, item.__name__, item)
        # Where pathlib was first: it keeps what it found in os.
        if accessor is not None and item._original == vars(accessor).get(item.__name__):
            setattr(accessor, item.__name__, item)
    for name in ("supports_dir_fd", "supports_fd", "supports_follow_symlinks",
                 "supports_effective_ids"):
        functions = getattr(os, name)
        functions.update([item for item in wrapped if item._original in functions])


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
