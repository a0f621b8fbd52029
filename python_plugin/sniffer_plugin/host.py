"""The host: a warm interpreter that forks a fresh child for each test file.

It is one thread and one loop over two descriptors: orders from the daemon, and a pipe that says
that a child died. It carries out one run at a time; the child for the next is forked ahead, so that a
save need not wait for a fork. When a run's process is gone, everything it left behind is killed
before the run is called over. The host executes no project code, except where a project module
stands in the way of one that the framework imports; then it is loaded as a cold start would load
it, and the host starts itself anew when that changes.
"""

from __future__ import annotations

import base64
import gc
import itertools
import json
import os
import posix
import select
import signal
import sys
import time
import types
from collections import deque

from . import (PROTOCOL, certain, child, debugger, framework, guard, layers, library, looks,
               packages, questions, rests, trace, trial, weak, wrappers)
from .channel import Channel, Lost, Serial, identity, plain
from .environment import environment, files_read, python_words
from .evidence import Run
from .processes import Poor, began_ns, fork, populate, sweep
from .scope import Scope
from .settings import Settings, Usage
from .sources import Sources
from .spares import Spare
from .telling import Looks, tested_lines, warm_line

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from typing import Any

_LULL = 0.2  # seconds without an order, after which nobody is kept waiting by a preparation


def _plain(value: object) -> object:
    """VALUE with all its strings as other JSON readers take them."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


class Host:
    def __init__(self, settings: Settings, startup: frozenset[str]) -> None:
        self.settings = settings
        self.args = settings.args
        self.scope = Scope(settings.root, settings.package)
        self.orders = settings.fds["orders"]
        self.reports = Serial(Channel(settings.fds["reports"]))
        self.looks = Channel(settings.fds["looks"])
        self.borrowed: frozenset[str] = frozenset()
        self.runner: types.ModuleType  # of the framework
        self.tracer = trace.library()
        # Where these are not None, evidence is coarser than it could be.
        self.tracing_why = trial.hears()
        self.precision_why = self.tracing_why or trial.sees_blocks()
        self.guard = guard.Guard(self.scope, looks.quiet if self.tracing_why else library.quiet)
        by_blocks = settings.precision == "block" and self.precision_why is None
        self.sources = Sources(self.scope.root, self.guard.store) if by_blocks else None
        self.by_tests = by_blocks and settings.order == "changed-first"
        self.packages = packages.Packages(sys.path, self.scope.root)
        self._common = certain.Common(self, self.looks)
        self._startup = startup
        self._stamp: object = None
        self._unread = base64.b64decode(settings.pending)
        self._waiting: deque[dict[str, Any]] = deque()
        self._spare: Spare | None = None
        self._run: tuple[int, Spare] | None = None  # number, who has it
        self._began = 0
        self._layers = layers.Layers()
        self._layer: layers.Layer | None = None  # that of the last run
        self._told = ""  # of what is warm
        self._ended = False

    # -- start -----------------------------------------------------------------------------

    def prepare(self) -> bool:
        """Become what `python -m FRAMEWORK` at home would be, up to its first line."""
        own = {name.partition(".")[0] for name in sys.modules}
        self.borrowed = frozenset(own - self._startup - {"sniffer_plugin"})
        for name in self.borrowed:
            self._would_search(name)
        if self.tracing_why is None:
            library.wrap()
        else:
            wrappers.wrap()
        self.guard.install()
        debugger.install(self.guard)
        self.guard.store.tidy()
        sys.path[0] = self.scope.home
        try:
            self.runner = framework.load(self.settings.framework)
            version = self.runner.prepare(self.guard)
            # What it remembers of its arguments no run has to find out.
            self.runner.searched_folders(self.args, self.scope.root, self.scope.root)
        except framework.Unfit as unfit:
            self._say({"report": "unfit", "kind": unfit.kind, "message": str(unfit)})
            return False
        if self.tracing_why is None:
            weak.install(sys.audit)
        self.guard.installed.loaded(sys.modules)
        self._stamp = self._project_modules()
        gc.collect()
        if self.sources is not None and self.tracing_why is None:
            log = trace.Log(trace.filters(self.scope), 0, 1 << 16)
            library.foresee(log.place(posix.getpid()))
            log.close()
        gc.freeze()
        self._say(self._ready(version))
        return True

    def _ready(self, version: str) -> dict[str, object]:
        by_blocks = self.sources is not None
        asked = self.settings.precision == "file"
        settings = self.runner.settings_files()
        read = [*files_read(settings), *self.packages.scripts()]
        return {
            "report": "ready", "protocol": PROTOCOL, "framework": self.runner.NAME,
            "framework_version": version, "python": python_words(),
            "suffixes": self.runner.SUFFIXES,
            "environment": environment(
                self.args, [*self.settings.env, *self.runner.VARIABLES],
                "%s %s" % (self.runner.NAME, version), self.packages,
                settings, self.settings.order, self.settings.isolation, self.settings.memory),
            "distributions": self.packages.everything(),
            "precision": "block" if by_blocks else "file",
            "precision_why": None if by_blocks or asked else self.precision_why,
            "tracing": "python" if self.tracing_why else "library",
            "tracing_why": self.tracing_why,
            "rests": rests.environment(self.scope, self.guard.noted, read), "began_ns": began_ns()}

    def _would_search(self, name: str) -> None:
        """The host has NAME from before the root was in sys.path; a cold start asks its home."""
        if name not in sys.builtin_module_names:
            self.guard.noted.searches.setdefault(self.scope.home + "/" + name)

    def _project_modules(self) -> object:
        """What the project offers under names that the framework imports, and the modules that
        were loaded from it: when this changes, what the host has loaded is not what a cold start
        would."""
        known = {path.rpartition("/")[2] for path in self.guard.noted.searches
                 if path.rpartition("/")[0] == self.scope.home}
        try:
            names = posix.listdir(self.scope.home)
        except OSError:
            names = []
        offered = tuple(sorted(name for name in names if name.partition(".")[0] in known
                               and name.partition(".")[0] not in self.borrowed))
        states = []
        for path in sorted(self.guard.noted.code):
            try:
                states.append(identity(posix.stat(path)))
            except OSError:
                states.append(None)
        return offered, tuple(states)

    def _say(self, report: dict[str, Any]) -> None:
        self.reports.line(json.dumps(_plain(report)))

    # -- the loop --------------------------------------------------------------------------

    def serve(self) -> None:
        wake, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._terminated)
        os.set_inheritable(self.orders, False)
        poll = select.poll()
        poll.register(self.orders, select.POLLIN)
        poll.register(wake, select.POLLIN)
        self._take_lines()
        while not self._ended:
            self._next()
            self._tell_warm()
            awaited = self._layers.awaited()
            for layer in awaited:
                poll.register(layer.status, select.POLLIN)
            left = self._layers.left()
            ready = dict(poll.poll(None if left is None else left * 1000))
            for layer in awaited:
                poll.unregister(layer.status)
                if layer.status in ready or layer.left() == 0:
                    layer.built(self.scope, self.sources)
            self._put_away()
            if self.orders in ready:
                self._read()
            if wake in ready:
                self._drain(wake)
            self._reap()
        self.kill_all()

    def _terminated(self, *_: object) -> None:
        self.kill_all()
        posix._exit(0)

    def _drain(self, wake: int) -> None:
        try:
            posix.read(wake, 4096)
        except BlockingIOError:
            pass

    def _read(self) -> None:
        try:
            data = posix.read(self.orders, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            self._ended = True
        self._unread += data
        self._take_lines()

    def _take_lines(self) -> None:
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            if line.strip():
                self._take(json.loads(line))

    def _take(self, order: dict[str, Any]) -> None:
        word = order.get("order")
        if word == "classify":
            self._say(questions.classified(self, order))
        elif word == "blocks":
            sources = self.sources or Sources(self.scope.root, self.guard.store)
            self.reports.line(questions.blocks_line(sources, order))
        elif word == "run":
            self._waiting.append(order)

    def _next(self) -> None:
        """Start what waits; where nothing does, have a child ready for what will come."""
        if self._run is not None or self._ended:
            return
        if not self._waiting:
            if self._spare is None:
                self._spare = self._fork_from(self._layer)
            return
        if self._project_modules() != self._stamp:
            self._start_anew()
        layer = self._layer_for(self._waiting[0])
        if layer is not None and layer.left() is not None:
            return  # it will tell
        self._layer = layer if layer is not None and layer.ready else None
        self._start(self._waiting.popleft())

    # -- layers ----------------------------------------------------------------------------

    def _put_away(self) -> None:
        """What nobody needs any more."""
        if self._layers.put_away(self._run is not None):
            self._layer = None
            if self._spare is not None and self._spare.layer is not None:
                self._spare.discard()
                self._spare = None

    def _layer_for(self, order: dict[str, Any]) -> layers.Layer | None:
        """What the runs of this file's folder begin with; begun, where there was none."""
        if order.get("company"):
            return None  # a layer is for runs of one file
        if not self.runner.PARKS or self.tracing_why is not None or self.tracer is None:
            return None
        file = os.path.join(self.scope.root, os.fsdecode(questions.path_of(order["file"])))
        if os.path.islink(file):
            return None
        folder = self.runner.layer_folder(self.scope.home, file)
        key = folder, child.shadowed(self, file)
        layer = self._layers.of(key)
        if layer is None and self._layers.have_room(folder):
            early = self._layers.parts_early(key)
            log = trace.Log(trace.filters(self.scope), 1)

            def fork(control: int, status: int) -> int:
                return self._fork_layer(folder, file, log, control, status, early)

            layer = layers.Layer(key, file, fork, log, self.runner.PARKS > 1 and not early)
            self._layers.add(layer)
        return layer

    def _fork_layer(self, folder: str, file: str, log: trace.Log, control: int,
                    status: int, early: bool) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        host = posix.getpid()
        pid = fork()
        if pid == 0:
            try:
                self._leave_host()
                self._layers.close()
            except BaseException:
                posix._exit(70)
            child.layer(self, folder, file, log, host, control, status, early)
        return pid

    def _tell_warm(self) -> None:
        """Where it is not as it was told last."""
        line = warm_line(int(self._spare is not None), self._layers.count(),
                         [(self.scope.shown(folder), why)
                          for folder, why in self._layers.without()])
        if line != self._told:
            self._told = line
            self.reports.line(line)

    # -- children --------------------------------------------------------------------------

    def _leave_host(self) -> None:
        """In a forked process."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        posix.close(self.orders)
        if self._spare is not None:
            self._spare.discard()

    def _fork_from(self, layer: layers.Layer | None) -> Spare | None:
        """A child, forked from LAYER, or from this process. None: that LAYER is broken."""
        theirs, ours = os.pipe2(os.O_CLOEXEC)
        log = None
        if self.tracer is not None:
            # What is told of tests is not to be missing where verdicts need it.
            log = trace.Log(trace.filters(self.scope), int(self.tracing_why is None),
                            trace.SIZE * 2 if self.by_tests else trace.SIZE)
        if layer is None:
            pid = self._fork_spare(theirs, ours, log)
        else:
            pid = layer.spare(theirs, log.fd) if log is not None else 0
        posix.close(theirs)
        spare = Spare(pid, ours, log, layer)
        if pid != 0:
            return spare
        spare.discard()
        if layer is not None:
            self._layers.drop(layer)
            self._layer = None
        return None

    def _fork_spare(self, theirs: int, ours: int, log: trace.Log | None) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        host = posix.getpid()
        pid = fork()
        if pid == 0:
            posix.close(ours)
            self._wait_for_order(theirs, log, host)
        return pid

    def _wait_for_order(self, pipe: int, log: trace.Log | None, host: int) -> None:
        """In the spare child. Never returns."""
        try:
            self._leave_host()
            self._layers.close()
            busy = log.busy() if log is not None else []
            heard = child.attach(self, log, host)
            order = self.await_order(pipe, busy)
        except BaseException:
            posix._exit(70)
        child.run(self, order, heard)

    def await_order(self, pipe: int, busy: list[tuple[int, int]]) -> dict[str, Any]:
        """In a child. Leaves where none will come."""
        # While one run follows the other, copying all memory ahead costs more than it saves.
        if not select.select([pipe], [], [], _LULL)[0]:
            populate(busy)
        data = b""
        while not data.endswith(b"\n"):
            more = posix.read(pipe, 1 << 16)
            if not more:
                posix._exit(0)
            data += more
        posix.close(pipe)
        order: dict[str, Any] = json.loads(data)
        order["file"] = questions.path_of(order["file"])
        order["company"] = [questions.path_of(path) for path in order.get("company", ())]
        return order

    def _start(self, order: dict[str, Any]) -> None:
        number = int(order["run"])
        line = json.dumps(order).encode("ascii") + b"\n"
        ahead = self._common.ahead(number, [
            os.path.join(self.scope.root, os.fsdecode(questions.path_of(path)))
            for path in (order["file"], *order.get("company", ()))])
        if self._spare is not None and self._spare.layer is not self._layer:
            self._spare.discard()
            self._spare = None
        for _ in range(3):  # a spare may have been killed by somebody
            spare = self._spare or self._fork_from(self._layer) or self._fork_from(None)
            assert spare is not None
            self._spare = None
            spare.ahead = ahead
            self._began = time.time_ns()
            if spare.give(line):
                break
        self._run = (number, spare)
        self._say({"report": "started", "run": number, "pid": spare.pid})

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._spare is not None and pid == self._spare.pid:
                self._spare.discard()
                self._spare = None
            elif self._run is not None and pid == self._run[1].pid:
                self._over(status)
            for layer in self._layers:
                if pid == layer.pid and layer.ready:
                    self._layers.drop(layer)

    def _over(self, status: int) -> None:
        assert self._run is not None
        number, spare = self._run
        self._run = None
        sweep(self._layers.pids() | ({self._spare.pid} if self._spare else set()))
        self.reports.mend()
        self._tell_log(number, spare)
        self._say({"report": "exited", "run": number,
                   "status": -1 if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
                   "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0})

    def _tell_log(self, number: int, spare: Spare) -> None:
        """What the run's processes have looked at."""
        if spare.log is None:
            return
        before = spare.layer.records if spare.layer is not None else []
        run = Run(self.scope, self.sources, self._began)
        found = run.looks(itertools.chain(before, spare.log.records()))
        for path, tests in run.tested().items():
            for line in tested_lines(number, path, tests):
                self.reports.line(line)
        tells = Looks(self.looks, number)
        ahead, lost = spare.ahead
        tells.all(found, ahead if self.tracing_why is None else b"")
        if lost or tells.lost or not run.is_heard() or not spare.log.whole():
            tells.tell("unseen", "", ())
        spare.log.close()

    def kill_all(self) -> None:
        sweep(set())

    # -- again -----------------------------------------------------------------------------

    def _start_anew(self) -> None:
        """Run this program again in this process, with what was ordered so far."""
        self.kill_all()
        self._spare = None
        rest = b"".join(json.dumps(order).encode("ascii") + b"\n" for order in self._waiting)
        with open("/proc/self/cmdline", "rb") as file:
            argv = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
        argv = [word for word in argv if not word.startswith("--pending=")]
        argv.append("--pending=" + base64.b64encode(rest + self._unread).decode("ascii"))
        fds = self.settings.fds
        for fd, name in ((self.reports.fd, "reports"), (self.looks.fd, "looks")):
            os.dup2(fd, fds[name])
        os.set_inheritable(self.orders, True)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.execv(sys.executable, argv)


def main(argv: list[str], startup: frozenset[str]) -> int:
    try:
        host = Host(Settings(argv), startup)
    except (Usage, ValueError) as error:
        sys.stderr.write("sniffer_host: %s\n" % error)
        return 2
    try:
        if not host.prepare():
            return 3
        host.serve()
    except (BrokenPipeError, Lost):
        host.kill_all()  # the daemon is gone
    except Poor as error:
        host.kill_all()
        sys.stderr.write("sniffer_host: cannot start a process: %s\n" % error)
        return 4
    return 0
