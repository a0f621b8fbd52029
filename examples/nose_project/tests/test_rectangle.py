from nose.tools import assert_equal, assert_raises

from shapes import Rectangle


def test_area():
    assert_equal(Rectangle(3, 4).area(), 12)


def test_perimeter():
    assert_equal(Rectangle(3, 4).perimeter(), 14)


def test_no_size():
    assert_raises(ValueError, Rectangle, 0, 4)
