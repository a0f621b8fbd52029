"""The tracer of code objects among forks, threads, other tools, deep recursion and other
interpreters: it tells all that ran, or says that it does not."""

import collections
import ctypes
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "support"))
from each_python import load_tests_of  # noqa: E402
from preloaded import Forked, main  # noqa: E402
from trace_log import LIBRARY  # noqa: E402

MONITORED = sys.version_info >= (3, 12)
INTERPRETERS, DEEP, TAKEN = 1, 2, 3  # enum trace_whole
CC = shutil.which("cc")


class Forks(Forked):
    def test_a_child_tells_again_what_its_parent_saw(self):
        module = self.load("def target(): pass\ndef other(): pass")

        def host():
            sys.audit("sniffer.blocks", 1)
            module.target()
            return self.traced(module.target)
        self.assertEqual(self.fork(host), "")
        self.log.read()
        self.assertEqual(self.names(), {"target"})

    def test_what_a_test_forks_tells_what_is_new(self):
        module = self.load("def target(): pass\ndef other(): pass")

        def work():
            module.target()
            return self.fork(lambda: module.target() or module.other())
        self.assertEqual(self.traced(work), "")
        self.assertEqual([name for _, name, _ in self.codes()], ["target", "other"])

    def test_processes_of_multiprocessing_tell(self):
        module = self.load("def target(): pass")

        def work():
            import multiprocessing
            process = multiprocessing.get_context("fork").Process(target=module.target)
            process.start()
            process.join()
        self.assertEqual(self.traced(work), "")
        self.assertEqual(self.names(), {"target"})

    def test_who_is_killed_has_told(self):
        module = self.load("def target(): pass")

        def inside():
            sys.audit("sniffer.begin", self.log.path)
            sys.audit("sniffer.blocks", 1)
            module.target()
            os.kill(os.getpid(), 9)
        self.fork(inside)
        self.log.read()
        self.assertEqual((self.status, self.names()), (9, {"target"}))

    def test_many_threads_tell(self):
        module = self.load("\n".join("def f%d(): pass" % i for i in range(200)))

        def all_of_them():
            for i in range(200):
                getattr(module, "f%d" % i)()

        def work():
            threads = [threading.Thread(target=all_of_them) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                sys.audit("sniffer.test", b"t")
                thread.join()
        self.assertEqual(self.traced(work), "")
        self.assertLessEqual({"f%d" % i for i in range(200)}, self.names())

    def test_what_runs_at_the_end_of_the_interpreter_is_told(self):
        self.write("late.py", """
            def at_exit(): pass
            class C:
                def __del__(self): pass
            """)
        script = """
            import atexit, sys
            sys.audit("sniffer.begin", %r)
            sys.audit("sniffer.blocks", 1)
            sys.path.insert(0, %r)
            import late
            atexit.register(late.at_exit)
            keep = late.C()
            """ % (self.log.path, self.folder)
        for option in ([], ["-X", "dev"], ["-I", "-S"]):
            subprocess.run([sys.executable, "-B", *option, "-c", textwrap.dedent(script)],
                           check=True, env=dict(os.environ, LD_PRELOAD=LIBRARY))
            self.log.read()
            names = [name.rpartition(".")[2] for _, name, _ in self.codes()]
            self.assertEqual(names[-4:], ["<module>", "C", "at_exit", "__del__"])


class Interpreters(Forked):
    def test_a_second_interpreter_is_noticed(self):
        code = """
            try:
                import _interpreters as it
            except ImportError:
                import _xxsubinterpreters as it
            it.run_string(it.create(), "import os")
            """
        self.assertEqual(self.traced(lambda: exec(textwrap.dedent(code), {})), "")
        self.assertEqual(self.whole(), [INTERPRETERS])


class Recursion(Forked):
    def recurse(self, depth):
        module = self.load("def target(n): return n and target(n - 1) + 1\ndef after(): pass")
        sys.setrecursionlimit(max(depth * 2, 1000))
        depths = [module.target(depth)]
        module.after()
        return depths[0]

    @unittest.skipIf(sys.version_info < (3, 11), "recursion uses the C stack anyway")
    def test_the_main_thread_goes_as_deep_as_ever(self):
        self.assertEqual(self.traced(lambda: str(self.recurse(50000))), "50000")
        self.assertEqual(self.whole(), [] if MONITORED else [DEEP])
        self.assertLessEqual({"target", "after"}, self.names())

    @unittest.skipIf(sys.version_info < (3, 11), "recursion uses the C stack anyway")
    def test_a_thread_goes_as_deep_as_ever(self):
        for size in (0, 256 << 10):
            def work():
                depths = []
                threading.stack_size(size)
                thread = threading.Thread(target=lambda: depths.append(self.recurse(50000)))
                thread.start()
                thread.join()
                return "%s" % depths
            self.assertEqual(self.traced(work), "[50000]")
            self.assertEqual(self.whole(), [] if MONITORED else [DEEP])
            self.assertLessEqual({"target", "after"}, self.names())

    def test_what_is_usual_is_not_deep(self):
        self.assertEqual(self.traced(lambda: str(self.recurse(5000))), "5000")
        self.assertEqual(self.whole(), [])


class Subscripts(Forked):
    SOURCE = ("class C:\n def __getitem__(self, i): return i\n"
              "def use(x): return x[0]\ndef again(c):\n for _ in range(99): c[0]\n")

    def test_a_first_call_is_seen_however_warm_the_place_is(self):
        """3.11.0 to 3.11.3 called it past us (gh-104405)."""
        modules = [self.load(self.SOURCE) for _ in range(300)]

        def work():
            other = collections.deque([1])  # for which nothing is specialised
            for count, module in enumerate(modules):
                for _ in range(count):
                    module.use(other)
                module.use(module.C())
        self.assertEqual(self.traced(work), "")
        seen = {file for file, name, _ in self.codes() if name.endswith("__getitem__")}
        self.assertEqual(len(seen), len(modules))

    def test_a_place_that_was_warm_before_is_no_hole(self):
        module = self.load(self.SOURCE)

        def work():
            sys.audit("sniffer.blocks", 0)
            module.again(module.C())
            sys.audit("sniffer.blocks", 1)
            module.again(module.C())
        self.assertEqual(self.traced(work), "")
        self.assertLessEqual({"__getitem__"}, {n.rpartition(".")[2] for n in self.names()})


@unittest.skipUnless(MONITORED, "no sys.monitoring here")
class Monitors(Forked):
    def test_the_ids_of_other_tools_stay_free(self):
        self.assertEqual(self.traced(
            lambda: str([sys.monitoring.get_tool(tool) for tool in range(6)])),
            "[None, None, None, None, 'sniffer', None]")

    def test_the_id_is_given_back_clean(self):
        def work():
            monitoring = sys.monitoring
            sys.audit("sniffer.blocks", 0)
            assert [monitoring.get_tool(tool) for tool in range(6)] == [None] * 6
            monitoring.use_tool_id(4, "other")
            assert monitoring.get_events(4) == 0
            for event in ("PY_START", "PY_RESUME", "PY_THROW"):
                assert not monitoring.register_callback(4, getattr(monitoring.events, event), None)
        self.assertEqual(self.traced(work), "")

    def test_without_a_free_id_nothing_is_told(self):
        module = self.load("def target(): pass")

        def work():
            sys.audit("sniffer.blocks", 0)
            for tool in range(6):
                sys.monitoring.use_tool_id(tool, "other")
            sys.audit("sniffer.blocks", 1)
            module.target()
        self.assertEqual(self.traced(work), "")
        self.assertEqual(self.codes(), [])

    def test_who_meddles_is_found_out(self):
        monitoring = sys.monitoring
        for meddle in (lambda: monitoring.set_events(4, 0),
                       lambda: monitoring.register_callback(4, monitoring.events.PY_START, None),
                       lambda: monitoring.free_tool_id(4),
                       lambda: monitoring.free_tool_id(4) or monitoring.use_tool_id(4, "other")):
            self.assertEqual(self.traced(meddle), "")
            self.assertEqual(self.whole(), [TAKEN])


EVALUATOR = """
    int calls;
    void *_PyEval_EvalFrameDefault(void *thread, void *frame, int raises);
    void *counting(void *thread, void *frame, int raises)
    {
        calls++;
        return _PyEval_EvalFrameDefault(thread, frame, raises);
    }
    """


@unittest.skipUnless((3, 9) <= sys.version_info < (3, 12) and CC, "no evaluators to exchange")
class Evaluators(Forked):
    def setUp(self):
        super().setUp()
        library = self.outer + "/evaluator.so"
        subprocess.check_call([CC, "-shared", "-fPIC", "-o", library,
                               self.write("evaluator.c", EVALUATOR)])
        self.other = ctypes.PyDLL(library)
        self.api = ctypes.PyDLL(None)
        self.api.PyInterpreterState_Get.restype = ctypes.c_void_p

    def put(self, evaluator):
        set_it = self.api._PyInterpreterState_SetEvalFrameFunc
        set_it(ctypes.c_void_p(self.api.PyInterpreterState_Get()), evaluator)

    def test_one_that_was_there_before_goes_on(self):
        module = self.load("def target(): pass")

        def work():
            calls = ctypes.c_int.in_dll(self.other, "calls")
            sys.audit("sniffer.blocks", 0)
            self.put(self.other.counting)
            sys.audit("sniffer.blocks", 1)
            before = calls.value
            for _ in range(100):
                module.target()
            assert calls.value >= before + 100
            sys.audit("sniffer.blocks", 0)
            before = calls.value
            module.target()
            assert calls.value > before
        self.assertEqual(self.traced(work), "")
        self.assertEqual((self.names(), self.whole()), ({"target"}, []))

    def test_one_that_takes_our_place_is_found_out(self):
        self.assertEqual(self.traced(lambda: self.put(self.other.counting)), "")
        self.assertEqual(self.whole(), [TAKEN])

    def test_one_that_came_and_went_is_found_out(self):
        def work():
            self.put(self.other.counting)
            self.put(self.api._PyEval_EvalFrameDefault)
        self.assertEqual(self.traced(work), "")
        self.assertEqual(self.whole(), [TAKEN])


load_tests = load_tests_of(__file__)

if __name__ == "__main__":
    main()
