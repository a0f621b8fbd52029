"""Project modules are loaded by their content, and imports become evidence.

A .pyc is believed by whole seconds and size: of two saves within a second the first one's code
would run. So the source of a project module is always read, and its compiled form is kept under
the hash of what was read, in ROOT/.sniffer/bytecode, never beside the source.

Reading is told as a source, with the identity of the very file that was compiled. Each search is
told as a search: the folders of the project that were asked for a name, up to the one that had it,
since a new file in any of them would be found instead. What the import system reads and lists for
itself is no look: that is said better so.

Whom it is told to depends: before a run begins the host keeps it (Noted); then it is the recorder
of that run, or the log of the preloaded library.
"""

from __future__ import annotations

import importlib.machinery
import os
import posix
import stat
import sys
from _thread import get_ident

from . import packages
from .channel import identity
from .store import Store, contents

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_stat = posix.stat


class Noted:
    """What the host itself has loaded and searched for."""

    def __init__(self) -> None:
        self.code: dict[str, tuple[int, ...] | None] = {}
        self.searches: dict[str, None] = {}

    def source(self, real: str, seen: tuple[int, ...] | None, name: str, file: str) -> None:
        self.code.setdefault(real, seen)

    def search(self, where: str) -> None:
        self.searches.setdefault(where)

    def links(self, links: tuple[str, ...]) -> None:
        """The host rests on no links outside a run."""

    def archive(self, real: str) -> None:
        """Nor on what no module was loaded from."""

    def offered(self, path: str) -> None:
        """The same."""


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(_stat(path).st_mode)
    except OSError:
        return False


def _mend_after(loader: Any, mend: Callable[[Any], None]) -> None:
    execute = loader.exec_module

    def exec_module(module) -> None:  # type: ignore[no-untyped-def]
        execute(module)
        mend(module)

    loader.exec_module = exec_module


class _Quietly:
    """A signal handler that raises between the steps would leave a process that is not heard; at
    the end of a run it is seen whether it was (library.last)."""

    __slots__ = ("_quiet",)

    def __init__(self, quiet: Callable[[int], None]) -> None:
        self._quiet = quiet

    def __enter__(self) -> None:
        self._quiet(1)

    def __exit__(self, *_: object) -> None:
        self._quiet(-1)


class Guard:
    """QUIET(1) and QUIET(-1) surround what the import system does for itself. `installed` hears of
    searches where packages are installed. `sink` is told
        source(real, seen, name, file)  a source was read and is going to run as FILE. NAME: of its
                                        code in the store; "": its loader makes its own of it
        search(where)                   WHERE is folder/name
        links(links)                    these led to what is told next
        archive(real)                   a search in something that is no folder
        offered(path)                   a search came by this link
    and `installed.start` gives it a way to tell packages.
    """

    def __init__(self, scope, quiet: Callable[[int], None]) -> None:  # type: ignore[no-untyped-def]
        self.scope = scope
        self.installed = packages.Noted()
        self.store = Store(scope.root + "/.sniffer/bytecode")
        self.noted = Noted()
        self.sink: Any = self.noted
        self.strangers: list[str] = []  # sources outside of the project that were loaded
        self.mended: dict[str, Callable[[Any], None]] = {}  # who changes which module, once loaded
        self._quiet = quiet
        self._links: dict[str, tuple[str, ...]] = {}
        self._inside: set[int] = set()  # threads in a search along a whole path

    def install(self) -> None:
        """Replaces SourceLoader.get_code, for a .pyc that is older than it looks must not be
        run, and PathFinder.find_spec, for only there is it known which folders were asked; and
        FileFinder.find_spec, for what it lists is no look, and a folder may be asked alone (as
        pkgutil.extend_path does)."""
        guard = self
        loader = importlib.machinery.SourceFileLoader.__mro__[2]  # SourceLoader of the bootstrap
        assert loader.__name__ == "SourceLoader"
        get_code = loader.get_code  # type: ignore[attr-defined]
        compile_source = loader.source_to_code  # type: ignore[attr-defined]
        path_finder = importlib.machinery.PathFinder
        file_finder = importlib.machinery.FileFinder
        find_in_path = path_finder.find_spec
        find_in_folder = file_finder.find_spec

        def guarded_get_code(self, fullname: str):  # type: ignore[no-untyped-def]
            path = self.get_filename(fullname)
            if not isinstance(path, str):
                return get_code(self, fullname)
            real, links = guard.real(path)
            if not guard.scope.owns(real) and not guard.scope.foreign(real):
                guard.strangers.append(real)
                if type(self) is not importlib.machinery.SourceFileLoader:
                    return get_code(self, fullname)
                with guard.quietly():
                    return get_code(self, fullname)
            own = type(self).source_to_code is compile_source
            try:
                with guard.quietly():
                    data, status = contents(path)
            except OSError:
                guard.sink.offered(path)  # that nothing was there to load is evidence, too
                raise
            with guard.quietly():
                name = guard.store.name(data, path) if own else ""
                code = guard.store.load(name) if own else None
            guard.sink.links(links)
            guard.sink.source(real, identity(status), name, path)
            if code is None:
                code = self.source_to_code(data, path)
                if own:
                    with guard.quietly():
                        guard.store.save(name, code)
            return code

        def guarded_find_in_path(cls, fullname: str, path=None,  # type: ignore[no-untyped-def]
                                 target=None):
            thread = get_ident()
            outer = thread in guard._inside
            guard._inside.add(thread)
            try:
                spec = find_in_path(fullname, path, target)
            finally:
                if not outer:
                    guard._inside.discard(thread)
            guard.searched(fullname, sys.path if path is None else path, spec)
            guard.installed.found(fullname, spec)
            if fullname in guard.mended and getattr(spec, "loader", None) is not None:
                _mend_after(spec.loader, guard.mended[fullname])
            return spec

        def guarded_find_in_folder(self, fullname: str,  # type: ignore[no-untyped-def]
                                   target=None):
            with guard.quietly():
                spec = find_in_folder(self, fullname, target)
            if get_ident() not in guard._inside:
                guard.searched(fullname, [self.path], spec)
            return spec

        loader.get_code = guarded_get_code  # type: ignore[attr-defined]
        path_finder.find_spec = classmethod(guarded_find_in_path)  # type: ignore[assignment]
        file_finder.find_spec = guarded_find_in_folder  # type: ignore[method-assign]

    def forget(self) -> None:
        """Links may have changed."""
        self._links.clear()

    def quietly(self) -> _Quietly:
        return _Quietly(self._quiet)

    def real(self, path: str) -> tuple[str, tuple[str, ...]]:
        with self.quietly():
            return self.scope.real(self.scope.absolute(path))  # type: ignore[no-any-return]

    def searched(self, fullname: str, folders, spec) -> None:  # type: ignore[no-untyped-def]
        origin = getattr(spec, "origin", None)
        hit = set()
        if isinstance(origin, str) and "/" in origin:
            hit.add(os.path.dirname(origin))
            if spec.submodule_search_locations is not None:
                hit.add(os.path.dirname(os.path.dirname(origin)))
        tail = fullname.rpartition(".")[2]
        for folder in list(folders):
            if not isinstance(folder, str):
                continue
            self.installed.searched(fullname, folder)
            try:
                real, links = self.real(folder or ".")
            except OSError:
                continue
            if self.scope.owns(real) or (self.sink is not self.noted
                                         and self.scope.foreign(real)):
                self.sink.links(links)
                self._search(real, tail)
            # The folder of the hit counts too: a package beside a module would win.
            if folder.rstrip("/") in hit or real in hit:
                break

    def _search(self, real: str, tail: str) -> None:
        with self.quietly():
            is_folder = _is_folder(real)
            links = self._links_in(real) if is_folder else ()
        if not is_folder:
            self.sink.archive(real)  # a zip file offers its content; what is absent may come
            return
        self.sink.search(real.rstrip("/") + "/" + tail)
        # What a link leads to decides what is offered, and lies elsewhere.
        for name in links:
            if name.partition(".")[0] == tail:
                self.sink.offered(real.rstrip("/") + "/" + name)

    def _links_in(self, folder: str) -> tuple[str, ...]:
        """Names of links in FOLDER, looked up once a run: an import looks for many names."""
        found = self._links.get(folder)
        if found is None:
            try:
                with posix.scandir(folder) as entries:
                    found = tuple(entry.name for entry in entries if entry.is_symlink())
            except OSError:
                found = ()
            self._links[folder] = found
        return found
