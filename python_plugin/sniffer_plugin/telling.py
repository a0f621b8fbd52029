"""What is told of a run, line by line: results by its child, looks by whoever notes them."""

from __future__ import annotations

import posix
from json.encoder import encode_basestring_ascii

from . import debugger
from .channel import PIPE_BUF, Channel, Lost, Serial, path_json, plain, seen_json
from .names import Names

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_getpid = posix.getpid
_TEXT_MAX = 200_000
_PAIRS = 1000  # that a line has


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

    def __init__(self, serial: Serial, run: int, file: str,
                 mark: Callable[[str], None] | None = None) -> None:
        """FILE: as people know it. MARK(name) is called when a test begins, and MARK("") when it is over."""
        self._serial = serial
        self._run = run
        self._file = file
        self._mark = mark
        self._pid = _getpid()
        self._names = Names()

    def say(self, report: str, rest: str = "") -> None:
        if _getpid() == self._pid:
            self._serial.line('{"report":"%s","run":%d%s}' % (report, self._run, rest))

    def begins(self, file: str | None, name: str) -> str:
        name = self._names.unique(name)
        self.say_begins(name)
        if self._mark is not None:
            self._mark(name)
        return name

    def ends(self, record) -> None:  # type: ignore[no-untyped-def]
        if self._mark is not None:
            self._mark("")
        debugger.amend(record, self._file)
        self.say_ends(record)

    def say_begins(self, name: str, file: str = "") -> None:
        """FILE, as it travels, where the run has several."""
        self.say("test", _of(file) + ',"test":' + quote(name))

    def say_ends(self, record, file: str = "") -> None:  # type: ignore[no-untyped-def]
        self.say("result", '%s,"test":%s,"outcome":"%s","duration_ms":%.3f,"exception":%s,'
                           '"report_text":%s'
                 % (_of(file), quote(record.name), record.outcome, record.duration_ms,
                    quote(record.exception), quote(shorten(record.report))))

    def done(self) -> None:
        self.say("done")


def _of(file: str) -> str:
    return ',"file":' + file if file else ""


def tested_lines(run: int, path: str, tests: dict[str, str]) -> Iterator[str]:
    """Which blocks of PATH the tests executed, in as many lines as that takes."""
    pairs = ["[%s,\"%s\"]" % (quote(test), ran) for test, ran in tests.items()]
    for at in range(0, len(pairs), _PAIRS):
        yield '{"report":"tested","run":%d,"path":%s,"tests":[%s]}' % (
            run, path_json(path), ",".join(pairs[at:at + _PAIRS]))


def warm_line(spares: int, layers: int, without: list[tuple[str, str]]) -> str:
    """What the next runs need not do themselves; WITHOUT: (folder, why) of those that must, as many
    as a line has that is written whole, whatever the children write."""
    room = PIPE_BUF - 128
    items: list[str] = []
    for folder, why in without:
        item = '{"folder":%s,"why":%s}' % (path_json(folder), quote(why))
        room -= len(item) + 1
        if room < 0:
            break
        items.append(item)
    return '{"report":"warm","spares":%d,"layers":%d,"without":[%s],"more":%d}' % (
        spares, layers, ",".join(items), len(without) - len(items))


class Looks:
    """Where a run's looks go. A look that cannot be told is remembered as lost: a run whose
    evidence is not whole may not end well."""

    def __init__(self, channel: Channel, run: int) -> None:
        self._channel = channel
        self._run = run
        self.lost = False

    def line(self, kind: str, path: str, seen: object, ran: str | None = None) -> bytes:
        if kind == "wrote":
            text = '{"report":"wrote","run":%d,"path":%s%s}\n' % (
                self._run, path_json(path), "" if seen == () else ',"seen":' + seen_json(seen))
        elif kind == "unseen":  # more happened here than is told
            text = '{"report":"look","run":%d,"kind":"content","path":%s,"unseen":true}\n' % (
                self._run, path_json(path))
        else:
            text = '{"report":"look","run":%d,"kind":"%s","path":%s%s%s}\n' % (
                self._run, kind, path_json(path),
                "" if seen == () else ',"seen":' + seen_json(seen),
                "" if ran is None else ',"ran":"%s"' % ran)
        return text.encode("ascii")

    def tell(self, kind: str, path: str, seen: object) -> None:
        """While others may be writing, too."""
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
        for item in items:
            line = self.line(*item)
            if batch and len(batch) + len(line) > PIPE_BUF:
                self.write(batch)
                batch = b""
            batch += line
        if batch:
            self.write(batch)

    def all(self, items, ahead: bytes = b"") -> None:  # type: ignore[no-untyped-def]
        """When nobody else writes any more; AHEAD are lines that were made before."""
        lines = [ahead]
        for item in items:
            line = self.line(*item)
            if len(line) > PIPE_BUF:
                line = self.line(*item[:3])  # without the blocks: all of them count
            if len(line) > PIPE_BUF:
                self.lost = True
            else:
                lines.append(line)
        try:
            self._channel.write(b"".join(lines))
        except (Lost, OSError):
            self.lost = True
