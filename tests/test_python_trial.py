"""The library and the block tracer, tried as a host tries them, with each interpreter here."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from host_process import LIBRARY, PLUGIN, Project, other_pythons  # noqa: E402

SAY = """
import sys
sys.path.insert(0, {plugin!r})
from sniffer_plugin import library, trial
{change}
print(trial.hears(), trial.sees_blocks(), sep="|")
"""

# A run with all that a host does for it, in one piece; prints the blocks of helper.py that ran.
RUN = """
import json, os, sys, time
sys.path.insert(0, {plugin!r})
from sniffer_plugin import evidence, guard, library, scope, sources, trace
sys.path[0] = {root!r}
place = scope.Scope({root!r})
watch = guard.Guard(place, library.quiet)
watch.install()
known = sources.Sources(place.root, watch.store)
for _ in range(2):
    log = trace.Log(trace.filters(place), 1, 1 << 20)
    began, host = time.time_ns(), os.getpid()
    if not os.fork():
        library.begin(log.place(host))
        library.blocks(True)
        watch.sink = library.Heard(place)
        import helper
        helper.f()
        list(helper.series())
        helper.C().m()
        library.last()
        os._exit(0)
    os.wait()
    run = evidence.Run(place, known, began)
    found = run.looks(log.records())
    assert log.whole() and run.is_heard()
    told = json.loads(known.ask("helper.py"))["keys"]
    [ran] = [ran for kind, path, _, ran in found if (kind, path) == ("code", "helper.py")]
    bits = int.from_bytes(bytes.fromhex(ran), "little")
    print(*[key for at, key in enumerate(told) if bits >> at & 1])
"""

HELPER = """
    def f(): return [g() for _ in (1, 2)]
    def g(): return (lambda: 1)()
    def never(): return 3
    def series():
        yield 1
    class C:
        def m(self): return super().__repr__()
        def n(self): pass
    """


def pythons():
    return [python for python in dict.fromkeys(["/usr/bin/python3", sys.executable]
                                               + other_pythons()) if os.path.exists(python)]


@unittest.skipUnless(os.path.exists(LIBRARY), "there is no library for this machine")
class TrialTest(unittest.TestCase):
    def said(self, python, script, preload=LIBRARY):
        environment = dict(os.environ, SNIFFER_TRACE_LIBRARY=LIBRARY, LD_PRELOAD=preload)
        return subprocess.check_output([python, "-B", "-c", script], env=environment,
                                       stderr=subprocess.STDOUT).decode()

    def trial(self, python, change="", **kwargs):
        return self.said(python, SAY.format(plugin=PLUGIN, change=change), **kwargs).strip()

    def test_both_work_with_each_interpreter(self):
        for python in pythons():
            with self.subTest(python=python):
                self.assertEqual(self.trial(python), "None|None")

    def test_the_blocks_that_ran_are_found_with_each_interpreter(self):
        for python in pythons():
            project = Project(**{"helper.py": HELPER})
            self.addCleanup(project.remove)
            with self.subTest(python=python):
                said = self.said(python, RUN.format(plugin=PLUGIN, root=project.root))
                for line in said.splitlines():
                    self.assertEqual(set(line.split()), {
                        "<module>", "f", "g", "g.<locals>.<lambda>", "series", "C.m"})
                self.assertEqual(len(said.splitlines()), 2)

    def test_a_library_that_is_not_preloaded_is_noticed(self):
        self.assertIn("not preloaded", self.trial(sys.executable, preload=""))

    def test_what_does_not_do_what_it_should_is_noticed(self):
        for change, hears, sees in (
                ("library.quiet = lambda step: None", False, True),
                ("library.weak = lambda step: None", False, True),
                ("library.record = lambda *some: None", False, True),
                ("trial.posix.stat = lambda path: None", False, True),
                ("library.blocks = lambda on: None", True, False),
                ("library.last = lambda: None", True, False),
                ("trial._BEGINS.add('never')", True, False),
                ("trial.blocks.self_test = lambda: 'unknown'", True, False)):
            with self.subTest(change=change):
                said = self.trial(sys.executable, change).split("|")
                self.assertEqual([text == "None" for text in said], [hears, sees], said)


if __name__ == "__main__":
    unittest.main()
