"""Which installed distributions offer plugins for pytest.

pytest goes through all distributions for that, twice, which takes longer than many a test file and
would make every one of them a piece of evidence. The host does it once, and a run has the answer
for as long as the package folders are as they were. What that rests on is evidence by a key of its
own ("entry points:pytest11", see packages); distributions that lie elsewhere, such as a project
under development, are read by the run itself.
"""

from __future__ import annotations

import functools
import os
import posix
import sys
from importlib import metadata

from .packages import FOLDERS

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUP = "pytest11"


def _offers(distribution: Distribution) -> bool:
    return any(point.group == GROUP for point in distribution.entry_points)


def _stamp(folder: str) -> int | None:
    try:
        return posix.stat(folder).st_mtime_ns
    except OSError:
        return None


class Offers:
    def __init__(self, guard) -> None:  # type: ignore[no-untyped-def]
        self._guard = guard
        self._known: dict[str, tuple[object, list[Distribution]]] = {}

    def __call__(self) -> list[Distribution]:
        found: list[Distribution] = []
        for folder in sys.path:
            if os.path.basename(folder.rstrip("/")) in FOLDERS:
                found += self._installed(folder)
            else:
                found += [one for one in self._all(folder) if _offers(one)]
        return found

    def _all(self, folder: str) -> list[Distribution]:
        with self._guard.quietly(), self._guard.installed.paused():
            return list(metadata.distributions(path=[folder]))

    def _installed(self, folder: str) -> list[Distribution]:
        with self._guard.quietly(), self._guard.installed.paused():
            stamp = _stamp(folder)
            known = self._known.get(folder)
            if known is None or known[0] != stamp:
                found = [one for one in self._all(folder) if _offers(one)]
                known = self._known[folder] = stamp, found
            return known[1]


def install(guard) -> Offers:  # type: ignore[no-untyped-def]
    """The two places where pytest asks. It asks once in each, before it loads anything: what is
    loaded then finds importlib.metadata as it is."""
    from _pytest.config import Config, PytestPluginManager

    offers = Offers(guard)
    for owner, name in ((Config, "_mark_plugins_for_rewrite"),
                        (PytestPluginManager, "load_setuptools_entrypoints")):
        setattr(owner, name, _answered(getattr(owner, name), offers))
    return offers


def _answered(function, offers: Offers):  # type: ignore[no-untyped-def]
    @functools.wraps(function)
    def around(*args, **kwargs):  # type: ignore[no-untyped-def]
        asked = metadata.distributions

        def distributions() -> list[Distribution]:
            metadata.distributions = asked
            return offers()

        metadata.distributions = distributions  # type: ignore[assignment]
        try:
            return function(*args, **kwargs)
        finally:
            metadata.distributions = asked

    return around
