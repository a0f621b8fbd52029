"""What holds for every run of a host: interpreter, framework, settings."""

from __future__ import annotations

import json
import os
import sys
from hashlib import blake2b

from . import portable
from .packages import START, Packages

RELEASE = "/etc/os-release"


def python_words() -> str:
    return "%d.%d.%d %s" % (*sys.version_info[:3], sys.executable)


def sys_path(path: list[str], places: portable.Places) -> str:
    return portable.value(json.dumps([places.text(folder) for folder in path]), json.dumps(path))


def files_read(settings: list[str]) -> list[str]:
    """What environment() reads, of SETTINGS as well."""
    return [RELEASE, *(name for name in settings if os.path.isabs(name))]


def _release() -> str:
    """Which system it is, and of which release: libraries of its own are no evidence."""
    try:
        with open(RELEASE, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file]
    except OSError:
        return "unknown"
    return " ".join(line.partition("=")[2].strip("\"'") for line in lines
                    if line.startswith(("ID=", "VERSION_ID=")))


def _system() -> str:
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        library = None
    return "%s, %s, %s" % (os.uname().machine, library or "another C library", _release())


def _settings_at_home(files: list[str]) -> str:
    """The contents of FILES, which lie elsewhere for another user."""
    digest = blake2b(digest_size=8)
    for name in files:
        try:
            with open(name, "rb") as file:
                digest.update(b"\1" + blake2b(file.read()).digest())
        except OSError:
            digest.update(b"\0")
    return digest.hexdigest()


def environment(args: list[str], names: list[str], framework: str, installed: Packages,
                settings: list[str], order: str = "file", isolation: str = "file",
                memory: int = 0) -> list[tuple[str, str]]:
    """Evidence of every run of this host. SETTINGS: where the framework looks for some."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = [folder for folder in sys.path if os.path.abspath(folder) != own]
    flags = [(name, getattr(sys.flags, name)) for name in dir(sys.flags)
             if name != "dont_write_bytecode" and isinstance(getattr(sys.flags, name), int)]
    python = "%s %s flags %s options %s warnings %s hash seed %s" % (
        sys.implementation.name, " ".join(sys.version.split()),
        " ".join("%s=%d" % pair for pair in flags if pair[1]),
        sorted(sys._xoptions.items()), sys.warnoptions,
        os.environ.get("PYTHONHASHSEED", "random"))
    pairs = [
        ("python", portable.value(python, sys.executable)),
        ("system", portable.value(_system())),
        ("framework", portable.value(framework)),
        ("args", portable.value(json.dumps(args))),
        ("sys.path", sys_path(path, installed.places)),
        (START, installed.value(START)),
    ]
    at_home = [name for name in settings if os.path.isabs(name)]
    if at_home:
        pairs.append(("settings at home", _settings_at_home(at_home)))
    pairs.append(("isolation", isolation))  # alone and in company results may be others
    pairs.append(("memory", str(memory)))
    if order != "file":  # what was found in another order is no proof for this one
        pairs.append(("order", order))
    for name in names:
        value = os.environ.get(name)
        pairs.append(("env:" + name, portable.value("unset" if value is None else "=" + value)))
    return pairs
