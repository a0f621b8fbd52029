"""Which paths are evidence, and by what name they travel.

The kernel knows a file by many names; evidence knows one: the real path of its folder and its own
name. Links that were followed on the way are evidence of their own. Inside the root everything
counts but sniffer's own folder and installed packages (a virtual environment in the project).
Outside only files that were read count, and none of the system's.
"""

from __future__ import annotations

import os
import posix
import sys
import tempfile

# Taken now: a test may replace what it finds in os.
_readlink = posix.readlink
_getcwd = posix.getcwd
_fsdecode = os.fsdecode
_LINKS_MAX = 40  # as the kernel does

_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev",
           "/run", "/var", "/boot")
_PACKAGES = ("site-packages", "dist-packages")


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


class Scope:
    """The root of one project, real and absolute, and what belongs to it. The tests run in HOME:
    the root, or a package below it."""

    def __init__(self, root: str, package: str = "") -> None:
        self.root = os.path.realpath(root)
        self.home = os.path.join(self.root, package) if package else self.root
        self._prefix = self.root.rstrip("/") + "/"
        installed = {os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
        library = os.path.dirname(os.path.realpath(os.__file__))
        own = os.path.dirname(os.path.abspath(__file__))
        self._hidden = tuple(p for p in sorted(installed | {self._prefix + ".sniffer", library})
                             if p.startswith(self._prefix))
        # A root may lie below a prefix (/usr/src/app), so these are asked after the root.
        self._foreign = _SYSTEM + tuple(sorted(installed)) + (library, own)
        self.temporary = os.path.realpath(tempfile.gettempdir())
        self._folders: dict[str, tuple[str, tuple[str, ...]]] = {}

    def owns(self, real: str) -> bool:
        """Inside the root, and the project's."""
        if not real.startswith(self._prefix):
            return real == self.root
        for hidden in self._hidden:
            if _below(real, hidden):
                return False
        for name in _PACKAGES:
            if "/%s/" % name in real[len(self._prefix) - 1:]:
                return False
        return True

    def foreign(self, real: str) -> bool:
        """Outside the root, but neither the system's nor an installed package's."""
        if _below(real, self.root):
            return False
        for folder in self._foreign:
            if _below(real, folder):
                return False
        return not any("/%s/" % name in real for name in _PACKAGES)

    def is_temporary(self, real: str) -> bool:
        """In the folder for temporary files, and not beside a project that is in there itself."""
        beside = os.path.dirname(self.root)
        return _below(real, self.temporary) and (beside == self.temporary
                                                 or not _below(real, beside))

    def strange(self) -> tuple[str, ...]:
        """Folders that are never evidence, but for a root inside them."""
        return self._foreign

    def packages(self) -> tuple[str, ...]:
        """Where packages are installed."""
        folders = [os.path.realpath(folder) for folder in sys.path
                   if os.path.basename(folder.rstrip("/")) in _PACKAGES]
        return tuple(dict.fromkeys(folders))

    def shown(self, real: str) -> str:
        """The name that travels: relative to the root where it is inside."""
        if real.startswith(self._prefix):
            return real[len(self._prefix):]
        return "" if real == self.root else real

    def absolute(self, path: object, dir_fd: object = None) -> str:
        """PATH as str, absolute, nothing resolved. A number is an open descriptor."""
        if path is None:
            path = "."
        if isinstance(path, int):
            return _readlink("/proc/self/fd/%d" % path)
        text = _fsdecode(path)  # type: ignore[arg-type]
        if text.startswith("/"):
            return text
        base = _getcwd()
        if isinstance(dir_fd, int) and dir_fd >= 0:
            base = _readlink("/proc/self/fd/%d" % dir_fd)
        return base + "/" + text

    def real(self, path: str, follow: bool = True) -> tuple[str, tuple[str, ...]]:
        """The real name of PATH (absolute), and the links that led there. FOLLOW False: its last
        name is not followed."""
        folder, _, name = path.rstrip("/").rpartition("/")
        base, links = self._folder(folder or "/", 0)
        return self._step(base, name, links, follow, 0)

    def forget(self) -> None:
        """Folders or links were moved."""
        self._folders.clear()

    def _folder(self, path: str, depth: int) -> tuple[str, tuple[str, ...]]:
        found = self._folders.get(path)
        if found is not None:
            return found
        if path in ("", "/"):
            return "/", ()
        head, _, name = path.rpartition("/")
        base, links = self._folder(head or "/", depth)
        found = self._step(base, name, links, True, depth)
        self._folders[path] = found
        return found

    def _step(self, base: str, name: str, links: tuple[str, ...], follow: bool,
              depth: int) -> tuple[str, tuple[str, ...]]:
        if name in ("", "."):
            return base, links
        if name == "..":  # of the real folder, as the kernel does it
            return base.rpartition("/")[0] or "/", links
        full = base.rstrip("/") + "/" + name
        if not follow or depth > _LINKS_MAX:
            return full, links
        try:
            target = _readlink(full)
        except OSError:
            return full, links
        if not target.startswith("/"):
            target = base.rstrip("/") + "/" + target
        real, inner = self._folder(target.rstrip("/") or "/", depth + 1)
        return real, links + (full,) + inner
