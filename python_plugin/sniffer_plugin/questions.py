"""What the daemon asks of a host besides runs: which are test files, what sources are made of."""

from __future__ import annotations

import base64
import json
import os
import posix
import signal
import sys
import time

from . import child, library, processes, rests, trace
from .evidence import Run

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from typing import Any


def path_of(value: object) -> str:
    """A path as it travels."""
    if isinstance(value, dict):
        return os.fsdecode(base64.b64decode(value["b64"]))
    if not isinstance(value, str):
        raise ValueError("not a path")
    return value


def classified(host, order: dict[str, Any]) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    """Asked of the framework, in a process of its own, whose looks are what the answer rests on."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    sys.stdout.flush()
    sys.stderr.flush()
    log = None
    if host.tracer is not None and host.tracing_why is None:
        log = trace.Log(trace.filters(host.scope), 1)
    began = time.time_ns()
    parent = posix.getpid()
    pid = processes.fork()
    if pid == 0:
        try:
            posix.close(ours)
            _answer(host, theirs, order, log, parent)
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
        indexes, message, unused, any_name = json.loads(b"".join(parts))
    except ValueError:
        indexes, unused, any_name = [], None, False
        message = host.runner.NAME + " died while it was asked for its test files"
    return {"report": "classified", "id": order["id"],
            "tests": [order["paths"][i] for i in indexes], "message": message, "unused": unused,
            "any_name": any_name, "rests": _rests(host, log, began, order)}


def _rests(host, log: trace.Log | None, began: int,  # type: ignore[no-untyped-def]
           order: dict[str, Any]) -> rests.Rests | None:
    """None: it is not known."""
    if log is None:
        return None
    run = Run(host.scope, None, began)
    found = run.looks(log.records())
    heard = run.ended() and log.whole()
    log.close()
    candidates = [path_of(path) for path in order["paths"]]
    return rests.looks(host.scope, found, candidates) if heard else None


def _answer(host, pipe: int, order: dict[str, Any],  # type: ignore[no-untyped-def]
            log: trace.Log | None, parent: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    heard = child.attach(host, log, parent)
    child.forget_finders(host.scope.root)
    home = host.scope.shown(host.scope.home)
    paths = [os.path.relpath(path_of(value), home or ".") for value in order["paths"]]
    if heard:
        library.blocks(False)
        host.guard.sink = library.Heard(host.scope)
        library.quiet(-1)
    tests, message, unused, any_name = host.runner.classify(host.args, paths)
    if heard:
        library.last()
        library.quiet(1)
    wanted = set(tests)
    answer = json.dumps([[i for i, path in enumerate(paths) if path in wanted], message, unused,
                         any_name])
    data = answer.encode("ascii")
    while data:
        data = data[posix.write(pipe, data):]


def blocks_line(sources, order: dict[str, Any]) -> str:  # type: ignore[no-untyped-def]
    """Nothing is executed for it, so it is answered in the host itself, whatever runs."""
    entries = [sources.ask(path_of(value)) for value in order["paths"]]
    return '{"report":"blocks","id":%d,"sources":[%s]}' % (order["id"], ",".join(entries))
