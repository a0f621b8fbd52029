"""Machines that share the work, and what a check in CI reports."""

import os
import sqlite3
import subprocess
import xml.etree.ElementTree

import house
from elsewhere import ALL, ElsewhereTest


class ShardsTest(ElsewhereTest):
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
        self.assertEqual(sorted(sum(reports, [])),
                         sorted({*ALL, "test_slow_a.py", "test_slow_b.py"}))
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
