"""What a forked child does: one test file, told to the daemon as it goes, and then it is gone."""

from __future__ import annotations

import atexit
import faulthandler
import gc
import importlib
import os
import posix
import random
import signal
import sys
import threading
import traceback
import types
from json.encoder import encode_basestring_ascii

from . import looks, nose_runner
from .channel import PIPE_BUF, Channel, Lost, Serial, path_json, plain
from .names import Names
from .scope import Scope

_exit = posix._exit
_getpid = posix.getpid
_TEXT_MAX = 200_000


def quote(text: str | None) -> str:
    return "null" if text is None else encode_basestring_ascii(plain(text))


def shorten(text: str | None) -> str | None:
    """A report of megabytes helps nobody: its two ends do."""
    if text is None or len(text) <= _TEXT_MAX:
        return text
    half = _TEXT_MAX // 2
    return "%s\n[... %d characters left out ...]\n%s" % (text[:half], len(text) - 2 * half,
                                                         text[-half:])


class Reporter:
    """The sink of a run in a child: records go out as they come. Only the process of the run
    itself may report: what it forks has inherited the pipe."""

    def __init__(self, serial: Serial, run: int) -> None:
        self._serial = serial
        self._run = run
        self._pid = _getpid()
        self._names = Names()

    def _line(self, text: str) -> None:
        if _getpid() == self._pid:
            self._serial.line(text)

    def begins(self, file: str | None, name: str) -> str:
        name = self._names.unique(name)
        self._line('{"report":"test","run":%d,"test":%s}' % (self._run, quote(name)))
        return name

    def ends(self, record) -> None:  # type: ignore[no-untyped-def]
        self._line('{"report":"result","run":%d,"test":%s,"outcome":"%s","duration_ms":%.3f,'
                   '"exception":%s,"report_text":%s}'
                   % (self._run, quote(record.name), record.outcome, record.duration_ms,
                      quote(record.exception), quote(shorten(record.report))))

    def done(self) -> None:
        self._line('{"report":"done","run":%d}' % self._run)


def _signed(number: int) -> str:
    """Some file systems have devices and inodes that only fit without a sign."""
    return str(number - (1 << 64) if number >= 1 << 63 else number)


class Looks:
    """Where a run's looks go. A look that cannot be told is remembered as lost: a run whose
    evidence is not whole may not end well."""

    def __init__(self, channel: Channel, run: int) -> None:
        self._channel = channel
        self._run = run
        self.lost = False

    def line(self, kind: str, path: str, seen: object) -> bytes:
        if kind == "wrote":
            text = '{"report":"wrote","run":%d,"path":%s}\n' % (self._run, path_json(path))
        elif kind == "unseen":  # more happened here than is told
            text = '{"report":"look","run":%d,"kind":"content","path":%s,"unseen":true}\n' % (
                self._run, path_json(path))
        else:
            tail = "" if seen == () else ',"seen":%s' % (
                "null" if seen is None else "[%s]" % ",".join(map(_signed, seen)))  # type: ignore
            text = '{"report":"look","run":%d,"kind":"%s","path":%s%s}\n' % (
                self._run, kind, path_json(path), tail)
        return text.encode("ascii")

    def tell(self, kind: str, path: str, seen: object) -> None:
        self.write(self.line(kind, path, seen))

    def write(self, line: bytes) -> None:
        if len(line) > PIPE_BUF:
            self.lost = True
            return
        try:
            self._channel.write(line)
        except (Lost, OSError):
            self.lost = True

    def many(self, items) -> None:  # type: ignore[no-untyped-def]
        """As few writes as may be, each still written whole."""
        batch = b""
        for kind, path, seen in items:
            line = self.line(kind, path, seen)
            if batch and len(batch) + len(line) > PIPE_BUF:
                self.write(batch)
                batch = b""
            batch += line
        if batch:
            self.write(batch)


def _clean_process() -> None:
    """As a process that was just started: the host's ways must not shine through."""
    posix.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    random.seed()
    faulthandler.enable(2)
    # A Python program that a test starts trusts bytecode by whole seconds and length: it must not
    # leave any that a second save within the second would be taken for.
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    main = types.ModuleType("__main__")
    spec = importlib.machinery.ModuleSpec("nose.__main__", None)
    main.__spec__ = spec
    main.__file__ = os.path.join(os.path.dirname(sys.modules["nose"].__file__ or ""),
                                 "__main__.py")
    sys.modules["__main__"] = main


def _searched_folders(root: str, file: str) -> list[str]:
    """Where nose looks for modules besides the root, or may do so once there are packages."""
    folders = [root + "/lib", root + "/src"]
    folder = os.path.dirname(file)
    while folder.startswith(root + "/"):
        folders.append(folder)
        folder = os.path.dirname(folder)
    return folders


def _evict_shadowed(root: str, file: str, borrowed: frozenset[str]) -> None:
    """Modules that only the host needed, and whose name the project has too in a folder where nose
    is going to look: the project's import must find its own, as it would without a host."""
    names = set()
    for folder in [root, *_searched_folders(root, file)]:
        try:
            entries = {entry.partition(".")[0] for entry in posix.listdir(folder)}
        except OSError:
            continue
        names |= {name for name in entries & borrowed
                  if os.path.isfile("%s/%s.py" % (folder, name))
                  or os.path.isfile("%s/%s/__init__.py" % (folder, name))}
    for loaded in list(sys.modules):
        if loaded.partition(".")[0] in names:
            del sys.modules[loaded]


def forget_finders(root: str) -> None:
    for path in list(sys.path_importer_cache):
        if path == root or path.startswith(root + "/"):
            del sys.path_importer_cache[path]
    importlib.invalidate_caches()


def always(scope: Scope, file: str, host_code, host_searches):  # type: ignore[no-untyped-def]
    """Looks that are true of every run: the file itself, the packages on the way, nose's
    settings, and what the host had already loaded."""
    def seen(path: str):  # type: ignore[no-untyped-def]
        try:
            return looks.identity(posix.lstat(path))
        except OSError:
            return None

    yield "content", file, seen(file)
    folder = os.path.dirname(file)
    while folder.startswith(scope.root + "/"):
        init = folder + "/__init__.py"
        yield ("content" if seen(init) else "presence"), init, seen(init)
        folder = os.path.dirname(folder)
    for path in nose_runner.settings_files():
        path, _ = scope.real(path if path.startswith("/") else scope.root + "/" + path)
        now = seen(path)
        yield ("content" if now else "presence"), path, now
    for path, now in host_code.items():
        yield "code", path, now
    for path in host_searches:
        yield "search", path, ()


def finish(status: int) -> None:
    """The end of an interpreter without taking it apart: what waits is waited for."""
    for step in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
        try:
            step()
        except BaseException:
            traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    _exit(status)


def run(host, order: dict) -> None:  # type: ignore[no-untyped-def, type-arg]
    """Never returns."""
    status = 70
    try:
        number = order["run"]
        file = os.path.join(host.scope.root, os.fsdecode(order["file"]))
        report = Reporter(host.reports, number)
        tells = Looks(host.looks, number)
        _clean_process()
        _evict_shadowed(host.scope.root, file, host.borrowed)
        forget_finders(host.scope.root)
        recorder = looks.Recorder(host.scope, tells.tell)
        certain = list(always(host.scope, file, host.guard.code, host.guard.searches))
        certain += [("search", folder + "/" + name, ())
                    for folder in _searched_folders(host.scope.root, file)
                    for name in sorted(host.borrowed)]
        tells.many((kind, host.scope.shown(path), seen) for kind, path, seen in certain)
        recorder._told.update((kind, path) for kind, path, _ in certain)
        real, _ = recorder.find(file)
        gc.enable()
        looks.start(recorder)
        good = nose_runner.run(host.args, file, report)
        if not tells.lost:
            report.done()
        else:
            sys.stderr.write("sniffer: some of what this run looked at could not be told\n")
        status = 0 if good else 1
    except BaseException:
        traceback.print_exc()
    finish(status)
