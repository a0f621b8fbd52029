"""The oracle for a moment: fixed seeds, some thirty batches of edits; and whether it would notice."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]

import fresh  # noqa: E402
import fresh_pytest  # noqa: E402
import oracle  # noqa: E402
from house import PYTHON, interpreter_with, main  # noqa: E402

SEEDS = (7, 9)
EDITS = "15"


@unittest.skipIf(interpreter_with("pytest") is None, "no interpreter here has pytest")
class Pytest(unittest.TestCase):
    def test_no_result_is_stale_whatever_is_edited(self):
        self.assertEqual(oracle.main(["--framework", "pytest", "--seed", "45", "--edits", "5",
                                      "--tests", "3", "--quick", "--shrink", "0"]), 0)

    def test_quick_and_plain_fresh_runs_agree(self):
        files = {"tests/conftest.py": "raise ValueError(1)\n", "tests/test_a.py": "",
                 "csv.py": "", "test_b.py": "import csv\ndef test_b():\n    assert csv.reader\n",
                 "test_c.py": "import nothing\n", "linked": ("link", "tests"),
                 "test_d.py": "def test_d(absent):\n    pass\n"}
        run = oracle.Run(files, True, "pytest")
        try:
            plain, names = run.fresh.outcomes(plain=True)
            self.assertEqual(run.fresh.outcomes(), (plain, names))
            self.assertEqual(names, ["test_b.py", "test_c.py", "test_d.py", "tests/test_a.py"])
            self.assertEqual({key: value[:2] for key, value in plain.items()}, {
                ("tests/test_a.py", "(begin)"): ("error", ""),
                ("test_b.py", "test_b"): ("failure", "AttributeError"),
                ("test_c.py", "(import)"): ("error", "ModuleNotFoundError"),
                ("test_d.py", "test_d"): ("error", "FixtureLookupError")})
            self.assertEqual(run.check(), [])
        finally:
            run.close()

    def test_the_last_line_that_pytest_marks_is_what_went_wrong(self):
        text = ">       assert f() == 2\nE       assert 1 == 2\nE        +  where 1 = <f at 0x7f>()\n\n/a/t.py:3"
        self.assertEqual(fresh_pytest.last_error(text, "/a"), "+  where 1 = <f at 0x...>()")
        self.assertEqual(fresh_pytest.last_error(None, "/a"), "")


@unittest.skipIf(PYTHON is None, "no interpreter here has nose")
class Oracle(unittest.TestCase):
    def test_no_result_is_stale_whatever_is_edited(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.assertEqual(oracle.main(["--seed", str(seed), "--edits", EDITS, "--tests", "5",
                                              "--quick", "--shrink", "0"]), 0)

    def test_the_oracle_notices_a_result_that_is_not_fresh(self):
        """A clock is evidence that nobody has: the shown result is another one than the fresh one."""
        text = ("import time\ndef check(value):\n    pass\n"
                "def test_now():\n    yield check, time.time_ns()\n")
        run = oracle.Run({"test_a.py": text, "test_b.py": "def test_b():\n    pass\n"}, False)
        try:
            wrong = run.check()
            self.assertEqual(len(wrong), 2, wrong)
            self.assertTrue(all("test_a.py test_now" in line for line in wrong), wrong)
        finally:
            run.close()

    def test_quick_and_plain_fresh_runs_agree(self):
        files = {"tests/test_a.py": "import unittest\ndef test_a():\n    assert 1 == 2, 'no'\n"
                                    "class T(unittest.TestCase):\n    def test_b(self):\n"
                                    "        self.skipTest('why')\n",
                 "test_c.py": "import nothing\n",
                 "test_d.py": "def setup_module():\n    raise ValueError(1)\ndef test_d():\n    pass\n"}
        run = oracle.Run(files, True)
        try:
            plain, names = run.fresh.outcomes(plain=True)
            self.assertEqual(run.fresh.outcomes(), (plain, names))
            self.assertEqual(names, ["test_c.py", "test_d.py", "tests/test_a.py"])
            self.assertEqual({key: value[:2] for key, value in plain.items()}, {
                ("tests/test_a.py", "test_a"): ("failure", "AssertionError"),
                ("tests/test_a.py", "T.test_b"): ("skipped", ""),
                ("test_c.py", "(import)"): ("error", "ModuleNotFoundError"),
                ("test_d.py", "(setup)"): ("error", "ValueError")})
            self.assertEqual(run.check(), [])
        finally:
            run.close()

    def test_a_report_ends_with_what_went_wrong(self):
        self.assertEqual(fresh.last_line("Traceback:\n  x\nValueError: /a/b/c\n\n", "/a/b"),
                         "ValueError: ROOT/c")
        self.assertEqual(fresh.last_line(None, "/a"), "")


if __name__ == "__main__":
    main()
