"""What another user of the machine can do to a daemon: nothing. What looking at a project runs: nothing.

Where this is not root, who alone can be two users, the first part is skipped."""

import json
import os
import shutil
import stat
import subprocess
import sys
import textwrap

from house import BUILD, HouseTest, main

OTHER = 65534  # nobody
VICTIM = 65533
GOOD = "def test_good():\n    pass\n"
LOOKS = (["status"], ["status", "--json"], ["status", "--short"], ["results"], ["files"],
         ["deps", "test_good.py"], ["why", "test_good.py"], ["affected", "test_good.py"],
         ["doctor"], ["socket"], ["touch", "test_good.py"], ["pause"], ["run", "--all"])


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
