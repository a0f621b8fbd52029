"""Every outcome that nose has, in one project: what sniffer makes of it, beside plain nose.

EXPECTED says what must come out. What nose itself counts is asked of nose, file by file and for the
whole project, so that an expectation that is wrong about nose is found, too."""

import os
import re
import subprocess
import unittest

from house import House, PYTHON, main

FILES = {
    "setup.cfg": "[nosetests]\nwith-doctest = 1\n",

    "test_plain.py": """\
        import unittest

        class MyAssertion(AssertionError):
            pass

        def test_success():
            pass

        def test_failure():
            assert False, "no"

        def test_error():
            raise ValueError("no")

        def test_own_assertion():
            raise MyAssertion("mine")

        class TestNose:
            def test_success(self):
                '''A docstring is no name.'''

            def test_failure(self):
                assert 0

            def test_error(self):
                1 / 0

        class Case(unittest.TestCase):
            def test_success(self):
                pass

            def test_failure(self):
                self.assertEqual(1, 2)

            def test_error(self):
                {}["x"]
        """,
    "test_fixtures.py": """\
        import unittest
        from nose.tools import with_setup

        def fine():
            pass

        def bad():
            raise RuntimeError("a bad fixture")

        def untrue():
            assert False, "in a fixture"

        @with_setup(bad)
        def test_bad_setup():
            pass

        @with_setup(untrue)
        def test_untrue_setup():
            pass

        @with_setup(fine, bad)
        def test_bad_teardown():
            pass

        class TestSetup:
            def setup(self):
                raise RuntimeError("before each")

            def test_one(self):
                pass

            def test_two(self):
                pass

        class CaseSetup(unittest.TestCase):
            def setUp(self):
                {}["x"]

            def test_it(self):
                pass

        class CaseTeardown(unittest.TestCase):
            def tearDown(self):
                {}["x"]

            def test_it(self):
                pass

        class CaseCleanup(unittest.TestCase):
            def test_it(self):
                self.addCleanup(bad)
        """,
    "test_fixture_both.py": """\
        class TestBoth:
            def teardown(self):
                raise RuntimeError("after")

            def test_fails_and_then_cannot_tear_down(self):
                assert False, "first"
        """,
    "test_class_fixtures.py": """\
        import unittest

        class TestSetup:
            @classmethod
            def setup_class(cls):
                raise RuntimeError("no class")

            def test_a(self):
                pass

            def test_b(self):
                pass

        class TestTeardown:
            @classmethod
            def teardown_class(cls):
                raise RuntimeError("no end")

            def test_a(self):
                pass

        class CaseSetup(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise RuntimeError("no class")

            def test_a(self):
                pass

        class CaseTeardown(unittest.TestCase):
            @classmethod
            def tearDownClass(cls):
                raise RuntimeError("no end")

            def test_a(self):
                pass
        """,
    "test_no_object.py": """\
        class TestInit:
            def __init__(self):
                raise RuntimeError("no object")

            def test_a(self):
                pass
        """,
    "test_module_setup.py": """\
        def setup_module():
            raise RuntimeError("no module")

        def test_a():
            pass

        def test_b():
            pass
        """,
    "test_module_teardown.py": """\
        def teardown_module():
            raise RuntimeError("no end")

        def test_a():
            pass
        """,
    "pkg_setup/__init__.py": "def setup_package():\n    raise RuntimeError('no package')\n",
    "pkg_setup/test_in.py": "def test_a():\n    pass\n",
    "pkg_teardown/__init__.py": "def teardown_package():\n    raise RuntimeError('no end')\n",
    "pkg_teardown/test_in.py": "def test_a():\n    pass\n",
    "pkg_good/__init__.py": "ready = []\n\ndef setup_package():\n    ready.append(1)\n",
    "pkg_good/test_in.py": "import pkg_good\n\ndef test_a():\n    assert pkg_good.ready == [1]\n",
    "test_pkg/__init__.py": "def test_in_init():\n    assert 0, 'in the package'\n",
    "test_pkg/test_in.py": "def test_a():\n    pass\n",

    "test_import.py": "import no_such_module\n\ndef test_a():\n    pass\n",
    "test_syntax.py": "def test_a(:\n",
    "test_untrue.py": "assert 1 == 2, 'at the top'\n\ndef test_a():\n    pass\n",

    "test_skip.py": """\
        import unittest
        from nose import SkipTest

        def test_raises():
            raise SkipTest("why")

        def test_unittest_raises():
            raise unittest.SkipTest("why")

        @unittest.skip("function")
        def test_decorated():
            pass

        def test_generator():
            for number in 1, 2:
                yield check, number

        def check(number):
            if number == 2:
                raise SkipTest("two")

        def test_in_setup():
            pass

        def skips():
            raise SkipTest("setup")

        test_in_setup.setup = skips

        class Case(unittest.TestCase):
            @unittest.skip("always")
            def test_always(self):
                pass

            @unittest.skipIf(True, "if")
            def test_if(self):
                pass

            @unittest.skipUnless(False, "unless")
            def test_unless(self):
                pass

            def test_call(self):
                self.skipTest("called")

            def test_runs(self):
                pass

        @unittest.skip("class")
        class SkippedCase(unittest.TestCase):
            def test_a(self):
                pass

            def test_b(self):
                pass

        class CaseSetup(unittest.TestCase):
            def setUp(self):
                raise SkipTest("setUp")

            def test_a(self):
                pass

        class CaseClass(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise SkipTest("setUpClass")

            def test_a(self):
                pass
        """,
    "test_skip_module.py": "from nose import SkipTest\nraise SkipTest('whole')\n\ndef test_a():\n    pass\n",
    "test_skip_setup.py": """\
        from nose import SkipTest

        def setup_module():
            raise SkipTest("module")

        def test_a():
            pass
        """,
    "test_deprecated.py": """\
        from nose import DeprecatedTest

        def test_old():
            raise DeprecatedTest("old")
        """,
    # An error class of a plugin that is installed as `setup.py develop` would do it.
    "todo.py": """\
        from nose.plugins.errorclass import ErrorClass, ErrorClassPlugin

        class TodoError(Exception):
            pass

        class Todo(ErrorClassPlugin):
            enabled = True
            todo = ErrorClass(TodoError, label="TODO", isfailure=False)

            def options(self, parser, env):
                pass

            def configure(self, options, conf):
                pass
        """,
    "todo.egg-info/PKG-INFO": "Metadata-Version: 1.0\nName: todo\nVersion: 1.0\n",
    "todo.egg-info/entry_points.txt": "[nose.plugins.0.10]\ntodo = todo:Todo\n",
    "test_todo.py": """\
        from todo import TodoError

        def test_todo():
            raise TodoError("later")
        """,

    "test_generators.py": """\
        def check(a, b=None):
            assert a != 2

        def test_gen():
            yield check, 1
            yield check, 2
            yield check, 3, "x"

        def test_same():
            yield check, 1
            yield check, 1

        class TestGen:
            def test_method(self):
                for number in 1, 2:
                    yield self.check, number

            def check(self, number):
                assert number == 1

        def test_breaks():
            yield check, 1
            raise RuntimeError("midway")

        def test_lambda():
            yield lambda: None

        def test_string():
            yield "check", 1

        class Thing:
            def __call__(self, number):
                pass

        def test_callable():
            yield Thing(), 5

        def test_address():
            yield check, object()

        def test_none():
            return
            yield
        """,
    "lib/__init__.py": "",
    "lib/adder.py": '''\
        """Adds.

        >>> add(1, 2)
        3
        """

        def add(a, b):
            """
            >>> add(2, 2)
            5
            """
            return a + b

        def sub(a, b):
            """
            >>> sub(3, 1)
            2
            """
            return a - b
        ''',
    "test_subtests.py": """\
        import unittest

        class Sub(unittest.TestCase):
            def test_one_fails(self):
                for number in range(3):
                    with self.subTest(number=number):
                        self.assertNotEqual(number, 1)

            def test_all_hold(self):
                with self.subTest("x"):
                    pass
        """,
    "test_expected.py": """\
        import unittest

        class Expected(unittest.TestCase):
            @unittest.expectedFailure
            def test_fails(self):
                self.fail("as expected")

            @unittest.expectedFailure
            def test_passes(self):
                pass
        """,
    "test_names.py": """\
        from nose.tools import istest, nottest, raises

        def test_a():
            assert False, "hidden by the next one"

        def test_a():
            pass

        also_a_test = test_a

        class TestX:
            def test_a(self):
                pass

        class TestY(TestX):
            pass

        @istest
        def looks_like_none():
            pass

        @nottest
        def test_is_none():
            assert 0

        class TestOff:
            __test__ = False

            def test_a(self):
                assert 0

        @raises(ValueError)
        def test_raises():
            raise ValueError

        @raises(ValueError)
        def test_raises_not():
            pass

        def test_needs_an_argument(x):
            pass

        class TestÜmlaut:
            def test_ß(self):
                assert "ü" == "x", "ü"
        """,
    "test_ünicode.py": "def test_a():\n    pass\n",
    "test_exit.py": """\
        import sys
        import unittest

        def test_exit_0():
            sys.exit(0)

        def test_exit_3():
            sys.exit(3)

        def test_after():
            pass

        class Case(unittest.TestCase):
            def test_exit(self):
                raise SystemExit("bye")
        """,
    "test_capture.py": """\
        import logging

        def test_speaks():
            print("said aloud")
            logging.getLogger("a.logger").warning("logged softly")
            assert False
        """,
    "test_empty.py": '"""No tests in here."""\n',
    "test_nothing.py": "",
    "test_executable.py": "def test_a():\n    assert 0, 'nose leaves programs alone'\n",
    "helper.py": "def helps():\n    pass\n",
}

OK, FAILURE = ("success", None), ("failure", "AssertionError")
SKIPPED, ADDRESS = ("skipped", "SkipTest"), "<object object at 0x...>"


def error(exception):
    return "error", exception


EXPECTED = {
    "test_plain.py": {
        "test_success": OK, "test_failure": FAILURE, "test_error": error("ValueError"),
        "test_own_assertion": ("failure", "MyAssertion"),
        "TestNose.test_success": OK, "TestNose.test_failure": FAILURE,
        "TestNose.test_error": error("ZeroDivisionError"),
        "Case.test_success": OK, "Case.test_failure": FAILURE, "Case.test_error": error("KeyError")},
    "test_fixtures.py": {
        "test_bad_setup": error("RuntimeError"), "test_untrue_setup": FAILURE,
        "test_bad_teardown": error("RuntimeError"),
        "TestSetup.test_one": error("RuntimeError"), "TestSetup.test_two": error("RuntimeError"),
        "CaseSetup.test_it": error("KeyError"), "CaseTeardown.test_it": error("KeyError"),
        "CaseCleanup.test_it": error("RuntimeError")},
    "test_fixture_both.py": {
        "TestBoth.test_fails_and_then_cannot_tear_down": error("RuntimeError")},
    "test_class_fixtures.py": {
        "(setup TestSetup)": error("RuntimeError"),
        "TestTeardown.test_a": OK, "(teardown TestTeardown)": error("RuntimeError"),
        "(setup CaseSetup)": error("RuntimeError"),
        "CaseTeardown.test_a": OK, "(teardown CaseTeardown)": error("RuntimeError")},
    "test_module_setup.py": {"(setup)": error("RuntimeError")},
    "test_module_teardown.py": {"test_a": OK, "(teardown)": error("RuntimeError")},
    "pkg_setup/test_in.py": {"(setup package pkg_setup)": error("RuntimeError")},
    "pkg_teardown/test_in.py": {
        "test_a": OK, "(teardown package pkg_teardown)": error("RuntimeError")},
    "pkg_good/test_in.py": {"test_a": OK},
    "test_pkg/__init__.py": {"test_in_init": FAILURE},
    "test_pkg/test_in.py": {"test_a": OK},
    "test_import.py": {"(import)": error("ModuleNotFoundError")},
    "test_syntax.py": {"(import)": error("SyntaxError")},
    "test_untrue.py": {"(import)": error("AssertionError")},
    "test_skip.py": {
        "test_raises": SKIPPED, "test_unittest_raises": SKIPPED, "test_decorated": SKIPPED,
        "test_generator(1,)": OK, "test_generator(2,)": SKIPPED, "test_in_setup": SKIPPED,
        "Case.test_always": SKIPPED, "Case.test_if": SKIPPED, "Case.test_unless": SKIPPED,
        "Case.test_call": SKIPPED, "Case.test_runs": OK,
        "SkippedCase.test_a": SKIPPED, "SkippedCase.test_b": SKIPPED,
        "CaseSetup.test_a": SKIPPED, "(setup CaseClass)": SKIPPED},
    "test_skip_module.py": {"(import)": SKIPPED},
    "test_skip_setup.py": {"(setup)": SKIPPED},
    "test_deprecated.py": {"test_old": ("skipped", "DeprecatedTest")},
    "test_todo.py": {"test_todo": ("skipped", "TodoError")},
    "test_generators.py": {
        "test_gen(1,)": OK, "test_gen(2,)": FAILURE, "test_gen(3, 'x')": OK,
        "test_same(1,)": OK, "test_same(1,) #2": OK,
        "TestGen.test_method(1,)": OK, "TestGen.test_method(2,)": FAILURE,
        "test_breaks(1,)": OK, "test_breaks": error("RuntimeError"), "test_lambda": OK,
        "test_string(1,)": OK, "test_callable(5,)": OK, "test_address(%s,)" % ADDRESS: OK},
    "lib/adder.py": {"lib.adder": OK, "add": FAILURE, "sub": OK},
    "test_subtests.py": {"Sub.test_one_fails": FAILURE, "Sub.test_all_hold": OK},
    "test_expected.py": {
        "Expected.test_fails": ("skipped", None),
        "Expected.test_passes": ("failure", "_UnexpectedSuccess")},
    "test_names.py": {
        "test_a": OK, "test_a #2": OK, "TestX.test_a": OK, "TestY.test_a": OK,
        "looks_like_none": OK, "test_raises": OK, "test_raises_not": FAILURE,
        "test_needs_an_argument": error("TypeError"), "TestÜmlaut.test_ß": FAILURE},
    "test_ünicode.py": {"test_a": OK},
    "test_exit.py": {
        "test_exit_0": error("SystemExit"), "test_exit_3": error("SystemExit"),
        "test_after": OK, "Case.test_exit": error("SystemExit")},
    "test_capture.py": {"test_speaks": FAILURE},
    "test_empty.py": {},
    "test_nothing.py": {},
    # Doctests are switched on, so a module without any is a test file without tests.
    "todo.py": {},
    "helper.py": {},
}
# nose tells no class here, so what the test is called is left open.
UNNAMED = {"test_no_object.py": [error("RuntimeError")]}

# Where we count otherwise than nose, and why: {what: ours - nose's}.
DIFFERENCES = {
    # A file that cannot be loaded is an error, whatever could not be loaded it.
    "test_untrue.py": {"failures": -1, "errors": 1},
    # One test has one outcome, the worst; nose counts this one twice.
    "test_fixture_both.py": {"failures": -1},
    # nose knows no expected failures, and unittest then tells it that they pass.
    "test_expected.py": {"skipped": 1},
}
COUNTS = ("tests", "failures", "errors", "skipped")


def nose_counts(output):
    """What nose's last lines say."""
    ran = re.search(r"^Ran (\d+) tests? in ", output, re.MULTILINE)
    last = output.rstrip().rpartition("\n")[2]
    found = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", last)}
    skipped = sum(number for name, number in found.items() if name.isupper())
    return {"tests": int(ran.group(1)), "failures": found.get("failures", 0),
            "errors": found.get("errors", 0), "skipped": skipped}


def our_counts(records):
    """The same of records. nose does not count fixtures as tests."""
    outcomes = [record["outcome"] for record in records]
    return {"tests": sum(not re.match(r"\((setup|teardown)", record["test"]) for record in records),
            "failures": outcomes.count("failure"), "errors": outcomes.count("error"),
            "skipped": outcomes.count("skipped")}


def plus(counts, more):
    return {name: counts[name] + more.get(name, 0) for name in COUNTS}


class Outcomes(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if PYTHON is None:
            raise unittest.SkipTest("no interpreter here has nose")
        cls.house = House(FILES)
        cls.addClassCleanup(cls.house.close)
        os.chmod(cls.house.path("test_executable.py"), 0o755)
        cls.status = cls.house.wait(code=1)
        cls.records = cls.house.records("results", "--json")
        cls.files = {record["file"]: record for record in cls.house.records("files", "--json")}

    def of(self, file):
        return [record for record in self.records if record["file"] == file]

    def nose(self, *arguments):
        done = subprocess.run([PYTHON, "-B", "-m", "nose", *arguments], cwd=self.house.root,
                              env=self.house.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True)
        return nose_counts(done.stdout)

    def test_each_test_has_its_outcome(self):
        for file, tests in EXPECTED.items():
            with self.subTest(file=file):
                records = self.of(file)
                self.assertEqual({r["test"]: (r["outcome"], r["exception"]) for r in records}, tests)
                self.assertEqual(len(records), len(tests))
        for file, outcomes in UNNAMED.items():
            with self.subTest(file=file):
                self.assertEqual([(r["outcome"], r["exception"]) for r in self.of(file)], outcomes)

    def test_no_other_file_is_a_test_file(self):
        self.assertEqual(set(self.files), set(EXPECTED) | set(UNNAMED))

    def test_the_red_ones_say_why(self):
        for record in self.records:
            with self.subTest(file=record["file"], test=record["test"]):
                self.assertEqual(record["report"] is None, record["outcome"] == "success")
                if record["outcome"] in ("failure", "error"):
                    self.assertIn(record["exception"], record["report"])

    def test_a_report_is_what_nose_prints(self):
        report = self.of("test_capture.py")[0]["report"]
        self.assertIn("File \"%s\", line 6, in test_speaks" % self.house.path("test_capture.py"), report)
        self.assertIn(">> begin captured stdout <<", report)
        self.assertIn("said aloud", report)
        self.assertIn(">> begin captured logging <<", report)
        self.assertIn("a.logger: WARNING: logged softly", report)

    def test_both_reasons_of_a_twofold_failure_are_told(self):
        report = self.of("test_fixture_both.py")[0]["report"]
        self.assertIn("AssertionError: first", report)
        self.assertIn("RuntimeError: after", report)

    def test_a_file_has_its_worst_outcome(self):
        rank = ["success", "skipped", "failure", "error"]
        for file, record in self.files.items():
            outcomes = [r["outcome"] for r in self.of(file)]
            with self.subTest(file=file):
                red = [outcome for outcome in outcomes if outcome in ("failure", "error")]
                self.assertEqual(record["outcome"] in ("failure", "error"), bool(red))
                if red:
                    self.assertEqual(record["outcome"], max(red, key=rank.index))
                self.assertEqual(record["tests"], len(outcomes))
                self.assertEqual(record["state"], "current")
        self.assertEqual(self.files["test_empty.py"]["outcome"], "success")
        self.assertEqual(self.files["test_nothing.py"]["outcome"], "success")

    def test_stats_are_the_counts_of_the_results(self):
        outcomes = [record["outcome"] for record in self.records]
        self.assertEqual(self.status["stats"], {
            "tests": len(outcomes), "successes": outcomes.count("success"),
            "failures": outcomes.count("failure"), "errors": outcomes.count("error"),
            "skipped": outcomes.count("skipped"), "to_be_run": 0})

    def test_each_file_counts_as_with_nose(self):
        for file in self.files:
            with self.subTest(file=file):
                self.assertEqual(our_counts(self.of(file)),
                                 plus(self.nose(file), DIFFERENCES.get(file, {})))

    def test_the_project_counts_as_with_nose(self):
        theirs = self.nose()
        for difference in DIFFERENCES.values():
            theirs = plus(theirs, difference)
        self.assertEqual(our_counts(self.records), theirs)
        self.assertGreater(min(theirs.values()), 10)


if __name__ == "__main__":
    main()
