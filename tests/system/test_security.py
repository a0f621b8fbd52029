"""What another user of the machine can do to a daemon: nothing. What looking at a project runs: nothing.

Where this is not root, who alone can be two users, the first part is skipped."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import textwrap

from house import BUILD, SOURCE, HouseTest, main

OTHER = 65534  # nobody
VICTIM = 65533
GOOD = "def test_good():\n    pass\n"
LOOKS = (["status"], ["status", "--json"], ["status", "--short"], ["results"], ["files"],
         ["deps", "test_good.py"], ["why", "test_good.py"], ["affected", "test_good.py"],
         ["doctor"], ["socket"], ["touch", "test_good.py"], ["pause"], ["run", "--all"])

CLIENTS = os.path.join(SOURCE, "examples", "clients")
EXAMPLE = "import sys; sys.path.insert(0, sys.argv[1]); import sniffer_client as c; c.Client(sys.argv[2])"
# What is said to it is told.
LISTENS = """
import os, select, socket, sys
os.mkdir(os.path.dirname(sys.argv[1]))
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
listener.listen()
print("listens", flush=True)
peers = []
while True:
    for one in select.select([listener, sys.stdin, *peers], [], [])[0]:
        if one is sys.stdin:
            sys.exit()
        elif one is listener:
            peers.append(one.accept()[0])
        else:
            said = one.recv(4096)
            print(repr(said) if said else "", end="", flush=True)
            if not said:
                peers.remove(one)
"""


def become(uid):
    def act():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    return act


class TwoUsers(HouseTest):
    FILES = {"test_good.py": GOOD}

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root can be two users")
        super().setUp()
        os.chmod(self.house.base, 0o755)  # as open as it may be

    def other(self, code, *arguments):
        """What CODE prints when nobody runs it."""
        done = subprocess.run(["/usr/bin/python3", "-c", textwrap.dedent(code), *arguments],
                              preexec_fn=become(OTHER), cwd="/", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True)
        return done.stdout

    def test_a_daemon_is_closed_to_others(self):
        os.chmod(self.house.environment["XDG_RUNTIME_DIR"], 0o755)
        self.house.ctl("start", "--pipe", code=0)
        self.house.wait(code=0)
        socket = self.house.ctl("socket", code=0).stdout.strip()
        state = self.house.path(".sniffer")
        self.assertEqual(stat.S_IMODE(os.stat(state).st_mode), 0o700)
        tries = [[what, path] for what, path in
                 [("connect", socket), ("read", socket + ".lock"), ("remove", socket),
                  ("list", state), ("list", os.path.dirname(socket)), ("write", state + "/changed"),
                  ("read", state + "/snifferd.log"), ("read", state + "/index.sqlite"),
                  ("write", self.house.path("test_good.py"))]]
        told = self.other("""\
            import json, os, socket, sys

            def connect(path):
                socket.socket(socket.AF_UNIX).connect(path)

            acts = {"connect": connect, "read": open, "remove": os.remove, "list": os.listdir,
                    "write": lambda path: os.open(path, os.O_WRONLY | os.O_NONBLOCK)}
            for what, path in json.loads(sys.argv[1]):
                try:
                    acts[what](path)
                    print("could", what, path)
                except PermissionError:
                    pass
            """, json.dumps(tries))
        self.assertEqual(told, "")
        with self.subTest("not even by an open door"):
            os.chmod(os.path.dirname(socket), 0o755)
            os.chmod(socket, 0o666)
            told = self.other("""\
                import socket, sys
                peer = socket.socket(socket.AF_UNIX)
                peer.connect(sys.argv[1])
                try:
                    peer.sendall(b'{"jsonrpc":"2.0","id":1,"method":"stop"}\\n')
                    print(peer.recv(4096))
                except OSError:
                    print(b"")
                """, socket)
            self.assertTrue(told == "b''\n" or "serves another user" in told, told)
            self.assertEqual(self.house.status()["state"], "idle")

    def test_what_others_put_into_a_folder_above_names_no_root(self):
        shared = os.path.join(self.house.base, "shared")
        mine = os.path.join(shared, "mine")
        os.makedirs(mine)
        os.chmod(shared, 0o1777)
        self.other("""\
            import os, sys
            os.chdir(sys.argv[1])
            os.mkdir(".sniffer")
            with open("pyproject.toml", "w") as file:
                file.write("[tool.sniffer]\\npython = '/bin/false'\\n")
            """, shared)
        self.assertTrue(os.path.isdir(shared + "/.sniffer"))
        for name, find in (("snifferctl", self.socket_of), ("the example", self.found_by_example)):
            with self.subTest(name):
                self.assertIn("mine", find(mine))
                os.chown(shared + "/pyproject.toml", 0, 0)
                self.assertIn("shared", find(mine))
                os.chown(shared + "/pyproject.toml", OTHER, OTHER)

    def socket_of(self, folder):
        done = subprocess.run([os.path.join(BUILD, "snifferctl"), "-C", folder, "socket"],
                              env=self.house.environment, stdout=subprocess.PIPE,
                              universal_newlines=True, check=True)
        return os.path.basename(done.stdout)

    def found_by_example(self, folder):
        sys.path.insert(0, os.path.join(os.environ.get("SNIFFER_SOURCE", "."), "examples", "clients"))
        import sniffer_client
        return os.path.basename(sniffer_client.find_root(folder))

    def test_a_state_folder_that_another_made_is_refused(self):
        state = self.house.path(".sniffer")
        elsewhere = os.path.join(self.house.base, "elsewhere")
        os.mkdir(elsewhere)
        os.symlink(elsewhere, state)
        os.lchown(state, OTHER, OTHER)
        for what in ("a link", "a folder"):
            with self.subTest(what):
                done = self.house.ctl("start", code=3)
                self.assertIn("another user's", done.stderr)
            os.remove(state) if what == "a link" else os.rmdir(state)
            if what == "a link":
                os.mkdir(state)
                os.chown(state, OTHER, OTHER)
        self.assertEqual(os.listdir(elsewhere), [])
        self.house.ctl("start", code=0)

    def test_a_socket_folder_in_tmp_that_another_made_is_refused(self):
        place = "/tmp/sniffer-%d" % VICTIM
        if os.path.lexists(place):
            self.skipTest(place + " is there already")
        for folder, names, _ in os.walk(self.house.base):
            os.chown(folder, VICTIM, VICTIM)
        environment = {name: value for name, value in self.house.environment.items()
                       if name != "XDG_RUNTIME_DIR"}
        seat = os.path.join(self.house.base, "seat")
        os.mkdir(seat)
        os.chown(seat, VICTIM, VICTIM)

        def start():
            return subprocess.run(
                [os.path.join(BUILD, "snifferctl"), "-C", self.house.root, "start"],
                env=environment, preexec_fn=become(VICTIM), stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, universal_newlines=True, cwd="/")
        try:
            for what in ("os.mkdir(sys.argv[1], 0o777)", "os.symlink(sys.argv[2], sys.argv[1])"):
                with self.subTest(what):
                    self.other("import os, sys\n" + what, place, seat)
                    done = start()
                    if "cannot run snifferd" in done.stderr or done.returncode in (126, 127):
                        self.skipTest("the build is closed to others")
                    self.assertEqual(done.returncode, 3, done.stderr)
                    self.assertIn(place, done.stderr)
                os.remove(place) if os.path.islink(place) else os.rmdir(place)
            self.assertEqual(os.listdir(seat), [])
        finally:
            if os.path.islink(place):
                os.remove(place)
            else:
                shutil.rmtree(place, ignore_errors=True)


    def test_who_listens_in_our_place_hears_nothing(self):
        place = "/tmp/sniffer-%d" % VICTIM
        if os.path.lexists(place):
            self.skipTest(place + " is there already")
        environment = {name: value for name, value in self.house.environment.items()
                       if name != "XDG_RUNTIME_DIR"}

        def victim(*arguments):
            return subprocess.run(arguments, env=environment, preexec_fn=become(VICTIM), cwd="/",
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  universal_newlines=True)
        for folder, _, _ in os.walk(self.house.base):
            os.chown(folder, VICTIM, VICTIM)
        ctl = os.path.join(BUILD, "snifferctl"), "-C", self.house.root
        try:
            path = victim(*ctl, "socket").stdout.strip()
            if not path.startswith(place):
                self.skipTest("the build is closed to others")
            with subprocess.Popen(["/usr/bin/python3", "-c", LISTENS, path], preexec_fn=become(OTHER),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/",
                                  universal_newlines=True) as listener:
                self.assertEqual(listener.stdout.readline(), "listens\n")
                for command in (["status"], ["wait"], ["run", "--all"], ["start"], ["stop"]):
                    with self.subTest(command[0]):
                        done = victim(*ctl, *command)
                        self.assertEqual(done.returncode, 3, done.stdout)
                        self.assertIn("belongs to another user", done.stderr)
                with self.subTest("the example"):
                    done = victim("/usr/bin/python3", "-B", "-c", EXAMPLE, CLIENTS, self.house.root)
                    self.assertIn("another user listens there", done.stderr)
                listener.stdin.close()
                self.assertEqual(listener.stdout.read(), "")
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def test_a_run_time_folder_that_is_not_ours_is_told(self):
        for mode, owner, told in ((0o777, 0, "others can write or rename"),
                                  (0o700, OTHER, "Permission denied")):
            with self.subTest(told):
                runtime = os.path.join(self.house.base, "runtime")
                os.mkdir(runtime)
                os.chmod(runtime, mode)
                os.chown(runtime, owner, owner)
                for folder, _, _ in os.walk(self.house.root):
                    os.chown(folder, VICTIM, VICTIM)
                done = subprocess.run(
                    [os.path.join(BUILD, "snifferctl"), "-C", self.house.root, "start"],
                    env=dict(self.house.environment, XDG_RUNTIME_DIR=runtime),
                    preexec_fn=become(VICTIM), stderr=subprocess.PIPE, universal_newlines=True, cwd="/")
                self.assertEqual(done.returncode, 3, done.stderr)
                if "cannot run snifferd" in done.stderr:
                    self.skipTest("the build is closed to others")
                self.assertIn(told, done.stderr)
                shutil.rmtree(runtime)


class Strangers(HouseTest):
    """A client of somebody else's making, run by us: it can ask for tests to be run, and for nothing else."""

    FILES = {"test_good.py": GOOD}

    def test_no_client_can_start_what_the_settings_do_not_name(self):
        self.start()
        self.house.wait(code=0)
        ran = os.path.join(self.house.base, "ran")
        evil = os.path.join(self.house.base, "test_evil.py")
        with open(evil, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nopen(%r, 'w')\n" % ran)
        os.chmod(evil, 0o755)
        command = ["sh", "-c", "touch " + ran]
        words = {key: command for key in ("command", "argv", "args", "python", "launcher", "notify",
                                          "env", "framework", "settings", "options")}
        paths = [evil, "../test_evil.py", "test_good.py;touch " + ran, "$(touch %s)" % ran, "-p", "-c",
                 "--pyargs", "|touch " + ran, "test_good.py\ntouch " + ran, "", "/", "."]
        path = self.house.ctl("socket", code=0).stdout.strip()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            lines = peer.makefile("r", encoding="utf-8")
            methods = json.loads(lines.readline())["params"]["capabilities"]["methods"]
            for method in sorted(set(methods) - {"stop", "pause", "subscribe", "wait"}):
                for one in paths:
                    ask = dict(words, files=[one], paths=[one], file=one, run=1, looks=[], wrote=[])
                    peer.sendall(json.dumps({"id": 1, "method": method, "params": ask}).encode() + b"\n")
                    answer = json.loads(lines.readline())
                    if method in ("run", "focus"):
                        self.assertEqual(answer["error"]["data"]["kind"], "bad_params", (method, one))
        self.house.wait(code=0)
        self.assertEqual(self.house.runs(), {"test_good.py": 1})
        self.assertFalse(os.path.exists(ran))


class Looking(HouseTest):
    """Who only looks at a project runs nothing of it."""

    FILES = {"test_good.py": GOOD, "conftest.py": "open('ran', 'w').close()\n",
             "bin/python": "#!/bin/sh\ntouch ran\nexec /usr/bin/python3 \"$@\"\n"}
    SETTINGS = 'python = "bin/python"\n'

    def setUp(self):
        super().setUp()
        os.chmod(self.house.path("bin", "python"), 0o755)

    def test_only_who_asks_for_results_to_be_made_runs_code_and_hears_so_once(self):
        for command in LOOKS:
            with self.subTest(" ".join(command)):
                done = self.house.ctl(*command)
                self.assertNotIn("first time", done.stderr)
                self.assertFalse(os.path.exists(self.house.path(".sniffer")))
                self.assertFalse(os.path.exists(self.house.path("ran")))
        for command in (["start"], ["check"], ["wait"]):
            with self.subTest(command[0]):
                done = self.house.ctl(*command, code=0)
                self.assertIn("the first time in %s: from now on its tests run" % self.house.root,
                              done.stderr)
                self.house.wait(code=0)
                self.assertTrue(os.path.exists(self.house.path("ran")))
                self.assertNotIn("first time", self.house.ctl("restart", code=0).stderr)
                self.house.ctl("stop", code=0)
                self.house.remove(".sniffer")

    def test_the_ui_says_it_too(self):
        environment = dict(self.house.environment, TERM="dumb")
        with subprocess.Popen([os.path.join(BUILD, "sniffer"), "-C", self.house.root],
                              env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8") as screen:
            screen.stdout.readline()
            screen.terminate()
            self.assertIn("the first time in", screen.stderr.read())


if __name__ == "__main__":
    main()
