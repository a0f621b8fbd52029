"""Records proto/examples: what a client, the daemon and a worker really said to each other.

    SNIFFER_BUILD=build/debug python3 tests/support/record_examples.py

Paths of the temporary project become /home/me/project; of the many paths that each run looks at, and
of the distributions that an interpreter has, a few are kept. Everything else is as it was sent."""

import json
import os
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]
# pylint: disable=wrong-import-position
import host_process  # noqa: E402
import house  # noqa: E402

TO = os.path.join(house.SOURCE, "proto", "examples")
ROOT = "/home/me/project"
FEW = 4
FILES = {
    "shop/__init__.py": "",
    "shop/price.py": "def total(prices):\n    return sum(prices)\n\ndef unused():\n    pass\n",
    "data/prices.txt": "1 2 3\n",
    "test_price.py": """
        import os, unittest
        from shop.price import total

        class Price(unittest.TestCase):
            def test_sum(self):
                with open("data/prices.txt") as file:
                    self.assertEqual(total(map(int, file.read().split())), 6)

            def test_wrong(self):
                "\u00e9"
                os.listdir("data"), os.path.exists("nowhere")
                self.assertEqual(total([1]), 2)

            def test_error(self):
                print("on its way")
                total(None)

            @unittest.skip("not yet")
            def test_later(self):
                pass
        """,
    "test_broken.py": "import no_such_module\n",
    "test_killed.py": "import os\ndef test_killed():\n    os.kill(os.getpid(), 9)\n",
    "test_writes.py": "def test_writes():\n    open('out.txt', 'w').write('x')\n",
}


class Talk:
    """One client's raw lines, both ways."""

    def __init__(self, place):
        path = place.ctl("socket", code=0).stdout.rstrip("\n")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")
        self.sent, self.replies, self.news = [], [], [self.stream.readline().decode()]

    def say(self, line, expect=True):
        """Sends LINE and reads to its reply."""
        self.sent.append(line)
        self.socket.sendall(line.encode() + b"\n")
        while expect:
            answer = self.stream.readline().decode()
            is_reply = "method" not in json.loads(answer)
            (self.replies if is_reply else self.news).append(answer)
            if is_reply:
                return

    def ask(self, method, **params):
        self.say(json.dumps({"jsonrpc": "2.0", "id": len(self.sent) + 1, "method": method,
                             "params": params}, ensure_ascii=False))


def client():
    """The client's conversation: (requests, replies, notifications)."""
    place = house.House(FILES)
    try:
        place.ctl("start", code=0)
        talk = Talk(place)
        talk.ask("subscribe")
        talk.ask("wait", timeout_ms=60000)
        place.write("shop/price.py", "def total(prices):\n    return sum(prices) + 1\n")
        talk.ask("wait")
        place.write("shop/price.py", FILES["shop/price.py"])
        talk.ask("wait")
        talk.ask("results", files=["test_price.py"])
        talk.ask("results", failed=True, limit=1)
        talk.ask("files")
        talk.ask("deps", files=["test_price.py"], limit=40)
        talk.ask("affected", paths=["shop/price.py", {"b64": "c2hvcC//"}])
        talk.ask("why", files=["test_price.py"])
        talk.ask("touch", paths=["data/prices.txt"])
        talk.ask("run", files=["test_broken.py"])
        talk.ask("wait", timeout_ms=0)
        talk.ask("wait")
        talk.ask("audit", count=2)
        for method in ("wait", "pause", "status", "resume", "doctor", "unsubscribe"):
            talk.ask(method)
        talk.say('{"id":"a","method":"status"}')
        talk.say('{"method":"touch","params":{"paths":["x"]}}', expect=False)
        talk.say('{"id":1,"method":"no_such"}')
        talk.say('{"id":2,"method":"deps","params":{"files":7}}')
        talk.say('[1, 2')
        talk.say('[{"id":3,"method":"status"}]')
        talk.ask("stop")
        talk.news += [line.decode() for line in talk.stream]
        return place.root, talk.sent, talk.replies, talk.news
    finally:
        place.close()


def brief(record):
    """Fewer of what there are many of."""
    if record["report"] == "ready":
        record["distributions"] = dict(list(record["distributions"].items())[:FEW])
    for source in record.get("sources", ()):
        for key in ("keys", "digests"):
            if isinstance(source.get(key), list):
                source[key] = source[key][:8]
    return record


def worker():
    """The worker's conversation: (orders, reports, looks)."""
    project = host_process.Project(**FILES)
    orders, reports, looks = [], [], []

    class Heard(host_process.Host):
        """One that keeps what was said."""

        def order(self, **order):
            orders.append(json.dumps(order))
            super().order(**order)

        def until(self, wanted):
            said = super().until(wanted)
            reports.extend(said[0])
            looks.extend(said[1])
            return said

    host = Heard(project, host_process.python_with_nose())
    try:
        host.ready()
        host.classify(*FILES)
        for name in FILES:
            if name.startswith("test_"):
                host.run(name)
        host.run("test_price.py", first=["Price.test_sum"], company=["test_writes.py"])
        host.blocks("shop/price.py", "test_price.py", "no_such.py")
        host.close()
    finally:
        project.remove()
    inside = [look for look in looks if look.get("kind") not in ("search", "environment")
              and not str(look.get("path", "/")).startswith("/")]
    others = [look for look in looks if look not in inside][:: max(1, len(looks) // 40)]
    return (project.root, orders, [json.dumps(brief(report)) for report in reports],
            [json.dumps(look) for look in inside + others])


def keep(name, root, lines):
    with open(os.path.join(TO, name + ".ndjson"), "w", encoding="utf-8") as file:
        for line in dict.fromkeys(line.rstrip("\n") for line in lines):
            for real, shown in ((root, ROOT), (os.path.dirname(root), os.path.dirname(ROOT)),
                                (house.SOURCE, "/usr/lib/sniffer"), (house.BUILD, "/usr/lib/sniffer")):
                line = line.replace(real, shown)
            file.write(line + "\n")


def main():
    root, requests, replies, news = client()
    for name, lines in (("requests", requests), ("replies", replies), ("notifications", news)):
        keep(name, root, lines)
    root, orders, reports, looks = worker()
    for name, lines in (("orders", orders), ("reports", reports), ("looks", looks)):
        keep(name, root, lines)


if __name__ == "__main__":
    main()
