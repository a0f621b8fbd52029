"""`pytest -p sniffer`, started by a person: see by_hand.

A worker runs `python -m pytest FILE` with the settings' args, and switches off what makes no sense
there. So options count by what they come to: where they are not those that a worker would have,
but for what is only printed, nothing is told.
"""

from __future__ import annotations

import os
import shlex
import tempfile

import pytest

from . import by_hand, pytest_rewrite, pytest_runner
from .pytest_plugin import COVERAGE, SWITCHED_OFF, Records, path_of

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from typing import Any

# By their names in config.option: they change what is printed, not what is run.
_SHOWN = {"verbose", "no_header", "no_summary", "reportchars", "disable_warnings", "showlocals",
          "tbstyle", "showcapture", "fulltrace", "color", "code_highlight", "durations",
          "durations_min", "force_short_summary", "no_fold_skipped", "xmlpath", "junitprefix"}
# Hooks that a conftest file implements in vain when it is loaded with the tests beside it: a run of
# one of these alone would call them.
_EARLY = ("pytest_addoption", "pytest_cmdline_parse", "pytest_cmdline_preparse",
          "pytest_cmdline_main", "pytest_load_initial_conftests", "pytest_sessionstart",
          "pytest_collection")
_WELL = (0, 1, 5)  # exit statuses: all is well, tests failed, no tests


def begin(manager) -> None:  # type: ignore[no-untyped-def]
    hand = by_hand.begin("pytest " + pytest.__version__, pytest_runner.settings_files())
    if hand is not None:
        # pytest believes bytecode by whole seconds and length.
        pytest_rewrite.install(hand.guard, pytest.__version__)
        manager.register(ByHand(hand), "sniffer by hand")


class ByHand(Records):
    def __init__(self, hand: by_hand.Hand) -> None:
        super().__init__(hand)
        self._hand = hand
        self._files: dict[str, str] = {}  # by the ids of what is in them
        self._expected: set[str] = set()  # tests
        self._late = False
        self._torn = False  # did a tear-down fail?

    def file_of(self, nodeid: str) -> str | None:
        return self._files.get(nodeid)

    # -- is it what a worker would run? ----------------------------------------------------

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config):  # type: ignore[no-untyped-def]
        self._config = config
        cache = os.path.join(str(config.rootpath), os.path.expanduser(config.getini("cache_dir")))
        temporary = os.path.realpath(os.environ.get("PYTEST_DEBUG_TEMPROOT")
                                     or tempfile.gettempdir()) + "/pytest-of-"
        self._hand.is_framework_s = lambda path: _is_pytest_s(path, cache, temporary)
        if not self._is_as_a_worker_s(config):
            self._hand.refuse()
        yield

    def _is_as_a_worker_s(self, config) -> bool:  # type: ignore[no-untyped-def]
        place = config.inipath
        root = self._hand.root
        return (str(config.rootpath) == root and (place is None or str(place.parent) == root)
                and not any("::" in str(arg) for arg in config.args)
                and _same_options(config, self._hand.args))

    def pytest_plugin_registered(self, plugin) -> None:  # type: ignore[no-untyped-def]
        if self._late and any(hasattr(plugin, name) for name in _EARLY):
            self._hand.refuse()

    # -- which tests are whose? ------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        self._late = True

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector):  # type: ignore[no-untyped-def]
        self._files[collector.nodeid] = path_of(collector)
        yield from super().pytest_make_collect_report(collector)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session) -> None:  # type: ignore[no-untyped-def]
        for item in session.items:
            self._files[item.nodeid] = path_of(item)
            self._expected.add(item.nodeid)

    def pytest_runtest_logreport(self, report) -> None:  # type: ignore[no-untyped-def]
        self._expected.discard(report.nodeid)
        self._torn = self._torn or (report.when == "teardown" and report.failed)
        super().pytest_runtest_logreport(report)

    # -- the end ---------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session, exitstatus) -> None:  # type: ignore[no-untyped-def]
        status = int(exitstatus)
        if status not in _WELL or (status == 1) != self.bad or self._expected or self._open \
                or session.shouldstop or session.shouldfail:
            self._hand.refuse()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        # What several files share is torn down after the last of them, and would have failed with
        # each of them alone.
        if self._torn and len(self._hand.files) > 1:
            self._hand.refuse()
        for file in self._hand.files:
            self._settings_on_the_way(file)
        self._hand.end()

    def _settings_on_the_way(self, file: str) -> None:
        """Where a run of FILE alone would find other settings first."""
        names = [*pytest_runner.settings_names(), "setup.py"]
        folders = []
        folder = os.path.dirname(file)
        while folder != self._hand.root and folder != "/":
            folders.append(folder)
            folder = os.path.dirname(folder)
        found = [folder + "/" + name for folder in folders for name in names]
        if any(os.path.exists(path) for path in found):
            self._hand.refuse()
        self._hand.settings += found
        if self._config.inipath is None:
            above = self._hand.root
            while above != "/":
                self._hand.settings += [above.rstrip("/") + "/" + name for name in names]
                above = os.path.dirname(above)


def _is_pytest_s(path: str, cache: str, temporary: str) -> bool:
    """Its folders for temporary files, which are of each run's own; and what it keeps for options
    that are off here."""
    if path.startswith(temporary):
        return True
    below = path[len(cache):]
    return path.startswith(cache) and (
        below in ("", "/v") or below.startswith(("/v/cache", "/README.md", "/.gitignore",
                                                 "/CACHEDIR.TAG")))


def _same_options(config, args: list[str]) -> bool:  # type: ignore[no-untyped-def]
    """Both are read anew: what plugins make of them meanwhile is none of our business."""
    common = shlex.split(os.environ.get("PYTEST_ADDOPTS", "")) + config.getini("addopts")
    try:
        ours, theirs = (vars(config._parser.parse([*common, *words])) for words in (
            map(os.fspath, config.invocation_params.args), args))
    except pytest.UsageError:
        return False
    for name, _, off in (*SWITCHED_OFF, COVERAGE):
        if theirs.get(name):
            theirs[name] = off
    return all(_plain(name, ours.get(name)) == _plain(name, theirs.get(name))
               for name in {*ours, *theirs} - _SHOWN - {"file_or_dir"})


def _plain(name: str, value: Any) -> object:
    return [word for word in value if word.strip() != "sniffer"] if name == "plugins" else value
