"""What is installed, and what a run depends on of it, under every interpreter that is here."""

import importlib.machinery
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PLUGIN = os.path.join(os.path.dirname(HERE), "python_plugin")
sys.path.insert(0, PLUGIN)
sys.path.insert(0, os.path.join(HERE, "support"))
from each_python import load_tests_of  # noqa: E402
from sniffer_plugin.portable import HERE, Places, split, value  # noqa: E402
from sniffer_plugin.packages import ABSENT, Noted, Packages, keys, normal  # noqa: E402

EXTENSION = importlib.machinery.EXTENSION_SUFFIXES[0]
# Some of it lies elsewhere, and some is no module, under names that others have here.
REQUESTS_FILES = ["requests/__init__.py", "requests/adapters.py", "../../../gi/requests",
                  "data-folder.txt", "requests/a,b.txt"]


def installed(sys_path, root="/nowhere"):
    return Packages(sys_path, root)


class Site:
    """A package folder. All that is written gets a time of its own: the clock may stand still."""

    now = 10 ** 18

    def __init__(self, outer, name="site-packages"):
        self.path = os.path.join(outer, name)
        os.makedirs(self.path, exist_ok=True)

    def at(self, name):
        return os.path.join(self.path, name)

    def touch(self, name):
        Site.now += 10 ** 6
        os.utime(self.at(name), ns=(Site.now, Site.now))

    def write(self, name, data="", touch=True):
        path = self.at(name)
        created = []
        folder = os.path.dirname(name)
        while folder and not os.path.isdir(self.at(folder)):
            created.append(folder)
            folder = os.path.dirname(folder)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode("utf-8"))
        for item in [name, *created] if touch else ():
            self.touch(item)

    def remove(self, name):
        path = self.at(name)
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def wheel(self, name, version, files, top_level=None, entry_points=None):
        info = "%s-%s.dist-info" % (name, version)
        for file in files:
            if not file.startswith(("..", "/")):
                self.write(file)
        self.write(info + "/METADATA", "Metadata-Version: 2.1\nName: %s\nVersion: %s\n"
                   % (name, version))
        if top_level is not None:
            self.write(info + "/top_level.txt", top_level)
        if entry_points is not None:
            self.write(info + "/entry_points.txt", entry_points)
        lines = ['"%s",,' % file if "," in file else file + ",sha256=abc,10"
                 for file in [*files, info + "/METADATA", info + "/RECORD"]]
        self.write(info + "/RECORD", "\n".join(lines) + "\n")

    def egg_info(self, name, files, top_level=None, installed=None):
        for file in files:
            self.write(file)
        self.write(name + "/PKG-INFO", "Metadata-Version: 1.0\n")
        if top_level is not None:
            self.write(name + "/top_level.txt", top_level)
        if installed is not None:
            self.write(name + "/installed-files.txt", installed)


class SiteTest(unittest.TestCase):
    def setUp(self):
        self.outer = os.path.realpath(tempfile.mkdtemp(prefix="sniffer-test-"))
        self.addCleanup(shutil.rmtree, self.outer)
        self.site = Site(self.outer)

    def fill(self):
        """One of each, as others have installed them."""
        site = self.site
        site.wheel("requests", "2.31.0", REQUESTS_FILES)
        site.wheel("six", "1.16.0", ["six.py", "__pycache__/six.cpython-311.pyc"], "six\n")
        site.wheel("Foo_Bar", "1.0", ["foo/__init__.py", "_foo" + EXTENSION, "foo.libs/a.so"])
        site.wheel("ns_one", "1.0", ["ns/one.py"], entry_points="[plug.ins]\na = ns.one\n")
        site.wheel("ns_two", "2.0", ["ns/two.py"], "ns\n")
        site.egg_info("nose-1.3.7-py3.11.egg-info", ["nose/__init__.py"], "nose\n")
        site.egg_info("old-0.1.egg-info", ["old/__init__.py", "old2.py"],
                      installed="../old/__init__.py\n../old2.py\nPKG-INFO\n../../lonely.py\n")
        site.write("gi/__init__.py")
        site.write("PyGObject-3.42.2.egg-info", "Name: PyGObject\n")
        site.wheel("own", "1.0", ["__editable__.own-1.0.pth"])
        site.write("data-folder/a.txt")
        site.write("lonely.py")
        site.write("README.txt")
        return installed(["", "/nowhere/site-packages", self.site.path])


class PackagesTest(SiteTest):
    def titles(self, packages):
        """What is there, without the part that is not for people."""
        return {key: split(value)[0].rpartition(" ")[0] for key, value in packages.everything().items()
                if not key.startswith("distribution")}

    def test_each_name_belongs_to_the_distribution_that_installed_it(self):
        self.assertEqual(self.titles(self.fill()), {
            "package:requests": "requests 2.31.0", "package:six": "six 1.16.0",
            "package:foo": "Foo_Bar 1.0", "package:_foo": "Foo_Bar 1.0",
            "package:foo.libs": "Foo_Bar 1.0", "package:ns": "ns_one 1.0, ns_two 2.0",
            "package:nose": "nose 1.3.7", "package:old": "old 0.1", "package:old2": "old 0.1",
            "package:gi": "unrecorded", "package:data-folder": "unrecorded",
            "package:lonely": "unrecorded", "entry points:plug.ins": "ns_one 1.0", "pth": ""})

    def test_a_distribution_is_known_by_its_normal_name(self):
        packages = self.fill()
        for name, version in (("requests", "2.31.0"), ("foo-bar", "1.0"), ("nose", "1.3.7"),
                              ("old", "0.1"), ("pygobject", "3.42.2"), ("own", "1.0")):
            self.assertEqual(packages.value("distribution:" + name).partition(" ")[0], version)
        self.assertEqual([normal(name) for name in ("Foo_Bar", "foo.-bar", "FOO-BAR")],
                         ["foo-bar"] * 3)

    def test_what_is_not_there_is_absent(self):
        packages = self.fill()
        for key in ("package:yaml", "package:README", "package:__pycache__",
                    "distribution:yaml", "entry points:none"):
            self.assertEqual(packages.value(key), ABSENT, key)

    def test_the_values_are_those_of_another_host(self):
        packages = self.fill()
        self.assertEqual(packages.everything(), installed([self.site.path + "/"]).everything())

    def test_many_owners_are_counted(self):
        for number in range(9):
            self.site.wheel("ns%d" % number, "1", ["ns/m%d.py" % number])
        packages = installed([self.site.path])
        before = packages.value("package:ns")
        self.assertEqual(split(before)[0].rpartition(" ")[0], "ns0 1, ns1 1, ns2 1 and 6 more")
        os.rename(self.site.at("ns8-1.dist-info"), self.site.at("ns8-2.dist-info"))
        packages.forget()
        self.assertNotEqual(packages.value("package:ns"), before)

    def test_a_package_folder_that_is_none(self):
        self.site.write("nested/site-packages", "a text")
        self.assertEqual(set(installed([self.site.at("nested/site-packages")]).everything()),
                         {"pth", "distributions"})

    def test_only_package_folders_are_looked_at(self):
        self.fill()
        Site(self.outer, "lib").write("helper.py")
        packages = installed([self.outer + "/lib", self.outer])
        self.assertEqual(set(packages.everything()), {"pth", "distributions"})

    def test_a_folder_that_is_reached_twice_counts_once(self):
        self.fill()
        os.symlink(self.outer, self.outer + "/lib64")
        self.assertEqual(installed([self.site.path, self.outer + "/lib64/site-packages"])
                         .everything(), installed([self.site.path]).everything())

    def test_the_first_folder_and_the_second_one_both_count(self):
        other = Site(self.outer, "dist-packages")
        self.site.wheel("six", "1.16.0", ["six.py"])
        packages = installed([self.site.path, other.path])
        before = packages.value("package:six"), packages.value("distribution:six")
        other.wheel("six", "1.17.0", ["six.py"])
        packages.forget()
        after = packages.value("package:six"), packages.value("distribution:six")
        self.assertTrue(before[0] != after[0] and before[1] != after[1])
        self.assertNotEqual(installed([other.path, self.site.path]).value("package:six"), after[0])

    def test_the_folder_counts(self):
        other = Site(self.outer, "dist-packages")
        self.site.write("lonely.py")
        packages = installed([self.site.path, other.path])
        before = packages.value("package:lonely")
        os.rename(self.site.at("lonely.py"), other.at("lonely.py"))
        packages.forget()
        self.assertNotIn(packages.value("package:lonely"), (before, ABSENT))

    def test_three_hundred_distributions(self):
        for number in range(300):
            name = "pkg%d" % number
            self.site.wheel(name, "1.0", [name + "/m%d.py" % n for n in range(5)],
                            name + "\n" if number % 2 else None)
        packages = installed([self.site.path])
        self.assertEqual(len(packages.everything()), 602)
        before = dict(packages.everything())
        self.site.touch("pkg7-1.0.dist-info/RECORD")
        packages.forget()
        self.assertEqual({key for key, value in packages.everything().items()
                          if before[key] != value},
                         {"package:pkg7", "distribution:pkg7", "distributions"})


def upgrade(site):
    shutil.rmtree(site.at("requests"))
    site.remove("requests-2.31.0.dist-info")
    site.wheel("requests", "2.32.0", ["requests/__init__.py"])


def reinstall(site):
    site.remove("requests")
    site.remove("requests-2.31.0.dist-info")
    site.wheel("requests", "2.31.0", REQUESTS_FILES)


def remove(site):
    site.remove("requests")
    site.remove("requests-2.31.0.dist-info")


# Where a record does not say what was installed, it may be anything that no other claims, and parts
# of a namespace.
UNSURE = {"package:gi", "package:lonely", "package:data-folder", "package:ns", "package:foo.libs"}
REQUESTS = {"package:requests", "distribution:requests"}

# What is done to what is installed, and the keys that get another value, besides "distributions".
CHANGES = {
    "an upgrade": (upgrade, REQUESTS),
    "a downgrade": (lambda s: os.rename(s.at("requests-2.31.0.dist-info"),
                                        s.at("requests-2.30.0.dist-info")), REQUESTS),
    "the same version again": (reinstall, REQUESTS),
    "a removal": (remove, REQUESTS),
    "a removal by hand": (lambda s: s.remove("requests"), {"package:requests"}),
    "a record that is changed": (
        lambda s: s.write("requests-2.31.0.dist-info/RECORD", "requests/x,,"), REQUESTS),
    "metadata that are changed": (lambda s: s.touch("requests-2.31.0.dist-info/METADATA"),
                                  REQUESTS),
    "a record that goes": (lambda s: s.remove("requests-2.31.0.dist-info"), REQUESTS),
    "one owner of several": (lambda s: s.touch("ns_two-2.0.dist-info/RECORD"),
                             {"package:ns", "distribution:ns-two"}),
    "an owner comes": (lambda s: s.wheel("ns_three", "1", ["ns/three.py"]),
                       {"package:ns", "distribution:ns-three"}),
    "an owner goes": (lambda s: s.remove("ns_one-1.0.dist-info"),
                      {"package:ns", "distribution:ns-one", "entry points:plug.ins"}),
    "an owner that does not say so": (
        lambda s: (s.write("ns/more/x.py"), s.touch("ns"), s.write("more-1.egg-info/PKG-INFO")),
        {"distribution:more", *UNSURE}),
    "a single module": (lambda s: s.touch("six-1.16.0.dist-info/RECORD"),
                        {"package:six", "distribution:six"}),
    "a folder in front of a module": (lambda s: s.write("six/__init__.py"), {"package:six"}),
    "an extension module in front": (lambda s: s.write("six" + EXTENSION), {"package:six"}),
    "a package with extension modules": (
        lambda s: s.touch("Foo_Bar-1.0.dist-info/RECORD"),
        {"package:foo", "package:_foo", "package:foo.libs", "distribution:foo-bar"}),
    "an egg-info": (lambda s: s.touch("nose-1.3.7-py3.11.egg-info/PKG-INFO"),
                    {"package:nose", "distribution:nose"}),
    "an egg-info of another version": (
        lambda s: os.rename(s.at("nose-1.3.7-py3.11.egg-info"), s.at("nose-1.3.8.egg-info")),
        {"package:nose", "distribution:nose"}),
    "an egg-info without a version": (
        lambda s: os.rename(s.at("nose-1.3.7-py3.11.egg-info"), s.at("nose.egg-info")),
        {"package:nose", "distribution:nose"}),
    "a list of installed files": (lambda s: s.touch("old-0.1.egg-info/installed-files.txt"),
                                  {"package:old", "package:old2", "distribution:old"}),
    "an egg-info that is a file": (lambda s: s.touch("PyGObject-3.42.2.egg-info"),
                                   {"distribution:pygobject", *UNSURE}),
    "a folder that nobody recorded": (lambda s: s.touch("gi"), {"package:gi"}),
    "a module that nobody recorded": (lambda s: s.write("lonely.py", "x = 1"),
                                      {"package:lonely"}),
    "a module becomes a folder": (
        lambda s: (s.remove("lonely.py"), s.write("lonely/__init__.py")), {"package:lonely"}),
    "a folder without code": (lambda s: s.touch("data-folder"), {"package:data-folder"}),
    "a new module": (lambda s: s.write("yaml.py"), {"package:yaml"}),
    "a new extension module": (lambda s: s.write("yaml" + EXTENSION), {"package:yaml"}),
    "a new plugin": (lambda s: s.wheel("plug", "1", [], entry_points="[plug.ins]\nb = ns\n"),
                     {"distribution:plug", "entry points:plug.ins"}),
    "a group of its own": (
        lambda s: s.write("six-1.16.0.dist-info/entry_points.txt", "[ more ]\nb = ns\n"),
        {"package:six", "distribution:six", "entry points:more"}),
    "an editable install": (lambda s: s.write("__editable__.own-1.0.pth", "/somewhere"), {"pth"}),
    "an editable install with a finder": (
        lambda s: s.write("__editable___own_1_0_finder.py", "MAPPING = {}"),
        {"pth", "package:__editable___own_1_0_finder"}),
    "an editable install, developed": (lambda s: s.write("own.egg-link", "/somewhere"), {"pth"}),
    "a .pth file that says the same": (lambda s: s.touch("__editable__.own-1.0.pth"), set()),
    "an egg": (lambda s: s.write("thing-1.0-py3.8.egg", b"PK"),
               {"package:thing-1.0-py3.8.egg"}),
    "compiled modules": (lambda s: s.write("__pycache__/lonely.cpython-311.pyc", touch=False),
                         set()),
    "a text": (lambda s: s.write("README.txt", "more"), set()),
    "a record that says nothing": (lambda s: s.write("~x.dist-info/RECORD", ""),
                                   {"distribution:~x", *UNSURE}),
    "a name that is not ASCII": (lambda s: s.write("größe.py"), {"package:größe"}),
    "a name that is not UTF-8": (lambda s: os.mkdir(os.fsencode(s.path) + b"/\xff"),
                                 {"package:\udcff"}),
}
NOT_ALL = {"a .pth file that says the same", "compiled modules", "a text"}


class ChangesTest(SiteTest):
    def changed(self, change):
        packages = self.fill()
        before = dict(packages.everything())
        change(self.site)
        self.assertIs(packages.everything(), packages.everything())  # not read anew by itself
        packages.forget()
        after = packages.everything()
        self.assertEqual(after, installed([self.site.path]).everything())
        return {key for key in {**before, **after} if before.get(key) != after.get(key)}


def _change_test(name, change, wanted):
    def test(self):
        self.assertEqual(self.changed(change),
                         wanted if name in NOT_ALL else wanted | {"distributions"})
    return test


for _name, (_change, _wanted) in CHANGES.items():
    setattr(ChangesTest, "test_" + _name.replace(" ", "_"), _change_test(_name, _change, _wanted))


class TravelTest(SiteTest):
    """What another machine has of the same: the part before HERE."""

    WHEEL = ["requests/__init__.py", "../../../bin/get", "__editable__.own-1.0.pth"]

    def make(self, name, get=None, last="", line=""):
        """A project with its own environment, as an installer leaves it there; GET is a script."""
        root = os.path.join(self.outer, name)
        site = Site(root + "/.venv/lib/python3")
        os.makedirs(root + "/.venv/bin")
        with open(root + "/.venv/bin/get", "w") as file:
            file.write(get or "#!%s/.venv/bin/python\nimport requests\n" % root)
        site.wheel("requests", "2.31.0", self.WHEEL)
        site.write("__editable__.own-1.0.pth", root + "/src\n")
        with open(site.at("requests-2.31.0.dist-info/RECORD"), "a") as file:
            file.write("requests/last.py,sha256=%s,7\n%s" % (last, line))
        packages = installed(["", site.path], root)
        return {key: split(packages.value(key)) for key in ("package:requests", "pth")}

    def test_the_same_elsewhere_is_the_same_but_for_the_part_behind(self):
        one, two = self.make("one"), self.make("two")
        for key, told in one.items():
            self.assertEqual(told[0], two[key][0])
            self.assertNotEqual(told[1], two[key][1])

    def test_other_contents_are_others(self):
        one = self.make("one")["package:requests"]
        self.assertNotEqual(one[0], self.make("two", last="other")["package:requests"][0])
        script = self.make("three", get="#!/bin/sh\n")["package:requests"]
        self.assertNotEqual(one[0], script[0])

    def test_a_record_without_a_digest_proves_nothing_elsewhere(self):
        one, two = (self.make(name, line="requests/more.py,,\n") for name in ("one", "two"))
        self.assertNotEqual(one["package:requests"][0], two["package:requests"][0])

    def test_bytecode_needs_no_digest(self):
        one = self.make("one")
        two = self.make("two", line="requests/__pycache__/last.cpython-311.pyc,,\n")
        self.assertEqual(one["package:requests"][0], two["package:requests"][0])

    def test_folders_have_names_in_texts(self):
        places = Places("/a/b")
        for text, wanted in (("/a/b", "{root}"), ("/a/b/c", "{root}/c"), ("/a/bc", "/a/bc"),
                             ("/x/a/b", "/x/a/b"), ("file:///a/b", "file://{root}"),
                             ("#!/a/b/bin/p -s", "#!{root}/bin/p -s"), ("'/a/b'", "'{root}'"),
                             (sys.prefix + "/lib", "{prefix}/lib")):
            self.assertEqual(places.text(text), wanted)

    def test_a_value_has_one_end_only(self):
        self.assertNotIn(HERE, value("=a" + HERE + "b"))
        self.assertEqual(split(value("a" + HERE + "b", "c" + HERE)),
                         ("a here:: b", "c" + HERE))


class BrokenRecordsTest(SiteTest):
    """Where the record does not say what was installed, the entry speaks for itself."""

    def assert_unrecorded(self, info):
        packages = installed([self.site.path])
        before = packages.value("package:foo")
        self.assertEqual(before.partition(" ")[0], "unrecorded")
        recorded = packages.value("distribution:foo")
        self.assertEqual(recorded.partition(" ")[0], "1.0")
        self.site.touch("foo")
        self.site.touch(info)
        packages.forget()
        self.assertNotEqual(packages.value("package:foo"), before)
        return packages.value("distribution:foo") != recorded

    def test_an_empty_record(self):
        self.site.write("foo/__init__.py")
        os.mkdir(self.site.at("foo-1.0.dist-info"))
        self.assertTrue(self.assert_unrecorded("foo-1.0.dist-info"))

    def test_a_record_that_is_a_folder(self):
        self.site.write("foo/__init__.py")
        self.site.write("foo-1.0.dist-info/RECORD/x")
        self.assertTrue(self.assert_unrecorded("foo-1.0.dist-info/RECORD"))

    def test_a_record_of_garbage(self):
        self.site.write("foo/__init__.py")
        self.site.write("foo-1.0.dist-info/RECORD", bytes(range(256)) + b"\n,,,\n\"\n/foo/x\n")
        self.site.write("foo-1.0.dist-info/top_level.txt", b"\xff\n")
        self.assertTrue(self.assert_unrecorded("foo-1.0.dist-info/RECORD"))

    def test_a_record_that_leads_nowhere(self):
        self.site.write("foo/__init__.py")
        os.symlink("nowhere", self.site.at("foo-1.0.dist-info"))
        os.symlink("nowhere", self.site.at("gone"))
        packages = installed([self.site.path])
        self.assertEqual(packages.value("package:foo").partition(" ")[0], "unrecorded")
        self.assertNotEqual(packages.value("distribution:foo"), ABSENT)

    @unittest.skipIf(os.geteuid() == 0, "root reads everything")
    def test_a_record_that_may_not_be_read(self):
        self.site.wheel("foo", "1.0", ["foo/__init__.py"])
        os.chmod(self.site.at("foo-1.0.dist-info/RECORD"), 0)
        self.assertTrue(self.assert_unrecorded("foo-1.0.dist-info/RECORD"))

    def test_a_declaration_that_is_empty_is_none(self):
        self.site.wheel("foo", "1.0", ["foo/__init__.py"], "\n")
        self.assertEqual(installed([self.site.path]).value("package:foo").partition(" ")[0], "foo")


# A path, and what depends on it.
KEYS = {
    "/v/site-packages": ["distributions"],
    "/v/site-packages/": ["distributions"],
    "/v/dist-packages/foo": ["package:foo"],
    "/v/site-packages/foo/bar.py": ["package:foo"],
    "/v/site-packages/foo.libs/bar.so": ["package:foo.libs"],
    "/v/site-packages/six.py": ["package:six"],
    "/v/site-packages/_foo.cpython-311-x86_64-linux-gnu.so": ["package:_foo"],
    "/v/site-packages/Foo_Bar-1.0.dist-info/METADATA": ["distribution:foo-bar"],
    "/v/site-packages/nose-1.3.7-py3.11.egg-info": ["distribution:nose"],
    "/v/site-packages/a-1.0-py3.8.egg/a.py": ["package:a-1.0-py3.8.egg"],
    "/v/site-packages/x/site-packages/y/z.py": ["package:x", "package:y"],
    "/v/my-site-packages/foo": [],
    "/v/project/foo.py": [],
    "": [],
}


class NotedTest(SiteTest):
    def setUp(self):
        super().setUp()
        self.told = []
        self.noted = Noted()

    def test_a_path_belongs_to_what_installed_it(self):
        for path, wanted in KEYS.items():
            self.assertEqual(keys(path), wanted, path)

    def test_a_search_is_told_once(self):
        self.noted.start(self.told.append)
        for folder in ("/project", "/v/site-packages", "/v/dist-packages", "/v/site-packages"):
            self.noted.searched("yaml", folder)
        self.noted.searched("yaml.nodes", "/v/site-packages/yaml")
        self.assertEqual(self.told, ["package:yaml"])

    def test_a_search_in_an_installed_package_depends_on_that(self):
        self.noted.start(self.told.append)
        self.noted.searched("win32api", "/v/site-packages/win32/lib")
        self.noted.searched("project.part", "/v/site-packages/shared")
        self.noted.searched("odd.part", "/v/site-packages")
        self.assertEqual(self.told, ["package:win32", "package:shared", "package:part"])

    def test_imports_from_before_the_start_are_told_and_questions_are_not(self):
        self.noted.searched("nose", "/v/site-packages")
        self.noted.asked("six")
        self.noted.everything()
        self.noted.touched("/v/site-packages")
        self.noted.touched("/v/site-packages/six-1.0.dist-info")
        self.noted.start(self.told.append)
        self.assertEqual(self.told, ["package:nose"])
        self.noted.searched("nose", "/v/site-packages")
        self.noted.asked("Six")
        self.noted.everything()
        self.assertEqual(self.told, ["package:nose", "distribution:six", "distributions"])

    def test_what_is_touched_is_told(self):
        self.noted.start(self.told.append)
        for path in KEYS:
            self.noted.touched(path)
        self.assertEqual(set(self.told), {key for wanted in KEYS.values() for key in wanted})

    def test_questions_in_a_pause_are_not_told(self):
        self.noted.start(self.told.append)
        with self.noted.paused():
            with self.noted.paused():
                self.noted.everything()
            self.noted.asked("six")
            self.noted.touched("/v/site-packages")
            self.noted.searched("yaml", "/v/site-packages")
        self.assertEqual(self.told, ["package:yaml"])
        self.noted.asked("six")
        self.assertEqual(self.told, ["package:yaml", "distribution:six"])

    def test_what_was_loaded_before_is_told(self):
        class Lazy(types.ModuleType):
            def __getattribute__(self, name):
                raise AssertionError("it was loaded")

        modules = {}
        for name, known in (("six", {"__file__": "/v/site-packages/six.py"}),
                            ("foo.bar", {"__file__": "/v/site-packages/foo/bar.py"}),
                            ("ns", {"__file__": None, "__path__": [None, "/v/site-packages/ns"]}),
                            ("sys", {}), ("os", {"__file__": "/usr/lib/python3/os.py"})):
            modules[name] = types.ModuleType(name)
            modules[name].__dict__.update(known)
        modules["lazy"], modules["none"], modules["odd"] = Lazy("lazy"), None, object()
        self.noted.loaded(modules)
        self.assertEqual(set(self.noted.keys), {
            "package:six", "package:foo", "package:ns", "package:sitecustomize",
            "package:usercustomize"})

    def test_the_keys_of_a_run_are_those_of_the_host(self):
        packages = self.fill()
        self.noted.start(self.told.append)
        for name in ("requests", "yaml", "_foo", "lonely"):
            self.noted.searched(name, self.site.path)
        self.noted.asked("Foo.Bar")
        self.noted.everything()
        self.assertEqual([key for key in self.told if packages.value(key) == ABSENT],
                         ["package:yaml"])


# Runs pieces of code, each in a fork of its own and with what the import guard does of this, and
# prints for each what was told, and what went wrong.
SCRIPT = """
import json, os, sys, traceback
sys.path.insert(0, {plugin!r})
from sniffer_plugin.packages import Noted
sys.path[0] = {site!r}
from importlib.machinery import PathFinder


def piece(before, code):
    told = []
    noted = Noted()
    names = dict(noted=noted, sys=sys, start=lambda: noted.start(told.append))
    exec(before, names)
    find_spec = PathFinder.find_spec

    def guarded(cls, fullname, path=None, target=None):
        with noted.paused():  # the import system lists folders too
            spec = find_spec(fullname, path, target)
        noted.found(fullname, spec)
        return spec
    PathFinder.find_spec = classmethod(guarded)
    noted.loaded(sys.modules)
    noted.keys.clear()
    exec(code, names)
    return told


for before, code in json.load(sys.stdin):
    if not os.fork():
        try:
            line = json.dumps([piece(before, code), ''])
        except BaseException:
            line = json.dumps([[], traceback.format_exc()])
        os.write(1, line.encode() + b'\\n')
        os._exit(0)
    os.wait()
"""

BACKPORT = """
import sys
class Context:
    name = None
class Found:
    version = '7'
class MetadataPathFinder:
    def find_distributions(self, context=Context()):
        "All of them."
        if context.name in (None, 'six'):
            yield Found()
    def find_spec(self, *args):
        pass
def version(name):
    context = Context()
    context.name = name
    return next(MetadataPathFinder().find_distributions(context)).version
sys.meta_path.append(MetadataPathFinder())
"""

RESOURCES = """
class WorkingSet:
    def __init__(self):
        self.by_key = {'six': 6}
    def find(self, key):
        return self.by_key.get(key)
    def __iter__(self):
        return iter(self.by_key)
working_set = WorkingSet()
find = working_set.find
"""

METADATA = "import importlib.metadata as metadata\n"
LISTED = """
def listed(event, args):
    if event in ("os.listdir", "os.scandir") and isinstance(args[0], str):
        noted.touched(args[0])
sys.addaudithook(listed)
"""
ONE, EACH = ["distribution:six"], ["distributions"]

# What is loaded before anybody looks, what runs, and what is told.
ASKING = {
    "the version": ("", "start()\n" + METADATA + "assert metadata.version('six') == '1.16.0'", ONE),
    "the version, loaded in the host": (
        METADATA, "start()\nassert metadata.version('six') == '1.16.0'", ONE),
    "the version, by a name that was taken in the host": (
        "from importlib.metadata import version", "start()\nversion('six')", ONE),
    "another spelling": ("", "start()\n" + METADATA + "metadata.version('Foo_Bar')",
                         ["distribution:foo-bar"]),
    "it is not there": (
        "", "start()\n" + METADATA + "try: metadata.version('yaml')\n"
        "except metadata.PackageNotFoundError: pass", ["distribution:yaml"]),
    "one after the other": (
        METADATA, "start()\nmetadata.version('six')\nmetadata.metadata('requests')\n"
        "metadata.version('six')", ["distribution:six", "distribution:requests"]),
    "its files": ("", "start()\n" + METADATA + "assert metadata.files('six')", ONE),
    "all": ("", "start()\n" + METADATA + "assert len(list(metadata.distributions())) > 5", EACH),
    "all, loaded in the host": (METADATA, "start()\nlist(metadata.distributions())", EACH),
    "one of all": (METADATA, "start()\nlist(metadata.Distribution.discover(name='six'))", ONE),
    "entry points": (METADATA, "start()\nmetadata.entry_points()", EACH),
    "the finder itself": (
        METADATA, "start()\nassert list(metadata.MetadataPathFinder.find_distributions())", EACH),
    "the finder itself, by name": (
        METADATA, "start()\nc = metadata.DistributionFinder.Context(name='six')\n"
        "one = list(metadata.MetadataPathFinder.find_distributions(context=c))\n"
        "also = list(metadata.MetadataPathFinder().find_distributions(c))\n"
        "assert len(one) == len(also) >= 1", ONE),
    "an iterator for one": (
        METADATA, "start()\nc = metadata.DistributionFinder.Context(name='six')\n"
        "next(metadata.MetadataPathFinder.find_distributions(c))", ONE),
    "the host asks": (METADATA, "list(metadata.distributions())\nmetadata.version('six')\n"
                      "start()", []),
    "only loaded": ("", "start()\n" + METADATA, []),
    "a pause": (METADATA, "start()\nwith noted.paused(): list(metadata.distributions())", []),
    "gone through after a pause": (
        METADATA, "start()\nwith noted.paused(): d = metadata.distributions()\nlist(d)", EACH),
    "loaded anew": (
        METADATA, "start()\nimport importlib\nmetadata = importlib.reload(metadata)\n"
        "metadata.version('six')", ONE),
    "in a thread": (METADATA, "start()\nimport threading\nt = threading.Thread("
                    "target=metadata.version, args=('six',))\nt.start()\nt.join()", ONE),
    "the version, while listings are told": (
        LISTED, "start()\n" + METADATA + "assert metadata.version('six')", ONE),
    "a listing": (LISTED, "start()\nimport os\nos.listdir(sys.path[0])", EACH),
    "the backport": ("", "start()\nimport importlib_metadata as m\n"
                     "assert m.version('six') == '7'", ONE),
    "the backport, loaded in the host": (
        "import importlib_metadata as m", "start()\nassert m.version('six') == '7'", ONE),
    "the backport, all": (
        "import importlib_metadata as m",
        "start()\nassert len(list(m.MetadataPathFinder().find_distributions())) == 1", EACH),
    "the backport, as others copy it": (
        "import copies.importlib_metadata as m", "start()\nm.version('six')", ONE),
    "the backport answers the standard library": (
        "import importlib_metadata\n" + METADATA, "start()\nlist(metadata.distributions())", EACH),
    "pkg_resources": ("", "start()\nimport pkg_resources", EACH),
    "pkg_resources, loaded in the host": (
        "import pkg_resources", "start()\nassert pkg_resources.find('six') == 6", EACH),
    "pkg_resources, loaded in the host after the guard": (
        "", "import pkg_resources\nstart()\nassert list(pkg_resources.working_set) == ['six']",
        EACH),
    "pkg_resources, not asked": ("import pkg_resources", "start()", []),
    "pkg_resources, in a pause": (
        "import pkg_resources", "start()\nwith noted.paused(): pkg_resources.find('six')", []),
    "nothing of it": ("import os", "start()\nimport json, zipfile", []),
    "no trace is left": (METADATA + "import inspect\ndef seen():\n"
        "    f = metadata.MetadataPathFinder.find_distributions\n"
        "    raw = vars(metadata.MetadataPathFinder)['find_distributions']\n"
        "    return (f.__name__, f.__qualname__, f.__module__, f.__doc__, type(raw), callable(f),\n"
        "            str(inspect.signature(f)), inspect.getsource(f), inspect.ismethod(f),\n"
        "            [d.version for d in metadata.distributions(name='six')])\nwas = seen()",
        "assert seen() == was\nstart()", []),
    "no trace is left of loading": (
        "", METADATA + "for it in (metadata.__spec__.loader, metadata.__loader__):\n"
        "    assert 'exec_module' not in vars(it)\nstart()", []),
    "an error while it loads": (
        "", "start()\ntry: import wrong.importlib_metadata\nexcept ZeroDivisionError: pass\n"
        "assert 'wrong.importlib_metadata' not in sys.modules", []),
}


class AskingTest(SiteTest):
    def test_who_asks_for_distributions_depends_on_those(self):
        self.fill()
        self.site.write("importlib_metadata.py", BACKPORT)
        self.site.write("copies/importlib_metadata/__init__.py", BACKPORT)
        self.site.write("wrong/importlib_metadata.py", "1 / 0")
        self.site.write("pkg_resources.py", RESOURCES)
        run = subprocess.run(
            [sys.executable, "-B", "-E", "-c", SCRIPT.format(plugin=PLUGIN, site=self.site.path)],
            input=json.dumps([case[:2] for case in ASKING.values()]).encode("utf-8"),
            stdout=subprocess.PIPE, check=True)
        answers = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual(len(answers), len(ASKING))
        for (name, case), (told, error) in zip(ASKING.items(), answers):
            with self.subTest(name):
                self.assertEqual(error, "")
                self.assertEqual(told, case[2])


load_tests = load_tests_of(__file__)

if __name__ == "__main__":
    unittest.main()
