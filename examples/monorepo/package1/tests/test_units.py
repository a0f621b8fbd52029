from shapes.units import convert


def test_metres_are_millimetres():
    assert convert(2, "m", "mm") == 2000


def test_there_and_back():
    assert convert(convert(3, "cm", "m"), "m", "cm") == 3
