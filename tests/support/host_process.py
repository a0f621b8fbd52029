"""A real worker host on real pipes, for the tests of the Python half."""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PLUGIN = os.path.join(os.path.dirname(os.path.dirname(HERE)), "python_plugin")
BUILD = os.environ.get("SNIFFER_BUILD",
                       os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "debug"))
LIBRARY = os.environ.get("SNIFFER_TRACE_LIBRARY", os.path.join(BUILD, "libsniffer_trace.so"))
PR_SET_CHILD_SUBREAPER = 36
PATIENCE_MS = 60000  # a broken host must not hang the tests; nothing is measured


def python_with_nose():
    """An interpreter that has nose, or None."""
    for python in ("/usr/bin/python3", shutil.which("python3")):
        if python and subprocess.call([python, "-c", "import nose"], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL) == 0:
            return python
    return None


def other_pythons():
    """Interpreters from 3.8 on, whatever they have: pyenv's, and what $PATH offers by version."""
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    base = os.path.join(root, "versions")
    names = sorted(os.listdir(base)) if os.path.isdir(base) else []
    found = [os.path.join(base, name, "bin", "python") for name in names
             if name.startswith("3.") and int(name.split(".")[1]) >= 8]
    offered = [shutil.which("python3.%d" % minor) for minor in range(8, 15)]
    known = {os.path.realpath(path) for path in ["/usr/bin/python3", sys.executable, *found]}
    # pyenv's shims are programs that choose one of its versions.
    found += [path for path in filter(None, offered) if os.path.realpath(path) not in known
              and not path.startswith(os.path.join(root, "shims"))]
    return [path for path in found if os.path.exists(path)]


class Project:
    """A temporary folder with files in it."""

    def __init__(self, **files):
        self.outer = os.path.realpath(tempfile.mkdtemp(prefix="sniffer-test-"))
        self.root = os.path.join(self.outer, "project")
        os.makedirs(os.path.join(self.root, ".sniffer"))
        for name, text in files.items():
            self.write(name, text)

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def clear(self):
        """All goes but the state folder, as it does when the user switches to another branch."""
        for folder, kept in ((self.outer + "/project", ".sniffer"), (self.outer, "project")):
            for entry in os.scandir(folder):
                if entry.is_dir(follow_symlinks=False) and entry.name != kept:
                    shutil.rmtree(entry.path)
                elif entry.name != kept:
                    os.remove(entry.path)

    def remove(self):
        shutil.rmtree(self.outer, ignore_errors=True)


class Host:
    """As the daemon starts one; PRELOAD False: for want of the library."""

    def __init__(self, project, python, args=(), env=None, preload=True, framework="nose"):
        pipes = [os.pipe() for _ in range(4)]
        (orders, self.orders), (self.reports, reports), (self.looks, looks), \
            (self.output, output) = pipes
        command = [python, "-B", os.path.join(PLUGIN, "sniffer_host.py"), "--root", project.root,
                   "--framework", framework, *args, "--orders", str(orders), "--reports",
                   str(reports), "--looks", str(looks)]
        own = {"SNIFFER_TRACE_LIBRARY": LIBRARY if preload else "/nowhere"}
        if preload and os.path.exists(LIBRARY):
            own["LD_PRELOAD"] = LIBRARY
        prctl = ctypes.CDLL(None).prctl

        def before_exec():
            prctl(PR_SET_CHILD_SUBREAPER, 1)
            os.setsid()
            # As the daemon does; a shell's background job would hand on an ignored one.
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        self.process = subprocess.Popen(
            command, cwd=project.root, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            pass_fds=(orders, reports, looks), preexec_fn=before_exec,
            env=dict({name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
                     HOME=project.outer, **{**own, **(env or {})}))
        for fd in (orders, reports, looks, output):
            os.close(fd)
        self._unread = {}
        self.raw_reports = b""
        self.printed = ""
        self.run_number = 0
        self.first = None
        self._warm = None  # what it told last

    def until(self, wanted):
        """Everything up to the report WANTED: (reports, looks). Output is kept in `printed`."""
        found = {self.reports: [], self.looks: []}
        poll = select.poll()
        for fd in (self.reports, self.looks, self.output):
            poll.register(fd, select.POLLIN)
        done = False
        while True:
            ready = poll.poll(0 if done else PATIENCE_MS)
            if not ready:
                if done:
                    return found[self.reports], found[self.looks]
                raise AssertionError("no %s; so far %r, printed %s"
                                     % (wanted, found[self.reports], self.printed))
            for fd, _ in ready:
                data = os.read(fd, 1 << 16)
                if not data:
                    poll.unregister(fd)
                    if fd == self.reports and not done:
                        if wanted is None:
                            done = True
                        else:
                            raise AssertionError("the host is gone: " + self.printed)
                elif fd == self.output:
                    self.printed += data.decode("utf-8", "replace")
                else:
                    *lines, self._unread[fd] = (self._unread.get(fd, b"") + data).split(b"\n")
                    for line in filter(None, lines):
                        message = json.loads(line)
                        if message["report"] == "warm":
                            self._warm = message  # between any others
                        else:
                            found[fd].append(message)
                        done = done or (fd == self.reports and message["report"] == wanted)

    def warm(self, wanted):
        """What it tells of that, once WANTED(it) is true."""
        while self._warm is None or not wanted(self._warm):
            self.until("warm")
        return self._warm

    def ready(self):
        self.first = self.until("ready")[0][-1]
        return self

    def order(self, **order):
        os.write(self.orders, json.dumps(order).encode() + b"\n")

    def run(self, file, **more):
        self.run_number += 1
        self.printed = ""
        self.order(order="run", run=self.run_number, file=file, **more)
        return Run(self, *self.until("exited"))

    def blocks(self, *paths):
        self.order(order="blocks", id=9, paths=list(paths))
        return self.until("blocks")[0][-1]["sources"]

    def classify(self, *paths):
        self.order(order="classify", id=7, paths=list(paths))
        return self.until("classified")[0][-1]

    def close(self):
        if self.orders is not None:
            os.close(self.orders)
            self.orders = None
        try:
            return self.process.wait(timeout=PATIENCE_MS / 1000)
        finally:
            for fd in (self.reports, self.looks, self.output):
                os.close(fd)


class HostCase(unittest.TestCase):
    """One project for the tests of a class, empty when each begins, and one host for each set of
    arguments: a host lives as long in a daemon, whatever is edited."""

    python, framework = sys.executable, None

    @classmethod
    def setUpClass(cls):
        cls.project = Project()
        cls.addClassCleanup(cls.project.remove)
        cls.hosts = {}

    def setUp(self):
        self.project.clear()

    def environment(self):
        """The variables of each host."""
        return {}

    def host(self, *args, **kwargs):
        key = args, repr(kwargs)
        if key not in self.hosts:
            self.hosts[key] = self.new_host(*args, **kwargs)
            self.addClassCleanup(self.hosts[key].close)
        return self.hosts[key]

    def new_host(self, *args, env=None, **kwargs):
        """One that nobody shares; who asks for it closes it."""
        return Host(self.project, self.python, ["--arg=" + word for word in args],
                    framework=self.framework, env={**self.environment(), **(env or {})},
                    **kwargs).ready()

    def run_text(self, text, *args, name="test_it.py", **kwargs):
        self.project.write(name, text)
        self.ran = self.host(*args, **kwargs)
        return self.ran.run(name)


class Run:
    """What became of one run."""

    def __init__(self, host, reports, looks):
        self.host = host
        self.reports = reports
        self.results = {r["test"]: r for r in reports if r["report"] == "result"}
        self.outcomes = {name: r["outcome"] for name, r in self.results.items()}
        self.done = any(r["report"] == "done" for r in reports)
        self.exited = reports[-1]
        self.stream = looks
        self.looks = {(r["kind"], str(r["path"])): r.get("seen", "none") for r in looks
                      if r["report"] == "look"}
        self.wrote = [r["path"] for r in looks if r["report"] == "wrote"]

    def kinds(self, path):
        return {kind for kind, one in self.looks if one == path}

    def ran(self, path):
        """Keys of the blocks of PATH that ran, in their order; None: the whole file counts."""
        [look] = [look for look in self.stream
                  if look.get("kind") == "code" and look["path"] == path]
        if "ran" not in look:
            return None
        [source] = self.host.blocks(path)
        assert source["seen"] == look["seen"], (source, look)
        data = bytes.fromhex(look["ran"])
        return [key for at, key in enumerate(source["keys"]) if data[at // 8] >> at % 8 & 1]
