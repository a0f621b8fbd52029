"""Some tests of a file before its others, as far as that does no harm.

What is set up once for several tests is still set up once: tests that share a class, or whatever
else the framework sets up around them, stay together, and move together. Nothing is taken apart,
and among those that come first, as among the others, the order stays as it was. Whether tests rest
on each other's traces nobody can see: this is for tests that may run in any order.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

_REPEATED = re.compile(r" #\d+$")


def is_doctest(case: object) -> bool:
    """They tell a story from its beginning to its end."""
    kind = getattr(sys.modules.get("doctest"), "DocTestCase", None)
    return kind is not None and isinstance(case, kind)


class First:
    """Tests by their names. Those that share a name (names.Names) move together, so that each keeps
    its number."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(_REPEATED.sub("", name) for name in names)

    def __bool__(self) -> bool:
        return bool(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._names


def ahead(tests: Sequence[T], comes_first: Callable[[T], bool],
          around: Callable[[T], Sequence[Hashable]],
          setting: Callable[[T], Hashable] = lambda _: None) -> list[T]:
    """TESTS anew. AROUND a test is what holds it, from the outside in. No test passes one that has
    another SETTING: going from one to the other means that something is set up again."""
    first = {id(test) for test in tests if comes_first(test)}
    return _arrange(list(tests), 0, first, around, setting) if first else list(tests)


def _arrange(tests: list[T], depth: int, first: set[int],
             around: Callable[[T], Sequence[Hashable]],
             setting: Callable[[T], Hashable]) -> list[T]:
    def holder(test: T) -> Hashable:
        chain = around(test)
        return chain[depth] if depth < len(chain) else ("test", id(test))

    units = [list(unit) for _, unit in groupby(tests, holder)]
    found: list[T] = []
    for _, stretch in groupby(units, lambda unit: _common(unit, setting)):
        for unit in sorted(stretch, key=lambda unit: not any(id(t) in first for t in unit)):
            inner = depth < len(around(unit[0]))
            found += _arrange(unit, depth + 1, first, around, setting) if inner else unit
    return found


def _common(unit: list[T], setting: Callable[[T], Hashable]) -> Hashable:
    """The setting of all in UNIT; where they have several, one of its own."""
    settings = {setting(test) for test in unit}
    return settings.pop() if len(settings) == 1 else ("several", id(unit))
