"""Which code objects ran, from inside the interpreter: sys.monitoring, from CPython 3.12 on.

A code object is noted when it begins, and when a generator or coroutine that began earlier goes
on; after that it runs as fast as ever, for each event is switched off where it came from. All
threads are seen, whatever a test does with sys.settrace and sys.setprofile. What is in the middle
of a run when the tracer starts, on any thread's stack, is noted at once.

A code object is known by its file name as it was compiled, its first line and its qualified name:
blocks.keys_of() knows which blocks that is. Code that was compiled from a string has no file and
belongs to the block that built it.

What a tracer did not see it must not deny: stop() says whether it was on all the time. Two things
escape it: what runs in another interpreter of this process, and a signal handler or finalizer that
runs for its first time ever in the very moment in which another code object is being noted.
"""

from __future__ import annotations

import sys
from types import CodeType

from .blocks import name_of

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_NAME = "sniffer"
# The ids without a purpose first, then the optimizer's. Those of debuggers, coverage and profilers
# are left alone: a test that uses one of these tools must find its id free.
_IDS = (4, 3, 5)

monitoring: Any = getattr(sys, "monitoring", None)
_disable = monitoring.DISABLE if monitoring else None


def available() -> bool:
    return monitoring is not None


class Executed:
    """The code objects that ran in files whose name begins with one of PREFIXES, in `seen` as
    (file name, first line, qualified name). TELL, when given, hears of each as it begins, in
    whatever process that is: what a test forks inherits the tracer, but not the way back. TELL
    may hear of one twice, and may not raise: it would raise in the test."""

    def __init__(self, prefixes: Iterable[str],
                 tell: Callable[[str, int, str], object] | None = None) -> None:
        self.seen: set[tuple[str, int, str]] = set()
        self._prefixes = tuple(prefixes)
        self._tell = tell
        self._id: int | None = None
        self._callbacks: dict[int, Callable[..., object]] = {}
        self._events = 0

    def start(self) -> str | None:
        """None: it is on; else the reason why not."""
        if monitoring is None:
            return "not available: this interpreter has no sys.monitoring"
        self._id = _take_id()
        if self._id is None:
            return "not available: others hold the ids of sys.monitoring"
        events = monitoring.events
        # A generator that began earlier may also go on by throw() or close(). That event cannot be
        # switched off where it came from, but it is rare.
        self._callbacks = {events.PY_START: self._begins, events.PY_RESUME: self._begins,
                           events.PY_THROW: self._throws}
        self._events = events.PY_START | events.PY_RESUME | events.PY_THROW
        for event, callback in self._callbacks.items():
            monitoring.register_callback(self._id, event, callback)
        monitoring.set_events(self._id, self._events)
        self.restart()
        return None

    def restart(self) -> None:
        """Forget what was seen and see everything anew: for a child that was forked while this
        was on."""
        self.seen.clear()
        monitoring.restart_events()
        for frame in sys._current_frames().values():
            outer: Any = frame
            while outer is not None:
                self._note(outer.f_code)
                outer = outer.f_back

    def stop(self) -> bool:
        """Whether everything was seen: not when it was never on, or when somebody meddled."""
        if monitoring is None or self._id is None:
            return False
        tool, self._id = self._id, None
        if monitoring.get_tool(tool) != _NAME:
            return False
        whole: bool = monitoring.get_events(tool) == self._events
        monitoring.set_events(tool, 0)
        for event, callback in self._callbacks.items():
            if monitoring.register_callback(tool, event, None) is not callback:
                whole = False
        monitoring.free_tool_id(tool)
        return whole

    def _begins(self, code: CodeType, offset: int) -> object:
        self._note(code)
        return _disable

    def _throws(self, code: CodeType, offset: int, exception: BaseException) -> None:
        self._note(code)

    def _note(self, code: CodeType) -> None:
        """Anything may be raised in here, by a test's signal handler. Then the code does not
        begin, and its event stays on."""
        if code.co_filename.startswith(self._prefixes):
            # Not the code object: equal code of two files is one and the same to a set.
            key = (code.co_filename, code.co_firstlineno, name_of(code))
            if key not in self.seen:
                if self._tell is not None:
                    self._tell(*key)
                self.seen.add(key)


def _take_id() -> int | None:
    for tool in _IDS:
        try:
            monitoring.use_tool_id(tool, _NAME)
            return tool
        except ValueError:  # somebody else's
            pass
    return None


# -- does it see what it should? ---------------------------------------------------------------

_TRIED = """
def plain(): pass
def never(): pass
def series():
    yield 1
    yield 2
def closed():
    try:
        yield 1
    finally:
        plain()
class C:
    def method(self): return [plain() for _ in (1, 2)]
"""


def self_test() -> str | None:
    """None, or what this interpreter does not show, or why there is no tracer."""
    file = "<sniffer tries>"
    space: dict[str, Any] = {"__name__": "trial"}
    exec(compile(_TRIED, file, "exec", dont_inherit=True), space)
    began, closed = space["series"](), space["closed"]()
    next(began), next(closed)
    tracer = Executed((file,))
    reason = tracer.start()
    if reason is not None:
        return reason
    told: list[set[str]] = []
    for _ in range(2):
        tracer.restart()
        space["C"]().method()
        if not told:
            next(began)
            closed.close()
        told.append({name for _, _, name in tracer.seen})
    if not tracer.stop():
        return "the tracer was switched off"
    expected = {"plain", "C.method"}
    if told != [expected | {"series", "closed"}, expected]:
        return "of %s it saw %s" % (sorted(expected | {"series", "closed"}), told)
    return None
