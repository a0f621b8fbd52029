from catalog.tiles import tiles
from shapes.units import convert


def needed(tile, length_cm):
    """How many TILEs make a row of LENGTH_CM."""
    return -(-convert(length_cm, "cm", "mm") // tiles()[tile])
