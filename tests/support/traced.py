"""Programs run with the preload shim in them, on a tree of files, and what their log says."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from trace_log import LIBRARY, Log

CC = shutil.which("cc")
# The interpreter itself: a launcher script before it would be traced as well.
PYTHON = os.path.realpath(sys.executable)


@unittest.skipUnless(os.path.exists(LIBRARY), "no tracer was built")
class Traced(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.outer = os.path.realpath(tempfile.mkdtemp(prefix="sniffer-trace-"))
        self.addCleanup(shutil.rmtree, self.outer, ignore_errors=True)
        self.root = self.outer + "/project"
        self.make_tree(self.root)
        self.outside = self.outer + "/outside"
        os.mkdir(self.outside)
        for name, target in (("folder", self.root), ("file", self.root + "/data.txt"),
                             ("file2", "file"), ("folder2", "folder")):
            os.symlink(target, self.outside + "/" + name)
        self.log = Log(self.outer + "/log", self.root)

    @staticmethod
    def make_tree(root):
        os.makedirs(root + "/sub/deep")
        for name in ("data.txt", "other.txt", "sub/inner.txt", "sub/deep/far.txt"):
            with open(root + "/" + name, "w") as file:
                file.write(name)
        os.symlink("data.txt", root + "/link")
        os.symlink("sub", root + "/way")
        with open(root + "/script", "w") as file:
            file.write("#!/bin/sh\ncat data.txt >/dev/null\n")
        os.chmod(root + "/script", 0o755)

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LD_"))}
        return dict(clean, LD_PRELOAD=LIBRARY, SNIFFER_TRACE_LOG=self.log.path,
                    HOME=self.outer, GIT_CONFIG_NOSYSTEM="1", **more)

    def run_traced(self, argv, status=0, **more):
        done = subprocess.run(argv, cwd=self.root, env=self.environment(**more), timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout.decode(errors="replace"))
        self.output = done.stdout.decode(errors="replace")
        return self.log.read()

    def python(self, code, status=0, **more):
        return self.run_traced([PYTHON, "-I", "-S", "-B", "-c", "import os\n" + code], status, **more)

    def shown(self, path):
        return path.replace(self.root, "ROOT", 1).replace(self.outer, "OUTER", 1)

    def kinds(self):
        return {(record.kind, self.shown(record.path)) for record in self.log.records}

    def order(self, path):
        return [record.kind for record in self.log.records if record.path == self.root + "/" + path]

    def assert_told(self, *wanted):
        for kind, path in wanted:
            name = path if path.startswith("OUTER") else "ROOT/" + path if path else "ROOT"
            self.assertIn((kind, name), self.kinds())

    def assert_whole(self):
        self.assertTrue(self.log.whole, vars(self.log))
