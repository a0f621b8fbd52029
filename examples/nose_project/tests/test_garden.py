import os

from shapes.parse import parse_file

GARDEN = os.path.join(os.path.dirname(__file__), "data", "garden.txt")


def test_garden():
    shapes = parse_file(GARDEN)
    assert [shape.name for shape in shapes] == ["rectangle", "square", "circle"]
    assert round(sum(shape.area() for shape in shapes), 2) == 20.14
