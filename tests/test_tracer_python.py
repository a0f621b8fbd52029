"""What the preloaded tracer is told inside a Python interpreter, by sys.audit()."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "support"))
from each_python import load_tests_of  # noqa: E402
from preloaded import Forked, main  # noqa: E402
from trace_log import IDENTITY, KINDS, LIBRARY, Log  # noqa: E402

SOURCE, SEARCH, TEST = map(KINDS.index, ("source", "search", "test"))


class Looks(Forked):
    def setUp(self):
        super().setUp()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, "/")
        for name in ("one", "two", "three"):
            self.write(name, name)

    def begun(self, work):
        """WORK in a child that belongs to the log: what it looked at."""
        def inside():
            sys.audit("sniffer.begin", self.log.path)
            return work()

        self.assertEqual(self.fork(inside), "")
        return self.told()

    def told(self, log=None):
        return [(record.kind, record.path[len(self.folder) + 1:])
                for record in (log or self.log).read() if record.path.startswith(self.folder + "/")]


class Begin(Looks):
    def test_from_here_on_it_is_told(self):
        def work():
            os.stat("one")
            sys.audit("sniffer.begin", self.log.path)
            os.stat("two")
            with open("three"):
                pass
        self.assertEqual(self.fork(work), "")
        self.assertEqual(self.told(), [("found", "two"), ("read", "three")])
        self.assertEqual(self.log.attached, 1)

    def test_its_parent_does_not_belong_to_it(self):
        self.begun(lambda: os.stat("one") and "")
        os.stat("two")
        self.assertEqual(self.told(), [("found", "one")])

    def test_until_the_end(self):
        def work():
            os.stat("one")
            sys.audit("sniffer.end")
            os.stat("two")
            subprocess.check_call(["cat", "three"], stdout=subprocess.DEVNULL)
        self.assertEqual(self.begun(work), [("found", "one")])

    def test_another_log_is_told_all_again_and_the_first_no_more(self):
        other = Log(self.outer + "/other", self.folder)

        def work():
            os.stat("one")
            sys.audit("sniffer.begin", other.path)
            os.stat("one")
            os.stat("two")
        self.assertEqual(self.begun(work), [("found", "one")])
        self.assertEqual(self.told(other), [("found", "one"), ("found", "two")])
        self.assertEqual((self.log.attached, other.attached), (1, 1))

    def test_a_log_that_is_none_ends_it_and_raises_nothing(self):
        self.write("small", "x")
        for path in ("/nope", self.folder + "/small", "small", "", "/x" * 5000, None, 7, "\udc80"):
            self.log = Log(self.log.path, self.folder)

            def work():
                sys.audit("sniffer.begin", path)
                os.stat("one")
            self.assertEqual(self.begun(work), [])
            self.assertEqual((self.log.attached, self.log.lost), (1, 0))

    def test_a_log_in_its_parents_memory_is_found(self):
        fd = os.memfd_create("log")
        self.addCleanup(os.close, fd)
        with open(self.log.path, "rb") as file:
            os.write(fd, file.read())
        self.log.path = "/proc/%d/fd/%d" % (os.getpid(), fd)
        self.assertEqual(self.begun(lambda: os.stat("one") and ""), [("found", "one")])

    def test_orders_that_are_none_raise_nothing(self):
        def work():
            for order in ("sniffer.", "sniffer.nonsense", "sniffer.quiet", "sniffer.begin",
                          "sniffer.blocks", "snif", "s"):
                sys.audit(order)
            sys.audit("sniffer.quiet", "x")
            sys.audit("sniffer.quiet", 1 << 99)
        self.assertEqual(self.fork(work), "")

    def test_the_interpreter_ends_well_whatever_its_memory_is(self):
        for options in ([], ["-X", "dev"], ["-I", "-S", "-E"]):
            for memory in ({}, {"PYTHONMALLOC": "debug"}, {"PYTHONMALLOC": "malloc"}):
                code = "import sys; sys.addaudithook(lambda *_: None); print('well')"
                done = subprocess.run([sys.executable, *options, "-c", code],
                                      env=dict(os.environ, LD_PRELOAD=LIBRARY, **memory),
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.assertEqual((done.returncode, done.stdout), (0, b"well\n"))


class Orphans(Looks):
    def test_the_child_of_a_fork_is_nobodys_and_is_as_any_that_was_forked(self):
        calls = []

        def orphan(cpus, to):
            os.sched_setaffinity(0, cpus)
            os.write(to, json.dumps([calls, libc.sched_getcpu() in cpus]).encode())
            os._exit(7)

        def work():
            os.register_at_fork(before=lambda: calls.append("before"),
                                after_in_parent=lambda: calls.append("parent"),
                                after_in_child=lambda: calls.append("child"))
            libc.prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
            ours, theirs = os.pipe()
            *others, last = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {last})
            own = os.getpid()
            sys.audit("sniffer.fork")
            if os.getpid() != own:
                orphan(set(others) or {last}, theirs)
            os.close(theirs)
            told = json.loads(os.read(ours, 100) or '0')
            ends = [os.wait()[1] >> 8]
            try:
                os.wait()
            except ChildProcessError:
                ends.append("no other")
            seen = told, calls, ends
            return "" if seen == ([["before", "child"], True], ["before", "parent"],
                                  [7, "no other"]) else repr(seen)

        libc = ctypes.CDLL(None)
        self.assertEqual(self.fork(work), "")


class Programs(Looks):
    def test_a_program_with_an_empty_environment_is_heard(self):
        grep = shutil.which("grep")

        def work():
            subprocess.check_call([grep, "-q", "o", "one"], env={})
            os.waitpid(os.posix_spawn(grep, [grep, "-q", "o", "two"], {}), 0)
            if not os.fork():
                os.execve(grep, [grep, "-q", "e", "three"], {})
            os.wait()
        told = self.begun(work)
        self.assertLessEqual({("read", name) for name in ("one", "two", "three")}, set(told))
        self.assertEqual((self.log.launched, self.log.attached), (4, 4))

    def test_a_python_that_it_starts_can_belong_to_it_too(self):
        code = "import sys; sys.audit('sniffer.blocks', 1); exec(compile('0', %r, 'exec'))" % (
            self.folder + "/x.py")
        self.begun(lambda: subprocess.call([sys.executable, "-I", "-S", "-c", code], env={}) and "")
        self.assertEqual([file for file, _, _ in self.codes()], [self.folder + "/x.py"])


class Depths(Looks):
    def test_a_quiet_threads_looks_are_not_told(self):
        def work():
            sys.audit("sniffer.quiet", 1)
            sys.audit("sniffer.quiet", 1)
            sys.audit("sniffer.quiet", -1)
            os.stat("one")
            os.access("nope", 0)
            os.listdir(".")
            with open("two"), open("new", "w"):
                pass
            sys.audit("sniffer.quiet", -1)
            os.stat("three")
        self.assertEqual(self.begun(work), [("found", "three")])

    def test_another_threads_looks_are(self):
        def work():
            sys.audit("sniffer.quiet", 1)
            thread = threading.Thread(target=os.stat, args=("one",))
            thread.start()
            thread.join()
            os.stat("two")
        self.assertEqual(self.begun(work), [("found", "one")])

    def test_it_stays_quiet_in_a_child(self):
        def work():
            sys.audit("sniffer.quiet", 1)
            return self.fork(lambda: os.stat("one") and sys.audit("sniffer.quiet", -1)
                             or os.stat("two") and "")
        self.assertEqual(self.begun(work), [("found", "two")])

    def test_a_program_that_is_started_is_not_quiet(self):
        self.write("script", "#!/bin/sh\ncat one >/dev/null\n")
        os.chmod("script", 0o755)

        def work():
            sys.audit("sniffer.quiet", 1)
            subprocess.check_call([self.folder + "/script"])
        told = self.begun(work)
        self.assertLessEqual({("exec", "script"), ("read", "one")}, set(told))
        self.assertLessEqual(self.log.launched, self.log.attached)

    def test_names_that_change_in_quiet_are_known_to_have_changed(self):
        os.mkdir("a")
        os.mkdir("b")
        os.symlink("a", "way")

        def work():
            os.access("way/x", 0)
            sys.audit("sniffer.quiet", 1)
            os.remove("way")
            os.symlink("b", "way")
            sys.audit("sniffer.quiet", -1)
            os.access("way/x", 0)
        self.assertIn(("absent", "b/x"), self.begun(work))

    def test_a_weak_stat_sees_no_times(self):
        def work():
            sys.audit("sniffer.weak", 1)
            os.stat("one")
            os.path.exists("nope")
            sys.audit("sniffer.weak", -1)
            os.stat("one")
            os.stat("two")
        self.assertEqual(self.begun(work), [("exists", "one"), ("absent", "nope"),
                                            ("found", "one"), ("found", "two")])


class Records(Looks):
    def records(self, *orders):
        def work():
            sys.audit("sniffer.begin", self.log.path)
            for order in orders:
                sys.audit("sniffer.record", *order)
        self.assertEqual(self.fork(work), "")
        return [(one.kind, one.detail, one.path, one.seen) for one in self.log.read()]

    def test_any_record_can_be_told(self):
        seen = (1, 2, 3, -4, 5, 6)
        self.assertEqual(self.records((SOURCE, 7, b"/usr/x.py", IDENTITY.pack(*seen)),
                                      (SEARCH, 0, b"name\0/a\0/b", b"")),
                         [("source", 7, "/usr/x.py", seen), ("search", 0, "name\0/a\0/b", None)])
        self.assertTrue(self.log.whole, vars(self.log))

    def test_a_record_is_told_once(self):
        self.assertEqual(self.records((TEST, 0, b"x", b""), (TEST, 1, b"x", b""),
                                      (TEST, 0, b"x", b""), (SOURCE, 0, b"x", b"")),
                         [("test", 0, "x", None), ("test", 1, "x", None), ("source", 0, "x", None)])

    def test_it_is_told_in_quiet_too(self):
        def work():
            sys.audit("sniffer.quiet", 1)
            sys.audit("sniffer.record", SOURCE, 0, os.fsencode(self.folder + "/x"), b"")
        self.assertEqual(self.begun(work), [("source", "x")])

    def test_a_long_one_is_told_or_lost(self):
        self.assertEqual([len(path) for _, _, path, _ in
                          self.records((SEARCH, 0, b"x" * 65535, b""))], [65535])
        self.assertEqual(self.log.lost, 0)
        self.assertEqual(len(self.records((SEARCH, 0, b"y" * 65536, b""))), 1)
        self.assertEqual(self.log.lost, 1)

    def test_a_wrong_one_is_lost(self):
        wrong = [(0, 0, b"x", b""), (99, 0, b"x", b""), (SOURCE, -1, b"x", b""),
                 (SOURCE, 256, b"x", b""), (SOURCE, 0, "x", b""), (SOURCE, 0, b"x", b"short"),
                 (SOURCE, 0, b"x"), ("x", 0, b"x", b"")]
        self.assertEqual(self.records(*wrong), [])
        self.assertEqual(self.log.lost, len(wrong))


load_tests = load_tests_of(__file__)

if __name__ == "__main__":
    main()
