"""The preload shim: each way that Python has of touching a file is in the log, and by its real name."""

import os
import shutil
import sqlite3
import stat
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from trace_log import HIDDEN, Log  # noqa: E402
from traced import Traced  # noqa: E402

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


if __name__ == "__main__":
    unittest.main()
