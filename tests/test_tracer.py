"""The preload shim: each way of touching a file, by each kind of process, is in the log."""

import ctypes
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from trace_log import HEADER, HIDDEN, KINDS, LIBRARY, MAGIC, PRIVILEGED, STATIC, Log  # noqa: E402

CC = shutil.which("cc")
# The interpreter itself: a launcher script before it would be traced as well.
PYTHON = os.path.realpath(sys.executable)


# Of data.txt, open as f for reading and writing; o is open too, for reading.
WRITING = (
    "os.write(f, b'x')", "os.pwrite(f, b'x', 0)", "os.writev(f, [b'x'])", "os.pwritev(f, [b'x'], 0)",
    "os.ftruncate(f, 1)", "os.posix_fallocate(f, 0, 9)", "libc.fallocate(f, 0, 0, 9)",
    "os.sendfile(f, o, 0, 3)", "os.copy_file_range(o, f, 3)", "libc.dup(f)", "os.dup(f)",
    "os.dup2(f, f + 9)", "os.dup2(f, f + 9, False)", "fcntl.fcntl(f, fcntl.F_DUPFD, 0)",
    "libc.fdopen(f, b'w')", "mmap.mmap(f, 0)", "r, w = os.pipe(); os.write(w, b'x'); libc.splice(r, 0, f, 0, 1, 0)",
    "os.set_inheritable(f, True); os.system('true')",
    "os.set_inheritable(f, True); os.posix_spawnp('true', ['true'], os.environ)",
    "os.set_inheritable(f, True); os.execlp('true', 'true')",
    "os.posix_spawnp('true', ['true'], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, f, 1)])",
    "subprocess.run(['echo'], stdout=f)", "libc.fork() or os.write(f, b'x'); os.wait()",
)


@unittest.skipUnless(os.path.exists(LIBRARY), "no tracer was built")
class Traced(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.outer = os.path.realpath(tempfile.mkdtemp(prefix="sniffer-trace-"))
        self.addCleanup(shutil.rmtree, self.outer, ignore_errors=True)
        self.root = self.outer + "/project"
        self.make_tree(self.root)
        self.outside = self.outer + "/outside"
        os.mkdir(self.outside)
        for name, target in (("folder", self.root), ("file", self.root + "/data.txt"),
                             ("file2", "file"), ("folder2", "folder")):
            os.symlink(target, self.outside + "/" + name)
        self.log = Log(self.outer + "/log", self.root)

    @staticmethod
    def make_tree(root):
        os.makedirs(root + "/sub/deep")
        for name in ("data.txt", "other.txt", "sub/inner.txt", "sub/deep/far.txt"):
            with open(root + "/" + name, "w") as file:
                file.write(name)
        os.symlink("data.txt", root + "/link")
        os.symlink("sub", root + "/way")
        with open(root + "/script", "w") as file:
            file.write("#!/bin/sh\ncat data.txt >/dev/null\n")
        os.chmod(root + "/script", 0o755)

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LD_"))}
        return dict(clean, LD_PRELOAD=LIBRARY, SNIFFER_TRACE_LOG=self.log.path,
                    HOME=self.outer, GIT_CONFIG_NOSYSTEM="1", **more)

    def run_traced(self, argv, status=0, **more):
        done = subprocess.run(argv, cwd=self.root, env=self.environment(**more), timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout.decode(errors="replace"))
        self.output = done.stdout.decode(errors="replace")
        return self.log.read()

    def python(self, code, status=0, **more):
        return self.run_traced([PYTHON, "-I", "-S", "-B", "-c", "import os\n" + code], status, **more)

    def shown(self, path):
        return path.replace(self.root, "ROOT", 1).replace(self.outer, "OUTER", 1)

    def kinds(self):
        return {(record.kind, self.shown(record.path)) for record in self.log.records}

    def order(self, path):
        return [record.kind for record in self.log.records if record.path == self.root + "/" + path]

    def assert_told(self, *wanted):
        for kind, path in wanted:
            name = path if path.startswith("OUTER") else "ROOT/" + path if path else "ROOT"
            self.assertIn((kind, name), self.kinds())

    def assert_whole(self):
        self.assertTrue(self.log.whole, vars(self.log))


# name: (code, what it must tell). cwd is the project's root.
PYTHON_CASES = {
    "a file listed as a folder": (
        "import os\nfor path in ('data.txt', 'data.txt/x'):\n"
        " try: os.listdir(path)\n except NotADirectoryError: pass",
        [("exists", "data.txt"), ("absent", "data.txt/x")]),
    "open": ("open('data.txt').read()", [("read", "data.txt")]),
    "os.open": ("os.open('data.txt', 0)", [("read", "data.txt")]),
    "open absent": ("try: open('nope')\nexcept OSError: pass", [("absent", "nope")]),
    "open in an absent folder": ("try: open('no/pe')\nexcept OSError: pass", [("absent", "no/pe")]),
    "make in an absent folder": ("try: open('no/pe', 'w')\nexcept OSError: pass", [("absent", "no")]),
    "dir_fd": ("d = os.open('sub', 0); os.open('inner.txt', 0, dir_fd=d)",
               [("exists", "sub"), ("read", "sub/inner.txt")]),
    "two dir_fds of one number": (
        "for f in ('sub', 'sub/deep'):\n d = os.open(f, 0); os.access('far.txt', 0, dir_fd=d); os.close(d)",
        [("absent", "sub/far.txt"), ("exists", "sub/deep/far.txt")]),
    "one name below two dir_fds": (
        "for f in ('sub', 'sub/deep'): os.access('none', 0, dir_fd=os.open(f, 0))",
        [("absent", "sub/none"), ("absent", "sub/deep/none")]),
    "up behind nothing": ("os.path.exists('nope/../data.txt')", [("absent", "nope")]),
    "chdir and relative": ("os.chdir('sub'); open('inner.txt')",
                           [("exists", "sub"), ("read", "sub/inner.txt")]),
    "one name from two folders": (
        "os.access('inner.txt', 0); os.chdir('sub'); os.access('inner.txt', 0)",
        [("absent", "inner.txt"), ("exists", "sub/inner.txt")]),
    "link to a file": ("open('link')", [("link", "link"), ("read", "data.txt")]),
    "link to a folder": ("open('way/inner.txt')", [("link", "way"), ("read", "sub/inner.txt")]),
    "stat": ("os.stat('data.txt')", [("found", "data.txt")]),
    "stat of a link": ("os.stat('link')", [("link", "link"), ("found", "data.txt")]),
    "lstat of a link": ("os.lstat('link')", [("found", "link")]),
    "lstat of a link's folder": ("os.lstat('way/')", [("link", "way"), ("found", "sub")]),
    "stat absent": ("os.path.exists('nope')", [("absent", "nope")]),
    "access": ("os.access('data.txt', 4)", [("exists", "data.txt")]),
    "access absent": ("os.access('nope', 4)", [("absent", "nope")]),
    "readlink": ("os.readlink('link')", [("link", "link")]),
    "readlink of a file": ("try: os.readlink('data.txt')\nexcept OSError: pass",
                           [("exists", "data.txt")]),
    "realpath": ("os.path.realpath('way/inner.txt')", [("link", "way")]),
    "listdir": ("os.listdir('sub')", [("listing", "sub")]),
    "listdir of a descriptor": ("os.listdir(os.open('sub', 0))", [("listing", "sub")]),
    "scandir": ("list(os.scandir('.'))", [("listing", "")]),
    "walk": ("list(os.walk('sub'))", [("listing", "sub"), ("listing", "sub/deep")]),
    "glob": ("import glob; glob.glob('sub/*.txt')", [("listing", "sub")]),
    "listdir absent": ("try: os.listdir('nope')\nexcept OSError: pass", [("absent", "nope")]),
    "mmap": ("import mmap; f = open('data.txt'); mmap.mmap(f.fileno(), 0, prot=1)",
             [("read", "data.txt")]),
    "O_PATH and /proc/self/fd": ("f = os.open('data.txt', os.O_PATH); open('/proc/self/fd/%d' % f)",
                                 [("exists", "data.txt"), ("read", "data.txt")]),
    "write": ("open('out', 'w')", [("wrote", "out")]),
    "append": ("open('data.txt', 'a').write('x')", [("read", "data.txt"), ("wrote", "data.txt")]),
    "append to what is not there": ("open('out', 'a')", [("absent", "out"), ("wrote", "out")]),
    "read and write": ("open('data.txt', 'r+').write('x')", [("read", "data.txt"), ("wrote", "data.txt")]),
    "make exclusively": ("open('out', 'x')", [("absent", "out"), ("wrote", "out")]),
    "fail to make exclusively": ("try: open('link', 'x')\nexcept OSError: pass", [("link", "link")]),
    "rename": ("os.rename('data.txt', 'new')", [("from", "data.txt"), ("to", "new")]),
    "replace": ("os.replace('data.txt', 'other.txt')", [("from", "data.txt"), ("to", "other.txt")]),
    "remove": ("os.remove('data.txt')", [("removed", "data.txt")]),
    "remove absent": ("try: os.remove('nope')\nexcept OSError: pass", [("absent", "nope")]),
    "rmdir": ("os.mkdir('d'); os.rmdir('d')", [("made", "d"), ("removed", "d")]),
    "mkdir that is there": ("try: os.mkdir('sub')\nexcept OSError: pass", [("exists", "sub")]),
    "hard link": ("os.link('data.txt', 'new')", [("read", "data.txt"), ("wrote", "new")]),
    "symlink": ("os.symlink('data.txt', 'new')", [("wrote", "new")]),
    "truncate": ("os.truncate('data.txt', 1)", [("read", "data.txt"), ("wrote", "data.txt")]),
    "chmod": ("os.chmod('data.txt', 0o600)", [("read", "data.txt"), ("wrote", "data.txt")]),
    "fchmod": ("os.chmod(os.open('data.txt', 0), 0o600)", [("wrote", "data.txt")]),
    "utime": ("os.utime('data.txt')", [("read", "data.txt"), ("wrote", "data.txt")]),
    "mkfifo": ("os.mkfifo('pipe')", [("wrote", "pipe")]),
    "socket": ("import socket; socket.socket(socket.AF_UNIX).bind('sock')", [("wrote", "sock")]),
    "sqlite": ("import sqlite3; c = sqlite3.connect('a.db'); c.execute('create table t(a)'); c.close()",
               [("absent", "a.db"), ("wrote", "a.db")]),
    "ctypes fopen": ("import ctypes; ctypes.CDLL(None).fopen(b'data.txt', b'r')", [("read", "data.txt")]),
    "ctypes open": ("import ctypes; ctypes.CDLL(None).open(b'data.txt', 0)", [("read", "data.txt")]),
    "syscall openat": ("import ctypes; ctypes.CDLL(None).syscall(%d, -100, b'data.txt', 0)"
                       % (257 if os.uname().machine == "x86_64" else 56), [("read", "data.txt")]),
    "subprocess": ("import subprocess; subprocess.run(['cat', 'data.txt'], stdout=-3, check=True)",
                   [("read", "data.txt")]),
    "subprocess with env={}": ("import subprocess\n"
                               "subprocess.run(['/bin/cat', 'data.txt'], stdout=-3, env={}, check=True)",
                               [("read", "data.txt")]),
    "subprocess elsewhere": ("import subprocess\n"
                             "subprocess.run(['cat', 'inner.txt'], stdout=-3, cwd='sub', check=True)\n"
                             "open('data.txt')", [("read", "sub/inner.txt"), ("read", "data.txt")]),
    "posix_spawn": ("os.waitpid(os.posix_spawn('/bin/cat', ['cat', 'data.txt'], {}), 0)",
                    [("read", "data.txt")]),
    "posix_spawn with a redirect": (
        "os.waitpid(os.posix_spawn('/bin/cat', ['cat'], {}, file_actions=["
        "(os.POSIX_SPAWN_OPEN, 0, 'data.txt', 0, 0), "
        "(os.POSIX_SPAWN_OPEN, 1, 'out', os.O_WRONLY | os.O_CREAT, 0o600)]), 0)",
        [("read", "data.txt"), ("wrote", "out")]),
    "os.system": ("os.system('cat data.txt >/dev/null')", [("read", "data.txt")]),
    "os.system without variables": ("for k in list(os.environ): os.unsetenv(k)\n"
                                    "os.system('/bin/cat data.txt >/dev/null')", [("read", "data.txt")]),
    "popen": ("os.popen('cat data.txt').read()", [("read", "data.txt")]),
    "C popen without variables": (
        "for k in list(os.environ): os.unsetenv(k)\n"
        "import ctypes; c = ctypes.CDLL(None); c.popen.restype = ctypes.c_void_p\n"
        "c.pclose(ctypes.c_void_p(c.popen(b'/bin/cat data.txt >/dev/null', b'r')))",
        [("read", "data.txt")]),
    "fork and exec": ("if not os.fork(): os.execv('/bin/cat', ['cat', 'data.txt'])\nos.wait()",
                      [("read", "data.txt")]),
    "fork and exec, bare": ("if not os.fork(): os.execve('/bin/cat', ['cat', 'data.txt'], {})\nos.wait()",
                            [("read", "data.txt")]),
    "fork and _exit": ("if not os.fork():\n open('data.txt').read(); os._exit(0)\nos.wait()",
                       [("read", "data.txt")]),
    "fork twice": ("r, w = os.pipe()\n"
                   "if not os.fork():\n if os.fork(): os._exit(0)\n"
                   " os.setsid(); os.close(r); os.stat('data.txt'); os._exit(0)\n"
                   "os.close(w); os.wait(); os.read(r, 1)", [("found", "data.txt")]),
    "closed descriptors": ("os.closerange(3, 1000); open('data.txt')", [("read", "data.txt")]),
    "threads": ("import threading\n"
                "t = [threading.Thread(target=os.access, args=('n%d' % i, 0)) for i in range(20)]\n"
                "[x.start() for x in t]; [x.join() for x in t]",
                [("absent", "n%d" % i) for i in range(20)]),
    "signal handler": ("import signal\nsignal.signal(10, lambda *_: os.stat('data.txt'))\n"
                       "os.kill(os.getpid(), 10)", [("found", "data.txt")]),
    "child Python": ("import subprocess, sys\n"
                     "subprocess.run([sys.executable, '-I', '-S', '-c', 'open(\"data.txt\")'], env={}, check=True)",
                     [("read", "data.txt")]),
    "a program that is looked for": (
        "import subprocess; subprocess.run(['script'], env={'PATH': 'sub:.:/bin'}, check=True)",
        [("exec", "script"), ("absent", "sub/script"), ("read", "data.txt")]),
    "the shell finds it": ("os.environ['PATH'] = os.getcwd() + ':/usr/bin:/bin'; os.execvp('script', ['script'])",
                           [("exec", "script"), ("read", "data.txt")]),
    "a link that is turned": (
        "os.access('way/none', 0); os.remove('way'); os.symlink('sub/deep', 'way'); os.access('way/none', 0)",
        [("absent", "sub/none"), ("wrote", "way"), ("absent", "sub/deep/none")]),
    "a link that is moved": (
        "os.symlink('sub/deep', 'new'); os.access('way/none', 0); os.rename('new', 'way'); os.access('way/none', 0)",
        [("absent", "sub/none"), ("to", "way"), ("absent", "sub/deep/none")]),
    "a link that becomes a folder": (
        "os.access('way/none', 0); os.remove('way'); os.mkdir('way'); os.access('way/none', 0)",
        [("absent", "sub/none"), ("made", "way"), ("absent", "way/none")]),
    "a folder that is moved": (
        "os.stat('sub/deep/far.txt'); os.rename('sub/deep', 'sub/new'); os.mkdir('sub/deep')\n"
        "os.path.exists('sub/deep/far.txt')", [("from", "sub/deep"), ("absent", "sub/deep/far.txt")]),
    "a very long name": ("os.access('x/' * 1500 + 'y', 0)", [("absent", "x/" * 1500 + "y")]),
    "a name that is no text": ("os.access(b'\\xff', 0)", [("absent", "\udcff")]),
    "no path at all": ("import ctypes; c = ctypes.CDLL(None)\nfor p in (None, ctypes.c_void_p(1)):\n"
                       " c.open(p, 0); c.stat(p, None); c.access(p, 0); c.unlink(p); c.rename(p, p)\n"
                       " c.execve(p, None, None); c.chmod(p, 0); c.open(p, 0o100, 0); c.readlink(p, None, 0)", []),
}


class PythonLooks(Traced):
    def test_each_way_that_python_has_is_told(self):
        for name, (code, wanted) in PYTHON_CASES.items():
            with self.subTest(name):
                shutil.rmtree(self.root)
                self.make_tree(self.root)
                self.log = Log(self.outer + "/log", self.root)
                self.python(code)
                self.assert_told(*wanted)
                self.assert_whole()

    def test_a_path_is_told_once_in_a_kind_by_all_processes_together(self):
        self.python("for _ in range(3):\n open('data.txt'); os.stat('data.txt'); os.system('cat data.txt')")
        told = [(r.kind, r.path) for r in self.log.records]
        self.assertEqual(len(told), len(set(told)))
        self.assertEqual(sorted(self.order("data.txt")), ["found", "read"])

    def test_who_sees_only_what_was_told_adds_nothing(self):
        code = "os.stat('data.txt'); open('link'); os.listdir('sub'); os.access('nope', 0)"
        self.python(code)
        head = self.log.head
        self.python(code)
        self.assertEqual((self.log.head, self.log.attached), (head, 2))

    def test_order_tells_outputs_from_inputs(self):
        self.python("open('out', 'w').write('x'); open('out').read(); open('data.txt').read(); open('data.txt', 'w')")
        self.assertEqual(self.order("out"), ["wrote", "left", "read"])
        self.assertEqual(self.order("data.txt"), ["read", "wrote", "left"])

    def test_to_open_for_writing_is_not_to_write(self):
        for code in ("open('data.txt', 'r+').read(); open('data.txt', 'a').close()",
                     "import sqlite3; c = sqlite3.connect('a.db'); c.execute('select * from t').fetchall()",
                     "f = os.open('data.txt', 2); os.fork() or os._exit(0); os.wait(); os.close(f)",
                     "import subprocess; f = open('data.txt', 'a'); subprocess.run(['true'])"):
            with self.subTest(code):
                base = sqlite3.connect(self.root + "/a.db")
                base.execute("create table if not exists t(a)")
                base.close()
                self.python(code)
                for path in ("data.txt", "a.db"):
                    self.assertLessEqual(set(self.order(path)), {"read", "exists", "found"})

    def test_each_way_to_write_to_what_is_open_is_told(self):
        for code in WRITING:
            with self.subTest(code):
                self.log = Log(self.outer + "/log", self.root)
                self.python("import mmap, sys, ctypes, subprocess, fcntl\n"
                            "libc = ctypes.CDLL(None)\nf = os.open('data.txt', os.O_RDWR)\n"
                            "o = os.open('other.txt', 0)\n" + code)
                self.assertEqual(self.order("data.txt")[:2], ["read", "wrote"])

    def test_what_was_written_is_told_as_it_was_left(self):
        ways = {"close": "f = open('data.txt', 'r+'); f.write('x'); f.close()",
                "twice": "for i in 'xy': open('data.txt', 'a').write(i)",
                "not closed": "f = os.open('data.txt', 1); os.write(f, b'x')",
                "left at once": "f = os.open('data.txt', 1); os.write(f, b'x'); os._exit(0)",
                "stream": "import ctypes; c = ctypes.CDLL(None); c.fopen.restype = ctypes.c_void_p\n"
                          "f = ctypes.c_void_p(c.fopen(b'data.txt', b'a')); c.fputs(b'x', f); c.fclose(f)",
                "renamed": "open('new', 'w').write('x'); os.rename('new', 'data.txt')",
                "altered": "open('data.txt', 'w').write('x'); os.utime('data.txt', (1, 1))",
                "all closed": "f = os.open('data.txt', 1); os.write(f, b'x'); os.closerange(f, f + 9)"}
        for name, code in ways.items():
            with self.subTest(name):
                self.log = Log(self.outer + "/log", self.root)
                self.python(code)
                left = [r for r in self.log.records
                        if r.kind == "left" and r.path == self.root + "/data.txt"]
                now = os.stat(self.root + "/data.txt")
                self.assertEqual(left[-1].seen, (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns,
                                                 now.st_ctime_ns, now.st_mode))

    def test_a_file_that_loses_a_name_is_told_as_it_is_under_the_others(self):
        for code in ("os.remove('y')", "os.unlink('y', dir_fd=os.open('.', 0))",
                     "os.rename('other.txt', 'y')", "os.replace('y', 'x')", "open('y', 'a').write('x')"):
            with self.subTest(code):
                self.log = Log(self.outer + "/log", self.root)
                self.python("for n in 'xy':\n if not os.path.exists(n): os.link('data.txt', n)\n" + code)
                now = os.stat(self.root + "/data.txt")
                left = [r.seen for r in self.log.records
                        if r.kind == "left" and r.seen is not None and r.seen[1] == now.st_ino]
                self.assertEqual(left[-1], (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns,
                                            now.st_ctime_ns, now.st_mode))
                with open(self.root + "/other.txt", "w"):
                    pass

    def test_how_a_file_is_left_that_was_handed_on_nobody_knows(self):
        for code in ("import subprocess; f = open('data.txt', 'a'); subprocess.run(['echo'], stdout=f)",
                     "os.system('echo x >>data.txt')", "os.system('echo x >data.txt')",
                     "f = os.open('data.txt', 2); os.write(os.dup(f), b'x')",
                     "import mmap; f = os.open('data.txt', 2); mmap.mmap(f, 0)[0] = 65"):
            with self.subTest(code):
                self.log = Log(self.outer + "/log", self.root)
                self.python(code)
                left = [r.seen for r in self.log.records
                        if r.kind == "left" and r.path == self.root + "/data.txt"]
                self.assertIn(None, left)

    def test_the_identity_is_what_was_seen(self):
        before = os.stat(self.root + "/data.txt")
        self.python("open('data.txt').read(); os.stat('sub'); os.chmod('data.txt', 0o640); os.access('nope', 0)")
        seen = {(r.kind, self.shown(r.path)): r.seen for r in self.log.records}
        self.assertEqual(seen["read", "ROOT/data.txt"],
                         (before.st_dev, before.st_ino, before.st_size, before.st_mtime_ns,
                          before.st_ctime_ns, before.st_mode))
        self.assertTrue(stat.S_ISDIR(seen["found", "ROOT/sub"][5]))
        self.assertIsNone(seen["absent", "ROOT/nope"])

    def test_before_a_change_the_identity_is_the_old_one(self):
        before = os.stat(self.root + "/data.txt")
        self.python("os.truncate('data.txt', 0); os.rename('other.txt', 'new')")
        seen = {(r.kind, self.shown(r.path)): r.seen for r in self.log.records}
        self.assertEqual(seen["read", "ROOT/data.txt"][2], before.st_size)
        self.assertEqual(seen["from", "ROOT/other.txt"][2], len("other.txt"))

    def test_errno_stays_what_the_call_left(self):
        self.python("import ctypes, errno\nc = ctypes.CDLL(None, use_errno=True)\n"
                    "ctypes.set_errno(7); c.access(b'data.txt', 0); assert ctypes.get_errno() == 7\n"
                    "c.access(b'nope', 0); assert ctypes.get_errno() == errno.ENOENT\n"
                    "c.mkdir(b'sub', 0); assert ctypes.get_errno() == errno.EEXIST\n"
                    "c.execv(b'nope', None); assert ctypes.get_errno() == errno.ENOENT")

    def test_no_descriptor_is_left_in_anybody(self):
        self.python("import subprocess; print(sorted(os.listdir('/proc/self/fd')), flush=True); "
                    "subprocess.run(['ls', '/proc/self/fd'], close_fds=False)")
        self.assertEqual(self.output.replace("\n", " ").split("]")[1].split(), ["0", "1", "2", "3"])

    def test_many_names_outgrow_no_memory(self):
        self.log = Log(self.outer + "/log", self.root, size=32 << 20)
        self.python("for _ in range(2):\n for i in range(60000): os.access('n%d' % i, 0)")
        self.assertEqual(sum(r.kind == "absent" for r in self.log.records if "/n" in r.path), 60000)
        self.assert_whole()


# Names that lead to ROOT/data.txt (or nope, or sub), and what of it must be told.
SPELLINGS = {
    "folder link outside": ("open('{out}/folder/data.txt')", "read", "data.txt"),
    "two folder links": ("open('{out}/folder2/data.txt')", "read", "data.txt"),
    "file link outside": ("open('{out}/file')", "read", "data.txt"),
    "two file links": ("open('{out}/file2')", "read", "data.txt"),
    "up from a folder": ("open('/usr/..{root}/data.txt')", "read", "data.txt"),
    "two slashes": ("open('/{root}//data.txt')", "read", "data.txt"),
    "/proc/self/cwd": ("open('/proc/self/cwd/data.txt')", "read", "data.txt"),
    "/proc/self/root": ("open('/proc/self/root{root}/data.txt')", "read", "data.txt"),
    "/dev/fd": ("f = os.open('data.txt', os.O_PATH); open('/dev/fd/%d' % f)", "read", "data.txt"),
    "up inside": ("open('sub/../data.txt')", "read", "data.txt"),
    "up behind a link": ("os.symlink('{root}/sub/deep', '{out}/d'); open('{out}/d/../../data.txt')",
                         "read", "data.txt"),
    "stat by a folder link": ("os.stat('{out}/folder/data.txt')", "found", "data.txt"),
    "stat by a file link": ("os.stat('{out}/file')", "found", "data.txt"),
    "absent by a folder link": ("os.path.exists('{out}/folder/nope')", "absent", "nope"),
    "stat with two slashes": ("os.stat('/{root}/./data.txt')", "found", "data.txt"),
    "stat up": ("os.stat('/usr/..{root}/data.txt')", "found", "data.txt"),
    "outside and relative": ("os.chdir('{out}'); open('folder/data.txt')", "read", "data.txt"),
    "listing by a link": ("os.listdir('{out}/folder/sub')", "listing", "sub"),
    "fopen by a link": ("import ctypes; ctypes.CDLL(None).fopen(b'{out}/file', b'r')", "read", "data.txt"),
    "/proc/self/fd twice, another file": (
        "for n in ('other.txt', 'data.txt'):\n f = os.open(n, os.O_PATH)\n"
        " open('/proc/self/fd/%d' % f); os.close(f)", "read", "data.txt"),
}


class Spellings(Traced):
    def test_whatever_a_path_is_called_it_is_told_by_its_real_name(self):
        for name, (code, kind, path) in SPELLINGS.items():
            with self.subTest(name):
                self.log = Log(self.outer + "/log", self.root)
                self.python(code.replace("{out}", self.outside).replace("{root}", self.root))
                self.assert_told((kind, path))

    def test_the_links_on_the_way_are_told_too(self):
        self.python("open(%r); open('way/inner.txt')" % (self.outside + "/file2"))
        self.assert_told(("link", "OUTER/outside/file2"), ("link", "OUTER/outside/file"), ("link", "way"))

    def test_what_is_hidden_is_not_told_unless_it_leads_to_what_is_not(self):
        hidden = self.outer + "/hidden"
        os.mkdir(hidden)
        with open(hidden + "/plain", "w"):
            pass
        os.symlink(self.root + "/data.txt", hidden + "/file")
        self.log = Log(self.outer + "/log", self.root, hidden=HIDDEN + [hidden, self.root + "/sub"])
        self.python("open(%r); open(%r); open('sub/inner.txt')" % (hidden + "/plain", hidden + "/file"))
        self.assertEqual({path for kind, path in self.kinds() if kind == "read"}, {"ROOT/data.txt"})

    def test_a_root_below_a_hidden_folder_is_told(self):
        self.log = Log(self.outer + "/log", self.root, hidden=HIDDEN + [self.outer])
        self.python("open('data.txt'); open(%r)" % (self.outside + "/file"))
        self.assertEqual({kind for kind, path in self.kinds() if path.startswith("OUTER")}, set())
        self.assert_told(("read", "data.txt"))


PROGRAMS = {
    "sh": (["sh", "-c", "read x <data.txt; echo $x >out; test -f nope; cat <link >/dev/null; : sub/*"],
           [("read", "data.txt"), ("wrote", "out"), ("absent", "nope"), ("listing", "sub")]),
    "bash": (["bash", "-c", "read x <data.txt; [[ -f nope ]]; echo >>other.txt; : sub/*"],
             [("read", "data.txt"), ("absent", "nope"), ("read", "other.txt"), ("wrote", "other.txt"),
              ("listing", "sub")]),
    "cat": (["cat", "data.txt"], [("read", "data.txt")]),
    "git": (["sh", "-c", "git init -q . && git status --short && git hash-object data.txt"],
            [("read", "data.txt"), ("listing", ""), ("absent", ".gitignore"), ("wrote", ".git/config.lock")]),
    "perl": (["perl", "-e", "open F, 'data.txt'; -e 'nope'; opendir D, 'sub'; require './other.pl' if -e 'other.pl'"],
             [("read", "data.txt"), ("absent", "nope"), ("listing", "sub"), ("absent", "other.pl")]),
    "find": (["find", "sub", "-newer", "data.txt"],
             [("found", "data.txt"), ("listing", "sub"), ("listing", "sub/deep"), ("found", "sub/inner.txt")]),
    "make": (["sh", "-c", "printf 'out: data.txt\\n\\tcp data.txt out\\n' >Makefile; make -s"],
             [("found", "data.txt"), ("read", "data.txt"), ("absent", "out"), ("wrote", "out")]),
    "ls": (["ls", "-l", "sub"], [("listing", "sub"), ("found", "sub/inner.txt")]),
    "awk": (["awk", "1", "data.txt"], [("read", "data.txt")]),
    "cp": (["cp", "-r", "sub", "copy"], [("listing", "sub"), ("read", "sub/deep/far.txt"), ("made", "copy"),
                                        ("wrote", "copy/inner.txt")]),
    "mv": (["mv", "data.txt", "new"], [("from", "data.txt"), ("to", "new")]),
    "rm": (["rm", "-r", "sub"], [("removed", "sub"), ("removed", "sub/deep/far.txt"), ("listing", "sub/deep")]),
    "ln": (["ln", "-sf", "other.txt", "link"], [("link", "link")]),
    "env -i": (["env", "-i", "/bin/cat", "data.txt"], [("read", "data.txt")]),
    "setsid": (["setsid", "-w", "cat", "data.txt"], [("read", "data.txt")]),
    "a script": (["./script"], [("read", "data.txt")]),
    "tar": (["tar", "cf", "out.tar", "sub"], [("read", "sub/inner.txt"), ("wrote", "out.tar"), ("listing", "sub")]),
}


class Programs(Traced):
    def test_programs_of_every_kind_are_heard(self):
        for name, (argv, wanted) in PROGRAMS.items():
            if not all(shutil.which(word) for word in {name.split()[0], argv[0]} - {"a", "./script"}):
                continue
            with self.subTest(name):
                shutil.rmtree(self.root)
                self.make_tree(self.root)
                self.log = Log(self.outer + "/log", self.root)
                self.run_traced(argv, status=None)
                self.assert_told(*wanted)
                self.assertEqual([r for r in self.log.records if r.kind == "unseen"], [])
                self.assert_whole()

    def test_what_a_killed_process_told_stays(self):
        self.python("os.stat('data.txt'); open('other.txt'); os.kill(os.getpid(), 9)", status=-signal.SIGKILL)
        self.assert_told(("found", "data.txt"), ("read", "other.txt"))
        self.assert_whole()

    def test_a_full_log_counts_what_it_lost(self):
        self.log = Log(self.outer + "/log", self.root, size=10 << 10)
        self.python("for i in range(1000): os.access('n%d' % i, 0)")
        told = sum("/n" in r.path for r in self.log.records)
        self.assertGreater(told, 0)
        self.assertGreaterEqual(self.log.lost, 1000 - told)
        self.assertFalse(self.log.whole)

    def test_two_processes_at_once_share_one_log(self):
        code = "import os\nfor i in range(3000): os.access('n%d' % i, 0)"
        both = [subprocess.Popen([PYTHON, "-I", "-S", "-c", code], cwd=self.root, env=self.environment())
                for _ in range(2)]
        for process in both:
            self.assertEqual(process.wait(60), 0)
        told = [r.path for r in self.log.read() if "/n" in r.path]
        self.assertEqual(sorted(told), sorted(self.root + "/n%d" % i for i in range(3000)))
        self.assertEqual((self.log.lost, self.log.attached), (0, 2))

    def test_a_child_that_does_not_find_the_log_is_missed(self):
        away = self.log.path + "-away"
        self.python("import subprocess; os.rename(%r, %r); subprocess.run(['cat', 'data.txt'])\n"
                    "os.rename(%r, %r)" % (self.log.path, away, away, self.log.path))
        self.assertEqual((self.log.launched, self.log.attached), (2, 1))
        self.assertFalse(self.log.whole)

    def test_a_program_that_cannot_be_started_is_not_missed(self):
        shutil.copyfile("/bin/cat", self.root + "/cat")  # a program, but it may not be run
        self.python("for f in ('nope', './data.txt', './cat'):\n"
                    " try: os.execv(f, [f])\n except OSError: pass\n"
                    " try: os.posix_spawn(f, [f], {})\n except OSError: pass")
        self.assert_told(("exec", "cat"))
        self.assert_whole()

    def test_without_the_variable_nothing_happens(self):
        environment = self.environment()
        del environment["SNIFFER_TRACE_LOG"]
        done = subprocess.run(["sh", "-c", "cat data.txt; env -i env"], cwd=self.root, env=environment,
                              stdout=subprocess.PIPE)
        self.assertEqual(done.stdout.split(), [b"data.txt"])
        self.assertEqual(self.log.read(), [])
        self.assertEqual(self.log.attached, 0)

    def test_a_log_that_is_none_is_left_alone(self):
        for content in (b"", b"x" * 5000, HEADER.pack(MAGIC, 1, 1 << 30, 96, 1 << 40, 8, 64, 0, 0, 0, 0, 0) * 9):
            with open(self.log.path, "wb") as file:
                file.write(content)
            self.assertEqual(subprocess.call(["cat", "/dev/null"], env=self.environment()), 0)
            with open(self.log.path, "rb") as file:
                self.assertEqual(file.read(), content)

    def test_a_log_in_memory_is_found_through_its_keeper(self):
        fd = os.memfd_create("log")
        with open(self.log.path, "rb") as file:
            os.write(fd, file.read())
        self.log.path = "/proc/%d/fd/%d" % (os.getpid(), fd)
        self.addCleanup(os.close, fd)
        self.python("os.system('cat data.txt')")
        self.assert_told(("read", "data.txt"))
        self.assert_whole()

    def test_other_programs_libraries_are_evidence(self):
        if CC is None:
            self.skipTest("no compiler")
        with open(self.root + "/lib.c", "w") as file:
            file.write("int x;")
        subprocess.check_call([CC, "-shared", "-fPIC", "-o", self.root + "/libinner.so", self.root + "/lib.c"])
        subprocess.check_call([CC, "-shared", "-fPIC", "-o", self.root + "/libx.so", self.root + "/lib.c",
                               "-Wl,--no-as-needed,-rpath," + self.root, "-L" + self.root, "-linner"])
        self.python("import ctypes; ctypes.CDLL('./libx.so'); os._exit(0)")
        self.assert_told(("library", "libx.so"), ("library", "libinner.so"))


def preload_list(text):
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith("LD_PRELOAD=")]


@unittest.skipUnless(CC, "no compiler")
class Compiled(Traced):
    def compile(self, source, name="program", *flags):
        with open(self.outer + "/%s.c" % name, "w") as file:
            file.write("#define _GNU_SOURCE\n" + textwrap.dedent(source))
        done = subprocess.run([CC, "-w", "-pthread", "-o", self.outer + "/" + name,
                               self.outer + "/%s.c" % name, *flags], stderr=subprocess.PIPE)
        if done.returncode != 0:
            self.skipTest(done.stderr.decode())
        return self.outer + "/" + name

    def body(self, text, *flags):
        includes = "".join("#include <%s>\n" % name for name in (
            "dirent.h fcntl.h fts.h ftw.h glob.h pthread.h signal.h spawn.h stdio.h stdlib.h string.h sys/mman.h "
            "sys/stat.h sys/syscall.h sys/wait.h unistd.h").split())
        return self.compile(includes + text, "program", *flags)

    def test_what_libc_walks_by_itself_is_told(self):
        self.run_traced([self.body("""
            static int visit(const char *p, const struct stat *s, int t, struct FTW *f) { return 0; }
            int main(void) {
                struct dirent **names; glob_t found;
                char *list[] = {"sub", NULL};
                scandir(".", &names, NULL, alphasort);
                nftw("sub", visit, 4, FTW_CHDIR | FTW_PHYS);
                glob("way/*.txt", 0, NULL, &found);
                if (found.gl_pathc != 1 || strcmp(found.gl_pathv[0], "way/inner.txt")) return 1;
                return 0;
            }""")])
        self.assert_told(("listing", ""), ("listing", "sub"), ("listing", "sub/deep"),
                         ("found", "sub/deep/far.txt"), ("link", "way"))

    def test_fts_is_told(self):
        self.run_traced([self.body("""
            int main(void) {
                char *list[] = {"sub", NULL};
                FTS *walk = fts_open(list, FTS_PHYSICAL, NULL);
                while (fts_read(walk)) ;
                return 0;
            }""")])
        self.assert_told(("listing", "sub"), ("listing", "sub/deep"), ("found", "sub/deep/far.txt"))

    def test_the_less_usual_calls_are_told(self):
        self.run_traced([self.body("""
            int main(void) {
                struct statx x; char name[] = "tXXXXXX", folder[] = "dXXXXXX";
                statx(AT_FDCWD, "data.txt", 0, STATX_SIZE, &x);
                euidaccess("other.txt", R_OK);
                faccessat(AT_FDCWD, "sub", F_OK, 0);
                free(realpath("way/deep", NULL));
                freopen("sub/inner.txt", "r", stdin);
                open64("sub/deep/far.txt", O_RDONLY);
                fopen("made", "w");
                creat("created", 0600);
                renameat2(AT_FDCWD, "made", AT_FDCWD, "created", RENAME_EXCHANGE);
                mkstemp(name); mkdtemp(folder);
                return strlen(name) + strlen(folder) - 14;
            }""")])
        self.assert_told(("found", "data.txt"), ("exists", "other.txt"), ("exists", "sub"), ("link", "way"),
                         ("exists", "sub/deep"), ("read", "sub/inner.txt"), ("read", "sub/deep/far.txt"),
                         ("wrote", "made"), ("wrote", "created"), ("from", "made"), ("from", "created"))
        self.assertEqual(len([r for r in self.log.records if r.kind == "wrote" and r.path.startswith(self.root + "/t")]), 1)
        self.assertEqual(len([r for r in self.log.records if r.kind == "made"]), 1)

    def test_a_vfork_child_is_heard_and_leaves_its_parent_unharmed(self):
        self.run_traced([self.body("""
            int main(void) {
                char *none[] = {NULL}, *words[] = {"cat", "inner.txt", NULL};
                for (int i = 0; i < 200; i++) {
                    if (vfork() == 0) { chdir("sub"); execve("/bin/cat", words, none); _exit(1); }
                    wait(NULL);
                }
                return access("data.txt", F_OK);
            }""")])
        self.assert_told(("read", "sub/inner.txt"), ("exists", "data.txt"))
        self.assertNotIn(("absent", "ROOT/inner.txt"), self.kinds())
        self.assert_whole()

    def test_exec_with_lists_works_as_ever(self):
        self.run_traced([self.body("""
            static void go(int how) {
                char *with[] = {"A=b", NULL};
                if (fork()) { wait(NULL); return; }
                if (how == 0) execl("/bin/echo", "echo", "one", "two", NULL);
                if (how == 1) execlp("echo", "echo", "three", NULL);
                if (how == 2) execle("/usr/bin/env", "env", NULL, with);
                if (how == 3) fexecve(open("/bin/echo", O_RDONLY), (char *[]){"echo", "four", NULL}, with);
                _exit(1);
            }
            int main(void) { for (int i = 0; i < 4; i++) go(i); return 0; }""")])
        self.assertIn("one two\nthree\nA=b\n", self.output)
        self.assertIn("four\n", self.output)
        self.assert_whole()

    def test_constructors_handlers_and_small_stacks_do_no_harm(self):
        self.run_traced([self.body("""
            static char small[8192];
            static void handler(int n) { struct stat s; stat("other.txt", &s); access("gone", 0); }
            static void *thread(void *x) {
                for (int i = 0; i < 300; i++) { char n[20]; sprintf(n, "m%d", i); access(n, 0); kill(getpid(), 10); }
                return x;
            }
            __attribute__((constructor)) static void early(void) { access("early", 0); }
            int main(void) {
                stack_t stack = {.ss_sp = small, .ss_size = sizeof small};
                struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
                pthread_t t[4]; pthread_attr_t a;
                sigaltstack(&stack, NULL); sigaction(10, &action, NULL);
                pthread_attr_init(&a); pthread_attr_setstacksize(&a, 16384);
                for (int i = 0; i < 4; i++) pthread_create(&t[i], &a, thread, NULL);
                for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
                return 0;
            }""")])
        self.assert_told(("absent", "early"), ("found", "other.txt"), ("absent", "gone"), ("absent", "m299"))
        self.assert_whole()

    def test_a_plugin_is_found_by_its_callers_own_path(self):
        with open(self.outer + "/plug.c", "w") as file:
            file.write("int x;")
        os.mkdir(self.root + "/plugins")
        subprocess.check_call([CC, "-shared", "-fPIC", "-o", self.root + "/plugins/libplug.so", self.outer + "/plug.c"])
        self.run_traced([self.body("""
            #include <dlfcn.h>
            int main(void) { return dlopen("libplug.so", RTLD_NOW) == NULL; }""",
                                   "-ldl", "-Wl,-rpath," + self.root + "/plugins")])
        self.assert_told(("library", "plugins/libplug.so"))

    def test_a_static_program_is_unseen(self):
        program = self.body("int main(void) { return 0; }", "-static")
        self.python("os.system(%r)" % program)
        self.assertEqual([(r.detail, r.path) for r in self.log.records if r.kind == "unseen"], [(STATIC, program)])
        self.assert_told(("exec", "OUTER/program"))
        self.assert_whole()

    @unittest.skipUnless(os.path.exists("/sbin/ldconfig"), "no ldconfig here")
    def test_what_is_known_to_read_the_library_cache_is_seen(self):
        for words, unseen in (("'-p'", 0), ("'-N', '-X'", 1), ("'-p', '-N'", 1)):
            self.log = Log(self.outer + "/log", self.root)
            self.python("import subprocess; subprocess.run(['/sbin/ldconfig', %s], stdout=-3, stderr=-3)"
                        % words)
            found = [r.path for r in self.log.records if r.kind == "unseen"]
            self.assertEqual(len(found), unseen, found)

    def test_a_script_of_a_static_interpreter_is_unseen(self):
        program = self.body("int main(void) { return 0; }", "-static")
        with open(self.root + "/script", "w") as file:
            file.write("#! %s -x\n" % program)
        self.python("os.spawnv(os.P_WAIT, './script', ['x'])")
        self.assertEqual([(r.detail, r.path) for r in self.log.records if r.kind == "unseen"], [(STATIC, program)])
        self.assert_told(("exec", "script"), ("exec", "OUTER/program"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
    def test_a_program_with_rights_of_its_own_is_unseen(self):
        program = self.body("int main(void) { return 0; }")
        os.chmod(self.outer, 0o755)
        os.chown(program, 1, 1)
        os.chmod(program, 0o4755)
        self.python("os.system(%r)" % program)
        self.assertEqual([(r.detail, r.path) for r in self.log.records if r.kind == "unseen"], [(PRIVILEGED, program)])

    def test_a_program_with_the_address_sanitizer_runs_and_is_heard(self):
        program = self.body("int main(void) { return access(\"data.txt\", F_OK); }", "-fsanitize=address")
        self.python("import subprocess\nfor e in ({}, {'ASAN_OPTIONS': 'detect_leaks=0'}, os.environ):\n"
                    " subprocess.run([%r], env=e, check=True)" % program)
        self.assert_told(("exists", "data.txt"))
        self.assert_whole()

    def test_what_the_user_preloads_stays_and_stays_first(self):
        own = self.compile('__attribute__((constructor)) static void hello(void) { write(2, "<own>\\n", 6); }',
                           "own.so", "-shared", "-fPIC")
        self.python("import subprocess\n"
                    "for e in ({'LD_PRELOAD': %r}, {'LD_PRELOAD': %r}, {}):\n"
                    " subprocess.run(['/usr/bin/env'], env=e, check=True)"
                    % (own, own + " " + LIBRARY))
        self.assertEqual(preload_list(self.output), [own + ":" + LIBRARY, own + " " + LIBRARY, LIBRARY])
        self.assertEqual(self.output.count("<own>"), 2)

    def test_the_headers_reader_agrees(self):
        """The daemon reads the log with the functions of log.h."""
        source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self.python("open('data.txt'); os.access('nope', 0); os.system('cat other.txt >/dev/null')")
        reader = self.body("""
            #include "python_plugin/tracer/log.h"
            int main(int argc, char **argv) {
                struct stat s; int fd = open(argv[1], O_RDONLY); fstat(fd, &s);
                struct trace_log *log = mmap(NULL, s.st_size, PROT_READ, MAP_SHARED, fd, 0);
                struct trace_reader reader = {log, 0};
                const struct trace_record *r;
                if (!trace_log_valid(log, s.st_size)) return 1;
                while ((r = trace_next(&reader))) printf("%d %s\\n", r->kind, r->path);
                char *made = calloc(1, 1 << 20);
                const char filters[] = "+/a\\0-/b";
                if (!trace_log_format(made, 1 << 20, filters, sizeof filters)) return 2;
                if (!trace_log_valid((void *)made, 1 << 20) || trace_log_format(made, 4096, filters, 7)) return 3;
                return trace_log_whole(&reader) ? 0 : 4;
            }""", "-I" + os.environ.get("SNIFFER_SOURCE", source))
        wanted = ["%d %s" % (KINDS.index(r.kind), r.path) for r in self.log.records]
        self.assertEqual(subprocess.run([reader, self.log.path], stdout=subprocess.PIPE, check=True)
                         .stdout.decode().splitlines(), wanted)


@unittest.skipUnless(os.path.exists(LIBRARY), "no tracer was built")
class Library(unittest.TestCase):
    def test_it_rests_on_libc_alone(self):
        if shutil.which("readelf") is None:
            self.skipTest("no readelf")
        text = subprocess.run(["readelf", "-dW", LIBRARY], stdout=subprocess.PIPE).stdout.decode()
        needed = {line.split("[")[1].split("]")[0] for line in text.splitlines() if "(NEEDED)" in line}
        self.assertLessEqual(needed, {"libc.so.6", "libdl.so.2", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"})

    def test_it_shows_nothing_but_libcs_own_names(self):
        if shutil.which("nm") is None:
            self.skipTest("no nm")
        text = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], stdout=subprocess.PIPE).stdout.decode()
        libc = ctypes.CDLL(None)
        strange = [name for name in (line.split()[-1] for line in text.splitlines()) if not hasattr(libc, name)]
        self.assertEqual(strange, [])


if __name__ == "__main__":
    unittest.main()
