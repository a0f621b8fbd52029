"""The schemas against the examples of PROTOCOL.md, and against what they must not take."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import schemas  # noqa: E402

FENCES = {"request": "client", "reply": "client", "notification": "client", "order": "worker",
          "report": "worker"}

RESULT = {"file": "a.py", "test": "t", "outcome": "failure", "current": True, "duration_ms": 1.5,
          "exception": "E", "report": "E   no\n", "package": ".",
          "spans": [{"start": 0, "end": 6, "style": "error"}]}
STATS = {"tests": 1, "successes": 0, "errors": 0, "failures": 1, "skipped": 0, "to_be_run": 0}
SEEN = [1, 2, 3, 4, 5, 6]


def without(value, key):
    return {other: value[other] for other in value if other != key}


def note(method, params):
    return {"jsonrpc": "2.0", "method": method, "params": params}


def fault(code, message, data):
    return {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message, "data": data}}


NEWS = {**without(RESULT, "report"), "report_text": "E   no\n", "seq": 3}
FRESH = without(NEWS, "current")
FILE = {"file": "a", "state": "current", "runs": 1, "outcome": None, "duration_ms": None,
        "tests": 0, "last_run": "2026-11-23T06:26:56.123Z", "from_cache": False, "flaky": False,
        "unseen": False, "package": ".", "audited": None, "audit": None}

AUDIT = {"file": "a", "found": "flaky", "detail": "", "runs": 2,
         "tests": [{"test": "t", "was": None, "now": {"outcome": "error", "exception": "E"}}],
         "only_now": [{"kind": "code", "path": "b", "detail": "f"}], "only_before": [], "moved": [],
         "more": 0, "package": ".", "seq": 1}


# (schema, what is right, what is not)
CASES = [
    ("client", "request", {"id": 1, "method": "status"}, [
        [], "status", {}, {"id": 1}, {"method": 1}, {"method": "stats"},
        {"id": {}, "method": "status"},
        {"id": True, "method": "status"}, {"jsonrpc": "1.0", "method": "status"},
        {"method": "status", "params": []}, {"method": "status", "parameters": {}}]),
    ("client", "request", {"method": "deps", "params": {"files": ["a", {"b64": "Y2Fm6S5weQ=="}]}}, [
        {"method": "deps"}, {"method": "deps", "params": {}}, {"method": "deps", "params": None},
        {"method": "deps", "params": {"files": []}}, {"method": "deps", "params": {"files": "a"}},
        {"method": "deps", "params": {"files": [{"b64": "%"}]}},
        {"method": "deps", "params": {"files": ["a"], "offset": -1}},
        {"method": "deps", "params": {"files": ["a"], "offset": "1"}}]),
    ("client", "request", {"method": "run", "params": {"all": True}}, [
        {"method": "run"}, {"method": "run", "params": {}},
        {"method": "run", "params": {"all": False}},
        {"method": "run", "params": {"files": []}}, {"method": "run", "params": {"files": [1]}}]),
    ("client", "request", {"method": "results", "params": {"failed": True}}, [
        {"method": "results", "params": {"failed": "yes"}}]),
    ("client", "request", {"method": "wait", "params": {"timeout_ms": 0.5}}, [
        {"method": "wait", "params": {"timeout_ms": -1}},
        {"method": "wait", "params": {"timeout_ms": "1s"}},
        {"method": "wait", "params": {"timeout": 1}}]),
    ("client", "request",
     {"method": "subscribe", "params": {"topics": ["green"], "since": {"epoch": 1, "seq": 2}}}, [
         {"method": "subscribe", "params": {"topics": ["blue"]}},
         {"method": "subscribe", "params": {"topics": "green"}},
         {"method": "subscribe", "params": {"since": {"seq": 2}}},
         {"method": "subscribe", "params": {"since": 2}}]),
    ("client", "request",
     {"method": "record.end", "params": {"run": 1, "files": [{"file": "a", "results": [
         {"test": "t", "outcome": "success"}]}],
         "looks": [{"kind": "code", "path": "b", "seen": SEEN}]}}, [
             {"method": "record.end", "params": {"run": 1}},
             {"method": "record.end", "params": {"run": 1, "files": [{"file": "a", "results": [
                 {"test": "t", "outcome": "fine"}]}]}},
             {"method": "record.end", "params": {"run": 1, "files": [], "looks": [
                 {"kind": "code", "path": "b", "seen": SEEN[1:]}]}}]),
    ("client", "reply", {"jsonrpc": "2.0", "id": 1, "result": {}}, [
        {"id": 1, "result": {}}, {"jsonrpc": "2.0", "result": {}}, {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": 1, "result": []},
        {"jsonrpc": "2.0", "id": 1, "result": {},
         "error": {"code": -32000, "message": "no", "data": {"kind": "busy"}}}]),
    ("client", "reply",
     fault(-32000, "no", {"kind": "busy"}), [
         fault(1, "no", {"kind": "busy"}),
         fault(-32000, "", {"kind": "busy"}),
         fault(-32000, "no", {"kind": "bad"}),
         fault(-32000, "no", {})]),
    ("client", "result", RESULT, [
        *(without(RESULT, key) for key in RESULT), {**RESULT, "outcome": "passed"},
        {**RESULT, "duration_ms": -1}, {**RESULT, "report": 1}, {**RESULT, "report": None},
        {**RESULT, "current": "yes"}, {**RESULT, "new": 1},
        {**RESULT, "spans": [{"start": 0, "end": 0, "style": "error"}]},
        {**RESULT, "spans": [{"start": 0, "end": 2, "style": "bold"}]},
        {**RESULT, "spans": [[0, 2, "error"]]}]),
    ("client", "notification", note("result", NEWS), [
        *(note("result", without(NEWS, key)) for key in NEWS),
        note("result", {**NEWS, "outcome": "success"}),
        note("result", {**NEWS, "seq": -1}),
        note("result", {**NEWS, "seq": 2 ** 53}),
        {"jsonrpc": "2.0", "method": "result", "id": 1, "params": NEWS},
        note("results", NEWS), {"method": "result", "params": NEWS},
        {"jsonrpc": "2.0", "method": "result"}]),
    ("client", "notification", note("run.test", {"file": "a", "test": "t", "seq": 1}), [
        note("run.test", {"file": "a", "seq": 1}),
        note("run.test", {"file": "a", "test": None, "seq": 1})]),
    ("client", "notification", note("run.result", FRESH), [
        note("run.result", {**FRESH, "current": True}),
        *(note("run.result", without(FRESH, key)) for key in FRESH),
        note("run.result", {**FRESH, "outcome": "skipped"})]),
    ("client", "notification",
     note("red", {"stats": STATS, "seq": 1}), [
         note("green", {"stats": STATS, "seq": 1}),
         note("red", {"stats": {**STATS, "failures": 0}, "seq": 1}),
         note("red", {"stats": STATS})]),
    ("client", "notification", note("watch", {"changed": 1, "seq": 1}), [
        note("watch", {"seq": 1}),
        note("watch", {"changed": 1, "degraded": None, "seq": 1})]),
    ("client", "notification", note("audit", AUDIT), [
        *(note("audit", without(AUDIT, key)) for key in AUDIT),
        note("audit", {**AUDIT, "found": "wrong"}),
        note("audit", {**AUDIT, "tests": [{"test": "t", "was": None}]}),
        note("audit", {**AUDIT, "moved": ["a"]})]),
    ("client", "request", {"method": "audit", "params": {"count": 3}}, [
        {"method": "audit", "params": {"count": -1}}, {"method": "audit", "params": {"files": "a"}},
        {"method": "audit", "params": {"all": 1}}]),
    ("client", "notification",
     note("bye", {"epoch": 1, "seq": 1, "reason": "stop"}), [
         note("bye", {"epoch": 1, "seq": 1})]),
    ("client", "file", FILE, [
        *(without(FILE, key) for key in FILE), {**FILE, "state": "fresh"}, {**FILE, "runs": -1},
        {**FILE, "last_run": "yesterday"}, {**FILE, "outcome": "stale"}]),
    ("worker", "order", {"order": "run", "run": 1, "file": "a", "first": ["t"]}, [
        {"order": "walk", "run": 1, "file": "a"}, {"order": "run", "file": "a"},
        {"order": "run", "run": 2 ** 63, "file": "a"},
        {"order": "run", "run": 1, "file": "a", "now": 1}]),
    ("worker", "report", {"report": "look", "run": 1, "kind": "code", "path": "a", "ran": "05"}, [
        {"report": "look", "run": 1, "kind": "smell", "path": "a"},
        {"report": "look", "run": 1, "kind": "code", "path": "a", "ran": "5"},
        {"report": "look", "run": 1, "kind": "code", "path": "a", "seen": []},
        {"report": "seek", "run": 1, "kind": "code", "path": "a"}]),
    ("worker", "report",
     {"report": "blocks", "id": 1, "sources": [{"path": "a", "seen": None, "message": "gone"}]}, [
         {"report": "blocks", "id": 1, "sources": [{"path": "a", "seen": None}]},
         {"report": "blocks", "id": 1,
          "sources": [{"path": "a", "seen": None, "keys": [], "digests": "00"}]},
         {"report": "blocks", "id": 1}]),
]


@unittest.skipIf(schemas.jsonschema is None, schemas.MISSING)
class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.of = {name: schemas.Schemas(schemas.load(name)) for name in ("client", "worker")}

    def test_they_are_schemas(self):
        for name, schema in self.of.items():
            with self.subTest(name):
                schemas.jsonschema.Draft202012Validator.check_schema(schema.published)

    def test_no_reference_leads_nowhere(self):
        for name, schema in self.of.items():
            for target in re.findall(r'"\$ref": "#/\$defs/([^"]*)"', json.dumps(schema.published)):
                with self.subTest(file=name, target=target):
                    self.assertTrue(schema.has(target))

    def test_every_example_of_the_page_is_right(self):
        with open(os.path.join(schemas.SOURCE, "proto", "PROTOCOL.md"), encoding="utf-8") as file:
            page = file.read()
        methods, tried = {}, 0
        for fence, lines in re.findall(r"^```(\w+)\n(.*?)^```$", page, re.M | re.S):
            for line in lines.splitlines() if fence in FENCES else ():
                value = json.loads(line)
                schema = self.of[FENCES[fence]]
                if fence == "request":
                    methods[value["id"]] = value["method"]
                with self.subTest(line[:200]):
                    tried += 1
                    self.assertIsNone(schema.fault(value, fence))
                    if fence == "reply" and "result" in value:
                        name = "result." + methods[value["id"]]
                        self.assertIsNone(schema.fault(value["result"], name))
        self.assertGreater(tried, 70)

    def test_what_is_wrong_is_refused(self):
        for file, name, right, wrong in CASES:
            schema = self.of[file]
            self.assertIsNone(schema.fault(right, name))
            for value in wrong:
                with self.subTest(schema=name, value=value):
                    self.assertIsNotNone(schema.fault(value, name))

    def test_no_definition_takes_everything(self):
        for file, schema in self.of.items():
            for name in schema.published["$defs"]:
                with self.subTest(file=file, name=name):
                    for value in (-0.5, [[]]):
                        if schema.fault(value, name) is not None:
                            break
                    else:
                        self.fail("it takes everything")

    def test_those_who_do_not_close_them_may_meet_new_keys(self):
        schema = {**self.of["client"].published, "$ref": "#/$defs/result"}
        del schema["anyOf"]
        schemas.jsonschema.Draft202012Validator(schema).validate({**RESULT, "new": 1})


if __name__ == "__main__":
    unittest.main(verbosity=2)
