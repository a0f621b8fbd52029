"""Shapes from lines of text, such as "rectangle 3 4"."""

from shapes.model import Circle, Rectangle, Square

KINDS = {kind.name: kind for kind in (Circle, Rectangle, Square)}


def parse_line(line):
    kind, *numbers = line.split()
    if kind not in KINDS:
        raise ValueError("unknown shape: %s" % kind)
    return KINDS[kind](*(float(number) for number in numbers))


def parse_file(path):
    """One shape a line; empty lines and lines that begin with # do not count."""
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return [parse_line(line) for line in lines if line and not line.startswith("#")]
