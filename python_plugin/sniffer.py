"""`python -m pytest -p sniffer`: the daemon that watches the project, where one runs, gets to know
what came of this run."""

from __future__ import annotations

import os


def pytest_addoption(parser, pluginmanager) -> None:  # type: ignore[no-untyped-def]
    """The first that pytest calls of a plugin: what is loaded from here on can be heard."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # a part of a run
    from sniffer_plugin.place import daemon_here
    if daemon_here():
        from sniffer_plugin import pytest_by_hand
        pytest_by_hand.begin(pluginmanager)
