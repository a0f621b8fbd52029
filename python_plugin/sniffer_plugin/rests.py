"""What the answers of a host rest on: those about its environment, and those about test files.

The daemon keeps the answers, and where all that they rest on was left alone it need not ask again
when it is started the next time. It compares what lstat says, so these are paths and nothing else:
"there", which must be the same with all their times (a folder then has the same entries), "kinds",
which must be of the same kind and mode, and "absent".

The environment follows from the interpreter, what is installed, what stands in the way of the
framework's modules, and the variables and arguments that the daemon knows itself. Code that runs
whenever an interpreter starts (.pth files, sitecustomize) is taken to go by these, too. The
standard library is the interpreter's: it comes with it and goes with it.
"""

from __future__ import annotations

import os
import posix
import site
import stat
import sys

from .packages import FOLDERS

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .evidence import Look
    from .scope import Scope

    Rests = dict[str, list[str]]

_STARTERS = ("sitecustomize", "usercustomize")
_RECORDS = (".dist-info", ".egg-info")
_RECORD_FILES = ("METADATA", "RECORD", "PKG-INFO", "installed-files.txt", "top_level.txt",
                 "entry_points.txt")


def _told(scope: Scope, there: set[str], absent: set[str],
          kinds: set[str] = frozenset()) -> Rests | None:  # type: ignore[assignment]
    """None: there are names that do not travel."""
    told = {name: sorted(map(scope.shown, paths))
            for name, paths in (("there", there), ("kinds", kinds - there), ("absent", absent))}
    try:
        "".join(path for paths in told.values() for path in paths).encode()
    except UnicodeEncodeError:
        return None
    return told


# -- the environment -----------------------------------------------------------------------


def environment(scope: Scope, noted,  # type: ignore[no-untyped-def]
                read: Iterable[str]) -> Rests | None:
    """Of this process, which has loaded the framework. NOTED: what it has loaded and sought in the
    project. READ: what it has read to tell of the environment."""
    there, absent = set(), set()
    for path in (*_interpreter(), *_folders(), *_modules(), *read, *noted.code,
                 *(where.rpartition("/")[0] for where in noted.searches)):
        real, links = scope.real(os.path.abspath(path))
        there.update(links)
        if os.path.islink(real):
            there.add(real)
            real = os.path.realpath(real)
        (there if os.path.lexists(real) else absent).add(real)
    return _told(scope, there, absent)


def _interpreter() -> Iterator[str]:
    yield sys.executable
    for folder in {os.path.dirname(sys.executable),
                   os.path.dirname(os.path.realpath(sys.executable))}:
        yield folder + "/pyvenv.cfg"
        yield os.path.dirname(folder) + "/pyvenv.cfg"
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            path = line.rstrip("\n").partition("/")[2]
            # Of the system's libraries no answer speaks; a link made elsewhere changes their times.
            if path.rpartition("/")[2].startswith(("libpython", "libsniffer")):
                yield "/" + path


def _folders() -> Iterator[str]:
    """Where modules are sought, and what lies where they are installed."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in dict.fromkeys((*sys.path, *site.getsitepackages(), site.getusersitepackages())):
        if not folder or os.path.abspath(folder) == own:
            continue
        yield folder
        if os.path.basename(folder.rstrip("/")) in FOLDERS:
            yield from _installed(folder)


def _installed(folder: str) -> Iterator[str]:
    try:
        names = posix.listdir(folder)
    except OSError:
        return
    for name in names:
        yield folder + "/" + name
        if name.lower().endswith(_RECORDS):
            yield from filter(os.path.exists, ("%s/%s/%s" % (folder, name, file)
                                               for file in _RECORD_FILES))


def _modules() -> Iterator[str]:
    library = os.path.dirname(os.__file__) + "/"
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str):
            continue
        below = file[len(library):] if file.startswith(library) else ""
        if not below or below.partition("/")[0] in FOLDERS or name in _STARTERS:
            yield file


# -- which are test files ------------------------------------------------------------------


def looks(scope: Scope, found: list[Look], candidates: Iterable[str]) -> Rests | None:
    """What a process has looked at that was asked which CANDIDATES are test files: as it said in
    FOUND. None: more than it told, or something is another by now."""
    known = set(candidates)
    there, kinds, absent = set(), set(), set()
    for kind, path, seen, _ in found:
        if kind == "unseen":
            return None
        if kind in ("environment", "wrote"):
            continue  # of the host; what is written is no evidence
        if kind in ("presence", "existence") and path in known:
            continue  # there it is, and the daemon says so
        whole = os.path.join(scope.root, path) if path else scope.root
        if kind == "search":
            there.add(os.path.dirname(whole))
            (there if os.path.lexists(whole) else absent).add(whole)
        elif seen is None or (kind == "listing" and not os.path.lexists(whole)):
            absent.add(whole)
        elif kind == "existence" or (kind == "presence" and stat.S_ISDIR(seen[5])):
            kinds.add(whole)
            if _mode(whole) != seen[5]:
                return None
        else:
            there.add(whole)
    return _told(scope, there, absent, kinds)


def _mode(path: str) -> int:
    try:
        return posix.stat(path).st_mode
    except OSError:
        return 0
