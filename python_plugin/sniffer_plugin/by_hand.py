"""Tests that a person started, with a plugin of ours in the framework: the daemon gets to know what
came of them.

All files of such a run share one process, so each file's evidence is what the whole process looked
at: too much, never too little. Nothing is told where that could not all be seen, or where the run
is not what a worker of the daemon does: another interpreter, other settings, another folder; parts
of files only; programs that were started, whose looks nobody hears. Where no daemon answers this
costs nothing, and it never says anything.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import socket
import struct
import sys

from . import looks, packages, portable, wrappers
from .channel import plain
from .guard import Guard
from .names import Names
from .place import find_root, socket_path
from .scope import Scope

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 2.0  # seconds that a daemon may take to answer
_LINE_MAX = 1 << 20
_SHORT = 2000
_OWN = ("__main__", "sniffer", "sniffer_plugin")  # modules that no worker imports


class Refused(Exception):
    pass


class Link:
    """One conversation with the daemon."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_PATIENCE)
        self._unread = b""
        self._id = 0
        try:
            self._socket.connect(path)
            who = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            if struct.unpack("3i", who)[1] not in (0, os.getuid()):
                raise Refused("another user's socket")
        except BaseException:
            self._socket.close()
            raise

    def ask(self, method: str, params: dict) -> dict:  # type: ignore[type-arg]
        self._id += 1
        line = json.dumps({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params})
        if len(line) >= _LINE_MAX:
            raise Refused("too much to tell")
        self._socket.sendall(line.encode("ascii") + b"\n")
        while True:
            answer = json.loads(self._line())
            if answer.get("id") == self._id:  # hello and notifications have none
                if not isinstance(answer.get("result"), dict):
                    raise Refused(str(answer.get("error")))
                return answer["result"]  # type: ignore[no-any-return]

    def _line(self) -> bytes:
        while b"\n" not in self._unread:
            more = self._socket.recv(1 << 16)
            if not more:
                raise Refused("closed")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def close(self) -> None:
        self._socket.close()


def _path(path: str) -> object:
    try:
        path.encode("utf-8")
        return path
    except UnicodeEncodeError:
        import base64
        return {"b64": base64.b64encode(os.fsencode(path)).decode("ascii")}


def begin(framework: str, settings: list[str]) -> Hand | None:
    """The ear of a daemon that would run tests as this process does; None: there is none.
    FRAMEWORK: name and version. SETTINGS: the files where it looks for some."""
    root = find_root(os.getcwd())
    if root is None or root != os.path.realpath(os.getcwd()):
        return None
    try:
        link = Link(socket_path(root))
    except (OSError, Refused):
        return None
    try:
        from .environment import environment, python_words, sys_path
        if link.ask("status", {}).get("python") != python_words():
            raise Refused("another interpreter")
        scope = Scope(root)
        if any(_is_project_s(scope, module) for module in list(sys.modules.values())):
            raise Refused("modules that nobody saw being loaded")
        answer = link.ask("record.begin", {})
        theirs = dict(answer["environment"])
        args = json.loads(theirs["args"])
        names = [name[4:] for name in theirs if name.startswith("env:")]
        order = theirs.get("order", "file")  # where any order will do, so does that of the file
        installed = packages.Packages(sys.path, root)
        ours = dict(environment(args, names, framework, installed, settings, order))
        path = json.loads(portable.split(ours["sys.path"])[1])
        script = _script_folder()
        if script in path:
            path.remove(script)
            if root not in path:
                path.insert(0, root)
            ours["sys.path"] = sys_path(path, installed.places)
        if ours != theirs:
            raise Refused("another environment")
        return Hand(scope, link, answer["run"], args, settings, script)
    except (OSError, Refused, ValueError, KeyError):
        link.close()
        return None


def _script_folder() -> str | None:
    """What stands in sys.path because a program like `pytest` was started, and not `python -m`."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if not main or getattr(sys.modules["__main__"], "__spec__", None) is not None:
        return None
    return os.path.dirname(os.path.realpath(main))


# -- modules -------------------------------------------------------------------------------


def _is_project_s(scope: Scope, module: object) -> bool:
    path = getattr(module, "__file__", None)
    return isinstance(path, str) and scope.owns(scope.real(scope.absolute(path))[0])


def _offers(folder: str, name: str) -> bool:
    """Would an import of NAME find something in FOLDER?"""
    path = folder + "/" + name
    if os.path.isdir(path):
        return os.path.isfile(path + "/__init__.py") or name not in sys.modules
    return any(os.path.isfile(path + suffix) for suffix in importlib.machinery.all_suffixes())


def _is_from(folder: str, name: str) -> bool:
    module = sys.modules.get(name)
    places = [getattr(module, "__file__", None) or "", *(getattr(module, "__path__", None) or ())]
    return any(os.path.realpath(place).startswith(folder + "/") for place in places)


class _Searches(packages.Noted):
    """Which names were looked for in FOLDER, where a worker would look in the root?"""

    def __init__(self, folder: str | None) -> None:
        super().__init__()
        self._script = folder
        self.names: set[str] = set()

    def searched(self, fullname: str, folder: str) -> None:
        if folder == self._script:
            self.names.add(fullname)


class _Recorder(looks.Recorder):
    programs = False  # were any started?

    def started(self, program: object, arguments: object, folder: object = None) -> None:
        self.programs = True


# -- a run ---------------------------------------------------------------------------------


class Hand:
    """The sink of a run by hand. ARGS: what the daemon's workers hand to the framework."""

    def __init__(self, scope: Scope, link: Link, token: object, args: list[str],
                 settings: list[str], script: str | None) -> None:
        self.args = args
        self.settings = settings  # files that the framework looks for
        self.is_framework_s: Callable[[str], bool] = lambda path: False  # of no test's concern
        self._link = link
        self._token = token
        self._script = script
        self._scope = scope
        self._pid = os.getpid()
        self._names: dict[str, Names] = {}
        self._results: dict[str, list[dict[str, object]]] = {}
        self._looks: list[dict[str, object]] = []
        self._wrote: list[object] = []
        self._outputs: set[str] = set()
        self._duration: dict[str, float] = {}
        self._refused = False
        wrappers.wrap()
        self.guard = Guard(self._scope, looks.quiet)
        self.guard.installed = self._searches = _Searches(script)
        self.guard.install()
        self.guard.sink = self._recorder = _Recorder(scope, self._look)
        for name in {name.partition(".")[0] for name in sys.modules}:
            # Loaded before anybody watched: where the root could have had it, it was asked.
            if name not in sys.builtin_module_names and name not in _OWN:
                self._searches.names.add(name)
                self._search(name)
        os.register_at_fork(after_in_parent=self.refuse)  # what a child looks at is not heard here
        looks.start(self._recorder)

    def _search(self, name: str) -> None:
        self._recorder.tell("search", self._scope.root.rstrip("/") + "/" + name, ())

    def refuse(self) -> None:
        """This run is not what a worker would do, or was not all seen."""
        self._refused = True

    @property
    def root(self) -> str:
        return self._scope.root

    @property
    def files(self) -> list[str]:
        """Those that have results; absolute."""
        return [self.root + "/" + file for file in self._results]

    def _look(self, kind: str, path: str, seen: object) -> None:
        if os.getpid() != self._pid:
            return
        if kind == "wrote":
            self._outputs.add(path)
            self._wrote.append(_path(path))
            return
        if path in self._outputs:
            return  # its own output; looks and writes travel apart, so this is decided here
        full = path if path.startswith("/") else self.root + "/" + path
        if kind != "environment" and self.is_framework_s(full):
            return
        look: dict[str, object] = {"kind": kind, "path": _path(path)}
        if seen != ():
            look["seen"] = seen
        self._looks.append(look)

    def _shown(self, file: str | None) -> str | None:
        if file is None:
            return None
        real, _ = self._scope.real(self._scope.absolute(file))
        return self._scope.shown(real) if self._scope.owns(real) else None

    def begins(self, file: str | None, name: str) -> str:
        return self._names.setdefault(self._shown(file) or "", Names()).unique(name)

    def ends(self, record) -> None:  # type: ignore[no-untyped-def]
        file = self._shown(record.file)
        if file is None:
            self.refuse()  # nobody's result: whose verdict would lack it?
            return
        self._duration[file] = self._duration.get(file, 0.0) + record.duration_ms
        self._results.setdefault(file, []).append({
            "test": plain(record.name), "outcome": record.outcome,
            "duration_ms": round(record.duration_ms, 3), "exception": record.exception,
            "report_text": None if record.report is None else plain(record.report)})

    def end(self) -> None:
        looks.stop()
        try:
            if self._results and os.getpid() == self._pid \
                    and not (self._refused or self._recorder.programs):
                self._tell()
        except (OSError, Refused, ValueError):
            pass
        finally:
            self._link.close()

    def _check_searches(self, script: str) -> None:
        """Here the folder of a program stands in sys.path, where a worker has the root: would it
        have imported the same?"""
        for name in sorted(self._searches.names):
            root = self._scope.root
            if _offers(script, name) or (_offers(root, name) and not _is_from(root, name)):
                raise Refused("the root has another " + name)
            self._search(name)

    def _tell(self) -> None:
        from .certain import own
        if self._script is not None:
            self._check_searches(self._script)
        # Which of them were imported nobody noted from the beginning.
        self._look("environment", packages.ALL, ())
        known = {(one["kind"], str(one["path"])) for one in self._looks}
        for file in self._results:
            full = self._scope.root + "/" + file
            for kind, real, seen in own(self._scope, full, self.settings):
                path = self._scope.shown(real)
                if (kind, str(_path(path))) not in known:
                    known.add((kind, str(_path(path))))
                    self._look(kind, path, seen)
        params = {"run": self._token, "files": [
            {"file": _path(file), "duration_ms": round(self._duration[file], 3),
             "results": results}
            for file, results in self._results.items()],
            "looks": self._looks, "wrote": self._wrote}
        if len(json.dumps(params)) > _LINE_MAX - 4096:
            for results in self._results.values():
                for one in results:
                    text = one["report_text"]
                    if isinstance(text, str) and len(text) > _SHORT:
                        one["report_text"] = text[:_SHORT]
        self._link.ask("record.end", params)
