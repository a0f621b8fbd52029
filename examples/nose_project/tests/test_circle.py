import math
import unittest

from shapes import Circle


class CircleTest(unittest.TestCase):
    def test_area(self):
        self.assertAlmostEqual(Circle(2).area(), 4 * math.pi)

    def test_perimeter(self):
        self.assertAlmostEqual(Circle(0.5).perimeter(), math.pi)

    def test_needs_a_radius(self):
        with self.assertRaises(ValueError):
            Circle(0)
