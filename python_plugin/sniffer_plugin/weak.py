"""Functions that ask the kernel for all about a file, and tell their callers little of it.

os.path.exists calls os.stat, but who calls it learns no time stamp. From the outside both calls
look alike, so these functions are surrounded: while one of them runs, the library takes a stat for
a question of existence. Only their code is replaced, so the functions stay the objects that others
may have taken long ago; the original code runs inside, as another function.
"""

from __future__ import annotations

import genericpath
import linecache
import pathlib
import posixpath
import warnings
from types import CodeType, FunctionType

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAMES = (
    (genericpath, ("exists", "isfile", "isdir", "lexists", "islink", "samefile")),
    (posixpath, ("lexists", "islink", "ismount", "realpath")),
    # It compares time stamps only to throw away what it keeps itself.
    (linecache, ("checkcache", "updatecache")),
    (pathlib.Path, ("exists", "is_dir", "is_file", "is_symlink", "is_mount", "is_block_device",
                    "is_char_device", "is_fifo", "is_socket", "resolve")),
)

surrounding: set[CodeType] = set()  # the code that surrounds, for those who show frames

_VARARGS, _VARKEYWORDS, _SUSPENDS = 0x4, 0x8, 0x20 | 0x80 | 0x200

# Strings stand for what no source can name: they are replaced in the compiled code. A signal
# handler may raise anywhere in here; the first call is inside, so that what is left then is a
# question too many that counts in full, not one that counts too little.
_TEMPLATE = """
def bracket(%s):
    try:
        '<audit>'('sniffer.weak', 1)
        return '<original>'(%s)
    finally:
        '<audit>'('sniffer.weak', -1)
"""


def functions() -> Iterator[FunctionType]:
    """Those that this interpreter has, written in Python."""
    for owner, names in _NAMES:
        yield from _functions_of(owner, names)


def _functions_of(owner: object, names: tuple[str, ...]) -> Iterator[FunctionType]:
    for name in names:
        found = getattr(owner, name, None)
        if isinstance(found, FunctionType) and not found.__code__.co_freevars \
                and not found.__code__.co_flags & _SUSPENDS:
            yield found


def install(audit: Callable[..., object]) -> None:
    """AUDIT hears of the beginning and end of each call."""
    for function in dict.fromkeys(functions()):
        _surround(function, audit)


def _surround(function: FunctionType, audit: Callable[..., object]) -> None:
    code = function.__code__
    original = FunctionType(code, function.__globals__, function.__name__,
                            function.__defaults__, function.__closure__)
    original.__kwdefaults__ = function.__kwdefaults__
    around = _bracket(code)
    others = {"<audit>": audit, "<original>": original}
    changes: dict[str, object] = {
        "co_consts": tuple([others.get(constant, constant) if isinstance(constant, str)
                            else constant for constant in around.co_consts]),
        "co_filename": code.co_filename, "co_firstlineno": code.co_firstlineno,
        "co_name": code.co_name}
    if hasattr(code, "co_qualname"):
        changes["co_qualname"] = code.co_qualname
    function.__code__ = around.replace(**changes)  # type: ignore[arg-type]
    surrounding.add(function.__code__)


def _bracket(code: CodeType) -> CodeType:
    """A function that takes what CODE takes, and passes it on."""
    plain = code.co_argcount
    names = list(code.co_varnames)
    taken = names[:plain]
    passed = list(taken)
    if code.co_posonlyargcount:
        taken.insert(code.co_posonlyargcount, "/")
    keywords = names[plain:plain + code.co_kwonlyargcount]
    rest = plain + code.co_kwonlyargcount
    if code.co_flags & _VARARGS:
        taken.append("*" + names[rest])
        passed.append("*" + names[rest])
        rest += 1
    elif keywords:
        taken.append("*")
    taken += keywords
    passed += ["%s=%s" % (name, name) for name in keywords]
    if code.co_flags & _VARKEYWORDS:
        taken.append("**" + names[rest])
        passed.append("**" + names[rest])
    text = _TEMPLATE % (", ".join(taken), ", ".join(passed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a string is not callable
        module = compile(text, "<weak>", "exec", dont_inherit=True)
    [found] = [item for item in module.co_consts if isinstance(item, CodeType)]
    return found
