"""Shapes on a grid of characters."""

from shapes.model import Circle, Rectangle, Square

__all__ = ["Circle", "Rectangle", "Square"]
