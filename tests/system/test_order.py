"""order = "changed-first": of the tests in a file those that executed what changed run first."""

import os
import sqlite3
import subprocess
import sys
import unittest

from house import House, main

SOURCE = """\
    def one():
        return 1

    def two():
        return 2

    def three():
        return 3
    """
# Each test writes down that it runs.
NOTE = """\
    import os, unittest
    import m

    def note(number):
        file = os.open(%r, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, b"%%d " %% number)
        os.close(file)
    """
FUNCTIONS = NOTE + """\

    def test_1():
        note(1)
        assert m.one() > 0

    def test_2():
        note(2)
        assert m.two() > 0

    def test_3():
        note(3)
        assert m.three() > 0
    """
CASES = NOTE + """\

    class Case(unittest.TestCase):
        def test_1(self):
            note(1)
            assert m.one() > 0

        def test_2(self):
            note(2)
            assert m.two() > 0

        def test_3(self):
            note(3)
            assert m.three() > 0
    """


def pythons_with(module):
    """Two that have MODULE: with sys.monitoring, and without."""
    base = os.path.expanduser("~/.pyenv/versions")
    names = sorted(os.listdir(base)) if os.path.isdir(base) else []
    found = {}
    for path in ["/usr/bin/python3", sys.executable] + [
            os.path.join(base, name, "bin", "python") for name in names]:
        try:
            told = subprocess.run(
                [path, "-c", "import sys, %s; sys.version_info >= (3, 8) or sys.exit(1); "
                             "print(sys.version_info >= (3, 12))" % module],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        found.setdefault(told.stdout, path)
    return list(found.values())


class OrderTest(unittest.TestCase):
    def play(self, framework, text, python, order="changed-first"):
        self.house = House({"m.py": SOURCE}, 'framework = "%s"\npython = "%s"\norder = "%s"\n'
                           % (framework, python, order))
        self.addCleanup(self.house.close)
        self.notes = os.path.join(self.house.base, "notes")
        self.noted = ""
        self.house.write("test_it.py", text % self.notes)
        self.expect("1 2 3")

    def expect(self, notes, code=0):
        """What ran, in this order, and with that the whole file is known."""
        status = self.house.wait(code=code)
        with open(self.notes, encoding="ascii") as file:
            before, self.noted = self.noted, file.read()
        self.assertEqual(self.noted[len(before):].strip(), notes)
        self.assertEqual((status["stats"]["tests"], status["stats"]["failures"]), (3, code))
        self.assertTrue(all(r["current"] for r in self.house.results().values()))

    def edit(self, before, after):
        self.house.write("m.py", self.house.read("m.py").replace(before, after))

    def kept(self):
        """What the index keeps for the order of tests, once the daemon is gone."""
        self.house.ctl("stop", code=0)
        with sqlite3.connect("file:%s?mode=ro" % self.house.path(".sniffer", "index.sqlite"),
                             uri=True) as index:
            return {path.decode() for path, in index.execute("SELECT path FROM tested")}


def story(framework, text, python):
    def test(self):
        self.play(framework, text, python)
        self.edit("return 3", "return 33")
        self.expect("3 1 2")
        self.edit("return 1", "return 11")  # what was executed last still counts, all of it
        self.expect("1 2 3")
        self.edit("return 2", "return 22")
        self.expect("2 1 3")
        # A failing test reads its source, so that all of it counts; and yet the order is known.
        self.edit("return 33", "return -3")
        self.expect("3 1 2", code=1)
        self.edit("return -3", "return 333")
        self.expect("3 1 2")
        text_now = self.house.read("test_it.py")
        self.house.write("test_it.py", text_now.replace("m.two() > 0", "m.two() < 0"))
        self.expect("2 1 3", code=1)
        self.house.write("test_it.py", text_now.replace("m.two() > 0", "m.two() > 1"))
        self.expect("2 1 3")
        self.assertEqual(self.kept(), {"m.py", "test_it.py"})
    return test


class Order(OrderTest):
    pass


for framework, text in (("nose", FUNCTIONS), ("pytest", FUNCTIONS), ("unittest", CASES)):
    for number, python in enumerate(pythons_with(framework)):
        setattr(Order, "test_%s_%d" % (framework, number), story(framework, text, python))


class Asked(OrderTest):
    """Only who asks for it pays for it."""

    PYTHON = (pythons_with("unittest") or [sys.executable])[0]

    def test_by_itself_the_order_is_the_file_s(self):
        self.play("unittest", CASES, self.PYTHON, "file")
        self.edit("return 3", "return 33")
        self.expect("1 2 3")
        self.assertEqual(self.kept(), set())

    def test_what_was_found_in_another_order_is_found_again_when_the_order_is_the_file_s(self):
        self.play("unittest", CASES, self.PYTHON)
        self.edit("return 3", "return 33")
        self.expect("3 1 2")
        settings = self.house.read("pyproject.toml")
        self.house.write("pyproject.toml", settings.replace("changed-first", "file"))
        self.expect("1 2 3")
        self.house.write("pyproject.toml", settings)
        self.expect("")
        self.house.write("pyproject.toml", settings.replace("changed-first", "last"))
        self.expect("")
        message = self.house.status()["message"]
        self.assertIn('order must be "file" or "changed-first", not "last"', message)


if __name__ == "__main__":
    main()
