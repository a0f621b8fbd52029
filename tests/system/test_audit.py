"""Audits of verdicts that are true, flaky and really stale: by what no tracing can see."""

import mmap
import os
import socketserver
import threading

from house import HouseTest, main

ASKS = """
    import socket

    def test_answer():
        with socket.create_connection(("127.0.0.1", %d)) as link:
            assert link.makefile().readline() == "yes\\n"
    """
FLAKY = """
    import os, socket

    def test_turn():
        with socket.create_connection(("127.0.0.1", %d)) as link:
            assert int(link.makefile().readline()) %% 2
    """
PLAIN = "def test_it():\n    pass\n"


class Server:
    """A program outside: the daemon knows nothing of what it reads."""

    def __init__(self, answer):
        class Answers(socketserver.StreamRequestHandler):
            """One line for each who asks."""

            def handle(self):
                self.wfile.write(answer().encode())

        self.server = socketserver.TCPServer(("127.0.0.1", 0), Answers)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Audits(HouseTest):
    FILES = {"test_plain.py": PLAIN, "test_red.py": "def test_red():\n    assert 0\n"}

    def serve(self, answer):
        server = Server(answer)
        self.addCleanup(server.close)
        return server.port

    def audit(self, *arguments, code=0):
        return {record["file"]: record
                for record in self.house.records("audit", "--json", *arguments, code=code)}

    def record(self, file):
        return {record["file"]: record for record in self.house.records("files", "--json")}[file]

    def test_what_is_true_agrees_red_and_green_and_runs_for_it(self):
        found = self.audit()  # starts the daemon, and has all verified first
        self.assertEqual({file: record["found"] for file, record in found.items()},
                         {"test_plain.py": "agreed", "test_red.py": "agreed"})
        self.assertEqual(self.house.runs(), {"test_plain.py": 2, "test_red.py": 2})
        counts = self.house.status()["audit"]
        self.assertEqual((counts["audited"], counts["agreed"], counts["stale"]), (2, 2, 0))
        longest_ago = min(self.house.records("files", "--json"), key=lambda one: one["audited"])
        self.assertEqual(list(self.audit("1")), [longest_ago["file"]])
        self.assertEqual(list(self.audit("test_red.py")), ["test_red.py"])
        self.house.ctl("audit", "test_none.py", code=5)
        self.assertNotIn("audits ", self.house.ctl("status", code=0).stdout)

    def test_a_verdict_made_stale_by_a_server_outside_is_found_and_remembered(self):
        house = self.house
        answer = os.path.join(house.base, "answer")  # outside the root, read by nobody's run

        def read():
            with open(answer, encoding="utf-8") as file:
                return file.read()

        with open(answer, "w", encoding="utf-8") as file:
            file.write("yes\n")
        house.write("test_asks.py", ASKS % self.serve(read))
        house.remove("test_red.py")
        house.wait(code=0)
        with open(answer, "w", encoding="utf-8") as file:
            file.write("no\n")
        house.wait(code=0)  # it cannot know
        found = self.audit("--all", code=1)
        self.assertEqual({file: record["found"] for file, record in found.items()},
                         {"test_plain.py": "agreed", "test_asks.py": "stale"})
        stale = found["test_asks.py"]
        self.assertEqual(stale["tests"], [
            {"test": "test_answer", "was": {"outcome": "success", "exception": None},
             "now": {"outcome": "failure", "exception": "AssertionError"}}])
        self.assertEqual(stale["runs"], 5)
        self.assertFalse(self.record("test_asks.py")["flaky"])
        house.wait(code=1)  # the new outcome is the one that is shown
        house.ctl("restart", code=0)
        house.wait(code=1)
        self.assertEqual(self.record("test_asks.py")["audit"], "stale")
        self.assertEqual(house.status()["audit"]["stale"], 1)
        self.assertIn("1 stale", house.ctl("status", code=0).stdout)
        self.assertIn("test_asks.py: 5 fresh runs", house.ctl("doctor", code=1).stdout)
        self.audit("test_asks.py")
        self.assertEqual(self.record("test_asks.py")["audit"], "agreed")

    def test_a_change_that_no_event_tells_is_named(self):
        house = self.house
        house.write("data.txt", "yes\n")
        house.write("test_data.py", """
            def test_data():
                with open("data.txt") as file:
                    assert file.read() == "yes\\n"
            """)
        house.remove("test_red.py")
        house.wait(code=0)
        with open(house.path("data.txt"), "r+b") as file:
            mapped = mmap.mmap(file.fileno(), 0)
        house.wait(code=0)
        mapped[0:3] = b"no!"
        mapped.flush()
        house.wait(code=0)  # it cannot know
        stale = self.audit("test_data.py", code=1)["test_data.py"]
        mapped.close()
        self.assertEqual(stale["found"], "stale")
        self.assertEqual([look["path"] for look in stale["moved"]], ["data.txt"])
        self.assertIn("data.txt has changed, and nobody told", stale["detail"])
        house.wait(code=1)

    def test_a_flaky_test_is_told_as_one(self):
        house = self.house
        asked = []

        def count():
            asked.append(1)
            return "%d\n" % len(asked)

        house.write("test_turn.py", FLAKY % self.serve(count))
        house.wait(code=1)
        found = self.audit("test_turn.py")
        self.assertEqual(found["test_turn.py"]["found"], "flaky")
        self.assertEqual(found["test_turn.py"]["runs"], 2)
        self.assertTrue(self.record("test_turn.py")["flaky"])


if __name__ == "__main__":
    main()
