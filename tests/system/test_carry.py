"""An index that travels: with the project, as a file, and to machines that share the work."""

import os
import shutil
import subprocess
import xml.etree.ElementTree

import house

FILES = {
    "shapes.py": "def area(a, b):\n    return a * b\n\ndef border(a, b):\n    return 2 * (a + b)\n",
    "words.txt": "one two\n",
    "test_area.py": "import shapes\n\ndef test():\n    assert shapes.area(2, 3) == 6\n",
    "test_border.py": "import shapes\n\ndef test():\n    assert shapes.border(2, 3) == 10\n",
    "test_words.py": "def test():\n    assert open('words.txt').read() == 'one two\\n'\n",
    "test_stamp.py": "import os\n\ndef test():\n    assert os.stat('words.txt').st_mtime > 0\n",
    "test_red.py": "def test():\n    assert not 'this fails everywhere'\n",
}
ALL = {name for name in FILES if name.startswith("test_")}


class CarryTest(house.HouseTest):
    FILES = FILES

    def elsewhere(self, files=None):
        """Another checkout of the same commit, as another user has it: other paths, inodes, times.
        The one that is here has ended its daemon or not."""
        other = house.House()
        self.addCleanup(other.close)
        for name in os.listdir(self.house.root):
            if name != ".sniffer":
                shutil.copy(self.house.path(name), other.path(name))  # no time stamps
                os.utime(other.path(name), (10 ** 9, 10 ** 9))
        for name, text in (files or {}).items():
            other.write(name, text)
        return other

    def with_index(self, other):
        """As a CI cache brings it back: the folder, with no more than contents and names."""
        shutil.copytree(self.house.path(".sniffer"), other.path(".sniffer"),
                        copy_function=shutil.copy)
        return other

    def ran(self, project):
        """The files that were run here, and not before."""
        before = self.house.runs() if self.known is None else self.known
        return {file for file, count in project.runs().items() if count != before.get(file, 0)}

    def prove(self):
        self.house.wait()
        self.known = self.house.runs()

    # ---- with the project ----

    def test_a_project_that_moves_takes_its_verdicts_along(self):
        self.prove()
        self.house.ctl("stop", code=0)
        other = self.with_index(self.elsewhere())
        other.wait(code=1)
        self.assertEqual(self.ran(other), {"test_stamp.py"})  # whoever looks at time stamps
        self.assertEqual(len(other.results()), len(ALL))
        self.assertTrue(all(record["current"] for record in other.results().values()))

    def test_what_differs_there_runs(self):
        self.prove()
        self.house.ctl("stop", code=0)
        other = self.with_index(self.elsewhere({
            "shapes.py": FILES["shapes.py"].replace("2 * (a", "3 * (a")}))
        other.wait(code=1)
        self.assertEqual(self.ran(other), {"test_stamp.py", "test_border.py"})
        self.assertEqual(other.outcomes()["test_border.py", "test"], "failure")

    def test_another_interpreter_proves_everything_itself(self):
        self.prove()
        self.house.ctl("stop", code=0)
        other = self.with_index(self.elsewhere())
        other.environment["PYTHONHASHSEED"] = "7"
        other.wait(code=1)
        self.assertEqual(self.ran(other), ALL)

    def test_a_folder_that_is_renamed_keeps_its_verdicts(self):
        self.prove()
        self.house.ctl("stop", code=0)
        other = house.House(root=os.path.join(self.house.base, "renamed"), settings=None)
        os.rmdir(other.root)
        os.rename(self.house.root, other.root)
        self.addCleanup(os.rename, other.root, self.house.root)
        self.addCleanup(other.close)
        other.wait(code=1)
        self.assertEqual(self.ran(other), set())

    # ---- as a file ----

    def exported(self):
        path = os.path.join(self.house.base, "index")
        self.assertEqual(self.house.ctl("index", "export", path, code=0).stdout, "")
        return path

    def check_import(self, other, path):
        said = other.ctl("index", "import", path, code=0).stdout
        self.assertEqual(said, "%d verdicts of %d test files were added\n" % (len(ALL), len(ALL)))

    def test_a_running_daemon_exports_and_none_imports(self):
        self.prove()
        other = self.elsewhere()
        self.check_import(other, self.exported())
        other.wait(code=1)
        self.assertEqual(self.ran(other), {"test_stamp.py"})

    def test_an_index_at_rest_is_exported(self):
        self.prove()
        self.house.ctl("stop", code=0)
        other = self.elsewhere()
        self.check_import(other, self.exported())
        other.wait(code=1)
        self.assertEqual(self.ran(other), {"test_stamp.py"})

    def test_a_running_daemon_imports(self):
        self.prove()
        path = self.exported()
        broken = {"shapes.py": "def area(a, b):\n    return 0\n\n\ndef border(a, b):\n    return 0\n"}
        other = self.elsewhere(broken)
        other.wait(code=1)
        before = other.runs()
        self.check_import(other, path)
        self.assertEqual(other.runs(), before)  # a lived-in project keeps its history
        other.write("shapes.py", FILES["shapes.py"])
        other.wait(code=1)
        self.assertEqual(other.runs(), before)  # what was proved elsewhere is proved
        self.assertEqual(other.outcomes()["test_area.py", "test"], "success")

    def test_what_is_imported_again_adds_nothing(self):
        self.prove()
        path = self.exported()
        other = self.elsewhere()
        self.check_import(other, path)
        self.assertEqual(other.ctl("index", "import", path, code=0).stdout,
                         "0 verdicts of 0 test files were added\n")

    def test_a_test_file_that_is_not_here_is_left_out(self):
        self.prove()
        path = self.exported()
        other = self.elsewhere()
        other.remove("test_red.py")
        other.wait(code=0)
        other.ctl("index", "import", path, code=0)
        other.wait(code=0)
        self.assertEqual(set(other.runs()), ALL - {"test_red.py"})

    def refused(self, path, word):
        for running in (False, True):
            self.house.ctl("stop")
            if running:
                self.house.wait()
            done = self.house.ctl("index", "import", path, code=5)
            self.assertIn(word, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_what_is_no_index_is_refused(self):
        self.refused(self.house.path("words.txt"), "no index")
        self.refused(self.house.root, "directory")
        self.refused(self.house.path("nothing"), "No such file")

    def test_a_damaged_index_is_refused(self):
        self.prove()
        path = self.exported()
        with open(path, "r+b") as file:
            file.seek(3000)
            byte = file.read(1)
            file.seek(3000)
            file.write(bytes([byte[0] ^ 1]))
        self.refused(path, "damaged")
        os.truncate(path, 5000)
        self.refused(path, "damaged")

    def test_nothing_is_exported_where_nothing_is_known(self):
        done = self.house.ctl("index", "export", os.path.join(self.house.base, "index"), code=3)
        self.assertIn("nothing is known", done.stderr)
        self.assertFalse(os.path.exists(self.house.path(".sniffer")))

    def test_a_file_that_cannot_be_written_is_named(self):
        self.prove()
        done = self.house.ctl("index", "export", "/nowhere/index", code=5)
        self.assertIn("/nowhere/index: No such file", done.stderr)

    def test_wrong_words(self):
        for words in ((), ("export",), ("import",), ("carry", "x"), ("export", "a", "b")):
            self.house.ctl("index", *words, code=2)

    # ---- in parts, and in CI ----

    def check(self, project, *words):
        """The files in the report of a check."""
        path = os.path.join(project.base, "junit.xml")
        done = project.ctl("check", "--junit-xml", path, *words)
        suites = xml.etree.ElementTree.parse(path).getroot()
        files = [suite.get("name") for suite in suites]
        self.assertEqual(done.returncode, int("test_red.py" in files), done.stdout + done.stderr)
        self.assertIn("of %d tests failed" % len(files) if done.returncode else
                      "%d test" % len(files), done.stdout)
        return files

    def test_a_restored_index_is_reported_whole(self):
        self.prove()
        self.house.ctl("stop", code=0)
        other = self.with_index(self.elsewhere())
        self.assertEqual(set(self.check(other, "--once")), ALL)
        self.assertFalse(os.path.exists(other.ctl("socket").stdout.strip()))
        other.ctl("start", code=0)
        self.assertEqual(self.ran(other), {"test_stamp.py"})

    def shards(self, projects):
        reports = []
        for at, project in enumerate(projects, 1):
            reports.append(self.check(project, "--shard", "%d/%d" % (at, len(projects))))
            self.assertFalse(os.path.exists(project.ctl("socket").stdout.strip()))
        return reports

    def test_parts_cover_all_once(self):
        self.known = {}
        for count in (1, 2, 3):
            projects = [self.elsewhere() for _ in range(count)]
            reports = self.shards(projects)
            self.assertEqual(sorted(sum(reports, [])), sorted(ALL))
            for project, report in zip(projects, reports):
                self.assertEqual(self.ran_there(project), set(report))

    def ran_there(self, project):
        """Without a daemon: what the index says."""
        path = os.path.join(project.base, "copy")
        project.ctl("index", "export", path, code=0)
        seen = house.House(root=project.root + "-seen", settings=None)
        self.addCleanup(seen.close)
        seen.ctl("index", "import", path, code=0)
        import sqlite3
        with sqlite3.connect(seen.path(".sniffer", "index.sqlite")) as index:
            rows = index.execute("SELECT path FROM file WHERE runs > 0").fetchall()
        return {os.fsdecode(row[0]) for row in rows}

    def test_the_slowest_are_kept_apart(self):
        self.house.write("test_slow_a.py", "import time\n\ndef test():\n    time.sleep(0.8)\n")
        self.house.write("test_slow_b.py", "import time\n\ndef test():\n    time.sleep(0.8)\n")
        self.prove()
        path = self.exported()
        projects = [self.elsewhere(), self.elsewhere()]
        for project in projects:
            project.ctl("index", "import", path, code=0)
        reports = self.shards(projects)
        self.assertEqual(sorted(sum(reports, [])), sorted({*ALL, "test_slow_a.py", "test_slow_b.py"}))
        for report in reports:
            self.assertEqual(len([name for name in report if "slow" in name]), 1)

    def test_a_daemon_that_runs_reports_its_part(self):
        self.prove()
        parts = [self.check(self.house, "--shard", "%d/2" % at) for at in (1, 2)]
        self.assertEqual(sorted(sum(parts, [])), sorted(ALL))
        self.assertEqual(self.house.runs(), self.known)

    def test_a_part_that_is_none(self):
        for part in ("0/2", "3/2", "1", "a/b", "1/2/3", "/2", "1/", "-1/2", "1/1001", " 1/2", ""):
            self.house.ctl("check", "--shard", part, code=2)
        self.assertFalse(os.path.exists(self.house.path(".sniffer")))
        done = subprocess.run([os.path.join(house.BUILD, "snifferd"), "--shard", "2/1"],
                              stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    house.main()
