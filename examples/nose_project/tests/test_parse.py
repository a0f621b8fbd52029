import unittest

from shapes.parse import parse_line


class ParseTest(unittest.TestCase):
    def test_each_kind(self):
        for line, name in (("circle 1", "circle"), ("square 2", "square")):
            with self.subTest(line=line):
                self.assertEqual(parse_line(line).name, name)

    def test_unknown(self):
        with self.assertRaises(ValueError):
            parse_line("blob 1")
