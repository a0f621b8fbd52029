"""What the daemon tells a host on its command line."""

from __future__ import annotations

from collections import deque


class Usage(Exception):
    pass


class Settings:
    def __init__(self, argv: list[str]) -> None:
        self.root = self.framework = ""
        self.package = ""  # where the tests are at home, below the root
        self.precision = "block"
        self.order = "file"
        self.isolation = "file"
        self.memory = 0
        self.args: list[str] = []
        self.env: list[str] = []
        self.fds = {"orders": -1, "reports": -1, "looks": -1}
        self.pending = ""
        words = deque(argv)
        while words:
            name, _, value = words.popleft().partition("=")
            if not _:
                if not words:
                    raise Usage("%s needs a value" % name)
                value = words.popleft()
            self.take(name, value)
        self.check()

    def check(self) -> None:
        if not self.root or min(self.fds.values()) < 0:
            raise Usage("--root, --orders, --reports and --looks are needed")
        if self.precision not in ("block", "file"):
            raise Usage("--precision is block or file")
        if self.order not in ("file", "changed-first"):
            raise Usage("--order is file or changed-first")
        if self.isolation not in ("file", "directory", "package"):
            raise Usage("--isolation is file, directory or package")

    def take(self, name: str, value: str) -> None:
        if name == "--arg":
            self.args.append(value)
        elif name == "--env":
            self.env.append(value)
        elif name in ("--root", "--package", "--framework", "--precision", "--order", "--isolation",
                      "--pending"):
            setattr(self, name[2:], value)
        elif name == "--memory":
            self.memory = int(value)
        elif name[2:] in self.fds:
            self.fds[name[2:]] = int(value)
        else:
            raise Usage("unknown option " + name)
