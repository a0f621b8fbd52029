"""Scenarios as a table: a tiny project, what is done to it, and exactly what must come of that.

    scene({"m.py": "def f():\n    return 1\n", "test_a.py": shows("m.f()", "import m")},
          write("m.py", "def f():\n    return 2\n"), {"test_a.py": 2},
          write("m.py", "def f():\n    return 1\n"), {"test_a.py": cached(1)})

After the files the story: acts, and what they lead to. A dict ends a batch of acts: these test
files, and no others, must have run, and this is what they show now. Too few runs, too many, and a
wrong value anywhere are failures. An act is a list as in oracle/acts.py, or a function of a house.

What does not hold yet is told with its reason: `costs`, too many runs but the truth is shown;
`stale`, something shown is not true. Such a scene is skipped while that is so, and fails when it
no longer is.

All scenes of a class are played one after the other under one daemon, in an empty folder each."""

import ast
import json
import os
import re
import socket
import sys
import unittest

from house import FRAMEWORK, PYTHON, SOURCE, TIMEOUT, House

sys.path.insert(1, os.path.join(SOURCE, "tests", "oracle"))

import acts  # noqa: E402

link, write = acts.link, acts.write

WHOLE = "what a Python program reads counts whole"
GONE = object()  # no test file any more
KEPT = ("pyproject.toml", ".sniffer")


class cached:
    """The test file shows VALUE now, and need not run for it."""

    def __init__(self, value):
        self.value = value


AT_FIRST = cached("what it showed at first")

# How a test comes to be named after a value that is found out when it runs.
_NAMED = {"nose": ("def test_value():", "yield check, value"),
          "pytest": ("def test_value(value):\n    pass\n\ndef pytest_generate_tests(metafunc):\n"
                     "    if metafunc.function is not test_value:\n        return",
                     "metafunc.parametrize('value', [0], ids=[repr(value).encode().hex()])")}


def shows(look, first=""):
    """A test file that shows what LOOK gives: a test is named after it."""
    head, end = _NAMED[FRAMEWORK]
    return ("import importlib, os, sys\n%s\n\ndef check(value):\n    pass\n\n"
            "%s\n    try:\n        value = %s\n"
            "    except Exception as error:\n        value = type(error).__name__\n"
            "    %s\n" % (first, head, look, end))


def shown_value(test):
    """The value that TEST is named after, as text; None: after none."""
    nose = re.match(r"test_value\((.*),\)$", test, re.DOTALL)
    pytest = re.match(r"test_value\[([0-9a-f]+)\]$", test)
    if pytest:
        return bytes.fromhex(pytest.group(1)).decode()
    return nose.group(1) if nose else None


class Scene:
    def __init__(self, files, story, costs, stale, only):
        self.files, self.story, self.costs, self.stale = files, story, costs, stale
        self.only = only


def scene(files, *story, costs=None, stale=None, only=FRAMEWORK):
    """ONLY: the framework whose rules it is about."""
    return Scene(files, story, costs, stale, only)


def either(nose, pytest):
    """What one framework shows, or the other."""
    return {"nose": nose, "pytest": pytest}[FRAMEWORK]


class Client:
    """A standing connection: thousands of questions, and no program to start for each."""

    def __init__(self, house):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(house.ctl("socket", code=0).stdout.strip())
        self.lines = self.socket.makefile("rw", encoding="utf-8")
        self.lines.readline()  # hello

    def ask(self, method, **params):
        self.lines.write(json.dumps({"id": 1, "method": method, "params": params}) + "\n")
        self.lines.flush()
        reply = json.loads(self.lines.readline())
        if "error" in reply:
            raise AssertionError("%s: %s" % (method, reply["error"]["message"]))
        return reply["result"]

    def all(self, method):
        page = self.ask(method)
        records = page[method]
        while page["next"] is not None:
            page = self.ask(method, offset=page["next"])
            records += page[method]
        return records

    def close(self):
        self.lines.close()
        self.socket.close()


def values(files, results):
    """Test file -> the value of its only check, else "success", else its outcomes."""
    found = {record["file"]: [] for record in files}
    for record in sorted(results, key=lambda record: (record["file"], record["test"])):
        value = shown_value(record["test"])
        outcome = ("%s %s" % (record["outcome"], record["exception"] or "")).strip()
        found[record["file"]].append(
            ast.literal_eval(value) if value and outcome == "success" else outcome)
        if not record["current"]:
            found[record["file"]].append("not current")
    return {file: shown[0] if len(set(map(repr, shown))) == 1 else shown
            for file, shown in found.items()}


def what_is_shown(house):
    return values(house.records("files", "--json"), house.results().values())


def is_a_save(batch):
    return len(batch) == 1 and not callable(batch[0]) and batch[0][0] == "write"


class Played:
    """One scene while it is played: what should be shown, and what was wrong."""

    def __init__(self, house, word):
        self.house = house
        self.word = word
        self.stale, self.excess = [], []
        self.first, self.expected, self.runs = {}, {}, {}
        self.client = Client(house)

    def look(self):
        """What is shown once all is verified, and the number of runs of each test file."""
        self.client.ask("wait", timeout_ms=1000 * TIMEOUT // 2)
        files = self.client.all("files")
        return (values(files, self.client.all("results")),
                {record["file"]: record["runs"] for record in files})

    def begin(self, files):
        self.sweep(files)
        for path, content in files.items():
            acts.place(self.house.path(path), self.marked(path, content))
        self.first, self.runs = self.look()
        self.expected = dict(self.first)

    def sweep(self, files):
        """Takes away what is not of this scene. What is rewritten in place keeps the hosts warm."""
        folders = {path[:end.start()] for path in files for end in re.finditer("/", path)}
        for folder, inside, names in os.walk(self.house.root):
            for name in inside + names:
                path = os.path.join(folder, name)
                shown = os.path.relpath(path, self.house.root)
                wanted = folders if os.path.isdir(path) and not os.path.islink(path) else files
                if shown not in KEPT and shown not in wanted:
                    acts.delete(path)
            inside[:] = [name for name in inside if name not in KEPT]

    def marked(self, path, content):
        """No two scenes have the same test file: what one proved would serve the other."""
        if "test" in path and path.endswith(".py") and isinstance(content, str):
            return "# %s\n%s" % (self.word, content)
        return content

    def at_first(self, values):
        for file, value in dict(self.expected, **values).items():
            if file not in values and re.match("error|failure", str(value)):
                self.stale.append("at first: %s shows %s" % (file, value))
        self.compare(self.first, dict(self.expected, **values), "at first")

    def compare(self, shown, expected, when):
        self.stale += ["%s: %s shows %r, not %r" % (when, file, shown.get(file), expected.get(file))
                       for file in sorted(set(shown) | set(expected))
                       if shown.get(file) != expected.get(file)]

    def expect(self, values):
        for file, value in values.items():
            if value is AT_FIRST:
                self.expected[file] = self.first[file]
            elif value is GONE:
                del self.expected[file]
            else:
                self.expected[file] = value.value if isinstance(value, cached) else value

    def judge(self, number, values):
        shown, runs = self.look()
        when = "batch %d" % number
        self.expect(values)
        self.compare(shown, self.expected, when)
        ran = {file for file, count in runs.items() if count != self.runs.get(file, 0)}
        wanted = {file for file, value in values.items()
                  if not isinstance(value, cached) and value is not GONE}
        self.stale += ["%s: %s did not run" % (when, file) for file in sorted(wanted - ran)]
        self.excess += ["%s: %s need not run" % (when, file) for file in sorted(ran - wanted)]
        self.runs = runs

    def act(self, act):
        if callable(act):
            act(self.house)
        elif act[0] == "write":
            acts.do(self.house, ["write", act[1], self.marked(*act[1:3])] + act[3:])
        else:
            acts.do(self.house, act)

    def act_all(self, batch):
        """A batch is one change; where it takes more than one system call, the daemon is held."""
        hold = ["stop"] not in batch and not is_a_save(batch)
        if hold:
            self.client.ask("pause")
        for act in batch:
            self.act(act)
        if hold:
            self.client.ask("resume")
        if ["start"] in batch:
            self.client.close()
            self.client = Client(self.house)

    def play(self, scene):
        self.begin(scene.files)
        story = list(scene.story)
        self.at_first(story.pop(0) if isinstance(story[0], dict) else {})
        number, batch = 0, []
        for part in story:
            if isinstance(part, dict):
                number += 1
                self.act_all(batch)
                self.judge(number, part)
                batch = []
            else:
                batch.append(part)


class Table(unittest.TestCase):
    """Scenes of one daemon. SCENES: name -> scene; each becomes a test."""

    SCENES = {}
    SETTINGS = ""
    _house = None

    def __init_subclass__(cls):
        for name in cls.SCENES:
            setattr(cls, "test_" + name, lambda self, name=name: self.holds(name))

    @classmethod
    def house(cls):
        if cls._house is None:
            cls._house = House(settings=cls.SETTINGS)
            cls._house.ctl("start", code=0)
        return cls._house

    @classmethod
    def tearDownClass(cls):
        if cls._house is not None:
            cls._house.close()
            cls._house = None

    def setUp(self):
        if PYTHON is None:
            self.skipTest("no interpreter here has " + FRAMEWORK)

    def holds(self, name):
        scene = self.SCENES[name]
        if scene.only != FRAMEWORK:
            self.skipTest("about %s alone" % scene.only)
        played = Played(self.house(), "%s.%s" % (type(self).__name__, name))
        try:
            played.play(scene)
        except BaseException:
            self.tearDownClass()  # who knows what is left behind
            raise
        finally:
            played.client.close()
        self.judge(scene, played)

    def judge(self, scene, played):
        told = "\n".join([""] + played.stale + played.excess)
        if scene.stale and played.stale:
            self.skipTest("not true yet: " + scene.stale)
        if scene.costs and played.excess and not played.stale:
            self.skipTest("costs runs: " + scene.costs)
        if played.stale or played.excess:
            told += self.evidence(played)
            self.tearDownClass()
            self.fail(told)
        if scene.costs or scene.stale:
            self.fail("this holds now: take its mark away")

    @staticmethod
    def evidence(played):
        """Why these test files ran last, and the rows that do not hold."""
        ctl, text = played.house.ctl, ""
        for file in sorted({line.split()[2] for line in played.stale + played.excess}):
            text += "\n" + ctl("why", file).stdout
            text += "".join(line + "\n" for line in ctl("deps", file).stdout.splitlines()
                            if not line.startswith("holds"))
        return text
