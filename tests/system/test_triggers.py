"""The setting triggers: what is evidence of test files that never look at it."""

import os

from house import HouseTest, main

PASS = "def test_it():\n    pass\n"
TRIGGERS = """\
[tool.sniffer.triggers]
"*.ini" = "./"
"schema/" = ["tests/test_db*.py"]
"""


class Triggers(HouseTest):
    FILES = {"a/test_a.py": PASS, "a/deep/test_deep.py": PASS, "b/test_b.py": PASS,
             "tests/test_db_one.py": PASS, "tests/test_other.py": PASS,
             "a/x.ini": "1\n", "schema/one.sql": "1\n",
             "a/__init__.py": "", "a/deep/__init__.py": "", "b/__init__.py": ""}
    SETTINGS = TRIGGERS
    BELOW_A = {"a/test_a.py", "a/deep/test_deep.py"}
    DB = {"tests/test_db_one.py"}

    def ran(self, act, code=0):
        before = self.house.runs()
        act()
        self.house.wait(code=code)
        return {file for file, count in self.house.runs().items() if count != before.get(file, 0)}

    def test_contents_names_and_folders_count_and_what_is_undone_is_known(self):
        house = self.house
        house.wait(code=0)
        for act, files in (
                (lambda: house.write("a/x.ini", "2\n"), self.BELOW_A),
                (lambda: house.write("a/x.ini", "1\n"), set()),
                (lambda: house.write("b/y.ini", "1\n"), {"b/test_b.py"}),
                (lambda: house.remove("b/y.ini"), set()),
                (lambda: house.write("b/y.ini", "1\n"), set()),
                (lambda: house.write("schema/deep/two.sql", "1\n"), self.DB),
                (lambda: os.mkdir(house.path("schema", "empty")), self.DB),
                (lambda: os.rmdir(house.path("schema", "empty")), set()),
                (lambda: house.remove("schema/deep"), set()),
                (lambda: house.remove("schema"), self.DB),
                (lambda: house.write("c.txt", "1\n"), set()),
                (lambda: house.remove("a/x.ini"), self.BELOW_A)):
            self.assertEqual(self.ran(act), files)

    def test_why_deps_and_affected_name_the_path(self):
        house = self.house
        house.wait(code=0)
        house.write("b/y.ini", "1\n")
        house.wait(code=0)
        why, = house.records("why", "--json", "b/test_b.py")
        self.assertEqual((why["reason"], why["path"]), ("added", "b/y.ini"))
        self.assertIn(("content", "b/y.ini", True),
                      {(record["kind"], record["path"], record["holds"])
                       for record in house.records("deps", "--json", "b/test_b.py")})
        self.assertEqual([record["file"] for record in
                          house.records("affected", "--json", "a/x.ini")], sorted(self.BELOW_A))
        house.write("b/y.ini", "2\n")
        house.wait(code=0)
        why, = house.records("why", "--json", "b/test_b.py")
        self.assertEqual((why["reason"], why["path"]), ("changed", "b/y.ini"))
        self.assertEqual([record for record in
                          house.records("deps", "--json", "tests/test_other.py")
                          if "triggers" in record["path"] or ".ini" in record["path"]], [])

    def test_what_changed_while_no_daemon_ran_counts(self):
        house = self.house
        house.wait(code=0)
        house.ctl("restart", code=0)
        self.assertEqual(self.ran(lambda: None), set())
        before = house.runs()
        house.ctl("stop", code=0)
        house.write("a/deep/new.ini", "1\n")
        house.write("schema/one.sql", "2\n")
        house.wait(code=0)
        after = house.runs()
        self.assertEqual({file for file in after if after[file] != before[file]},
                         {"a/deep/test_deep.py"} | self.DB)

    def test_another_setting_counts_for_those_that_it_concerns(self):
        house = self.house
        house.wait(code=0)
        settings = house.read("pyproject.toml")
        more = settings + '"*.sql" = "tests/test_other.py"\n"*.none" = "./"\n'
        self.assertEqual(self.ran(lambda: house.write("pyproject.toml", more)),
                         {"tests/test_other.py"})
        self.assertEqual(self.ran(lambda: house.write("schema/one.sql", "3\n")),
                         {"tests/test_other.py"} | self.DB)
        self.assertEqual(self.ran(lambda: house.write("schema/one.sql", "1\n")), set())

    def test_what_a_run_writes_does_not_run_it_again(self):
        house = self.house
        house.write("b/test_b.py", "def test_it():\n    open('b/out.ini', 'w').write('1')\n")
        house.wait(code=0)
        runs = house.runs()["b/test_b.py"]
        self.assertEqual(runs, 1)
        self.assertEqual(self.ran(lambda: house.write("b/else.ini", "1\n")), {"b/test_b.py"})
        self.assertEqual(house.runs()["b/test_b.py"], 2)


class Forms(HouseTest):
    FILES = {"setup.cfg": "[sniffer]\ntriggers =\n    *.ini = ../ other/test_*.py\n",
             "a/conf/x.ini": "1\n", "a/tests/test_a.py": PASS, "other/test_o.py": PASS,
             "b/test_b.py": PASS, "a/__init__.py": "", "b/__init__.py": "",
             "other/__init__.py": ""}
    SETTINGS = None

    def test_the_form_of_setup_cfg_and_folders_above(self):
        self.house.write("setup.cfg", self.house.read("setup.cfg").replace(
            "[sniffer]", "[sniffer]\nframework = nose\npython = /usr/bin/python3"))
        self.house.wait(code=0)
        self.assertEqual(self.house.ran(lambda: self.house.write("a/conf/x.ini", "2\n")),
                         {"a/tests/test_a.py", "other/test_o.py"})

    def test_a_wrong_one_is_told_and_the_last_good_ones_stay(self):
        house = self.house
        settings = ("[sniffer]\nframework = nose\npython = /usr/bin/python3\n"
                    "triggers =\n    *.ini = ../\n")
        house.write("setup.cfg", settings)
        house.wait(code=0)
        house.write("setup.cfg", settings + "    no words\n")
        house.wait(code=0)
        self.assertIn("setup.cfg:4: triggers must be lines such as", house.status()["message"])
        self.assertEqual(house.ran(lambda: house.write("a/conf/x.ini", "2\n")),
                         {"a/tests/test_a.py"})


if __name__ == "__main__":
    main()
