"""Installed packages as evidence: a run depends on those that it imported or asked for.

There are two sides. `Packages`, in the host, knows for each key what it stands for now; `Noted`,
in the process of a run, learns on which keys the run depends. The keys:

    package:NAME        what `import NAME` finds where packages are installed
    distribution:NAME   the distribution of this (normalised) name: somebody asked for its version
    entry points:GROUP  the distributions that offer something in this group
    distributions       all there is: somebody went through them, or listed a package folder
    pth                 what acts whenever an interpreter starts (.pth files, editable installs)

A key that is not there has the value "absent", which is evidence like any other: what does
`try: import yaml` depends on yaml also where it is missing.

A distribution is known by its record, for whatever installs a package writes that anew. What no
record claims is known by its own time stamp. On another machine time stamps say nothing: there a
record counts by what it says of the contents of the files (see portable.py).
"""

from __future__ import annotations

import functools
import importlib.machinery
import os
import posix
import re
import stat
import types
from _thread import get_ident
from hashlib import blake2b

from .portable import Places, split, value

TYPE_CHECKING = False  # typing is not for other people's processes

if TYPE_CHECKING:
    from typing import Callable, Iterator

FOLDERS = ("site-packages", "dist-packages")
ABSENT = "absent"
ALL = "distributions"
START = "pth"

_stat = posix.stat
_TITLES_MAX = 3  # a namespace may have a hundred owners, and a value is to be read by people
_RECORDS = (".dist-info", ".egg-info")
_SUFFIXES = tuple(importlib.machinery.all_suffixes())
_MODULES = (".py", ".pyc", ".so")  # of any interpreter
# A line of RECORD or installed-files.txt: how far up, the first name, is there more below it?
_FILE = re.compile(r'^"?((?:\.\./)*)([^/,"\r\n]+)(/?)', re.MULTILINE)
# One with the file's digest, and its size.
_PROOF = re.compile(r"^(.*),([^,\r\n]*),([^,\r\n]*?)\r?$", re.MULTILINE)
_UNPROVED = (".pyc", "/RECORD", "/RECORD.jws", "/RECORD.p7s")
_SCRIPT_MOST = 1 << 16  # bytes: what installers write with paths in it is small
_GROUP = re.compile(r"^[ \t]*\[([^\]\r\n]+)\]", re.MULTILINE)


def normal(name: str) -> str:
    """One name for all spellings of a distribution's."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _split(record: str) -> tuple[str, str]:
    """Name and version from the name of a record, where importlib.metadata finds them too."""
    name, _, rest = record.rpartition(".")[0].partition("-")
    return name, rest.partition("-")[0]


def keys(path: str) -> list[str]:
    """What depends on PATH (absolute), which was opened, listed or asked for."""
    found = []
    parts = path.rstrip("/").split("/")
    for at, part in enumerate(parts, 1):
        if part not in FOLDERS:
            continue
        below = parts[at] if at < len(parts) else ""
        if not below:
            found.append(ALL)
        elif below.lower().endswith(_RECORDS):
            found.append("distribution:" + normal(_split(below)[0]))
        elif at == len(parts) - 1 and below.endswith(_MODULES):
            found.append("package:" + below.partition(".")[0])
        else:
            found.append("package:" + below)
    return found


# -- what is installed -----------------------------------------------------------------------


def _digest(material: object) -> str:
    return blake2b(repr(material).encode("ascii", "backslashreplace"), digest_size=8).hexdigest()


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = _stat(path)
    except OSError:
        return None
    kind = stat.S_IFMT(status.st_mode)
    return kind, status.st_mtime_ns, 0 if stat.S_ISDIR(kind) else status.st_size


def _text(path: str) -> str:
    """What is in a file; nothing where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _importable(entry: str, is_folder: bool) -> str:
    """The name under which an entry of a package folder is imported, or "". An egg, which stands
    in sys.path itself, has its own."""
    if is_folder or entry.endswith(".egg"):
        return "" if entry == "__pycache__" else entry
    for suffix in _SUFFIXES:
        if entry.endswith(suffix):
            return entry[:-len(suffix)]
    return ""


def _tops(text: str, up: str) -> frozenset[str]:
    """The names to be imported in a list of installed files, whose paths begin with UP."""
    tops = set()
    for begin, first, more in set(_FILE.findall(text)):
        if begin == up and more:
            tops.add(first)
        elif begin == up and first.endswith(_MODULES):
            tops.add(first.partition(".")[0])
    return frozenset(tops)


class _Record:
    """What the record of a distribution says."""

    def __init__(self, stamps: list[object], tops: frozenset[str] = frozenset(),
                 groups: frozenset[str] = frozenset(), proof: object = None) -> None:
        self.stamps = stamps  # of its files
        self.proof = proof or stamps  # of what it has installed, anywhere
        self.scripts: list[tuple[str, object]] = []  # what was read for it, and the stamps
        self.tops = tops      # the names that were installed; none: it does not say
        self.groups = groups  # of entry points


class _Distribution:
    def __init__(self, folder: str, shown: str, entry: str, record: _Record) -> None:
        self.name, self.version = _split(entry)
        self.record = record
        self.state = _digest((folder, entry, record.stamps))  # new with each installation
        self.content = _digest((shown, entry, record.proof))
        self.title = (self.name + " " + self.version).rstrip()


def _named(distributions: list[_Distribution]) -> str:
    titles = sorted(distribution.title for distribution in distributions)
    more = len(titles) - _TITLES_MAX
    return ", ".join(titles[:_TITLES_MAX]) + (" and %d more" % more if more > 0 else "")


class _Folder:
    """A package folder as it is now."""

    def __init__(self, path: str, places: Places, records: dict[str, _Record]) -> None:
        self.path = path
        self.shown = places.text(path)
        self._places = places
        self.entries: dict[str, list[str]] = {}  # by the name that is imported
        self.distributions: list[_Distribution] = []
        self.start: list[tuple[str, str]] = []
        self._records = records  # those that were read before
        for entry, is_folder in self._list():
            self._take(entry, is_folder)

    def _list(self) -> list[tuple[str, bool]]:
        try:
            with posix.scandir(self.path) as entries:
                return sorted((entry.name, entry.is_dir()) for entry in entries)
        except OSError:
            return []

    def _take(self, entry: str, is_folder: bool) -> None:
        low = entry.lower()
        if low.endswith(_RECORDS):
            record = self._record(self.path + "/" + entry)
            self.distributions.append(_Distribution(self.path, self.shown, entry, record))
            return
        if low.endswith((".pth", ".egg-link")) or entry.startswith("__editable__"):
            self.start.append((entry, _text(self.path + "/" + entry)))
        top = _importable(entry, is_folder)
        if top:
            self.entries.setdefault(top, []).append(entry + "/" * is_folder)

    def _record(self, path: str) -> _Record:
        if path.lower().endswith(".egg-info"):
            first, files, up = "PKG-INFO", "installed-files.txt", "../"
        else:
            first, files, up = "METADATA", "RECORD", ""
        names = [path + "/" + name for name in (first, files, "top_level.txt", "entry_points.txt")]
        stamps: list[object] = [_stamp(name) for name in names]
        if not any(stamps):  # Debian has records that are a file, and tell the version alone
            return _Record([_stamp(path)])
        known = self._records.get(path)
        if known is None or known.stamps != stamps or \
                any(_stamp(name) != stamp for name, stamp in known.scripts):
            _, listed, declared, points = (name if stamp else ""
                                           for name, stamp in zip(names, stamps))
            tops = frozenset(line.partition("/")[0] for line in _text(declared).split())
            files = _text(listed)
            scripts: list[tuple[str, object]] = []
            known = _Record(stamps, tops or _tops(files, up),
                            frozenset(_GROUP.findall(_text(points))),
                            None if up else self._proof(files, scripts))
            known.scripts = scripts
            self._records[path] = known
        return known

    def _proof(self, record: str,
               scripts: list[tuple[str, object]]) -> list[tuple[str, str]] | None:
        """All that a RECORD names, with its digest; None where it leaves that out of some. SCRIPTS
        gets what was read for it."""
        proof = []
        for name, digest, size in _PROOF.findall(record):
            name = name.strip('"')
            if not digest:
                if not name.endswith(_UNPROVED):
                    return None
            elif name.startswith("__editable__") or name.endswith(".pth"):
                proof.append((name, ""))  # its text is in START
            elif (name.startswith("../") or name.endswith("/direct_url.json")) \
                    and size.isdigit() and int(size) <= _SCRIPT_MOST:
                # Installers write the paths of this machine into it.
                path = self.path + "/" + name
                scripts.append((path, _stamp(path)))
                proof.append((name, _digest(self._places.text(_text(path)))))
            else:
                proof.append((name, digest))
        return sorted(proof)

    def claims(self) -> dict[str, list[_Distribution]]:
        """Who says that it has installed what is imported by a name."""
        found: dict[str, list[_Distribution]] = {}
        for one in self.distributions:
            for top in one.record.tops:
                found.setdefault(top, []).append(one)
        return found

    def stamps(self, top: str) -> list[object]:
        return [_stamp(self.path + "/" + entry) for entry in self.entries[top]]

    def is_shared(self, top: str) -> bool:
        """Anybody may add to a namespace."""
        return top + "/" in self.entries[top] and \
            _stamp("%s/%s/__init__.py" % (self.path, top)) is None


class Packages:
    """What is installed in the package folders of SYS_PATH, read when it is first asked for. ROOT
    is the project's."""

    def __init__(self, sys_path: list[str], root: str) -> None:
        self.places = Places(root)
        real = {os.path.realpath(path): None for path in sys_path
                if path and os.path.basename(path.rstrip("/")) in FOLDERS}
        self._paths = list(real)
        self._records: dict[str, _Record] = {}
        self._pairs: dict[str, str] | None = None

    def forget(self) -> None:
        """Something may have been installed: read again what has changed."""
        self._pairs = None

    def value(self, key: str) -> str:
        return self.everything().get(key, ABSENT)

    def scripts(self) -> list[str]:
        """What everything() has read besides the folders and the records themselves."""
        self.everything()
        return [path for record in self._records.values() for path, _ in record.scripts]

    def everything(self) -> dict[str, str]:
        """All keys that are not absent, with their values."""
        if self._pairs is None:
            self._pairs = self._read()
        return self._pairs

    def _read(self) -> dict[str, str]:
        folders = [_Folder(path, self.places, self._records) for path in self._paths]
        every = [one for folder in folders for one in folder.distributions]
        pairs = dict(_packages(folders))
        pairs.update(_distributions(every))
        started = [folder for folder in folders if folder.start]
        pairs[START] = value(
            _digest([(folder.shown, [(name, self.places.text(text)) for name, text in folder.start])
                     for folder in started]),
            _digest([(folder.path, folder.start) for folder in started]))
        parts = [(key, *split(told)) for key, told in sorted(pairs.items())]
        pairs[ALL] = value("%d %s" % (len(every), _digest([part[:2] for part in parts])),
                           _digest(parts))
        return pairs


def _packages(folders: list[_Folder]) -> Iterator[tuple[str, str]]:
    owners: dict[str, list[_Distribution]] = {}
    contents: dict[str, list[object]] = {}  # in the order of sys.path: who comes first is found
    states: dict[str, list[object]] = {}
    for folder in folders:
        claims = folder.claims()
        silent = [one for one in folder.distributions if not one.record.tops]
        for top, entries in folder.entries.items():
            claimed = claims.get(top, [])
            # What it does not claim may be its own.
            others = silent if not claimed or folder.is_shared(top) else []
            stamps = [] if claimed else folder.stamps(top)
            # The entries count where they are claimed, too: another may come before them.
            contents.setdefault(top, []).append(
                (folder.shown, entries, stamps, [one.content for one in claimed],
                 [one.content for one in others]))
            states.setdefault(top, []).append(
                (folder.path, entries, stamps, [one.state for one in claimed],
                 [one.state for one in others]))
            owners.setdefault(top, []).extend(claimed)
    for top, state in states.items():
        yield "package:" + top, value("%s %s" % (_named(owners[top]) or "unrecorded",
                                                 _digest(contents[top])), _digest(state))


def _known(title: str, found: list[_Distribution]) -> str:
    return value("%s %s" % (title, _digest([one.content for one in found])),
                 _digest([one.state for one in found]))


def _distributions(every: list[_Distribution]) -> Iterator[tuple[str, str]]:
    names: dict[str, list[_Distribution]] = {}
    groups: dict[str, list[_Distribution]] = {}
    for one in every:
        names.setdefault(normal(one.name), []).append(one)
        for group in one.record.groups:
            groups.setdefault(group.strip(), []).append(one)
    for name, found in names.items():
        yield "distribution:" + name, _known(found[0].version or "unversioned", found)
    for group, found in groups.items():
        yield "entry points:" + group, _known(_named(found), found)


# -- what a run depends on -------------------------------------------------------------------


class _Asked(dict):  # type: ignore[type-arg]
    """The distributions that pkg_resources knows. It tells when it is read."""

    tell: Callable[[], None]


def _telling(name: str):  # type: ignore[no-untyped-def]
    method = getattr(dict, name)

    @functools.wraps(method)
    def read(self, *args):  # type: ignore[no-untyped-def]
        self.tell()
        return method(self, *args)

    return read


for _name in ("__getitem__", "__contains__", "__iter__", "get", "keys", "values", "items", "copy"):
    setattr(_Asked, _name, _telling(_name))


class _Paused:
    def __init__(self, threads: set[int]) -> None:
        self._threads = threads

    def __enter__(self) -> None:
        self._was = get_ident() in self._threads
        self._threads.add(get_ident())

    def __exit__(self, *_: object) -> None:
        if not self._was:
            self._threads.discard(get_ident())


def _tells_distributions(fullname: str) -> bool:
    """Also where another package has its own copy of the module."""
    return (fullname == "importlib.metadata"
            or fullname.rpartition(".")[2] in ("importlib_metadata", "pkg_resources"))


class Noted:
    """The keys that this process depends on. What it has imported counts from the beginning; who
    asks for distributions counts from `start` on: before that it is the framework, for its
    plugins, and for these there is "entry points:GROUP"."""

    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self._tell: Callable[[str], None] | None = None
        self._folders: dict[str, list[str]] = {}
        self._silent: set[int] = set()  # threads

    def start(self, tell: Callable[[str], None]) -> None:
        """TELL gets each key once, those that are known already at once."""
        self._tell = tell
        for key in list(self.keys):
            tell(key)

    def paused(self) -> _Paused:
        """Inside `with noted.paused():` this thread may ask for distributions."""
        return _Paused(self._silent)

    def _note(self, key: str) -> None:
        if key not in self.keys:
            self.keys[key] = None
            if self._tell is not None:
                self._tell(key)

    # -- imports ---------------------------------------------------------------------------

    def searched(self, fullname: str, folder: str) -> None:
        """FOLDER was asked for a module. It may also lie in an installed package, which then is
        what decides: a package's own folder, or one that a .pth file added to sys.path."""
        found = self._folders.get(folder)
        if found is None:
            found = self._folders[folder] = keys(folder)
        for key in found:
            self._note("package:" + fullname.rpartition(".")[2] if key == ALL else key)

    def found(self, fullname: str, spec: object) -> None:
        """SPEC was found for a module, which is going to be loaded."""
        if not _tells_distributions(fullname) or spec is None:
            return
        if not fullname.endswith("metadata"):
            self.everything()  # it goes through all of them while it loads
        loader = getattr(spec, "loader", None)
        if isinstance(loader, (importlib.machinery.SourceFileLoader,
                               importlib.machinery.SourcelessFileLoader)):
            _after_load(loader, self._wrap)
        else:
            self.everything()

    def loaded(self, modules: dict[str, types.ModuleType]) -> None:
        """MODULES (sys.modules) were loaded before anybody saw it."""
        for name in ("sitecustomize", "usercustomize"):  # site looked for them
            self._note("package:" + name)
        for name, module in list(modules.items()):
            if not isinstance(module, types.ModuleType):
                continue
            known = object.__getattribute__(module, "__dict__")  # lazy modules would load
            folders = list(known.get("__path__") or ())
            if isinstance(known.get("__file__"), str):
                folders.append(os.path.dirname(known["__file__"]))
            for folder in folders:
                if isinstance(folder, str):
                    self.searched(name, folder)
            if _tells_distributions(name):
                self._wrap(module)

    def touched(self, path: str) -> None:
        """PATH was opened, listed or asked for, and not by an import."""
        for key in keys(path):
            if key.startswith("package:") or self._counts():
                self._note(key)

    # -- distributions ---------------------------------------------------------------------

    def _counts(self) -> bool:
        return self._tell is not None and get_ident() not in self._silent

    def asked(self, name: str) -> None:
        if self._counts():
            self._note("distribution:" + normal(name))

    def everything(self) -> None:
        if self._counts():
            self._note(ALL)

    def _wrap(self, module: types.ModuleType) -> None:
        known = vars(module)
        finder = known.get("MetadataPathFinder")
        if isinstance(finder, type):
            self._wrap_finder(finder)
        installed = getattr(known.get("working_set"), "by_key", None)
        if type(installed) is dict:
            asked = known["working_set"].by_key = _Asked(installed)
            asked.tell = self.everything

    def _wrap_finder(self, finder: type) -> None:
        """All questions of importlib.metadata come to this function, and nowhere else is it known
        whether they are about one distribution."""
        method = vars(finder).get("find_distributions")
        function = getattr(method, "__func__", method)
        if function is None:
            return
        noted, bound = self, 0 if isinstance(method, staticmethod) else 1

        @functools.wraps(function)
        def find_distributions(*args, **kwargs):  # type: ignore[no-untyped-def]
            context = args[bound] if len(args) > bound else kwargs.get("context")
            name = getattr(context, "name", None)
            if not isinstance(name, str) or not name:
                noted.everything()
                return function(*args, **kwargs)
            noted.asked(name)
            with noted.paused():  # it lists whole folders to find one
                return iter(list(function(*args, **kwargs)))

        wrapper: object = find_distributions
        if isinstance(method, (classmethod, staticmethod)):
            wrapper = type(method)(find_distributions)
        finder.find_distributions = wrapper  # type: ignore[attr-defined]


def _after_load(loader, then) -> None:  # type: ignore[no-untyped-def]
    """Call THEN with the module that LOADER is about to load; no trace of that is left."""
    execute = loader.exec_module

    def exec_module(module):  # type: ignore[no-untyped-def]
        del loader.exec_module
        execute(module)
        then(module)

    loader.exec_module = exec_module
