"""How the kernel is asked: what is chosen, what is said where it refuses, and what the writer's name is good for."""

import ctypes
import os
import subprocess
import unittest

from house import BUILD, HouseTest, main

CAP_SYS_ADMIN, PR_CAPBSET_DROP = 21, 24


def drop():
    """What is started from here on has not the right to fanotify, even as root."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0)


class Choice(HouseTest):
    FILES = {"value.txt": "1\n",
             "test_value.py": "def test_value():\n    assert open('value.txt').read() == '1\\n'\n"}

    def start_without_rights(self, *options):
        done = subprocess.run([BUILD + "/snifferctl", "-C", self.house.root, "start", *options],
                              env=self.house.environment, cwd=self.house.root, preexec_fn=drop,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def watching(self):
        return next(check for check in self.house.records("doctor", "--json")
                    if check["name"] == "watching")

    def check_it_works(self):
        self.house.wait(code=0)
        self.house.write_in_place("value.txt", "2\n")
        self.house.wait(code=1)

    def test_what_is_asked_for_and_refused_is_named_and_inotify_does_the_work(self):
        self.start_without_rights("--backend", "fanotify")
        self.check_it_works()
        self.assertEqual(self.house.status()["backend"], "inotify")
        self.assertIn("fanotify was asked for and cannot be had here", self.house.log())
        watching = self.watching()
        self.assertTrue(watching["ok"])
        self.assertIn("inotify; fanotify was asked for", watching["message"])

    def test_without_rights_the_choice_is_inotify_and_no_word_is_lost_about_it(self):
        self.start_without_rights()
        self.check_it_works()
        self.assertEqual(self.house.status()["backend"], "inotify")
        self.assertEqual(self.watching()["message"], "inotify")

    def test_inotify_can_be_asked_for(self):
        self.house.ctl("start", "--backend", "inotify", code=0)
        self.check_it_works()
        self.assertEqual(self.house.status()["backend"], "inotify")

    def test_where_it_is_allowed_the_choice_is_fanotify(self):
        self.house.ctl("start", "--backend", "fanotify", code=0)
        if self.house.status()["backend"] != "fanotify":
            self.skipTest("fanotify is not allowed here")
        self.house.ctl("restart", "--backend", "auto", code=0)
        self.check_it_works()
        self.assertEqual(self.house.status()["backend"], "fanotify")


class Writer(HouseTest):
    """A test that hands the file on, to be written by a program: nobody can say how it is left."""

    FILES = {"value.txt": "one\n",
             "test_value.py": """\
                import os
                import subprocess

                def test_value():
                    with open("value.txt") as file:
                        value = file.readline()
                    with open("value.txt", "a") as file:
                        subprocess.run(["echo"], stdout=file, check=True)
                    with open(os.environ["REACHED"], "w") as file:
                        file.write("x")
                    with open(os.environ["GO"]) as file:
                        file.read()
                    assert value == "one\\n", value
                """}

    def setUp(self):
        super().setUp()
        for name in ("REACHED", "GO"):
            fifo = os.path.join(self.house.base, name)
            os.mkfifo(fifo)
            self.house.environment[name] = fifo

    def reached(self):
        with open(self.house.environment["REACHED"]) as file:
            file.read()

    def go(self):
        with open(self.house.environment["GO"], "w") as file:
            file.write("x")

    def test_an_edit_where_the_run_writes_too_is_not_taken_for_its_own(self):
        self.house.ctl("start", "--backend", "fanotify", code=0)
        if self.house.status()["backend"] != "fanotify":
            self.skipTest("who wrote is known by fanotify alone, and it is not allowed here")
        self.reached()
        self.house.write_in_place("value.txt", "two\n")
        self.go()
        self.reached()  # it runs again by itself
        self.go()
        self.house.wait(code=1)
        self.assertEqual(self.house.runs(), {"test_value.py": 2})

    def test_what_the_run_writes_alone_starts_nothing(self):
        self.start()
        self.reached()
        self.go()
        self.house.wait(code=0)
        self.assertEqual(self.house.runs(), {"test_value.py": 1})


if __name__ == "__main__":
    main()
