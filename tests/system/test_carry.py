"""An index that travels: with the project, and as a file."""

import os

import house
from elsewhere import ALL, FILES, ElsewhereTest


class CarryTest(ElsewhereTest):
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
        broken = {"shapes.py": "def area(a, b):\n    return 0\n\n\n"
                               "def border(a, b):\n    return 0\n"}
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


if __name__ == "__main__":
    house.main()
