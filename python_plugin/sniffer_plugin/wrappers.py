"""The functions of os that raise no audit event, for the recorder inside the interpreter (looks).

Each is replaced by an object that is to its callers what the function was, and that tells the
recorder, once there is one.
"""

from __future__ import annotations

import genericpath
import os
import posix
import stat
import sys

from . import looks, weak

# Taken now: a test may replace what it finds in os.
_lstat = posix.lstat
_getcwd = posix.getcwd
_WEAK = frozenset(function.__code__ for function in weak.functions())
_INNER = ("_realpath", "_joinrealpath")  # of posixpath.realpath

class Wrapped:
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


class _Stat(Wrapped):
    """os.stat and os.lstat."""

    def __init__(self, original, follow: bool) -> None:  # type: ignore[no-untyped-def]
        super().__init__(original)
        self._follow = follow

    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        recorder = looks.current()
        if recorder is None or looks.is_quiet():
            return self._original(*args, **kwargs)
        try:
            status = self._original(*args, **kwargs)
        except OSError as error:
            if error.errno not in (2, 20, 40):  # ENOENT, ENOTDIR, ELOOP: absent
                raise
            self._note(recorder, None, args, kwargs, _is_weak(sys._getframe(1)))
            raise
        self._note(recorder, status, args, kwargs, _is_weak(sys._getframe(1)))
        return status

    def _note(self, recorder: looks.Recorder, status, args, kwargs,  # type: ignore[no-untyped-def]
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


class _Access(Wrapped):
    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        answer = self._original(*args, **kwargs)
        recorder = looks.current()
        if recorder is not None:
            path = args[0] if args else kwargs.get("path")
            try:
                real, _ = recorder.find(path, kwargs.get("dir_fd"))
                recorder.asked(real, looks.lstat_or_none(real), weak=True)
            except (OSError, ValueError, TypeError):
                pass
        return answer


class _Readlink(Wrapped):
    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        recorder = looks.current()
        if recorder is not None:
            path = args[0] if args else kwargs.get("path")
            try:
                real, _ = recorder.find(path, kwargs.get("dir_fd"), follow=False)
                recorder.asked(real, looks.lstat_or_none(real), follow=False, weak=True)
            except (OSError, ValueError, TypeError):
                pass
        return self._original(*args, **kwargs)


class _Fstat(Wrapped):
    """Sees the times of an open file: content alone would not cover that."""

    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        status = self._original(*args, **kwargs)
        recorder = looks.current()
        if recorder is not None and stat.S_ISREG(status.st_mode):
            try:
                recorder.asked(args[0] if args else kwargs["fd"], status)
            except (OSError, ValueError, TypeError):
                pass
        return status


class _Open(Wrapped):
    """The audit event of os.open does not tell dir_fd."""

    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        recorder = looks.current()
        if recorder is not None and kwargs.get("dir_fd") is not None:
            try:
                recorder.opened(args[0] if args else kwargs["path"],
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


class _Scandir(Wrapped):
    def __call__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        entries = self._original(*args, **kwargs)
        path = args[0] if args else kwargs.get("path", ".")
        recorder = looks.current()
        if recorder is None or isinstance(path, int):
            return entries
        try:
            real = recorder.find(path)[0]
            inside = recorder.scope.owns(real) or recorder.scope.foreign(real)
        except (OSError, ValueError, TypeError):
            inside = False
        return _Entries(entries) if inside else entries


def _is_weak(frame) -> bool:  # type: ignore[no-untyped-def]
    code = frame.f_code
    return code in _WEAK or (code.co_name in _INNER
                             and frame.f_globals.get("__name__") == "posixpath")


def wrap() -> None:
    """Put the wrappers in place. They pass everything on until `start`. To be called before
    others take os.stat by name."""
    if isinstance(os.stat, Wrapped):
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


