"""Test code with tools of its own: tracers, profilers, coverage, libraries that it preloads. Each has its
outcome, and what it calls while they are on is evidence all the same."""

import os
import sys
import unittest

from house import SOURCE, House, interpreter_with, main

sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from each_python import pythons_of  # noqa: E402

LIB = "def answer():\n    return 42\n\n\ndef other():\n    return 1\n"
# What each does before it calls, for the first time, what it tests; and afterwards.
DEEDS = {
    "settrace": ("sys.settrace(lambda frame, event, arg: None)", ""),
    "settrace_lines": ("def trace(*_):\n    return trace\nsys.settrace(trace)", "sys.settrace(None)"),
    "setprofile": ("sys.setprofile(lambda frame, event, arg: None)", ""),
    "threading": ("threading.settrace(print)\nthreading.setprofile(print)", ""),
    "audit": ("sys.addaudithook(lambda name, args: None)", ""),
    "preload_of_mine": ("os.environ['LD_PRELOAD'] = 'libm.so.6'", ""),
    "preload_of_none": ("os.environ['LD_PRELOAD'] = '/nix/libnix.so'", ""),
    "trace_module": ("import trace\ncounted = trace.Trace(count=1, trace=0)\n"
                     "counted.runfunc(lambda: None)", ""),
    "cprofile": ("import cProfile\nprofile = cProfile.Profile()\nprofile.enable()",
                 "profile.disable()"),
    "coverage": ("import coverage\nmeasured = coverage.Coverage(data_file=None)\n"
                 "measured.start()",
                 "measured.stop()\n"
                 "self.assertIn(lib.__file__, measured.get_data().measured_files())"),
    "monitoring": ("for tool in range(6):\n"
                   "    if sys.monitoring.get_tool(tool) is None:\n"
                   "        sys.monitoring.use_tool_id(tool, 'mine')\n"
                   "    sys.monitoring.set_events(tool, sys.monitoring.events.PY_START)", ""),
    "monitoring_freed": ("for tool in range(6):\n"
                         "    if sys.monitoring.get_tool(tool) is not None:\n"
                         "        sys.monitoring.set_events(tool, 0)\n"
                         "        sys.monitoring.free_tool_id(tool)\n"
                         "sys.monitoring.restart_events()", ""),
}


def indented(text):
    return "".join("        %s\n" % line for line in text.splitlines())


def files(python):
    """A test file for each deed that PYTHON can do."""
    modern = python in pythons_of((3, 12)) + pythons_of((3, 13)) + pythons_of((3, 14))
    made = {"lib.py": LIB}
    for name, (before, after) in DEEDS.items():
        if name.startswith("monitoring") and not modern:
            continue
        if name == "coverage" and python != interpreter_with("coverage"):
            continue
        made["test_%s.py" % name] = (
            "import os\nimport subprocess\nimport sys\nimport threading\nimport unittest\n\nimport lib\n\n\n"
            "class TestX(unittest.TestCase):\n    def test_it(self):\n" + indented(before)
            + "        self.assertEqual(42, lib.answer())\n" + indented(after)
            + "\n    def test_program(self):\n"
              "        subprocess.run([sys.executable, '-c', 'import lib'], check=True, env=dict("
              "os.environ, PYTHONPATH='.'))\n")
    return made


class Tools(unittest.TestCase):
    def check(self, python):
        made = files(python)
        tests = set(made) - {"lib.py"}
        house = House(made, 'framework = "unittest"\npython = "%s"\n' % python)
        self.addCleanup(house.close)
        house.wait()
        self.assertEqual({(file, test): "success" for file in tests
                          for test in ("TestX.test_it", "TestX.test_program")}, house.outcomes())
        self.assertEqual(dict.fromkeys(tests, 1), house.runs())
        ran = house.ran(lambda: house.write("lib.py", LIB.replace("42", "41")))
        self.assertEqual(set(), tests - ran)
        self.assertEqual({"failure"}, {outcome for (_, test), outcome in house.outcomes().items()
                                       if test == "TestX.test_it"})
        house.write("lib.py", LIB)
        house.wait(0)

    def test_their_evidence_is_whole(self):
        pythons = [interpreter_with("coverage") or sys.executable]
        pythons += (pythons_of((3, 13)) or pythons_of((3, 12)))[:1]
        for python in dict.fromkeys(pythons):
            with self.subTest(python):
                self.check(python)


if __name__ == "__main__":
    main()
