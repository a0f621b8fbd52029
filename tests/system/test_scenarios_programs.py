"""What programs that a test starts look at, and what C code in the test's own process opens."""

import os
import shutil
import sqlite3
import subprocess
import unittest

from house import main
from scenes import AT_FIRST, WHOLE, Table, scene, shows, write

OUT = """\
import subprocess
def out(command, **options):
    return subprocess.run(command, shell=isinstance(command, str), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, **options).stdout.decode().strip()
"""
CC = shutil.which("cc") or shutil.which("gcc")
READER = """\
#include <stdio.h>
int main(int count, char **words)
{
    FILE *file = fopen(words[count - 1], "r");
    int c = file == NULL ? '-' : getc(file);
    printf("%c", c);
    return 0;
}
"""


def runs(command, files=(), first="", edited="d/x.txt", old="1", new="2", stats=False, **marks):
    """What COMMAND, a string or an expression of Python, prints: OLD, then NEW with EDITED's 1 made
    a 2, then OLD again, without a run if it STATS no time stamps."""
    files = dict({"d/x.txt": "1\n", "d/y.txt": "1\n"}, **dict(files))
    look = "out(%r)" % command if not command.endswith(")") else command
    return scene(dict(files, **{"test_a.py": shows(look, OUT + first), "test_o.py": shows("1")}),
                 {"test_a.py": old}, write("d/y.txt", "5\n"), {},
                 write(edited, files[edited].replace("1", "2")), {"test_a.py": new},
                 write(edited, files[edited]), {"test_a.py": old if stats else AT_FIRST}, **marks)


def program(source, *options):
    def act(house):
        subprocess.run([CC, "-o", house.path("tool"), "-x", "c", "-", *options],
                       input=source.encode(),
                       check=True, stderr=subprocess.DEVNULL)
    return act


def builds(*options):
    """Whether the compiler gives a program with OPTIONS."""
    done = CC and subprocess.run([CC, "-o", "/dev/null", "-x", "c", "-", *options],
                                 input=READER.encode(),
                                 stderr=subprocess.DEVNULL)
    return bool(done) and done.returncode == 0


def reader(*options):
    """A program of our own reads d/x.txt."""
    return scene({"d/x.txt": "1\n", "d/y.txt": "1\n",
                  "test_a.py": shows("out('./tool d/x.txt')", OUT)},
                 program(READER, *options), {"test_a.py": "1"}, write("d/x.txt", "2\n"),
                 {"test_a.py": "2"},
                 write("d/y.txt", "2\n"), {})


LIB = {"lib.py": "def f():\n    return 1\n\ndef idle():\n    return 3\n"}


class Programs(Table):
    SCENES = {
        "cat": runs("cat d/x.txt"),
        "in_another_folder": runs("out('cat x.txt', cwd='d')"),
        "with_an_empty_environment": runs("out(['/bin/cat', 'd/x.txt'], env={})"),
        "without_inherited_descriptors": runs("out(['cat', 'd/x.txt'], close_fds=True)"),
        "in_a_session_of_its_own": runs("out(['setsid', 'cat', 'd/x.txt'])"),
        "by_system": runs("str(os.system('grep -q 1 d/x.txt'))", old="0", new="256"),
        "by_popen": runs("os.popen('cat d/x.txt').read().strip()"),
        "by_spawn": runs("str(os.waitpid(os.posix_spawn('/bin/grep', ['grep', '-q', '1', "
                         "'d/x.txt'], {}), 0)[1])",
                         old="0", new="256"),
        "by_exec_after_fork": runs("str(os.waitpid(os.fork() or os.execvp('grep', "
                                   "['grep', '-q', '1', 'd/x.txt']), 0)[1])", old="0", new="256"),
        "a_fork_that_leaves_at_once": runs(
            "str(os.waitpid(os.fork() or os._exit(int(open('d/x.txt').read())), 0)[1] >> 8)"),
        "multiprocessing": runs("multiprocessing.get_context('fork').Pool(1).map(read, "
                                "[0])[0].strip()", (),
                                "import multiprocessing\ndef read(n):\n"
                                "    return open('d/x.txt').read()\n"),
        "multiprocessing_spawned": runs(
            "multiprocessing.get_context('spawn').Pool(1).map(reads.read, [0])[0].strip()",
            {"reads.py": "def read(n):\n    return open('d/x.txt').read()\n"},
            "import multiprocessing, reads\n"),
        "a_pipe": runs("cat d/x.txt | tr -d x | head -1"),
        "a_redirection": runs("tr -d x < d/x.txt"),
        "a_pattern_of_the_shell": runs("cat d/*x.txt"),
        "a_script": runs("sh run.sh", {"run.sh": "echo 1\n"}, edited="run.sh"),
        "a_script_by_its_first_line": scene(
            {"d/o": "", "test_a.py": shows("out('./run')", OUT)},
            write("run", "#!/bin/sh\necho 1\n"),
            ["chmod", "run", 0o755], {"test_a.py": "1"}, write("run", "#!/bin/sh\necho 2\n"),
            {"test_a.py": ""}, ["chmod", "run", 0o755], {"test_a.py": "2"}),
        "a_sourced_script": runs("sh run.sh", {"run.sh": ". ./vars\necho $V\n", "vars": "V=1\n"},
                                 edited="vars"),
        "a_script_of_bash": runs("bash -c 'source vars; echo $V'", {"vars": "V=1\n"},
                                 edited="vars"),
        "a_program_found_on_the_path": scene(
            {"bin/o": "", "test_a.py": shows("out('tool', env={'PATH': 'bin:/usr/bin'})", OUT)},
            {"test_a.py": ""}, write("bin/tool", "#!/bin/sh\necho 1\n"),
            ["chmod", "bin/tool", 0o755],
            {"test_a.py": "1"}),
        "a_program_that_hides_another": scene(
            {"bin/o": "", "test_a.py": shows("out(['echo', '1'], env={'PATH': 'bin:/bin'})", OUT)},
            {"test_a.py": "1"}, write("bin/echo", "#!/bin/sh\necho 2\n"),
            ["chmod", "bin/echo", 0o755],
            {"test_a.py": "2"}),
        "what_is_missing": scene(
            {"test_a.py": shows("out('test -e x && echo 1')", OUT)}, {"test_a.py": ""},
            write("y", ""), {}, write("x", ""), {"test_a.py": "1"}, write("x", "new\n"), {},
            ["delete", "x"], {"test_a.py": AT_FIRST},
            costs="a program that asks for a file may look at its times"),
        "a_listing": scene(
            {"d/x": "", "test_a.py": shows("out('ls d')", OUT)}, write("d/x", "new\n"), {},
            write("d/y", ""), {"test_a.py": "x\ny"}),
        "find": scene(
            {"d/e/x": "", "test_a.py": shows("len(out('find d -type f').split())", OUT)},
            write("d/e/x", "new\n"), {}, write("d/e/y", ""), {"test_a.py": 2}),
        "make": runs("make -s", {"Makefile": "all: d/x.txt\n\t@cat d/x.txt\n"}, stats=True),
        "perl": runs("perl -e 'open F, \"d/x.txt\"; print <F>'"),
        "awk": runs("awk '{print $1}' d/x.txt"),
        "git": runs("git hash-object d/x.txt | cut -c1-6", old="d00491", new="0cfbf0"),
        "a_compiler": runs("cc -E -P main.c", {"main.c": '#include "d/x.txt"\n'}),
    }


def python(command, files, edited, **marks):
    return runs(command, files, "PY = sys.executable\n", edited, **marks)


class Pythons(Table):
    """Interpreters that a test starts."""

    SCENES = {
        "a_script": python("out([PY, 'run.py'])", {"run.py": "print(1)\n"}, "run.py"),
        "what_a_script_reads": python("out([PY, 'run.py'])",
                                      {"run.py": "print(open('d/x.txt').read())\n"}, "d/x.txt"),
        "what_a_script_imports": python(
            "out([PY, 'run.py'])", dict(LIB, **{"run.py": "import lib\nprint(lib.f())\n"}),
            "lib.py"),
        "a_command": python("out([PY, '-c', 'import lib; print(lib.f())'])", LIB, "lib.py"),
        "alone_and_without_site": python(
            "out([PY, '-I', '-S', '-c', 'print(open(\"d/x.txt\").read())'])", {}, "d/x.txt"),
        "a_module_as_a_program": python(
            "out([PY, '-m', 'app'])", {"app/__init__.py": "", "app/__main__.py": "print(1)\n"},
            "app/__main__.py"),
        "another_python": python("out(['python3', '-c', 'import lib; print(lib.f())'])", LIB,
                                 "lib.py"),
        "a_child_of_a_child": python(
            "out([PY, '-c', 'import os; os.system(\"%s -c \\'import lib; print(lib.f())\\'\" % "
            "__import__(\"sys\").executable)'])",
            LIB, "lib.py"),
        "a_module_that_appears": scene(
            {"test_a.py": shows("out([sys.executable, '-c', 'import m; print(m.V)'])", OUT)},
            {"test_a.py": ""},
            write("o.py", ""), {}, write("m.py", "V = 1\n"), {"test_a.py": "1"},
            costs="an interpreter that a test starts lists the folders it imports from"),
        "three_saves_within_a_second": scene(
            {"m.py": "V = 1\n", "test_a.py": shows("out([sys.executable, '-c', 'import m; "
                                                   "print(m.V)'])", OUT)},
            write("m.py", "V = 2\n", "place"), {"test_a.py": "2"},
            write("m.py", "V = 3\n", "place"),
            {"test_a.py": "3"}, write("m.py", "V = 1\n", "stealth"), {"test_a.py": AT_FIRST}),
        "a_comment_in_what_it_imports": scene(
            dict(LIB, **{"test_a.py": shows("out([sys.executable, '-c', 'import lib; "
                                            "print(lib.f())'])", OUT)}),
            write("lib.py", "# new\n" + LIB["lib.py"]), {}, costs=WHOLE),
        "a_function_that_it_does_not_call": scene(
            dict(LIB, **{"test_a.py": shows("out([sys.executable, '-c', 'import lib; "
                                            "print(lib.f())'])", OUT)}),
            write("lib.py", LIB["lib.py"].replace("3", "4")), {}, costs=WHOLE),
        "a_comment_in_the_script": scene(
            {"run.py": "print(1)\n", "test_a.py": shows("out([sys.executable, 'run.py'])", OUT)},
            write("run.py", "# new\nprint(1)\n"), {"test_a.py": "1"}),
    }


@unittest.skipIf(CC is None, "no compiler here")
class Compiled(Table):
    SCENES = {"a_program": reader()}
    if builds("-static"):
        SCENES["a_static_program"] = reader("-static")
    SCENES["a_program_built_anew"] = scene(
        {"d/x.txt": "1\n", "test_a.py": shows("out('./tool d/x.txt')", OUT)}, program(READER),
        {"test_a.py": "1"},
        program(READER.replace('"%c"', '"=%c"')), {"test_a.py": "=1"})
    SCENES["raw_system_calls"] = scene(
        {"d/x.txt": "1\n", "test_a.py": shows("out('./tool')", OUT)},
        program("#include <sys/syscall.h>\n#include <unistd.h>\n#include <fcntl.h>\n"
                "int main(void)\n{\n    char c;\n"
                "    long fd = syscall(SYS_openat, AT_FDCWD, \"d/x.txt\", O_RDONLY);\n"
                "    return read((int)fd, &c, 1) == 1 && write(1, &c, 1) == 1 ? 0 : 1;\n}\n"),
                {"test_a.py": "1"},
        write("d/x.txt", "2\n"), {"test_a.py": "2"})


def database(path, value, *statements):
    def act(house):
        connection = sqlite3.connect(house.path(path))
        for statement in statements or ("create table if not exists t (a)", "delete from t"):
            connection.execute(statement)
        connection.execute("insert into t values (?)", (value,))
        connection.commit()
        connection.close()
    return act


def library(value):
    def act(house):
        subprocess.run([CC, "-shared", "-fPIC", "-o", house.path("lib.so~"), "-x", "c", "-"],
                       check=True,
                       input=b"int f(void) { return %d; }\n" % value)
        os.rename(house.path("lib.so~"), house.path("lib.so"))
    return act


LIBC = "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.fopen.restype = ctypes.c_void_p\n"
ROWS = "sqlite3.connect(%s).execute('select a from t').fetchall()"


def c_code(look, first=LIBC):
    """C code in the test's own process reads d/x.txt."""
    return scene({"d/x.txt": "1\n", "d/y.txt": "", "test_a.py": shows(look, first)},
                 {"test_a.py": 49},
                 write("d/x.txt", "2\n"), {"test_a.py": 50}, write("d/y.txt", "2\n"), {},
                 write("d/x.txt", "1\n"), {"test_a.py": AT_FIRST})


class InProcess(Table):
    SCENES = {
        "fopen": c_code("libc.fgetc(ctypes.c_void_p(libc.fopen(b'd/x.txt', b'r')))"),
        "a_missing_file": scene(
            {"d/o": "", "test_a.py": shows("libc.fopen(b'd/x.txt', b'r') is None", LIBC)},
            {"test_a.py": True},
            write("d/x.txt", ""), {"test_a.py": False}),
        "open": c_code("os.read(libc.open(b'd/x.txt', 0), 1)[0]"),
        "open_below_a_folder": c_code("os.read(libc.openat(os.open('d', 0), b'x.txt', 0), 1)[0]"),
        "a_system_call": c_code("os.read(libc.syscall(2, b'd/x.txt', 0), 1)[0]"),
        "a_map": c_code("mmap.mmap(libc.open(b'd/x.txt', 0), 0, prot=1)[0]",
                        LIBC + "import mmap\n"),
        "access": scene(
            {"d/o": "", "test_a.py": shows("libc.access(b'd/x.txt', 0)", LIBC)}, {"test_a.py": -1},
            write("d/x.txt", ""), {"test_a.py": 0}),
        "stat": scene(
            {"d/x.txt": "1\n", "test_a.py": shows(
                "(libc.stat(b'd/x.txt', buffer), int.from_bytes(buffer[48:56], 'little'))[1]",
                LIBC + "buffer = ctypes.create_string_buffer(256)\n")}, {"test_a.py": 2},
            write("d/x.txt", "333\n"), {"test_a.py": 4}),
        "opendir": scene(
            {"d/x": "", "test_a.py": shows(
                "(libc.scandir(b'd', ctypes.byref(names), None, None))",
                LIBC + "names = ctypes.c_void_p()\n")}, {"test_a.py": 3},
            write("d/y", ""), {"test_a.py": 4}),
        "a_history": scene(
            {"d/x.txt": "1\n", "test_a.py": shows(
                "(readline.read_history_file('d/x.txt'), readline.get_history_item(1))[1]",
                "import readline")},
            {"test_a.py": "1"}, write("d/x.txt", "2\n"), {"test_a.py": "2"}),
        "a_database": scene(
            {"test_a.py": shows(ROWS % "'db'", "import sqlite3"), "test_o.py": shows("1")},
            database("db", 1), {"test_a.py": [(1,)]}, database("db", 2), {"test_a.py": [(2,)]}),
        "a_database_read_only": scene(
            {"test_a.py": shows(ROWS % "'file:db?mode=ro', uri=True", "import sqlite3")},
            {"test_a.py": "OperationalError"},
            database("db", 1), {"test_a.py": [(1,)]}, database("db", 2), {"test_a.py": [(2,)]}),
        "an_attached_database": scene(
            {"test_a.py": shows("(db.execute('attach \"db\" as x'), db.execute('select a from "
                                "x.t').fetchall())[1]",
                                "import sqlite3\ndb = sqlite3.connect(':memory:')")},
            database("db", 1), {"test_a.py": [(1,)]}, database("db", 2), {"test_a.py": [(2,)]}),
        "a_database_with_a_log_beside": scene(
            {"test_a.py": shows(ROWS % "'db'", "import sqlite3")},
            {"test_a.py": "OperationalError"},
            database("db", 1, "pragma journal_mode=wal", "create table t (a)"),
            {"test_a.py": [(1,)]},
            database("db", 2, "delete from t"), {"test_a.py": [(2,)]}),
        "certificates": scene(
            {"d/o": "", "test_a.py": shows("ssl.create_default_context(cafile='d/x.pem')",
                                           "import ssl")},
            {"test_a.py": "FileNotFoundError"}, write("d/x.pem", "none\n"),
            {"test_a.py": "SSLError"}),
    }
    if CC:
        SCENES["a_library"] = scene(
            {"test_a.py": shows("ctypes.CDLL('./lib.so').f()", "import ctypes")},
            {"test_a.py": "OSError"},
            library(1), {"test_a.py": 1}, library(2), {"test_a.py": 2})


if __name__ == "__main__":
    main()
