"""What sources are made of, as the host tells it; under each interpreter that is here."""

import json
import os
import shutil
import stat
import sys
import tempfile
import unittest
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(os.path.dirname(HERE), "python_plugin")]
from each_python import load_tests_of  # noqa: E402
from sniffer_plugin import blocks, channel, sources  # noqa: E402
from sniffer_plugin.store import Store  # noqa: E402

load_tests = load_tests_of(__file__)

TEXT = """
def f(): return 1
class C:
    def m(self):
        def inner(): return 2
        return inner
g = lambda: 3
"""


class SourcesTest(unittest.TestCase):
    def setUp(self):
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="sniffer-test-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.store = Store(self.root + "/store")
        self.sources = sources.Sources(self.root, self.store)

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def ask(self, name):
        return json.loads(self.sources.ask(name))

    def refused(self, name, *parts):
        told = self.ask(name)
        self.assertNotIn("keys", told)
        for part in parts:
            self.assertIn(part, told["message"])
        return told["seen"]

    def test_keys_and_digests_are_those_of_the_blocks(self):
        self.write("a.py", TEXT)
        told = self.ask("a.py")
        found = blocks.read(TEXT)
        self.assertEqual(told["keys"][0], "<module>")
        self.assertEqual(set(told["keys"]), set(found.digests))
        for index, key in enumerate(told["keys"]):
            self.assertEqual(told["digests"][16 * index:16 * index + 16],
                             found.digests[key].hex()[:16])

    def test_seen_is_the_file_that_was_read(self):
        path = self.write("a.py", "")
        self.assertEqual(self.ask("a.py")["seen"], list(channel.identity(os.stat(path))))

    def test_a_name_that_is_no_text_travels_as_bytes(self):
        self.write(os.fsdecode(b"\xff.py"), "")
        told = self.ask(os.fsdecode(b"\xff.py"))
        self.assertEqual(told["path"], {"b64": "/y5weQ=="})
        self.assertEqual(told["keys"], ["<module>"])

    def test_what_does_not_compile_says_why_and_where(self):
        self.write("a.py", "x = 1\nx = = 2\n")
        seen = self.refused("a.py", "invalid syntax", ", line 2")
        self.assertTrue(stat.S_ISREG(seen[5]))

    def test_what_is_no_source_says_so(self):
        os.mkdir(self.path("folder.py"))
        os.symlink("nowhere", self.path("link.py"))
        os.mkfifo(self.path("fifo.py"))
        self.assertIsNone(self.refused("none.py", "absent"))
        self.assertIsNone(self.refused("none.py/deeper.py", "absent"))
        self.assertTrue(stat.S_ISDIR(self.refused("folder.py", "not a file")[5]))
        self.assertTrue(stat.S_ISLNK(self.refused("link.py", "link")[5]))
        self.assertTrue(stat.S_ISFIFO(self.refused("fifo.py", "not a file")[5]))

    def test_bytes_that_no_compiler_takes_are_no_trouble(self):
        for name, data in (("nul.py", b"x = 1\0"), ("utf8.py", b"x = '\xff'\n"),
                           ("cookie.py", b"# coding: no-such-coding\n"),
                           ("deep.py", b"(" * 5000 + b")" * 5000),
                           ("tabs.py", b"if 1:\n\tx\n        y\n")):
            with self.subTest(name=name):
                self.write(name, data)
                self.assertIsNotNone(self.refused(name))

    def test_what_only_some_compilers_take_is_no_trouble_either(self):
        self.write("sum.py", b"x = " + b"1+" * 100000 + b"y\n")
        self.assertEqual(self.ask("sum.py")["path"], "sum.py")

    def test_a_source_in_another_encoding_has_blocks(self):
        self.write("a.py", "# coding: latin-1\ndef f(): return '\xe4'\n".encode("latin-1"))
        self.assertEqual(self.ask("a.py")["keys"], ["<module>", "f"])

    def test_what_is_too_large_has_none(self):
        self.write("a.py", b"#" * (sources.LARGE + 1))
        self.refused("a.py", "too large")

    def test_nothing_is_executed_and_nothing_printed(self):
        self.write("a.py", "raise SystemExit\nx = '\\d' is 1\n")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertEqual(self.ask("a.py")["keys"], ["<module>"])
        # The run that loads it is to show the warning.
        self.assertFalse(os.path.exists(self.path("store")))

    def test_the_run_to_come_finds_it_compiled(self):
        path = self.write("a.py", TEXT)
        self.ask("a.py")
        code = self.store.load(self.store.name(TEXT.encode(), path))
        self.assertEqual(code.co_filename, path)

    def test_what_the_store_has_is_not_compiled_again(self):
        path = self.write("a.py", TEXT)
        code = compile("def other(): 1", path, "exec")
        self.store.save(self.store.name(TEXT.encode(), path), code)
        self.assertEqual(self.ask("a.py")["keys"], ["<module>", "other"])

    def test_a_store_that_was_damaged_or_is_not_there_is_none(self):
        self.assertIsNone(self.sources.find("0" * 40))
        self.assertIsNone(self.sources.find("../a.py"))
        self.store.save("1" * 40, 5)
        self.assertIsNone(self.sources.find("1" * 40))

    def test_memory_has_a_bound(self):
        was, sources._KEYS_MAX = sources._KEYS_MAX, 20
        self.addCleanup(setattr, sources, "_KEYS_MAX", was)
        for number in range(50):
            self.write("a.py", "def f(): return %d\n" % number)
            self.ask("a.py")
        self.assertLessEqual(len(self.sources._known), 10)
        self.assertEqual(self.ask("a.py")["keys"], ["<module>", "f"])


def places(text):
    """(line, name) of each code object in TEXT, by its name."""
    found = {}

    def walk(code):
        found[blocks.name_of(code)] = code.co_firstlineno, blocks.name_of(code).encode()
        for constant in code.co_consts:
            if isinstance(constant, type(code)):
                walk(constant)
    walk(compile(text, "x", "exec"))
    return found


class RanTest(unittest.TestCase):
    def setUp(self):
        self.source = sources.Source(blocks.read(TEXT))
        self.keys = json.loads("{%s}" % self.source.told)["keys"]
        self.places = places(TEXT)

    def ran(self, *seen):
        """Their names."""
        data = bytes.fromhex(self.source.ran(self.source.bits(seen)))
        self.assertEqual(len(data), (len(self.keys) + 7) // 8)
        return {key for number, key in enumerate(self.keys)
                if data[number // 8] >> number % 8 & 1}

    def place(self, name):
        return self.places[name if name in self.places else name.rpartition(".")[2]]

    def test_the_module_always_ran(self):
        self.assertEqual(self.ran(), {"<module>"})

    def test_a_function_ran_with_all_that_is_around_it(self):
        self.assertEqual(self.ran(self.place("f")), {"<module>", "f"})
        self.assertEqual(self.ran(self.place("C.m.<locals>.inner")),
                         {"<module>", "C.m", "C.m.<locals>.inner"})

    def test_a_class_body_belongs_to_the_module(self):
        self.assertEqual(self.ran(self.place("C")), {"<module>"})

    def test_a_place_that_is_not_in_it_makes_the_whole_file_count(self):
        self.assertIsNone(self.source.bits([self.place("f"), (99, b"f")]))
        self.assertIsNone(self.source.bits([(self.place("f")[0], b"other")]))

    def test_more_blocks_than_a_look_has_room_for_are_told_as_the_whole_file(self):
        many = sources.Source(blocks.read("\n".join("def f%d(): 1" % i for i in range(8200))))
        self.assertIsNone(many.ran(many.bits([(1, b"f0")])))


if __name__ == "__main__":
    unittest.main()
