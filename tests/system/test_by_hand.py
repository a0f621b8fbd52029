"""nosetests --with-sniffer, started by a person, feeds the daemon's index: soundly or not at all."""

import os
import subprocess

from house import HouseTest, PYTHON, SOURCE, main


class ByHand(HouseTest):
    FILES = {
        "lib.py": "def f():\n    return 1\n",
        "other.py": "x = 1\n",
        "test_lib.py": "import lib\n\ndef test_f():\n    assert lib.f() == 1\n\ndef test_g():\n    pass\n",
        "test_other.py": "import other\n\ndef test_x():\n    assert other.x\n",
    }

    def setUp(self):
        super().setUp()
        self.start()
        self.house.wait(code=0)
        self.house.ctl("pause", code=0)

    def nose(self, *arguments, **environment):
        done = subprocess.run([PYTHON, "-m", "nose", "--with-sniffer", *arguments], cwd=self.house.root,
                              env=dict(self.house.environment,
                                       PYTHONPATH=os.path.join(SOURCE, "python_plugin"), **environment),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.house.ctl("resume", code=0)
        self.house.wait()
        return done

    def reason(self, file):
        return self.house.records("why", "--json", file)[0]

    def test_a_run_by_hand_is_a_verdict(self):
        self.house.write("lib.py", "def f():\n    return 2\n")
        runs = self.house.runs()
        self.assertEqual(self.nose("test_lib.py").returncode, 1)
        self.assertEqual(self.reason("test_lib.py")["detail"], "run by hand")
        self.assertEqual(self.house.runs()["test_lib.py"], runs["test_lib.py"] + 1)
        self.assertEqual(self.house.outcomes("test_lib.py"), {("test_lib.py", "test_f"): "failure",
                                                              ("test_lib.py", "test_g"): "success"})
        with self.subTest("and rests on what it used"):
            self.assertEqual(self.house.ran(lambda: self.house.write("lib.py", "def f():\n    return len('x')\n")),
                             {"test_lib.py"})
            self.assertEqual(self.house.ran(lambda: self.house.write("other.py", "x = 2\n")),
                             {"test_other.py"})

    def test_all_files_at_once(self):
        self.house.write("lib.py", "def f():\n    return 2\n")
        self.nose()
        self.assertEqual(self.reason("test_lib.py")["detail"], "run by hand")
        self.assertEqual(self.reason("test_other.py")["detail"], "run by hand")

    def test_a_single_test_tells_nothing_of_the_file(self):
        self.house.write("lib.py", "def f():\n    return 2\n")
        self.nose("test_lib.py:test_g")
        self.assertNotEqual(self.reason("test_lib.py")["detail"], "run by hand")

    def test_another_environment_tells_nothing(self):
        self.house.write("lib.py", "def f():\n    return 2\n")
        self.nose("test_lib.py", PYTHONOPTIMIZE="1")
        self.assertNotEqual(self.reason("test_lib.py")["detail"], "run by hand")
        self.assertEqual(self.house.outcomes("test_lib.py")["test_lib.py", "test_f"], "failure")

    def test_without_a_daemon_it_says_nothing(self):
        self.house.ctl("resume", code=0)
        self.house.ctl("stop", code=0)
        done = subprocess.run([PYTHON, "-m", "nose", "--with-sniffer"], cwd=self.house.root,
                              env=dict(self.house.environment, PYTHONPATH=os.path.join(SOURCE, "python_plugin")),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(done.stdout.startswith("...\n"), done.stdout)


if __name__ == "__main__":
    main()
