"""Random nose projects, made from a seed.

A test here is good for the oracle when its result shows what it saw: most tests are generators whose
argument, and by that whose name, is a number made of the value that was looked at. A stale result
then differs from a fresh one even where both are green. The others assert, and some are red."""

MODULES = ["util", "app.m0", "app.m1", "app.m2", "app.sub.n0", "helper"]
PLACES = {"util": "util.py", "app.m0": "app/m0.py", "app.m1": "app/m1.py", "app.m2": "app/m2.py",
          "app.sub.n0": "app/sub/n0.py", "helper": "lib/helper.py"}
# The library's, which a project may shadow; nose itself does not load them.
SHADOWS = ["colorsys", "sndhdr", "json", "csv", "wave", "ctypes"]
OPTIONAL = ["opt_a", "opt_b"]
DATA = ["data/a.txt", "data/b.txt", "data/sub/c.txt", "data/v1/val.txt", "data/v2/val.txt",
        "app/own.txt"]
FLAGS = ["flags/x", "flags/y", "data/maybe.txt"]
TEST_FOLDERS = ["tests", "tests_flat", "app/tests", ""]

HEAD = """\
import importlib, os, re, sys, unittest, zlib

def code(value):
    shown = re.sub(" at 0x[0-9a-f]+", "", repr(value))  # an edit may make generators
    return zlib.crc32(shown.encode()) % 100000

def attempt(look):
    try:
        return code(look())
    except Exception as error:
        return code(type(error).__name__)

def read(path):
    with open(path, "rb") as file:
        return file.read()

def check(value):
    pass

"""

# Expressions: {module} {function} {data} {flag} {optional} {shadow} are filled in.
LOOKS = {
    "call": "importlib.import_module('{module}').{function}(3)",
    "again": "importlib.import_module('{module}').{function}(7)",
    "constant": "importlib.import_module('{module}').CONST",
    "attribute": "importlib.import_module('{module}').Box.size",
    "method": "importlib.import_module('{module}').Box().area()",
    "inherited": "importlib.import_module('{module}').Big().area()",
    "cached": "importlib.import_module('{module}').cached()",
    "doc": "importlib.import_module('{module}').{function}.__doc__",
    "defaults": "importlib.import_module('{module}').{function}.__defaults__",
    "names": "sorted(vars(importlib.import_module('{module}')))",
    "signature": "str(__import__('inspect').signature(importlib.import_module('{module}').{function}))",
    "source": "__import__('inspect').getsource(importlib.import_module('{module}').{function})",
    "bytecode": "importlib.import_module('{module}').{function}.__code__.co_code",
    "variables": "importlib.import_module('{module}').{function}.__code__.co_varnames",
    "annotations": "sorted(map(str, importlib.import_module('{module}').Box.__dict__))",
    "generated": "list(importlib.import_module('{module}').gen())",
    "created": "type(importlib.import_module('{module}').gen()).__name__",
    "nested": "importlib.import_module('{module}').outer()",
    "not_nested": "importlib.import_module('{module}').outer(0)",
    "dressed": "importlib.import_module('{module}').dressed()",
    "first": "importlib.import_module('{module}').first(1)",
    "second": "importlib.import_module('{module}').second(1)",
    "noted": "importlib.import_module('{module}').noted.__annotations__",
    "side": "importlib.import_module('{module}').Box().side",
    "imported": "importlib.import_module('{module}').__name__",
    "read": "read('{data}')",
    "text": "open('{data}', encoding='utf-8').read()",
    "path": "__import__('pathlib').Path('{data}').read_text()",
    "low": "os.read(os.open('{data}', os.O_RDONLY), 100)",
    "line": "__import__('linecache').getline('{data}', 1)",
    "forked": "forked(lambda: read('{data}'))",
    "threaded": "threaded(lambda: read('{data}'))",
    "mapped": "mapped('{data}')",
    "folder": "os.read(os.open('c.txt', os.O_RDONLY, dir_fd=os.open('data/sub', os.O_RDONLY)), 9)",
    "moved": "moved('data', lambda: read('a.txt'))",
    "own": "read(os.path.join(os.path.dirname(importlib.import_module('app').__file__), "
           "'own.txt'))",
    "package": "__import__('pkgutil').get_data('app', 'own.txt')",
    "linked": "read('data/current/val.txt')",
    "target": "os.readlink('data/current')",
    "real": "os.path.relpath(os.path.realpath('data/current/val.txt'))",
    "is_link": "os.path.islink('data/current')",
    "outside": "read('data/outside')",
    "executed": "scope('scripts/run0.py')",
    "run": "__import__('runpy').run_path('scripts/run0.py')['VALUE']",
    "exists": "os.path.exists('{flag}')",
    "is_folder": "os.path.isdir('{flag}')",
    "access": "os.access('{flag}', os.R_OK)",
    "exists_path": "__import__('pathlib').Path('{flag}').exists()",
    "try_open": "read('{flag}')",
    "size": "os.path.getsize('{data}')",
    "mode": "os.stat('{data}').st_mode",
    "time": "int(os.path.getmtime('{data}'))",
    "list": "sorted(os.listdir('data'))",
    "list_maybe": "sorted(os.listdir('{flag}'))",
    "scan": "sorted((e.name, e.is_dir(), e.stat().st_size if e.is_file() else 0) "
            "for e in os.scandir('data'))",
    "walk": "sorted((f, sorted(d), sorted(n)) for f, d, n in os.walk('data'))",
    "glob": "sorted(__import__('glob').glob('data/*.txt'))",
    "deep": "sorted(__import__('glob').glob('data/**/*.txt', recursive=True))",
    "tree": "sorted(map(str, __import__('pathlib').Path('app').rglob('*.py')))",
    "same": "__import__('filecmp').cmp('data/a.txt', 'data/b.txt', shallow=False)",
    "copy": "copied('{data}')",
    "optional": "importlib.import_module('{optional}').VALUE",
    "optional_in": "importlib.import_module('app.{optional}').VALUE",
    "from": "getattr(__import__('app', fromlist=['{optional}']), '{optional}').VALUE",
    "found": "__import__('importlib.util').util.find_spec('{optional}') is not None",
    "plugins": "[(n, importlib.import_module('app.plugins.' + n[:-3]).VALUE) "
               "for n in sorted(os.listdir('app/plugins')) if n.endswith('.py') and n[0] != '_']",
    "modules": "[m.name for m in "
               "__import__('pkgutil').iter_modules(importlib.import_module('app').__path__)]",
    "shadow": "getattr(importlib.import_module('{shadow}'), 'VALUE', None)",
    "extra": "with_path('extra', lambda: importlib.import_module('far').VALUE)",
    "archive": "with_path('zipped.zip', lambda: importlib.import_module('packed').VALUE)",
    "space": "importlib.import_module('space.part').VALUE",
    "by_path": "__import__('importlib.machinery').machinery.SourceFileLoader("
               "'run0', 'scripts/run0.py').load_module().VALUE",
    "database": "rows('data/db.sqlite')",
    "written": "written({number})",
    "settings": "config('data/settings.ini')",
}
# What lies in C code, and what in other programs.
NATIVE_LOOKS = {
    "c_read": "c_read('{data}')",
    "c_read_flag": "c_read('{flag}')",
    "c_map": "c_map('{data}')",
    "c_exists": "libc().access(b'{flag}', 0)",
    "attached": "attached('data/db.sqlite')",
}
CHILD_LOOKS = {
    "child_python": "output([sys.executable, '-c', 'print(open(\"{data}\").read())'])",
    "child_cat": "output(['cat', '{data}'])",
    "child_shell": "output(['sh', '-c', 'cat data/*.txt'])",
    "child_import": "output([sys.executable, '-c', 'import util; print(util.CONST)'])",
}
HELPERS = """\
def forked(look):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, repr(look()).encode()[:4000])
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with open(reader, "rb") as file:
        return file.read()

def threaded(look):
    import threading
    seen = []
    thread = threading.Thread(target=lambda: seen.append(look()))
    thread.start()
    thread.join()
    return seen

def mapped(path):
    import mmap
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as memory:
        return memory[:]

def moved(folder, look):
    before = os.getcwd()
    os.chdir(folder)
    try:
        return look()
    finally:
        os.chdir(before)

def scope(path):
    names = {}
    exec(compile(read(path), path, "exec"), names)
    return names["VALUE"]

def copied(path):
    import shutil, tempfile
    with tempfile.TemporaryDirectory() as folder:
        return read(shutil.copy(path, folder))

def with_path(folder, look):
    sys.path.insert(0, folder)
    try:
        return look()
    finally:
        sys.path.remove(folder)

def rows(path):
    import sqlite3
    if not os.path.exists(path):
        return None
    return sqlite3.connect(path).execute("SELECT * FROM t").fetchall()

def written(number):
    os.makedirs("out", exist_ok=True)
    path = "out/%d.txt" % number
    with open(path, "w") as file:
        file.write("x" * number)
    return read(path)

def config(path):
    import configparser
    parser = configparser.ConfigParser()
    return parser.read(path), [dict(parser[s]) for s in parser.sections()]

def libc():
    import ctypes
    library = ctypes.CDLL(None)
    library.fopen.restype = ctypes.c_void_p
    return library

def c_read(path):
    import ctypes
    file = libc().fopen(path.encode(), b"rb")
    memory = ctypes.create_string_buffer(100)
    return file and memory.raw[:libc().fread(memory, 1, 100, ctypes.c_void_p(file))]

def c_map(path):
    import mmap
    with mmap.mmap(libc().open(path.encode(), 0), 0, prot=mmap.PROT_READ) as memory:
        return memory[:]

def attached(path):
    import sqlite3
    memory = sqlite3.connect(":memory:", uri=True)
    memory.execute("ATTACH ? AS other", ("file:%s?mode=ro" % path,))
    return memory.execute("SELECT * FROM other.t").fetchall()

def output(words):
    import subprocess
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

"""
CLASS = """\
class Test_%s(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.value = attempt(lambda: %s)
    def test_it(self):
        assert self.value %% 2, self.value
"""
SLOW = """\
def test_slow():
    import time
    before = attempt(lambda: read('{data}'))
    time.sleep(0.2)
    after = attempt(lambda: importlib.import_module('{module}').{function}(2))
    assert (before + after) % 2 == 0, (before, after)
"""


def number(rng):
    return rng.randrange(10, 100)  # always two digits: edits of the same size are likely


MORE = """\
def wrap(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner

@wrap
def dressed(x=%d):
    return x * %d

first = lambda x: x + %d; second = lambda x: x + %d

def gen(n=3):
    for i in range(n):
        yield i * %d

def outer(go=True):
    def inner(x):
        return x + %d
    return inner(3) if go else %d

def noted(x: %d=%d) -> %d:
    return x

"""


def module_text(rng, name):
    """A module that uses some of those before it in MODULES."""
    known = MODULES[:MODULES.index(name)] if name in MODULES else []
    used = [other for other in known if other != "helper" and rng.random() < 0.5]
    lines = ['"""Module %d."""' % number(rng), "import functools"]
    lines += ["import %s" % other for other in used]
    if rng.random() < 0.3:
        lines += ["try:", "    import %s as maybe" % rng.choice(OPTIONAL),
                  "except ImportError:", "    maybe = None"]
    lines += ["CONST = %d" % number(rng), "VALUE = %d" % number(rng), ""]
    for index in range(3):
        inner = "".join(" + %s.f%d(x)" % (other, rng.randrange(3)) for other in used
                        if rng.random() < 0.5)
        lines += ["def f%d(x=%d):" % (index, number(rng)), '    """Of %d."""' % number(rng),
                  "    if x > 5:", "        return x * %d" % number(rng),
                  "    return (x * %d%s) %% 1000" % (number(rng), inner), ""]
    lines += (MORE % tuple(number(rng) for _ in range(MORE.count("%d")))).splitlines()
    lines += ["class Box:", "    size = %d" % number(rng), "    colour = %d" % number(rng),
              "    def area(self):", "        return self.size * %d" % number(rng),
              "    @property", "    def side(self):", "        return self.size + %d" % number(rng),
              "",
              "class Big(Box):", "    size = Box.size + %d" % number(rng), "",
              "@functools.lru_cache(None)", "def cached():",
              "    return [n * CONST for n in range(%d)]" % number(rng)]
    return "\n".join(lines) + "\n"


def small_module(rng):
    return "VALUE = %d\n" % number(rng)


def looks(children=False, native=False):
    """What tests look at, by name."""
    found = dict(LOOKS)
    if children:
        found.update(CHILD_LOOKS)
    if native:
        found.update(NATIVE_LOOKS)
    return found


def test_text(rng, looks):
    lines = [HEAD + HELPERS]
    if rng.random() < 0.4:
        lines.append("import %s\n" % rng.choice(MODULES))
    names = rng.sample(sorted(looks), rng.randrange(2, 6))
    for name in names:
        look = looks[name].format(
            module=rng.choice(MODULES), function="f%d" % rng.randrange(3),
            data=rng.choice(DATA), flag=rng.choice(FLAGS), optional=rng.choice(OPTIONAL),
            shadow=rng.choice(SHADOWS), number=rng.randrange(1, 1000))
        style = rng.randrange(8)
        if style == 0:
            lines.append("def test_%s():\n    value = %s\n"
                         "    assert code(value) %% 2, code(value)\n"
                         % (name, look))
        elif style == 1:
            lines.append(CLASS % (name, look))
        else:
            lines.append("def test_%s():\n    yield check, attempt(lambda: %s)\n" % (name, look))
    if rng.random() < 0.15:
        lines.append(SLOW.format(data=rng.choice(DATA), module=rng.choice(MODULES),
                                 function="f%d" % rng.randrange(3)))
    return "\n".join(lines)


def new_project(rng, tests, looks, test_text=test_text):
    """Path -> text; ("link", target) for links."""
    files = {path: module_text(rng, name) for name, path in PLACES.items()}
    files.update({path: "%d\n" % number(rng) for path in DATA})
    for path in ("app/__init__.py", "app/sub/__init__.py", "app/plugins/__init__.py",
                 "tests/__init__.py"):
        files[path] = ""
    for path in ("app/plugins/p0.py", "app/plugins/p1.py", "scripts/run0.py", "extra/far.py",
                 "space/part.py"):
        files[path] = small_module(rng)
    files["data/current"] = ("link", "v1")
    files["data/outside"] = ("link", "../../outside.txt")
    files["data/settings.ini"] = "[one]\na = %d\n" % number(rng)
    if rng.random() < 0.5:
        files["app/tests/__init__.py"] = ""
    for index in range(tests):
        folder = rng.choice(TEST_FOLDERS[:1] * 3 + TEST_FOLDERS)
        files["%s/test_%d.py" % (folder, index) if folder else "test_%d.py" % index] = \
            test_text(rng, looks)
    return files
