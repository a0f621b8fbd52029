"""Edits of a source: text and dice in, text out. Made for the modules of project.py."""

import ast
import re

import project


def change_number(rng, text, pattern=r"\b(\d\d)\b"):
    """Another number in one of the places that PATTERN's group finds, if there is any."""
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    hit = rng.choice(found)
    return text[:hit.start(1)] + str(project.number(rng)) + text[hit.end(1):]


def any_number(rng, text):
    changed = change_number(rng, text)
    return changed if changed != text else text + "%d\n" % project.number(rng)


def numbers(pattern):
    return lambda rng, text: change_number(rng, text, pattern)


def replace_one(rng, text, pattern, new):
    """NEW, with \\1 and %d for a number, in one of PATTERN's places."""
    found = list(re.finditer(pattern, text, re.MULTILINE))
    if not found:
        return text
    hit = rng.choice(found)
    new = hit.expand(new.replace("%d", str(project.number(rng))))
    return text[:hit.start()] + new + text[hit.end():]


def replaces(pattern, new):
    return lambda rng, text: replace_one(rng, text, pattern, new)


def appends(line):
    return lambda rng, text: text + line.replace("%f", str(rng.randrange(3))).replace(
        "%d", str(project.number(rng)))


def reads_data(rng, text):
    return re.sub(r"(?m)^VALUE = .*", "VALUE = open('%s').read()" % rng.choice(project.DATA), text)


def imports(rng, text):
    return "import %s\n" % rng.choice(project.OPTIONAL + project.MODULES) + text


# What matters to some: (edit, weight).
CODE = [
    (any_number, 6),
    (numbers(r"(?m)^ +(?:return|yield) .*?\b(\d\d)\b"), 6),
    # the body of a function
    (numbers(r'"""(?:Of|Module) (\d\d)\."""'), 2),                              # a docstring
    (replaces(r'^ +"""Of \d\d\."""\n', ""), 1),
    (numbers(r"\(\w+(?:: \d\d)?=(\d\d)\)"), 2),                                 # a default
    (replaces(r"def f(\d)\(x=(\d+)\)", r"def f\1(x=\2, *, more=None)"), 1),
    (replaces(r"^def (f\d|gen|outer)\b", r"@wrap\ndef \1"), 1),                 # a decorator
    (replaces(r"^@wrap\n", ""), 1),
    (numbers(r"(?:x: |-> )(\d\d)"), 1),                                         # an annotation
    (numbers(r"(?:size|colour) = (?:Box\.size \+ )?(\d\d)"), 2),                # a class attribute
    (replaces(r"^class (Box|Big)(.*):\n", r"class \1\2:\n    more%d = %d\n"), 1),
    (replaces(r"^class (Box|Big)(.*):\n", r"class \1\2:\n    def area(self):\n        return %d\n"),
     1),
    (replaces(r"^    def area\(self\):\n.*\n", "    added = %d\n"), 1),         # a method goes
    (numbers(r"lambda x: x \+ (\d\d)"), 2),                                     # one of two on a line
    (replaces(r"^( +)yield (.*)", r"\1return [\2]"), 1),
    # no generator any more
    (replaces(r"^( +)return \[i \*(.*)\]", r"\1yield i *\2"), 1),
    (replaces(r"^( +)return ", r"\1if x and False:\n\1    yield\n\1return "), 1),
    (appends("\ndef f%f(x=0):\n    return %d\n"), 1),
    (replaces(r"^def f\d(?:.*\n)(?: .*\n|\n)*", ""), 1),                        # a function goes
    (appends("def (:\n"), 1),
    (lambda rng, text: text.replace("def (:\n", ""), 1),
    (imports, 1),
    (reads_data, 1),
]


def change(rng, text):
    """TEXT with one edit in it, nearly always another one."""
    for _ in range(4):
        edit, = rng.choices([edit for edit, _ in CODE], [weight for _, weight in CODE])
        changed = edit(rng, text)
        if changed != text:
            return changed
    return any_number(rng, text)


# What matters to nobody who does not read the text itself.
def _comment_line(rng, lines):
    number = rng.randrange(len(lines) + 1)
    follows = lines[number] if number < len(lines) else ""
    comment = re.match(" *", follows).group() + "# note %d" % project.number(rng)
    return lines[:number] + [comment] + lines[number:]


def _comment_behind(rng, lines):
    number = rng.randrange(len(lines))
    return lines[:number] + [lines[number] + "  # %d" % project.number(rng)] + lines[number + 1:]


def _no_comments(rng, lines):
    return [re.sub(r" *# (note )?\d\d$", "", line) for line in lines]


def _blank_line(rng, lines):
    number = rng.randrange(len(lines) + 1)
    return lines[:number] + [""] + lines[number:]


def _no_blank_lines(rng, lines):
    return [line for line in lines if line]


def _brackets(rng, lines):
    return [re.sub(r"^( +return )(?!\()(.*[^:])$", r"\1(\n        \2)",
                   line) if rng.random() < 0.5 else line
            for line in lines]


def _deeper(rng, lines):
    return [re.sub("^( +)", r"\1\1", line) for line in lines]


LAYOUT = [_comment_line, _comment_line, _comment_behind, _no_comments, _blank_line, _no_blank_lines,
          _brackets, _deeper]


def _meaning(text):
    return ast.dump(ast.parse(text))


def relayout(rng, text):
    """TEXT with other comments and another layout, or None where that did not succeed."""
    changed = "\n".join(rng.choice(LAYOUT)(rng, text.split("\n")))
    try:
        return changed if changed != text and _meaning(changed) == _meaning(text) else None
    except (SyntaxError, ValueError):
        return None
