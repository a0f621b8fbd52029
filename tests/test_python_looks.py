"""What a run looks at: each way of looking, under each interpreter that is here."""

import glob
import json
import os
import subprocess
import sys
import unittest
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from host_process import LIBRARY, PLUGIN, Host, Project, other_pythons, python_with_nose  # noqa: E402

PYTHON = python_with_nose()

# Runs pieces of code, each in a fork of its own and in a copy of the project, as a child of the
# host would, and prints their looks: a line of JSON for each. MODE is who notes them: "python", the
# recorder inside the interpreter, or "library".
SCRIPT = """
import sys
sys.path.insert(0, {plugin!r})
from sniffer_plugin import evidence, guard, library, looks, scope, trace, weak, wrappers
del sys.path[0]
MODE = {mode!r}
{before}
if MODE == 'python':
    wrappers.wrap()
else:
    library.wrap()
    weak.install(sys.audit)
import json, os, pathlib, glob, shutil, subprocess, sqlite3, zipfile, linecache, inspect, traceback, tempfile, time


def piece(outer, place, log, code):
    os.chdir(place.root)
    watch = guard.Guard(place, looks.quiet if MODE == 'python' else library.quiet)
    watch.install()
    sys.path[0] = place.root
    told = []
    code = compile(code, '<piece>', 'exec')
    space = dict(globals(), OUTER=outer)
    if MODE == 'python':
        watch.sink = looks.Recorder(place, lambda *look: told.append(look))
        looks.start(watch.sink)
        exec(code, space)
        looks.stop()
    else:
        watch.sink = library.Heard(place)
        library.begin(log.place(os.getppid()))
        trace.preload(os.environ, trace.library(), log.place(os.getppid()))
        exec(code, space)
        library.end()
    return told


for code in json.load(sys.stdin):
    outer = tempfile.mkdtemp(dir={outer!r})
    shutil.copytree({root!r}, outer + '/project', symlinks=True)
    os.symlink({outer!r} + '/shared.txt', outer + '/project/away')
    os.symlink(outer + '/project/data.txt', outer + '/into')
    place = scope.Scope(outer + '/project')
    log = trace.Log(trace.filters(place), 1, 1 << 20)
    began = time.time_ns()
    reading, writing = os.pipe()
    if not os.fork():
        try:
            line = json.dumps([piece(outer, place, log, code), ''])
        except BaseException:
            line = json.dumps([[], traceback.format_exc()])
        with os.fdopen(writing, 'w') as file:
            file.write(line)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        told, error = json.loads(file.read())
    os.wait()
    if MODE == 'library':
        told = [look[:3] for look in evidence.Run(place, None, began).looks(log.records())]
        error += '' if log.whole() else 'the log is not whole'
    log.close()
    print(json.dumps([outer, told, error]))
"""

# Name of the case: (code, what it must tell, what it must not tell). A tuple is (kind, path).
CASES = {
    "open": ("open('data.txt').read()", [("content", "data.txt")], [("wrote", "data.txt")]),
    "open through fd of a folder": (
        "d = os.open('sub', 0); os.open('f.txt', 0, dir_fd=d)", [("content", "sub/f.txt")], []),
    "after chdir": ("os.chdir('sub'); open('f.txt')", [("content", "sub/f.txt")], []),
    "by a link": ("open('link')", [("content", "link"), ("content", "data.txt")], []),
    "below a linked folder": (
        "open('slink/f.txt')", [("content", "slink"), ("content", "sub/f.txt")],
        [("content", "slink/f.txt")]),
    "by a link outside": ("open(OUTER + '/into')", [("content", "data.txt")], []),
    "outside by a link": (
        "open('away')", [("content", "away"), ("content", "BASE/shared.txt")], []),
    "outside": ("open(OUTER + '/../shared.txt')", [("content", "BASE/shared.txt")], []),
    "dots": ("open('sub/../data.txt')", [("content", "data.txt")], []),
    "dots below a link": ("open('slink/../data.txt')", [("content", "data.txt")], []),
    "/proc": ("open('/proc/self/cwd/data.txt')", [("content", "data.txt")], []),
    "bytes": ("open(b'data.txt')", [("content", "data.txt")], []),
    "pathlib": ("pathlib.Path('data.txt').read_text()", [("content", "data.txt")], []),
    "os.stat": ("os.stat('data.txt')", [("presence", "data.txt")], [("content", "data.txt")]),
    "os.stat absent": ("try: os.stat('nope')\nexcept OSError: pass", [("presence", "nope")], []),
    "os.stat dir_fd": (
        "d = os.open('sub', 0); os.stat('f.txt', dir_fd=d)", [("presence", "sub/f.txt")], []),
    "pathlib stat": ("pathlib.Path('data.txt').stat()", [("presence", "data.txt")], []),
    "getmtime": ("os.path.getmtime('data.txt')", [("presence", "data.txt")], []),
    "fstat": ("f = open('data.txt'); os.fstat(f.fileno())",
              [("presence", "data.txt"), ("content", "data.txt")], []),
    "exists": ("os.path.exists('data.txt')", [("existence", "data.txt")],
               [("presence", "data.txt"), ("content", "data.txt")]),
    "exists absent": ("os.path.exists('nope')", [("presence", "nope")], []),
    "isdir": ("os.path.isdir('sub')", [("existence", "sub")], [("listing", "sub")]),
    "isfile absent below absent": ("os.path.isfile('no/pe')", [("presence", "no/pe")], []),
    "access": ("os.access('data.txt', 4)", [("existence", "data.txt")], []),
    "readlink": ("os.readlink('link')", [("content", "link")], []),
    "realpath": ("os.path.realpath('link')", [("content", "link")], []),
    "listdir": ("os.listdir('sub')", [("listing", "sub")], []),
    "listdir root": ("os.listdir()", [("listing", "")], []),
    "listdir fd": ("os.listdir(os.open('sub', 0))", [("listing", "sub")], []),
    "scandir": ("[e.name for e in os.scandir('sub')]", [("listing", "sub")],
                [("presence", "sub/f.txt")]),
    "scandir and stat": ("[e.stat() for e in os.scandir('sub')]",
                         [("listing", "sub"), ("presence", "sub/f.txt")], []),
    "walk": ("list(os.walk('.'))", [("listing", ""), ("listing", "sub")], []),
    "glob": ("glob.glob('sub/*.txt')", [("listing", "sub")], []),
    "iterdir": ("list(pathlib.Path('sub').iterdir())", [("listing", "sub")], []),
    "write": ("open('out.txt', 'w').write('x')", [("wrote", "out.txt")],
              [("content", "out.txt"), ("presence", "out.txt")]),
    "append": ("open('data.txt', 'a').write('x')", [("content", "data.txt"), ("wrote", "data.txt")], []),
    "update": ("open('data.txt', 'r+').write('y')", [("content", "data.txt"), ("wrote", "data.txt")], []),
    "write below an absent folder": (
        "try: open('no/out', 'w')\nexcept OSError: pass", [("presence", "no")], []),
    "chmod keeps what is in it": (
        "os.chmod('data.txt', 0o600); open('data.txt')",
        [("content", "data.txt"), ("wrote", "data.txt")], []),
    "rename": ("os.rename('data.txt', 'new.txt')",
               [("content", "data.txt"), ("wrote", "data.txt"), ("wrote", "new.txt")], []),
    "remove": ("os.remove('data.txt')", [("wrote", "data.txt")], []),
    "remove absent": ("try: os.remove('nope')\nexcept OSError: pass",
                      [("presence", "nope")], [("wrote", "nope")]),
    "mkdir": ("os.mkdir('made'); open('made/x', 'w').close(); open('made/x')",
              [("wrote", "made")], [("content", "made/x")]),
    "mkdir where one is": ("os.makedirs('sub', exist_ok=True); open('sub/f.txt')",
                           [("content", "sub/f.txt")], [("wrote", "sub")]),
    "copy": ("shutil.copy('data.txt', 'copy.txt')",
             [("content", "data.txt"), ("wrote", "copy.txt")], []),
    "rmtree": ("shutil.rmtree('sub')", [("wrote", "sub"), ("wrote", "sub/f.txt")], []),
    "symlink": ("os.symlink('data.txt', 'newlink')", [("wrote", "newlink")], []),
    "program": ("subprocess.call(['cat', 'data.txt'], stdout=-3)",
                [("content", "data.txt")], []),
    "program elsewhere": ("subprocess.call(['cat', 'f.txt'], cwd='sub', stdout=-3)",
                          [("content", "sub/f.txt")], []),
    "shell": ("os.system('cat <data.txt >/dev/null')", [("content", "data.txt")], []),
    "import": ("import mod", [("code", "mod.py"), ("search", "mod")],
               [("content", "mod.py"), ("listing", "")]),
    "import package": (
        "import pkg.inner", [("code", "pkg/__init__.py"), ("code", "pkg/inner.py"),
                             ("search", "pkg"), ("search", "pkg/inner")], [("listing", "pkg")]),
    "import absent": ("try: import nothing_here\nexcept ImportError: pass",
                      [("search", "nothing_here")], []),
    "import stdlib": ("import wave", [("search", "wave")], []),
    "import from zip": ("sys.path.insert(0, 'z.zip'); import inzip", [("content", "z.zip")], []),
    "getsource": ("import mod; inspect.getsource(mod)",
                  [("code", "mod.py"), ("content", "mod.py")], [("presence", "mod.py")]),
    "traceback": ("import mod, traceback\ntry: mod.fail()\nexcept ValueError: "
                  "traceback.format_exc()", [("content", "mod.py")], [("presence", "mod.py")]),
    "own folder": ("open('.sniffer/x', 'w'); open('.sniffer/x')", [],
                   [("wrote", ".sniffer/x"), ("content", ".sniffer/x")]),
    "installed": ("os.stat('venv/lib/site-packages/p.py')", [],
                  [("presence", "venv/lib/site-packages/p.py")]),
    "odd bytes": ("open(b'\\xff', 'w'); open(b'\\xff')", [("wrote", "\udcff")], []),
}

# What differs by who notes it.
ONLY_BY = {
    "python": {
        "open absent": ("try: open('nope')\nexcept OSError: pass", [("content", "nope")], []),
        "islink": ("os.path.islink('link')", [("content", "link")], []),
        "sqlite": ("sqlite3.connect('a.db')", [("content", "a.db"), ("wrote", "a.db")], []),
        "forked child": ("p = os.fork()\nif not p:\n open('data.txt'); pass\n"
                         " os._exit(('content', os.getcwd() + '/data.txt') not in looks.current()._told)\n"
                         "assert os.waitpid(p, 0)[1] == 0", [], []),
    },
    "library": {
        "open absent": ("try: open('nope')\nexcept OSError: pass", [("presence", "nope")], []),
        "islink": ("os.path.islink('link')", [("content", "link")], [("content", "data.txt")]),
        "lstat": ("os.lstat('link')", [("content", "link")], [("content", "data.txt")]),
        "sqlite": ("sqlite3.connect('a.db')", [("presence", "a.db"), ("wrote", "a.db")], []),
        "sqlite there": ("sqlite3.connect('data.txt')",
                         [("content", "data.txt")], [("wrote", "data.txt")]),
        "weak for one, not for the next": (
            "os.path.exists('data.txt'); os.stat('data.txt')",
            [("existence", "data.txt"), ("presence", "data.txt")], []),
        "in C": ("import ctypes; c = ctypes.CDLL(None); c.fopen.restype = ctypes.c_void_p\n"
                 "c.fopen(b'data.txt', b'r')", [("content", "data.txt")], []),
        "Path.exists": ("pathlib.Path('data.txt').exists()", [("existence", "data.txt")],
                        [("presence", "data.txt")]),
        "asked by both": (
            "subprocess.call([sys.executable, '-B', '-c', 'import mod']); os.stat('mod.py')",
            [("content", "mod.py"), ("presence", "mod.py")], []),
        "program in Python": (
            "subprocess.call([sys.executable, '-B', '-c', 'import mod'])",
            [("content", "mod.py")], []),
        "forked child": ("p = os.fork()\nif not p:\n open('data.txt')\n os._exit(0)\nos.waitpid(p, 0)",
                         [("content", "data.txt")], []),
    },
}


class LooksTest(unittest.TestCase):
    def setUp(self):
        self.project = Project(**{"data.txt": "x", "sub/f.txt": "y", "mod.py":
                                  "X = 1\ndef fail(): raise ValueError\n",
                                  "pkg/__init__.py": "", "pkg/inner.py": "",
                                  "venv/lib/site-packages/p.py": ""})
        self.addCleanup(self.project.remove)
        with open(self.project.outer + "/shared.txt", "w") as file:
            file.write("older than any run")
        os.symlink("data.txt", self.project.path("link"))
        os.symlink("sub", self.project.path("slink"))
        with zipfile.ZipFile(self.project.path("z.zip"), "w") as archive:
            archive.writestr("inzip.py", "X = 1\n")

    def all_told(self, python, codes, before="", mode="python"):
        """For each of CODES its looks, or what it raised."""
        script = SCRIPT.format(plugin=PLUGIN, root=self.project.root, outer=self.project.outer,
                               before=before, mode=mode)
        library = {"SNIFFER_TRACE_LIBRARY": LIBRARY, "LD_PRELOAD": LIBRARY}
        done = subprocess.run([python, "-B", "-c", script], cwd=self.project.root,
                              input=json.dumps(codes).encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE,
                              env=dict(os.environ, **(library if mode == "library" else {})))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        for line in done.stdout.decode().splitlines():
            outer, told, error = json.loads(line)
            yield [(kind, path.replace(outer, "OUTER").replace(
                self.project.outer, "BASE"), seen) for kind, path, seen in told], error

    def told(self, python, code):
        [(told, error)] = self.all_told(python, [code])
        self.assertEqual(error, "")
        return told

    def check(self, python, before="", mode="python"):
        cases = dict(CASES, **ONLY_BY[mode])
        answers = list(self.all_told(python, [code for code, _, _ in cases.values()], before,
                                     mode))
        self.assertEqual(len(answers), len(cases))
        for (name, (_, wanted, unwanted)), (told, error) in zip(cases.items(), answers):
            with self.subTest(python=python, case=name):
                self.assertEqual(error, "")
                pairs = [(kind, path) for kind, path, _ in told]
                for pair in wanted:
                    self.assertIn(pair, pairs)
                for pair in unwanted:
                    self.assertNotIn(pair, pairs)
                self.assertEqual(len(pairs), len(set(pairs)), "told twice")

    def test_a_look_tells_what_was_seen(self):
        told = self.told(sys.executable, "open('data.txt'); os.path.exists('nope')")
        [copy] = glob.glob(self.project.outer + "/*/project/data.txt")
        status = os.lstat(copy)
        seen = {path: seen for _, path, seen in told}
        self.assertEqual(seen["data.txt"], [status.st_dev, status.st_ino, status.st_size,
                                            status.st_mtime_ns, status.st_ctime_ns,
                                            status.st_mode])
        self.assertIsNone(seen["nope"])

    def test_wrapped_functions_are_what_they_were(self):
        for python in [sys.executable] + other_pythons():
            with self.subTest(python=python):
                self.told(python, """
import pickle, copy, inspect, shutil
assert pickle.loads(pickle.dumps(os.stat)) is os.stat
assert os.stat in os.supports_dir_fd and os.stat in os.supports_fd
assert os.stat.__name__ == 'stat' and 'path' in str(inspect.signature(os.stat))
assert callable(os.lstat) and shutil._use_fd_functions
class C:
    stat = os.stat
assert C().stat('.').st_mode
assert isinstance(next(os.scandir('sub')), os.DirEntry)
with os.scandir('sub') as entries:
    assert os.fspath(next(entries)) == 'sub/f.txt'
try:
    os.stat(3.5)
except TypeError:
    pass
""")

    def test_a_file_without_a_name_is_none(self):
        for make in ("f = open('gone', 'w'); os.unlink('gone')", "import tempfile; f = tempfile.TemporaryFile(dir='.')"):
            told = self.told(PYTHON, make + "; os.fstat(f.fileno()); os.path.exists(f.fileno())")
            self.assertEqual([look for look in told if "deleted" in str(look)], [])

    def test_reading_before_writing_comes_first(self):
        told = self.told(sys.executable, "open('data.txt').read(); open('data.txt', 'w')")
        self.assertEqual([(kind, path) for kind, path, _ in told],
                         [("content", "data.txt"), ("wrote", "data.txt")])


def _add(python, before, name, mode="python"):
    def test(self):
        if mode == "library" and not os.path.exists(LIBRARY):
            self.skipTest("there is no library for this machine")
        self.check(python, before, mode)
    setattr(LooksTest, "test_every_way_of_looking_" + name, test)


for _python in dict.fromkeys(["/usr/bin/python3", sys.executable] + other_pythons()):
    if os.path.exists(_python):
        _name = "".join(c if c.isalnum() else "_" for c in _python)
        _add(_python, "", "with" + _name)
        _add(_python, "", "by_the_library_with" + _name, "library")
        if "_3_1" not in _name:  # older pathlibs keep what they found in os
            _add(_python, "import pathlib, glob, shutil", "late_with" + _name)


@unittest.skipUnless(PYTHON, "no interpreter with nose here")
class ClockTest(unittest.TestCase):
    def test_a_temporary_file_from_before_the_clock_was_set_back_is_evidence(self):
        code = """
import os, sys, tempfile
sys.path.insert(0, sys.argv[1])
from sniffer_plugin import looks, scope
hour = 3600
told = []
real_now = looks._now
with tempfile.TemporaryDirectory() as root, tempfile.NamedTemporaryFile() as file:
    os.chdir(root)
    for back in (-hour, 0):
        looks._now = lambda: real_now() + back
        recorder = looks.Recorder(scope.Scope(root), lambda *look: told.append(back))
        looks._now = lambda: real_now() + back + hour // 2
        recorder.read(file.name)
    os.chdir("/")
print(told)
"""
        told = subprocess.run([sys.executable, "-c", code, PLUGIN], stdout=subprocess.PIPE,
                              universal_newlines=True, check=True).stdout
        # Made an hour after that run began, by a clock that ended half an hour before.
        self.assertEqual(told, "[-3600, 0]\n")


class RunLooksTest(unittest.TestCase):
    PRELOAD = True

    def setUp(self):
        self.project = Project(**{"tests/__init__.py": "", "tests/test_it.py": "def test_a(): pass\n"})
        self.addCleanup(self.project.remove)

    def run_it(self, text=None):
        if text is not None:
            self.project.write("tests/test_it.py", text)
        host = Host(self.project, PYTHON, preload=self.PRELOAD).ready()
        self.addCleanup(host.close)
        return host.run("tests/test_it.py")

    def test_the_file_its_packages_and_settings_are_always_told(self):
        run = self.run_it()
        self.assertIn("content", run.kinds("tests/test_it.py"))
        self.assertIn("content", run.kinds("tests/__init__.py"))
        self.assertEqual(run.looks[("presence", "setup.cfg")], None)
        self.assertEqual(run.looks[("presence", self.project.outer + "/.noserc")], None)

    def test_a_passing_file_rests_on_no_time_stamp_and_no_listing(self):
        self.project.write("helper.py", "X = 1\n")
        run = self.run_it("import helper\ndef test_a(): assert helper.X\n")
        self.assertEqual([p for k, p in run.looks if k == "listing"], [])
        stamped = [p for (k, p), seen in run.looks.items() if k == "presence" and seen
                   and not os.path.isdir(self.project.path(p))]
        self.assertEqual(stamped, [])

    def test_a_failing_file_rests_on_no_time_stamp_either(self):
        self.project.write("helper.py", "def f(): raise ValueError\n")
        run = self.run_it("import helper\ndef test_a(): helper.f()\n")
        self.assertIn("content", run.kinds("helper.py"))
        self.assertNotIn("presence", run.kinds("helper.py"))
        self.assertNotIn("presence", run.kinds("tests/test_it.py"))

    def test_what_the_host_loaded_is_searched_for_too(self):
        run = self.run_it()
        for name in ("json", "nose", "optparse", "unittest"):
            self.assertIn(("search", name), run.looks)

    def test_looks_of_a_forked_child_are_heard(self):
        self.project.write("data.txt", "x")
        run = self.run_it("""
            import os
            def test_a():
                pid = os.fork()
                if pid == 0:
                    open('data.txt').read()
                    os._exit(0)
                os.waitpid(pid, 0)
            """)
        self.assertIn("content", run.kinds("data.txt"))

    def test_looks_after_all_descriptors_were_closed_are_heard(self):
        self.project.write("data.txt", "x")
        run = self.run_it("""
            import os
            def test_a():
                os.closerange(3, 20000)
                for _ in range(900):
                    os.open('/dev/null', os.O_RDONLY)
                open('data.txt').read()
            """)
        self.assertEqual(run.outcomes, {"test_a": "success"})
        self.assertIn("content", run.kinds("data.txt"))

    def test_a_name_that_is_no_text_travels_as_bytes(self):
        run = self.run_it("def test_a(): open(b'\\xff', 'w')\n")
        self.assertIn({"b64": "/w=="}, run.wrote)


class WithoutLibraryTest(RunLooksTest):
    """The same, for want of the preloaded library."""

    PRELOAD = False


if __name__ == "__main__":
    unittest.main()
