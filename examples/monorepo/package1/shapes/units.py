IN_MILLIMETRES = {"mm": 1, "cm": 10, "m": 1000}


def convert(value, source, target):
    return value * IN_MILLIMETRES[source] / IN_MILLIMETRES[target]
