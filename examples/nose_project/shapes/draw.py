"""Shapes as text."""


def draw_rectangle(rectangle, mark="#"):
    row = mark * int(rectangle.width)
    return "\n".join([row] * int(rectangle.height))
