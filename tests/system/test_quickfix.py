"""results --format quickfix: the failing line of the project's own code, whatever the framework's reports look like."""

import json
import unittest

from house import House, interpreter_with, main

FILES = {
    "pkg/__init__.py": "",
    "pkg/deep.py": """\
        import json

        def parse(text):
            return json.loads(text)
        """,
    "test_x.py": """\
        import unittest
        from pkg.deep import parse

        class TestX(unittest.TestCase):
            def test_eq(self):
                print('test_x.py:77: printed')
                print('  File "test_x.py", line 78, in printed')
                print("AssertionError: printed")
                self.assertEqual(1, 2)

            def test_deep(self):
                parse("{")

            def test_chain(self):
                try:
                    parse("[")
                except ValueError as error:
                    raise KeyError("b") from error
        """,
    "test_y.py": "import nothing_there\n",
    "test_z.py": "def f(:\n",
}
EXPECTED = [
    "pkg/deep.py:4: TestX.test_deep: json.decoder.JSONDecodeError: Expecting property name enclosed in "
    "double quotes: line 1 column 2 (char 1)",
    "test_x.py:18: TestX.test_chain: KeyError: 'b'",
    "test_x.py:9: TestX.test_eq: AssertionError: 1 != 2",
    "test_y.py:1: (import): ModuleNotFoundError: No module named 'nothing_there'",
    "test_z.py:1: (import): SyntaxError: invalid syntax",
]


class Quickfix(unittest.TestCase):
    def play(self, framework, *arguments, files=(), expected=()):
        python = interpreter_with(framework)
        if python is None:
            self.skipTest("no interpreter here has " + framework)
        house = House(dict(FILES, **dict(files)), 'framework = "%s"\npython = "%s"\nargs = %s\n' % (
            framework, python, json.dumps(arguments)))
        self.addCleanup(house.close)
        house.wait(code=1)
        lines = house.ctl("results", "--failed", "--format", "quickfix", code=0).stdout.splitlines()
        self.assertEqual(sorted(lines), sorted([*EXPECTED, *expected]))

    def test_nose(self):
        self.play("nose")

    def test_unittest(self):
        self.play("unittest")

    def test_unittest_with_what_was_printed(self):
        self.play("unittest", "--buffer")

    PYTEST = {"test_p.py": """\
        import pytest

        @pytest.fixture
        def broken():
            raise RuntimeError("no")

        def test_assert():
            assert [1] == [2]

        def test_fixture(broken):
            pass

        def test_missing(nobody):
            pass
        """}
    PYTEST_EXPECTED = ["test_p.py:8: test_assert: AssertionError: assert [1] == [2]",
                       "test_p.py:5: test_fixture: RuntimeError: no",
                       "test_p.py:13: test_missing: FixtureLookupError: fixture 'nobody' not found"]

    def test_pytest(self):
        for style in ("auto", "long", "short", "native"):
            with self.subTest(style):
                self.play("pytest", "--tb=" + style, files=self.PYTEST, expected=self.PYTEST_EXPECTED)


if __name__ == "__main__":
    main()
