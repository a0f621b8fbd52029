"""The processes below this one, and the memory of this one."""

from __future__ import annotations

import os
import posix
import resource
import select
import signal
import sys
import time

from . import trace

_KILL_ROUNDS = 200
_POPULATE_WRITE = 23  # madvise, Linux 5.14


class Poor(Exception):
    """No process can be had."""


def fork() -> int:
    try:
        return os.fork()
    except OSError as error:
        raise Poor(error.strerror) from None


def began_ns() -> int:
    """When this process did, in the time that files are stamped with."""
    with open("/proc/self/stat", "rb") as file:
        ticks = int(file.read().rpartition(b")")[2].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / posix.sysconf("SC_CLK_TCK")
    return time.time_ns() - int(age * 1e9)


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


def sweep(spared: set[int]) -> None:
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
        if not _reap_killed(left):
            select.select([], [], [], 0.005)


def _reap_killed(pids: list[int]) -> bool:
    reaped = False
    for pid in pids:
        try:
            reaped = os.waitpid(pid, os.WNOHANG)[0] != 0 or reaped
        except ChildProcessError:
            pass
    return reaped


def limit_memory(size: int) -> None:
    """This process, and each that it starts, has SIZE bytes of memory of its own at most; 0: no limit.
    What is only reserved or shared does not count."""
    if size:
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _parts(words: list[str], shared: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is written to in the memory of a line of /proc/self/maps."""
    begin, end = (int(word, 16) for word in words[0].split("-"))
    name = words[5] if len(words) > 5 else ""
    if words[1] == "rw-p" and (name in ("", "[heap]") or name.startswith("/")):
        return [(begin, end - begin)]
    if words[1] == "rw-s" and name.startswith("/memfd:" + trace.NAME):
        return [(begin + at, length) for at, length in shared if begin + at + length <= end]
    return []


def populate(shared: list[tuple[int, int]]) -> None:
    """Give this process its own copy of the memory that it is going to write to, and SHARED of the
    log, while nobody waits: taken page by page during the run, this costs more than the fork."""
    before = set(sys.modules)
    try:
        import ctypes
        madvise = ctypes.CDLL(None).madvise
        with open("/proc/self/maps") as file:
            lines = file.read().splitlines()
        for line in lines:
            for begin, length in _parts(line.split(), shared):
                madvise(ctypes.c_void_p(begin), ctypes.c_size_t(length), _POPULATE_WRITE)
    except Exception:
        pass  # it only costs time
    for name in set(sys.modules) - before:
        del sys.modules[name]  # the tests' own import must search for it
