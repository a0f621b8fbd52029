from shapes import Rectangle
from shapes.draw import draw_rectangle


def test_rectangle():
    assert draw_rectangle(Rectangle(3, 2)) == "###\n###"


def test_mark():
    assert draw_rectangle(Rectangle(2, 1), mark="o") == "oo"
