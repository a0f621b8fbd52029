"""The test frameworks, behind one face.

For each there is a module NAME_runner, which the host asks, always in a process forked for it:

    NAME            as the settings and people call it
    MAIN            the module that `python -m` would run
    SUFFIXES        of files that could be test files
    ENTRY_POINTS    groups of installed plugins
    VARIABLES       of the environment that it takes settings from
    prepare(guard)  load it, and what every run of it loads; its version. Raises Unfit
    classify(args, paths)
                    those of PATHS that it would run as test files, what is wrong with its settings,
                    what people should know of them (unused), and whether a file of any name could
                    be one (an Answer)
    PARKS           at how many places can `run` call PARK, as runs begin to differ there? Of two,
                    it takes EARLY for the first one, where less is done
    layer_folder(root, file)
                    where PARKS: runs of all files below which folder come there as one of FILE does
    run(args, file, sink, begins, first, park)
                    run FILE as `python -m NAME FILE` would, but for the order of its tests: those
                    in FIRST (order.First) come before others where that does no harm. SINK gets the
                    records (records.Sink), BEGINS is called when settings and plugins are loaded.
                    Was all well? PARK, where PARKS and not None, returns the file, the sink and the
                    first tests that it goes on with; it may be told why they differ before
    settings_files()
                    where it looks for settings in the working directory, whether they exist or not
    searched_folders(args, root, file)
                    where a run of FILE looks for modules besides the root
"""

from __future__ import annotations

import importlib
import types

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    Answer = tuple[list[str], str | None, str | None, bool]

NAMES = ("pytest", "nose", "unittest")


def unused(off: list[str], choosing: list[str]) -> str | None:
    """What people should know of the options in settings and arguments: which of them are not used,
    and which leave out tests."""
    parts = []
    if off:
        parts.append("not used, for each test file runs in a process of its own: " + ", ".join(off))
    if choosing:
        parts.append("tests are left out by " + ", ".join(choosing))
    return "; ".join(parts) or None


class Unfit(Exception):
    """The framework cannot be used with this interpreter."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def load(name: str) -> types.ModuleType:
    """The runner of the framework NAME."""
    if name not in NAMES:
        raise Unfit("settings", "framework: %r is none of %s" % (name, ", ".join(NAMES)))
    return importlib.import_module("sniffer_plugin.%s_runner" % name)
