"""proto/examples: the recorded orders, given to a real worker host, are answered as recorded."""

import collections
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(HERE, "system")]
from host_process import Host, Project, python_with_nose  # noqa: E402
from record_examples import FILES, TO  # noqa: E402

PYTHON = python_with_nose()


def lines(name):
    with open(os.path.join(TO, name + ".ndjson"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@unittest.skipUnless(PYTHON, "no interpreter with nose here")
class Examples(unittest.TestCase):
    def setUp(self):
        self.project = Project(**FILES)
        self.addCleanup(self.project.remove)
        self.host = Host(self.project, PYTHON)
        self.addCleanup(self.host.close)

    def test_the_recorded_orders_get_the_recorded_answers(self):
        told = self.host.until("ready")[0]
        ends = {"run": "exited", "classify": "classified", "blocks": "blocks"}
        for order in lines("orders"):
            self.host.order(**order)
            told += self.host.until(ends[order["order"]])[0]
        keys = ("report", "run", "id", "test", "outcome", "exception", "tests", "status", "signal")
        counted = [collections.Counter(json.dumps([report.get(key) for key in keys])
                                       for report in reports)
                   for reports in (told, lines("reports"))]
        self.assertEqual(*counted)


if __name__ == "__main__":
    unittest.main()
