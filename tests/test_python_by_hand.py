"""nosetests --with-sniffer and pytest -p sniffer, as a daemon hears of them: all that it should, or nothing."""

import json
import os
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from host_process import PLUGIN, Host, Project, other_pythons  # noqa: E402

FORK = "import os\npid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0)"


class FakeDaemon(threading.Thread):
    """Answers one client as the daemon would, and keeps what it was asked."""

    def __init__(self, path, python, environment):
        super().__init__(daemon=True)
        self._environment = environment
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        self._python = python
        self.asked = {}

    def run(self):
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # nobody came
        stream = client.makefile("rw")
        stream.write('{"jsonrpc":"2.0","method":"hello","params":{}}\n')
        stream.flush()
        for line in stream:
            request = json.loads(line)
            self.asked[request["method"]] = request.get("params")
            result = {"status": {"python": self._python},
                      "record.begin": {"run": 18, "environment": self._environment},
                      "record.end": {}}[request["method"]]
            stream.write(json.dumps({"jsonrpc": "2.0", "id": request["id"],
                                     "result": result}) + "\n")
            stream.flush()
        client.close()

    def close(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.join()
        self._listener.close()


class ByHand(unittest.TestCase):
    framework = python = None  # the latter set by load_tests
    HOSTS = {}
    FILES = {"data.txt": "x", "helper.py": "def f(): pass\n",
             "test_a.py": "import helper\ndef test_a():\n    open('data.txt').close()\n"
                          "    open('out.txt', 'w').close()\n    open('out.txt').close()\n",
             "test_b.py": "def test_b(): assert 0\ndef test_c(): pass\n"}

    def setUp(self):
        self.project = Project(**self.FILES)
        self.addCleanup(self.project.remove)
        self.socket = self.project.outer + "/s"
        self.settle()

    def settle(self, *args):
        """The daemon's workers run with ARGS. What they say of themselves is the same but for the root."""
        key = self.framework, self.python, args
        if key not in self.HOSTS:
            host = Host(self.project, self.python, ["--arg=" + word for word in args],
                        framework=self.framework)
            try:
                self.HOSTS[key] = json.dumps(host.ready().first).replace(self.project.root, "ROOT")
            finally:
                host.close()
        self.first = json.loads(self.HOSTS[key].replace("ROOT", self.project.root))

    def run_it(self, *args, plugin=True, python=None, other=False, **options):
        """What a daemon was told: by method."""
        environment = self.first["environment"]
        if other:
            environment = [[name, value + " -O"] for name, value in environment]
        daemon = FakeDaemon(self.socket, python or self.first["python"], environment)
        daemon.start()
        self.plain(*(self.words(*args) if plugin else args), **options)
        daemon.close()
        os.unlink(self.socket)
        return daemon.asked

    def plain(self, *args, program=None, cwd=".", flags=("-B",), **env):
        command = [self.project.path(program)] if program else ["-m", self.framework]
        done = subprocess.run(
            [self.python, *flags, *command, *args], cwd=self.project.path(cwd),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": PLUGIN, "HOME": self.project.outer,
                 "SNIFFER_SOCKET": self.socket, **env})
        self.printed = done.stdout.decode()

    def told(self, *args, **options):
        """{file: {test: outcome}}; None: nothing was told."""
        self.params = self.run_it(*args, **options).get("record.end")
        return self.params and {file["file"]: {one["test"]: one["outcome"] for one in file["results"]}
                                for file in self.params["files"]}

    def looks(self):
        return {(one["kind"], one["path"]) for one in self.params["looks"]}

    ALL = {"test_a.py": {"test_a": "success"}, "test_b.py": {"test_b": "failure", "test_c": "success"}}

    # -- the same with each of them --------------------------------------------------------

    def test_results_and_looks_of_the_whole_process_are_told(self):
        self.assertEqual(self.told(), self.ALL)
        self.assertEqual(self.params["run"], 18)
        for pair in (("code", "helper.py"), ("code", "test_a.py"), ("content", "data.txt"),
                     ("presence", "setup.cfg"), ("search", "argparse"), ("search", "helper"),
                     ("environment", "distributions")):
            self.assertIn(pair, self.looks())
        self.assertIn("out.txt", self.params["wrote"])
        self.assertNotIn(("content", "out.txt"), self.looks())

    def test_one_file_is_told_whole(self):
        self.assertEqual(self.told("test_b.py"), {"test_b.py": self.ALL["test_b.py"]})
        self.assertNotIn(("code", "helper.py"), self.looks())

    def test_who_is_no_worker_of_this_daemon_tells_nothing(self):
        self.assertIsNone(self.told(other=True))
        self.assertIsNone(self.told(PYTHONOPTIMIZE="1"))
        self.assertEqual(list(self.run_it(python="3.0.0 /elsewhere")), ["status"])

    def test_another_folder_tells_nothing(self):
        self.project.write("tests/test_d.py", "def test_d(): pass\n")
        self.assertIsNone(self.told(cwd="tests", program=self.program()))
        self.assertIsNone(self.told(cwd="tests"))
        self.assertIn("1 passed" if self.framework == "pytest" else "Ran 1 test", self.printed)

    def test_a_part_of_a_file_tells_nothing(self):
        self.assertIsNone(self.told("test_b.py%stest_c" % self.SEPARATOR))

    def test_what_nobody_hears_tells_nothing(self):
        for code in ("import subprocess; subprocess.call(['true'])", "import os; os.system('true')",
                     "import os; os.posix_spawn('/bin/true', ['true'], {})", FORK):
            with self.subTest(code):
                self.project.write("test_b.py", "def test_b():\n" + "".join(
                    "    %s\n" % line for line in code.split("\n")))
                self.assertIsNone(self.told("test_b.py"))

    def test_without_the_plugin_or_a_daemon_nothing_is_said(self):
        self.assertEqual(self.run_it(plugin=False), {})
        self.plain(*self.words())
        self.assertNotIn("sniffer", self.printed.replace(self.project.root, ""))

    def program(self):
        """As pip installs one, in a folder that stands in sys.path where a worker has the root."""
        self.project.write("../bin/run", self.PROGRAM)
        return "../bin/run"

    def test_as_a_program(self):
        self.assertEqual(self.told(program=self.program()), self.ALL)
        self.assertIn(("search", "helper"), self.looks())

    def test_a_program_that_imports_what_a_worker_would_not_tells_nothing(self):
        self.project.write("../bin/other.py", "")
        self.project.write("test_a.py", "import other\ndef test_a(): pass\n")
        self.assertIsNone(self.told("test_a.py", program=self.program()))
        self.assertNotIn("Error", self.printed)
        with self.subTest("or does not find what a worker would"):
            self.project.write("tests/test_d.py", "def test_d():\n    try:\n        import late\n"
                                                  "    except ImportError:\n        pass\n")
            self.assertIsNotNone(self.told("tests/test_d.py", program=self.program()))
            self.project.write("late.py", "")
            told = self.told("tests/test_d.py", program=self.program())
            # nose itself puts the working directory into sys.path.
            self.assertEqual(told is None, self.framework == "pytest")


class NoseByHand(ByHand):
    framework = "nose"
    PROGRAM = "import sys\nfrom nose import main\nsys.exit(main())\n"
    SEPARATOR = ":"

    def words(self, *args):
        return (*args, "--with-sniffer")

    def test_options_that_only_print_do_no_harm(self):
        self.assertEqual(self.told("-v", "--nologcapture"), self.ALL)

    def test_what_is_not_as_a_worker_runs_it_tells_nothing(self):
        for option in ("--stop", "--processes=2", "--exclude=b", "--with-doctest", "--collect-only"):
            with self.subTest(option):
                self.assertIsNone(self.told(option))
        self.project.write("setup.cfg", "[nosetests]\nstop=1\n")
        self.assertIsNone(self.told())

    def test_arguments_of_the_settings_are_to_be_given(self):
        self.settle("--exclude=b")
        self.assertIsNone(self.told())
        self.assertIsNone(self.told("--exclude=a"))
        self.assertEqual(self.told("--exclude=b", "-v"), {"test_a.py": self.ALL["test_a.py"]})


class PytestByHand(ByHand):
    framework = "pytest"
    PROGRAM = "import sys\nfrom pytest import console_main\nsys.exit(console_main())\n"
    SEPARATOR = "::"

    def words(self, *args):
        return ("-p", "sniffer", *args)

    def test_options_that_only_print_do_no_harm(self):
        self.assertEqual(self.told("-vv", "--tb=short", "-rA", "--durations=3", "--color=yes", "--no-header",
                                   "--junitxml=../out.xml"), self.ALL)

    def test_what_is_not_as_a_worker_runs_it_tells_nothing(self):
        for words in ("-k test", "-m not_slow", "-x", "--maxfail=9", "--lf", "--ff",
                      "--deselect test_b.py::test_c", "-p no:doctest", "-o addopts=", "-s", "--rootdir ..",
                      "--import-mode=append", "-c /dev/null", "--collect-only"):
            with self.subTest(words):
                self.assertIsNone(self.told(*words.split()))
                self.assertRegex(self.printed, r"\b(passed|failed|collected|selected)\b")

    def test_what_plugins_would_do_to_many_files_tells_nothing(self):
        self.project.write("many.py", """
            def pytest_addoption(parser):
                parser.addoption('--many', dest='numprocesses', type=int)
                parser.addoption('--cov', dest='cov_source', action='append', default=[])
            """)
        self.settle("-p", "many")
        self.assertEqual(self.told("-p", "many"), self.ALL)
        self.assertIsNone(self.told("-p", "many", "--many=2"))
        self.assertIsNone(self.told("-p", "many", "--cov=helper"))
        self.assertIsNone(self.told("-p", "many", PYTEST_XDIST_WORKER="gw0"))

    def test_what_was_loaded_before_anybody_listened_tells_nothing(self):
        self.settle("-p", "helper")
        self.assertEqual(self.told("-p", "helper"), self.ALL)
        self.assertIsNone(self.told("-p", "helper", "-p", "sniffer", plugin=False))
        self.assertIn("1 failed", self.printed)

    def test_the_settings_options_are_a_worker_s(self):
        self.project.write("pytest.ini", "[pytest]\naddopts = -k 'not test_c'\n")
        self.assertEqual(self.told(), {"test_a.py": self.ALL["test_a.py"], "test_b.py": {"test_b": "failure"}})
        self.assertIn(("content", "pytest.ini"), self.looks())
        self.project.write("conftest.py", "def pytest_addoption(parser):\n"
                           "    parser.addoption('--cov', dest='cov_source', action='append')\n")
        for words in ("-x", "--cov=helper", "test_b.py::test_c"):
            with self.subTest(words):
                self.project.write("pytest.ini", "[pytest]\naddopts = %s\n" % words)
                self.assertIsNone(self.told())
                self.assertRegex(self.printed, r"\b(passed|failed)\b")

    def test_arguments_of_the_settings_are_to_be_given(self):
        self.settle("-k", "not test_c")
        self.assertIsNone(self.told())
        self.assertIsNone(self.told("-k", "not test_b"))
        self.assertEqual(self.told("-v", "-k", "not test_c", "test_b.py"), {"test_b.py": {"test_b": "failure"}})

    def test_settings_and_conftest_files_of_a_folder_alone_tell_nothing(self):
        self.project.write("deep/test_d.py", "def test_d(): pass\n")
        deep = {"deep/test_d.py": {"test_d": "success"}}
        self.assertEqual(self.told("deep"), deep)
        self.assertIn(("presence", "deep/pytest.ini"), self.looks())
        for name, text in (("pytest.ini", "[pytest]\n"), ("setup.py", ""),
                           ("conftest.py", "def pytest_sessionstart(): pass\n"),
                           ("conftest.py", "def pytest_addoption(parser): pass\n")):
            with self.subTest(text):
                path = self.project.write("deep/" + name, text)
                self.assertIsNone(self.told("test_b.py", "."))
                os.unlink(path)
        self.project.write("deep/conftest.py", "def pytest_runtest_setup(item): pass\n")
        self.assertEqual(self.told(), {**self.ALL, **deep})
        self.assertIn(("code", "deep/conftest.py"), self.looks())

    def test_a_run_that_did_not_come_to_its_end_tells_nothing(self):
        for text in ("import nothing_here\n", "def test_d(): raise KeyboardInterrupt\n",
                     "import pytest\ndef test_d(): pytest.exit('enough', 0)\n",
                     "import pytest\n@pytest.fixture(scope='session')\ndef f():\n    yield\n    assert 0\n"
                     "def test_d(f): pass\n"):
            with self.subTest(text):
                self.project.write("test_d.py", text)
                self.assertIsNone(self.told())
        os.unlink(self.project.path("test_d.py"))
        self.project.write("conftest.py", "def pytest_runtestloop(session): session.shouldstop = 'enough'\n")
        self.assertIsNone(self.told())

    def test_what_pytest_keeps_for_itself_is_no_evidence(self):
        self.project.write("test_a.py", "def test_a(tmp_path, request):\n    (tmp_path / 'x').write_text('x')\n"
                                        "    request.config.cache.get('own/key', 1)\n")
        for _ in range(2):
            self.assertEqual(self.told(), self.ALL)
        paths = [path for _, path in self.looks()]
        self.assertFalse([path for path in paths if "pytest-of-" in path or ".pytest_cache/v/cache" in path])
        self.assertIn(".pytest_cache/v/own/key", paths)

    def test_bytecode_of_pytest_s_is_not_believed(self):
        self.plain(flags=(), PYTHONDONTWRITEBYTECODE="")
        self.assertTrue(os.listdir(self.project.path("__pycache__")))
        path = self.project.path("test_b.py")
        times = os.stat(path)
        self.project.write("test_b.py", self.FILES["test_b.py"].replace("assert 0", "assert 1"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.assertEqual(self.told("test_b.py"), {"test_b.py": {"test_b": "success", "test_c": "success"}})


def load_tests(loader, standard, pattern):
    suite = unittest.TestSuite()
    pythons = {os.path.realpath(python): python
               for python in ("/usr/bin/python3", sys.executable, *other_pythons())}
    for case in (NoseByHand, PytestByHand):
        for python in pythons.values():
            name = "%s[%s]" % (case.__name__, python)
            if subprocess.call([python, "-c", "import " + case.framework], stderr=subprocess.DEVNULL) == 0:
                suite.addTests(loader.loadTestsFromTestCase(type(name, (case,), {"python": python})))
    return suite


if __name__ == "__main__":
    unittest.main()
