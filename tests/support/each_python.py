"""Tests that run under every interpreter that is here, each in a process of its own."""

import functools
import os
import subprocess
import sys
import unittest

from host_process import other_pythons

VERSIONS = [(3, minor) for minor in range(8, 15)]
INSIDE = "SNIFFER_TEST_INSIDE"


def _version(python):
    try:
        told = subprocess.run([python, "-c", "import sys; print(*sys.version_info[:2])"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(map(int, told.stdout.split()))


@functools.lru_cache(maxsize=None)
def _found():
    """Path -> version."""
    pythons = ["/usr/bin/python3", sys.executable] + other_pythons()
    return {python: _version(python)
            for python in {os.path.realpath(path): path for path in pythons}.values()}


def pythons_of(version):
    return [python for python, found in _found().items() if found == version]


def _running(python, file):
    def test(self):
        run = subprocess.run([python, "-B", file], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, env=dict(os.environ, **{INSIDE: "1"}))
        self.assertEqual(run.returncode, 0, run.stdout.decode(errors="replace"))
    return test


def _missing(version):
    @unittest.skip("no Python %d.%d here" % version)
    def test(self):
        pass
    return test


def load_tests_of(file):
    """What a module's load_tests should be: outside a test for each interpreter, inside FILE's
    own. A version that is not here is a skipped test."""
    def load_tests(loader, standard, pattern):
        if os.environ.get(INSIDE):
            return standard
        tests = {}
        for version in VERSIONS:
            pythons = pythons_of(version)
            for python in pythons:
                name = "test_with_" + "".join(c if c.isalnum() else "_" for c in python)
                tests[name] = _running(python, os.path.abspath(file))
            if not pythons:
                tests["test_with_%d_%d" % version] = _missing(version)
        return loader.loadTestsFromTestCase(type("EachPython", (unittest.TestCase,), tests))
    return load_tests
