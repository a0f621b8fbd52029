"""The shapes themselves: sizes, no drawing."""

import math


class Rectangle:
    name = "rectangle"

    def __init__(self, width, height):
        if width <= 0 or height <= 0:
            raise ValueError("a rectangle needs a width and a height")
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height

    def perimeter(self):
        return 2 * (self.width + self.height)


class Square(Rectangle):
    name = "square"

    def __init__(self, side):
        super().__init__(side, side)


class Circle:
    name = "circle"

    def __init__(self, radius):
        if radius <= 0:
            raise ValueError("a circle needs a radius")
        self.radius = radius

    def area(self):
        return math.pi * self.radius ** 2

    def perimeter(self):
        return 2 * math.pi * self.radius
