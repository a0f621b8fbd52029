"""What the programs that a test starts look at is evidence too."""

import os
import unittest

from house import HouseTest, main


class Programs(HouseTest):
    FILES = {
        "data/a.txt": "1\n",
        "data/b.txt": "2\n",
        "data/c.txt": "3\n",
        "data/sourced.sh": "VALUE=4\n",
        "lib.py": "def value():\n    return 5\n",
        "reads.py": "print(open('data/b.txt').read())\n",
        "imports.py": "import lib\nprint(lib.value())\n",
        "run.sh": ". data/sourced.sh\necho $VALUE\n",
        "test_programs.py": """\
            import multiprocessing
            import os
            import subprocess
            import sys

            def out(*command, **options):
                return int(subprocess.check_output(command, **options))

            def read_c(queue):
                with open("data/c.txt") as file:
                    queue.put(int(file.read()))

            def test_cat():
                assert out("cat", "data/a.txt") == 1

            def test_reads():
                assert out(sys.executable, "reads.py") == 2

            def test_imports():
                assert out(sys.executable, "imports.py") == 5

            def test_sources():
                assert out("sh", "run.sh") == 4

            def test_fork():
                queue = multiprocessing.Queue()
                process = multiprocessing.Process(target=read_c, args=(queue,))
                process.start()
                assert queue.get() == 3
                process.join()

            def test_asks():
                assert os.system("test -d data && ! test -e data/missing") == 0
            """,
        "test_other.py": "def test():\n    pass\n",
    }

    def setUp(self):
        super().setUp()
        self.start()
        self.house.wait(code=0)

    def red_by(self, path, text):
        before = self.house.read(path)
        ran = self.house.ran(lambda: self.house.write(path, text))
        self.assertEqual(ran, {"test_programs.py"}, path)
        self.house.wait(code=1)
        self.assertEqual(self.house.ran(lambda: self.house.write(path, before)), set(), path)
        self.house.wait(code=0)

    def test_what_a_program_reads(self):
        self.red_by("data/a.txt", "9\n")

    def test_what_a_python_program_reads_and_imports(self):
        self.red_by("data/b.txt", "9\n")
        self.red_by("reads.py", "print(9)\n")
        self.red_by("lib.py", "def value():\n    return 9\n")

    def test_what_a_shell_script_sources(self):
        self.red_by("data/sourced.sh", "VALUE=9\n")

    def test_what_a_forked_process_reads(self):
        self.red_by("data/c.txt", "9\n")

    def test_what_a_program_looked_for_in_vain(self):
        self.assertEqual(self.house.ran(lambda: self.house.write("data/missing", "")),
                         {"test_programs.py"})
        self.house.wait(code=1)
        self.house.remove("data/missing")
        self.house.wait(code=0)

    def test_two_saves_of_one_size_within_a_second_reach_a_python_program(self):
        for number, code in ((6, 1), (5, 0), (7, 1), (5, 0)):
            self.house.write_in_place("lib.py", "def value():\n    return %d\n" % number)
            self.house.wait(code=code)


class Outputs(HouseTest):
    FILES = {"test_out.py": """\
        import os
        import subprocess

        def test_out():
            subprocess.check_call("mkdir -p out && date +%N > out/now && cat out/now && echo x >> log",
                                  shell=True)
            with open("out/now") as file:
                assert file.read()
        """}

    def test_what_a_program_writes_starts_nothing(self):
        self.start()
        self.house.wait(code=0)
        self.house.wait(code=0)
        self.assertLessEqual(self.house.runs()["test_out.py"], 2)


if __name__ == "__main__":
    main()
