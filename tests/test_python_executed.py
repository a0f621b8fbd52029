"""Which code objects ran: each way in which code begins, under every interpreter that is here.

Before 3.12 there is no such tracer, and that is all that is asked there.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "python_plugin"))
sys.path.insert(0, os.path.join(HERE, "support"))
from each_python import load_tests_of  # noqa: E402
from sniffer_plugin import blocks, executed  # noqa: E402

HAS = executed.available()

# (the module, what runs before the tracer starts, what runs under it, what it sees of the module).
# The tracer must see exactly that.
CASES = {
    "a call": ("def target(): pass\ndef other(): pass", "", "m.target()", {"target"}),
    "a call, again and again": ("def target(): pass", "", "for _ in range(9): m.target()",
                                {"target"}),
    "called before": ("def target(): pass", "m.target()", "pass", set()),
    "called before and again": ("def target(): pass", "m.target()", "m.target()", {"target"}),
    "an import": ("", "", "load('def f(): pass\\nclass C:\\n def m(self): pass')",
                  {"<module>", "C"}),
    "a generator": ("def target():\n yield 1", "", "list(m.target())", {"target"}),
    "a generator, only made": ("def target():\n yield 1", "", "m.target()", set()),
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
        {"deco.<locals>.inner", "target"}),
    "a decorator": ("def deco(f): return f", "", "@m.deco\ndef f(): pass", {"deco"}),
    "exec of a string": ("def build():\n exec('def f(): pass\\nf()')", "", "m.build()", {"build"}),
    "a dataclass": ("import dataclasses\n@dataclasses.dataclass\nclass C:\n x: int\n"
                    " def __post_init__(self): pass", "", "m.C(1) == m.C(2)", {"C.__post_init__"}),
    "a named tuple": ("import collections\nT = collections.namedtuple('T', 'a b')", "",
                      "m.T(1, 2).a", set()),
    "an enumeration": ("import enum\nclass E(enum.Enum):\n A = 1\n @property\n"
                       " def p(self): return 1", "", "m.E.A.p", {"E.p"}),
    "a cached function": ("import functools\n@functools.lru_cache\ndef target(x): return x", "",
                          "m.target(1)", {"target"}),
    "a lambda": ("target = [lambda: 1, lambda: 2]", "", "m.target[1]()", {"<lambda>"}),
    "a generator expression": ("def f(): return (i for i in (1, 2))", "", "list(m.f())",
                               {"f", "f.<locals>.<genexpr>"}),
    "properties and operators": (
        "class C:\n @property\n def p(self): return 1\n def __getitem__(self, i): return i\n"
        " def __eq__(self, o): return True\n def __len__(self): return 0\n __hash__ = None",
        "", "c = m.C(); c.p; c[1]; c == 1; bool(c)",
        {"C.p", "C.__getitem__", "C.__eq__", "C.__len__"}),
    "attributes that are not there": ("class C:\n def __getattr__(self, n): return n\n"
                                      "def __getattr__(n): return n", "", "m.C().x; m.y",
                                      {"C.__getattr__", "__getattr__"}),
    "a subclass comes": ("class B:\n def __init_subclass__(cls): pass", "", "class D(m.B): pass",
                         {"B.__init_subclass__"}),
    "a callback of C": ("def target(x): return x", "", "sorted([2, 1], key=m.target)", {"target"}),
    "a partial": ("import functools\ndef f(x): return x\ntarget = functools.partial(f, 1)", "",
                  "m.target()", {"f"}),
    "a signal handler": ("def target(*_): pass", "",
                         "import signal\nwas = signal.signal(signal.SIGUSR1, m.target)\n"
                         "signal.raise_signal(signal.SIGUSR1)\n"
                         "signal.signal(signal.SIGUSR1, was)", {"target"}),
    "a finalizer": ("class C:\n def __del__(self): pass", "c = m.C()", "del c", {"C.__del__"}),
    "a finalizer of the collector": (
        "class C:\n def __del__(self): pass", "c = m.C(); c.me = c",
        "import gc\ndel c\ngc.collect()", {"C.__del__"}),
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
    "another tool comes and goes": (
        "def target(): pass\ndef other(): pass", "",
        "mon = sys.monitoring\nmon.use_tool_id(1, 'cov')\n"
        "mon.register_callback(1, mon.events.PY_START, lambda *_: mon.DISABLE)\n"
        "mon.set_events(1, mon.events.PY_START)\nm.target()\n"
        "mon.set_events(1, 0)\nmon.register_callback(1, mon.events.PY_START, None)\n"
        "mon.free_tool_id(1)\nm.other()", {"target", "other"}),
    "another tool sees everything anew": (
        "def target(): pass\ndef other(): pass", "", "m.target()\nsys.monitoring.restart_events()\n"
        "m.target()\nm.other()", {"target", "other"}),
    "a type's value": ("type X = int\ndef f[T: int](a: T): return a", "",
                       "m.X.__value__; m.f.__type_params__[0].__bound__",
                       {"X", "<generic parameters of f>.<locals>.T"}),
}
if sys.version_info >= (3, 14):
    CASES["annotations"] = ("def f(a: int): pass", "", "m.f.__annotations__", {"__annotate__"})
# The qualified names of a type parameter's code differ between versions; its block does not.
PLAIN_NAMES = {"<generic parameters of f>.<locals>.T": "T"}


class CaseBase(unittest.TestCase):
    def setUp(self):
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="sniffer-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.count = 0

    def load(self, text):
        """A module made of TEXT, in a file of its own."""
        self.count += 1
        module = types.ModuleType("m%d" % self.count)
        module.__file__ = self.write(module.__name__ + ".py", text)
        sys.modules[module.__name__] = module
        self.addCleanup(sys.modules.pop, module.__name__)
        exec(compile(text, module.__file__, "exec", dont_inherit=True), module.__dict__)
        return module

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def tracer(self, tell=None):
        tracer = executed.Executed([self.folder + "/"], tell)
        self.assertIsNone(tracer.start())
        self.addCleanup(tracer.stop)
        return tracer

    def names(self, tracer):
        return {name for _, _, name in tracer.seen}

    def space(self, **more):
        import _thread
        import threading
        return dict(sys=sys, threading=threading, _thread=_thread, load=self.load, **more)


@unittest.skipUnless(HAS, "no sys.monitoring here")
class ExecutedTest(CaseBase):
    def test_every_way_to_begin_is_seen(self):
        for title, (text, before, under, expected) in CASES.items():
            with self.subTest(title):
                module = self.load(text)
                space = self.space(m=module)
                exec(before, space)
                tracer = self.tracer()
                try:
                    exec(under, space)
                finally:
                    whole = tracer.stop()
                self.assertTrue(whole)
                self.assertEqual(self.names(tracer),
                                 {PLAIN_NAMES.get(name, name) for name in expected})
                # What was seen is found again among the blocks of the source.
                seen = [place[1:] for place in tracer.seen if place[0] == module.__file__]
                self.assertIsNotNone(blocks.keys_of(blocks.read(text).places, seen))

    def test_the_first_line_is_the_code_objects(self):
        module = self.load("import functools\n\n@functools.wraps(int)\ndef target(): pass\n")
        tracer = self.tracer()
        module.target()
        tracer.stop()
        self.assertEqual(tracer.seen, {(module.__file__, 3, "target")})

    def test_equal_code_in_two_files_is_seen_in_both(self):
        modules = [self.load("def target(): pass"), self.load("def target(): pass")]
        self.assertEqual(modules[0].target.__code__, modules[1].target.__code__)
        tracer = self.tracer()
        for module in modules:
            module.target()
        tracer.stop()
        self.assertEqual(tracer.seen, {(module.__file__, 1, "target") for module in modules})

    def test_code_compiled_under_the_files_name_is_seen_and_not_found(self):
        module = self.load("def build():\n exec(compile('\\n\\ndef f(): pass\\nf()', __file__, "
                           "'exec'))\n")
        tracer = self.tracer()
        module.build()
        tracer.stop()
        self.assertIn((module.__file__, 3, "f"), tracer.seen)
        with open(module.__file__, encoding="utf-8") as file:
            places = blocks.read(file.read()).places
        self.assertIsNone(blocks.keys_of(places, [(line, name) for _, line, name in tracer.seen]))

    def test_files_elsewhere_are_not_seen(self):
        tracer = self.tracer()
        textwrap.dedent("  x")
        tracer.stop()
        self.assertEqual(tracer.seen, set())

    def test_a_caller_on_the_stack_is_seen(self):
        module = self.load("def outer(f): return f()")
        tracer = module.outer(self.tracer)
        tracer.stop()
        self.assertEqual(self.names(tracer), {"outer"})

    def test_nothing_is_seen_after_stop(self):
        module = self.load("def target(): pass")
        tracer = self.tracer()
        self.assertTrue(tracer.stop())
        module.target()
        self.assertEqual(tracer.seen, set())
        self.assertFalse(tracer.stop())

    def test_a_second_tracer_sees_what_the_first_one_saw(self):
        module = self.load("def target(): pass")
        for _ in range(3):
            tracer = self.tracer()
            module.target()
            self.assertTrue(tracer.stop())
            self.assertEqual(self.names(tracer), {"target"})

    def test_two_tracers_at_once_see_the_same(self):
        module = self.load("def target(): pass")
        tracers = [self.tracer(), self.tracer()]
        module.target()
        for tracer in tracers:
            self.assertEqual(self.names(tracer), {"target"})
            self.assertTrue(tracer.stop())

    def test_the_ids_of_other_tools_stay_free(self):
        self.tracer()
        self.assertEqual([sys.monitoring.get_tool(tool) for tool in (0, 1, 2)], [None] * 3)

    def test_the_id_is_given_back_clean(self):
        monitoring = sys.monitoring
        self.tracer().stop()
        self.assertEqual([monitoring.get_tool(tool) for tool in range(6)], [None] * 6)
        for tool in range(6):
            monitoring.use_tool_id(tool, "other")
            self.addCleanup(monitoring.free_tool_id, tool)
            self.assertEqual(monitoring.get_events(tool), 0)
            for event in (monitoring.events.PY_START, monitoring.events.PY_RESUME,
                          monitoring.events.PY_THROW):
                self.assertIsNone(monitoring.register_callback(tool, event, None))

    def test_code_is_noted_once_and_then_runs_undisturbed(self):
        module = self.load("def target():\n yield 1\n yield 2")
        tracer = self.tracer()
        noted = []
        note = tracer._note
        tracer._note = lambda code: noted.append(code.co_name) or note(code)
        for _ in range(5):
            list(module.target())
        tracer.stop()
        self.assertEqual([name for name in noted if name == "target"], ["target"] * 3)

    def test_without_a_free_id_it_says_so(self):
        for tool in range(6):
            sys.monitoring.use_tool_id(tool, "other")
            self.addCleanup(sys.monitoring.free_tool_id, tool)
        tracer = executed.Executed(["/"])
        self.assertIn("not available", tracer.start())
        self.assertFalse(tracer.stop())
        self.assertIn("not available", executed.self_test())

    def test_who_meddles_is_found_out(self):
        monitoring = sys.monitoring
        start = monitoring.events.PY_START

        def free(tool):
            monitoring.free_tool_id(tool)

        def take(tool):
            monitoring.free_tool_id(tool)
            monitoring.use_tool_id(tool, "other")
            self.addCleanup(monitoring.free_tool_id, tool)

        for meddle in (lambda tool: monitoring.set_events(tool, 0),
                       lambda tool: monitoring.register_callback(tool, start, None),
                       free, take):
            tracer = self.tracer()
            tool = next(i for i in range(6) if monitoring.get_tool(i))
            meddle(tool)
            self.assertFalse(tracer.stop())

    def test_this_interpreter_is_known(self):
        self.assertIsNone(executed.self_test())

    def test_tell_hears_of_each_once(self):
        told = []
        module = self.load("def target(): pass\ndef other(): pass")
        tracer = self.tracer(lambda *what: told.append(what))
        for _ in range(3):
            module.target()
            sys.monitoring.restart_events()
        module.other()
        tracer.stop()
        self.assertEqual(told, [(module.__file__, 1, "target"), (module.__file__, 2, "other")])


@unittest.skipUnless(HAS, "no sys.monitoring here")
class ForkTest(CaseBase):
    def in_child(self, work):
        """What WORK returns, a text, in a child that ends at once."""
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.write(writer, work().encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            text = file.read().decode()
        os.waitpid(pid, 0)
        return text

    def test_a_child_that_restarts_sees_again_what_its_parent_saw(self):
        module = self.load("def target(): pass")
        tracer = self.tracer()
        module.target()

        def work():
            before = len(tracer.seen)
            tracer.restart()
            module.target()
            return "%d %s %s" % (before, sorted(self.names(tracer)), tracer.stop())

        self.assertEqual(self.in_child(work), "1 ['target'] True")

    def test_a_child_may_begin_where_its_parent_had_stopped(self):
        module = self.load("def target(): pass")
        tracer = self.tracer()
        module.target()
        tracer.stop()

        def work():
            mine = self.tracer()
            module.target()
            return str(sorted(self.names(mine)))

        self.assertEqual(self.in_child(work), "['target']")

    def test_what_a_test_forks_tells_too(self):
        module = self.load("def target(): pass\ndef other(): pass")
        reader, writer = os.pipe()
        self.tracer(lambda file, line, name: os.write(writer, (name + "\n").encode()))
        module.target()

        def work():
            module.target()
            module.other()
            return "done"

        self.assertEqual(self.in_child(work), "done")
        os.close(writer)
        with os.fdopen(reader) as file:
            self.assertEqual(file.read(), "target\nother\n")

    def test_what_runs_at_the_end_of_the_interpreter_is_told(self):
        # Not in the script itself: the tracer would keep its globals from being taken apart.
        self.write("hear/hear.py", """
            import os
            write = os.write
            def hear(file, line, name): write(1, (name + " ").encode())
            """)
        self.write("late/late.py", """
            def at_exit(): pass
            class C:
                def __del__(self): pass
            """)
        script = textwrap.dedent("""
            import atexit, sys
            sys.path[:0] = {plugin!r}, {folder!r} + "/hear", {folder!r} + "/late"
            import hear
            from sniffer_plugin import executed
            executed.Executed([{folder!r} + "/late/"], hear.hear).start()
            import late
            atexit.register(late.at_exit)
            keep = late.C()
            """).format(plugin=os.path.join(os.path.dirname(HERE), "python_plugin"),
                        folder=self.folder)
        run = subprocess.run([sys.executable, "-B", "-c", script], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        self.assertEqual((run.stdout.split(), run.stderr),
                         ([b"<module>", b"C", b"at_exit", b"C.__del__"], b""))


@unittest.skipIf(HAS, "sys.monitoring is here")
class OlderTest(unittest.TestCase):
    def test_an_older_interpreter_says_that_it_cannot(self):
        tracer = executed.Executed(["/"])
        self.assertIn("not available", tracer.start())
        self.assertFalse(tracer.stop())
        self.assertIn("not available", executed.self_test())


load_tests = load_tests_of(__file__)

if __name__ == "__main__":
    unittest.main()
