"""Invents edits: from what is in the tree at that moment, but concrete: an act never asks again."""

import os

import code_edits
import project
from code_edits import any_number


def tree(root):
    """The project's paths, files and links, sorted."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [n for n in folders if n not in (".sniffer", "__pycache__", "out")]
        links = [n for n in folders if os.path.islink(os.path.join(folder, n))]
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names + links]
    return sorted(path for path in found if path != "pyproject.toml")


def snapshot(root):
    contents = {}
    for path in tree(root):
        full = os.path.join(root, path)
        if os.path.islink(full):
            contents[path] = ["link", os.readlink(full)]
            continue
        try:
            with open(full, encoding="utf-8") as file:
                contents[path] = file.read()
        except (OSError, UnicodeDecodeError):
            pass  # databases, archives: no part of a switch of branches
    return contents


class Editor:
    """Invents batches of edits. ROOT is read, never written."""

    project = project  # that makes its files

    def __init__(self, rng, root, looks):
        self.rng = rng
        self.root = root
        self.looks = looks
        self.past = []  # snapshots

    def remember(self):
        self.past.append(snapshot(self.root))
        del self.past[:-12]

    def text(self, path):
        try:
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                return file.read()
        except (OSError, UnicodeDecodeError):
            return ""

    def some(self, keep):
        paths = [path for path in tree(self.root) if keep(path)]
        return self.rng.choice(paths) if paths else None

    def how(self):
        return self.rng.choice(["replace", "replace", "place", "checkout"])

    def code(self):
        path = self.some(lambda p: p.endswith(".py") and not os.path.basename(p).startswith("test_"))
        return path and [["write", path, code_edits.change(self.rng, self.text(path)), self.how()]]

    def layout(self):
        """Comments and line breaks of a module."""
        path = self.some(lambda p: p.endswith(".py") and not os.path.basename(p).startswith("test_")
                         and not os.path.islink(os.path.join(self.root, p)))
        text = path and code_edits.relayout(self.rng, self.text(path))
        return text and [["layout", path, text, self.how()]]

    def test(self):
        rng = self.rng
        path = self.some(lambda p: os.path.basename(p).startswith("test_"))
        if path is None or rng.random() < 0.3:
            folder = rng.choice(project.TEST_FOLDERS)
            path = os.path.join(folder, "test_%d.py" % rng.randrange(10, 16))
            return [["write", path, self.project.test_text(rng, self.looks), self.how()]]
        kind = rng.randrange(6)
        if kind == 0:
            return [["delete", path]]
        if kind == 1:
            folder = rng.choice(project.TEST_FOLDERS)
            return [["rename", path, os.path.join(folder, os.path.basename(path))]]
        if kind == 2:
            return [["chmod", path, rng.choice([0o755, 0o644])]]
        if kind == 3:
            return [["write", path, self.project.test_text(rng, self.looks), self.how()]]
        return [["write", path, code_edits.change(rng, self.text(path)), self.how()]]

    def stealth(self):
        path = self.some(lambda p: p.endswith((".py", ".txt")))
        return path and [["write", path, any_number(self.rng, self.text(path)), "stealth"]]

    def quick(self):
        """Saves of one size within a second, each of them judged."""
        path = self.some(lambda p: p.endswith((".py", ".txt")))
        if path is None:
            return None
        text = self.text(path)
        steps = []
        for _ in range(self.rng.randrange(2, 4)):
            text = any_number(self.rng, text)
            steps += [["write", path, text, "place"], ["wait"]]
        return steps

    def two(self):
        path = self.some(lambda p: p.endswith((".py", ".txt")))
        return path and [["two", path, any_number(self.rng, self.text(path))]]

    def data(self):
        rng = self.rng
        path = rng.choice(project.DATA + project.FLAGS + ["data/settings.ini"])
        kind = rng.randrange(12)
        if kind < 5:
            return [["write", path, "%d\n" % project.number(rng), self.how()]]
        if kind == 5:
            return [["delete", path]]
        if kind == 6:
            return [["write", "data/new%d.txt" % rng.randrange(3), "1\n", self.how()]]
        if kind == 7:
            return [["mkdir", rng.choice(project.FLAGS)]]
        if kind == 8:
            return [["chmod", path, rng.choice([0o600, 0o644, 0o444])]]
        if kind == 9:
            return [["utime", path, rng.randrange(10**9, 2 * 10**9) * 10**9]]
        if kind == 10:
            return [["database", "data/db.sqlite", project.number(rng)]]
        return [["archive", "zipped.zip", project.number(rng)]]

    def links(self):
        rng = self.rng
        kind = rng.randrange(7)
        if kind < 3:
            return [["link", "data/current", rng.choice(["v1", "v2", "nowhere", "sub/../v2"])]]
        if kind == 3:
            return [["outside", "%d\n" % project.number(rng)]]
        if kind == 4:
            name = rng.choice(["app/m0.py", "app/m1.py", "util.py"])
            return [["write", "alt/real.py", project.module_text(rng, "util"), "replace"],
                    ["link", name, os.path.relpath("alt/real.py", os.path.dirname(name) or ".")]]
        if kind == 5:
            return [["rename", "app/sub", "alt/sub"], ["link", "app/sub", "../alt/sub"]]
        return [["link", rng.choice(project.DATA), "b.txt"]]

    def modules(self):
        """Added, shadowing, moved, deleted; a module that becomes a package, and back."""
        rng = self.rng
        kind = rng.randrange(10)
        place = rng.choice(list(project.PLACES.values()) + ["app/plugins/p0.py"])
        if kind < 2:
            folder = rng.choice(["", "app", "lib", "tests", "tests_flat", "extra", "app/plugins"])
            return [["write", os.path.join(folder, rng.choice(project.OPTIONAL) + ".py"),
                     project.small_module(rng), self.how()]]
        if kind == 2:
            folder = rng.choice(["", "lib", "tests_flat", "tests", "src", "app"])
            name = rng.choice(project.SHADOWS + ["util", "helper"])
            return [["write", os.path.join(folder, name + ".py"), project.module_text(rng, "util"),
                     self.how()]]
        if kind == 3:
            return [["rename", place, place[:-3] + "_old.py"]]
        if kind == 4:
            return [["rename", place[:-3] + "_old.py", place]]
        if kind == 5:
            return [["delete", self.some(lambda p: p.endswith(".py")) or place]]
        if kind == 6:
            return [["rename", place, place[:-3] + "/__init__.py"]]
        if kind == 7:
            return [["write", place[:-3] + "/__init__.py", project.module_text(rng, "util"),
                     "replace"]]
        if kind == 8:
            folder = rng.choice(["app", "tests", "tests_flat", "app/sub", "space", "app/tests"])
            path = folder + "/__init__.py"
            return [rng.choice([["delete", path], ["write", path, "X = 1\n", "replace"]])]
        return [["write", place, project.module_text(rng, "util"), self.how()]]

    def folders(self):
        rng = self.rng
        folder = rng.choice(["app", "app/sub", "data", "data/v1", "lib", "tests_flat", "extra",
                             "app/plugins", "tests"])
        kind = rng.randrange(4)
        if kind == 0:
            return [["rename", folder, folder + "_old"]]
        if kind == 1:
            return [["rename", folder + "_old", folder]]
        if kind == 2:
            return [["rename", folder, folder + "_old"], ["rename", folder + "_old", folder]]
        return [["delete", folder]] if rng.random() < 0.3 else [["mkdir", folder + "/empty"]]

    def revert(self):
        if not self.past:
            return None
        old = self.rng.choice(self.past)
        path = self.rng.choice(sorted(old))
        return [["swap", [[path, old[path]]]]]

    def switch(self):
        """Back to an earlier state of everything, as a checkout does it."""
        if not self.past:
            return None
        old, now = self.rng.choice(self.past), snapshot(self.root)
        changes = [[path, old.get(path)] for path in sorted(set(old) | set(now))
                   if old.get(path) != now.get(path)]
        changes.sort(key=lambda change: change[1] is not None)
        return [["swap", changes]] if changes else None

    def touch(self):
        path = self.some(lambda p: not os.path.islink(os.path.join(self.root, p)))
        return path and [["write", path, self.text(path), self.how()]] if path and \
            path.endswith((".py", ".txt")) else None

    def kinds(self):
        """Each with its weight."""
        return [(self.code, 30), (self.layout, 8), (self.test, 10), (self.stealth, 5),
                (self.quick, 3),
                (self.two, 2), (self.data, 16), (self.links, 8), (self.modules, 16),
                (self.folders, 4), (self.revert, 8), (self.switch, 3), (self.touch, 3)]

    def ordinary(self):
        kinds = self.kinds()
        while True:
            kind, = self.rng.choices([k for k, _ in kinds], [w for _, w in kinds])
            steps = kind()
            if steps:
                return steps

    def several(self, most):
        return [step for _ in range(self.rng.randrange(1, most + 1)) for step in self.ordinary()]

    def batch(self):
        kind = self.rng.random()
        if kind < 0.70:
            return self.several(1)
        if kind < 0.82:
            return self.several(5)
        if kind < 0.92:
            return self.several(1) + [["during", self.several(2)]]
        if kind < 0.95:
            return self.several(1) + [["kill"]] + self.several(2) + [["start"]]
        if kind < 0.98:
            return [["stop"]] + self.several(4) + [["start"]]
        steps = [["write", step[1], step[2], "place"] if step[0] == "two" else step
                 for step in self.several(3) if step[0] != "wait"]  # who is paused does not come to rest
        return [["pause"]] + steps + [["resume"]]
