"""What runs out, is missing or changes under the daemon: a clear outcome, and a way on."""

import json
import os
import resource
import shutil
import subprocess

from house import BUILD, House, HouseTest, main

GOOD = "def test_good():\n    pass\n"


class Memory(HouseTest):
    SETTINGS = "memory = 300\n"
    FILES = {
        "test_good.py": GOOD,
        "test_eats.py": """\
            def test_eats():
                hunks = []
                while len(hunks) < 1000:
                    hunks.append(bytearray(1 << 20))

            def test_after():
                pass
            """,
        "test_starts.py": """\
            import subprocess
            import sys

            def test_starts():
                eats = "len(bytearray(1 << 30))"
                assert subprocess.call([sys.executable, "-c", eats]) == 1
            """,
    }

    def test_who_takes_too_much_is_told_so(self):
        self.start()
        self.house.wait(code=1)
        results = self.house.results()
        self.assertEqual({key: (record["outcome"], record["exception"])
                          for key, record in results.items()},
                         {("test_good.py", "test_good"): ("success", None),
                          ("test_eats.py", "test_eats"): ("error", "MemoryError"),
                          ("test_eats.py", "test_after"): ("success", None),
                          ("test_starts.py", "test_starts"): ("success", None)})
        with self.subTest("without the limit it is another verdict"):
            self.house.write("pyproject.toml", self.house.read("pyproject.toml").replace(
                "memory = 300\n", ""))
            self.house.wait(code=1)
            self.assertEqual(self.house.outcomes(),
                             {("test_good.py", "test_good"): "success",
                              ("test_eats.py", "test_eats"): "success",
                              ("test_eats.py", "test_after"): "success",
                              ("test_starts.py", "test_starts"): "failure"})


class Processes(HouseTest):
    SETTINGS = "jobs = 2\nprocesses = 100\n"
    FILES = {
        "test_good.py": GOOD,
        # It has an end of its own, for the sake of the machine.
        "test_bomb.py": """\
            import os
            import time

            def test_before():
                pass

            def test_bomb():
                end = time.monotonic() + 20
                while time.monotonic() < end:
                    if len(os.listdir("/proc")) < 1500:
                        os.fork()
                        os.setsid()
            """.replace("os.setsid()", "os.getpid() == os.getpgrp() or os.setsid()"),
        "test_many.py": """\
            import subprocess

            def test_has_some_processes():
                some = [subprocess.Popen(["sleep", "0.3"]) for _ in range(40)]
                for one in some:
                    one.wait()
            """,
    }

    def test_a_fork_bomb_is_stopped_and_nothing_stays(self):
        self.start()
        self.house.wait(code=1)
        results = self.house.results()
        self.assertEqual({key: (record["outcome"], record["exception"])
                          for key, record in results.items()},
                         {("test_good.py", "test_good"): ("success", None),
                          ("test_many.py", "test_has_some_processes"): ("success", None),
                          ("test_bomb.py", "test_before"): ("success", None),
                          ("test_bomb.py", "test_bomb"): ("error", "TooManyProcesses")})
        self.assertIn("more than 100", results["test_bomb.py", "test_bomb"]["report"])
        self.assertEqual(self.strangers(), [])
        self.house.write("test_bomb.py", GOOD)
        self.house.wait(code=0)

    def strangers(self):
        """Processes that work in the project's folder, without the hosts and what they keep."""
        daemon = self.house.status()["pid"]
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink("/proc/%s/cwd" % name) != self.house.root:
                    continue
                with open("/proc/%s/stat" % name) as file:
                    state, parent = file.read().rpartition(")")[2].split()[:2]
                with open("/proc/%s/cmdline" % name) as file:
                    line = file.read()
            except OSError:
                continue
            if state != "Z" and int(name) != daemon and "sniffer_host.py" not in line:
                found.append((name, parent, line))
        return found


class Texts(HouseTest):
    FILES = {"test_long.py": """\
        import os

        def test_long():
            assert 0, "begin" + "x" * (8 << 20) + "end"

        def test_bytes():
            os.write(1, bytes(range(256)))
            print("\\udce9\\x00\\ud800")
            assert 0, "\\udce9\\x00\\ud800 \\u00fc"
        """}

    def test_long_reports_keep_both_ends_and_say_how_much_is_gone(self):
        self.start()
        self.house.wait(code=1)
        results = self.house.results()
        report = results["test_long.py", "test_long"]["report"]
        self.assertLess(len(report), 250_000)
        self.assertRegex(report, r"begin(?s:.*)\n\[\.\.\. 8\d{6} characters left out \.\.\.\]\n")
        self.assertIn("xend\n", report)
        self.assertIn("\u00fc", results["test_long.py", "test_bytes"]["report"])


class Names(HouseTest):
    FILES = {"test_good.py": GOOD}

    def test_whatever_a_file_is_called(self):
        long = "test_" + "n" * 200 + ".py"
        names = [os.fsencode(long), b"test_new\nline.py", b"test_\xff\xfe.py", b"test_\x1b[31m.py",
                 os.fsencode("d" * 200) + b"/" + os.fsencode(long)]
        for name in names:
            path = os.path.join(os.fsencode(self.house.root), name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write("def test_a():\n    open(%r, 'rb').close()\n" % (path + b".data"))
            with open(path + b".data", "w") as file:
                file.write("1")
        self.start()
        status = self.house.wait(code=None)
        found = {record["file"] if isinstance(record["file"], str) else "?"
                 for record in self.house.records("files", "--json")}
        self.assertLessEqual({"test_good.py", long, "test_new\nline.py"}, found)
        self.assertEqual(status["stats"]["to_be_run"], 0)
        with self.subTest("what they rest on counts"):
            before = self.runs()
            self.house.write_in_place("test_new\nline.py.data", "2")
            self.house.wait()
            after = self.runs()
            self.assertEqual([name for name in after if after[name] != before[name]],
                             [json.dumps("test_new\nline.py")])
        with self.subTest("a name whose case alone changes"):
            os.rename(self.house.path("test_good.py"), self.house.path("test_GOOD.py"))
            self.house.wait()
            files = [record["file"] for record in self.house.records("files", "--json")]
            self.assertIn("test_GOOD.py", files)
            self.assertNotIn("test_good.py", files)

    def runs(self):
        return {json.dumps(record["file"]): record["runs"]
                for record in self.house.records("files", "--json")}


class Environment(HouseTest):
    FILES = {"test_good.py": GOOD}

    def test_neither_a_home_nor_a_runtime_folder_is_needed(self):
        for name in ("HOME", "XDG_RUNTIME_DIR"):
            del self.house.environment[name]
        self.start()
        self.house.wait(code=0)
        socket = self.house.ctl("socket", code=0).stdout.strip()
        self.assertTrue(socket.startswith("/tmp/sniffer-%d/" % os.geteuid()), socket)
        self.assertEqual(os.stat(os.path.dirname(socket)).st_mode & 0o777, 0o700)

    def test_a_runtime_folder_that_is_missing_is_told(self):
        self.house.environment["XDG_RUNTIME_DIR"] = self.house.base + "/no/such"
        done = self.house.ctl("start", code=3)
        self.assertIn("/no/such/sniffer", done.stderr)

    def test_few_descriptors_are_told_or_enough(self):
        for most in (12, 24, 64):
            with self.subTest(descriptors=most):
                done = self.limited(resource.RLIMIT_NOFILE, most, "wait", "--timeout", "60")
                if done.returncode != 0:
                    self.assertIn(done.returncode, (3, 5), done.stderr)
                    self.assertIn("open files", done.stderr)
                self.house.ctl("stop")
        self.assertEqual(done.returncode, 0, done.stderr)

    def limited(self, limit, most, *arguments):
        def before():
            resource.setrlimit(limit, (most, most))
        return subprocess.run([os.path.join(BUILD, "snifferctl"), "-C",
                               self.house.root, *arguments], env=self.house.environment,
                              preexec_fn=before, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=120)


class Root(HouseTest):
    FILES = {"test_good.py": GOOD}

    def test_a_link_to_the_root_is_the_root(self):
        self.start()
        link = os.path.join(self.house.base, "link")
        os.symlink(self.house.root, link)
        other = House(root=self.house.root, settings=None)
        self.addCleanup(shutil.rmtree, other.base)
        other.environment = self.house.environment
        other.root = link
        self.assertEqual(other.status()["pid"], self.house.status()["pid"])
        self.assertEqual(other.wait(code=0)["root"], self.house.root)

    def test_a_root_that_moves_and_comes_back(self):
        self.start()
        self.house.wait(code=0)
        moved = self.house.root + "-moved"
        os.rename(self.house.root, moved)
        with open(os.path.join(moved, "test_good.py"), "w") as file:
            file.write("def test_good():\n    assert 0\n")
        os.rename(moved, self.house.root)
        self.house.wait(code=1)


if __name__ == "__main__":
    main()
