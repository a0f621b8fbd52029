"""The FIFO through which other programs tell what changed."""

import mmap
import os
import stat

from house import HouseTest, main


class Hints(HouseTest):
    FILES = {"data.txt": "1\n",
             "test_data.py": """\
                def test_data():
                    with open("data.txt") as file:
                        assert file.read() == "1\\n"
                """,
             "test_other.py": "def test_other():\n    pass\n"}

    def setUp(self):
        super().setUp()
        self.pipe = self.house.path(".sniffer", "changed")

    def tell(self, text):
        with open(self.pipe, "w", encoding="utf-8") as pipe:
            pipe.write(text)

    def test_a_hint_has_a_path_looked_at_again(self):
        self.house.ctl("start", "--pipe", code=0)
        self.house.wait(code=0)
        status = os.lstat(self.pipe)
        self.assertTrue(stat.S_ISFIFO(status.st_mode))
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o600)
        with open(self.house.path("data.txt"), "r+b") as file, \
                mmap.mmap(file.fileno(), 0) as memory:
            before = self.house.runs()
            for text, hint, code in ((b"2\n", "data.txt\n", 1),
                                     (b"1\n", self.house.path("data.txt"), 0),
                                     (b"3\n", "data.txt", 1)):
                memory[:] = text  # the kernel tells nobody of it
                memory.flush()
                self.house.wait(code=1 - code)
                self.tell(hint)
                self.house.wait(code=code)
            after = self.house.runs()
            self.assertEqual(after["test_data.py"], before["test_data.py"] + 2)  # 1 was known
            self.assertEqual(after["test_other.py"], before["test_other.py"])

    def test_it_goes_with_the_daemon_and_comes_when_asked_for(self):
        self.house.ctl("start", "--pipe", code=0)
        self.house.ctl("stop", code=0)
        self.assertFalse(os.path.lexists(self.pipe))
        self.house.ctl("start", code=0)
        self.assertFalse(os.path.lexists(self.pipe))

    def test_where_it_cannot_be_made_the_daemon_does_not_start(self):
        os.makedirs(self.pipe)
        done = self.house.ctl("start", "--pipe", code=3)
        self.assertIn("cannot make %s: Is a directory" % self.pipe, done.stderr)


if __name__ == "__main__":
    main()
