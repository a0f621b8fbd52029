"""Layers: what all runs of a folder begin with is executed once, and nobody can tell.

Whether two runs come from one layer is seen by the time at which the conftest file, or a plugin of
nose, was loaded: it is part of the name of a test."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from host_process import Host, Project, other_pythons, python_with_nose  # noqa: E402
from sniffer_plugin import layers, telling  # noqa: E402

BORN = "import time\nBORN = time.perf_counter_ns()\n"
TEST = """
import pytest
from conftest import BORN
@pytest.mark.parametrize('born', [BORN])
def test_born(born): pass
"""
TRIES = 100


def python_with_pytest():
    for path in ["/usr/bin/python3", sys.executable, *other_pythons()]:
        if os.path.exists(path) and subprocess.call(
                [path, "-c", "import pytest"], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL) == 0:
            return path
    return None


def born(run):
    [name] = [name for name in run.outcomes if name.startswith("test_born")]
    return name


class Layers:
    """What holds for each framework whose runs share their beginning."""

    CONFTEST = "conftest.py"  # what is loaded before the runs part
    TEST = TEST

    def setUp(self):
        self.project = Project()
        self.addCleanup(self.project.remove)

    def host(self, *args):
        host = Host(self.project, self.PYTHON, ["--arg=" + word for word in args],
                    framework=self.FRAMEWORK).ready()
        self.addCleanup(host.close)
        return host

    def write(self, conftest, *names):
        self.project.write(self.CONFTEST, BORN + conftest)
        for name in names or ("test_a.py", "test_b.py"):
            self.project.write(name, self.TEST)

    def layered(self, host, file="test_a.py"):
        """The first run from a layer that has served before: no layer is made of what was saved
        this very moment."""
        before = None
        for _ in range(TRIES):
            run = host.run(file)
            if born(run) == before:
                return run
            before = born(run)
        raise AssertionError("there is no layer")

    def test_runs_of_a_folder_come_from_one_layer(self):
        self.write("")
        host = self.host()
        first = self.layered(host)
        other = host.run("test_b.py")
        self.assertEqual(born(other), born(first))
        self.assertNotEqual(other.reports[0]["pid"], first.reports[0]["pid"])
        self.assertEqual(other.outcomes, {born(first): "success"})
        self.assertTrue(other.done)

    def test_evidence_is_that_of_a_run_without_a_layer(self):
        self.project.write("data.txt", "1")
        self.project.write("helper.py", "def used(): return 1\ndef unused(): pass\n")
        self.write("import os, helper, tempfile\nopen('data.txt').read()\nos.listdir('.')\n"
                   "with tempfile.TemporaryFile() as file: os.fstat(file.fileno())\n"
                   + self.LATER % "helper.used()")
        alone = self.host().run("test_b.py")
        host = self.host()
        self.layered(host, "test_a.py")
        run = host.run("test_b.py")
        # The folder for temporary files counts where it is older than the run.
        changing = {("existence", os.path.realpath(tempfile.gettempdir()))}
        self.assertEqual((set(run.looks) ^ set(alone.looks)) - changing, set())
        self.assertEqual({look["path"]: look["ran"] for look in run.stream if "ran" in look},
                         {look["path"]: look["ran"] for look in alone.stream if "ran" in look})
        self.assertIn("content", run.kinds("data.txt"))
        self.assertIn("code", run.kinds("helper.py"))
        self.assertFalse(run.kinds("test_a.py"))

    CHANGES = (
        # what the conftest file does, what is changed
        ("import helper\n", "helper.py", "VALUE = 2\n"),
        ("open('data.txt').read()\n", "data.txt", "2"),
        ("import os\nos.path.exists('switch')\n", "switch", ""),
        ("import os\nos.listdir('folder')\n", "folder/new", ""),
        ("try:\n import absent\nexcept ImportError: pass\n", "absent.py", ""),
        ("import subprocess\nsubprocess.check_output(['cat', 'data.txt'])\n", "data.txt", "2"),
        ("", "setup.cfg", "[other]\n"),
    )

    def test_what_it_looked_at_renews_a_layer(self):
        for conftest, changed, text in self.CHANGES:
            with self.subTest(conftest=conftest, changed=changed):
                shutil.rmtree(self.project.root)
                self.begin()
                for name in ("helper.py", "data.txt", "folder/old", ".sniffer/x"):
                    self.project.write(name, "1")
                self.write(conftest)
                host = self.host()
                first = self.layered(host)
                self.project.write(changed, text)
                self.assertNotEqual(born(host.run("test_a.py")), born(first))

    def test_another_beginning_renews_a_layer(self):
        self.write("")
        host = self.host()
        first = self.layered(host)
        self.write("CHANGED = 1\n", "test_b.py")
        self.assertNotEqual(born(host.run("test_a.py")), born(first))

    def test_what_it_did_not_look_at_renews_nothing(self):
        self.write("")
        host = self.host()
        first = self.layered(host)
        self.project.write("notes.txt", "1")
        self.project.write("test_a.py", self.TEST + "def test_more(): pass\n")
        os.rename(self.project.write("draft", self.TEST), self.project.path("test_b.py"))
        self.assertEqual(born(host.run("test_b.py")), born(first))
        run = host.run("test_a.py")
        self.assertEqual(run.outcomes, {born(first): "success", "test_more": "success"})

    UNFIT = (
        "import threading\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n",
        "open('written', 'w').write('1')\n",
        "import random\nrandom.seed(1)\n",
        "import random\nrandom.random()\n",
        "import uuid\nuuid.uuid4()\n",
        "import secrets\nsecrets.token_hex()\n",
        "import sys\nlist(sys.argv)\n",
        "import sys\nsys.argv[-1]\n",
        "import sys\nsys.argv + ['more']\n",
        "import sys\nstr(sys.argv)\n",
        "import os\nos.getpid()\n",
        "FILE = open('data.txt')\n",
        "import socket\nPAIR = socket.socketpair()\n",
        "import subprocess\nLEFT = subprocess.Popen(['sleep', '600'])\n",
        "import os\nos.path.exists('test_a.py')\n",
    )

    def test_what_a_second_run_could_tell_is_done_in_each(self):
        self.project.write("data.txt", "1")
        for conftest in self.UNFIT:
            with self.subTest(conftest=conftest):
                self.write(conftest, "test_a.py")
                host = self.host()
                before = set()
                for _ in range(TRIES):
                    run = host.run("test_a.py")
                    self.assertNotIn(born(run), before)
                    self.assertEqual(run.outcomes, {born(run): "success"})
                    before.add(born(run))
                    # No layer is even tried of what was saved this very moment.
                    if host.warm(lambda warm: warm["spares"])["without"]:
                        break
                self.assertEqual(host.warm(lambda _: True)["layers"], 0)
                self.assertTrue(host.warm(lambda _: True)["without"])

    def test_a_module_of_the_host_s_comes_from_the_project_once_it_is_there(self):
        self.write("", "test_a.py")
        self.project.write("test_b.py", "import resource\n" + self.TEST +
                           "def test_own(): assert resource.OWN\n")
        host = self.host()
        self.layered(host)
        self.assertEqual(host.run("test_b.py").outcomes["test_own"], self.RAISES)
        self.project.write("resource.py", "OWN = 1\n")
        self.assertEqual(host.run("test_b.py").outcomes["test_own"], "success")
        os.unlink(self.project.path("resource.py"))
        self.assertEqual(host.run("test_b.py").outcomes["test_own"], self.RAISES)


@unittest.skipUnless(python_with_pytest(), "no interpreter with pytest here")
class PytestTest(Layers, unittest.TestCase):
    FRAMEWORK = "pytest"
    PYTHON = python_with_pytest()
    LATER = "def pytest_configure(config): %s\n"
    RAISES = "failure"

    def begin(self):
        pass

    def test_another_folder_has_another_layer(self):
        self.write("", "test_a.py", "below/test_b.py")
        host = self.host()
        first = self.layered(host)
        self.assertNotEqual(born(self.layered(host, "below/test_b.py")), born(first))
        self.assertEqual(born(host.run("test_a.py")), born(first))

    def test_each_run_knows_its_own_file(self):
        self.write("def pytest_configure(config): config.seen = list(config.args)\n")
        self.project.write("test_c.py", TEST + """
import sys
def test_words(request):
    config = request.config
    assert config.args == config.seen == [__file__]
    assert config.invocation_params.args == ('-v', __file__)
    assert config.option.file_or_dir == [__file__]
    assert sys.argv[1:] == ['-v', __file__]
""")
        host = self.host("-v")
        first = self.layered(host)
        self.assertEqual(host.run("test_c.py").outcomes,
                         {born(first): "success", "test_words": "success"})

    BEGIN = "def pytest_report_header(config): config.began = time.perf_counter_ns()\n"
    BEGAN = """
import pytest
@pytest.fixture
def began(request): return request.config.began
@pytest.mark.parametrize('name', ['began'])
def test_began(name, began):
    with open('began', 'a') as file: print(began, file=file)
"""

    def begins(self, conftest):
        """When the sessions of three runs from a layer began."""
        self.write(self.BEGIN + conftest, "test_a.py")
        self.project.write("test_b.py", self.BEGAN)
        host = self.host()
        self.layered(host)
        for _ in range(3):
            self.assertEqual(host.run("test_b.py").outcomes, {"test_began[began]": "success"})
        with open(self.project.path("began")) as file:
            return file.read().split()

    def test_a_session_is_begun_once(self):
        self.assertEqual(len(set(self.begins(""))), 1)

    TOO_FAR = (
        "def pytest_configure(config): config.first = config.args[0]\n",
        "def pytest_configure(config): config.first = repr(config.invocation_params)\n",
        "def pytest_sessionstart(session): session.config.args.append(session.config.args.pop())\n",
        "def pytest_sessionstart(session): session.config.option.file_or_dir.copy()\n",
        "def pytest_sessionstart(session): open('written', 'w').close()\n",
        "def pytest_configure(config): config.cache.set('kept/here', 1)\n",
        "def pytest_sessionstart(session): session.config._tmp_path_factory.mktemp('own')\n",
        "import random\ndef pytest_configure(config): random.seed(1)\n",
    )

    def test_a_session_that_runs_would_have_their_own_of_is_begun_by_each(self):
        for conftest in self.TOO_FAR:
            with self.subTest(conftest=conftest):
                shutil.rmtree(self.project.root)
                self.assertEqual(len(set(self.begins(conftest))), 3)

    def test_folders_of_a_run_are_its_own(self):
        self.write("", "test_a.py")
        self.project.write("test_b.py", TEST + """
import os
def test_folders(request, tmp_path, cache):
    assert not os.listdir(tmp_path)
    assert tmp_path.name == 'test_folders0'
    assert cache.get('kept/here', None) is None
    cache.set('kept/here', 1)
    (tmp_path / 'left').write_text('1')
    if not os.path.exists('well'):
        os._exit(1)
""")
        host = self.host()
        self.layered(host)
        host.run("test_b.py")
        self.project.write("well", "")
        self.assertEqual(set(host.run("test_b.py").outcomes.values()), {"success"})

    def test_what_is_printed_is_each_run_s_own(self):
        self.write("print('loaded')\n", "test_a.py")
        self.project.write("test_b.py", TEST + """
import os
def test_b():
    print('from b')
    os.write(1, b'more from b')
    os._exit(0)
""")
        self.project.write("test_c.py", TEST + """
import sys
sys.stdout.flush()
with open('/proc/self/fd/1') as file:
    PRINTED = file.read()
def test_c():
    assert PRINTED == 'loaded\\n'
""")
        host = self.host()
        first = self.layered(host)
        self.assertFalse(host.run("test_b.py").done)
        run = host.run("test_c.py")
        self.assertEqual(run.outcomes, {born(first): "success", "test_c": "success"})

    def test_what_is_printed_waits_for_no_disk(self):
        self.write("", "test_a.py")
        self.project.write("test_b.py", TEST + """
import os, stat
IN_MEMORY = os.stat(os.memfd_create('')).st_dev
def test_b():
    for fd in (1, 2):
        status = os.fstat(fd)
        assert status.st_dev == IN_MEMORY
        assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (0o600, 0)
""")
        host = self.host()
        first = self.layered(host)
        run = host.run("test_b.py")
        self.assertEqual(run.outcomes, {born(first): "success", "test_b": "success"})

    def test_what_is_warm_is_told(self):
        self.write("", "fine/test_a.py")
        self.project.write("conftest.py", "")
        self.project.write("fine/conftest.py", BORN)
        self.project.write("bad/conftest.py", BORN + "import random\nrandom.seed(1)\n")
        self.project.write("bad/test_b.py", TEST)
        host = self.host()
        self.assertEqual(host.warm(lambda warm: warm["spares"] == 1),
                         {"report": "warm", "spares": 1, "layers": 0, "without": [], "more": 0})
        self.layered(host, "fine/test_a.py")
        self.assertEqual(host.warm(lambda warm: warm["spares"])["layers"], 1)
        host.run("bad/test_b.py")
        warm = host.warm(lambda warm: warm["spares"])
        self.assertEqual((warm["layers"], warm["without"]), (
            1, [{"folder": "bad", "why": "random numbers are drawn, or seeded"}]))
        self.project.write("bad/conftest.py", BORN)
        self.layered(host, "bad/test_b.py")
        warm = host.warm(lambda warm: warm["spares"])
        self.assertEqual((warm["layers"], warm["without"]), (2, []))

    def test_a_broken_conftest_file_is_told_in_each_run(self):
        self.write("")
        host = self.host()
        self.layered(host)
        self.project.write("conftest.py", "raise KeyError('gone')\n")
        for _ in range(2):
            self.assertEqual(host.run("test_a.py").outcomes, {"(conftest)": "error"})
        self.write("")
        self.assertEqual(set(host.run("test_a.py").outcomes.values()), {"success"})


class _Ready:
    """A layer that is there."""

    control, ready, why, old = 3, True, None, False

    def __init__(self, key):
        self.key = key

    def left(self):
        return None

    def holds(self):
        return True

    def went_too_far(self):
        return False

    def is_old(self):
        return self.old

    def close(self):
        self.control = -1


PLUGIN = """
from nose.plugins import Plugin
class Born(Plugin):
    def options(self, parser, env): pass
    def configure(self, options, conf):
        self.conf = conf
        self.enabled = True
"""


@unittest.skipUnless(python_with_nose(), "no interpreter with nose here")
class NoseTest(Layers, unittest.TestCase):
    FRAMEWORK = "nose"
    PYTHON = python_with_nose()
    CONFTEST = "plug.py"
    TEST = """
from plug import BORN
def check(born): pass
def test_born(): yield check, BORN
"""
    LATER = "Born.prepareTestLoader = lambda self, loader: %s and None\n"
    RAISES = "error"
    UNFIT = (*Layers.UNFIT, "Born.begin = lambda self: list(self.conf.testNames)\n",
             "Born.begin = lambda self: self.conf.testNames.append('plug.py')\n",
             "Born.begin = lambda self: setattr(self.conf, 'testNames', ['tes' 't_a.py'])\n")

    def setUp(self):
        super().setUp()
        self.begin()

    def begin(self):
        """A project that has a plugin of nose, and is installed for development."""
        self.project.write("p.egg-info/PKG-INFO", "Metadata-Version: 1.0\nName: p\nVersion: 1\n")
        self.project.write("p.egg-info/entry_points.txt", "[nose.plugins.0.10]\np = plug:Born\n")

    def write(self, conftest, *names):
        super().write(PLUGIN + conftest, *names)

    def test_all_folders_have_one_layer(self):
        self.write("", "test_a.py", "package/test_c.py")
        self.project.write("below/test_b.py", self.TEST + "def test_b(): pass\n")
        self.project.write("package/__init__.py", "")
        host = self.host()
        first = self.layered(host)
        self.assertEqual(host.run("below/test_b.py").outcomes,
                         {born(first): "success", "test_b": "success"})
        self.assertEqual(host.run("package/test_c.py").outcomes, {born(first): "success"})

    def test_each_run_knows_its_own_file(self):
        self.write("", "test_a.py")
        self.project.write("package/__init__.py", "SET_UP = []\ndef setup(): SET_UP.append(1)\n")
        self.project.write("package/test_c.py", self.TEST + """
import sys
from package import SET_UP
def test_words():
    assert sys.argv[1:] == ['-v', __file__], sys.argv
    assert SET_UP == [1]
""")
        host = self.host("-v")
        first = self.layered(host)
        self.assertEqual(host.run("package/test_c.py").outcomes,
                         {born(first): "success", "test_words": "success"})

    def test_evidence_of_another_folder_s_run_is_none(self):
        os.symlink("real", self.project.path("link"))
        self.write("", "real/test_a.py", "other/test_b.py")
        host = self.host()
        self.layered(host, "link/test_a.py")
        run = host.run("other/test_b.py")
        self.assertEqual({path for _, path in run.looks if path.startswith(("link", "real"))},
                         set())

    def test_a_folder_s_module_of_the_host_s_is_its_own_tests(self):
        self.write("", "test_a.py")
        self.project.write("below/resource.py", "OWN = 1\n")
        self.project.write("below/test_b.py", "import resource\n" + self.TEST +
                           "def test_own(): assert resource.OWN\n")
        host = self.host()
        self.layered(host)
        self.assertEqual(host.run("below/test_b.py").outcomes["test_own"], "success")

    def test_settings_that_are_broken_are_told_in_each_run(self):
        self.write("", "test_a.py")
        host = self.host()
        self.layered(host)
        self.project.write("setup.cfg", "[nosetests]\nverbosity=much\n")
        for _ in range(2):
            self.assertEqual(host.run("test_a.py").outcomes, {"(settings)": "error"})
        os.unlink(self.project.path("setup.cfg"))
        self.assertEqual(set(host.run("test_a.py").outcomes.values()), {"success"})


class TellingTest(unittest.TestCase):
    def test_the_line_is_written_whole(self):
        without = [("folder%d" % number, "x" * 90) for number in range(100)]
        line = telling.warm_line(1, 4, without)
        self.assertLess(len(line), select.PIPE_BUF)
        told = json.loads(line)
        self.assertGreater(len(told["without"]), 20)
        self.assertEqual(len(told["without"]) + told["more"], 100)


class BoundsTest(unittest.TestCase):
    def setUp(self):
        self.layers = layers.Layers()
        self.all = [_Ready("/%d" % number) for number in range(6)]

    def test_the_one_that_was_used_longest_ago_makes_room(self):
        for layer in self.all[:4]:
            self.assertTrue(self.layers.have_room('/x'))
            self.layers.add(layer)
        self.layers.of("/0")
        self.assertTrue(self.layers.have_room('/x'))
        self.layers.add(self.all[4])
        self.assertEqual([layer.key for layer in self.layers], ["/2", "/3", "/0", "/4"])
        self.assertEqual(self.all[1].control, -1)

    def test_where_memory_is_short_there_are_none(self):
        self.layers.add(self.all[0])
        with unittest.mock.patch.object(layers, "_available", lambda: 0.01):
            self.assertFalse(self.layers.have_room('/x'))
        self.assertEqual(list(self.layers), [])
        self.assertEqual(self.layers.without(), [("/x", "too little memory is free")])
        self.assertTrue(self.layers.have_room('/x'))
        self.assertEqual(self.layers.without(), [])

    def test_one_that_is_old_is_made_anew(self):
        self.layers.add(self.all[0])
        self.assertIs(self.layers.of("/0"), self.all[0])
        self.all[0].old = True
        self.assertIsNone(self.layers.of("/0"))
        self.assertEqual(self.all[0].control, -1)

    def test_what_nobody_uses_is_put_away(self):
        self.layers.add(self.all[0])
        self.assertFalse(self.layers.put_away(False))
        with unittest.mock.patch.object(layers, "_IDLE", 0):
            self.assertEqual(self.layers.left(), 0)
            self.assertTrue(self.layers.put_away(False))
        self.assertEqual(self.all[0].control, -1)
        self.assertIsNone(self.layers.left())


if __name__ == "__main__":
    unittest.main()
