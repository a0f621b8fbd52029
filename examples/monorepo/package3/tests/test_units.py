import unittest

from shop.order import needed


class Row(unittest.TestCase):
    def test_a_row_of_large_tiles(self):
        self.assertEqual(needed("large", 240), 4)

    def test_a_part_of_a_tile_is_a_tile(self):
        self.assertEqual(needed("small", 101), 21)
