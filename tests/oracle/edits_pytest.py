"""Invents edits of pytest projects: those of edits.py, and of conftest files and settings."""

import os

import edits
import project_pytest
from code_edits import change

_BROKEN = "\ndef (:\n"
_RAISES = ["\nraise ValueError(1)\n", "\nimport nothing_there\n", "\nassert SEEN % 2, SEEN\n",
           "\npytest.skip('all', allow_module_level=True)\n"]


class Editor(edits.Editor):
    project = project_pytest

    def conftest(self):
        """Added, deleted, broken, repaired, moved up and down."""
        rng = self.rng
        path = self.some(lambda p: os.path.basename(p) == "conftest.py")
        folder = rng.choice(project_pytest.PLACES)
        other = os.path.join(folder, "conftest.py")
        kind = rng.randrange(10)
        if path is None or kind < 2:
            return [["write", other, project_pytest.conftest_text(rng, folder, self.looks), self.how()]]
        text = self.text(path)
        if kind == 2:
            return [["delete", path]]
        if kind == 3:
            return [["rename", path, other]]
        if kind == 4 and not self.is_broken(text):
            return [["write", path, text + rng.choice([_BROKEN] + _RAISES), self.how()]]
        if kind < 6:
            for broken in [_BROKEN] + _RAISES:
                text = text.replace(broken, "")
            return text != self.text(path) and [["write", path, text, self.how()]]
        if kind == 6:
            value = project_pytest.fill(rng, self.looks[rng.choice(sorted(self.looks))])
            lines = ["SEEN = attempt(lambda: %s)" % value if line.startswith("SEEN = ") else line
                     for line in text.split("\n")]
            return [["write", path, "\n".join(lines), self.how()]]
        return [["write", path, change(rng, text), self.how()]]

    @staticmethod
    def is_broken(text):
        return any(broken in text for broken in [_BROKEN] + _RAISES)

    def settings(self):
        rng = self.rng
        name = rng.choice(project_pytest.SETTINGS)
        text = project_pytest.settings_text(rng, name) if rng.random() < 0.7 else ""
        if name == "pyproject.toml":
            return [["write", name, self.text(name).partition("[tool.pytest")[0] + text, self.how()]]
        if rng.random() < 0.1:
            name = os.path.join(rng.choice(["tests", "app"]), name)
        return [["write", name, text, self.how()] if text else ["delete", name]]

    def kinds(self):
        return super().kinds() + [(self.conftest, 26), (self.settings, 7)]
