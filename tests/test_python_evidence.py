"""From a run's log to the looks that travel; under each interpreter that is here."""

import json
import os
import shutil
import stat
import struct
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(os.path.dirname(HERE), "python_plugin")]
from each_python import load_tests_of  # noqa: E402
from sniffer_plugin import blocks, evidence, library, trace  # noqa: E402
from sniffer_plugin.scope import Scope  # noqa: E402
from sniffer_plugin.sources import LARGE, Sources  # noqa: E402
from sniffer_plugin.store import Store  # noqa: E402

load_tests = load_tests_of(__file__)

REGULAR, FOLDER = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755
OLD, BEGAN, NEW, FUTURE = 10 ** 18, 12 * 10 ** 17, 14 * 10 ** 17, 9 * 10 ** 18  # ns


def state(mode=REGULAR, ctime=OLD, size=5):
    return 1, 2, size, OLD, ctime, mode


class LogTest(unittest.TestCase):
    """Records as the library writes them."""

    def setUp(self):
        self.log = trace.Log(["+/r"], 0, 1 << 18)
        self.addCleanup(self.log.close)
        self.at = 0

    def write(self, at, data):
        os.pwrite(self.log.fd, data, at)

    def add(self, kind, path, seen=None, detail=0, length=None):
        size = (72 + len(path) + 1 + 7) // 8 * 8
        record = struct.pack("<IBBHIIB7x", size if length is None else length, kind, detail,
                             len(path), 7, 0, seen is not None)
        record += trace.SEEN.pack(*(seen or (0,) * 6)) + path
        self.write(self.log._records + self.at, record.ljust(size, b"\0"))
        self.at += size
        self.head(self.at)

    def head(self, at):
        self.write(trace._WRITTEN_AT, struct.pack("<Q", at))

    def count(self, lost=0, launched=0, attached=0):
        self.write(trace._WRITTEN_AT + 16, struct.pack("<III", lost, launched, attached))

    def test_records_come_in_order_with_what_was_seen(self):
        self.add(trace.READ, b"/r/a", state())
        self.add(trace.CODE, b"/r/a.py\0f", (0, 0, 3, 0, 0, 0))
        self.add(trace.LISTING, b"/r")
        self.assertEqual(list(self.log.records()), [
            (trace.READ, 0, b"/r/a", trace.SEEN.pack(*state())),
            (trace.CODE, 0, b"/r/a.py\0f", trace.SEEN.pack(0, 0, 3, 0, 0, 0)),
            (trace.LISTING, 0, b"/r", b"")])
        self.assertTrue(self.log.whole())

    def test_a_record_that_another_told_first_is_none(self):
        self.add(0, b"/r/a")
        self.assertEqual(list(self.log.records()), [])
        self.assertTrue(self.log.whole())

    def test_what_was_never_finished_ends_it_and_it_is_not_whole(self):
        for length in (0, 4, 71, 1 << 30):
            with self.subTest(length=length):
                self.at = 0
                self.add(trace.READ, b"/r/a")
                self.add(trace.READ, b"/r/b", length=length)
                self.assertEqual([path for _, _, path, _ in self.log.records()], [b"/r/a"])
                self.assertFalse(self.log.whole())

    def test_a_log_that_is_fuller_than_full_is_not_whole(self):
        self.head(1 << 40)
        self.assertEqual(list(self.log.records()), [])
        self.assertFalse(self.log.whole())

    def test_lost_records_and_silent_processes_are_noticed(self):
        for counts, whole in (((0, 2, 2), True), ((1, 2, 2), False), ((0, 3, 2), False)):
            with self.subTest(counts=counts):
                self.count(*counts)
                list(self.log.records())
                self.assertEqual(self.log.whole(), whole)

    def test_a_program_gets_the_library_first_and_once(self):
        for before, after in ((None, "/l.so"), ("/l.so", "/l.so"), ("/u.so", "/l.so /u.so"),
                              ("/l.so:/u.so /v.so", "/l.so /u.so /v.so")):
            environment = {} if before is None else {"LD_PRELOAD": before}
            trace.preload(environment, "/l.so", "/proc/1/fd/3")
            self.assertEqual(environment, {"LD_PRELOAD": after,
                                           "SNIFFER_TRACE_LOG": "/proc/1/fd/3"})


class Case(unittest.TestCase):
    def setUp(self):
        # Not in the folder for temporary files, of which less is evidence.
        outer = os.path.realpath(tempfile.mkdtemp(prefix="sniffer-test-"))
        self.addCleanup(shutil.rmtree, outer)
        self.root = outer + "/project"
        os.makedirs(self.root + "/.sniffer")
        self.scope = Scope(self.root)
        self.store = Store(self.root + "/.sniffer/bytecode")
        self.sources = Sources(self.root, self.store)
        self.records = []

    def add(self, kind, path, seen=None, detail=0):
        text = path if path.startswith("/") else self.root + "/" + path
        self.records.append((kind, detail, os.fsencode(text.rstrip("/")),
                             b"" if seen is None else trace.SEEN.pack(*seen)))

    def last(self):
        self.records.append((trace.CODE, 0, library.LAST[1:].encode() + b"\0<module>",
                             trace.SEEN.pack(0, 0, 1, 0, 0, 0)))
        self.records.append((trace.ABSENT, 0, library.LAST.encode(), b""))

    def looks(self):
        self.run_ = evidence.Run(self.scope, self.sources, BEGAN)
        return self.run_.looks(self.records)


class LooksTest(Case):
    def told(self, *records):
        self.records = []
        for record in records:
            self.add(*record)
        return [(kind, path) for kind, path, _, _ in self.looks()]

    def test_each_kind_of_record_is_its_look(self):
        for record, expected in (
                ((trace.READ, "a", state()), [("content", "a")]),
                ((trace.READ, "a", state(stat.S_IFCHR)), [("presence", "a")]),
                ((trace.EXEC, "a", state()), [("content", "a")]),
                ((trace.LIBRARY, "a", state()), [("content", "a")]),
                ((trace.LINK, "a", state(stat.S_IFLNK)), [("content", "a")]),
                ((trace.FOUND, "a", state()), [("presence", "a")]),
                ((trace.FOUND, "d", state(FOLDER)), [("presence", "d")]),
                ((trace.EXISTS, "a", state()), [("existence", "a")]),
                ((trace.EXISTS, "a", state(stat.S_IFLNK)), [("content", "a")]),
                ((trace.FOUND, "a", state(stat.S_IFLNK)), [("content", "a")]),
                ((trace.EXISTS, "a.py", state()), [("existence", "a.py")]),
                ((trace.EXISTS, "d", state(FOLDER)), [("existence", "d")]),
                ((trace.ABSENT, "a"), [("presence", "a")]),
                ((trace.LISTING, ""), [("listing", "")]),
                ((trace.WROTE, "a"), [("wrote", "a")]),
                ((trace.RENAMED_TO, "a"), [("wrote", "a")]),
                ((trace.RENAMED_FROM, "a", state()), [("content", "a"), ("wrote", "a")]),
                ((trace.RENAMED_FROM, "d", state(FOLDER)), [("wrote", "d")]),
                ((trace.REMOVED, "a"), [("wrote", "a")]),
                ((trace.MADE, "d"), [("wrote", "d")]),
                ((trace.SEARCH, "lib/x"), [("search", "lib/x")]),
                ((trace.SOURCE, "a.py\0\0a.py", state()), [("code", "a.py")]),
                ((trace.UNSEEN, "/usr/bin/sudo"), [("unseen", "/usr/bin/sudo")]),
                ((trace.TEST, "test_a"), []),
                ((trace.READ, "/usr/lib/x.so", state()), []),
                ((trace.READ, ".sniffer/x", state()), []),
                ((trace.FOUND, "venv/lib/site-packages/x.py", state()), []),
                ((trace.READ, "/usr/lib/python3/dist-packages/x/y.py", state()),
                 [("environment", "package:x")]),
                ((trace.READ, "/elsewhere/x", state()), [("content", "/elsewhere/x")])):
            with self.subTest(record=record):
                self.assertEqual(self.told(record), expected)

    def left(self, *records):
        """What "a" and "b", which were read and written, were left as."""
        self.records = []
        for name in ("a", "b"):
            self.add(trace.READ, name, state())
            self.add(trace.WROTE, name)
        for path, seen in records:
            self.add(trace.LEFT, path, seen)
        return [seen for kind, _, seen, _ in self.looks() if kind == "wrote"]

    def test_what_is_written_is_told_as_it_was_left_last(self):
        one, two = state(size=6), state(size=7)
        other = (1, 3) + one[2:]
        for records, a, b in (((), (), ()),
                              ((("a", one),), one, ()),
                              ((("a", one), ("b", other)), one, other),
                              ((("a", one), ("a", two)), two, ()),
                              ((("a", None), ("a", one)), (), ()),  # somebody may go on writing
                              ((("a", one), ("a", None), ("a", two)), (), ()),
                              ((("a", one), ("b", one), ("b", two)), two, two),  # of two names
                              ((("a", one), ("y", one), ("y", two)), two, ())):
            with self.subTest(records=records):
                self.assertEqual(self.left(*records), [a, b])

    def test_a_look_tells_what_was_seen(self):
        self.add(trace.READ, "a", state())
        self.add(trace.ABSENT, "b")
        self.add(trace.LISTING, "")
        self.assertEqual([seen for _, _, seen, _ in self.looks()], [state(), None, ()])

    def test_each_look_is_told_once_in_the_order_of_the_log(self):
        self.assertEqual(
            self.told((trace.FOUND, "a", state()), (trace.READ, "b", state()),
                      (trace.WROTE, "b"), (trace.EXEC, "b", state()), (trace.READ, "c", state())),
            [("presence", "a"), ("content", "b"), ("wrote", "b"), ("content", "c")])

    def test_of_packages_what_the_framework_asks_for_its_plugins_is_told_elsewhere(self):
        record = "/usr/lib/python3/dist-packages/x-1.dist-info/METADATA"
        self.add(trace.READ, record, state())
        self.add(trace.LISTING, "/usr/lib/python3/dist-packages")
        self.assertEqual(self.looks(), [])
        self.records.insert(0, (trace.PACKAGE, 0, b"package:nose", b""))
        self.assertEqual([look[:2] for look in self.looks()], [
            ("environment", "package:nose"), ("environment", "distribution:x"),
            ("environment", "distributions")])

    def test_a_source_that_a_program_asks_for_is_believed_to_be_loaded(self):
        pyc = "__pycache__/m.cpython-311.pyc"
        for detail, kind in ((0, "content"), (trace.BY_RUN, "presence")):
            with self.subTest(detail=detail):
                self.assertEqual(
                    self.told((trace.FOUND, "m.py", state(), detail), (trace.READ, pyc, state()),
                              (trace.WROTE, pyc)), [(kind, "m.py")])

    def test_a_folder_that_the_run_made_is_its_own_and_all_below(self):
        self.assertEqual(
            self.told((trace.ABSENT, "d"), (trace.MADE, "d"), (trace.READ, "d/a", state()),
                      (trace.LISTING, "d/e"), (trace.WROTE, "d/b"), (trace.READ, "dd", state())),
            [("presence", "d"), ("wrote", "d"), ("wrote", "d/b"), ("content", "dd")])


class TemporaryTest(Case):
    """What is in the folder for temporary files, and not beside a project in there."""

    def setUp(self):
        super().setUp()
        self.scope.temporary = "/somewhere/tmp"

    def told(self, kind, path, seen=None):
        self.records = []
        self.add(kind, path, seen)
        return [(kind, path) for kind, path, _, _ in self.looks()]

    def test_what_came_to_be_during_the_run_is_no_evidence(self):
        for kind in (trace.READ, trace.FOUND, trace.EXISTS, trace.LINK):
            with self.subTest(kind=kind):
                self.assertEqual(self.told(kind, "/somewhere/tmp/a", state(ctime=NEW)), [])
                self.assertNotEqual(self.told(kind, "/somewhere/tmp/a", state()), [])

    def test_what_was_stamped_before_the_clock_was_set_back_is_evidence(self):
        for kind in (trace.READ, trace.FOUND, trace.EXISTS, trace.LINK):
            with self.subTest(kind=kind):
                self.assertNotEqual(
                    self.told(kind, "/somewhere/tmp/a", state(ctime=FUTURE)), [])

    def test_what_is_absent_is_none(self):
        self.assertEqual(self.told(trace.ABSENT, "/somewhere/tmp/a"), [])

    def test_writes_are_told(self):
        self.assertEqual(self.told(trace.WROTE, "/somewhere/tmp/a"),
                         [("wrote", "/somewhere/tmp/a")])

    def test_a_listing_counts_but_that_of_the_folder_that_all_write_to(self):
        self.assertEqual(self.told(trace.LISTING, "/somewhere/tmp"), [])
        self.assertEqual(self.told(trace.LISTING, "/somewhere/tmp/a"),
                         [("listing", "/somewhere/tmp/a")])


TEXT = "def f(): return 1\ndef g(): return [x for x in (1, 2)]\n"


class RanTest(Case):
    def setUp(self):
        super().setUp()
        self.path = self.root + "/m.py"
        self.load("m.py", TEXT)

    def load(self, name, text, file=None, size=5):
        path = file or self.root + "/" + name
        code = compile(text, path, "exec")
        key = self.store.name(text.encode(), path)
        self.store.save(key, code)
        self.add(trace.SOURCE, "%s\0%s\0%s" % (self.root + "/" + name, key, path),
                 state(size=size))
        return code

    def begin(self, line, name, file=None):
        self.records.append((trace.CODE, 0, os.fsencode(file or self.path) + b"\0" + name.encode(),
                             trace.SEEN.pack(0, 0, line, 0, 0, 0)))

    def ran(self):
        """Of m.py."""
        [ran] = [ran for kind, path, _, ran in self.looks() if (kind, path) == ("code", "m.py")]
        return ran

    def test_what_began_is_told_by_blocks(self):
        self.begin(1, "<module>")
        self.begin(2, "g")
        self.last()
        self.assertEqual(self.ran(), "05")

    def test_each_test_has_its_blocks(self):
        self.load("n.py", "def h(): pass\n")
        other = self.root + "/n.py"
        self.begin(1, "<module>")
        for test, line, name, file in (("test_f", 1, "f", None), ("test_g", 2, "g", None),
                                       ("test_h", 1, "h", other), ("", 2, "g", None),
                                       ("T.test_none", 9, "x", "/elsewhere.py"),
                                       ("test_f", 1, "h", other), ("test\0", 1, "f", None)):
            self.records.append((trace.TEST, 0, test.encode(), b""))
            self.begin(line, name, file)
        self.last()
        self.assertEqual(self.ran(), "07")
        self.assertEqual(self.run_.tested(), {"m.py": {"test_f": "03", "test_g": "05"},
                                              "n.py": {"test_h": "03", "test_f": "03"}})

    def test_no_test_has_blocks_of_what_counts_as_a_whole(self):
        self.records.append((trace.TEST, 0, b"test_f", b""))
        self.begin(1, "f")
        self.begin(7, "h")
        self.last()
        self.looks()
        self.assertEqual(self.run_.tested(), {})

    def test_code_that_the_source_does_not_contain_makes_it_count_as_a_whole(self):
        self.begin(7, "h")
        self.last()
        self.assertIsNone(self.ran())

    def test_code_of_other_files_changes_nothing(self):
        self.begin(7, "h", "/elsewhere.py")
        self.begin(7, "h", "m.py")
        self.last()
        self.assertEqual(self.ran(), "01")

    def test_two_versions_count_as_a_whole(self):
        for text, file in ((TEXT + "\n", None), (TEXT + "x = 1\n", "/by/a/link/m.py")):
            with self.subTest(file=file):
                self.records = []
                self.load("m.py", TEXT)
                self.load("m.py", text, file)
                self.last()
                self.assertIsNone(self.ran())

    def test_one_version_under_two_names_is_one(self):
        self.load("m.py", TEXT, "/by/a/link/m.py")
        self.begin(1, "f")
        self.begin(2, "g", "/by/a/link/m.py")
        self.last()
        self.assertEqual(self.ran(), "07")

    def test_what_has_no_compiled_code_in_the_store_counts_as_a_whole(self):
        shutil.rmtree(self.root + "/.sniffer/bytecode")
        self.last()
        self.assertIsNone(self.ran())

    def test_a_loader_that_makes_its_own_code_makes_the_file_count_as_a_whole(self):
        self.records = []
        self.add(trace.SOURCE, "%s\0\0%s" % (self.path, self.path), state())
        self.last()
        self.assertIsNone(self.ran())

    def test_a_source_that_was_read_as_well_is_content_and_needs_no_blocks(self):
        self.add(trace.READ, "m.py", state())
        self.last()
        self.assertIsNone(self.ran())
        self.assertIn(("content", "m.py"), {look[:2] for look in self.looks()})

    def test_what_the_tracer_cannot_follow_makes_all_count_as_wholes(self):
        self.add(trace.WHOLE, "/x")
        self.last()
        self.assertIsNone(self.ran())

    def test_a_tracer_that_is_gone_at_the_end_makes_all_count_as_wholes(self):
        self.assertIsNone(self.ran())

    def test_a_run_that_was_not_heard_at_its_end_says_so(self):
        self.looks()
        self.assertTrue(self.run_.is_heard())  # it came to no end
        self.last()
        self.looks()
        self.assertTrue(self.run_.is_heard())
        self.records.pop()
        self.assertIsNone(self.ran())
        self.assertFalse(self.run_.is_heard())

    def test_a_host_of_file_precision_tells_no_blocks(self):
        self.sources = None
        self.last()
        self.assertIsNone(self.ran())

    def test_a_source_that_is_too_large_has_no_blocks(self):
        self.records = []
        self.load("m.py", TEXT, size=LARGE)
        self.last()
        self.assertIsNone(self.ran())

    def test_blocks_are_numbered_as_they_are_told(self):
        text = "".join("def f%d(): return %d\n" % (i, i) for i in range(20))
        self.load("big.py", text)
        self.begin(18, "f17", self.root + "/big.py")
        self.last()
        [ran] = [ran for _, path, _, ran in self.looks() if path == "big.py"]
        with open(self.root + "/big.py", "w") as file:
            file.write(text)
        keys = json.loads(self.sources.ask("big.py"))["keys"]
        bits = int.from_bytes(bytes.fromhex(ran), "little")
        self.assertEqual([key for i, key in enumerate(keys) if bits >> i & 1], ["<module>", "f17"])
        self.assertEqual(set(keys), set(blocks.read(text).digests))


class SinceTest(Case):
    def test_the_folder_for_temporary_files_counts_where_nothing_in_it_changed(self):
        folder = self.root + "/tmp"
        os.mkdir(folder)
        self.scope.temporary = folder
        self.scope.root = "/other"
        self.add(trace.LISTING, folder)
        for since, count in ((0, 0), (time.time_ns() + 10 ** 12, 1)):
            run = evidence.Run(self.scope, None, since)
            self.assertEqual(len(run.looks(self.records)), count)


if __name__ == "__main__":
    unittest.main()
