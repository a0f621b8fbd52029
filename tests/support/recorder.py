"""Stands between clients and the daemon's socket and writes down every line of both directions."""

import json
import os
import socket
import threading


class Recorder:
    """Clients that connect to PATH talk to the socket at TARGET. `conversations` has a list for
    each, of (from the client?, line)."""

    def __init__(self, path, target):
        self.path = path
        self.conversations = []
        self._target = target
        self._threads = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(path)
        self._listening.listen()
        self._start(self._accept)

    def _start(self, act, *arguments):
        thread = threading.Thread(target=act, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            lines = []
            self.conversations.append(lines)
            self._start(self._join, client, lines)

    def _join(self, client, lines):
        with client, socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(self._target)
            talking = threading.Thread(target=self._pass_on, args=(client, daemon, lines, True))
            talking.start()
            self._pass_on(daemon, client, lines, False)
            talking.join()

    @staticmethod
    def _pass_on(source, to, lines, from_client):
        rest = b""
        try:
            for piece in iter(lambda: source.recv(1 << 16), b""):
                *whole, rest = (rest + piece).split(b"\n")
                lines.extend((from_client, line) for line in whole)
                to.sendall(piece)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        """Once all clients have gone."""
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listening.close()
        os.unlink(self.path)


class Client:
    """A client as small as PROTOCOL.md promises that one can be."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(path)
        self._lines = self._socket.makefile("rb")
        self._last = 0
        self.notifications = []
        self.hello = self.read()["params"]

    def read(self):
        line = self._lines.readline()
        return json.loads(line) if line else None

    def send(self, line):
        self._socket.sendall(line if isinstance(line, bytes) else line.encode() + b"\n")

    def answer(self, ident):
        """The reply to IDENT; what comes before it is kept in `notifications`."""
        while True:
            message = self.read()
            if message is None or "method" not in message and message["id"] == ident:
                return message
            self.notifications.append(message)

    def call(self, method, **params):
        self._last += 1
        request = {"id": self._last, "method": method}
        self.send(json.dumps({**request, "params": params} if params else request))
        return self.answer(self._last)

    def until(self, *methods):
        """Reads on until each of these notifications has come, if it has not yet."""
        while not set(methods) <= {note["method"] for note in self.notifications}:
            self.notifications.append(self.read())

    def finish(self):
        """No more requests; what still comes, to the end."""
        self._socket.shutdown(socket.SHUT_WR)
        self.drain()

    def drain(self):
        for message in iter(self.read, None):
            self.notifications.append(message)
        self.close()

    def close(self):
        self._lines.close()
        self._socket.close()
