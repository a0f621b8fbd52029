"""The preload shim in programs of every kind: shells, compiled ones, and those that it cannot enter."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from trace_log import HEADER, KINDS, LIBRARY, MAGIC, PRIVILEGED, STATIC, Log  # noqa: E402
from traced import CC, PYTHON, Traced  # noqa: E402

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
