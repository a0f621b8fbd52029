"""The machine around the daemon: no processes to be had, a full /tmp, roots that are file systems or come and go.

What needs file systems of its own plays in a mount namespace, and is skipped where that is not allowed."""

import os
import resource
import shutil
import subprocess
import sys

from house import BUILD, SOURCE, HouseTest, main

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "--"]
INSIDE = "SNIFFER_TEST_INSIDE"
VICTIM = 65533
GOOD = "def test_good():\n    pass\n"
BAD = "def test_good():\n    assert 0\n"


def allowed():
    try:
        return subprocess.run(NAMESPACE + ["mount", "-t", "tmpfs", "none", "/mnt"],
                              stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def in_namespace(test):
    """Runs TEST once more, in a process that may mount."""
    def act(self):
        if os.environ.get(INSIDE):
            test(self)
            return
        if not allowed():
            self.skipTest("no mount namespaces here")
        done = subprocess.run(NAMESPACE + [sys.executable, "-B", __file__, self.id().partition(".")[2]],
                              env=dict(os.environ, **{INSIDE: "1"}), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual(done.returncode, 0, done.stdout)
    return act


class Processes(HouseTest):
    FILES = {"test_good.py": GOOD}

    def test_where_no_process_can_be_had_it_is_told_and_mended(self):
        if os.geteuid() != 0:
            self.skipTest("only root can be somebody who has no other processes")
        for folder, _, names in os.walk(self.house.base):
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                os.chown(path, VICTIM, VICTIM)
        codes = []
        for most in (1, 4, 5, 30):
            with self.subTest(processes=most):
                done = self.poor(most, "wait", "--timeout", "60")
                if "cannot run snifferd" in done.stderr:
                    self.skipTest("the build is closed to others")
                if done.returncode != 0:
                    self.assertIn(done.returncode, (3, 5), done.stdout + done.stderr)
                    self.assertIn("Resource temporarily unavailable", done.stderr)
                codes.append(done.returncode)
                self.poor(30, "stop")
        self.assertEqual((codes[0], codes[-1]), (3, 0), done.stderr + self.house.log())
        self.assertIn(5, codes)

    def poor(self, most, *arguments):
        def become():
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
            os.setgroups([])
            os.setresgid(VICTIM, VICTIM, VICTIM)
            os.setresuid(VICTIM, VICTIM, VICTIM)
        # A sanitizer's look for leaks needs a process of its own.
        return subprocess.run([os.path.join(BUILD, "snifferctl"), "-C", self.house.root, *arguments],
                              env=dict(self.house.environment, ASAN_OPTIONS="detect_leaks=0"),
                              preexec_fn=become,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=120, cwd="/")


class FullTmp(HouseTest):
    FILES = {"test_good.py": GOOD, "m.py": "VALUE = 1\n",
             "test_m.py": "import m\n\ndef test_m():\n    assert m.VALUE == 1\n"}

    def setUp(self):
        super().setUp()
        del self.house.environment["XDG_RUNTIME_DIR"]

    def small_tmp(self, options):
        """A /tmp of its own, through which what is needed of the real one can be seen."""
        os.makedirs("/mnt", exist_ok=True)
        mount("--bind", "/tmp", "/mnt")
        mount("-t", "tmpfs", "-o", options, "none", "/tmp")
        for path in (SOURCE, BUILD, self.house.base):
            path = os.path.realpath(path)
            if path.startswith("/tmp/"):
                os.makedirs(path, exist_ok=True)
                mount("--bind", "/mnt" + path[4:], path)

    @in_namespace
    def test_without_a_byte_in_tmp_all_is_well(self):
        self.small_tmp("size=64k")
        with self.assertRaises(OSError), open("/tmp/full", "wb", 0) as file:
            while True:
                file.write(bytes(4096))
        self.start()
        self.house.wait(code=0)
        self.house.write("m.py", "VALUE = 2\n")
        self.house.wait(code=1)

    @in_namespace
    def test_where_the_socket_cannot_be_made_it_is_told(self):
        self.small_tmp("size=64k,nr_inodes=100")
        with self.assertRaises(OSError):
            for number in range(200):
                open("/tmp/%d" % number, "w").close()
        done = self.house.ctl("start", code=3)
        self.assertIn("/tmp/sniffer-", done.stderr)
        self.assertIn("No space left", done.stderr)
        os.remove("/tmp/0")
        os.remove("/tmp/1")
        os.remove("/tmp/2")
        self.house.ctl("start", code=0)
        self.house.wait(code=0)


class Roots(HouseTest):
    FILES = {"test_good.py": GOOD}

    @in_namespace
    def test_a_root_that_is_a_file_system(self):
        text = self.house.read("pyproject.toml")
        mount("-t", "tmpfs", "none", self.house.root)
        self.house.write("pyproject.toml", text)
        self.house.write("test_good.py", GOOD)
        self.start()
        self.house.wait(code=0)
        self.house.write("test_good.py", BAD)
        self.house.wait(code=1)

    def test_a_root_that_is_deleted_and_put_back(self):
        self.start()
        self.house.wait(code=0)
        copy = os.path.join(self.house.base, "copy")
        for act in ("with its state", "without it"):
            with self.subTest(act):
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(self.house.root, copy, symlinks=True,
                                ignore=None if act == "with its state" else shutil.ignore_patterns(".sniffer"))
                with open(copy + "/test_good.py", "w") as file:
                    file.write(BAD)
                shutil.rmtree(self.house.root)
                os.rename(copy, self.house.root)
                self.house.wait(code=1)
                self.house.write("test_good.py", GOOD)
                self.house.wait(code=0)
                self.assertEqual(self.house.outcomes(), {("test_good.py", "test_good"): "success"})

    def test_another_project_in_its_place(self):
        self.start()
        self.house.wait(code=0)
        other = os.path.join(self.house.base, "other")
        os.mkdir(other)
        shutil.copy(self.house.path("pyproject.toml"), other)
        with open(other + "/test_other.py", "w") as file:
            file.write(BAD)
        os.rename(self.house.root, self.house.root + "-first")
        os.rename(other, self.house.root)
        self.house.wait(code=1)
        self.assertEqual(self.house.outcomes(), {("test_other.py", "test_good"): "failure"})


if __name__ == "__main__":
    main()
