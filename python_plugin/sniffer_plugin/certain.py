"""Looks that are true of a run before it begins, whoever notes what follows.

What is a file's own is looked at in the process of the run, before anything else there. What the
host had loaded and searched for itself, and what every run may look for, is the same for one run
after the other: where the host tells what a run's log says, it tells this as well, in lines that
it need not make again."""

from __future__ import annotations

import os
import posix

from .channel import PIPE_BUF, identity
from .telling import Looks

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .channel import Channel
    from .scope import Scope

    Look = tuple[str, str, object]  # kind, real path, seen

_ROOM = 32  # bytes that a line grows by when it gets its number


def _seen(path: str) -> tuple[int, ...] | None:
    try:
        return identity(posix.lstat(path))
    except OSError:
        return None


def own(scope: Scope, file: str, settings: Iterable[str]) -> Iterator[Look]:
    """The file itself, the packages on the way, the framework's settings."""
    yield "content", file, _seen(file)
    folder = os.path.dirname(file)
    while folder.startswith(scope.root + "/"):
        init = folder + "/__init__.py"
        now = _seen(init)
        yield ("content" if now else "presence"), init, now
        folder = os.path.dirname(folder)
    for path in settings:
        path, _ = scope.real(os.path.join(scope.home, path))
        now = _seen(path)
        yield ("content" if now else "presence"), path, now


def common(host, files: Iterable[str]) -> Iterator[Look]:  # type: ignore[no-untyped-def]
    """What the host has loaded and searched for, and where runs of FILES are going to search."""
    noted = host.guard.noted
    for path, now in noted.code.items():
        yield "code", path, now
    for path in noted.searches:
        yield "search", path, ()
    folders = dict.fromkeys(
        folder for file in files
        for folder in host.runner.searched_folders(host.args, host.scope.home, file))
    for folder in folders:
        if os.path.isdir(folder):
            for name in sorted(host.borrowed):
                yield "search", folder + "/" + name, ()
        else:
            yield "presence", folder, _seen(folder)
    for group in host.runner.ENTRY_POINTS:
        yield "environment", "entry points:" + group, ()


class Common:
    """The lines of common(), in the host."""

    def __init__(self, host, channel: Channel) -> None:  # type: ignore[no-untyped-def]
        self._host = host
        self._lines = Looks(channel, 0)
        self._looks: list[Look] | None = None
        self._told = b""
        self._lost = False

    def ahead(self, run: int, files: Iterable[str]) -> tuple[bytes, bool]:
        """What is to be told of RUN, which is about to begin; and is something missing?"""
        looks = list(common(self._host, files))
        if looks != self._looks:
            self._make(looks)
        return self._told.replace(b'"run":0,', b'"run":%d,' % run), self._lost

    def _make(self, looks: list[Look]) -> None:
        shown = self._host.scope.shown
        lines = [self._lines.line(kind, shown(path), seen) for kind, path, seen in looks]
        short = [line for line in lines if len(line) + _ROOM <= PIPE_BUF]
        self._looks, self._told, self._lost = looks, b"".join(short), len(short) < len(lines)
