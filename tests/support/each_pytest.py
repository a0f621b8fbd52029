"""Tests that run with every interpreter that has a pytest; SNIFFER_TEST_PATHS names folders with
more of them (best called site-packages), tried with each interpreter."""

import os
import subprocess
import sys
import unittest

from host_process import HostCase, other_pythons


class PytestCase(HostCase):
    framework = "pytest"
    folder, version = None, (0, 0)  # set by load_tests

    def environment(self):
        return {"PYTHONPATH": self.folder} if self.folder else {}

    def plain(self, *args):
        env = dict(os.environ, HOME=self.project.outer, **self.environment())
        env["PYTHONPATH"] = ":".join(filter(None, [self.folder, self.project.outer]))
        return subprocess.run(
            [self.python, "-B", "-m", "pytest", "-p", "no:cacheprovider", *args], env=env,
            cwd=self.project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()


def _version(python, folder):
    env = dict(os.environ, PYTHONPATH=folder) if folder else os.environ
    told = subprocess.run([python, "-c", "import sys, pytest; assert sys.version_info >= (3, 8);"
                           "print(pytest.__version__)"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env=env)
    if told.returncode != 0:
        return None
    return tuple(int(word) for word in told.stdout.decode().split(".")[:2])


def _pairs():
    pythons = ["/usr/bin/python3", sys.executable] + other_pythons()
    folders = [""] + list(filter(None, os.environ.get("SNIFFER_TEST_PATHS", "").split(":")))
    for python in {os.path.realpath(path): path for path in pythons}.values():
        for folder in folders:
            yield python, folder


def _missing(label):
    def test(self):
        self.skipTest("no pytest for " + label)
    return test


def load_tests_of(*cases, once=()):
    """What a module's load_tests should be: each of CASES for each pytest that is here, and ONCE."""
    def load_tests(loader, standard, pattern):
        tests = unittest.TestSuite(map(loader.loadTestsFromTestCase, once))
        missing = {}
        for python, folder in _pairs():
            version = _version(python, folder)
            label = (python + " " + folder).strip()
            if version is None:
                missing["test_with_" + label] = _missing(label)
                continue
            for case in cases:
                members = {"python": python, "folder": folder, "version": version}
                tests.addTests(loader.loadTestsFromTestCase(
                    type("%s[%s]" % (case.__name__, label), (case,), members)))
        absent = type("Missing", (unittest.TestCase,), missing)
        tests.addTests(loader.loadTestsFromTestCase(absent))
        return tests
    return load_tests
