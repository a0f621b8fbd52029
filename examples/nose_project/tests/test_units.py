from shapes.units import convert


def check(value, source, target, expected):
    assert abs(convert(value, source, target) - expected) < 1e-9


def test_convert():
    yield check, 1, "m", "cm", 100
    yield check, 25.4, "mm", "in", 1
    yield check, 2, "in", "mm", 50.8


def test_unknown_unit():
    try:
        convert(1, "m", "furlong")
    except KeyError as error:
        assert "furlong" in str(error)
    else:
        raise AssertionError("an unknown unit was taken")
