"""The schemas of proto/schema as tests use them: with no key allowed that they do not name.

Clients must ignore what they do not know, so the schemas as they are published allow it. What is
sent and not written down is a fault all the same, and this is where it shows."""

import copy
import json
import os

try:
    import jsonschema
except ImportError:
    jsonschema = None

SOURCE = os.environ.get("SNIFFER_SOURCE",
                        os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
MISSING = "jsonschema is not installed for this Python (Debian: python3-jsonschema)"


def load(name):
    with open(os.path.join(SOURCE, "proto", "schema", name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def close(schema):
    """Every object that has named keys takes no others."""
    if isinstance(schema, list):
        for item in schema:
            close(item)
    elif isinstance(schema, dict):
        for item in schema.values():
            close(item)
        if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
            schema.setdefault("additionalProperties", False)


class Schemas:
    """Checks values against a definition of one of the two files."""

    def __init__(self, schema):
        self.published = schema
        self._closed = copy.deepcopy(schema)
        close(self._closed)
        self._validators = {}

    def has(self, name):
        return name in self.published["$defs"]

    def fault(self, value, name):
        """What is wrong with VALUE as a NAME, in words; None where nothing is."""
        if name not in self._validators:
            whole = dict(self._closed)
            del whole["anyOf"]
            whole["$ref"] = "#/$defs/" + name
            self._validators[name] = jsonschema.Draft202012Validator(whole)
        error = jsonschema.exceptions.best_match(self._validators[name].iter_errors(value))
        if error is None:
            return None
        return "%s: %s, at %s in %.1500s" % (name, error.message[:500], list(error.absolute_path),
                                            json.dumps(value))
