"""Block fingerprints of sources that nobody chose: the library's, with noise and with mutations.

The cases below run under every interpreter from 3.8 on that is here, each in a process of its own;
which versions are not here is said as a skipped test.
"""

import ast
import hashlib
import inspect
import io
import marshal
import os
import random
import subprocess
import sys
import textwrap
import tokenize
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "python_plugin"))
sys.path.insert(0, os.path.join(HERE, "support"))
from block_texts import BASE, SUBJECT, compiled, difference, library  # noqa: E402
from each_python import load_tests_of  # noqa: E402
from sniffer_plugin import blocks  # noqa: E402

DRIVES = [
    "fact(5)", "fib(10)", "list(count(4))", "list(delegate(3))", "held('x').__enter__()",
    "Point(1).norm()", "Point(1, 2).swapped", "Point.zero()", "Child().greet()", "Base().greet()",
    "Child()[0], Child()[9]", "Colour.RED.mix(Colour.BLUE)", "closure(1)[0](4)", "closure(2)[1]()",
    "guarded(0)", "guarded(2)", "picks([1, 2, 3])", "runs(later(1))", "sets_global(8)", "chosen()",
    "first(1)", "second(1)", "words('a b c', 1, k=2)", "deep(20)", "Made().me()", "next(count(2))",
]


def functions(code):
    """How many blocks are inside CODE."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return sum(functions(c) + (not blocks._runs_where_it_stands(c)) for c in inner)


class LayoutTest(unittest.TestCase):
    def noisy(self, text, chance):
        """TEXT with comments and blank lines between its lines, inside brackets too."""
        after, depth = set(), 0
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            name = tokenize.tok_name[token.type]
            depth += (name in ("FSTRING_START", "TSTRING_START")) - (
                name in ("FSTRING_END", "TSTRING_END"))
            if name in ("NEWLINE", "NL") and not depth:
                after.add(token.start[0])
        lines = []
        for row, line in enumerate(io.StringIO(text), 1):  # form feeds end no line
            lines.append(line)
            if row in after and line.endswith("\n") and chance.random() < 0.3:
                lines.append(chance.choice(["\n", "\n\n\n", "# noise\n", "      # noise\n\n"]))
        return "".join(lines)

    def test_comments_and_blank_lines_change_nothing_in_the_library(self):
        chance = random.Random(2)
        count = 0
        for path, text in library(40):
            old = blocks.fingerprints(text)
            count += len(old)
            self.assertEqual(len(old), functions(compiled(text)) + 1, path)  # no key twice
            self.assertEqual(difference(old, blocks.fingerprints(self.noisy(text, chance))), set(),
                             path)
            self.assertEqual(difference(old, blocks.fingerprints("#\n" * 300 + text)), set(), path)
        self.assertGreater(count, 500)

    def test_the_file_name_changes_nothing(self):
        for path, text in library(5):
            self.assertEqual(blocks.fingerprints(compiled(text, "/a/b.py")),
                             blocks.fingerprints(compiled(text, "c.py")), path)

    def test_marshalled_code_is_the_same_code(self):
        for path, text in library(10):
            code = compiled(text)
            again = marshal.loads(marshal.dumps(code))
            self.assertEqual(blocks.fingerprints(code), blocks.fingerprints(again), path)

    def test_bytes_are_decoded_by_their_cookie(self):
        text = "# -*- coding: latin-1 -*-\nK = '\u00e9'\n"
        self.assertEqual(blocks.fingerprints(text.encode("latin-1")),
                         blocks.fingerprints("K = '\u00e9'"))
        self.assertEqual(blocks.fingerprints(b"\xef\xbb\xbfK = 1\r\n"),
                         blocks.fingerprints("K = 1"))

    def test_code_that_has_run_or_is_traced_is_the_same_code(self):
        code = compiled(SUBJECT)
        old = blocks.fingerprints(code)
        space = {"__name__": "subject"}
        sys.modules["subject"] = types.ModuleType("subject")
        sys.settrace(lambda *_: None)
        try:
            exec(code, space)
            for _ in range(100):
                space["deep"](50), space["fact"](20)
            self.assertEqual(blocks.fingerprints(code), old)
        finally:
            sys.settrace(None)
        self.assertEqual(blocks.fingerprints(code), old)

    def test_the_hash_seed_changes_nothing(self):
        script = textwrap.dedent("""
            import sys
            sys.path[:0] = {path!r}
            import test_python_blocks_random as test
            print(test.summary())
            """).format(path=[HERE])
        told = set()
        for seed in ("0", "1", "2", "3"):
            run = subprocess.run([sys.executable, "-B", "-c", script], stdout=subprocess.PIPE,
                                 env=dict(os.environ, PYTHONHASHSEED=seed), check=True)
            told.add(run.stdout)
        self.assertEqual(len(told), 1)


def summary():
    total = hashlib.sha256()
    sets = "def f(x): return x in {'a', 'b', 'c', ('d', 'e'), b'f', 1.5, None}\n"
    names = "class C:\n    def m(self):\n" + "".join(
        "        self.%s = 1\n" % name for name in "one two three four five six".split())
    for _, text in [("", sets), ("", names), ("", BASE), ("", SUBJECT)] + library(25):
        for key, digest in sorted(blocks.fingerprints(text).items()):
            total.update(key.encode("utf-8", "surrogatepass") + digest)
    return total.hexdigest()


class Mutation:
    """One small change of what TEXT means; the place is drawn by CHANCE."""

    def __init__(self, text, chance):
        self.tree = ast.parse(text)
        nodes = list(self._nodes(self.tree, False))
        self.kind = None
        while self.kind is None:
            self.node = chance.choice(nodes)
            self.kind = self._mutate(self.node, chance)

    def _nodes(self, node, inside):
        """All nodes but annotations of variables in functions: these are never evaluated."""
        yield node
        inside = (inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))) \
            and not isinstance(node, ast.ClassDef)
        for name, value in ast.iter_fields(node):
            if inside and isinstance(node, ast.AnnAssign) and name == "annotation":
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self._nodes(child, inside)

    def _mutate(self, n, chance):
        if isinstance(n, ast.Constant):
            return self._constant(n, chance)
        if isinstance(n, ast.BinOp):
            n.op = ast.Add() if isinstance(n.op, ast.Sub) else ast.Sub()
            return "operator"
        if isinstance(n, ast.Compare):
            n.ops[0] = ast.Eq() if isinstance(n.ops[0], ast.NotEq) else ast.NotEq()
            return "comparison"
        if isinstance(n, ast.BoolOp):
            n.op = ast.Or() if isinstance(n.op, ast.And) else ast.And()
            return "and, or"
        for kind, field in ((ast.Name, "id"), (ast.Attribute, "attr"), (ast.arg, "arg"),
                            (ast.FunctionDef, "name"), (ast.ClassDef, "name")):
            if isinstance(n, kind):
                setattr(n, field, getattr(n, field) + "_q")
                return "name"
        if isinstance(n, ast.Return) and n.value is not None:
            n.value = ast.copy_location(ast.Yield(n.value), n)
            return "yield"
        if isinstance(n, ast.If) and n.orelse:
            n.body, n.orelse = n.orelse, n.body
            return "branches"
        if isinstance(n, ast.ExceptHandler) and n.type is not None:
            n.type = ast.copy_location(ast.Name("BaseException", ast.Load()), n)
            return "except"
        if isinstance(n, ast.UnaryOp):
            n.op = ast.UAdd() if isinstance(n.op, ast.Invert) else ast.Invert()
            return "sign"
        return None

    def _constant(self, n, chance):
        if isinstance(n.value, bool):
            n.value = not n.value
        elif isinstance(n.value, int):
            n.value = chance.choice([n.value + 1, float(n.value) if n.value < 1 << 60 else 0])
        elif isinstance(n.value, str):
            n.value += "x"
        elif n.value is None:
            n.value = 0
        else:
            return None
        return "constant"


def same_code(one, two):
    """Whether two code objects differ in lines alone: another way to ask than by digests."""
    if isinstance(one, types.CodeType) and isinstance(two, types.CodeType):
        fields = [name for name in dir(one) if name.startswith("co_") and name not in (
            "co_firstlineno", "co_lnotab", "co_linetable", "co_lines", "co_positions",
            "co_filename", "co_consts", "co_branches", "co_stacksize", "co_nlocals",
            "_co_code_adaptive")]
        return all(getattr(one, name) == getattr(two, name) for name in fields) and \
            same_code(one.co_consts, two.co_consts)
    if type(one) is not type(two):
        return False
    if isinstance(one, tuple):
        return len(one) == len(two) and all(map(same_code, one, two))
    if isinstance(one, frozenset):
        return sorted(map(repr, one)) == sorted(map(repr, two))
    return one == two and repr(one) == repr(two)


class MutationTest(unittest.TestCase):
    def test_every_mutation_that_the_compiler_sees_changes_a_digest(self):
        chance = random.Random(3)
        seen = idle = 0
        for path, text in library(20, seed=5):
            code = compiled(ast.parse(text))
            old = blocks.fingerprints(code)
            for _ in range(15):
                mutation = Mutation(text, chance)
                try:
                    new = compiled(mutation.tree)
                except (SyntaxError, ValueError, TypeError):
                    continue
                if same_code(code, new):
                    idle += 1  # code that is never reached, a text that nobody reads
                    continue
                seen += 1
                self.assertNotEqual(old, blocks.fingerprints(new), "%s:%s %s" % (
                    path, getattr(mutation.node, "lineno", "?"), mutation.kind))
        self.assertGreater(seen, 200)
        self.assertLess(idle, seen / 20)

    def test_where_no_executed_block_changed_the_program_does_the_same(self):
        chance = random.Random(4)
        held = changed = 0
        for _ in range(12):
            drives = chance.sample(DRIVES, 5)
            code = compiled(ast.parse(SUBJECT), "<subject>")
            base = blocks.read(code)
            outcome, seen = run_subject(code, drives)
            executed = blocks.keys_of(base.places, seen)
            self.assertIsNotNone(executed)
            for _ in range(40):
                mutation = Mutation(SUBJECT, chance)
                try:
                    new = compiled(mutation.tree, "<subject>")
                except (SyntaxError, ValueError, TypeError):
                    continue
                if blocks.changed(base.digests, blocks.fingerprints(new), executed):
                    changed += 1
                else:
                    held += 1
                    self.assertEqual(run_subject(new, drives)[0], outcome, "%s %s %s" % (
                        getattr(mutation.node, "lineno", "?"), mutation.kind, drives))
        self.assertGreater(held, 100)
        self.assertGreater(changed, 100)


def run_subject(code, drives):
    """What a run does and shows, and the places of the code objects that it executed."""
    module = types.ModuleType("subject")
    sys.modules["subject"] = module
    seen = set()

    def profile(frame, event, _):
        if event == "call" and frame.f_code.co_filename == "<subject>":
            seen.add((frame.f_code.co_firstlineno, blocks.name_of(frame.f_code)))

    told = []
    sys.setprofile(profile)
    try:
        exec(code, module.__dict__)
        for drive in drives:
            try:
                told.append(repr(eval(drive, module.__dict__)))
            except Exception as error:
                told.append(repr(error))
    except Exception as error:
        told.append(repr(error))
    finally:
        sys.setprofile(None)
    told.append(repr(module.__dict__.get("LOG")))
    told.append(shown(module.__dict__))
    return told, seen


def shown(space, depth=0):
    """All that can be seen of functions and classes without calling them."""
    told = []
    for name, value in list(space.items()):
        if name in ("__builtins__", "__code__", "__dict__", "__weakref__", "__firstlineno__"):
            continue
        value = getattr(value, "__func__", value)
        if isinstance(value, types.FunctionType):
            told.append((name, value.__name__, value.__qualname__, value.__doc__,
                         str(inspect.signature(value)), value.__kwdefaults__,
                         inspect.isgeneratorfunction(value), inspect.iscoroutinefunction(value),
                         len(value.__closure__ or ())))
        elif isinstance(value, type) and value.__module__ == "subject" and depth < 3:
            told.append((name, [base.__name__ for base in value.__mro__],
                         shown(value.__dict__, depth + 1)))
        elif name == "__static_attributes__":
            told.append((name, sorted(value)))
        elif isinstance(value, (int, str, float, tuple)):
            told.append((name, repr(value)))
        else:
            told.append((name, type(value).__name__))
    return told


load_tests = load_tests_of(__file__)

if __name__ == "__main__":
    unittest.main()
