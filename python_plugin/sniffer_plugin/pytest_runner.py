"""pytest, asked two questions: which of these are test files, and what becomes of this one.

Both are asked in a process of their own, forked for it: pytest's settings and conftest files are
read afresh, and what is loaded on the way never reaches the host.
"""

from __future__ import annotations

import glob
import importlib
import os
import posix
import shutil
import sys
import tempfile

from .framework import Unfit, unused
from .parked import Argv, Given

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .framework import Answer
    from .pytest_plugin import Finder, Results, Settled

NAME = "pytest"
MAIN = "pytest.__main__"
# Of doctests and of what plugins collect, besides Python: only pytest knows which files these are.
# Where a plugin collects, it is asked for files of any name in the end.
SUFFIXES = [".py", ".cfg", ".csv", ".feature", ".html", ".ini", ".ipynb", ".json", ".md", ".robot",
            ".rst", ".sh", ".sql", ".toml", ".txt", ".xml", ".yaml", ".yml"]
ENTRY_POINTS = ("pytest11",)
PARKS = 2
VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS")
_OLDEST = (6, 2)
_OWN_SETTINGS = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_SHARED_SETTINGS = ("pyproject.toml", "tox.ini", "setup.cfg")
_WELL = (0, 5)  # exit statuses: all is well, no tests


def prepare(guard) -> str:  # type: ignore[no-untyped-def]
    """Load pytest and what every run of it loads; its version."""
    try:
        import pytest
    except ImportError as error:
        raise Unfit("framework_missing",
                    "pytest is not installed for %s; install it there (pip install pytest) or set "
                    "python in [tool.sniffer]" % sys.executable if error.name == "pytest" else
                    "pytest does not load with %s (%s)" % (sys.executable, error)) from None
    except Exception as error:
        raise Unfit("broken", "pytest does not load with %s: %s: %s"
                    % (sys.executable, type(error).__name__, error)) from None
    version = str(pytest.__version__)
    if tuple(int(word) for word in version.split(".")[:2] if word.isdigit()) < _OLDEST:
        raise Unfit("broken", "pytest %s of %s is too old: 6.2 or newer is needed"
                    % (version, sys.executable))
    import pluggy
    from _pytest.config import get_config

    from . import pytest_offers, pytest_rewrite
    importlib.import_module("sniffer_plugin.pytest_plugin")  # for the children
    get_config()  # imports what it registers
    importlib.import_module("pdb")  # each run imports it, and this takes long
    # Some look for their version in all folders of sys.path whenever they are asked.
    pluggy.__version__ = pluggy.__version__
    pytest_rewrite.install(guard, version)
    pytest_offers.install(guard)()
    _Folders.caches = guard.scope.root + "/.sniffer/pytest_cache/"
    _Folders().sweep()
    return version


def settings_files() -> list[str]:
    """Where pytest looks for settings, up to the first that ends its search."""
    files = []
    for name in _OWN_SETTINGS + _SHARED_SETTINGS:
        files.append(name)
        if name in _OWN_SETTINGS and os.path.isfile(name):
            break
    return files


def layer_folder(root: str, file: str) -> str:
    """The conftest files above FILE are loaded."""
    return os.path.dirname(file)


def settings_names() -> tuple[str, ...]:
    """Of files that it looks for in each folder."""
    return _OWN_SETTINGS + _SHARED_SETTINGS


def searched_folders(args: list[str], root: str, file: str) -> list[str]:
    """pytest has loaded what it needs before it adds to sys.path."""
    return []


# -- folders of a run's own ----------------------------------------------------------------


class _Folders:
    """pytest's cache would carry things from one run to the next that no evidence tells; and in
    its folder for temporary files each run looks at what the others left."""

    caches = ""

    def __init__(self) -> None:
        self._bases = (self.caches, tempfile.gettempdir() + "/sniffer-pytest-")
        self.own()

    def own(self) -> None:
        """Those of this process."""
        self.cache, self.temporary = (base + str(posix.getpid()) for base in self._bases)

    def remove(self) -> None:
        for folder in (self.cache, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)

    def exist(self) -> bool:
        return any(os.path.lexists(folder) for folder in (self.cache, self.temporary))

    def sweep(self) -> None:
        """Those of runs that were killed."""
        for base in self._bases:
            for folder in glob.glob(glob.escape(base) + "[0-9]*"):
                if not os.path.exists("/proc/" + folder[len(base):]):
                    shutil.rmtree(folder, ignore_errors=True)


# -- running -------------------------------------------------------------------------------


def main(plugin: Settled, args: list[str]) -> object:
    """The exit status. PLUGIN learns what goes wrong before there is a session."""
    import pytest
    plugin.folders = folders = _Folders()
    try:
        return pytest.main(args, plugins=[plugin])
    finally:
        folders.remove()


def _message(error: BaseException) -> str:
    """Why pytest could not begin."""
    from .pytest_plugin import inside
    from .records import short_traceback
    if type(error).__name__ == "UsageError":
        return str(error)
    if error.__cause__ is None:
        return short_traceback(error, *inside())
    return "%s\n%s" % (str(error).partition("\n")[0], short_traceback(error.__cause__, *inside()))


def _is_conftest(error: BaseException | None) -> bool:
    return type(error).__name__ == "ConftestImportFailure"


# -- which are test files ------------------------------------------------------------------


def classify(args: list[str], paths: list[str]) -> Answer:
    """See framework.py."""
    from .pytest_plugin import Finder

    _be_quiet()
    full = {path: os.path.abspath(path) for path in paths if os.path.isfile(path)}
    wanted = set(full.values())
    finder = _find(Finder(wanted), args)
    found = finder.found
    if finder.failed or finder.problem is not None:
        # Where pytest begins without conftest files, the tests below a broken one are broken, not
        # gone. What breaks it may have any name: pytest_plugins that are not there, pytest.skip().
        other = _find(Finder(wanted), [*args, "--noconftest"])
        if other.problem is None:
            begins = finder.problem is None
            finder.problem = None
            for files in _by_conftests(other.found - found):
                found |= _below(files, args, begins)
    if finder.problem is not None:
        return [], "pytest does not begin: " + _message(finder.problem), None, False
    return ([path for path in paths if full.get(path) in found], None,
            unused(finder.off, finder.choosing), finder.others)


def _by_conftests(files: set[str]) -> Iterable[set[str]]:
    """Those together that have the same conftest files above them."""
    chains: dict[str, tuple[str, ...]] = {"/": ()}

    def chain(folder: str) -> tuple[str, ...]:
        if folder not in chains:
            own = folder + "/conftest.py"
            chains[folder] = chain(os.path.dirname(folder)) + (own,) * os.path.isfile(own)
        return chains[folder]

    groups: dict[tuple[str, ...], set[str]] = {}
    for file in files:
        groups.setdefault(chain(os.path.dirname(file)), set()).add(file)
    return groups.values()


def _below(files: set[str], args: list[str], begins: bool) -> set[str]:
    """Those of FILES, which pytest finds without conftest files alone, that are test files: all
    where theirs are broken, and not those that they leave out. BEGINS: does pytest with all of
    them? Where it does not, it may for a part: the larger this is, the more have their say."""
    from .pytest_plugin import Finder

    home = os.getcwd()
    ways = [os.path.relpath(os.path.dirname(file), home).split("/") for file in files]
    starts = [[]] if begins else [sorted({"/".join(way[:depth]) for way in ways})
                                  for depth in range(1, max(map(len, ways)) + 1)]
    for start in starts:
        finder = _find(Finder(files), [*args, *start])
        if finder.problem is None:
            break
    return files if finder.failed or finder.problem is not None else finder.found & files


def _find(finder: Finder, args: list[str]) -> Finder:
    try:
        main(finder, args)
    except BaseException as error:  # pytest.skip() in a conftest file is no Exception
        finder.problem = finder.problem or error
    return finder


def _be_quiet() -> None:
    """Nobody reads what is printed here."""
    nowhere = posix.open(os.devnull, posix.O_RDWR | posix.O_CLOEXEC)
    for fd in (1, 2):
        os.dup2(nowhere, fd)


# -- one file ------------------------------------------------------------------------------


class _Words:
    """Those that CONFIG has of its command line: ARGS, and the file, which is another one in each
    run."""

    def __init__(self, config, args: list[str]) -> None:  # type: ignore[no-untyped-def]
        self._config = config
        self._args = args

    def are(self, file: str) -> None:
        config = self._config
        config.invocation_params = self._params([*self._args, file])
        config.args = [file]
        self._options([file])

    def watch(self, file: str) -> None:
        """From here on it is noted who looks at FILE."""
        config = self._config
        args, options, given = Argv([file]), Argv([file]), Given([*self._args, file])
        self._watched = args, options, given
        config.args = args
        self._options(options)
        config.invocation_params = self._params([*self._args, file])
        object.__setattr__(config.invocation_params, "args", given)  # would make a plain one of it

    def were_seen(self) -> bool:
        config = self._config
        now = (config.args, config.option.file_or_dir, config.invocation_params.args)
        return any(word is not was or was.noted for word, was in zip(now, self._watched)) or any(
            len(words) != 1 for words in now[:2])

    def _params(self, given):  # type: ignore[no-untyped-def]
        params = self._config.invocation_params
        return type(params)(args=given, plugins=params.plugins, dir=params.dir)

    def _options(self, files: list[str]) -> None:
        for options in (self._config.option, self._config.known_args_namespace):
            options.file_or_dir = files


def _parks(plugin: Results, args: list[str], park,  # type: ignore[no-untyped-def]
           early: bool) -> None:
    """pytest stops when it has made its session, before it collects; EARLY: when it has its
    settings, its plugins and the conftest files above the file. It goes on with the file that PARK
    returns."""
    from _pytest import config as module

    prepare = module._prepareconfig

    def prepared(*given, **named):  # type: ignore[no-untyped-def]
        module._prepareconfig = prepare
        config = prepare(*given, **named)
        words = _Words(config, args)
        if early:
            goes_on(words)
            plugin.folders.own()
        else:
            plugin.settled = lambda: words.watch(file)
            plugin.begun = lambda: begun(words)
        file = plugin.files[0]
        return config

    def begun(words: _Words) -> None:
        goes_on(words, "a plugin looks at the name of the test file" if words.were_seen() else
                "temporary files are made" if plugin.folders.exist() else None)
        # The runs of a layer use the same, one after the other; one that was killed left them.
        plugin.folders.remove()

    def goes_on(words: _Words, why: str | None = None) -> None:
        plugin.file, plugin.sink, plugin.first = park(why)
        plugin.files = [plugin.file]
        words.are(plugin.file)

    module._prepareconfig = prepared


def run(args: list[str], file: str, sink, begins, first,  # type: ignore[no-untyped-def]
        park=None, company=(), early=False) -> bool:
    """Run FILE (absolute) as `python -m pytest FILE` would, with COMPANY behind it; SINK gets the
    records, and BEGINS is called when pytest has its settings and plugins. Was all well?"""
    from .pytest_plugin import Results, Several

    plugin = Several(sink, [file, *company], begins) if company else Results(
        sink, file, begins, first)
    sys.argv[:] = [sys.modules["__main__"].__file__ or NAME, *args, file, *company]
    if park is not None:
        _parks(plugin, args, park, early)
    try:
        status = main(plugin, [*args, file, *company])
    except BaseException as error:
        status, plugin.problem = None, plugin.problem or error
    if plugin.problem is not None:
        if _is_conftest(plugin.problem):
            plugin.stage = "(conftest)"
        plugin.broken(type(plugin.problem.__cause__ or plugin.problem).__name__,
                      _message(plugin.problem))
    elif status not in _WELL and not plugin.bad:
        plugin.broken(None, plugin.interrupted or "pytest left with status %s" % status)
    if plugin.keyword and plugin.left_out:
        sys.stderr.write("sniffer: -k leaves out %d tests of this file\n" % plugin.left_out)
    return not plugin.bad
