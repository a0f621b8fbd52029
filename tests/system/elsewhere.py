"""A project, and other checkouts of it."""

import os
import shutil

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


class ElsewhereTest(house.HouseTest):
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

    def exported(self):
        path = os.path.join(self.house.base, "index")
        self.assertEqual(self.house.ctl("index", "export", path, code=0).stdout, "")
        return path
