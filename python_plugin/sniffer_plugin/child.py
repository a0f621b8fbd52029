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

from . import certain, library, looks, trace, wrappers
from .company import Company
from .order import First
from .parked import Parked
from .processes import limit_memory
from .telling import Looks, Reporter

_exit = posix._exit


def _clean_process() -> None:
    """As a process that was just started: the host's ways must not shine through."""
    posix.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    random.seed()


def as_main(name: str) -> None:
    """As a process that runs the module NAME, a package's __main__."""
    faulthandler.enable(2)
    # A Python program that a test starts trusts bytecode by whole seconds and length: it must not
    # leave any that a second save within the second would be taken for.
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    main = types.ModuleType("__main__")
    main.__spec__ = importlib.machinery.ModuleSpec(name, None)
    package = sys.modules[name.rpartition(".")[0]]
    main.__file__ = os.path.join(os.path.dirname(package.__file__ or ""), "__main__.py")
    sys.modules["__main__"] = main


def shadowed(host, file: str) -> frozenset[str]:  # type: ignore[no-untyped-def]
    """Modules that only the host needed, and whose name the project has too, where a run of FILE
    is going to look: the project's import must find its own, as without a host."""
    names = set()
    folders = host.runner.searched_folders(host.args, host.scope.home, file)
    for folder in [host.scope.home, *folders]:
        try:
            entries = {entry.partition(".")[0] for entry in posix.listdir(folder)}
        except OSError:
            continue
        names |= {name for name in entries & host.borrowed
                  if os.path.isfile("%s/%s.py" % (folder, name))
                  or os.path.isfile("%s/%s/__init__.py" % (folder, name))}
    return frozenset(names)


def forget_finders(root: str) -> None:
    for path in list(sys.path_importer_cache):
        if path == root or path.startswith(root + "/"):
            del sys.path_importer_cache[path]
    importlib.invalidate_caches()


def finish(status: int) -> None:
    """The end of an interpreter without taking it apart: what waits is waited for."""
    for step in (threading._shutdown, atexit._run_exitfuncs,  # type: ignore[attr-defined]
                 library.last):  # heard of only where the library listens
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


def attach(host, log: trace.Log | None, pid: int) -> bool:  # type: ignore[no-untyped-def]
    """In a child that was just forked by the process PID: it tells LOG from here on, and so does
    each program that it starts. Does the library listen to this process, too?"""
    if log is None or host.tracer is None:
        return False
    place = log.place(pid)
    heard = False
    if host.tracing_why is None:
        library.quiet(1)  # until the run begins
        library.begin(place)
        heard = log.attached() == 1
        library.blocks(heard and host.sources is not None)
    trace.preload(os.environ, host.tracer, place)
    log.close()
    return heard


def _hear_packages(guard) -> None:  # type: ignore[no-untyped-def]
    """What the framework has asked for until now was for its plugins."""
    guard.installed.start(guard.sink.package)


def _listen(host, tells: Looks, known) -> None:  # type: ignore[no-untyped-def]
    """From here on looks are noted, and not by the library. KNOWN: those that were told already."""
    if host.tracing_why is None:  # it worked in the host
        tells.tell("unseen", "", ())
    wrappers.wrap()
    recorder = looks.Recorder(host.scope, tells.tell, host.guard.installed)
    recorder.told(known)
    host.guard.sink = recorder
    looks.start(recorder)


def _hear(host) -> None:  # type: ignore[no-untyped-def]
    """From here on looks are noted, by the library."""
    host.guard.sink = library.Heard(host.scope)
    library.quiet(-1)


class _Part:
    """What is one run's own, in its process. HEARD: by the library."""

    def __init__(self, host, order: dict,  # type: ignore[no-untyped-def, type-arg]
                 heard: bool) -> None:
        number = order["run"]
        self.files = _files(host, order)
        self.file, *self.company = self.files
        self.first = First(order.get("first", ()))
        if self.company:
            self.report: Reporter = Company(host.reports, number, self.files, host.scope)
        else:
            self.report = Reporter(host.reports, number, host.scope.shown(self.file),
                                   library.test if heard and host.by_tests else None)
        self.tells = Looks(host.looks, number)
        settings = host.runner.settings_files()
        looks = [look for file in self.files for look in certain.own(host.scope, file, settings)]
        if not heard:  # else the host tells them
            looks += certain.common(host, self.files)
        self.certain = list(dict.fromkeys(looks))
        self.tells.many((kind, host.scope.shown(path), seen) for kind, path, seen in self.certain)

    def links(self, host) -> None:  # type: ignore[no-untyped-def]
        for file in self.files:
            host.guard.sink.links(host.scope.real(file)[1])

    def ends(self, good: bool) -> int:
        if not self.tells.lost:
            self.report.done()
        else:
            sys.stderr.write("sniffer: some of what this run looked at could not be told\n")
        return 0 if good else 1


def _files(host, order: dict) -> list[str]:  # type: ignore[no-untyped-def, type-arg]
    return [os.path.join(host.scope.root, os.fsdecode(file))
            for file in (order["file"], *order["company"])]


def _become(host, *files: str) -> None:  # type: ignore[no-untyped-def]
    """The process that runs FILES."""
    limit_memory(host.settings.memory)
    _clean_process()
    as_main(host.runner.MAIN)
    make_way(host, *files)


def make_way(host, *files: str) -> None:  # type: ignore[no-untyped-def]
    """What FILES will import is found as without a host."""
    names = frozenset().union(*(shadowed(host, file) for file in files))
    for loaded in list(sys.modules):
        if loaded.partition(".")[0] in names:
            del sys.modules[loaded]
    forget_finders(host.scope.root)


def run(host, order: dict, heard: bool) -> None:  # type: ignore[no-untyped-def, type-arg]
    """Never returns."""
    status = 70
    try:
        _become(host, *_files(host, order))
        part = _Part(host, order, heard)
        gc.enable()
        if heard:
            _hear(host)
        else:
            _listen(host, part.tells, part.certain)
        part.links(host)
        good = host.runner.run(host.args, part.file, part.report,
                               lambda: _hear_packages(host.guard), part.first,
                               company=part.company)
        status = part.ends(good)
    except BaseException:
        traceback.print_exc()
    finish(status)


class _Nobody:
    """The sink of a layer: what goes wrong before its end goes wrong in each run, and is told
    there."""

    def begins(self, file: str | None, name: str) -> str:
        return name

    def ends(self, record: object) -> None:
        pass


def layer(host, folder: str, file: str, log: trace.Log,  # type: ignore[no-untyped-def]
          pid: int, control: int, status: int, early: bool) -> None:
    """In a child that was just forked by the process PID: what runs of FOLDER begin with, of which
    FILE is one, and where they can part at two places up to the first one if EARLY. In those that
    are forked then: one run. Never returns."""
    end = 70
    part: list[_Part] = []

    def park(why: str | None = None) -> tuple[str, object, First]:
        """Where the runs of a folder part; or WHY that was before. Returns in runs only: the file,
        the sink of its records, and which tests come first."""
        try:
            library.quiet(1)  # in each run, until it begins
            library.end()
            line = parked.wait(host.guard.strangers, why)
            pipe, place = ("/proc/%d/fd/%s" % (pid, word) for word in line.split())
            fd = posix.open(pipe, posix.O_RDONLY | posix.O_CLOEXEC)
            posix.setsid()
            library.begin(place)
            library.blocks(host.sources is not None)
            trace.preload(os.environ, host.tracer, place)
            parked.leave()
            order = host.await_order(fd, [])
            host.scope.forget()
            host.guard.forget()
            forget_finders(host.scope.root)
            part.append(_Part(host, order, True))
        except BaseException:
            posix._exit(end)
        library.quiet(-1)
        part[0].links(host)
        parked.argv[-1] = part[0].file
        return part[0].file, part[0].report, part[0].first

    try:
        if not attach(host, log, pid):
            posix._exit(end)
        _become(host, file)
        parked = Parked(control, status)
        host.guard.strangers.clear()
        gc.enable()
        _hear(host)
        host.guard.sink.links(host.scope.real(folder)[1])
        sys.argv = parked.argv
        good = host.runner.run(host.args, file, _Nobody(), lambda: _hear_packages(host.guard),
                               First(()), park, **({"early": True} if early else {}))
        if not part:
            posix._exit(end)  # the settings are broken, or a conftest file
        end = part[0].ends(good)
    except BaseException:
        traceback.print_exc()
    finish(end)
