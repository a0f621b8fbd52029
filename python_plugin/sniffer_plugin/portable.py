"""Evidence that travels: what of it is about this machine alone.

A value of the environment has two parts. What stands before `HERE` is the same on every machine
that has the same: versions, contents, paths as seen from the project and from the interpreter.
What stands behind it is how this machine knows it: time stamps, absolute paths. At home both
count; a verdict that came from another machine rests on the first part alone.
"""

from __future__ import annotations

import os
import re
import sys

HERE = " here: "
_BEFORE = r"""(?:(?<=file://)|(?<![^\s"'=:;,!(\[]))"""
_AFTER = r"""(?![^/\s"':;,)\]])"""


def value(anywhere: str, here: str = "") -> str:
    """A value of the environment; HERE is what counts on this machine only."""
    anywhere = anywhere.replace(HERE, " here:: ")
    return anywhere + HERE + here if here else anywhere


def split(told: str) -> tuple[str, str]:
    anywhere, _, here = told.partition(HERE)
    return anywhere, here


class Places:
    """The folders that lie elsewhere on another machine: the root, and those of the interpreter."""

    def __init__(self, root: str) -> None:
        names: dict[str, str] = {}
        for name, folder in (("{root}", root), ("{prefix}", sys.prefix),
                             ("{base}", sys.base_prefix)):
            for path in (folder, os.path.realpath(folder) if folder else ""):
                if len(path) > 1:
                    names.setdefault(path.rstrip("/"), name)
        self._names = names
        either = "|".join(re.escape(path) for path in sorted(names, key=len, reverse=True))
        self._pattern = re.compile(_BEFORE + "(?:" + either + ")" + _AFTER)

    def text(self, text: str) -> str:
        """TEXT with names instead of these folders; a path is a text, too."""
        return self._pattern.sub(lambda found: self._names[found.group()], text)
