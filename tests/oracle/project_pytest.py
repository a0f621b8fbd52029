"""Random pytest projects, made from a seed: those of project.py with conftest files and settings.

A test is named after the value that was looked at where pytest collects it, and some are named after
what a conftest file looked at, or fail with the value of a fixture. A name is asked for wherever it
is: what a conftest file further up or down offers shows as well."""

import os

import project
from project import number

PLACES = ["", "tests", "tests_flat", "app", "app/tests"]
SETTINGS = ["pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml"]

HEAD = project.HEAD + """\
import pytest

NAMED = {}

def named(look):
    def put(function):
        NAMED[function.__name__] = look
        return function
    return put

def ours(paths):
    start = os.getcwd()
    return [os.path.relpath(path, start) for path in paths if path and (path + "/").startswith(start + "/")]

"""
GENERATES = """\
def pytest_generate_tests(metafunc):
    if metafunc.function.__name__ in NAMED:
        metafunc.parametrize("value", [0], ids=[str(attempt(NAMED[metafunc.function.__name__]))])

"""
# What runs from one layer could share, or not have.
LOOKS = {
    "path": "ours(sys.path)",
    "loaded": "sorted(n for n in sys.modules if n.partition('.')[0] in "
              "('app', 'util', 'helper', 'opt_a', 'opt_b', 'conftest', 'tests', 'far', 'json', 'csv'))",
    "conftest": "__import__('conftest').SEEN",
    "environment": "os.environ.get('CONFTEST')",
    "set": "getattr(unittest, 'conftest', None)",
    "counted": "getattr(unittest, 'count', 0)",
    "random": "__import__('random').Random(3).random()",
    "folder": "os.path.relpath(os.getcwd(), os.path.dirname(os.path.abspath(__file__)))",
}
# After these no layer is kept: they leave a file open, or draw random numbers.
_UNFIT = ("low", "folder", "database", "copy", "c_map", "c_read", "attached", "written")
OPTIONS = ["", "", "--import-mode=importlib", "--import-mode=append", "--import-mode=prepend",
           "-p no:doctest", "-p opt_a", "-p util", "--confcutdir=tests", "--noconftest", "-W error",
           "--doctest-modules", "-k test_f", "--strict-markers", "-v", "--rootdir=app"]
PYTHON_PATHS = ["", "", "lib", "extra", "lib extra", "app", "tests"]


def fill(rng, look):
    return look.format(
        module=rng.choice(project.MODULES), function="f%d" % rng.randrange(3),
        data=rng.choice(project.DATA), flag=rng.choice(project.FLAGS),
        optional=rng.choice(project.OPTIONAL), shadow=rng.choice(project.SHADOWS), number=number(rng))


def looks(children=False, native=False):
    return dict(project.looks(children, native),
                **{"pytest_" + name: look for name, look in LOOKS.items()})


# ---- test files ----

_OF_CONFTESTS = [
    "def test_fixture(fix):\n    assert fix is None, fix\n",
    "def test_even(fix):\n    assert fix % 2, fix\n",
    "def test_other(other):\n    assert other is None, other\n",
    "def test_configured(pytestconfig):\n    assert getattr(pytestconfig, 'seen', 0) is None, "
    "pytestconfig.seen\n",
    "def test_options(pytestconfig):\n    seen = code((pytestconfig.getoption('importmode'), "
    "pytestconfig.getini('python_files'), ours([str(pytestconfig.rootpath)]), "
    "ours([str(pytestconfig.inipath)])))\n    assert seen is None, seen\n",
    "def test_factory(made):\n    made.append(1)\n    assert made is None, len(made)\n",
    "def test_factory_again(made):\n    made.append(1)\n    assert made is None, len(made)\n",
    "@pytest.mark.marked\ndef test_marked():\n    pass\n",
    "def test_counting():\n    unittest.count = getattr(unittest, 'count', 0) + 1\n"
    "    assert unittest.count is None, unittest.count\n",
] + ["def test_level_%d(level_%d):\n    pass\n" % (n, n) for n in range(len(PLACES))]


def test_text(rng, looks):
    lines = [HEAD + project.HELPERS + GENERATES]
    if rng.random() < 0.4:
        lines.append("import %s\n" % rng.choice(project.MODULES))
    for name in rng.sample(sorted(looks), rng.randrange(1, 4)):
        look = fill(rng, looks[name])
        style = rng.randrange(8)
        if style == 0:
            lines.append("def test_%s():\n    value = %s\n"
                         "    assert code(value) %% 2, code(value)\n" % (name, look))
        elif style == 1:
            lines.append(project.CLASS % (name, look))
        else:
            lines.append("@named(lambda: %s)\ndef test_%s(value):\n    pass\n" % (look, name))
    lines += rng.sample(_OF_CONFTESTS, rng.randrange(1, 4))
    if rng.random() < 0.1:
        lines.append(project.SLOW.format(data=rng.choice(project.DATA),
                                         module=rng.choice(project.MODULES),
                                         function="f%d" % rng.randrange(3)))
    return "\n".join(lines)


# ---- conftest files ----

def _parts(rng, level, look):
    """What a conftest file may have besides the value that it saw."""
    scope = rng.choice(["function", "class", "module", "package", "session"])
    return [
        "@pytest.fixture(scope='%s')\ndef fix():\n    return attempt(lambda: %s)\n" % (scope, look()),
        "@pytest.fixture\ndef fix(fix):\n    return fix * 31 + SEEN\n",
        "@pytest.fixture(scope='%s')\ndef other():\n    yield attempt(lambda: %s)\n" % (scope, look()),
        "@pytest.fixture(scope='%s')\ndef made():\n    return []\n" % scope,
        "@pytest.fixture(params=[SEEN, %d])\ndef other(request):\n    return request.param\n"
        % number(rng),
        "@pytest.fixture(autouse=True, scope='%s')\ndef always_%d():\n    seen = attempt(lambda: %s)\n"
        "    assert seen %% 5, seen\n" % (scope, level, look()),
        "@pytest.fixture(autouse=True)\ndef path_%d(monkeypatch):\n"
        "    monkeypatch.setenv('CONFTEST', str(SEEN))\n" % level,
        "def pytest_configure(config):\n    config.seen = attempt(lambda: %s)\n" % look(),
        "def pytest_configure(config):\n    config.addinivalue_line('markers', 'marked: %d')\n"
        % number(rng),
        "def pytest_collection_modifyitems(items):\n    if SEEN % 3 == 0:\n        items.reverse()\n"
        "    if SEEN % 4 == 0:\n        del items[1:]\n",
        "def pytest_runtest_setup(item):\n    if SEEN % 7 == 0:\n        pytest.skip('seven')\n",
        "def pytest_sessionstart(session):\n    unittest.count = getattr(unittest, 'count', 0) + SEEN\n",
        "def pytest_ignore_collect(config):\n    return None if SEEN % 3 else SEEN % 2 == 0\n",
        "collect_ignore = ['test_%d.py']\n" % rng.randrange(8),
        "os.environ['CONFTEST'] = str(SEEN)\n",
        "unittest.conftest = SEEN\n",
        "unittest.count = getattr(unittest, 'count', 0) + 1\n",
        "sys.path.insert(0, '%s')\n" % rng.choice(["lib", "extra", "app"]),
        "import %s\n" % rng.choice(project.MODULES),
        "try:\n    import %s\nexcept ImportError:\n    pass\n"
        % rng.choice(project.OPTIONAL + project.SHADOWS),
        "def pytest_addoption(parser):\n    parser.addoption('--level-%d', default=%d)\n"
        % (level, number(rng)),
        "from %s import CONST\n" % rng.choice(project.MODULES),
        "import random\nrandom.seed(SEEN)\n",
        "SEEN += len(os.path.basename(sys.argv[-1]))\n",
        "SEEN += '%s' in sys.modules\n" % rng.choice(project.MODULES),
    ] + (["pytest_plugins = ['%s']\n" % rng.choice(["opt_a", "opt_b", "app.plugins.p0"])]
         if level == 0 else [])


def conftest_text(rng, folder, looks):
    level = PLACES.index(folder)
    names = sorted(name for name in looks if rng.random() < 0.02 or name not in _UNFIT)
    parts = _parts(rng, level, lambda: fill(rng, looks[rng.choice(names)]))
    chosen = rng.sample(parts[:-3], rng.randrange(2, 7))
    if rng.random() < 0.1:
        chosen.append(rng.choice(parts[-3:]))
    return "\n".join([
        HEAD + project.HELPERS, "SEEN = attempt(lambda: %s)\n" % fill(rng, looks[rng.choice(names)]),
        "def pytest_generate_tests(metafunc):\n    if 'level_%d' in metafunc.fixturenames:\n"
        "        metafunc.parametrize('level_%d', [SEEN], ids=[str(SEEN)])\n" % (level, level)]
        + chosen)


# ---- settings ----

def settings_text(rng, name):
    """Of the file NAME: pytest's section."""
    values = {"addopts": rng.choice(OPTIONS), "pythonpath": rng.choice(PYTHON_PATHS)}
    if rng.random() < 0.2:
        values["python_functions"] = rng.choice(["test_*", "test_f*", "test_l* test_f*"])
    if rng.random() < 0.15:
        values["python_files"] = rng.choice(["test_*.py", "test_?.py", "test_[0-5].py"])
    if rng.random() < 0.1:
        values["testpaths"] = rng.choice(["tests", "app tests"])
    if rng.random() < 0.1:
        values["usefixtures"] = "other"
    toml = name == "pyproject.toml"
    section = {"pyproject.toml": "tool.pytest.ini_options", "setup.cfg": "tool:pytest"}.get(name, "pytest")
    return "[%s]\n" % section + "".join("%s = %s\n" % (key, '"%s"' % value if toml else value)
                                        for key, value in sorted(values.items()))


def new_project(rng, tests, looks):
    files = project.new_project(rng, tests, looks, test_text)
    for folder in PLACES:
        if rng.random() < 0.6:
            files[os.path.join(folder, "conftest.py")] = conftest_text(rng, folder, looks)
    if rng.random() < 0.5:
        files["pytest.ini"] = settings_text(rng, "pytest.ini")
    return files
