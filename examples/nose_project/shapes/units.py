"""Lengths in different units."""

MILLIMETRES = {"mm": 1, "cm": 10, "m": 1000, "in": 25.4}


def convert(value, source, target):
    for unit in (source, target):
        if unit not in MILLIMETRES:
            raise KeyError("unknown unit: %s" % unit)
    return value * MILLIMETRES[source] / MILLIMETRES[target]
