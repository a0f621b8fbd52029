"""Tests that executed what changed come before the others: the rules, and each framework in a host."""

import itertools
import os
import random
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from host_process import Host, Project, other_pythons, python_with_nose  # noqa: E402

from sniffer_plugin.order import First, ahead  # noqa: E402


class AheadTest(unittest.TestCase):
    """A test is a word: "A.x" is in the class A, "a" in none; "a@1" has the setting 1."""

    @staticmethod
    def around(test):
        return test.partition("@")[0].split(".")[:-1]

    @staticmethod
    def setting(test):
        return test.partition("@")[2]

    def ahead(self, tests, *first):
        return " ".join(ahead(tests.split(), lambda test: test in first, self.around,
                              self.setting))

    def test_what_comes_first_and_what_it_takes_along(self):
        for tests, first, expected in (
                ("a b c", "", "a b c"),
                ("a b c", "c", "c a b"),
                ("a b c d", "d b", "b d a c"),
                ("a A.x A.y b", "A.y", "A.y A.x a b"),
                ("A.x A.y B.x B.y", "B.y", "B.y B.x A.x A.y"),
                ("A.x A.B.x A.B.y A.y b", "A.B.y", "A.B.y A.B.x A.x A.y b"),
                ("a@1 b@1 a@2 b@2", "b@1 b@2", "b@1 a@1 b@2 a@2"),
                ("a A.x@1 A.y@2 b c", "A.y@2 c", "a A.x@1 A.y@2 c b"),
                ("a a b", "b", "b a a"),
                ("A.x A.x A.y", "A.y", "A.y A.x A.x")):
            with self.subTest(tests=tests, first=first):
                self.assertEqual(self.ahead(tests, *first.split()), expected)

    def set_up(self, tests):
        """How often something is, which is for more than one test."""
        settings = [key for key, _ in itertools.groupby(map(self.setting, tests))]
        classes = [len([key for key, _ in itertools.groupby(
            tests, lambda test: tuple(self.around(test)[:depth])) if len(key) == depth])
            for depth in (1, 2)]
        return [len(settings), *classes]

    def test_nothing_is_set_up_more_often_and_nothing_is_lost(self):
        chance = random.Random(1)
        words = [inside + letter + at for inside in ("", "", "A.", "B.", "A.C.")
                 for letter in "xyz" for at in ("", "@1", "@2")]
        for _ in range(3000):
            tests = [chance.choice(words) for _ in range(chance.randrange(12))]
            if chance.random() < 0.5:
                tests.sort(key=self.around)
            first = set(chance.sample(tests, len(tests) // 3))
            after = ahead(tests, first.__contains__, self.around, self.setting)
            self.assertEqual(sorted(after), sorted(tests))
            for before, now in zip(self.set_up(tests), self.set_up(after)):
                self.assertLessEqual(now, before, (tests, first, after))

    def test_those_that_share_a_name_move_together(self):
        first = First(["test_a #2", "T.test_b"])
        self.assertTrue(first and "test_a" in first and "T.test_b" in first)
        self.assertNotIn("test_b", first)
        self.assertFalse(First([]))


SOURCE = """
    def one(): return 1
    def two(): return 2
    class C:
        def three(self): return 3
    """
PLAIN = """
    import m
    def test_one(): m.one()
    def test_two(): m.two()
    class TestC:
        def test_x(self): m.one()
        def test_three(self): m.C().three()
    """


class OrderCase(unittest.TestCase):
    FRAMEWORK = ""

    def pythons(self):
        raise NotImplementedError

    def setUp(self):
        self.project = Project()
        self.addCleanup(self.project.remove)

    def each_host(self, text, *args):
        self.project.write("m.py", SOURCE)
        self.project.write("test_it.py", text)
        for python in self.pythons():
            host = Host(self.project, python, args, framework=self.FRAMEWORK).ready()
            self.addCleanup(host.close)
            yield host

    def expect_order(self, text, *cases, args=()):
        """CASES: (first, the order that is run, what was set up)."""
        for host in self.each_host(text, *args):
            before = None
            for first, names, set_up in cases:
                run = host.run("test_it.py", first=first)
                told = re.findall(r"set up (\w+)", host.printed)
                self.assertEqual((list(run.results), told), (names, set_up),
                                 (host.first["python"], host.printed))
                before = before or run.outcomes
                self.assertEqual(run.outcomes, before)
                self.assertTrue(run.done)

    def expect_tested(self, text, *tests):
        """TESTS: those of one(), of two() and of C.three()."""
        expected = {test: ran for ran, some in zip(("03", "05", "09"), tests) for test in some}
        for host in self.each_host(text, "--order", "changed-first"):
            self.assertIn(["order", "changed-first"], host.first["environment"])
            run = host.run("test_it.py")
            told = [r for r in run.reports if r["report"] == "tested"]
            self.assertEqual(sorted(r["path"] for r in told), ["m.py", "test_it.py"])
            [entry] = host.blocks("m.py")
            self.assertEqual(entry["keys"], ["<module>", "one", "two", "C.three"])
            self.assertEqual([dict(r["tests"]) for r in told if r["path"] == "m.py"], [expected],
                             host.first["python"])
            [ran] = {r["ran"] for r in run.stream if r.get("path") == "m.py" and "ran" in r}
            self.assertEqual(ran, "0f")  # of the file as a whole
        for host in self.each_host(text):
            self.assertNotIn("order", dict(host.first["environment"]))
            run = host.run("test_it.py")
            self.assertEqual([r for r in run.reports if r["report"] == "tested"], [])


class NoseTest(OrderCase):
    FRAMEWORK = "nose"

    def pythons(self):
        python = python_with_nose()
        if python is None:
            self.skipTest("no interpreter with nose here")
        return [python]

    def test_each_test_is_told_with_what_it_executed(self):
        self.expect_tested(PLAIN, ["test_one", "TestC.test_x"], ["test_two"], ["TestC.test_three"])

    def test_classes_stay_together_and_generators_behind(self):
        self.expect_order(
            """
            import unittest
            def setup_module(): print("set up module")
            class TestA:
                @classmethod
                def setup_class(cls): print("set up A")
                def test_1(self): pass
                def test_2(self): pass
            class B(unittest.TestCase):
                @classmethod
                def setUpClass(cls): print("set up B")
                def test_1(self): pass
                def test_2(self): pass
            def check(value): pass
            def test_gen():
                yield check, 1
                yield check, 1
            def test_z(): pass
            """,
            ([], ["B.test_1", "B.test_2", "TestA.test_1", "TestA.test_2", "test_gen(1,)",
                  "test_gen(1,) #2", "test_z"], ["module", "B", "A"]),
            (["TestA.test_2", "test_z"],
             ["TestA.test_2", "TestA.test_1", "test_z", "B.test_1", "B.test_2", "test_gen(1,)",
              "test_gen(1,) #2"], ["module", "A", "B"]),
            (["test_gen(1,) #2", "gone"],
             ["B.test_1", "B.test_2", "TestA.test_1", "TestA.test_2", "test_gen(1,)",
              "test_gen(1,) #2", "test_z"], ["module", "B", "A"]),
            args=["--arg=-s"])


class UnittestTest(OrderCase):
    FRAMEWORK = "unittest"

    def pythons(self):
        return other_pythons() or [sys.executable]

    def test_each_test_is_told_with_what_it_executed(self):
        self.expect_tested(
            """
            import unittest, m
            class A(unittest.TestCase):
                def test_one(self): m.one()
                def test_two(self): m.two()
            class B(unittest.TestCase):
                def test_x(self): m.one()
                def test_y(self): m.C().three()
            """, ["A.test_one", "B.test_x"], ["A.test_two"], ["B.test_y"])

    def test_classes_stay_together(self):
        self.expect_order(
            """
            import unittest
            def setUpModule(): print("set up module", flush=True)
            class A(unittest.TestCase):
                @classmethod
                def setUpClass(cls): print("set up A", flush=True)
                def test_1(self): pass
                def test_2(self): pass
            class B(A):
                @classmethod
                def setUpClass(cls): print("set up B", flush=True)
            """,
            ([], ["A.test_1", "A.test_2", "B.test_1", "B.test_2"], ["module", "A", "B"]),
            (["B.test_2"], ["B.test_2", "B.test_1", "A.test_1", "A.test_2"], ["module", "B", "A"]),
            (["A.test_2", "B.test_2"], ["A.test_2", "A.test_1", "B.test_2", "B.test_1"],
             ["module", "A", "B"]))

    def test_a_suite_of_its_own_stays_as_it_is(self):
        self.expect_order(
            """
            import unittest
            class A(unittest.TestCase):
                def test_1(self): pass
                def test_2(self): pass
            class Suite(unittest.TestSuite): pass
            def load_tests(loader, tests, pattern):
                return unittest.TestSuite([Suite([A("test_1"), A("test_2")])])
            """, (["A.test_2"], ["A.test_1", "A.test_2"], []))

    def test_doctests_stay_behind(self):
        self.expect_order(
            '''
            import doctest, sys, unittest
            def f():
                """
                >>> 1
                1
                """
            class A(unittest.TestCase):
                def test_1(self): pass
            def load_tests(loader, tests, pattern):
                tests.addTests(doctest.DocTestSuite(sys.modules[__name__]))
                return tests
            ''', (["test_it.f"], ["A.test_1", "test_it.f"], []))


class PytestTest(OrderCase):
    FRAMEWORK = "pytest"

    def pythons(self):
        found = [python for python in ["/usr/bin/python3", *other_pythons()]
                 if os.path.exists(python) and subprocess.call(
                     [python, "-c", "import pytest"], stderr=subprocess.DEVNULL) == 0]
        if not found:
            self.skipTest("no interpreter with pytest here")
        return found

    def test_each_test_is_told_with_what_it_executed(self):
        self.expect_tested(PLAIN, ["test_one", "TestC.test_x"], ["test_two"], ["TestC.test_three"])

    def test_fixtures_of_classes_and_modules_are_set_up_once(self):
        self.expect_order(
            """
            import pytest, unittest
            @pytest.fixture(scope="module", autouse=True)
            def around(): print("set up module")
            @pytest.fixture(scope="class")
            def shared(): print("set up shared")
            def test_a(): pass
            class TestX:
                def test_1(self, shared): pass
                def test_2(self, shared): pass
            class Y(unittest.TestCase):
                @classmethod
                def setUpClass(cls): print("set up Y")
                def test_1(self): pass
                def test_2(self): pass
            def test_b(): pass
            """,
            ([], ["test_a", "TestX.test_1", "TestX.test_2", "Y.test_1", "Y.test_2", "test_b"],
             ["module", "shared", "Y"]),
            (["Y.test_2", "TestX.test_2", "test_b"],
             ["TestX.test_2", "TestX.test_1", "Y.test_2", "Y.test_1", "test_b", "test_a"],
             ["module", "shared", "Y"]), args=["--arg=-s"])

    def test_nothing_passes_another_parameter_of_a_fixture_that_several_share(self):
        self.expect_order(
            """
            import pytest
            @pytest.fixture(scope="module", params=[1, 2])
            def shared(request): print("set up shared%d" % request.param)
            def test_a(shared): pass
            @pytest.mark.parametrize("x", [1, 2])
            def test_b(shared, x): pass
            """,
            ([], ["test_a[1]", "test_b[1-1]", "test_b[1-2]", "test_a[2]", "test_b[2-1]",
                  "test_b[2-2]"], ["shared1", "shared2"]),
            (["test_b[1-2]", "test_b[2-2]"],
             ["test_b[1-2]", "test_a[1]", "test_b[1-1]", "test_b[2-2]", "test_a[2]",
              "test_b[2-1]"], ["shared1", "shared2"]), args=["--arg=-s"])

    def test_doctests_stay_behind(self):
        self.expect_order(
            '''
            def f():
                """
                >>> 1
                1
                """
            def test_a(): pass
            def test_b(): pass
            ''', (["test_it.f", "test_b"], ["test_b", "test_a", "test_it.f"], []),
            args=["--arg=--doctest-modules"])


if __name__ == "__main__":
    unittest.main()
