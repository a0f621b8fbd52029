#!/usr/bin/env python3
"""A client in one file, with nothing but the standard library. Copy it into your project.

    from sniffer_client import Client

    with Client("path/of/the/project") as client:
        print(client.call("status")["stats"])
        for record in client.list("results", failed=True):
            print(record["file"], record["test"])
        for method, params in client.subscribe("stats", "result"):  # waits for each
            print(method, params)

With an event loop of your own: client.fileno() becomes readable, client.dispatch() gives what has come
without waiting. After Gone, connect() and subscribe() again: it goes on where it was.

As a program it prints the counts whenever everything is verified, and the tests that fail."""

import json
import os
import re
import select
import socket
import struct
import sys
import time

MARKS = ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini", ".git")


class Gone(Exception):
    """There is no daemon, or it left."""


class Refused(Exception):
    """The daemon answered with an error; kind is its word (PROTOCOL.md, Errors)."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def find_root(folder="."):
    """The project's root for FOLDER, as all programs of sniffer find it."""
    start = os.path.realpath(folder)
    above = [start]
    while os.path.dirname(above[-1]) != above[-1]:
        above.append(os.path.dirname(above[-1]))
    trusted = {0, os.geteuid(), os.stat(start).st_uid}

    def has(one, mark):  # in /tmp anybody can put a pyproject.toml
        path = os.path.join(one, mark)
        return os.path.exists(path) and (one == start or os.lstat(path).st_uid in trusted)

    for one in above:
        if os.path.isdir(os.path.join(one, ".sniffer")) and has(one, ".sniffer"):
            return one
    for one in above:
        if any(has(one, mark) for mark in MARKS):
            return one
    return start


def find_socket(root):
    """Where the daemon of ROOT listens, whether one runs or not."""
    given = os.environ.get("SNIFFER_SOCKET")
    if given:
        return given
    number = 0xcbf29ce484222325
    for byte in os.fsencode(root):
        number = (number ^ byte) * 0x100000001b3 % 2 ** 64
    base = re.sub(rb"[^A-Za-z0-9._-]", b"_", os.fsencode(os.path.basename(root)))[:32].decode()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = runtime + "/sniffer" if runtime and runtime[0] == "/" else "/tmp/sniffer-%d" % os.getuid()
    return "%s/%s-%016x.sock" % (folder, base, number)


class Client:
    """A connection to a project's daemon."""

    def __init__(self, folder=".", limit=60.0):
        self.root = find_root(folder)
        self.limit = limit  # seconds for each answer; None: no limit
        self._topics, self._since = None, None
        self.connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def connect(self):
        """Connects (again) and checks the hello."""
        self._buffer, self._kept, self._last_id, self._ended = b"", [], 0, False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(find_socket(self.root))
            peer = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError as error:
            self._socket.close()
            raise Gone("no daemon runs for %s; start it with snifferctl start" % self.root) from error
        if struct.unpack("3i", peer)[1] not in (0, os.geteuid()):  # in /tmp anybody can listen
            self._socket.close()
            raise Refused("denied", "another user listens there")
        self._socket.setblocking(False)
        first = self._next(self.limit)
        if "error" in first:
            raise Refused(first["error"]["data"]["kind"], first["error"]["message"])
        self.hello = first["params"]
        if self.hello["protocol"]["major"] != 1:
            raise Refused("unsupported", "the daemon speaks another protocol")

    def close(self):
        self._socket.close()

    def fileno(self):
        return self._socket.fileno()

    # ---- asking ----

    def call(self, method, **params):
        """One request; its result. "wait" has no limit but its own, timeout_ms."""
        self._last_id += 1
        line = json.dumps({"id": self._last_id, "method": method, "params": params})
        self._send(line.encode() + b"\n")
        end = None if self.limit is None or method == "wait" else time.monotonic() + self.limit
        while True:
            message = self._next(None if end is None else end - time.monotonic())
            if message.get("id", 0) not in (self._last_id, None):
                self._kept.append(message)
            elif "error" in message:
                raise Refused(message["error"]["data"]["kind"], message["error"]["message"])
            else:
                return message["result"]

    def list(self, method, **params):
        """All records of a method that answers in pages."""
        records, offset = [], 0
        while offset is not None:
            page = self.call(method, offset=offset, **params)
            records += page[method]
            offset = page["next"]
        return records

    # ---- notifications ----

    def subscribe(self, *topics):
        """Asks for these topics, or all; then each (method, params), waiting for the next one."""
        if topics != self._topics:
            self._topics, self._since = topics, None
        params = {"topics": list(topics)} if topics else {}
        if self._since is not None:
            params["since"] = self._since
        self.call("subscribe", **params)
        return iter(self)

    def __iter__(self):
        while True:
            message = self._kept.pop(0) if self._kept else self._next(None)
            if "method" in message:
                yield self._told(message)

    def dispatch(self):
        """A list of the (method, params) that have come; never waits."""
        messages, self._kept = self._kept, []
        while True:
            try:
                messages.append(self._next(0))
            except TimeoutError:
                break
            except Gone:
                if not messages:
                    raise
                break
        return [self._told(message) for message in messages if "method" in message]

    def _told(self, message):
        params = message.get("params", {})
        if "epoch" in params:  # a snapshot or a bookmark: informed up to here
            self._since = {"epoch": params["epoch"], "seq": params["seq"]}
        elif self._since is not None and "seq" in params:
            self._since["seq"] = params["seq"]
        return message["method"], params

    # ---- lines ----

    def _send(self, data):
        while data:
            select.select([], [self._socket], [])
            try:
                data = data[self._socket.send(data):]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Gone("the daemon left") from error

    def _next(self, limit):
        """The next message, at most LIMIT seconds from now (None: whenever)."""
        end = None if limit is None else time.monotonic() + limit
        while b"\n" not in self._buffer:
            rest = None if end is None else max(0, end - time.monotonic())
            if self._ended:
                raise Gone("the daemon left")
            if not select.select([self._socket], [], [], rest)[0]:
                raise TimeoutError("the daemon did not answer in time")
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            self._ended = not data
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line.decode())


def print_stats(stats):
    if stats["to_be_run"] == 0:
        print("%d tests, %d failed" % (stats["tests"], stats["failures"] + stats["errors"]), flush=True)


def watch(client):
    for method, params in client.subscribe("stats", "result"):
        if method == "snapshot":
            print_stats(params["status"]["stats"])
        elif method == "stats":
            print_stats(params)
        elif method == "result" and params["outcome"] in ("failure", "error"):
            print("%s %s: %s" % (params["file"], params["test"], params["exception"]), flush=True)


def main():
    client = Client(*sys.argv[1:2])
    while True:
        try:
            watch(client)
        except Gone:
            print("the daemon left", flush=True)
        while True:
            time.sleep(0.5)
            try:
                client.connect()
                break
            except Gone:
                pass  # not yet


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except (Gone, Refused, TimeoutError) as trouble:
        sys.exit("sniffer_client: %s" % trouble)
