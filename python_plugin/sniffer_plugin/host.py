"""The host: a warm interpreter that forks a fresh child for each test file.

It is one thread and one loop over two descriptors: orders from the daemon, and a pipe that says
that a child died. It runs one file at a time; the child for the next is forked ahead, so that a
save need not wait for a fork. When a run's process is gone, everything it left behind is killed
before the run is called over. The host reads no project files and runs no project code, except
where a project module stands in the way of one that nose imports; then it is loaded as a cold
start would load it, and the host starts itself anew when that changes.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import posix
import select
import signal
import sys
from collections import deque

from . import PROTOCOL, child, guard, looks, nose_runner, trace
from .channel import Channel, Lost, Serial, plain
from .scope import Scope

_KILL_ROUNDS = 200
_POPULATE_WRITE = 23  # madvise, Linux 5.14


class Usage(Exception):
    pass


class Settings:
    def __init__(self, argv: list[str]) -> None:
        self.root = self.framework = self.precision = self.order = ""
        self.args: list[str] = []
        self.env: list[str] = []
        self.fds = {"orders": -1, "reports": -1, "looks": -1}
        self.pending = ""
        words = deque(argv)
        while words:
            name, _, value = words.popleft().partition("=")
            if not _:
                if not words:
                    raise Usage("%s needs a value" % name)
                value = words.popleft()
            self._take(name, value)
        if not self.root or min(self.fds.values()) < 0:
            raise Usage("--root, --orders, --reports and --looks are needed")

    def _take(self, name: str, value: str) -> None:
        if name == "--arg":
            self.args.append(value)
        elif name == "--env":
            self.env.append(value)
        elif name in ("--root", "--framework", "--pending", "--precision", "--order"):
            setattr(self, name[2:], value)
        elif name[2:] in self.fds:
            self.fds[name[2:]] = int(value)
        else:
            raise Usage("unknown option " + name)


def _path(value: object) -> str:
    """A path as it travels."""
    if isinstance(value, dict):
        return os.fsdecode(base64.b64decode(value["b64"]))
    if not isinstance(value, str):
        raise ValueError("not a path")
    return value


def _plain(value: object) -> object:
    """VALUE with all its strings as other JSON readers take them."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def python_words() -> str:
    return "%d.%d.%d %s" % (*sys.version_info[:3], sys.executable)


def environment(args: list[str], names: list[str], framework: str) -> list[tuple[str, str]]:
    """What holds for every run of this host."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = [folder for folder in sys.path if os.path.abspath(folder) != own]
    flags = [(name, getattr(sys.flags, name)) for name in dir(sys.flags)
             if name != "dont_write_bytecode" and isinstance(getattr(sys.flags, name), int)]
    pairs = [
        ("python", "%s %s %s flags %s options %s warnings %s hash seed %s" % (
            sys.implementation.name, " ".join(sys.version.split()), sys.executable,
            " ".join("%s=%d" % pair for pair in flags if pair[1]), sorted(sys._xoptions.items()), sys.warnoptions,
            os.environ.get("PYTHONHASHSEED", "random"))),
        ("framework", framework),
        ("args", json.dumps(args)),
        ("sys.path", json.dumps(path)),
        ("packages", _packages()),
    ]
    for name in names:
        value = os.environ.get(name)
        pairs.append(("env:" + name, "unset" if value is None else "=" + value))
    return pairs


def _packages() -> str:
    """Installed distributions, by the names of their records, which hold the versions."""
    from hashlib import blake2b
    found = []
    for folder in sys.path:
        if folder.endswith(("site-packages", "dist-packages")) and os.path.isdir(folder):
            found.extend(name for name in posix.listdir(folder)
                         if name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth",
                                           ".egg")))
    found.sort()
    digest = blake2b("\0".join(found).encode("utf-8", "surrogateescape"), digest_size=16)
    return "%d %s" % (len(found), digest.hexdigest())


def _children(pid: int) -> list[int]:
    """Direct children of PID."""
    found: list[int] = []
    try:
        for task in posix.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task)) as file:
                found.extend(int(word) for word in file.read().split())
    except OSError:
        pass
    return found


def _below(pid: int, spared: set[int]) -> list[int]:
    found: list[int] = []
    todo = [child_pid for child_pid in _children(pid) if child_pid not in spared]
    while todo:
        one = todo.pop()
        found.append(one)
        todo.extend(_children(one))
    return found


_LULL = 0.03  # seconds without an order, after which nobody is kept waiting by a preparation


class Host:
    def __init__(self, settings: Settings, startup: frozenset[str]) -> None:
        self.settings = settings
        self.args = settings.args
        self.scope = Scope(settings.root)
        self.orders = settings.fds["orders"]
        self.reports = Serial(Channel(settings.fds["reports"]))
        self.looks = Channel(settings.fds["looks"])
        self.guard = guard.Guard(self.scope)
        self.borrowed: frozenset[str] = frozenset()
        self._startup = startup
        self._stamp: object = None
        self._unread = base64.b64decode(settings.pending)
        self._waiting: deque[dict] = deque()  # type: ignore[type-arg]
        self._spare: tuple[int, int] | None = None  # pid, the pipe that gives it its order
        self._run: tuple[int, int] | None = None    # number, pid
        self._tracer = trace.library()
        self._spare_log: trace.Log | None = None
        self._log: trace.Log | None = None
        self._ended = False

    # -- start -----------------------------------------------------------------------------

    def prepare(self) -> bool:
        """Become what `python -m nose` in the root would be, up to its first line."""
        own = {name.partition(".")[0] for name in sys.modules}
        self.borrowed = frozenset(own - self._startup - {"sniffer_plugin", "nose"})
        for name in self.borrowed:
            self._would_search(name)
        looks.wrap()
        self.guard.install()
        self.guard.store.tidy()
        sys.path[0] = self.scope.root
        try:
            version = nose_runner.prepare()
        except nose_runner.Unfit as unfit:
            self._say({"report": "unfit", "kind": unfit.kind, "message": str(unfit)})
            return False
        self._stamp = self._project_modules()
        gc.collect()
        gc.freeze()
        self._say({
            "report": "ready", "protocol": PROTOCOL, "framework": "nose",
            "framework_version": version, "python": python_words(),
            "suffixes": nose_runner.SUFFIXES,
            "environment": environment(self.args, self.settings.env, "nose " + version)})
        return True

    def _would_search(self, name: str) -> None:
        """The host has NAME from before the root was in sys.path; a cold start asks the root."""
        if name not in sys.builtin_module_names:
            self.guard.searches.setdefault(self.scope.root + "/" + name)

    def _project_modules(self) -> object:
        """What the project offers under names that nose imports, and the modules that were loaded
        from it: when this changes, what the host has loaded is not what a cold start would."""
        known = {path.rpartition("/")[2] for path in self.guard.searches
                 if path.rpartition("/")[0] == self.scope.root}
        try:
            names = posix.listdir(self.scope.root)
        except OSError:
            names = []
        offered = tuple(sorted(name for name in names if name.partition(".")[0] in known
                               and name.partition(".")[0] not in self.borrowed))
        states = []
        for path in sorted(self.guard.code):
            try:
                states.append(looks.identity(posix.stat(path)))
            except OSError:
                states.append(None)
        return offered, tuple(states)

    def _say(self, report: dict) -> None:  # type: ignore[type-arg]
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
            for fd, _ in poll.poll():
                if fd == self.orders:
                    self._read()
                else:
                    self._drain(wake)
            self._reap()
        self._kill_all()

    def _terminated(self, *_: object) -> None:
        self._kill_all()
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
                order = json.loads(line)
                if order.get("order") == "classify":
                    self._classify(order)
                elif order.get("order") == "run":
                    self._waiting.append(order)

    def _next(self) -> None:
        """Start what waits; where nothing does, have a child ready for what will come."""
        if self._run is not None or self._ended:
            return
        if self._waiting:
            if self._project_modules() != self._stamp:
                self._start_anew()
            self._start(self._waiting.popleft())
        elif self._spare is None:
            self._spare = self._fork_spare()

    # -- children --------------------------------------------------------------------------

    def _fork_spare(self) -> tuple[int, int]:
        theirs, ours = os.pipe2(os.O_CLOEXEC)
        sys.stdout.flush()
        sys.stderr.flush()
        if self._spare_log is not None:
            self._spare_log.close()
        self._spare_log = trace.Log(self.scope) if self._tracer else None
        host = posix.getpid()
        pid = os.fork()
        if pid == 0:
            posix.close(ours)
            if self._spare_log is not None and self._tracer is not None:
                self._spare_log.environment(host, self._tracer)
                self._spare_log.close()
            self._wait_for_order(theirs)
        posix.close(theirs)
        return pid, ours

    def _wait_for_order(self, pipe: int) -> None:
        """In the spare child. Never returns."""
        order = None
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            posix.close(self.orders)
            # While one run follows the other, copying all memory ahead costs more than it saves.
            if not select.select([pipe], [], [], _LULL)[0]:
                _populate()
            data = b""
            while not data.endswith(b"\n"):
                more = posix.read(pipe, 1 << 16)
                if not more:
                    posix._exit(0)
                data += more
            posix.close(pipe)
            order = json.loads(data)
            order["file"] = _path(order["file"])
        except BaseException:
            posix._exit(70)
        child.run(self, order)

    def _start(self, order: dict) -> None:  # type: ignore[type-arg]
        number = int(order["run"])
        line = json.dumps(order).encode("ascii") + b"\n"
        for _ in range(3):  # a spare may have been killed by somebody
            if self._spare is None:
                self._spare = self._fork_spare()
            (pid, pipe), self._spare = self._spare, None
            try:
                while line:
                    line = line[posix.write(pipe, line):]
            except BrokenPipeError:
                continue
            finally:
                posix.close(pipe)
            break
        self._run = (number, pid)
        self._log, self._spare_log = self._spare_log, None
        self._say({"report": "started", "run": number, "pid": pid})

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._spare is not None and pid == self._spare[0]:
                posix.close(self._spare[1])
                self._spare = None
            elif self._run is not None and pid == self._run[1]:
                self._over(status)

    def _over(self, status: int) -> None:
        assert self._run is not None
        number, _ = self._run
        self._run = None
        self._sweep({self._spare[0]} if self._spare else set())
        self.reports.mend()
        self._tell_log(number)
        self._say({"report": "exited", "run": number,
                   "status": -1 if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
                   "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0})

    def _tell_log(self, number: int) -> None:
        """What the programs that the run started have looked at."""
        if self._log is None:
            return
        tells = child.Looks(self.looks, number)
        tells.many(self._log.looks())
        if tells.lost or not self._log.whole():
            tells.tell("unseen", "", ())
        self._log.close()
        self._log = None

    def _sweep(self, spared: set[int]) -> None:
        """Kill and reap everything below but SPARED. What cannot be killed is not waited for."""
        for _ in range(_KILL_ROUNDS):
            left = _below(posix.getpid(), spared)
            if not left:
                return
            for pid in left:
                try:
                    posix.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            if not self._reap_killed(left):
                select.select([], [], [], 0.005)

    @staticmethod
    def _reap_killed(pids: list[int]) -> bool:
        reaped = False
        for pid in pids:
            try:
                reaped = os.waitpid(pid, os.WNOHANG)[0] != 0 or reaped
            except ChildProcessError:
                pass
        return reaped

    def _kill_all(self) -> None:
        self._sweep(set())

    # -- the other question ----------------------------------------------------------------

    def _classify(self, order: dict) -> None:  # type: ignore[type-arg]
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            try:
                posix.close(ours)
                self._answer(theirs, order)
            finally:
                posix._exit(0)
        posix.close(theirs)
        parts = []
        while True:
            part = posix.read(ours, 1 << 16)
            if not part:
                break
            parts.append(part)
        posix.close(ours)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass
        try:
            indexes, message = json.loads(b"".join(parts))
        except ValueError:
            indexes, message = [], "nose died while it was asked for its test files"
        self._say({"report": "classified", "id": order["id"],
                   "tests": [order["paths"][i] for i in indexes], "message": message})

    def _answer(self, pipe: int, order: dict) -> None:  # type: ignore[type-arg]
        """In a child of its own."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        child.forget_finders(self.scope.root)
        paths = [_path(value) for value in order["paths"]]
        tests, message = nose_runner.classify(self.args, paths)
        wanted = set(tests)
        answer = json.dumps([[i for i, path in enumerate(paths) if path in wanted], message])
        data = answer.encode("ascii")
        while data:
            data = data[posix.write(pipe, data):]

    # -- again -----------------------------------------------------------------------------

    def _start_anew(self) -> None:
        """Run this program again in this process, with what was ordered so far."""
        self._kill_all()
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


def _populate() -> None:
    """Give this process its own copy of the memory that it is going to write to, while nobody
    waits: taken page by page during the run, this costs more than the fork."""
    before = set(sys.modules)
    try:
        import ctypes
        madvise = ctypes.CDLL(None).madvise
        with open("/proc/self/maps") as file:
            lines = file.read().splitlines()
        for line in lines:
            words = line.split()
            if words[1] == "rw-p" and (len(words) < 6 or words[5] == "[heap]"
                                       or words[5].startswith("/")):
                begin, end = (int(word, 16) for word in words[0].split("-"))
                madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _POPULATE_WRITE)
    except Exception:
        pass  # it only costs time
    for name in set(sys.modules) - before:
        del sys.modules[name]  # the tests' own import must search for it


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
        host._kill_all()  # the daemon is gone
    return 0
