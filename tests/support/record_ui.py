"""Records conversations for the golden pictures of sniffer: what a real daemon tells a subscriber
while a project goes from red by an edit to green, and while it is halted.

    SNIFFER_BUILD=build/debug python3 tests/support/record_ui.py
    SNIFFER_RENEW=1 build/debug/tests/test_ui_golden      then read what has become different"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]
# pylint: disable=wrong-import-position
import house  # noqa: E402
from record_examples import Talk  # noqa: E402
from test_monorepo import example  # noqa: E402

TO = os.path.join(house.SOURCE, "tests", "golden", "ui")
ROOT = "/home/me/shop"
WRONG = "def total(prices):\n    return sum(prices) + 1\n"
RIGHT = "def total(prices):\n    return sum(prices)\n"
SHOP = {
    "shop/__init__.py": "",
    "shop/price.py": WRONG,
    "tests/test_other.py": "def test_other():\n    pass\n",
    "tests/test_price.py": """
        import os
        import time
        from shop.price import total

        def test_none():
            assert total([]) == 0, "nothing costs nothing"

        def test_one():
            assert total([1]) == 1

        def test_slow():
            print("waits for the till")
            while not os.path.exists("till"):
                time.sleep(0.01)
            assert total([1, 2]) == 3
        """,
    "till": "",
}
HALTS = '[tool.sniffer]\npython = "%s"\nfail_fast = true\njobs = 1\n'
UNITS = "package1/shapes/units.py"


class Told(Talk):
    """What is told, in its order, with pictures taken between."""

    def __init__(self, place, size=(80, 24)):
        place.ctl("start", code=0)
        super().__init__(place)
        self.root, self.lines, self.pictures = place.root, [], 0
        self.ui("size", columns=size[0], rows=size[1])
        self.socket.sendall(b'{"id":1,"method":"subscribe"}\n')

    def ui(self, what, **more):
        self.lines.append(json.dumps(dict(ui=what, **more)))

    def until(self, method, **params):
        """Up to the notification METHOD with PARAMS; then a picture."""
        while True:
            line = self.stream.readline().decode()
            told = json.loads(line)
            if told.get("method") in (None, "hello", "bookmark"):
                continue
            self.lines.append(line.rstrip("\n").replace(self.root, ROOT))
            about = told["params"].get("status", told["params"])
            if told["method"] in (method, "snapshot") and all(
                    about.get(key) == value for key, value in params.items()):
                break
        self.pictures += 100
        self.ui("now", ms=self.pictures)
        self.ui("shot")

    def keep(self, name, title):
        with open(os.path.join(TO, name + ".ndjson"), "w", encoding="utf-8") as file:
            file.write("\n".join(["# " + title + ": tests/support/record_ui.py", *self.lines, ""]))


def red_to_green():
    place = house.House(SHOP)
    try:
        place.ctl("wait")
        told = Told(place)
        told.until("state", state="idle")
        place.remove("till")  # the tests run again, and wait
        told.until("run.test", test="test_slow")
        place.write("shop/price.py", RIGHT)
        place.write("till", "")
        told.until("state", state="idle")
        told.keep("recorded_edit", "red, edited, runs, green")
    finally:
        place.close()


def halted():
    files = example()
    place = house.House({**files, "pyproject.toml": HALTS % house.PYTHON}, None)
    try:
        place.ctl("wait")
        told = Told(place)
        told.until("state", state="idle")
        place.write(UNITS, files[UNITS].replace('"cm": 10', '"cm": 10 / 0'))
        told.until("state", state="halted")
        place.write(UNITS, files[UNITS])
        told.until("state", state="idle")
        told.keep("recorded_halted", "green, halted at the first failure, mended, green")
    finally:
        place.close()


if __name__ == "__main__":
    red_to_green()
    halted()
