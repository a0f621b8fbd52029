"""What watching costs: a bare walk with inotify (the limit), snifferd, and Watchman where it is installed, in one sitting.

usage: watch.py [--files N] [--folders N] [--saves N] [--idle SECONDS] [--folder DIR] [--rounds N]

Told are

  crawl      from the start of the program until all is watched and it answers (Watchman: from the order to watch;
             it runs by then), the least of the rounds
  memory     what is resident then
  save       from a save until it tells that something changed, p50 and p99; snifferd's and Watchman's quiet periods
             (5 ms and 20 ms) are in it
  checkout   processor time while git changes a fifth of the files, until a question asked after it is answered, and how
             long that took after git was through
  overflow   the program is stopped, more files are made than the kernel keeps events for, it goes on: until a
             question asked then is answered
  idle       processor time and wake-ups, of all threads, while nothing happens

A question is: a probe file that the bare walk tells, `wait` to snifferd, a query with a cookie to Watchman. Needs
$SNIFFER_BUILD, the folder of a release build, and a C compiler.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "system"))

from house import BUILD, House  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
QUEUE = "/proc/sys/fs/inotify/max_queued_events"


class Lines:
    """JSON a line, over a Unix socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)
        self.file = self.socket.makefile("r", encoding="utf-8", newline="\n")

    def send(self, message):
        self.socket.sendall((json.dumps(message) + "\n").encode())

    def read(self):
        line = self.file.readline()
        if not line:
            raise RuntimeError("it went away")
        return json.loads(line)


def until(ready):
    """Polls; nothing is measured by it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            found = ready()
        except (OSError, RuntimeError):
            found = None
        if found:
            return found
        time.sleep(0.002)
    raise RuntimeError("it does not come up")


class Watcher:
    """One program on one tree. Its pid is that of what watches."""

    def __init__(self, root):
        self.root = root
        self.probes = 0

    def cpu(self):
        """Seconds, user and system, of all threads."""
        with open("/proc/%d/stat" % self.pid, encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self):
        with open("/proc/%d/status" % self.pid, encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

    def wakeups(self):
        tasks = "/proc/%d/task" % self.pid
        count = 0
        for task in os.listdir(tasks):
            with open("%s/%s/status" % (tasks, task), encoding="ascii") as file:
                count += next(int(line.split()[1]) for line in file
                              if line.startswith("voluntary_ctxt"))
        return count

    def save(self):
        """A save under the root; its name."""
        self.probes += 1
        name = "probe%d.txt" % (self.probes % 100)
        with open(os.path.join(self.root, "d0", name), "w", encoding="ascii") as file:
            file.write(str(self.probes))
        return name

    def signal(self, number):
        os.kill(self.pid, number)

    def close(self):
        pass


class Bare(Watcher):
    name = "bare"

    def __init__(self, root, base):
        super().__init__(root)
        self.program = os.path.join(base, "bare")
        if not os.path.exists(self.program):
            subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", self.program,
                            os.path.join(HERE, "bare.c")], check=True)

    def start(self):
        began = time.monotonic()
        self.process = subprocess.Popen([self.program, self.root], stdout=subprocess.PIPE,
                                        universal_newlines=True)
        self.pid = self.process.pid
        self.process.stdout.readline()
        return time.monotonic() - began

    def seen(self, name):
        while self.process.stdout.readline().strip() != name:
            pass

    def settled(self):
        """Nothing is left over of a save: it may be told more than once."""
        self.ask()

    def ask(self):
        self.probes += 1
        name = "probe-%d" % self.probes
        path = os.path.join(self.root, "d1", name)
        with open(path, "w", encoding="ascii"):
            pass
        self.seen(name)
        os.unlink(path)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Sniffer(Watcher):
    name = "snifferd"
    backend = "auto"

    def __init__(self, root, base):
        super().__init__(root)
        self.house = House(settings=None)
        self.house.root = root
        self.house.write("pyproject.toml", '[tool.sniffer]\nframework = "unittest"\n')
        self.path = self.house.ctl("socket", code=0).stdout.strip()

    def start(self):
        began = time.monotonic()
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "snifferd"), "-C", self.root, "--foreground",
             "--backend", self.backend],
            env=self.house.environment, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        self.lines = until(lambda: Lines(self.path))
        self.requests = 0
        self.request("status", {})
        took = time.monotonic() - began
        self.ask()  # the workers are there
        self.request("subscribe", {"topics": ["watch"]})
        return took

    def request(self, method, params):
        self.requests += 1
        self.lines.send({"jsonrpc": "2.0", "id": self.requests, "method": method, "params": params})
        message = self.lines.read()
        while message.get("id") != self.requests:
            message = self.lines.read()
        if "error" in message:
            raise RuntimeError("%s: %s" % (method, message["error"]))

    def seen(self, _):
        while self.lines.read().get("method") != "watch":
            pass

    def settled(self):
        self.ask()

    def ask(self):
        self.request("wait", {})

    def stop(self):
        self.lines.socket.close()
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(os.path.join(self.root, ".sniffer"))

    def close(self):
        shutil.rmtree(self.house.base)


class Watchman(Watcher):
    name = "watchman"

    def __init__(self, root, base):
        super().__init__(root)
        self.state = os.path.join(base, "watchman")
        os.mkdir(self.state, 0o700)

    def path(self, name):
        return os.path.join(self.state, name)

    def start(self):
        self.process = subprocess.Popen(
            ["watchman", "--foreground", "--sockname=" + self.path("sock"),
             "--logfile=" + self.path("log"), "--pidfile=" + self.path("pid"),
             "--statefile=" + self.path("state"), "--no-save-state"],
            env=dict(os.environ, HOME=self.state), stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        self.lines = until(lambda: Lines(self.path("sock")))
        began = time.monotonic()
        self.command("watch", self.root)
        self.ask()
        took = time.monotonic() - began
        self.command("subscribe", self.root, "bench", {"fields": ["name"], "defer_vcs": False})
        return took

    def command(self, *words):
        self.lines.send(words)
        message = self.lines.read()
        while "subscription" in message and "subscribe" not in message:
            message = self.lines.read()
        if "error" in message:
            raise RuntimeError("%s: %s" % (words[0], message["error"]))

    def seen(self, name):
        while True:
            message = self.lines.read()
            if any(file.endswith(name) for file in message.get("files", ())):
                return

    def settled(self):
        self.ask()

    def ask(self):
        self.command("query", self.root, {"expression": ["name", "none"], "fields": ["name"],
                                          "sync_timeout": 60000})

    def stop(self):
        self.lines.socket.close()
        self.process.kill()  # its shutdown hangs now and then
        self.process.wait()


# ---- the tree ----

def git(root, *arguments):
    subprocess.run(["git", "-C", root, "-c", "user.name=bench", "-c", "user.email=bench",
                    "-c", "gc.auto=0", *arguments], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def path_of(number, folders):
    folder = number % folders
    return "d%d/s%d/f%d.txt" % (folder // 50, folder, number)


def make_tree(root, files, folders):
    os.mkdir(root)
    for folder in range(folders):
        os.makedirs(os.path.join(root, "d%d" % (folder // 50), "s%d" % folder))
    for number in range(files):
        with open(os.path.join(root, path_of(number, folders)), "w", encoding="ascii") as file:
            file.write("%d\n" % number)
    with open(os.path.join(root, ".gitignore"), "w", encoding="ascii") as file:
        file.write(".sniffer/\nprobe*\n")
    git(root, "init", "-b", "one")
    git(root, "add", ".")
    git(root, "commit", "-m", "one")
    git(root, "checkout", "-b", "two")
    for number in range(0, files, 5):
        with open(os.path.join(root, path_of(number, folders)), "w", encoding="ascii") as file:
            file.write("%d, another\n" % number)
    git(root, "commit", "-a", "-m", "two")
    git(root, "checkout", "one")


# ---- what is measured ----

def measure_saves(watcher, saves):
    times = []
    for _ in range(saves):
        watcher.settled()
        began = time.monotonic()
        watcher.seen(watcher.save())
        times.append(1000 * (time.monotonic() - began))
    times.sort()
    return statistics.median(times), times[int(len(times) * 0.99)]


def measure_checkout(watcher):
    spent, after = [], []
    for branch in ("two", "one"):
        watcher.ask()
        before = watcher.cpu()
        git(watcher.root, "checkout", branch)
        began = time.monotonic()
        watcher.ask()
        after.append(time.monotonic() - began)
        spent.append(watcher.cpu() - before)
    return min(spent), min(after)


def measure_overflow(watcher):
    with open(QUEUE, encoding="ascii") as file:
        count = int(file.read()) + 4000
    folder = os.path.join(watcher.root, "overflow")
    os.mkdir(folder)
    watcher.ask()
    watcher.signal(signal.SIGSTOP)
    for number in range(count):
        os.close(os.open(os.path.join(folder, str(number)), os.O_CREAT | os.O_WRONLY, 0o600))
    began = time.monotonic()
    watcher.signal(signal.SIGCONT)
    watcher.ask()
    took = time.monotonic() - began
    shutil.rmtree(folder)
    watcher.ask()
    return took


def measure_idle(watcher, seconds):
    watcher.ask()
    time.sleep(12)  # snifferd hears opens for ten seconds after a run
    cpu, wakeups = watcher.cpu(), watcher.wakeups()
    time.sleep(seconds)
    return watcher.cpu() - cpu, watcher.wakeups() - wakeups


def measure(watcher, options):
    crawls = []
    try:
        for _ in range(options.rounds - 1):
            crawls.append(watcher.start())
            watcher.stop()
        crawls.append(watcher.start())
        memory = watcher.memory()
        p50, p99 = measure_saves(watcher, options.saves)
        spent, after = measure_checkout(watcher)
        overflow = measure_overflow(watcher)
        cpu, wakeups = measure_idle(watcher, options.idle)
    finally:
        watcher.stop()
        watcher.close()
    return [("crawl", "s", min(crawls)), ("memory", "MB", memory), ("save, p50", "ms", p50),
            ("save, p99", "ms", p99), ("checkout, processor", "s", spent),
            ("checkout, until right", "s", after), ("overflow, until right", "s", overflow),
            ("idle, processor", "ms", 1000 * cpu), ("idle, wake-ups", "", wakeups)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=100000)
    parser.add_argument("--folders", type=int, default=5000)
    parser.add_argument("--saves", type=int, default=200)
    parser.add_argument("--idle", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default=None, help="where the tree is made")
    options = parser.parse_args()
    base = tempfile.mkdtemp(prefix="bench-", dir=options.folder)
    root = os.path.join(base, "tree")
    try:
        make_tree(root, options.files, options.folders)
        kinds = [Bare, Sniffer]
        if shutil.which("watchman"):
            kinds.append(Watchman)
        else:
            print("watchman is not installed (Debian: apt-get install watchman)")
        columns = [measure(kind(root, base), options) for kind in kinds]
        print("%-22s" % "" + "".join("%12s" % kind.name for kind in kinds) + "%10s" % "ratio")
        for row in zip(*columns):
            limit, own = row[0][2], row[1][2]
            ratio = "%10.2f" % (own / limit) if limit else ""
            print("%-22s" % " ".join(row[0][:2]) + "".join("%12.2f" % cell[2] for cell in row) + ratio)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
