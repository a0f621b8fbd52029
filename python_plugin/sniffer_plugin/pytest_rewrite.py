"""What pytest rewrites is loaded by its content, as the import guard loads everything else.

pytest compiles test modules, conftest files and plugins itself, with their assert statements
rewritten, and believes bytecode of these by time stamp. Here the rewritten code is kept under the
hash of its source. The functions of both kinds of code stand in the same places of the source, so
what ran is told in blocks of the plain code, which is what others compare with.
"""

from __future__ import annotations

import ast
import warnings
from types import CodeType

from .channel import identity
from .store import contents

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = b"plain\0"


def install(guard, version: str) -> None:  # type: ignore[no-untyped-def]
    """These three are all that AssertionRewritingHook.exec_module asks of files. It stays as it
    is, for pytest hides its own frames from tracebacks, not ours."""
    from _pytest.assertion import rewrite

    def rewritten(path, config):  # type: ignore[no-untyped-def]
        return _load(guard, version, str(path), config)

    rewrite._read_pyc = lambda *_: None
    rewrite._rewrite_test = rewritten  # type: ignore[assignment]
    rewrite._write_pyc = lambda *_: False


def _load(guard, version: str, path: str, config):  # type: ignore[no-untyped-def]
    """(anything, the rewritten code of the source PATH): the first is for the .pyc alone."""
    real, links = guard.real(path)
    salt = "pytest %s %s\0" % (version, config.getini("enable_assertion_pass_hook"))
    with guard.quietly():
        data, status = contents(path)
        salted = salt.encode() + data
        name, plain = guard.store.name(salted, path), guard.store.name(_PLAIN + salted, path)
        code = guard.store.load(name)
    if guard.scope.owns(real) or guard.scope.foreign(real):
        guard.sink.links(links)
        guard.sink.source(real, identity(status), plain, path)
    if code is None:
        code = _rewrite(data, path, config)
        with guard.quietly():
            _keep(guard.store, data, path, (name, plain), code)
    return status, code


def _rewrite(data: bytes, path: str, config) -> CodeType:  # type: ignore[no-untyped-def]
    from _pytest.assertion.rewrite import rewrite_asserts

    tree = ast.parse(data, filename=path)
    rewrite_asserts(tree, data, path, config)
    return compile(tree, path, "exec", dont_inherit=True)


def _keep(store, data: bytes, path: str, names: tuple[str, str],  # type: ignore[no-untyped-def]
          rewritten: CodeType) -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        plain = compile(data, path, "exec", dont_inherit=True)
    if shown:  # each run that loads it is to show them again
        return
    store.save(names[0], rewritten)
    # Before 3.11 a lambda in an assert may be moved by a line: then the source counts as a whole.
    if sorted(_places(rewritten)) == sorted(_places(plain)):
        store.save(names[1], plain)


def _places(code: CodeType) -> Iterator[tuple[str, int]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant.co_name, constant.co_firstlineno
            yield from _places(constant)
