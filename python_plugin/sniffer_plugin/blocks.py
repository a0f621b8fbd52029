"""What a Python source is made of, block by block, each with a fingerprint.

A block is a function, a method or a lambda, and the module with all that is no function body. A
block's digest stands for everything that running it can do: bytecode, names, constants. It knows
no line numbers, comments, layout or file name. What is seen of a function without running it
belongs to the block around it: name, arguments, defaults, decorators, docstring, annotations,
whether it is a generator or a coroutine, what it closes over. So do class bodies, comprehensions
and generator expressions: they run where they stand.

The promise: when the digests of all blocks that a run executed are the same, the rest of the
source may have changed as it likes, the run would go the same way. The digests are taken from
compiled code, so they hold for one interpreter and its -O only: both are evidence of their own.

A key is the path of names to a block, "C.method" or "f.<locals>.<lambda>#2": the second of its name
in what encloses it. The module's key is "<module>". Equal digests of the enclosing block mean that
the blocks inside correspond one to one, by key; therefore the enclosing ones always count too.
"""

from __future__ import annotations

import marshal
import sys
import warnings
from hashlib import blake2b
from opcode import hasconst, opmap
from types import CodeType

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

MODULE = "<module>"

_OPTIMIZED = 0x1  # has fast locals: neither a class body nor a module
_VARIADIC = (0x4, 0x8)  # *args, **kwargs
_NOFREE = 0x40  # up to 3.9: whether the body has cells, which is the body's own affair
_HAS_DOCSTRING = 0x4000000 if sys.version_info >= (3, 14) else 0

# What runs where it stands. 3.12 has no code objects for most comprehensions any more.
# __annotate__ (3.14) runs later, but annotations were never part of the body.
_INLINE = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "__annotate__"))

# Marshal tells 1, 1.0 and True apart, and 0.0 from -0.0. Version 2 has neither references nor
# marks for interned strings, which depend on what else the process has done.
_MARSHAL = 2
_PLAIN = frozenset((int, str, bytes, float, complex, bool, type(None), type(Ellipsis)))
_SIZE = 16


class Blocks:
    """The blocks of one source: their digests by key, and the keys of the blocks that a code object
    at a place belongs to. A place is (co_firstlineno, name_of(code)); functions on one line may
    share it, and then each of their keys counts."""

    __slots__ = ("digests", "places")

    def __init__(self) -> None:
        self.digests: dict[str, bytes] = {}
        self.places: dict[tuple[int, str], list[str]] = {}


def name_of(code: CodeType) -> str:
    """The name by which a code object is known at run time."""
    return getattr(code, "co_qualname", None) or code.co_name


def read(source: CodeType | str | bytes) -> Blocks:
    """The blocks of SOURCE, or of a module's code object. Raises what compile() raises, and
    ValueError for a kind of constant that is not known here: such a source has no blocks."""
    code = source if isinstance(source, CodeType) else _compile(source)
    found = Blocks()
    _read_block(found, code, MODULE, "")
    return found


def fingerprints(source: CodeType | str | bytes) -> dict[str, bytes]:
    return read(source).digests


def keys_of(places: dict[tuple[int, str], list[str]],
            seen: Iterable[tuple[int, str]]) -> set[str] | None:
    """The keys of the code objects SEEN at run time. None: one of them does not come from this
    source, so that the whole file counts."""
    keys: set[str] = set()
    for place in seen:
        if place not in places:
            return None
        keys.update(places[place])
    return keys


def changed(old: dict[str, bytes], new: dict[str, bytes], executed: Iterable[str]) -> list[str]:
    """Those of the EXECUTED blocks that no longer hold. The module counts always, and so does
    what encloses an executed block: it made the function, be it before anybody looked."""
    wanted = {MODULE, *executed}
    wanted |= {outer for key in wanted for outer in enclosing(key) if outer in old}
    return sorted(key for key in wanted if key not in old or old[key] != new.get(key))


def enclosing(key: str) -> Iterator[str]:
    """What is around a block, from the inside out; classes are among it, which are no blocks."""
    while "." in key:
        key = key.rpartition(".")[0]
        if key.endswith(".<locals>"):
            key = key[:-len(".<locals>")]
        yield key


def _compile(source: str | bytes, optimize: int = -1) -> CodeType:
    with warnings.catch_warnings():  # they were shown, or will be, when the module is imported
        warnings.simplefilter("ignore")
        return compile(source, "<blocks>", "exec", dont_inherit=True, optimize=optimize)


# -- from a code object to its blocks ----------------------------------------------------------


def _read_block(found: Blocks, code: CodeType, key: str, path: str) -> None:
    text = marshal.dumps(_content(found, code, key, path), _MARSHAL)
    found.digests[key] = blake2b(text, digest_size=_SIZE).digest()


def _content(found: Blocks, code: CodeType, key: str, path: str) -> list[Any]:
    """All of CODE that running it can show, as marshal takes it. CODE runs as part of the block
    KEY; PATH is what the names of the code inside begin with."""
    keys = found.places.setdefault((code.co_firstlineno, name_of(code)), [])
    if key not in keys:
        keys.append(key)
    constants = _constants(found, code, key, path)
    body: tuple[Any, ...] = (code.co_code, constants)
    if _numbers_its_lines(code):
        body = _without_line(code, constants)
    return [body, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars,
            code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount,
            getattr(code, "co_exceptiontable", b""), code.co_name]


def _constants(found: Blocks, code: CodeType, key: str, path: str) -> list[Any]:
    """Lists stand for what marshal cannot say: no constant is a list."""
    told: list[Any] = []
    count: dict[str, int] = {}
    for constant in code.co_consts:
        if type(constant) in _PLAIN:
            told.append(constant)
        elif type(constant) is not CodeType:
            told.append(_ordered(constant))
        else:
            inner = path + _numbered(constant.co_name, count)
            deeper = inner + (".<locals>." if constant.co_flags & _OPTIMIZED else ".")
            if _runs_where_it_stands(constant):
                told.append(["inline", _content(found, constant, key, deeper)])
            else:
                _read_block(found, constant, inner, deeper)
                told.append(["function", _interface(constant)])
    return told


def _numbered(name: str, count: dict[str, int]) -> str:
    count[name] = count.get(name, 0) + 1
    return name if count[name] == 1 else "%s#%d" % (name, count[name])


def _runs_where_it_stands(code: CodeType) -> bool:
    return (not code.co_flags & _OPTIMIZED or code.co_name in _INLINE
            or code.co_name.startswith("<generic parameters of "))


def _ordered(constant: Any) -> Any:
    """A frozenset's order depends on the hash seed, and marshal 2 does not know slices."""
    if type(constant) is tuple:
        return tuple([_ordered(item) for item in constant])
    if type(constant) is frozenset:
        return ["set", sorted(marshal.dumps(_ordered(item), _MARSHAL) for item in constant)]
    if type(constant) is slice:  # 3.14
        return ["slice", _ordered(constant.start), _ordered(constant.stop),
                _ordered(constant.step)]
    return constant


def _interface(code: CodeType) -> list[Any]:
    """What can be seen of a function that never ran."""
    arguments = code.co_argcount + code.co_kwonlyargcount
    arguments += sum(1 for flag in _VARIADIC if code.co_flags & flag)
    return [name_of(code), code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount,
            code.co_varnames[:arguments], code.co_flags & ~_NOFREE, code.co_freevars,
            _docstring(code)]


def _docstring(code: CodeType) -> str | None:
    """Read by argparse, click and others without running the function. Before 3.14 the first
    constant is the docstring, or None where there is no docstring."""
    if _HAS_DOCSTRING and not code.co_flags & _HAS_DOCSTRING:
        return None
    first = code.co_consts[0] if code.co_consts else None
    return first if isinstance(first, str) else None


# -- class bodies from 3.13 on -----------------------------------------------------------------
#
# They store their own line number in __firstlineno__. It is a constant among others: it may be
# shared with a number of the program, and from 3.14 on there is no constant for a number below
# 256. So a shift of lines renumbers constants, and the code is told with constants in their places.
# They also store __static_attributes__, the names that methods set on self: these can be seen, and
# stay.

_LINE = "__firstlineno__"
_EXTENDED = opmap["EXTENDED_ARG"]
_STORE_NAME = opmap["STORE_NAME"]
_HAS_CONSTANT = frozenset(hasconst)


def _numbers_its_lines(code: CodeType) -> bool:
    return (sys.version_info >= (3, 13) and not code.co_flags & _OPTIMIZED
            and _LINE in code.co_names)


def _without_line(code: CodeType, constants: list[Any]) -> tuple[Any, ...]:
    """CODE's instructions in turn, each with its argument or constant, but for the line."""
    line = code.co_names.index(_LINE)
    steps: list[Any] = []
    stored = False
    for op, argument in _instructions(code.co_code):
        if op == _STORE_NAME and argument == line and not stored:
            steps[-1] = "line"  # the compiler's own store comes first
            stored = True
        steps.append((op, [constants[argument]] if op in _HAS_CONSTANT else argument))
    return tuple(steps)


def _instructions(code: bytes) -> Iterator[tuple[int, int]]:
    extended = 0
    for op, argument in zip(code[::2], code[1::2]):
        argument |= extended
        if op == _EXTENDED:
            extended = argument << 8
        else:
            yield op, argument
            extended = 0


# -- is this interpreter one of those that we know? --------------------------------------------

_TRIED = '''
"""module"""
K = 5
def f(a, b=1):
    """about f"""
    x = a + 1
    return x
class C(object):
    """about C"""
    t = K
    def m(self): return self
h = [lambda q: q in {"a", "b"}, lambda q: q]
def g(v):
    def inner(): return 1
    return v
'''

# (what is there, what comes instead, the blocks that must change)
_TRIALS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("K = 5", "# comment\n\n\nK = 5  # five", ()),
    ("class C", "\n" * 300 + "class C", ()),
    ("x = a + 1", "x = (a +\n         1)", ()),
    ("x = a + 1", "x = a - 1", ("f",)),
    ("x = a + 1", "x = a + 1.0", ("f",)),
    ("x = a + 1", "x = a + True", ("f",)),
    ("x = a + 1", "y = x = a + 1", ("f",)),
    ("about f", "About f", ("<module>",)),
    ("about C", "About C", ("<module>",)),
    ("b=1", "b=2", ("<module>",)),
    ("(a, b=1)", "(a, *, b=1)", ("<module>",)),
    ("(a, b=1)", "(a: int, b=1)", ("<module>",)),
    ("K = 5", "K = 5.0", ("<module>",)),
    ("t = K", "t = h", ("<module>",)),
    ("return x", "yield x", ("<module>", "f")),
    ("def f", "async def f", ("<module>", "f")),
    ("return self", "return 1", ("C.m",)),
    ("return self", "return super()", ("<module>", "C.m")),
    ("return self", "global K; K = 1", ("<module>", "C.m")),
    ('"a", "b"', '"a", "c"', ("<lambda>",)),
    ("lambda q: q]", "lambda q: -q]", ("<lambda>#2",)),
    ("return 1", "return 2", ("g.<locals>.inner",)),
    ("return 1", "return v", ("g", "g.<locals>.inner")),
)


def self_test() -> str | None:
    """None, or what a fingerprint of this interpreter does not see as it should: then whole files
    are the evidence. Takes a few milliseconds."""
    try:
        base = read(_compile(_TRIED, 0))  # with docstrings, whatever this process does
        for before, after, expected in _TRIALS:
            new = fingerprints(_compile(_TRIED.replace(before, after, 1), 0))
            told = changed(base.digests, new, base.digests)
            # A function's docstring and signature may show in its own digest as well.
            if not set(expected) <= set(told) or bool(told) != bool(expected) or (
                    expected and MODULE in told and MODULE not in expected):
                return "%r instead of %r changes %s" % (after.strip(), before, told or "nothing")
        return _test_places(base)
    except Exception as error:  # an interpreter that nobody has seen yet
        return "%s: %s" % (type(error).__name__, error)


def _test_places(base: Blocks) -> str | None:
    space: dict[str, Any] = {"__name__": "trial"}
    exec(_compile(_TRIED), space)
    for function, key in ((space["f"], "f"), (space["C"].m, "C.m"), (space["h"][0], "<lambda>")):
        code = function.__code__
        keys = keys_of(base.places, [(code.co_firstlineno, name_of(code))])
        if keys is None or key not in keys:
            return "%s is not found where it begins" % key
    return None
