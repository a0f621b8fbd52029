"""Which code objects ran, told by the preloaded tracer: each way in which code begins, under every
interpreter that is here."""

import gc
import inspect
import os
import sys
import threading
import _thread

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"),
                os.path.join(os.path.dirname(HERE), "python_plugin")]
from each_python import load_tests_of  # noqa: E402
from preloaded import Forked, main  # noqa: E402
from sniffer_plugin import library  # noqa: E402
from trace_log import Log  # noqa: E402

MONITORED = sys.version_info >= (3, 12)

# (the module, what runs before the tracer starts, what runs under it, what it sees of the module):
# exactly that, by the last part of their names, which is all that older versions know.
CASES = {
    "a call": ("def target(): pass\ndef other(): pass", "", "m.target()", {"target"}),
    "a call, again and again": ("def target(): pass", "", "for _ in range(9): m.target()",
                                {"target"}),
    "called before": ("def target(): pass", "m.target()", "pass", set()),
    "called before and again": ("def target(): pass", "m.target()", "m.target()", {"target"}),
    "an import": ("", "", "load('def f(): pass\\nclass C:\\n def m(self): pass')",
                  {"<module>", "C"}),
    "a generator": ("def target():\n yield 1", "", "list(m.target())", {"target"}),
    "a generator, only made": ("def target():\n yield 1", "", "m.target()",
                               set() if MONITORED else {"target"}),
    "a generator that began before": ("def target():\n yield 1\n yield 2",
                                      "g = m.target(); next(g)", "next(g)", {"target"}),
    "a generator that began before, by yield from": (
        "def inner():\n yield 1\n yield 2\ndef outer(): yield from inner()",
        "g = m.outer(); next(g)", "next(g)", {"inner", "outer"}),
    "an error thrown into it": (
        "def target():\n try: yield 1\n except KeyError: yield 2", "g = m.target(); next(g)",
        "g.throw(KeyError)", {"target"}),
    "it is closed": ("def target():\n try: yield 1\n finally: list()",
                     "g = m.target(); next(g)", "g.close()", {"target"}),
    "it is thrown away": ("def target():\n try: yield 1\n finally: list()",
                          "g = m.target(); next(g)", "del g", {"target"}),
    "a context manager that was entered before": (
        "import contextlib\n@contextlib.contextmanager\ndef target():\n yield 1",
        "c = m.target(); c.__enter__()", "c.__exit__(None, None, None)", {"target"}),
    "a coroutine": ("async def target(): return 1", "",
                    "try: m.target().send(None)\nexcept StopIteration: pass", {"target"}),
    "a coroutine that began before": (
        "import types\n@types.coroutine\ndef wait(): yield 1\nasync def target(): await wait()",
        "c = m.target(); c.send(None)", "try: c.send(None)\nexcept StopIteration: pass",
        {"target", "wait"}),
    "an asynchronous generator": (
        "async def target():\n yield 1", "",
        "import asyncio\nasync def main():\n async for _ in m.target(): pass\nasyncio.run(main())",
        {"target"}),
    "tasks": ("import asyncio\nasync def a(): await asyncio.sleep(0)\nasync def b(): await a()", "",
              "import asyncio\nasync def main(): await asyncio.gather(m.a(), m.b())\n"
              "asyncio.run(main())", {"a", "b"}),
    "a thread": ("def target(): pass", "", "t = threading.Thread(target=m.target)\nt.start()\n"
                 "t.join()", {"target"}),
    "a bare thread": ("def target(l): l.release()", "",
                      "l = _thread.allocate_lock(); l.acquire()\n"
                      "_thread.start_new_thread(m.target, (l,)); l.acquire()", {"target"}),
    "a thread that began before": (
        "def target(): pass\ndef loop(go, done):\n go.wait()\n target()\n done.set()",
        "go, done = threading.Event(), threading.Event()\n"
        "threading.Thread(target=m.loop, args=(go, done), daemon=True).start()",
        "go.set(); done.wait()", {"target", "loop"}),
    "a decorated function": (
        "import functools\ndef deco(f):\n @functools.wraps(f)\n def inner(): return f()\n"
        " return inner\n@deco\ndef target(): pass", "", "m.target()",
        {"inner", "target"}),
    "a decorator": ("def deco(f): return f", "", "@m.deco\ndef f(): pass", {"deco"}),
    "exec of a string": ("def build():\n exec('def f(): pass\\nf()')", "", "m.build()", {"build"}),
    "a dataclass": ("import dataclasses\n@dataclasses.dataclass\nclass C:\n x: int\n"
                    " def __post_init__(self): pass", "", "m.C(1) == m.C(2)", {"__post_init__"}),
    "a named tuple": ("import collections\nT = collections.namedtuple('T', 'a b')", "",
                      "m.T(1, 2).a", set()),
    "an enumeration": ("import enum\nclass E(enum.Enum):\n A = 1\n @property\n"
                       " def p(self): return 1", "", "m.E.A.p", {"p"}),
    "a cached function": ("import functools\n@functools.lru_cache\ndef target(x): return x", "",
                          "m.target(1)", {"target"}),
    "a lambda": ("target = [lambda: 1, lambda: 2]", "", "m.target[1]()", {"<lambda>"}),
    "a generator expression": ("def f(): return (i for i in (1, 2))", "", "list(m.f())",
                               {"f", "<genexpr>"}),
    "properties and operators": (
        "class C:\n @property\n def p(self): return 1\n def __getitem__(self, i): return i\n"
        " def __eq__(self, o): return True\n def __len__(self): return 0\n __hash__ = None",
        "", "c = m.C(); c.p; c[1]; c == 1; bool(c)",
        {"p", "__getitem__", "__eq__", "__len__"}),
    "attributes that are not there": ("class C:\n def __getattr__(self, n): return n\n"
                                      "def __getattr__(n): return n", "", "m.C().x; m.y",
                                      {"__getattr__", "__getattr__"}),
    "a subclass comes": ("class B:\n def __init_subclass__(cls): pass", "", "class D(m.B): pass",
                         {"__init_subclass__"}),
    "a callback of C": ("def target(x): return x", "", "sorted([2, 1], key=m.target)", {"target"}),
    "a partial": ("import functools\ndef f(x): return x\ntarget = functools.partial(f, 1)", "",
                  "m.target()", {"f"}),
    "a signal handler": ("def target(*_): pass", "",
                         "import signal\nwas = signal.signal(signal.SIGUSR1, m.target)\n"
                         "signal.raise_signal(signal.SIGUSR1)\n"
                         "signal.signal(signal.SIGUSR1, was)", {"target"}),
    "a finalizer": ("class C:\n def __del__(self): pass", "c = m.C()", "del c", {"__del__"}),
    "a finalizer of the collector": (
        "class C:\n def __del__(self): pass", "c = m.C(); c.me = c",
        "import gc\ndel c\ngc.collect()", {"__del__"}),
    "a weak reference's callback": ("class C: pass\ndef target(_): pass",
                                    "import weakref\nc = m.C(); w = weakref.ref(c, m.target)",
                                    "del c", {"target"}),
    "code that was exchanged": ("def target(): pass\ndef other(): pass",
                                "m.other.__code__ = m.target.__code__", "m.other()", {"target"}),
    "an error at once": ("def target(): raise KeyError\ndef outer():\n target()", "",
                         "try: m.outer()\nexcept KeyError: pass", {"target", "outer"}),
    "deep recursion": ("def target(n): return n and target(n - 1)", "", "m.target(500)",
                       {"target"}),
    "endless recursion": ("def target(): return target()", "",
                          "try: m.target()\nexcept RecursionError: pass", {"target"}),
    "trace is taken away": ("def target(): pass", "",
                            "sys.settrace(None); sys.setprofile(None); m.target()", {"target"}),
    "traced": ("def target(): pass", "",
               "sys.settrace(lambda *_: None)\nm.target()\nsys.settrace(None)", {"target"}),
    "profiled": ("def target(): pass", "",
                 "sys.setprofile(lambda *_: None)\nm.target()\nsys.setprofile(None)", {"target"}),
    "traced line by line": ("def target():\n a = 1\n return a", "",
                            "def t(*_): return t\nsys.settrace(t)\nm.target()\n"
                            "sys.settrace(None)\nm.target()", {"target"}),
    "endless recursion ends where it always does": (
        "def target(n):\n global deepest\n deepest = n\n target(n + 1)\n"
        "def run():\n try: target(0)\n except RecursionError: return deepest",
        "usual = m.run()", "assert m.run() == usual", {"target", "run"}),
    "a metaclass": ("class M(type):\n def __call__(cls): return type.__call__(cls)\n"
                    "class C(metaclass=M):\n def __init__(self): pass", "", "m.C()",
                    {"__call__", "__init__"}),
    "a subscript that is specialised": (
        "class C:\n def __getitem__(self, i): return i\ndef use(c): return c[0]",
        "for _ in range(99): m.use((1,))", "c = m.C()\nfor _ in range(99): m.use(c)",
        {"use", "__getitem__"}),
    "an exception's own code": ("class E(Exception):\n def __init__(self): pass", "",
                                "try: raise m.E\nexcept m.E: pass", {"__init__"}),
}
if MONITORED:
    CASES.update({
        "another tool comes and goes": (
            "def target(): pass\ndef other(): pass", "",
            "mon = sys.monitoring\nmon.use_tool_id(1, 'cov')\n"
            "mon.register_callback(1, mon.events.PY_START, lambda *_: mon.DISABLE)\n"
            "mon.set_events(1, mon.events.PY_START)\nm.target()\n"
            "mon.set_events(1, 0)\nmon.register_callback(1, mon.events.PY_START, None)\n"
            "mon.free_tool_id(1)\nm.other()", {"target", "other"}),
        "another tool sees everything anew": (
            "def target(): pass\ndef other(): pass", "",
            "m.target()\nsys.monitoring.restart_events()\nm.target()\nm.other()",
            {"target", "other"}),
        "a type's value": ("type X = int\ndef f[T: int](a: T): return a", "",
                           "m.X.__value__; m.f.__type_params__[0].__bound__",
                           {"X", "T"}),
    })
if sys.version_info >= (3, 14):
    CASES["annotations"] = ("def f(a: int): pass", "", "m.f.__annotations__", {"__annotate__"})


class EveryWay(Forked):
    def test_every_way_to_begin_is_seen(self):
        for title, (text, before, under, expected) in CASES.items():
            with self.subTest(title):
                self.log = Log(self.log.path, self.folder)
                self.one_way(text, before, under, expected)

    def one_way(self, text, before, under, expected):
        module = self.load(text)
        space = dict(sys=sys, threading=threading, _thread=_thread, load=self.load, m=module)

        def work():  # threads are not forked, so they begin in here
            sys.audit("sniffer.blocks", 0)
            exec(before, space)
            sys.audit("sniffer.blocks", 1)
            exec(under, space)

        self.assertEqual(self.traced(work), "")
        self.assertEqual({name.rpartition(".")[2] for name in self.names()}, expected)
        self.assertEqual(self.whole(), [])
        files = {file for file, _, _ in self.codes()}
        self.assertLessEqual(files, {module.__file__, self.folder + "/m%d.py" % (self.count + 1)})


class Places(Forked):
    """What is told of a code object, and of which."""

    def test_its_file_its_qualified_name_and_its_first_line_are_told(self):
        module = self.load("import functools\nclass C:\n @functools.wraps(int)\n"
                           " def target(self): pass\n")
        self.traced(lambda: module.C().target())
        name = "C.target" if sys.version_info >= (3, 11) else "target"
        line = module.C.__dict__["target"].__code__.co_firstlineno
        self.assertEqual(self.codes(), [(module.__file__, name, line)])

    def test_equal_code_in_two_files_is_told_of_both(self):
        modules = [self.load("def target(): pass"), self.load("def target(): pass")]
        self.traced(lambda: [module.target() for module in modules] and "")
        self.assertEqual({file for file, _, _ in self.codes()}, {m.__file__ for m in modules})

    def test_a_name_in_any_script_is_told(self):
        module = self.load("def grün(): pass", self.folder + "/süß.py")
        self.traced(module.grün)
        self.assertEqual(self.codes(), [(self.folder + "/süß.py", "grün", 1)])

    def test_a_file_counts_by_what_it_is_and_not_by_its_name(self):
        os.mkdir(self.outer + "/other")
        real = self.write("real.py", "")
        os.symlink(real, self.outer + "/other/link.py")
        os.symlink(self.folder, self.outer + "/way")
        with open(self.outer + "/other/plain.py", "w"):
            pass
        told = [real, self.outer + "/other/link.py", self.outer + "/way/real.py",
                self.outer + "/other/../project/real.py", "relative.py", self.folder + "/nope.py"]
        not_told = ["<string>", self.outer + "/other/plain.py", self.outer + "/nope.py",
                    os.__file__]
        modules = [self.load("def target(): pass", file) for file in told + not_told]
        self.traced(lambda: [module.target() for module in modules] and "")
        self.assertEqual([file for file, _, _ in self.codes()], told)

    def test_in_another_log_other_files_count(self):
        module = self.load("def target(): pass")
        other = Log(self.outer + "/other", self.outer + "/elsewhere")

        def work():
            for log in (other, self.log):
                sys.audit("sniffer.begin", log.path)
                module.target()
        self.assertEqual(self.traced(work), "")
        self.assertEqual(self.names(), {"target"})

    def test_code_in_the_place_of_freed_code_is_told(self):
        def work():
            for i in range(3000):
                space = {}
                exec(compile("def f%d(): pass" % i, file, "exec"), space)
                space["f%d" % i]()
        file = self.folder + "/made.py"
        self.traced(work)
        self.assertLessEqual({"f%d" % i for i in range(3000)}, self.names())

    def test_it_is_told_once_in_each_generation(self):
        module = self.load("def target(): pass\ndef other(): pass\n"
                           "def outer(sys):\n target()\n sys.audit('sniffer.test', b't')\n"
                           " target(); target()\n sys.audit('sniffer.test', b't')\n other()")
        self.traced(lambda: module.outer(sys))
        self.assertEqual([name for _, name, _ in self.codes()],
                         ["outer", "target", "outer", "target", "outer", "other"])

    def test_each_test_is_told_what_it_runs(self):
        module = self.load("def target(): pass\ndef other(): pass\n")

        def work():
            for name, calls in ((b"a", [module.target, module.target]), (b"", [module.target]),
                                (b"", []), (b"b", [module.target, module.other])):
                sys.audit("sniffer.test", name)
                for call in calls:
                    call()
        self.assertEqual(self.traced(work), "")
        told = [(r.kind, r.path if r.kind == "test" else r.path.partition("\0")[2])
                for r in self.log.records if r.kind in ("test", "code")]
        self.assertEqual([one for one in told if one[0] == "test" or one[1] in ("target", "other")],
                         [("test", "a"), ("code", "target"), ("test", ""), ("test", "b"),
                          ("code", "target"), ("code", "other")])

    def test_what_one_test_calls_often_is_told_of_the_next(self):
        module = self.load("def target(): pass\ndef many(count):\n for i in range(count): target()")

        def work():
            for name, count in ((b"a", 1), (b"b", 5000), (b"c", 1), (b"d", 5000), (b"", 3000),
                                (b"e", 1)):
                sys.audit("sniffer.test", name)
                module.many(count)
        self.assertEqual(self.traced(work), "")
        told = "".join(r.path if r.kind == "test" else "+" for r in self.log.records
                       if r.kind == "test" or r.path.endswith("\0target"))
        self.assertEqual(told, "a+b+c+d+e+")

    def test_a_file_begins_to_count_with_another_log(self):
        module = self.load("def target(): pass", self.outer + "/elsewhere/m.py")
        other = Log(self.outer + "/other", self.outer + "/elsewhere")

        def work():
            for log in (self.log, other, self.log, other):
                sys.audit("sniffer.begin", log.path)
                sys.audit("sniffer.test", b"a")
                module.target()
        self.assertEqual(self.traced(work), "")
        self.assertEqual(self.names(), set())
        other.read()
        self.assertEqual([r.path.partition("\0")[2] for r in other.records
                          if r.kind == "code" and "/elsewhere/" in r.path], ["target"] * 2)

    def test_what_does_not_count_is_asked_once_as_long_as_the_same_counts(self):
        os.mkdir(self.outer + "/elsewhere")
        link = self.outer + "/link.py"
        for target in (self.write("real.py", ""), self.outer + "/elsewhere/plain.py"):
            with open(target, "w"):
                pass
        os.symlink(self.outer + "/elsewhere/plain.py", link)
        module = self.load("def target(): pass", link)
        same, other = (Log(self.outer + name, root) for name, root in (
            ("/same", self.folder), ("/other", self.outer + "/elsewhere")))

        def work():
            module.target()
            os.unlink(link)  # what is loaded came from where it led to then
            os.symlink(self.folder + "/real.py", link)
            sys.audit("sniffer.begin", same.path)
            module.target()
            os.unlink(link)
            os.symlink(self.outer + "/elsewhere/plain.py", link)
            sys.audit("sniffer.blocks", 0)
            sys.audit("sniffer.begin", other.path)
            sys.audit("sniffer.blocks", 1)
            module.target()
        self.assertEqual(self.traced(work), "")
        told = []
        for log in (self.log, same, other):
            log.read()
            told.append([r.path.partition("\0")[2] for r in log.records
                         if r.kind == "code" and r.path.startswith(link)])
        self.assertEqual(told, [[], [], ["target"]])

    def test_of_what_is_foreseen_only_what_counts_is_told(self):
        os.mkdir(self.outer + "/elsewhere")
        plain, link = self.outer + "/elsewhere/plain.py", self.outer + "/link.py"
        with open(plain, "w"):
            pass
        os.symlink(plain, link)
        text = "def target():\n def inner(): pass\n return inner\n"
        module, other = self.load(text, link), self.load(text)
        logs = [self.log] + [Log(self.outer + name, root) for name, root in (
            ("/same", self.folder), ("/other", self.outer + "/elsewhere"))]

        def work():
            library.foresee(logs[0].path)
            for nonsense in (None, 1):
                sys.audit("sniffer.foresee", nonsense)
            os.unlink(link)  # what is loaded came from where it led to then
            os.symlink(other.__file__, link)
            sys.audit("sniffer.begin", logs[1].path)
            sys.audit("sniffer.blocks", 1)
            module.target()()
            other.target()()
            os.unlink(link)
            os.symlink(plain, link)
            sys.audit("sniffer.begin", logs[2].path)
            module.target()()
        self.assertEqual(self.fork(work), "")
        told = []
        for log in logs:
            log.read()
            told.append([(r.path.partition("\0")[0], r.path.rpartition(".")[2].rpartition("\0")[2])
                         for r in log.records if r.kind == "code" and
                         r.path.partition("\0")[0] in (link, other.__file__)])
        self.assertEqual(told, [[], [(other.__file__, "target"), (other.__file__, "inner")],
                                [(link, "target"), (link, "inner")]])

    def test_half_of_the_log_is_not_for_tests(self):
        self.log = Log(self.log.path, self.folder, size=32 << 10)
        module = self.load("def target(): pass\n")

        def inside():
            sys.audit("sniffer.begin", self.log.path)
            sys.audit("sniffer.blocks", 1)
            for i in range(1000):
                sys.audit("sniffer.test", b"test %d" % i)
                module.target()
                sys.audit("sniffer.test", b"")
        self.fork(inside)
        self.log.read()
        self.assertEqual(self.log.lost, 0)
        tests = [r.path for r in self.log.records if r.kind == "test" and r.path]
        self.assertEqual(tests, ["test %d" % i for i in range(len(tests))])
        self.assertTrue(20 < len(tests) < 500, len(tests))

    def test_what_is_on_the_stacks_is_told_at_once(self):
        module = self.load("def outer(f): return f()\n"
                           "def waits(go, there):\n there.set(); go.wait()")

        def work():
            sys.audit("sniffer.blocks", 0)
            go, there = threading.Event(), threading.Event()
            thread = threading.Thread(target=module.waits, args=(go, there))
            thread.start()
            there.wait()
            module.outer(lambda: sys.audit("sniffer.blocks", 1))
            sys.audit("sniffer.blocks", 0)
            go.set()
            thread.join()
        self.assertEqual(self.traced(work), "")
        self.assertEqual(self.names(), {"outer", "waits"})

    def test_nothing_is_told_when_it_is_off(self):
        module = self.load("def target(): pass")

        def work():
            sys.audit("sniffer.blocks", 0)
            module.target()
        self.assertEqual(self.traced(work), "")
        self.assertEqual(self.codes(), [])

    def test_a_full_log_counts_what_it_lost(self):
        self.log = Log(self.log.path, self.folder, size=10 << 10)
        module = self.load("\n".join("def f%d(): pass" % i for i in range(500)))

        def inside():
            sys.audit("sniffer.begin", self.log.path)
            sys.audit("sniffer.blocks", 1)
            for i in range(500):
                getattr(module, "f%d" % i)()
        self.assertEqual(self.fork(inside), "")
        self.log.read()
        self.assertGreater(self.log.lost, 0)
        self.assertEqual(len(self.codes()) + self.log.lost, 500)

    def test_what_is_raised_stays_as_it_is(self):
        module = self.load("def target(): pass\ndef series():\n try: yield\n"
                           " except KeyError as e:\n  target(); yield e")

        def work():
            error, series = KeyError("x"), module.series()
            next(series)
            assert series.throw(error) is error
            try:
                raise error
            except KeyError:
                module.target()
                assert sys.exc_info()[1] is error
            assert sys.exc_info() == (None, None, None)
        self.assertEqual(self.traced(work), "")

    def test_collecting_in_the_middle_does_no_harm(self):
        module = self.load("class C:\n def __del__(self): target()\ndef target(): pass\n"
                           "def make():\n c = C(); c.me = c")

        def work():
            gc.set_threshold(1)
            for _ in range(50):
                sys.audit("sniffer.test", b"t")
                module.make()
        self.assertEqual(self.traced(work), "")
        self.assertEqual(self.names(), {name if sys.version_info >= (3, 11) else
                                        name.rpartition(".")[2]
                                        for name in ("C.__del__", "target", "make")})


READERS = {  # what it does with m.target, of which code that is in it is told as well
    "reads its bytecode": ("m.target.__code__.co_code", True),
    "reads a method's": ("m.C().method.__code__", True),
    "gets it by name": ("getattr(m.target, '__code__')", True),
    "reads its variables": ("inspect.getclosurevars(m.target)", True),
    "asks for its signature": ("inspect.signature(m.target)", False),
    "asks for its arguments": ("inspect.getfullargspec(m.target)", False),
    "asks what it is": (
        "inspect.isgeneratorfunction(m.target); inspect.iscoroutinefunction(m.target)", False),
    "asks for its file": ("inspect.getfile(m.target); inspect.getsourcefile(m.target)", False),
    "replaces it": ("m.target.__code__ = (lambda: 0).__code__", False),
    "reads its defaults": ("m.target.__defaults__", False),
}


class Readers(Forked):
    def test_code_that_is_read_counts_as_run(self):
        for title, (does, told) in READERS.items():
            with self.subTest(title):
                self.log = Log(self.log.path, self.folder)
                module = self.load("def target():\n def inner():\n  return lambda: 1\n"
                                   "class C:\n def method(self):\n  def inner():\n"
                                   "   return lambda: 1")
                code = compile(does, "<test>", "exec")
                space = {"m": module, "inspect": inspect}
                self.assertEqual(self.traced(lambda: exec(code, space)), "")
                names = {name.rpartition(".")[2] for name in self.names()} - {"target", "method"}
                self.assertEqual(names, {"inner", "<lambda>"} if told else set())
                self.assertEqual(bool(self.names()), told)

    def test_read_and_run_is_told_once(self):
        module = self.load("def target(): pass")

        def work():
            for _ in range(3):
                module.target()
                module.target.__code__
        self.traced(work)
        self.assertEqual(self.codes(), [(module.__file__, "target", 1)])


load_tests = load_tests_of(__file__)

if __name__ == "__main__":
    main()
