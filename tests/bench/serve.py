"""What subscribers cost the daemon and each other, those too that never read.

usage: serve.py [--notifications N] [--subscribers N] [--round ROUND...]

A client pauses and resumes the daemon as fast as it is answered, and each time that is a
notification for every subscriber. Meanwhile another one asks for `status`, again and again. Rounds:
`none`: nobody subscribes; `readers`: half of the subscribers, which all read; `all`: as many again,
which never read, and come back when they are closed. Told of each: how long `status` takes, the
daemon's memory at its highest and its CPU time, what the readers missed (a gap in the numbers, or a
snapshot in between), and how many that do not read were closed. Needs $SNIFFER_BUILD, the folder of
a release build.
"""

import argparse
import json
import multiprocessing
import os
import re
import select
import selectors
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("SNIFFER_BUILD", "")
SUBSCRIBE = b'{"id":0,"method":"subscribe"}\n'
TOGGLE = [b'{"id":1,"method":"pause"}\n', b'{"id":1,"method":"resume"}\n']
AT_ONCE = 16  # requests of the toggling client that are open at a time
THINKING = 0.001
AHEAD = 500  # the readers are to miss nothing, so they are given the time to read
NUMBER = re.compile(rb'"seq":(\d+)}}\n')


def connect(path):
    """A connection, and the lines of it, past its hello."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    lines = client.makefile("rb")
    return client, lines, json.loads(lines.readline())["params"]


# ---- those who subscribe; each kind in a process of its own ----

class Reader:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(SUBSCRIBE)
        head = b""
        while head.count(b"\n") < 3:  # hello, the reply, the snapshot
            head += self.socket.recv(1 << 20)
        _, _, snapshot, self.rest = head.split(b"\n", 3)
        self.last = json.loads(snapshot)["params"]["seq"]
        self.notifications = self.missed = self.snapshots = 0
        self.socket.setblocking(False)

    def read(self):
        """What there is; false at the end."""
        piece = self.socket.recv(1 << 20)
        whole, newline, self.rest = (self.rest + piece).rpartition(b"\n")
        self.snapshots += whole.count(b'"method":"snapshot"')
        numbers = [int(number) for number in NUMBER.findall(whole + newline)]
        for number in numbers:
            self.missed += number - self.last - 1
            self.last = number
        self.notifications += len(numbers)
        return bool(piece)


def readers(path, count, ready, slowest, goal, told):
    """SLOWEST: what the last of them has read. GOAL: who writes there wants the numbers, once
    all have read up to it."""
    selector = selectors.DefaultSelector()
    all_of_them = [Reader(path) for _ in range(count)]
    for reader in all_of_them:
        selector.register(reader.socket, selectors.EVENT_READ, reader)
    selector.register(goal, selectors.EVENT_READ)
    slowest.value = min(reader.last for reader in all_of_them)
    ready.put(count)
    upto = None
    while upto is None or slowest.value < upto:
        for key, _ in selector.select():
            if key.data is None:
                upto = int(os.read(goal, 32))
                selector.unregister(goal)
            elif not key.data.read():
                raise EOFError("the daemon has closed a client that reads")
        slowest.value = min(reader.last for reader in all_of_them)
    told.put([(reader.notifications, reader.missed, reader.snapshots) for reader in all_of_them])


def sleepers(path, count, ready, stop, told):
    poll = select.poll()
    closed, known = 0, {}

    def come():
        client, _, _ = connect(path)
        client.sendall(SUBSCRIBE)
        known[client.fileno()] = client
        poll.register(client, select.POLLHUP)

    for _ in range(count):
        come()
    poll.register(stop, select.POLLIN)
    ready.put(count)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == stop:
                told.put(closed)
                return
            poll.unregister(descriptor)
            known.pop(descriptor).close()
            closed += 1
            come()


def prober(path, stop, told):
    """How long status takes, in seconds, until there is something to read from STOP."""
    client, lines, _ = connect(path)
    times = []
    while not select.select([stop], [], [], THINKING)[0]:
        begun = time.monotonic()
        client.sendall(b'{"id":1,"method":"status"}\n')
        lines.readline()
        times.append(time.monotonic() - begun)
    told.put(times)


# ---- a round ----

def toggle(path, notifications, slowest):
    """The number of the last notification, and how many there were."""
    client, lines, hello = connect(path)
    turn, last = 0, hello["seq"]
    while last - hello["seq"] < notifications:
        while slowest is not None and last - slowest.value > AHEAD:
            time.sleep(THINKING)
        for _ in range(AT_ONCE):
            client.sendall(TOGGLE[turn])
            turn = 1 - turn
        for _ in range(AT_ONCE):
            lines.readline()
        client.sendall(b'{"id":1,"method":"files"}\n')
        last = json.loads(lines.readline())["result"]["seq"]
    return last, last - hello["seq"]


def memory(pid, key):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(key + r":\s*(\d+)", file.read()).group(1))


def cpu(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name, start, path, options):
    pid = start()
    end, stop = os.pipe()
    goal, set_goal = os.pipe()
    slowest = multiprocessing.Value("q", 0, lock=False)
    ready, told, closed, times = (multiprocessing.Queue() for _ in range(4))
    count = options.subscribers // 2
    helpers = []
    if name != "none":
        helpers.append(multiprocessing.Process(
            target=readers, args=(path, count, ready, slowest, goal, told)))
    if name == "all":
        helpers.append(multiprocessing.Process(
            target=sleepers, args=(path, count, ready, end, closed)))
    helpers.append(multiprocessing.Process(target=prober, args=(path, end, times)))
    for helper in helpers:
        helper.start()
    for _ in helpers[:-1]:
        ready.get()
    with open("/proc/%d/clear_refs" % pid, "w") as file:
        file.write("5")
    begun, before = time.monotonic(), cpu(pid)
    last, notifications = toggle(path, options.notifications, slowest if name != "none" else None)
    heard = []
    if name != "none":
        os.write(set_goal, b"%d" % last)
        heard = told.get()
    seconds, used = time.monotonic() - begun, cpu(pid) - before
    highest, left = memory(pid, "VmHWM"), memory(pid, "VmRSS")
    os.write(stop, b"x")
    latency = sorted(times.get())
    gone = closed.get() if name == "all" else 0
    for helper in helpers:
        helper.join()
    start(stop=True)
    print("%-8s %d notifications in %.1f s, CPU %.1f s; status %d times, p50 %.2f ms, p99 %.2f ms; "
          "memory %.1f MB at most, %.1f MB after; closed %d"
          % (name, notifications, seconds, used, len(latency), latency[len(latency) // 2] * 1000,
             latency[len(latency) * 99 // 100] * 1000, highest / 1024, left / 1024, gone))
    if heard:
        print("%-8s each of %d readers got at least %d; numbers missed: %d; snapshots: %d"
              % ("", len(heard), min(each[0] for each in heard), sum(each[1] for each in heard),
                 sum(each[2] for each in heard)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--notifications", type=int, default=100000)
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--round", nargs="+", default=["none", "readers", "all"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sniffer-serve-") as folder:
        project = os.path.join(folder, "project")
        os.mkdir(project)
        with open(os.path.join(project, "test_one.py"), "w") as file:
            file.write("import unittest\n\n"
                       "class T(unittest.TestCase):\n    def test_it(self):\n        pass\n")
        environment = {**os.environ, "XDG_RUNTIME_DIR": folder, "HOME": folder,
                       "SNIFFER_PLUGIN": os.path.join(ROOT, "python_plugin"),
                       "SNIFFER_TRACE_LIBRARY": os.path.join(BUILD, "libsniffer_trace.so")}
        os.chmod(folder, 0o700)

        def ctl(*arguments):
            return subprocess.run([os.path.join(BUILD, "snifferctl"), "-C", project, *arguments],
                                  text=True, env=environment, stdout=subprocess.PIPE,
                                  check=True).stdout

        def start(stop=False):
            if stop:
                return ctl("stop")
            ctl("start")
            ctl("wait", "--timeout", "60")
            return json.loads(ctl("status", "--json"))["pid"]

        path = ctl("socket").strip()
        for name in options.round:
            measure(name, start, path, options)


if __name__ == "__main__":
    sys.exit(main())
