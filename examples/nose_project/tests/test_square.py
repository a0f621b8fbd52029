from shapes import Rectangle, Square


class TestSquare:
    def setup(self):
        self.square = Square(3)

    def test_area(self):
        assert self.square.area() == 9

    def test_is_a_rectangle(self):
        assert isinstance(self.square, Rectangle)
