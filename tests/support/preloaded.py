"""Tests of the tracer inside a Python interpreter: forked children, as a host forks them, that
attach themselves to a log by name."""

import os
import shutil
import sys
import tempfile
import textwrap
import traceback
import types
import unittest

from each_python import INSIDE
from trace_log import LIBRARY, Log


def main():
    """Instead of unittest.main(): inside, the interpreter begins again with the tracer in it."""
    if os.environ.get(INSIDE) and os.path.exists(LIBRARY) and not os.environ.get("LD_PRELOAD"):
        os.environ.pop("SNIFFER_TRACE_LOG", None)
        os.environ["LD_PRELOAD"] = LIBRARY
        os.execv(sys.executable, [sys.executable, "-B"] + sys.argv)
    unittest.main()


@unittest.skipUnless(os.path.exists(LIBRARY), "no tracer was built")
class Forked(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.outer = os.path.realpath(tempfile.mkdtemp(prefix="sniffer-test-"))
        self.addCleanup(shutil.rmtree, self.outer, ignore_errors=True)
        self.folder = self.outer + "/project"
        os.mkdir(self.folder)
        self.count = 0
        self.log = Log(self.outer + "/log", self.folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def load(self, text, file=None):
        """A module made of TEXT, in a file of its own."""
        self.count += 1
        module = types.ModuleType("m%d" % self.count)
        module.__file__ = file or self.write(module.__name__ + ".py", text)
        sys.modules[module.__name__] = module
        self.addCleanup(sys.modules.pop, module.__name__, None)
        exec(compile(text, module.__file__, "exec", dont_inherit=True), module.__dict__)
        return module

    def fork(self, work):
        """What WORK returns, a text, in a child; what it raises is in it."""
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                try:
                    text = work() or ""
                except BaseException:
                    text = traceback.format_exc()
                with open(writer, "w", closefd=False) as file:
                    file.write(text)
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as file:
            text = file.read()
        self.status = os.waitpid(pid, 0)[1]
        return text

    def traced(self, work):
        """The same in a child that belongs to the log."""
        def inside():
            sys.audit("sniffer.begin", self.log.path)
            sys.audit("sniffer.blocks", 1)
            text = work()
            sys.audit("sniffer.blocks", 0)
            sys.audit("sniffer.end")
            return text

        text = self.fork(inside)
        self.log.read()
        self.assertEqual((self.status, self.log.lost), (0, 0), text)
        return text

    def codes(self):
        """(file, first line, name) of each code object that was told, in order."""
        return [(*record.path.split("\0"), record.seen[2])
                for record in self.log.records if record.kind == "code"]

    def names(self):
        return {name for _, name, _ in self.codes()}

    def whole(self):
        return [record.detail for record in self.log.records if record.kind == "whole"]
