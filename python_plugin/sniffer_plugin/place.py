"""Where the daemon of a project listens: as proto/place.h says, with nothing else to load."""

from __future__ import annotations

import os


def find_root(start: str) -> str | None:
    """The nearest folder upward that a daemon has been at home in."""
    folder = os.path.realpath(start)
    trusted = {0, os.geteuid(), os.stat(folder).st_uid}
    own = folder  # above it anybody may have put one
    while not os.path.isdir(folder + "/.sniffer") or (
            folder != own and os.lstat(folder + "/.sniffer").st_uid not in trusted):
        if folder in ("/", ""):
            return None
        folder = os.path.dirname(folder)
    return folder


def socket_path(root: str) -> str:
    given = os.environ.get("SNIFFER_SOCKET")
    if given:
        return given
    raw = os.fsencode(root)
    number = 0xCBF29CE484222325
    for byte in raw:
        number = ((number ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    allowed = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
    base = "".join(chr(b) if b in allowed else "_" for b in raw.rpartition(b"/")[2])[:32]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = runtime + "/sniffer" if runtime and runtime[0] == "/" else "/tmp/sniffer-%d" % os.getuid()
    return "%s/%s-%016x.sock" % (folder, base, number)


def daemon_here() -> bool:
    """May one listen to this process? Without its socket none does."""
    root = find_root(os.getcwd())
    return root is not None and os.path.exists(socket_path(root))
