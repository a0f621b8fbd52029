"""The blocks of the project's sources, in the host.

A source is compiled once, by the run that loads it first or by the question that comes first, and
kept in the bytecode store; what its blocks are is kept here. A run tells which of them it executed;
what they are the daemon asks when it wants to know, and again when the source was saved.
"""

from __future__ import annotations

import errno
import os
import posix
import stat
import warnings
from json.encoder import encode_basestring_ascii
from types import CodeType

from . import blocks
from .channel import identity, path_json, plain, seen_json
from .store import Store

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Iterable

LARGE = 4 << 20       # a source larger than this has no blocks: nobody writes such a program
_RAN_MAX = 2000       # digits that a look has room for
_KEYS_MAX = 200_000   # blocks that are kept in memory, of all sources
_DIGEST = 8
_TRIES = 5


class Source:
    """The blocks of one version of a source. `told` is how they travel."""

    __slots__ = ("told", "count", "_places")

    def __init__(self, found: blocks.Blocks) -> None:
        keys = [blocks.MODULE] + [key for key in found.digests if key != blocks.MODULE]
        number = {key: index for index, key in enumerate(keys)}
        self.count = len(keys)
        self.told = '"keys":[%s],"digests":"%s"' % (
            ",".join(encode_basestring_ascii(plain(key)) for key in keys),
            "".join(found.digests[key][:_DIGEST].hex() for key in keys))
        # For each place its blocks and all around them, a bit for each.
        self._places: dict[tuple[int, bytes], int] = {}
        for (line, name), owners in found.places.items():
            bits = 1
            for owner in owners:
                bits |= 1 << number[owner]
                for outer in blocks.enclosing(owner):
                    bits |= 1 << number.get(outer, 0)  # a class is part of what is around it
            self._places[line, name.encode("utf-8", "surrogateescape")] = bits

    def bits(self, places: Iterable[tuple[int, bytes]]) -> int | None:
        """The blocks that the code objects at PLACES belong to, a bit for each, and the module's.
        None: one of the places is not in here."""
        bits = 1
        for place in places:
            more = self._places.get(place)
            if more is None:
                return None
            bits |= more
        return bits

    def ran(self, bits: int) -> str | None:
        """BITS as they travel. None: there are too many."""
        size = -(-self.count // 8)
        return bits.to_bytes(size, "little").hex() if 2 * size <= _RAN_MAX else None


class NotASource(Exception):
    """(what is there, what it is instead)"""


class Sources:
    def __init__(self, root: str, store: Store) -> None:
        self._root = root
        self._store = store
        self._known: dict[str, Source] = {}
        self._keys = 0

    def find(self, name: str) -> Source | None:
        """The blocks of what the store keeps under NAME; None: it has none."""
        source = self._known.pop(name, None)
        if source is not None:
            self._known[name] = source  # the last to be forgotten
            return source
        if not name.isalnum():
            return None
        try:
            code = self._store.load(name)
            if not isinstance(code, CodeType):
                return None
            return self._keep(name, Source(blocks.read(code)))
        except Exception:  # nested too deeply, or a constant that nobody knows
            return None

    def _keep(self, name: str, source: Source) -> Source:
        self._known[name] = source
        self._keys += source.count
        while self._keys > _KEYS_MAX and len(self._known) > 1:
            self._keys -= self._known.pop(next(iter(self._known))).count
        return source

    # -- asked by the daemon ---------------------------------------------------------------

    def ask(self, path: str) -> str:
        """What the file PATH, as it travels, is made of now."""
        seen: object = None
        try:
            full = os.path.join(self._root, path)
            data, seen = _read(full)
            source = self._compiled(data, full)
            return _entry(path, seen, source.told)
        except SyntaxError as error:
            message = "%s, line %s" % (error.msg, error.lineno)
        except NotASource as error:
            seen, message = error.args
        except Exception as error:
            message = "%s: %s" % (type(error).__name__, error)
        return _entry(path, seen, '"message":' + encode_basestring_ascii(plain(message)))

    def _compiled(self, data: bytes, path: str) -> Source:
        """As a run of this host would compile it; the run that is to come has it from the store."""
        name = self._store.name(data, path)
        source = self.find(name)
        if source is None:
            with warnings.catch_warnings(record=True) as shown:
                warnings.simplefilter("always")
                code = compile(data, path, "exec", dont_inherit=True)
            source = self._keep(name, Source(blocks.read(code)))
            if not shown:  # else they belong to the run that loads it
                self._store.save(name, code)
        return source


def _entry(path: str, seen: object, rest: str) -> str:
    return '{"path":%s,"seen":%s,%s}' % (path_json(path), seen_json(seen), rest)


def _read(path: str) -> tuple[bytes, object]:
    """The bytes of PATH and the identity that they have."""
    fd = _open(path)
    try:
        for _ in range(_TRIES):
            seen = identity(posix.fstat(fd))
            if not stat.S_ISREG(seen[5]):
                raise NotASource(seen, "not a file")
            if seen[2] > LARGE:
                raise NotASource(seen, "too large: more than %d bytes" % LARGE)
            data = _all_of(fd)
            if identity(posix.fstat(fd)) == seen:
                return data, seen
        raise NotASource(seen, "it is being written")
    finally:
        posix.close(fd)


def _all_of(fd: int) -> bytes:
    parts = []
    at = 0
    while at <= LARGE:
        parts.append(posix.pread(fd, 1 << 20, at))
        if not parts[-1]:
            break
        at += len(parts[-1])
    return b"".join(parts)


def _open(path: str) -> int:
    flags = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK
    try:
        return posix.open(path, flags)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise NotASource(None, "absent") from None
        try:
            there = identity(posix.lstat(path))
        except OSError:
            there = None
        why = "a link" if error.errno == errno.ELOOP else str(error.strerror)
        raise NotASource(there, why) from None
