from catalog.tiles import tiles


def test_all_tiles_are_in_millimetres():
    assert tiles() == {"small": 50, "large": 600}
