"""Project modules are loaded by their content, and imports become evidence.

A .pyc is believed by whole seconds and size: of two saves within a second the first one's code
would run. So the source of a project module is always read, and its compiled form is kept under
the hash of what was read, in ROOT/.sniffer/bytecode, never beside the source.

Reading is told as "code", with the identity of the very file that was compiled. Each search is
told as "search": the folders of the project that were asked for a name, up to the one that had it,
since a new file in any of them would be found instead.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import marshal
import os
import posix
import stat
import sys
from hashlib import blake2b

from . import looks

_open = posix.open
_read = posix.read
_close = posix.close
_fstat = posix.fstat
_stat = posix.stat
_write = posix.write
_rename = posix.rename
_SUM = 16
_KEPT_MAX = 4096  # compiled modules that are kept


def _contents(path: str) -> tuple[bytes, os.stat_result]:
    fd = _open(path, posix.O_RDONLY | posix.O_CLOEXEC)
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


def _status(path: str) -> os.stat_result | None:
    try:
        return _stat(path)
    except OSError:
        return None


def _is_folder(path: str) -> bool:
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


class Store:
    """Compiled code under the hash of its source. A store that cannot be used costs time only."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._salt = importlib.util.MAGIC_NUMBER + repr(
            (sys.version, sys.flags.optimize)).encode("utf-8")

    def name(self, data: bytes, path: str) -> str:
        key = blake2b(self._salt, digest_size=20)
        key.update(os.fsencode(path) + b"\0")  # it is in the compiled code
        key.update(data)
        return self._folder + "/" + key.hexdigest()

    def load(self, name: str) -> object:
        try:
            data, _ = _contents(name)
        except OSError:
            return None
        body = data[_SUM:]
        if blake2b(body, digest_size=_SUM).digest() != data[:_SUM]:
            return None  # cut short: marshal would not survive that
        return marshal.loads(body)

    def save(self, name: str, code: object) -> None:
        body = marshal.dumps(code)
        data = blake2b(body, digest_size=_SUM).digest() + body
        draft = "%s.%d" % (name, posix.getpid())
        try:
            self._make_folder()
            fd = _open(draft, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC,
                       0o600)
            try:
                whole = _write(fd, data) == len(data)
            finally:
                _close(fd)
            if whole:
                _rename(draft, name)
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


class Guard:
    """Before a run begins, what it notes is kept in `code` and `searches`."""

    def __init__(self, scope) -> None:  # type: ignore[no-untyped-def]
        self.scope = scope
        self.store = Store(scope.root + "/.sniffer/bytecode")
        self.code: dict[str, tuple[int, ...] | None] = {}
        self.searches: dict[str, None] = {}
        self._links: dict[str, tuple[str, ...]] = {}

    def install(self) -> None:
        """Replaces SourceLoader.get_code, for a .pyc that is older than it looks must not be
        run, and PathFinder.find_spec, for only there is it known which folders were asked."""
        guard = self
        loader = importlib.machinery.SourceFileLoader.__mro__[2]  # SourceLoader of the bootstrap
        assert loader.__name__ == "SourceLoader"
        get_code = loader.get_code  # type: ignore[attr-defined]
        compile_source = loader.source_to_code  # type: ignore[attr-defined]
        finder = importlib.machinery.PathFinder
        find_spec = finder.find_spec

        def guarded_get_code(self, fullname: str):  # type: ignore[no-untyped-def]
            path = self.get_filename(fullname)
            if not isinstance(path, str):
                return get_code(self, fullname)
            real, links = guard.scope.real(guard.scope.absolute(path))
            if not guard.scope.owns(real) and not guard.scope.foreign(real):
                return get_code(self, fullname)
            with looks.quiet():
                data, status = _contents(path)
            guard.loaded(real, links, looks.identity(status))
            if type(self).source_to_code is not compile_source:
                return self.source_to_code(data, path)
            with looks.quiet():
                name = guard.store.name(data, path)
                code = guard.store.load(name)
            if code is None:
                code = self.source_to_code(data, path)
                with looks.quiet():
                    guard.store.save(name, code)
            return code

        def guarded_find_spec(cls, fullname: str, path=None,  # type: ignore[no-untyped-def]
                              target=None):
            with looks.quiet():  # finders list whole folders: a search says it better
                spec = find_spec(fullname, path, target)
            guard.searched(fullname, sys.path if path is None else path, spec)
            return spec

        loader.get_code = guarded_get_code  # type: ignore[attr-defined]
        finder.find_spec = classmethod(guarded_find_spec)  # type: ignore[assignment]

    def loaded(self, real: str, links: tuple[str, ...], seen: tuple[int, ...] | None) -> None:
        recorder = looks.current()
        if recorder is None:
            self.code.setdefault(real, seen)
        else:
            recorder.links(links)
            recorder.tell("code", real, seen)

    def searched(self, fullname: str, folders, spec) -> None:  # type: ignore[no-untyped-def]
        origin = getattr(spec, "origin", None)
        hit = set()
        if isinstance(origin, str) and "/" in origin:
            hit.add(os.path.dirname(origin))
            if spec.submodule_search_locations is not None:
                hit.add(os.path.dirname(os.path.dirname(origin)))
        tail = fullname.rpartition(".")[2]
        recorder = looks.current()
        for folder in list(folders):
            if not isinstance(folder, str):
                continue
            try:
                real, links = self.scope.real(self.scope.absolute(folder or "."))
            except OSError:
                continue
            if self.scope.owns(real) or (recorder is not None and self.scope.foreign(real)):
                if recorder is not None and not _is_folder(real):
                    recorder.read(real)  # a zip file offers its content; what is absent may come
                else:
                    self._search(recorder, real, links, tail)
            # The folder of the hit counts too: a package beside a module would win.
            if folder.rstrip("/") in hit or real in hit:
                break

    def _search(self, recorder, real: str, links: tuple[str, ...],  # type: ignore[no-untyped-def]
                tail: str) -> None:
        where = real.rstrip("/") + "/" + tail
        if recorder is None:
            self.searches.setdefault(where)
        else:
            recorder.links(links)
            recorder.tell("search", where, ())
            # What a link leads to decides what is offered, and lies elsewhere.
            for name in self._links_in(real):
                if name.partition(".")[0] == tail:
                    with_target = real.rstrip("/") + "/" + name
                    recorder.asked(with_target, _status(with_target), weak=True)

    def _links_in(self, folder: str) -> tuple[str, ...]:
        """Names of links in FOLDER, looked up once a run: an import looks for many names."""
        found = self._links.get(folder)
        if found is None:
            try:
                with looks.quiet(), posix.scandir(folder) as entries:
                    found = tuple(entry.name for entry in entries if entry.is_symlink())
            except OSError:
                found = ()
            self._links[folder] = found
        return found
