"""Functions that are surrounded are what they were; under each interpreter that is here."""

import copy
import genericpath
import inspect
import linecache
import os
import pathlib
import pickle
import posixpath
import sys
import tempfile
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(os.path.dirname(HERE), "python_plugin")]
from each_python import load_tests_of  # noqa: E402
from sniffer_plugin import weak  # noqa: E402

load_tests = load_tests_of(__file__)

heard = []


def hear(event, *args):
    heard.append((event, *args))


def source(function):
    try:
        return inspect.getsource(function)
    except OSError:  # frozen into the interpreter
        return None


ORIGINAL = {function: (function.__code__, str(inspect.signature(function)), source(function),
                       function.__qualname__) for function in weak.functions()}
from os.path import exists as taken_before  # noqa: E402
weak.install(hear)


class WeakTest(unittest.TestCase):
    def setUp(self):
        del heard[:]

    def surrounded(self, times=1):
        self.assertEqual(heard, [("sniffer.weak", 1), ("sniffer.weak", -1)] * times)
        del heard[:]

    def test_what_asks_for_existence_is_surrounded(self):
        there = pathlib.Path(__file__)
        for function in (genericpath.exists, genericpath.isfile, genericpath.isdir,
                         posixpath.lexists, posixpath.islink, posixpath.ismount):
            with self.subTest(function=function.__name__):
                function(__file__)
                self.assertEqual(heard[0], ("sniffer.weak", 1))
                self.assertEqual(sum(step for _, step in heard), 0)
                del heard[:]
        for name in ("exists", "is_file", "is_dir", "is_symlink", "resolve"):
            with self.subTest(name=name):
                getattr(there, name)()
                self.assertEqual(heard[0], ("sniffer.weak", 1))
                del heard[:]
        linecache.getline(__file__, 1)
        linecache.checkcache(__file__)
        self.assertIn(("sniffer.weak", 1), heard)

    def test_what_tells_times_is_not(self):
        os.path.getmtime(__file__)
        os.path.getsize(__file__)
        os.stat(__file__)
        pathlib.Path(__file__).stat()
        self.assertEqual(heard, [])

    def test_who_took_a_function_before_has_the_same_one(self):
        self.assertIs(taken_before, os.path.exists)
        self.assertTrue(taken_before(__file__))
        self.surrounded()

    def test_answers_are_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            os.symlink("nowhere", folder + "/link")
            for path, answers in ((folder, (True, False, True, True, False)),
                                  (folder.encode(), (True, False, True, True, False)),
                                  (pathlib.Path(folder), (True, False, True, True, False)),
                                  (__file__, (True, True, False, True, False)),
                                  (folder + "/link", (False, False, False, True, True)),
                                  ("\0", (False, False, False, False, False))):
                with self.subTest(path=path):
                    self.assertEqual((os.path.exists(path), os.path.isfile(path),
                                      os.path.isdir(path), os.path.lexists(path),
                                      os.path.islink(path)), answers)
            self.assertEqual(os.path.realpath(folder + "/link"),
                             os.path.realpath(folder) + "/nowhere")
        self.assertTrue(os.path.exists(0))
        self.assertTrue(os.path.exists(path=__file__))
        self.assertTrue(os.path.ismount("/"))

    def test_an_exception_passes_and_ends_it(self):
        for path in (3.5, None, [__file__]):
            with self.assertRaises(TypeError):
                os.path.exists(path)
            self.surrounded()
        with self.assertRaises(TypeError) as caught:
            os.path.exists()
        self.assertIn("exists() missing 1 required positional argument", str(caught.exception))
        self.assertEqual(heard, [])

    def test_frames_can_be_told_from_others(self):
        try:
            os.path.exists(3.5)
        except TypeError as error:
            frames = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
        self.assertEqual([code in weak.surrounding for code in frames], [False, True, False])

    def test_they_look_as_they_did(self):
        self.assertTrue(ORIGINAL)
        for function, (code, signature, text, name) in ORIGINAL.items():
            with self.subTest(name=name):
                self.assertIsNot(function.__code__, code)
                self.assertEqual(str(inspect.signature(function)), signature)
                self.assertEqual(source(function), text)
                self.assertEqual((function.__code__.co_name, function.__code__.co_filename),
                                 (code.co_name, code.co_filename))
                self.assertEqual(function.__qualname__, name)
        self.assertIs(pickle.loads(pickle.dumps(os.path.exists)), os.path.exists)
        self.assertIs(copy.deepcopy(os.path.exists), os.path.exists)

    def test_every_shape_of_parameters_is_passed_on(self):
        space = {}
        exec("def f(a, /, b, c=3, *d, e, f=6, **g): return a, b, c, d, e, f, g\n"
             "def k(*, a=1, b): return a, b\n"
             "def n(): return 'n'\n"
             "def t(x, *, y=2, **z): raise ValueError(x)\n", space)
        f, k, n, t = (space[name] for name in "fknt")
        for function in (f, k, n, t):
            weak._surround(function, hear)
        self.assertEqual(f(1, 2, e=5), (1, 2, 3, (), 5, 6, {}))
        self.assertEqual(f(1, 2, 7, 8, 9, e=5, f=0, h=1), (1, 2, 7, (8, 9), 5, 0, {"h": 1}))
        self.assertEqual(k(b=2), (1, 2))
        self.assertEqual(n(), "n")
        self.surrounded(4)
        with self.assertRaises(ValueError):
            t(1, z=3)
        self.surrounded()

    def test_a_function_with_cells_or_one_that_waits_is_left_alone(self):
        class Owner:
            def cells(self):
                return __class__

            def waits(self):
                yield 1

            def plain(self):
                return 1

            stands = staticmethod(plain)
        names = ("cells", "waits", "plain", "stands", "none")
        self.assertEqual({function.__name__ for function in weak._functions_of(Owner, names)},
                         {"plain"})


if __name__ == "__main__":
    unittest.main()
