"""Every line that the real daemon says and hears, against the schemas; and what PROTOCOL.md
promises of coming back, of keeping a copy, and of reports."""

import json
import os
import signal
import subprocess
import sys
import unittest

from house import SOURCE, House, HouseTest, interpreter_with, main

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
import schemas  # noqa: E402
from recorder import Client, Recorder  # noqa: E402

FILES = {
    "lib.py": "def f():\n    return 1\n",
    "test_lib.py": """\
        import unittest
        from lib import f

        class TestF(unittest.TestCase):
            def test_f(self):
                print("printed")
                self.assertEqual([f(), "é"], [1, "é"])

            @unittest.skip("later")
            def test_later(self):
                pass
        """,
    "test_bad.py": "import nowhere\n",
    "test_gone.py": "def test_gone():\n    pass\n",
}
SILENT = {"bookmark"}  # takes half a minute of silence; the serve room's tests have it


@unittest.skipIf(schemas.jsonschema is None, schemas.MISSING)
class Recorded(unittest.TestCase):
    def setUp(self):
        self.python = interpreter_with("pytest") or self.skipTest("no interpreter here has pytest")
        self.house = House(FILES, 'framework = "pytest"\npython = "%s"\n' % self.python)
        self.addCleanup(self.house.close)
        self.house.ctl("start", code=0)
        self.addCleanup(self.house.environment.pop, "SNIFFER_SOCKET", None)
        self.socket = self.house.ctl("socket", code=0).stdout.strip()
        self.recorder = Recorder(os.path.join(self.house.base, "recorded"), self.socket)
        self.house.environment["SNIFFER_SOCKET"] = self.recorder.path

    def the_scripted_client(self):
        """All methods and topics, and all errors that one client can have."""
        client = Client(self.recorder.path)
        for method in client.hello["capabilities"]["methods"]:
            if method in ("deps", "affected", "why", "run", "touch", "record.end", "index.export",
                          "index.import"):
                self.assertEqual(client.call(method)["error"]["data"]["kind"], "bad_params")
        client.call("subscribe")
        client.call("wait", timeout_ms=60000)
        client.call("results", files=["test_lib.py"], failed=False, offset=0)
        client.call("results", failed=True)
        parts = [client.call("results", shard={"part": part, "of": 2})["result"]["results"]
                 for part in (1, 2)]
        self.assertTrue(all(parts))
        self.assertEqual(client.call("results", shard={"part": 3, "of": 2})["error"]["data"]["kind"],
                         "bad_params")
        carried = os.path.join(self.house.base, "carried")
        client.call("index.export", path=carried)
        self.assertEqual(client.call("index.import", path=carried)["result"]["verdicts"], 3)
        client.call("wait")
        client.call("files", offset=1)
        client.call("deps", files=["test_lib.py", "test_bad.py"])
        client.call("affected", paths=["lib.py", {"b64": "Y2Fm6S50eHQ="}, "."])
        client.call("why", files=["test_lib.py"])
        client.call("doctor")
        client.call("pause")
        self.assertEqual(client.call("run", all=True)["result"], {"wanted": 3})
        self.assertEqual(client.call("wait", timeout_ms=0)["error"]["data"]["kind"], "timeout")
        client.call("status")
        client.call("resume")
        client.call("focus", file="test_lib.py")
        client.call("focus", file=None)
        client.call("wait")
        client.call("audit", files=["test_lib.py"])
        client.call("audit", count=1)
        client.until("audit")
        client.call("debug", file="test_lib.py")
        client.call("run", files=["test_lib.py"])
        client.call("wait")
        self.house.write("lib.py", "def f():\n    return 2\n")
        client.call("touch", paths=["lib.py"])
        client.call("wait")
        self.house.remove("test_bad.py")
        self.house.remove("test_gone.py")
        self.house.write("lib.py", "def f():\n    return 1\n")
        client.call("wait")
        client.until("green", "red", "file.failures", "run.output", "run.result")
        self.house.write("test_long.py", """
            import os, time

            def test_long():
                while not os.path.exists("over.txt"):
                    time.sleep(0.01)
            """)
        client.until("run.test")
        self.house.write("over.txt", "")
        client.call("wait")
        self.house.remove("test_long.py")
        client.call("wait")
        for line in ("nonsense", "[]", '{"id": 1}', '{"id": "x", "method": "no"}',
                     '{"id": "y", "method": "status", "params": []}', b" " * (1 << 20) + b"1\n"):
            client.send(line)
        client.call("unsubscribe")
        token = client.call("record.begin")["result"]["run"]
        client.call("record.end", run=token, files=[], looks=[], wrote=[])
        here = client.hello
        client.call("subscribe", topics=["stats"],
                    since={"epoch": here["epoch"], "seq": here["seq"]})
        client.call("schema")
        client.send('{"method": "unsubscribe"}')
        client.send('{"method": "status"}')
        client.send('{"jsonrpc": "2.0", "method": "pause", "params": null}')
        client.send('{"method": "resume"}')
        client.send('{"id": 1, "method": "sta')
        client.finish()

    def the_real_clients(self):
        ctl = self.house.ctl
        for command in (["status", "--json"], ["wait", "--timeout", "60"], ["check"], ["results"],
                        ["results", "--failed"], ["files"], ["deps", "test_lib.py"],
                        ["why", "test_lib.py"],
                        ["affected", "lib.py"], ["run", "test_lib.py"], ["run", "--all"],
                        ["touch", "lib.py"], ["pause"], ["resume"], ["doctor"], ["audit", "1"]):
            ctl(*command)
        subprocess.run([self.python, "-m", "pytest", "-p", "sniffer", "-q"], cwd=self.house.root,
                       env=dict(self.house.environment,
                                PYTHONPATH=os.path.join(SOURCE, "python_plugin")),
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def the_end(self):
        """One waits, one listens, and the daemon leaves."""
        listener = Client(self.recorder.path)
        listener.call("subscribe")
        listener.call("pause")
        listener.call("run", all=True)
        listener.send('{"id": "long", "method": "wait"}')
        listener.call("status")
        self.house.ctl("stop", code=0)
        listener.drain()
        self.assertEqual(listener.notifications[-1]["method"], "bye")

    def test_every_line_is_as_the_schemas_say(self):
        self.the_scripted_client()
        self.the_real_clients()
        self.the_end()
        self.recorder.close()
        self.check = schemas.Schemas(schemas.load("client"))
        self.seen = {"request": set(), "notification": set(), "result": set(), "error": set()}
        for conversation in self.recorder.conversations:
            self.check_conversation(conversation)
        defined = self.check.published["$defs"]
        self.assertEqual(self.seen["request"],
                         set(defined["request"]["properties"]["method"]["enum"]))
        self.assertEqual(self.seen["result"], self.seen["request"])
        self.assertEqual(self.seen["notification"],
                         set(defined["notification"]["properties"]["method"]["enum"]) - SILENT)
        self.assertLessEqual({"parse", "too_long", "unknown_method", "bad_params", "unsupported",
                              "timeout", "shutting_down"}, self.seen["error"])

    def check_conversation(self, lines):
        methods = {}
        for from_client, line in lines:
            if from_client:
                self.check_request(line, methods)
            else:
                self.check_answer(json.loads(line), methods)

    def check_request(self, line, methods):
        try:
            value = json.loads(line)
        except ValueError:
            return
        fault = self.check.fault(value, "request")
        if isinstance(value, dict) and "id" in value:
            methods[value["id"]] = (value.get("method"), fault)
        if fault is None:
            self.seen["request"].add(value["method"])

    def check_answer(self, value, methods):
        if "method" in value:
            self.seen["notification"].add(value["method"])
            self.assertIsNone(self.check.fault(value, "notification"))
            return
        self.assertIsNone(self.check.fault(value, "reply"))
        method, fault = methods.get(value["id"], (None, None))
        if "error" in value:
            self.seen["error"].add(value["error"]["data"]["kind"])
            return
        self.seen["result"].add(method)
        self.assertIsNone(fault, "what was obeyed was no request")
        self.assertIsNone(self.check.fault(value["result"], "result." + method))

    def test_the_daemon_hands_out_the_schemas_of_the_page(self):
        client = Client(self.socket)
        self.addCleanup(client.close)
        self.assertEqual(client.call("schema")["result"],
                         {name: schemas.load(name) for name in ("client", "worker")})


class Resumed(HouseTest):
    """Where a client goes on after the daemon was away."""

    FILES = {"test_a.py": "def test_a():\n    assert 1 == 1\n"}

    def connect(self):
        client = Client(self.house.ctl("socket", code=0).stdout.strip())
        self.addCleanup(client.close)
        return client

    def listen(self, since):
        """The notifications after SINCE, up to the daemon's leave."""
        client = self.connect()
        self.assertEqual(client.hello["epoch"], since["epoch"])
        client.call("subscribe", since=since)
        client.call("wait")
        self.house.write("test_a.py", "def test_a():\n    assert 2 == 2\n")
        client.call("wait")
        self.house.ctl("stop", code=0)
        client.drain()
        return client.notifications

    def here(self, client):
        return {key: client.hello[key] for key in ("epoch", "seq")}

    def test_after_a_restart_nothing_is_missing_and_nothing_told_twice(self):
        self.house.wait(code=0)
        first = self.listen(self.here(self.connect()))
        bye = first[-1]["params"]
        self.house.wait(code=0)
        second = self.listen({"epoch": bye["epoch"], "seq": bye["seq"]})
        self.assertNotIn("snapshot", {note["method"] for note in second})
        numbers = [note["params"]["seq"] for note in second[:-1]]
        self.assertEqual(numbers, list(range(bye["seq"] + 1, bye["seq"] + 1 + len(numbers))))
        self.assertIn("result", {note["method"] for note in second})

    def test_after_a_kill_no_number_is_given_twice(self):
        self.house.wait(code=0)
        here = self.here(self.connect())
        os.kill(self.house.status()["pid"], signal.SIGKILL)
        self.house.wait(code=0)
        client = self.connect()
        self.assertEqual(client.hello["epoch"], here["epoch"])
        self.assertGreater(client.hello["seq"], here["seq"])
        client.call("subscribe", since=here)
        snapshot = client.read()
        self.assertEqual((snapshot["method"], snapshot["params"]["why"]), ("snapshot", "gone"))

    def test_another_index_is_another_epoch(self):
        self.house.wait(code=0)
        here = self.here(self.connect())
        self.house.ctl("stop", code=0)
        self.house.remove(".sniffer")
        self.house.wait(code=0)
        client = self.connect()
        self.assertNotEqual(client.hello["epoch"], here["epoch"])
        client.call("subscribe", since=here)
        self.assertEqual(client.read()["params"]["why"], "gone")


class Mirror:
    """What a client knows that only listens, by the rules of the page ("Keeping a copy")."""

    def __init__(self):
        self.stats, self.files, self.results = None, {}, {}

    def hear(self, method, params):
        if method == "snapshot":
            assert params["complete"]
            self.stats = params["status"]["stats"]
            self.files = {record["file"]: record for record in params["files"]}
            self.results = {}
            for record in params["results"]:
                self.take(record, params["seq"])
        elif method == "stats":
            self.stats = {key: params[key] for key in params if key != "seq"}
        elif method == "run.finished":
            self.files[params["file"]] = params["record"]
            self.results.pop(params["file"], None)
        elif method == "result":
            self.take(params, params["seq"])
        elif method == "file" and params["record"] is None:
            self.files.pop(params["file"], None)
            self.results.pop(params["file"], None)
        elif method == "file":
            self.files[params["file"]] = params["record"]
            known = sorted(self.results.get(params["file"], {}).items(), key=lambda item: item[1])
            self.results[params["file"]] = dict(known[len(known) - params["record"]["tests"]:])

    def take(self, result, seq):
        results = self.results.setdefault(result["file"], {})
        results[result["test"]] = (seq, result["outcome"])

    def outcomes(self):
        return {(file, test): outcome for file, results in self.results.items()
                for test, (_, outcome) in results.items()}


class Listening(HouseTest):
    FILES = {"lib.py": "x = 1\n",
             "test_a.py": "import lib\n\ndef test_a():\n    assert lib.x == 1\n",
             "test_b.py": "def test_b():\n    pass\n"}

    def test_who_only_listens_knows_what_who_asks_is_told(self):
        client = Client(self.house.ctl("start", code=0) and self.house.ctl("socket").stdout.strip())
        self.addCleanup(client.close)
        client.call("subscribe")
        mirror = Mirror()
        two = ("import lib\n\ndef test_one():\n    assert lib.x == 1\n\n"
               "def test_two():\n    assert 0\n")
        acts = {
            "the start": lambda: None,
            "a failure": lambda: self.house.write("lib.py", "x = 2\n"),
            "it is mended by an older verdict": lambda: self.house.write("lib.py", "x = 1\n"),
            "other tests": lambda: self.house.write("test_a.py", two),
            "the tests as they were":
                lambda: self.house.write("test_a.py", self.FILES["test_a.py"]),
            "and others again": lambda: self.house.write("test_a.py", two),
            "no tests": lambda: self.house.write("test_b.py", "x = 1\n"),
            "a file that goes": lambda: self.house.remove("test_a.py"),
            "a file that comes back": lambda: self.house.write("test_a.py", two),
        }
        for name, act in acts.items():
            with self.subTest(name):
                act()
                self.house.wait()
                status = client.call("status")["result"]
                for note in client.notifications:
                    mirror.hear(note["method"], note["params"])
                client.notifications.clear()
                told = client.call("results")["result"]["results"]
                self.assertEqual(mirror.outcomes(), {(each["file"], each["test"]): each["outcome"]
                                                     for each in told})
                self.assertEqual(mirror.stats, status["stats"])
                self.assertEqual(sorted(mirror.files.values(), key=lambda each: each["file"]),
                                 client.call("files")["result"]["files"])


class Reports(unittest.TestCase):
    """What stands where in real reports."""

    FILES = {
        "lib.py": "def half(n):\n    return {\"é\": 1}[n]\n",
        "test_it.py": """\
            import unittest
            import lib

            class TestIt(unittest.TestCase):
                def test_list(self):
                    self.assertEqual(["a", "b"], ["a", "c"])

                def test_deep(self):
                    print("E   no error")
                    lib.half("ö")
            """,
        "test_none.py": "import nowhere\n",
    }

    def pieces(self, record):
        text = record["report"]
        found = {}
        for span in record["spans"]:
            found.setdefault(span["style"], []).append(text[span["start"]:span["end"]])
        return found

    def check_framework(self, framework):
        python = interpreter_with(framework)
        if python is None:
            self.skipTest("no interpreter here has " + framework)
        house = House(self.FILES, 'framework = "%s"\npython = "%s"\n' % (framework, python))
        self.addCleanup(house.close)
        house.wait(code=1)
        results = house.results()
        deep = self.pieces(results["test_it.py", "TestIt.test_deep"])
        self.assertTrue(deep["path"][-1].endswith("lib.py"), deep)
        self.assertEqual(deep["line"][-1], "2")
        self.assertIn('return {"é": 1}[n]', deep["code"])
        self.assertTrue(any(piece.endswith("KeyError: 'ö'") for piece in deep["error"]), deep)
        self.assertNotIn("no error", "".join(deep["error"]))
        apart = self.pieces(results["test_it.py", "TestIt.test_list"])
        self.assertIn("- ['a', 'b']", apart["removed"])
        self.assertIn("+ ['a', 'c']", apart["added"])
        self.assertTrue(any("^" in piece for piece in apart["mark"]), apart)
        self.assertIn("AssertionError", apart["error"][0])
        broken = next(record for key, record in results.items() if key[0] == "test_none.py")
        self.assertTrue(any("No module named 'nowhere'" in piece
                            for piece in self.pieces(broken)["error"]), broken)
        self.assertTrue(any(path.endswith("test_none.py")
                            for path in self.pieces(broken)["path"]), broken)

    def test_pytest(self):
        self.check_framework("pytest")

    def test_nose(self):
        self.check_framework("nose")

    def test_unittest(self):
        self.check_framework("unittest")


if __name__ == "__main__":
    main()
