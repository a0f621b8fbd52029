"""Block fingerprints: what changes a block and what does not.

The cases below run under every interpreter from 3.8 on that is here, each in a process of its own;
which versions are not here is said as a skipped test.
"""

import os
import subprocess
import sys
import types
import unittest
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "python_plugin"))
sys.path.insert(0, os.path.join(HERE, "support"))
from block_texts import BASE, SUBJECT, compiled, difference  # noqa: E402
from each_python import load_tests_of  # noqa: E402
from sniffer_plugin import blocks  # noqa: E402

VERSION = sys.version_info[:2]
MODULE = blocks.MODULE

# What is edited: (before, after, the digests that must change, those that may change as well).
M = MODULE
EDITS = {
    "blank lines and a comment above": ("import os", "\n\n# c\nimport os", "", ""),
    "a comment behind": ("x = a + 1", "x = a + 1  # why", "", ""),
    "a call over two lines": ("x = a + 1", "x = (a +\n         1)", "", ""),
    "parentheses": ("return x", "return (x)", "", ""),
    "a comment in a class body": ("    attr = 1", "    # here\n\n    attr = 1", "", ""),
    "quotes": ('"x"', "'x'", "", ""),
    "a number's spelling": ("a + 1", "a + 0x1", "", ""),
    "the order in a frozenset": ('{"x", "y"}', '{"y", "x"}', "", "many"),
    "a local variable's annotation": ("x = a + 1", "x: int = a + 1", "", ""),
    "body": ("x = a + 1", "x = a + 2", "f", ""),
    "int becomes float": ("x = a + 1", "x = a + 1.0", "f", ""),
    "int becomes bool": ("x = a + 1", "x = a + True", "f", ""),
    "float's sign": ("x = a + 1", "x = a + 0.0 * -1.5", "f", ""),
    "operator": ("x = a + 1", "x = a - 1", "f", ""),
    "local renamed": ("x = a + 1\n    return x", "y = a + 1\n    return y", "f", ""),
    "unused import in a function": ("x = a + 1", "import os; x = a + 1", "f", ""),
    "global read": ("(i for i in v), K", "(i for i in v), os", "many", ""),
    "member of a frozenset": ('"y"', '"z"', "many", ""),
    "frozenset becomes tuple": ('{"x", "y"}', '("x", "y")', "many", ""),
    "generator expression": ("(i for i in v)", "(not i for i in v)", "many", ""),
    "comprehension": ("i for i in range(3)", "i for i in range(4)", "g", ""),
    "comprehension's kind": ("[i for i in range(3)]", "{i for i in range(3)}", "g", ""),
    "finally": ("        K\n", "        os\n", "fin", ""),
    "try goes": ("    try:\n        return 1\n    finally:\n        K", "    return 1", "fin", ""),
    "method": ("def m(self): return 1", "def m(self): return 9", "C.m", ""),
    "method of an inner class": ("def m(self): return 3", "def m(self): return 9", "C.D.m", ""),
    "function in a method": ("def inner(): return 2", "def inner(): return 3",
                             "C.n.<locals>.inner", ""),
    "lambda": ("q + 1", "q + 2", "<lambda>", ""),
    "module docstring": ("mod doc", "Mod doc", M, ""),
    "function docstring": ("doc f", "Doc f", M, "f"),
    "docstring goes": ('    """doc f"""\n', "", M, "f"),
    "docstring comes": ("def g():\n", 'def g():\n    "doc"\n', M, "g"),
    "docstring of an inner function": ("def inner(): return 2", "def inner(): 'doc'; return 2",
                                       "C.n", "C.n.<locals>.inner"),
    "class docstring": ("cdoc", "Cdoc", M, ""),
    "default": ("b=1", "b=3", M, ""),
    "default of a keyword": ("c=2", "c=4", M, ""),
    "default's type": ("b=1", "b=True", M, ""),
    "argument renamed": ("a, b=1", "z, b=1", M + " f", ""),
    "argument becomes keyword": ("a, b=1, *, c=2", "a, *, b=1, c=2", M + " f", ""),
    "argument becomes positional": ("a, b=1", "a, /, b=1", M + " f", ""),
    "rest arguments": ("def g()", "def g(*r)", M + " g", ""),
    "annotation": ("-> int", "-> str", M, ""),
    "decorator goes": ("@deco\n", "", M, ""),
    "decorator with an argument": ("@deco\n", "@(deco, 1)[0]\n", M, ""),
    "class attribute": ("attr = 1", "attr = 2", M, ""),
    "base class": ("C(object)", "C(Exception)", M, ""),
    "metaclass": ("C(object)", "C(object, metaclass=type)", M, ""),
    "method comes": ("    def m(self)", "    def k(self): pass\n    def m(self)", M + " C.k", ""),
    "method goes": ("    def m(self): return 1\n", "", M + " C.m", ""),
    "method renamed": ("def n(self)", "def p(self)",
                       M + " C.n C.p C.n.<locals>.inner C.p.<locals>.inner", ""),
    "module constant": ("K = 5", "K = 6", M, ""),
    "module constant's type": ("K = 5", "K = 5.0", M, ""),
    "import": ("import os", "import os as K", M, ""),
    "becomes a generator": ("return (1)", "yield (1)", M + " gen", ""),
    "becomes a coroutine": ("def gen", "async def gen", M + " gen", ""),
    "becomes an asynchronous generator": ("def gen(): return (1)", "async def gen(): yield (1)",
                                          M + " gen", ""),
    "method closes over its class": ("def m(self): return 1", "def m(self): return super()",
                                     M + " C.m", ""),
    "closes over a variable": ("return 7", "return w", "closes closes.<locals>.user", ""),
    "closes over another": ("return 7", "return (v, w)", "closes closes.<locals>.user", ""),
    "global in a function": ("return [i", "global K; K = 9; return [i", M + " g", ""),
    "what it closes over is renamed": (
        "kept = v\n    def user(): return kept", "held = v\n    def user(): return held",
        "cell cell.<locals>.user", ""),
    "nonlocal": ("return 7", "nonlocal w; w = 7", "closes closes.<locals>.user", ""),
    "function comes": ("h = lambda", "def zz(): pass\nh = lambda", M + " zz", ""),
    "function of the same name comes": ("h = lambda", "def g(): pass\nh = lambda", M + " g#2", ""),
    "order of two functions": ("def gen(): return (1)\n", "", M + " gen", ""),
    "from __future__": ("import os", "from __future__ import annotations\nimport os",
                        M + " f", "deco g h gen <lambda> closes closes.<locals>.user cell "
                        "cell.<locals>.user many fin "
                        "C.m C.n C.D.m C.n.<locals>.inner"),
}
if VERSION < (3, 9):
    # Here decorators have a grammar of their own, and a set in `in` is a frozenset all the same.
    EDITS["decorator with an argument"] = ("@deco\n", "@deco\n@deco\n", M, "")

# (the first interpreter with it, source, before, after, the digests that must change)
NEW_EDITS = [
    ((3, 10), "def f(v):\n    match v:\n        case {'a': 1}: return 2\n",
     "{'a': 1}", "{'b': 1}", {"f"}),
    ((3, 11), "def f(v):\n    try: v()\n    except* OSError: v\n", "except*", "except", {"f"}),
    ((3, 12), "def f[T](a: T) -> T: return a\n", "f[T]", "f[T: int]",
     {M, "<generic parameters of f>.<locals>.T"}),
    ((3, 12), "def f[T](a: T) -> T: return a\n", "return a", "return [a]",
     {"<generic parameters of f>.<locals>.f"}),
    ((3, 12), "class C[T]:\n    def m(self): return 1\n", "return 1", "return 2",
     {"<generic parameters of C>.<locals>.C.m"}),
    ((3, 12), "class C[T]:\n    x = 1\n", "x = 1", "x = 2", {M}),
    ((3, 12), "type X = int\n", "int", "str", {"X"}),
    ((3, 14), "def f(a: int): return a\n", "int", "str", {M}),
    ((3, 14), "class C:\n    a: int\n", "int", "str", {M}),
    ((3, 14), "def f():\n    def g(a: int): return a\n", "int", "str", {"f"}),
    ((3, 14), "def f(v): return v[1:2]\n", "1:2", "1:3", {"f"}),
    ((3, 14), "def f(v): return t'{v}'\n", "{v}", "{v!r}", {"f"}),
]


class EditTest(unittest.TestCase):
    def check(self, source, before, after, must, may):
        self.assertIn(before, source)
        told = difference(blocks.fingerprints(source),
                          blocks.fingerprints(source.replace(before, after, 1)))
        self.assertLessEqual(set(must), told, "must change")
        self.assertLessEqual(told, set(must) | set(may), "may not change")

    def test_an_edit_changes_the_blocks_that_it_should_and_no_others(self):
        for title, (before, after, must, may) in EDITS.items():
            with self.subTest(title):
                self.check(BASE, before, after, must.split(), may.split())

    def test_newer_grammar(self):
        for since, source, before, after, must in NEW_EDITS:
            if VERSION >= since:
                with self.subTest(source=source, after=after):
                    self.check(source, before, after, must, ())

    def test_a_changed_order_is_a_change(self):
        one, two = "def a(): return 1\n", "def b(): return 2\n"
        self.assertEqual(difference(blocks.fingerprints(one + two),
                                    blocks.fingerprints(two + one)), {MODULE})

    def test_constants_that_python_calls_equal_are_told_apart(self):
        values = ["1", "1.0", "True", "1+0j", "'1'", "b'1'", "(1,)", "(1.0,)", "(True,)", "0.0",
                  "-0.0", "0", "None", "...", "()", "''", "b''", "False", "('set', 1)",
                  "x in {1}", "x in {1.0}", "x in {True}", "x in (1,)", "x in {(1,)}",
                  "x in {(1.0,)}", "x in {'a'}", "x in {b'a'}", "'\\ud800'", "'\\ud801'",
                  "1e308 * 10", "-(1e308 * 10)", "10**30", "10.0**30"]
        told = {value: blocks.fingerprints("def f(x): return " + value)["f"] for value in values}
        self.assertEqual(len(set(told.values())), len(values))

    def test_each_of_two_lambdas_on_one_line_is_a_block(self):
        old = blocks.fingerprints("h = [lambda: 1, lambda: 2]")
        self.assertEqual(set(old), {MODULE, "<lambda>", "<lambda>#2"})
        self.assertEqual(difference(old, blocks.fingerprints("h = [lambda: 1, lambda: 3]")),
                         {"<lambda>#2"})

    def test_each_of_two_functions_of_one_name_is_a_block(self):
        text = "if K:\n    def f(): return lambda: 1\nelse:\n    def f(): return lambda: 2\n"
        old = blocks.fingerprints(text)
        self.assertEqual(set(old), {MODULE, "f", "f#2", "f.<locals>.<lambda>",
                                    "f#2.<locals>.<lambda>"})
        self.assertEqual(difference(old, blocks.fingerprints(text.replace("2", "3"))),
                         {"f#2.<locals>.<lambda>"})

    def test_a_lambda_that_comes_in_one_function_renumbers_none_in_another(self):
        text = "def f(): return 1\ndef f(): return lambda: 2\n"
        told = difference(blocks.fingerprints(text),
                          blocks.fingerprints(text.replace("return 1", "return lambda: 1")))
        self.assertEqual(told, {"f", "f.<locals>.<lambda>"})

    def test_a_class_may_have_more_constants_than_a_byte_counts(self):
        body = "".join("    a%d = %d.5\n    def m%d(self): self.x = %d\n" % (i, i, i, i)
                       for i in range(300))
        for lines in (0, 100, 255, 256, 300, 70000):
            shifted = "\n" * lines + "class C:\n" + body
            self.assertEqual(blocks.fingerprints("class C:\n" + body),
                             blocks.fingerprints(shifted), lines)
        self.assertEqual(difference(blocks.fingerprints("class C:\n" + body),
                                    blocks.fingerprints("class C:\n" + body.replace(
                                        "= 299.5", "= 299.75"))), {MODULE})

    def test_a_line_number_may_equal_a_number_of_the_program(self):
        text = "class C:\n    a, b = 3, 300\n    def m(self): return 1\n"
        old = blocks.fingerprints(text)
        for lines in (1, 2, 3, 253, 254, 255, 256, 298, 299, 300):
            self.assertEqual(old, blocks.fingerprints("\n" * lines + text), lines)
        for number in ("4", "301"):
            self.assertEqual(difference(old, blocks.fingerprints("\n\n" + text.replace(
                number[:-1] + str(int(number[-1]) - 1), number))), {MODULE})

    def test_what_methods_set_on_self_can_be_seen_from_3_13_on(self):
        old = "class C:\n    def m(self): self.a = self.b = 1\n"
        told = difference(blocks.fingerprints(old),
                          blocks.fingerprints(old.replace("self.b", "self.c")))
        self.assertEqual(told, {"C.m", MODULE} if VERSION >= (3, 13) else {"C.m"})
        swapped = difference(blocks.fingerprints(old), blocks.fingerprints(
            old.replace("self.a = self.b", "self.b = self.a")))
        self.assertEqual(swapped, {"C.m"})

    def test_the_line_number_is_the_compilers_and_no_other(self):
        old = "class C:\n    __firstlineno__ = 7\n    x = 1\n"
        self.assertEqual(difference(blocks.fingerprints(old), blocks.fingerprints(
            old.replace("7", "8"))), {MODULE})

    def test_what_an_exception_may_reach_is_seen(self):
        code = compiled("def f():\n    try: g()\n    except OSError: pass\n")
        field = "co_exceptiontable" if VERSION >= (3, 11) else "co_code"
        other = code.replace(co_consts=tuple(
            c.replace(**{field: b"\0\0"}) if isinstance(c, types.CodeType) else c
            for c in code.co_consts))
        self.assertEqual(difference(blocks.fingerprints(code), blocks.fingerprints(other)), {"f"})

    def test_a_tuple_of_the_programs_own_keeps_its_order(self):
        old = "class C:\n    t = ('b', 'a')\n    def m(self): self.b = self.a = 1\n"
        self.assertEqual(difference(blocks.fingerprints(old), blocks.fingerprints(
            old.replace("('b', 'a')", "('a', 'b')"))), {MODULE})


class ChangedTest(unittest.TestCase):
    OLD = {MODULE: b"m", "f": b"1", "f.<locals>.g": b"2", "C.m": b"3", "C.m.<locals>.g": b"4"}

    def changed(self, executed, **new):
        new = {key.replace("__", "."): value for key, value in new.items()}
        return blocks.changed(self.OLD, {**self.OLD, **new}, executed)

    def test_nothing_changed(self):
        self.assertEqual(self.changed(set(self.OLD)), [])

    def test_an_executed_block_counts_and_another_does_not(self):
        self.assertEqual(self.changed({"f"}, f=b"x"), ["f"])
        self.assertEqual(self.changed({"f"}, C__m=b"x"), [])

    def test_the_module_always_counts(self):
        self.assertEqual(self.changed(set(), **{MODULE: b"x"}), [MODULE])

    def test_what_encloses_an_executed_block_counts(self):
        self.assertEqual(self.changed({"f.<locals>.g"}, f=b"x"), ["f"])
        self.assertEqual(self.changed({"C.m.<locals>.g"}, C__m=b"x"), ["C.m"])
        self.assertEqual(self.changed({"f"}, **{"f.<locals>.g": b"x"}), [])

    def test_a_block_that_is_gone_or_never_was_does_not_hold(self):
        self.assertEqual(blocks.changed(self.OLD, {MODULE: b"m"}, {"f"}), ["f"])
        self.assertEqual(blocks.changed({MODULE: b"m"}, self.OLD, {"f"}), ["f"])
        self.assertEqual(blocks.changed(self.OLD, {}, set()), [MODULE])
        self.assertEqual(blocks.changed({}, {}, set()), [MODULE])

    def test_keys_that_came_do_not_matter(self):
        self.assertEqual(blocks.changed(self.OLD, {**self.OLD, "new": b"n"}, {"f"}), [])


class PlaceTest(unittest.TestCase):
    def places(self, text):
        return blocks.read(text).places

    def name(self, qualified):
        return qualified if VERSION >= (3, 11) else qualified.rpartition(".")[2]

    def test_all_candidates_on_one_line_count(self):
        places = self.places("h = [lambda: 1, lambda: 2]; g = lambda: 3\n")
        self.assertEqual(blocks.keys_of(places, [(1, "<lambda>")]),
                         {"<lambda>", "<lambda>#2", "<lambda>#3"})

    def test_unknown_code_means_the_whole_file(self):
        places = self.places("def f(): pass\n")
        self.assertEqual(blocks.keys_of(places, [(1, "f")]), {"f"})
        self.assertIsNone(blocks.keys_of(places, [(2, "f")]))
        self.assertIsNone(blocks.keys_of(places, [(1, "f"), (1, "g")]))
        self.assertEqual(blocks.keys_of(places, []), set())

    def test_class_bodies_and_comprehensions_are_their_surroundings(self):
        places = self.places("class C:\n    x = sum(i for i in (1, 2))\n"
                             "    def m(self):\n        return [i for i in (lambda: 1,)]\n")
        at = [(1, "C"), (2, self.name("C.<genexpr>")), (3, self.name("C.m"))]
        self.assertEqual(blocks.keys_of(places, at), {MODULE, "C.m"})

    def test_a_function_made_global_is_found_by_its_global_name(self):
        places = self.places("def f():\n    global g\n    def g(): pass\n")
        self.assertEqual(blocks.keys_of(places, [(3, "g")]), {"f.<locals>.g"})

    def test_each_function_of_a_loaded_module_is_found(self):
        for path, text in [("subject", SUBJECT), ("base", BASE)]:
            code = compiled(text)
            read = blocks.read(code)
            self.assertEqual({key for keys in read.places.values() for key in keys},
                             set(read.digests), path)
            stack, count = [code], 0
            while stack:
                inner = stack.pop()
                stack.extend(c for c in inner.co_consts if isinstance(c, types.CodeType))
                place = (inner.co_firstlineno, blocks.name_of(inner))
                keys = blocks.keys_of(read.places, [place])
                self.assertTrue(keys, place)
                count += 1
            self.assertGreater(count, 10)


class SelfTest(unittest.TestCase):
    def setUp(self):
        self.kept = dict(vars(blocks))
        self.addCleanup(lambda: vars(blocks).update(self.kept))

    def test_this_interpreter_is_known(self):
        self.assertIsNone(blocks.self_test())

    def test_it_is_known_without_docstrings_too(self):
        script = "import sys; sys.path[:0] = %r; from sniffer_plugin import blocks\n" \
                 "sys.exit(blocks.self_test())" % sys.path[:2]
        run = subprocess.run([sys.executable, "-B", "-OO", "-c", script], stderr=subprocess.PIPE)
        self.assertEqual((run.returncode, run.stderr), (0, b""))

    def test_a_blind_fingerprint_is_noticed(self):
        plain = blocks._interface
        cases = {
            "_docstring": lambda code: None,
            "_interface": lambda code: plain(code)[:5] + plain(code)[6:],
            "_content": lambda *_: [],
            "_runs_where_it_stands": lambda code: True,
            "_numbered": lambda name, count: name,
        }
        for name, blind in cases.items():
            with self.subTest(name):
                setattr(blocks, name, blind)
                self.assertIsInstance(blocks.self_test(), str)
                setattr(blocks, name, self.kept[name])

    @unittest.skipIf(VERSION < (3, 13), "no line numbers in class bodies")
    def test_line_numbers_in_classes_are_noticed(self):
        blocks._numbers_its_lines = lambda code: False
        self.assertIn("'<module>'", blocks.self_test())

    def test_an_interpreter_that_lost_its_attributes_is_noticed(self):
        blocks.marshal = None
        self.assertIn("AttributeError", blocks.self_test())


class TroubleTest(unittest.TestCase):
    def test_what_does_not_compile_has_no_blocks(self):
        for text in ("def f(:\n", "return 1\n", b"\xff = 1\n"):
            with self.assertRaises(SyntaxError):
                blocks.read(text)
        with self.assertRaises((SyntaxError, ValueError)):
            blocks.read("K = 1\0")

    def test_a_constant_of_an_unknown_kind_is_not_passed_over(self):
        code = compiled("K = 1.5\n")
        odd = code.replace(co_consts=tuple(object() if c == 1.5 else c for c in code.co_consts))
        with self.assertRaises(ValueError):
            blocks.read(odd)

    def test_warnings_of_the_compiler_are_neither_shown_nor_raised(self):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("error")
            blocks.read("K = '\\d'\nassert (1, 'x')\n")
        self.assertEqual(told, [])


load_tests = load_tests_of(__file__)

if __name__ == "__main__":
    unittest.main()
