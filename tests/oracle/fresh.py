"""The truth: every test file run by nose itself, in a copy of the project that nobody ran in.

Plain: one `python -m nose FILE` each. Quick: an interpreter that has loaded nose, and nothing else,
is forked for each file; a difference that it finds is asked again in the plain way. The outcomes
of a tree are kept under its content: who goes back to an earlier state waits for nothing."""

import concurrent.futures
import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
import xml.etree.ElementTree

JOBS = 2
HIDDEN = (".sniffer", "__pycache__")
_TEST = re.compile(r"(?:^|[\b_\./-])[Tt]est")

_SERVER = r"""
import os, sys
import nose.core, nose.plugins.builtin
for line in sys.stdin:
    root, report, file = line.rstrip("\n").split("\t")
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.chdir(root)
        sys.path[0] = root
        sys.argv = [sys.executable + " -m nose", file]
        status = 1
        try:
            nose.core.run(argv=["nosetests", "--with-xunit", "--xunit-file=" + report, file])
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    sys.stdout.write("\n")
    sys.stdout.flush()
"""


# ---- which files are test files: nose's rules, for projects as they are made here ----

def _is_package(path):
    return os.path.isfile(os.path.join(path, "__init__.py"))


def test_files(root, folder=""):
    found = []
    for name in sorted(os.listdir(os.path.join(root, folder))):
        path = os.path.join(folder, name)
        full = os.path.join(root, path)
        if os.path.isdir(full):
            wanted = _is_package(full) or _TEST.search(name) or name in ("lib", "src")
            if name[0] not in "._" and wanted:
                found += test_files(root, path)
        elif os.path.isfile(full) and name.endswith(".py") and _TEST.search(name) \
                and name[0] not in "._" and not os.stat(full).st_mode & 0o111:
            found.append(path)
    return found


# ---- one result ----

def last_line(text, root):
    """What a report ends with: the exception and what it says."""
    lines = [line for line in (text or "").split("-------------------- >>")[0].splitlines() if line.strip()]
    return lines[-1].strip().replace(root, "ROOT") if lines else ""


def _name(case, file):
    owner, name = case.get("classname"), case.get("name")
    whole = owner + "." + name
    if owner == "nose.failure.Failure":
        return "(import)"
    if "ContextSuite" in whole:
        return "(%s)" % whole.rpartition(":")[2]
    stem = os.path.basename(file)[:-3]
    return whole.partition(stem + ".")[2] if stem + "." in whole else whole


def add(outcomes, name, value):
    name = re.sub(" at 0x[0-9a-f]+", " at 0x...", name)  # as results do
    shown, count = name, 1
    while shown in outcomes:
        count += 1
        shown = "%s #%d" % (name, count)
    outcomes[shown] = value


def parse(report, file, root):
    """Test -> (outcome, exception, last line)."""
    outcomes = {}
    try:
        suite = xml.etree.ElementTree.parse(report).getroot()
    except (OSError, xml.etree.ElementTree.ParseError):
        return {"(no report)": ("error", "", "")}
    for case in suite.iter("testcase"):
        bad = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
        if bad is None:
            value = ("success", "", "")
        elif bad.tag == "skipped":
            value = ("skipped", "", "")
        else:
            value = (bad.tag, bad.get("type").rpartition(".")[2], last_line(bad.text, root))
        name = _name(case, file)
        if name == "(import)" and value[0] == "failure":
            value = ("error",) + value[1:]  # sniffer: a module that does not load is an error
        add(outcomes, name, value)
    return outcomes


class Server:
    """PROGRAM forks for each line: a root, a path for the report, words for the framework."""

    def __init__(self, python, environment, program):
        self.process = subprocess.Popen([python, "-B", "-c", program], env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        universal_newlines=True)

    def run(self, *words):
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Fresh:
    """Fresh runs of one project at ROOT."""

    SERVER = _SERVER

    def __init__(self, root, python, environment, quick=False):
        self.root, self.python = root, python
        self.base = tempfile.mkdtemp(prefix="sniffer-fresh-")
        self.environment = dict(environment, PYTHONDONTWRITEBYTECODE="1")
        self.prepare()
        self.pool = concurrent.futures.ThreadPoolExecutor(JOBS)
        self.servers = [Server(python, self.environment, self.SERVER)
                        for _ in range(JOBS if quick else 0)]
        self.known = {}
        outside = os.path.join(os.path.dirname(root), "outside.txt")
        os.symlink(outside, os.path.join(self.base, "outside.txt"))

    def prepare(self):
        """What the framework needs in the folder and the environment of the runs."""

    def close(self):
        self.pool.shutdown()
        for server in self.servers:
            server.close()
        shutil.rmtree(self.base, ignore_errors=True)

    def key(self):
        """Of all that a test can see of the tree."""
        digest = hashlib.sha256()
        beside = os.path.dirname(self.root)
        for top in (self.root, os.path.join(beside, "outside.txt"), os.path.join(beside, "other")):
            for path in sorted(self._walk(top)):
                status = os.lstat(path)
                digest.update(repr((path, status.st_mode)).encode())
                if stat.S_ISLNK(status.st_mode):
                    digest.update(os.readlink(path).encode())
                elif stat.S_ISREG(status.st_mode):
                    digest.update(repr(status.st_mtime_ns // 10**9).encode())
                    with open(path, "rb") as file:
                        digest.update(hashlib.sha256(file.read()).digest())
        return digest.digest()

    @staticmethod
    def _walk(top):
        if os.path.isfile(top):
            yield top
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if name not in HIDDEN]
            for name in folders + names:
                yield os.path.join(folder, name)

    def test_files(self, copy, plain):
        return test_files(copy)

    def run(self, number, copy, file, plain):
        report = os.path.join(self.base, "%d.xml" % number)
        if os.path.exists(report):
            os.remove(report)
        if self.servers and not plain:
            server = self.servers.pop()
            server.run(copy, report, file)
            self.servers.append(server)
        else:
            subprocess.run([self.python, "-B", "-m", "nose", "--with-xunit",
                            "--xunit-file=" + report, file], cwd=copy, env=self.environment,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=120)
        return {(file, test): value for test, value in parse(report, file, copy).items()}

    def outcomes(self, plain=False):
        """(file, test) -> (outcome, exception, last line), and the list of test files."""
        key = (self.key(), plain)
        if key in self.known:
            return self.known[key]
        copy = os.path.join(self.base, os.path.basename(self.root))
        shutil.copytree(self.root, copy, symlinks=True, ignore=shutil.ignore_patterns(*HIDDEN))
        try:
            files = self.test_files(copy, plain)
            jobs = [self.pool.submit(self.run, number, copy, file, plain)
                    for number, file in enumerate(files)]
            found = {}
            for job in jobs:
                found.update(job.result())
        finally:
            shutil.rmtree(copy)
        self.known[key] = found, files
        return found, files
