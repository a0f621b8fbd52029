"""A project in a temporary folder, with the real daemon and the real client on it.

Nothing here sleeps: snifferctl wait is the synchronisation, and it is what users have."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

SOURCE = os.environ.get("SNIFFER_SOURCE",
                        os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("SNIFFER_BUILD", os.path.join(SOURCE, "build", "debug"))
FRAMEWORK = os.environ.get("SNIFFER_FRAMEWORK", "nose")  # of what is played
BACKEND = os.environ.get("SNIFFER_BACKEND")  # that daemons are started with; None: they choose
TIMEOUT = 120


def interpreter_with(module):
    """An interpreter that has MODULE: Debian's first, because Debian's nose runs on it."""
    for python in ("/usr/bin/python3", sys.executable):
        if subprocess.run([python, "-c", "import " + module], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0:
            return python
    return None


PYTHON = interpreter_with(FRAMEWORK)


class House:
    """A project, its daemon's environment, and the commands."""

    def __init__(self, files=(), settings="", root=None):
        """ROOT is a project that is there already, and stays."""
        self.base = tempfile.mkdtemp(prefix="sniffer-test-")
        self.root = root or os.path.join(self.base, "project")
        os.makedirs(self.root, exist_ok=True)
        runtime = os.path.join(self.base, "run")
        os.mkdir(runtime, 0o700)
        self.environment = dict(os.environ)
        for name in ("SNIFFER_SOCKET", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
            self.environment.pop(name, None)
        self.environment.update(XDG_RUNTIME_DIR=runtime, HOME=self.base,
                                SNIFFER_PLUGIN=os.path.join(SOURCE, "python_plugin"),
                                SNIFFER_TRACE_LIBRARY=os.path.join(BUILD, "libsniffer_trace.so"))
        if settings is not None:
            python = "" if "python =" in settings else 'python = "%s"\n' % PYTHON
            framework = "" if "framework =" in settings else 'framework = "%s"\n' % FRAMEWORK
            self.write("pyproject.toml", "[tool.sniffer]\n" + python + framework + settings)
        for path, text in dict(files).items():
            self.write(path, text)

    # ---- files ----

    def path(self, *names):
        return os.path.join(self.root, *names)

    def write(self, path, text):
        """Saves as most editors do: a temporary file beside it, then a rename."""
        path = self.path(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = path + "~"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        os.rename(temporary, path)

    def write_in_place(self, path, text):
        with open(self.path(path), "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))

    def read(self, path):
        with open(self.path(path), encoding="utf-8") as file:
            return file.read()

    def remove(self, path):
        path = self.path(path)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.remove(path)

    # ---- programs ----

    def ctl(self, *arguments, code=None, text=None, cwd=None):
        """Runs snifferctl; CODE is the exit code it must have."""
        if BACKEND is not None and arguments[0] in ("start", "restart") and "--backend" not in arguments:
            arguments += ("--backend", BACKEND)
        done = subprocess.run([os.path.join(BUILD, "snifferctl"), "-C", self.root, *arguments],
                              env=self.environment, input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=TIMEOUT,
                              cwd=cwd or self.root)
        if code is not None and done.returncode != code:
            raise AssertionError("snifferctl %s: exit %d, not %d\n%s%s%s" % (
                " ".join(arguments), done.returncode, code, done.stdout, done.stderr, self.log()))
        return done

    def records(self, *arguments, code=0):
        return [json.loads(line) for line in self.ctl(*arguments, code=code).stdout.splitlines()]

    def status(self):
        return self.records("status", "--json")[0]

    def wait(self, code=None):
        """Until the truth is known; the status. CODE None: green or red, both will do."""
        done = self.ctl("wait", "--json", "--timeout", "60", code=code)
        if code is None and done.returncode not in (0, 1):
            raise AssertionError("wait: exit %d\n%s%s" % (done.returncode, done.stderr, self.log()))
        return json.loads(done.stdout)

    def long_wait(self):
        """The same of a real project, whose tests take as long as they take."""
        while self.ctl("wait", "--timeout", "100").returncode == 4:
            pass
        return self.wait()

    def runs(self):
        """File -> number of runs."""
        return {record["file"]: record["runs"] for record in self.records("files", "--json")}

    def results(self, *files):
        """(file, test) -> record."""
        return {(record["file"], record["test"]): record
                for record in self.records("results", "--json", *files)}

    def outcomes(self, *files):
        return {key: record["outcome"] for key, record in self.results(*files).items()}

    def ran(self, act):
        """The files that run because of ACT."""
        before = self.runs()
        act()
        self.wait()
        return {file for file, count in self.runs().items() if count != before.get(file, 0)}

    def log(self):
        try:
            with open(self.path(".sniffer", "snifferd.log"), encoding="utf-8", errors="replace") as file:
                return "\n--- snifferd.log\n" + file.read()[-6000:]
        except OSError:
            return ""

    def close(self):
        self.ctl("stop")
        shutil.rmtree(self.base, ignore_errors=True)


class HouseTest(unittest.TestCase):
    """A test with a house; a red one shows the daemon's log."""

    FILES = {}
    SETTINGS = ""

    def setUp(self):
        if PYTHON is None:
            self.skipTest("no interpreter here has nose")
        self.house = House(self.FILES, self.SETTINGS)
        self.addCleanup(self.house.close)

    def start(self):
        self.house.ctl("start", code=0)


def main():
    unittest.main(verbosity=2)
