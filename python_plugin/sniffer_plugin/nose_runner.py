"""nose, asked two questions: which of these are test files, and what becomes of this one.

Both are asked in a process of their own, forked for it: nose's settings are read afresh, and what
is loaded on the way never reaches the host.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
import traceback

from .framework import Unfit, unused
from .parked import Argv

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from .framework import Answer

NAME = "nose"
MAIN = "nose.__main__"
VARIABLES = ()
SUFFIXES = [".py"]
ENTRY_POINTS = ("nose.plugins.0.10", "nose.plugins")  # groups of installed plugins
PARKS = 1
_SWITCHED_OFF = (
    # option of nose, what people know it by, its value for off
    ("stopOnError", "--stop", False),
    ("multiprocess_workers", "--processes", 0),
    ("debugBoth", "--pdb", False),
    ("debugFailures", "--pdb-failures", False),
    ("debugErrors", "--pdb-errors", False),
    ("failed", "--failed", False),
    ("collect_only", "--collect-only", False),
    ("enable_plugin_coverage", "--with-coverage", None),
    ("enable_plugin_id", "--with-id", None),
    ("enable_plugin_xunit", "--with-xunit", None),
)
_CHOOSING = (("attr", "-a"), ("eval_attr", "-A"))


class SettingsError(Exception):
    """nose does not take its settings or arguments."""


def prepare(guard) -> str:  # type: ignore[no-untyped-def]
    """Load nose and what every run of it loads; its version."""
    try:
        import nose
    except ImportError as error:
        if error.name in ("nose", None):
            raise Unfit("framework_missing",
                        "nose is not installed for %s; install it there (pip install nose, or "
                        "pynose from Python 3.12 on) or set python in [tool.sniffer]"
                        % sys.executable) from None
        raise Unfit("framework_missing",
                    "nose does not load with %s (%s); install pynose there, or set python in "
                    "[tool.sniffer] to an interpreter that it works with"
                    % (sys.executable, error)) from None
    except Exception as error:
        raise Unfit("broken", "nose does not load with %s: %s: %s"
                    % (sys.executable, type(error).__name__, error)) from None
    for name in ("nose.core", "nose.loader", "nose.selector", "nose.plugins.builtin",
                 "nose.plugins.manager", "nose.result", "nose.suite", "nose.case"):
        importlib.import_module(name)
    importlib.import_module("sniffer_plugin.nose_plugin")
    return str(getattr(nose, "__version__", "unknown"))


def switched_off(options) -> list[tuple[str, str, object]]:  # type: ignore[no-untyped-def]
    """Those of OPTIONS that are on, and make no sense for one file in a process of its own."""
    return [item for item in _SWITCHED_OFF if getattr(options, item[0], None)
            and str(getattr(options, item[0])) != "0"]


def config_of(args: list[str], notes: list[str]):  # type: ignore[no-untyped-def]
    """nose's settings as `python -m nose` in this folder would have them, but for options that
    are switched off. NOTES gets their names."""
    from optparse import OptionParser

    from nose.config import Config, all_config_files
    from nose.plugins.manager import DefaultPluginManager

    class Parser(OptionParser):
        def error(self, msg: str):  # type: ignore[no-untyped-def]
            raise SettingsError(msg)  # it would print, and leave

    class RunConfig(Config):
        def _parseArgs(self, argv, cfg_files):  # type: ignore[no-untyped-def]  # noqa: N802
            options, rest = Config._parseArgs(self, argv, cfg_files)
            for name, shown, off in switched_off(options):
                setattr(options, name, off)
                if shown not in notes:
                    notes.append(shown)
            return options, rest

    files = [] if os.environ.get("NOSE_IGNORE_CONFIG_FILES") else all_config_files()
    return RunConfig(env=os.environ, files=files, plugins=DefaultPluginManager(),
                     parserClass=Parser)


def _plugin(sink=None):  # type: ignore[no-untyped-def]
    from .nose_plugin import Results, SnifferPlugin

    class RunPlugin(Results):
        """Knows --with-sniffer, so that settings which name it are understood."""

        options = SnifferPlugin.options

        def configure(self, options, conf) -> None:  # type: ignore[no-untyped-def]
            self.conf = conf
            self.enabled = True
            if self.file is not None:
                conf.testNames = Argv([self.file])  # settings may name others
            if self.company:
                conf.testNames = list(self.company)

    return RunPlugin(sink)


def settings_files() -> list[str]:
    """Where nose looks for settings, whether they exist or not."""
    return ["setup.cfg"] + [os.path.expanduser(name) for name in ("~/.noserc", "~/nose.cfg")]


def layer_folder(root: str, file: str) -> str:
    """Packages are set up when their tests are loaded."""
    return root


def searched_folders(args: list[str], root: str, file: str) -> list[str]:
    """Where nose looks for modules besides the root, or may do so once there are packages."""
    folders = [root + "/lib", root + "/src"]
    folder = os.path.dirname(file)
    while folder.startswith(root + "/"):
        folders.append(folder)
        folder = os.path.dirname(folder)
    return folders


# -- which are test files ------------------------------------------------------------------


class _Picker:
    """Walks as nose walks, but only along the ways to the paths that it is asked for."""

    def __init__(self, args: list[str]) -> None:
        from nose.loader import TestLoader
        from nose.selector import TestAddress
        self.off: list[str] = []
        config = config_of(args, self.off)
        config.plugins.addPlugins(extraplugins=[_plugin()])
        # The same thing happens in TestProgram; quiet, for nobody reads it here.
        config.configure(["nosetests"] + args)
        self.choosing = [shown for name, shown in _CHOOSING
                         if getattr(config.options, name, None)]
        loader = TestLoader(config=config)
        replaced = config.plugins.prepareTestLoader(loader)
        self.selector = (replaced or loader).selector
        base = config.workingDir or os.getcwd()
        self.files: set[str] = set()
        self.folders: list[str] = []
        for name in config.testNames or ["."]:
            address = TestAddress(name, workingDir=base)
            if address.filename is None:
                continue
            path = os.path.normpath(address.filename)
            if os.path.isdir(path):
                self.folders.append(path)
            else:
                self.files.add(path)
        self._wanted: dict[str, bool] = {}

    def picks(self, path: str) -> bool:
        path = os.path.abspath(path)
        if not os.path.isfile(path):
            return False
        return path in self.files or any(self._from(folder, path) for folder in self.folders)

    def _from(self, start: str, path: str) -> bool:
        if not path.startswith(start.rstrip("/") + "/"):
            return False
        folder, name = os.path.split(path)
        if not self._reaches(start, folder):
            return False
        if name == "__init__.py":
            return self._package_has_tests(start, folder, path)
        return not name.startswith(".") and bool(self.selector.wantFile(path))

    def _reaches(self, start: str, folder: str) -> bool:
        """Would nose, which is in START, come to FOLDER?"""
        if folder == start:
            return True
        known = self._wanted.get(start + "\0" + folder)
        if known is None:
            above, name = os.path.split(folder)
            known = (self._reaches(start, above) and name[:1] not in "._"
                     and bool(self.selector.wantDirectory(folder)))
            self._wanted[start + "\0" + folder] = known
        return known

    def _package_has_tests(self, start: str, folder: str, path: str) -> bool:
        from nose.util import ispackage
        name = os.path.basename(folder)
        if not ispackage(folder) or (folder != start and not self.selector.matches(name)):
            return False
        try:
            with open(path, "rb") as file:
                tree = ast.parse(file.read())
        except (OSError, SyntaxError, ValueError):
            return False
        return any(self._is_test(node) for node in tree.body)

    def _is_test(self, node: ast.stmt) -> bool:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            return False
        if self.selector.matches(node.name):
            return True
        return isinstance(node, ast.ClassDef) and any(
            ast.dump(base).rpartition("'TestCase'")[1] for base in node.bases)


def _whole_message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "nose does not take its settings or arguments; see what it printed"
    if isinstance(error, SettingsError):
        return "nose does not take its settings or arguments: %s" % error
    return "nose cannot read its settings: %s: %s" % (type(error).__name__, error)


def classify(args: list[str], paths: list[str]) -> Answer:
    """See framework.py."""
    try:
        picker = _Picker(args)
        # `where` may have moved nose's working directory, not ours.
        return ([path for path in paths if picker.picks(path)], None,
                unused(picker.off, picker.choosing), False)
    except (Exception, SystemExit) as error:
        return [], _whole_message(error), None, False


# -- one file ------------------------------------------------------------------------------


def _parted(names: list[str]) -> str | None:
    """What plugins have made of the names of the files to be run is another one's in each run."""
    if isinstance(names, Argv) and len(names) == 1 and not names.noted:
        return None
    return "a plugin looks at the name of the test file"


def run(args: list[str], file: str, sink, begins, first,  # type: ignore[no-untyped-def]
        park=None, company=()) -> bool:
    """Run FILE (absolute) as `python -m nose FILE` would, with COMPANY behind it; SINK gets the
    records, and BEGINS is called when nose has its settings and plugins. Was all well?"""
    from nose.core import TestProgram
    from nose.util import getpackage

    from .records import Record

    notes: list[str] = []
    plugin = _plugin(sink)
    plugin.file = None if company else file
    plugin.company = [file, *company] if company else []
    plugin.first = first
    configured = False

    def broken(name: str, kind: str, text: str) -> bool:
        record = Record(plugin.file, plugin.sink.begins(plugin.file, name))
        record.add("error", kind, text)
        plugin.sink.ends(record)
        return False

    try:
        config = config_of(args, notes)
        configure = config.configure

        def configure_and_tell(*a, **k) -> None:  # type: ignore[no-untyped-def]
            nonlocal configured
            configure(*a, **k)
            configured = True
            if park is not None:
                plugin.file, plugin.sink, plugin.first = park(_parted(config.testNames))
                config.testNames = [plugin.file]
            plugin.module = None if company else getpackage(plugin.file)
            begins()
            if notes:
                sys.stderr.write("sniffer: not used for a single file: %s\n" % ", ".join(notes))

        config.configure = configure_and_tell
        sys.argv[:] = ["%s -m nose" % sys.executable, *args, file, *company]
        program = TestProgram(argv=["nosetests", *args], config=config, addplugins=[plugin],
                              exit=False)
        if company and not plugin.result.shouldStop:
            sink.all_through()
        return bool(program.success)
    except SystemExit as error:
        name = "(import)" if configured else "(settings)"
        return broken(name, "SystemExit", traceback.format_exc() if configured else
                      "%s (exit status %s)" % (_whole_message(error), error.code))
    except KeyboardInterrupt:
        return broken("(import)", "KeyboardInterrupt", traceback.format_exc())
    except Exception as error:
        if configured:
            return broken("(run)", type(error).__name__, traceback.format_exc())
        return broken("(settings)", type(error).__name__, _whole_message(error))
