"""Files that share a process: which of them each record is of, and what becomes of those that are
not reached."""

from __future__ import annotations

import os

from . import debugger
from .channel import path_json
from .names import Names
from .records import Record
from .telling import Reporter

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from .channel import Serial
    from .scope import Scope


class Company(Reporter):
    """The sink of a run of FILES (absolute). Those that are not through when the framework is are
    in error. What belongs to none of them (a package's set-up, a broken conftest file) would have
    happened to each alone: it counts for each of the package; else for each that is not through,
    or for all."""

    def __init__(self, serial: Serial, run: int, files: list[str], scope: Scope) -> None:
        super().__init__(serial, run, scope.shown(files[0]))
        self._plain = {file: scope.shown(file) for file in files}
        self._shown = {file: path_json(scope.shown(file)) for file in files}
        self._names_of = {file: Names() for file in files}
        self._real = {os.path.realpath(file): file for file in files}
        self._left = dict.fromkeys(files, False)  # not through: has it an error for that?

    def of(self, path: str | None) -> str | None:
        """Which of the files is at PATH?"""
        if path is None or path in self._shown:
            return path
        return self._real.get(os.path.realpath(path))

    def begins(self, file: str | None, name: str) -> str:
        file = self.of(file)
        if file is None:
            return name
        name = self._names_of[file].unique(name)
        self.say_begins(name, self._shown[file])
        return name

    def ends(self, record: Record) -> None:
        file = self.of(record.file)
        debugger.amend(record, self._plain.get(file, self._file))
        if file is not None:
            self.say_ends(record, self._shown[file])
            return
        name = record.name
        for one in self._concerned(record.file):
            record.name = self._names_of[one].unique(name)
            self.say_begins(record.name, self._shown[one])
            self.say_ends(record, self._shown[one])
            if one in self._left:
                self._left[one] = record.bad
        record.name = name

    def _concerned(self, path: str | None) -> list[str]:
        folder = path or ""
        if os.path.basename(folder).startswith("__init__."):
            folder = os.path.dirname(folder)
        return ([file for file in self._shown if path and file.startswith(folder + "/")]
                or list(self._left) or list(self._shown))

    def through(self, file: str) -> None:
        """All of FILE's tests are over."""
        if file in self._left:
            del self._left[file]
            self.say("through", ',"file":' + self._shown[file])

    def all_through(self) -> None:
        for file in list(self._left):
            self.through(file)

    def done(self) -> None:
        for file, told in self._left.items():
            if not told:
                record = Record(file, self.begins(file, "(not run)"))
                record.add("error", None, "the tests of this file were not through when the "
                                          "process ended that it shares with others")
                self.ends(record)
        super().done()
