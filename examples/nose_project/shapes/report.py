"""Reports about shapes, from templates that lie beside this module."""

import os
import string

TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")


def template_names():
    return sorted(os.path.splitext(name)[0] for name in os.listdir(TEMPLATES)
                  if name.endswith(".txt"))


def render(name, shape):
    with open(os.path.join(TEMPLATES, name + ".txt"), encoding="utf-8") as file:
        template = string.Template(file.read())
    return template.substitute(name=shape.name, area="%.1f" % shape.area(),
                               perimeter="%.1f" % shape.perimeter()).strip()
