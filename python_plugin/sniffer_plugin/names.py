"""Names of tests, each once."""

from __future__ import annotations


class Names:
    def __init__(self) -> None:
        self._given: set[str] = set()

    def unique(self, name: str) -> str:
        """NAME, or the first of "NAME #2", "NAME #3" ... that was not given yet."""
        shown, count = name, 1
        while shown in self._given:
            count += 1
            shown = "%s #%d" % (name, count)
        self._given.add(shown)
        return shown
