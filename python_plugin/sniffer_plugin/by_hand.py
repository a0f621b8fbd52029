"""`nosetests --with-sniffer`, started by a person: the daemon gets to know what came of it.

All files of such a run share one process, so each file's evidence is what the whole process looked
at: too much, never too little. Nothing is told where no daemon answers, where another interpreter
or other options were used than the daemon would use, or where only single tests were asked for;
then this costs nothing and says nothing.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys

from . import looks, packages, wrappers
from .channel import identity, plain
from .guard import Guard
from .names import Names
from .scope import Scope

_PATIENCE = 2.0  # seconds that a daemon may take to answer
_LINE_MAX = 1 << 20
_SHORT = 2000
# Options that change what is printed, not what is run.
_HARMLESS = ("--with-sniffer", "-v", "-vv", "--verbose", "-q", "--quiet", "-s", "--nocapture",
             "--nologcapture", "-d", "--detailed-errors", "--verbosity")


def find_root(start: str) -> str | None:
    """The nearest folder upward that a daemon has been at home in."""
    folder = os.path.realpath(start)
    while not os.path.isdir(folder + "/.sniffer"):
        if folder in ("/", ""):
            return None
        folder = os.path.dirname(folder)
    return folder


def socket_path(root: str) -> str:
    """As proto/place.h says."""
    given = os.environ.get("SNIFFER_SOCKET")
    if given:
        return given
    raw = os.fsencode(root)
    number = 0xCBF29CE484222325
    for byte in raw:
        number = ((number ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    allowed = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
    base = "".join(chr(b) if b in allowed else "_" for b in raw.rpartition(b"/")[2])[:32]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = runtime + "/sniffer" if runtime else "/tmp/sniffer-%d" % os.getuid()
    return "%s/%s-%016x.sock" % (folder, base, number)


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


def _same_environment(theirs: list[list[str]]) -> bool:
    """Is this process what a worker of the daemon is? The daemon stores its own environment with
    the verdict, so it must be this one's too."""
    import nose

    from .environment import environment
    from .packages import Packages
    names = [name[4:] for name, _ in theirs if name.startswith("env:")]
    order = dict(theirs).get("order", "file")  # where any order will do, so does that of the file
    return dict(environment([], names, "nose " + nose.__version__, Packages(sys.path),
                            order)) == dict(theirs)


class Hand:
    """The sink of a run by hand."""

    def __init__(self, root: str, link: Link, token: object) -> None:
        self._link = link
        self._token = token
        self._scope = Scope(root)
        self._pid = os.getpid()
        self._names: dict[str, Names] = {}
        self._results: dict[str, list[dict[str, object]]] = {}
        self._looks: list[dict[str, object]] = []
        self._wrote: list[object] = []
        self._outputs: set[str] = set()
        self._duration: dict[str, float] = {}
        self._whole = True
        wrappers.wrap()
        self._guard = Guard(self._scope, looks.quiet)
        self._guard.install()
        self._guard.sink = recorder = looks.Recorder(self._scope, self._look)
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and path.endswith(".py"):
                real, _ = self._scope.real(self._scope.absolute(path))
                if self._scope.owns(real) and os.path.isfile(real):
                    recorder.tell("code", real, identity(os.lstat(real)))
        for name in {name.partition(".")[0] for name in sys.modules}:
            # Loaded before anybody watched: where the root could have had it, it was asked.
            if name not in sys.builtin_module_names and name != "sniffer_plugin":
                recorder.tell("search", root.rstrip("/") + "/" + name, ())
        looks.start(recorder)

    @classmethod
    def begin(cls, conf) -> Hand | None:  # type: ignore[no-untyped-def]
        options = [word.partition("=")[0] for word in sys.argv[1:] if word.startswith("-")]
        if not all(word in _HARMLESS for word in options) or conf.stopOnError:
            return None
        root = find_root(conf.workingDir or os.getcwd())
        if root is None:
            return None
        try:
            link = Link(socket_path(root))
        except (OSError, Refused):
            return None
        try:
            python = "%d.%d.%d %s" % (*sys.version_info[:3], sys.executable)
            if link.ask("status", {}).get("python") != python:
                raise Refused("another interpreter")
            answer = link.ask("record.begin", {})
            token = answer["run"]
            if not _same_environment(answer["environment"]):
                raise Refused("another environment")
        except (OSError, Refused, ValueError, KeyError):
            link.close()
            return None
        return cls(root, link, token)

    def asked(self, names: list[str]) -> None:
        from nose.util import split_test_name
        if any(split_test_name(name)[2] for name in names):
            self._whole = False

    def _look(self, kind: str, path: str, seen: object) -> None:
        if os.getpid() != self._pid:
            return  # what a forked child looks at is not heard here
        if kind == "wrote":
            self._outputs.add(path)
            self._wrote.append(_path(path))
            return
        if path in self._outputs:
            return  # its own output; looks and writes travel apart, so this is decided here
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
            self._whole = False  # nobody's result: whose verdict would lack it?
            return
        self._duration[file] = self._duration.get(file, 0.0) + record.duration_ms
        self._results.setdefault(file, []).append({
            "test": plain(record.name), "outcome": record.outcome,
            "duration_ms": round(record.duration_ms, 3), "exception": record.exception,
            "report_text": None if record.report is None else plain(record.report)})

    def end(self, result) -> None:  # type: ignore[no-untyped-def]
        looks.stop()
        kind = sys.exc_info()[0]
        try:
            if self._whole and kind is None and not result.shouldStop and self._results \
                    and os.getpid() == self._pid:
                self._tell()
        except (OSError, Refused, ValueError):
            pass
        finally:
            self._link.close()

    def _tell(self) -> None:
        from . import nose_runner
        from .child import always
        # Which of them were imported nobody noted from the beginning.
        self._look("environment", packages.ALL, ())
        known = {(one["kind"], str(one["path"])) for one in self._looks}
        for file in self._results:
            for kind, real, seen in always(
                    self._scope, self._scope.root + "/" + file, nose_runner.settings_files(), {},
                    {}):
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
