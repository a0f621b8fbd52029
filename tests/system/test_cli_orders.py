"""What people type to have something done, and what any client may say at the socket."""

import json
import os
import signal
import socket
import subprocess

from cli import CTL, GREEN, CliTest
from house import TIMEOUT, main


class Orders(CliTest):
    FILES = {
        "value.txt": "one\n",
        "test_value.py": """\
            def test_value():
                with open("value.txt") as file:
                    assert file.read() == "one\\n"
            """,
        **GREEN,
    }

    def setUp(self):
        super().setUp()
        self.start()
        self.house.wait(code=0)

    def test_a_green_check_is_0(self):
        done = self.house.ctl("check", code=0)
        self.assertIn("2 tests passed", done.stdout)
        self.assertEqual(self.house.ctl("check", "--json", code=0).stdout, "")

    def test_run_says_how_many(self):
        self.assertEqual(self.house.ctl("run", "test_good.py", code=0).stdout, "1 test file will run\n")
        self.house.wait(code=0)
        self.assertEqual(self.house.records("run", "--all", "--json"), [{"wanted": 2}])
        self.house.wait(code=0)
        self.assertEqual(self.house.runs(), {"test_good.py": 3, "test_value.py": 2})
        why = self.house.records("why", "--json", "test_good.py")[0]
        self.assertEqual((why["reason"], why["path"]), ("forced", None))

    def change_unseen(self):
        """Through a mapping, of which the kernel tells nobody."""
        import mmap
        path = self.house.path("value.txt")
        before = os.stat(path)
        file = open(path, "r+b")
        self.addCleanup(file.close)
        mapping = mmap.mmap(file.fileno(), 0)
        self.addCleanup(mapping.close)
        mapping[0:3] = b"two"
        if os.stat(path).st_mtime_ns == before.st_mtime_ns:
            self.skipTest("this file system does not even keep the time of it")

    def test_a_touched_path_is_looked_at(self):
        self.change_unseen()
        self.house.wait(code=0)
        self.house.ctl("touch", "value.txt", code=0)
        self.house.wait(code=1)

    def test_touch_reads_paths_from_stdin(self):
        self.change_unseen()
        self.house.wait(code=0)
        done = self.house.ctl("touch", "-", text="no/such/path\nvalue.txt\n", code=0)
        self.assertEqual((done.stdout, done.stderr), ("", ""))
        self.house.wait(code=1)

    def test_paused_nothing_runs_and_nothing_is_lost(self):
        self.house.ctl("pause", code=0)
        self.house.write("value.txt", "two\n")
        done = self.house.ctl("wait", "--timeout", "0.3", code=4)
        self.assert_one_line(done)
        status = self.house.status()
        while not status["queue"]:  # the change is seen; what follows may be on its way
            status = self.house.status()
        self.assertEqual((status["state"], status["queue"]), ("paused", ["test_value.py"]))
        self.assertEqual(status["stats"]["to_be_run"], 1)
        self.assertEqual([r["current"] for r in self.house.results("test_value.py").values()], [False])
        self.assert_one_line(self.house.ctl("check", "--timeout", "0.1", code=4))
        self.house.ctl("resume", code=0)
        self.house.wait(code=1)

    def test_under_focus_one_test_file_runs_and_the_others_wait(self):
        self.house.write("test_other.py", "import value\n\ndef test_other():\n    pass\n")
        self.house.wait()
        before = self.house.runs()
        self.assert_one_line(self.house.ctl("focus", code=2))
        self.assert_one_line(self.house.ctl("focus", "value.py", code=5))
        self.house.ctl("focus", "test_other.py::test_other", code=0)
        self.assertEqual("test_other.py", self.house.status()["focus"])
        self.house.ctl("run", "--all", code=0)
        self.house.ctl("wait", "--timeout", "2", code=4)
        status = self.house.status()
        self.assertEqual("paused", status["state"])
        self.assertEqual({"test_good.py", "test_value.py"}, set(status["queue"]))
        self.assertIn("test_other.py", status["message"])
        runs = self.house.runs()
        self.assertEqual(before["test_value.py"], runs["test_value.py"])
        self.assertEqual(before["test_other.py"] + 1, runs["test_other.py"])
        self.house.ctl("focus", "--off", code=0)
        self.house.wait()
        self.assertIsNone(self.house.status()["focus"])
        self.assertEqual(before["test_value.py"] + 1, self.house.runs()["test_value.py"])

    def test_a_focus_ends_with_its_test_file(self):
        self.house.write("test_other.py", "def test_other():\n    pass\n")
        self.house.wait()
        self.house.ctl("focus", "test_other.py", code=0)
        self.house.remove("test_other.py")
        self.house.write("value.py", "VALUE = 3\n")
        self.house.wait()
        self.assertIsNone(self.house.status()["focus"])

    def test_a_time_that_is_over_at_once_is_4(self):
        self.house.ctl("pause", code=0)
        self.house.ctl("run", "--all", code=0)
        self.house.ctl("wait", "--timeout", "0", code=4)
        self.house.ctl("resume", code=0)
        self.house.wait(code=0)

    def events(self, *topics):
        # Who runs in the background of a shell is born deaf to SIGINT.
        program = subprocess.Popen([CTL, "-C", self.house.root, "events", *topics],
                                   env=self.house.environment, stdout=subprocess.PIPE,
                                   universal_newlines=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        return program

    def test_events_of_the_topics_asked_for_until_interrupted(self):
        events = self.events("red", "green")
        self.assertEqual(json.loads(events.stdout.readline())["method"], "snapshot")
        self.house.write("value.txt", "two\n")
        self.house.wait(code=1)
        self.house.write("value.txt", "one\n")
        self.assertEqual([json.loads(events.stdout.readline())["method"] for _ in range(2)], ["red", "green"])
        events.send_signal(signal.SIGINT)
        self.assertEqual(events.wait(TIMEOUT), -signal.SIGINT)

    def test_events_are_what_the_socket_sends_verbatim(self):
        talk = self.talk()
        talk.hear()
        talk.say({"id": 1, "method": "subscribe", "params": {"topics": ["red"]}})
        self.assertEqual([talk.hear().get("id"), talk.hear()["method"]], [1, "snapshot"])
        events = self.events("red")
        events.stdout.readline()
        self.house.write("value.txt", "two\n")
        self.assertEqual(events.stdout.readline(), talk.lines.readline())

    def test_events_end_when_the_daemon_leaves(self):
        events = self.events()
        events.stdout.readline()
        self.house.ctl("stop", code=0)
        last = events.stdout.read().splitlines()[-1]
        self.assertEqual(json.loads(last)["method"], "bye")
        self.assertEqual(events.wait(TIMEOUT), 0)


# ---- the socket by hand --------------------------------------------------------------------


class Conversation(CliTest):
    def setUp(self):
        super().setUp()
        self.house.wait(code=0)

    def ask(self, line):
        talk = self.talk()
        talk.hear()
        talk.say(line)
        return talk.hear()

    def test_hello_comes_first_and_unasked(self):
        hello = self.talk().hear()
        self.assertEqual((hello["jsonrpc"], hello["method"]), ("2.0", "hello"))
        params = hello["params"]
        self.assertEqual(params["protocol"]["major"], 1)
        self.assertEqual(params["root"], self.house.root)
        self.assertEqual(params["pid"], self.house.status()["pid"])
        self.assertLessEqual({"status", "results", "wait", "subscribe"},
                             set(params["capabilities"]["methods"]))
        self.assertGreater(params["limits"]["line"], 1000)

    def test_a_reply_has_the_id_of_its_request(self):
        talk = self.talk()
        talk.hear()
        for number in (7, "seven", 0):
            talk.say({"id": number, "method": "status"})
            reply = talk.hear()
            self.assertEqual(reply["id"], number)
            self.assertEqual(reply["jsonrpc"], "2.0")
            self.assertEqual(reply["result"]["stats"]["successes"], 1)
        with self.subTest("many at once get one reply each"):
            for number in range(1, 21):
                talk.say({"jsonrpc": "2.0", "id": number, "method": "files", "params": {}})
            self.assertEqual(sorted(talk.hear()["id"] for _ in range(20)), list(range(1, 21)))

    def test_a_request_without_an_id_is_obeyed_and_never_answered(self):
        talk = self.talk()
        talk.hear()
        talk.say({"method": "pause"})
        talk.say({"method": "no_such_method"})
        talk.say({"id": 1, "method": "status"})
        reply = talk.hear()
        self.assertEqual((reply["id"], reply["result"]["state"]), (1, "paused"))

    def test_mistakes_have_a_kind_and_do_not_end_the_talk(self):
        talk = self.talk()
        talk.hear()
        for line, number, code, kind in (
                ('{"id":1,"method":"no_such_method"}', 1, -32601, "unknown_method"),
                ('{"id":"x","method":"no_such_method"}', "x", -32601, "unknown_method"),
                ("{bad", None, -32700, "parse"),
                ('{"id":2}', 2, -32600, "parse"),
                ('[{"id":3,"method":"status"}]', None, -32600, "unsupported"),
                ('{"id":4,"method":"status","params":[1]}', 4, -32602, "bad_params"),
                ('{"id":5,"method":"deps"}', 5, -32602, "bad_params"),
                ('{"id":6,"method":"why","params":{"files":["nothing.py"]}}', 6, -32602, "bad_params"),
                ('{"id":7,"method":"subscribe","params":{"topics":["x"]}}', 7, -32602, "bad_params"),
                ("{%s}" % (" " * 1048576), None, -32000, "too_long")):
            with self.subTest(line=line[:60]):
                talk.say(line)
                talk.say({"id": "after", "method": "status"})
                reply = talk.hear()
                self.assertEqual(reply["id"], number)
                self.assertEqual((reply["error"]["code"], reply["error"]["data"]["kind"]), (code, kind))
                self.assertEqual(len(reply["error"]["message"].splitlines()), 1)
                self.assertEqual(talk.hear()["id"], "after")

    def test_a_client_that_has_said_all_still_gets_its_answers(self):
        talk = self.talk()  # as `echo ... | nc -U -N` does it
        talk.say({"id": 1, "method": "wait", "params": {"timeout_ms": 60000}})
        talk.say({"id": 2, "method": "files"})
        talk.socket.shutdown(socket.SHUT_WR)
        answers = [talk.hear() for _ in range(4)]
        self.assertEqual(answers[0]["method"], "hello")
        self.assertEqual({answer["id"] for answer in answers[1:3]}, {1, 2})
        self.assertIsNone(answers[3])

    def test_what_the_client_prints_is_what_the_socket_says(self):
        for method, params in (("files", {}), ("results", {}), ("deps", {"files": ["test_good.py"]}),
                               ("why", {"files": ["test_good.py"]}), ("affected", {"paths": ["test_good.py"]})):
            with self.subTest(method=method):
                said = self.ask({"id": 1, "method": method, "params": params})["result"][method]
                operands = [operand for names in params.values() for operand in names]
                self.assertEqual(self.house.records(method, "--json", *operands), said)

    def test_a_subscriber_hears_of_each_result(self):
        talk = self.talk()
        talk.hear()
        talk.say({"id": 1, "method": "subscribe"})
        reply, snapshot = talk.hear(), talk.hear()
        self.assertEqual((reply["id"], snapshot["method"]), (1, "snapshot"))
        self.assertEqual(snapshot["params"]["status"]["stats"]["tests"], 1)
        self.house.write("test_good.py", "def test_good():\n    assert 1 == 2\n")
        first = talk.hear()
        self.assertEqual(first["params"]["seq"], snapshot["params"]["seq"] + 1)
        result = talk.hear_until(lambda message: message["method"] == "result")["params"]
        self.assertEqual((result["file"], result["test"], result["outcome"], result["exception"]),
                         ("test_good.py", "test_good", "failure", "AssertionError"))
        self.assertIn("assert 1 == 2", result["report_text"])

    def test_stop_is_answered_and_then_the_line_ends(self):
        pid = self.house.status()["pid"]
        process = os.pidfd_open(pid)
        self.addCleanup(os.close, process)
        talk = self.talk()
        talk.hear()
        talk.say({"id": 1, "method": "stop"})
        self.assertEqual(talk.hear(), {"jsonrpc": "2.0", "id": 1, "result": {}})
        self.assertIsNone(talk.hear_until(lambda message: False))
        import select
        self.assertTrue(select.select([process], [], [], 10)[0])


if __name__ == "__main__":
    main()
