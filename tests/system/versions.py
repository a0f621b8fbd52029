"""The real daemon on one version of Python, under each framework that its interpreters have.

    versions.py 3.12

Ends with 77, which ctest shows as skipped, where no interpreter of that version is."""

import os
import subprocess
import sys
import unittest

from house import SOURCE, House

sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from each_python import pythons_of  # noqa: E402

SKIPPED = 77
FILES = {
    "tests/__init__.py": "",
    "shop/__init__.py": "",
    "shop/price.py": """\
        def net(value):
            return sum(part for part in [value, 0])

        def gross(value):
            return net(value) * 2
        """,
    "shop/stock.py": """\
        class Stock:
            def count(self):
                return 3
        """,
    "tests/test_price.py": """\
        import unittest
        from shop import price

        class Price(unittest.TestCase):
            def test_net(self):
                self.assertEqual(price.net(2), 2)
        """,
    "tests/test_stock.py": """\
        import unittest
        from shop import price, stock

        class Stock(unittest.TestCase):
            def test_count(self):
                self.assertEqual(stock.Stock().count(), 3)

            @unittest.skip("not today")
            def test_more(self):
                pass
        """,
}
PRICE, STOCK = "tests/test_price.py", "tests/test_stock.py"
GREEN = {(PRICE, "Price.test_net"): "success", (STOCK, "Stock.test_count"): "success",
         (STOCK, "Stock.test_more"): "skipped"}


def story(python, framework):
    def test(self):
        house = House(FILES, 'python = "%s"\nframework = "%s"\n' % (python, framework))
        self.addCleanup(house.close)

        def change(path, old, new):
            return house.ran(lambda: house.write(path, house.read(path).replace(old, new)))

        house.wait(code=0)
        self.assertEqual(house.outcomes(), GREEN)
        # A body that only one of the files ran, and then one that none did.
        self.assertEqual(change("shop/price.py", "[value, 0]", "[value, 1]"), {PRICE})
        house.wait(code=1)
        self.assertEqual(house.outcomes(), {**GREEN, (PRICE, "Price.test_net"): "failure"})
        self.assertEqual(change("shop/price.py", "* 2", "* 3"), set())
        self.assertEqual(change("shop/price.py", "[value, 1]", "[value, 0]"), set())  # proved before
        self.assertEqual(change("shop/stock.py", "class", "# what there is\nclass"), set())
        self.assertEqual(change("shop/stock.py", "return 3", "return int(3)"), {STOCK})
        house.wait(code=0)
        self.assertEqual(house.outcomes(), GREEN)
    return test


def has(python, module):
    return subprocess.run([python, "-c", "import " + module], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


class Versions(unittest.TestCase):
    pass


def main():
    version = tuple(map(int, sys.argv.pop().split(".")))
    pythons = pythons_of(version)
    if not pythons:
        print("no Python %d.%d here" % version)
        return SKIPPED
    for python in pythons:
        for framework in ("unittest", "pytest", "nose"):
            if has(python, framework):
                name = "test_%s_with_%s" % (framework, python.replace("/", "_"))
                setattr(Versions, name, story(python, framework))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    sys.exit(main())
