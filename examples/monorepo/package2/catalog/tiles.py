import os

from shapes.units import convert

TILES = os.path.join(os.path.dirname(__file__), "tiles.ini")


def tiles(path=TILES):
    """Name: length of a side in millimetres."""
    found = {}
    with open(path) as file:
        for line in file:
            name, value, unit = line.split()
            found[name] = convert(float(value), unit, "mm")
    return found
