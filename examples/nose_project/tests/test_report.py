from shapes import Square, report


def test_templates():
    assert report.template_names() == ["long", "short"]


def test_render():
    assert report.render("short", Square(2)) == "square: 4.0"


def test_each_template():
    for name in report.template_names():
        yield check_template, name


def check_template(name):
    assert "square" in report.render(name, Square(2))
