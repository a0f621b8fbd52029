"""Edits: each is a list of plain values, so that a run can be printed, repeated and cut down.

Made from what is in the tree at that moment, but concrete: an edit never asks again. Applied with
forbearance: an edit whose file is gone does nothing, for cutting down leaves others out."""

import os
import re
import shutil
import signal
import sqlite3
import zipfile

import project


# ---- doing ----

def put(path, text, how="replace"):
    """Writes TEXT as editors, checkouts or programs do."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    data = text.encode("utf-8")
    if how == "replace":
        with open(path + "~", "wb") as file:
            file.write(data)
        os.rename(path + "~", path)
        return
    if os.path.lexists(path) and how == "checkout":
        os.remove(path)
    before = os.stat(path) if how == "stealth" and os.path.exists(path) else None
    with open(path, "r+b" if before is not None else "wb") as file:
        file.write(data)
        file.truncate()
    if before is not None:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def put_link(path, target):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    delete(path)
    os.symlink(target, path)


def delete(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def place(path, content):
    """CONTENT as in a snapshot: text, ["link", target] or None."""
    if content is None:
        delete(path)
    elif isinstance(content, (list, tuple)):
        put_link(path, content[1])
    else:
        put(path, content, "checkout")


def rename(source, target):
    if not os.path.lexists(source) or source == target or (target + "/").startswith(source + "/"):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    delete(target)
    os.rename(source, target)


def in_two(house, path, text):
    """The file is held open, and looked at when half of it is there."""
    with open(path, "wb") as file:
        file.write(text[:len(text) // 2].encode("utf-8"))
        file.flush()
        house.ctl("wait", "--timeout", "60")
        file.write(text[len(text) // 2:].encode("utf-8"))


def database(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)  # an earlier edit may have taken its folder
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
        connection.execute("DELETE FROM t")
        connection.execute("INSERT INTO t VALUES (?)", (value,))
    connection.close()


def archive(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with zipfile.ZipFile(path + "~", "w") as file:
        file.writestr("packed.py", "VALUE = %d\n" % value)
    os.rename(path + "~", path)


def kill(house):
    """As the out-of-memory killer would."""
    done = house.ctl("status", "--json")
    if done.returncode == 0:
        os.kill(house.status()["pid"], signal.SIGKILL)


def while_running(house, steps):
    """STEPS are done as soon as something runs, or when it is clear that nothing will."""
    for _ in range(100):
        status = house.status()
        if status["state"] == "running":
            break
        if status["state"] == "idle" and not status["stats"]["to_be_run"]:
            break
    for step in steps:
        apply(house, step)


def apply(house, step):
    name, *rest = step
    path = house.path(rest[0]) if rest and isinstance(rest[0], str) and rest[0] else None
    try:
        if name == "write":
            put(path, rest[1], rest[2])
        elif name == "two":
            in_two(house, path, rest[1])
        elif name == "delete":
            delete(path)
        elif name == "rename":
            rename(path, house.path(rest[1]))
        elif name == "link":
            put_link(path, rest[1])
        elif name == "chmod":
            os.chmod(path, rest[1])
        elif name == "utime":
            os.utime(path, ns=(rest[1], rest[1]))
        elif name == "mkdir":
            os.makedirs(path, exist_ok=True)
        elif name == "database":
            database(path, rest[1])
        elif name == "archive":
            archive(path, rest[1])
        elif name == "outside":
            put(os.path.join(house.base, "outside.txt"), rest[0])
        elif name == "swap":
            for other, content in rest[0]:
                place(house.path(other), content)
        elif name == "during":
            while_running(house, rest[0])
        elif name == "kill":
            kill(house)
        elif name == "wait":
            house.ctl("wait", "--timeout", "60")
        elif name in ("start", "stop", "pause", "resume", "restart"):
            house.ctl(name)
    except OSError:
        pass


# ---- inventing ----

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


def change_number(rng, text):
    found = list(re.finditer(r"\b\d\d\b", text))
    if not found:
        return text + "%d\n" % project.number(rng)
    hit = rng.choice(found)
    return text[:hit.start()] + str(project.number(rng)) + text[hit.end():]


def add_line(rng, text, line):
    lines = text.split("\n")
    lines.insert(rng.randrange(len(lines)), line)
    return "\n".join(lines)


def drop_function(rng, text):
    return re.sub(r"(?ms)^def f%d.*?(?=^\S)" % rng.randrange(3), "", text, count=1)


def change_code(rng, text):
    kind = rng.randrange(20)
    if kind < 9:
        return change_number(rng, text)
    if kind < 11:
        return add_line(rng, text, "# note %d" % project.number(rng))
    if kind == 11:
        return add_line(rng, text, "")
    if kind == 12:
        return re.sub(r"def f(\d)\(x=(\d+)\)", r"def f\1(x=\2, *, more=None)", text, count=rng.randrange(3))
    if kind == 13:
        return text + "\ndef f%d(x=0):\n    return %d\n" % (rng.randrange(3), project.number(rng))
    if kind == 14:
        return drop_function(rng, text)
    if kind == 15:
        return text + "def (:\n"
    if kind == 16:
        return text.replace("def (:\n", "")
    if kind == 17:
        return re.sub(r"class Big\(Box\):", "class Big(Box):\n    def area(self):\n        return %d\n"
                      % project.number(rng), text, count=1)
    if kind == 18:
        return "import %s\n" % rng.choice(project.OPTIONAL + project.MODULES) + text
    return re.sub(r"(?m)^VALUE = .*", "VALUE = open('%s').read()" % rng.choice(project.DATA), text)


class Editor:
    """Invents batches of edits. ROOT is read, never written."""

    def __init__(self, rng, root, children=False):
        self.rng = rng
        self.root = root
        self.children = children
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
        return path and [["write", path, change_code(self.rng, self.text(path)), self.how()]]

    def test(self):
        rng = self.rng
        path = self.some(lambda p: os.path.basename(p).startswith("test_"))
        if path is None or rng.random() < 0.3:
            folder = rng.choice(project.TEST_FOLDERS)
            path = os.path.join(folder, "test_%d.py" % rng.randrange(10, 16))
            return [["write", path, project.test_text(rng, self.children), self.how()]]
        kind = rng.randrange(6)
        if kind == 0:
            return [["delete", path]]
        if kind == 1:
            folder = rng.choice(project.TEST_FOLDERS)
            return [["rename", path, os.path.join(folder, os.path.basename(path))]]
        if kind == 2:
            return [["chmod", path, rng.choice([0o755, 0o644])]]
        if kind == 3:
            return [["write", path, project.test_text(rng, self.children), self.how()]]
        return [["write", path, change_code(rng, self.text(path)), self.how()]]

    def stealth(self):
        path = self.some(lambda p: p.endswith((".py", ".txt")))
        return path and [["write", path, change_number(self.rng, self.text(path)), "stealth"]]

    def quick(self):
        """Saves of one size within a second, each of them judged."""
        path = self.some(lambda p: p.endswith((".py", ".txt")))
        if path is None:
            return None
        text = self.text(path)
        steps = []
        for _ in range(self.rng.randrange(2, 4)):
            text = change_number(self.rng, text)
            steps += [["write", path, text, "place"], ["wait"]]
        return steps

    def two(self):
        path = self.some(lambda p: p.endswith((".py", ".txt")))
        return path and [["two", path, change_number(self.rng, self.text(path))]]

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
            return [["write", place[:-3] + "/__init__.py", project.module_text(rng, "util"), "replace"]]
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

    def ordinary(self):
        kinds = [(self.code, 30), (self.test, 10), (self.stealth, 5), (self.quick, 3),
                 (self.two, 2), (self.data, 16), (self.links, 8), (self.modules, 16),
                 (self.folders, 4), (self.revert, 8), (self.switch, 3), (self.touch, 3)]
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
