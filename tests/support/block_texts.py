"""Sources for the tests of fingerprints: a module of every kind of block, a program to be run, and
those of the interpreter's own library."""

import glob
import os
import random
import sysconfig
import tokenize
import warnings

BASE = '''
"""mod doc"""
import os
K = 5
def deco(f): return f
@deco
def f(a, b=1, *, c=2) -> int:
    """doc f"""
    x = a + 1
    return x
def g():
    return [i for i in range(3)]
class C(object):
    """cdoc"""
    attr = 1
    def m(self): return 1
    def n(self):
        def inner(): return 2
        return inner
    class D:
        def m(self): return 3
h = lambda q: q + 1
def gen(): return (1)
def closes(v):
    w = v
    def user(): return 7
    return user
def cell(v):
    kept = v
    def user(): return kept
    return user
def many(v):
    return v in {"x", "y"}, any(i for i in v), K
def fin():
    try:
        return 1
    finally:
        K
'''

# A program to be run: what it does, and what of it can be seen without running it.
SUBJECT = '''
"""subject"""
import contextlib, dataclasses, enum, functools
LIMIT = 3
TABLE = {"one": 1, "two": 2.0, "three": (3, frozenset({4, 5}))}
def wrap(note):
    """wraps"""
    def outer(f):
        @functools.wraps(f)
        def inner(*args, **kw):
            LOG.append((note, f.__name__))
            return f(*args, **kw)
        return inner
    return outer
LOG = []
@wrap("a")
def fact(n, acc=1, *, step=1):
    """n!"""
    if n <= 1:
        return acc
    return fact(n - step, acc * n)
@functools.lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def count(to):
    i = 0
    while i < to:
        got = yield i
        i += got or 1
    return "done"
def delegate(to):
    end = yield from count(to)
    yield end
@contextlib.contextmanager
def held(name):
    LOG.append("in " + name)
    try:
        yield name.upper()
    finally:
        LOG.append("out " + name)
@dataclasses.dataclass
class Point:
    """a point"""
    x: int
    y: int = LIMIT
    def norm(self): return abs(self.x) + abs(self.y)
    @property
    def swapped(self):
        self.seen = True
        return Point(self.y, self.x)
    @staticmethod
    def zero(): return Point(0, 0)
class Base:
    registry = []
    def __init_subclass__(cls, **kw):
        Base.registry.append(cls.__name__)
    def greet(self): return "base %s" % self.name()
    def name(self): return "b"
class Child(Base):
    def greet(self): return super().greet() + "!"
    def name(self): return "c"
    def __getitem__(self, i): return [i, self.name()][i > LIMIT]
class Colour(enum.Enum):
    RED = 1
    BLUE = 2
    def mix(self, other): return (self.value + other.value) % 3
def closure(v):
    total = v
    def add(w):
        nonlocal total
        total += w
        return total
    def read(): return total
    return add, read
def guarded(n):
    try:
        return 10 // n
    except ZeroDivisionError as error:
        return str(error)
    finally:
        LOG.append(n)
def picks(items):
    keep = [i for i in items if i in (1, 3, 5)]
    pairs = {k: v for k, v in zip(items, keep)}
    return sorted(keep, key=lambda i: -i), pairs, sum(i * i for i in keep), {i % 2 for i in items}
async def later(v):
    async def inner(): return v + 1
    return await inner()
def runs(c):
    try:
        c.send(None)
    except StopIteration as stop:
        return stop.value
def sets_global(v):
    global LIMIT
    LIMIT = v
    return LIMIT
if LIMIT > 2:
    def chosen(): return "first"
else:
    def chosen(): return "second"
first, second = (lambda v: v + 1), (lambda v: v * 2)
def words(text, *rest, sep=" ", **kw):
    assert text, "no text"
    a, *b = text.split(sep)
    return f"{a!r:>10}{len(b)}", rest, kw
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
class Meta(type):
    def __new__(mcs, name, bases, space): return super().__new__(mcs, name + "_", bases, space)
class Made(metaclass=Meta):
    def me(self): return __class__.__name__
'''


def difference(old, new):
    """The keys whose digests are not the same in both."""
    return {key for key in {*old, *new} if old.get(key) != new.get(key)}


def library(limit, seed=1):
    """Sources of the interpreter's own library, as text."""
    folder = sysconfig.get_paths()["stdlib"]
    paths = sorted(glob.glob(folder + "/*.py") + glob.glob(folder + "/asyncio/*.py")
                   + glob.glob(folder + "/email/*.py") + glob.glob(folder + "/unittest/*.py"))
    random.Random(seed).shuffle(paths)
    found = []
    for path in paths:
        with tokenize.open(path) as file:
            text = file.read()
        if 20 < text.count("\n") < 900:
            found.append((os.path.relpath(path, folder), text))
        if len(found) == limit:
            break
    return found


def compiled(source, name="<test>"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(source, name, "exec", dont_inherit=True)
