"""What holds for every run of a host: interpreter, framework, settings."""

from __future__ import annotations

import json
import os
import sys

from .packages import START, Packages


def python_words() -> str:
    return "%d.%d.%d %s" % (*sys.version_info[:3], sys.executable)


def environment(args: list[str], names: list[str], framework: str, installed: Packages,
                order: str = "file", isolation: str = "file",
                memory: int = 0) -> list[tuple[str, str]]:
    """Evidence of every run of this host."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = [folder for folder in sys.path if os.path.abspath(folder) != own]
    flags = [(name, getattr(sys.flags, name)) for name in dir(sys.flags)
             if name != "dont_write_bytecode" and isinstance(getattr(sys.flags, name), int)]
    pairs = [
        ("python", "%s %s %s flags %s options %s warnings %s hash seed %s" % (
            sys.implementation.name, " ".join(sys.version.split()), sys.executable,
            " ".join("%s=%d" % pair for pair in flags if pair[1]),
            sorted(sys._xoptions.items()), sys.warnoptions,
            os.environ.get("PYTHONHASHSEED", "random"))),
        ("framework", framework),
        ("args", json.dumps(args)),
        ("sys.path", json.dumps(path)),
        (START, installed.value(START)),
    ]
    pairs.append(("isolation", isolation))  # alone and in company results may be others
    pairs.append(("memory", str(memory)))
    if order != "file":  # what was found in another order is no proof for this one
        pairs.append(("order", order))
    for name in names:
        value = os.environ.get(name)
        pairs.append(("env:" + name, "unset" if value is None else "=" + value))
    return pairs
