"""The library as it is installed, and the example clients in C, Python and shell, with the real daemon."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from unittest import mock

from house import BUILD, SOURCE, TIMEOUT, HouseTest, main

EXAMPLES = os.path.join(SOURCE, "examples", "clients")
GOOD = "def test_a():\n    assert 1 == 1\n"
BAD = "def test_a():\n    assert 1 == 2\n"


def cached(name):
    """What the build was configured with."""
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
        found = re.search(r"^%s:\w+=(.*)$" % name, file.read(), re.M)
    return found.group(1) if found else ""


class Installed:
    """The build, installed to a folder of its own; programs are compiled against it by pkg-config alone."""

    def __init__(self):
        self.prefix = tempfile.mkdtemp(prefix="sniffer-prefix-")
        subprocess.run(["cmake", "--install", BUILD, "--prefix", self.prefix], check=True,
                       stdout=subprocess.DEVNULL)
        self.libraries = os.path.join(self.prefix, cached("CMAKE_INSTALL_LIBDIR"))
        self.environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(self.libraries, "pkgconfig"))

    def pkg_config(self, *arguments):
        return subprocess.run(["pkg-config", *arguments, "sniffer-client"], env=self.environment,
                              stdout=subprocess.PIPE, check=True,
                              universal_newlines=True).stdout.split()

    def compile(self, source, *flags):
        """A program of the C text SOURCE."""
        path = os.path.join(self.prefix, "program.c")
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
        program = os.path.join(self.prefix, "program")
        if cached("SNIFFER_SANITIZE") == "ON":
            flags += ("-fsanitize=address,undefined",)
        subprocess.run([cached("CMAKE_C_COMPILER"), "-std=c11", "-Wall", "-Wextra", "-Werror", path,
                        "-o", program, *flags], check=True)
        return program

    def close(self):
        shutil.rmtree(self.prefix, ignore_errors=True)


class ClientTest(HouseTest):
    FILES = {"test_a.py": GOOD, "test_b.py": "def test_b():\n    pass\n"}

    @classmethod
    def setUpClass(cls):
        cls.installed = Installed()
        cls.addClassCleanup(cls.installed.close)

    def setUp(self):
        super().setUp()
        self.house.environment["PATH"] = BUILD + os.pathsep + self.house.environment["PATH"]
        self.house.environment["LD_LIBRARY_PATH"] = self.installed.libraries

    def popen(self, *command):
        process = subprocess.Popen(command, env=self.house.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, universal_newlines=True, start_new_session=True)

        def end():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            process.stdout.close()
            process.stderr.close()
        self.addCleanup(end)
        return process

    def until(self, process, wanted):
        """Reads lines up to WANTED; a timeout or the end of the stream is a failure."""
        seen = []

        def late(*_):
            raise AssertionError("%r did not come; %r" % (wanted, seen))
        signal.signal(signal.SIGALRM, late)
        signal.alarm(TIMEOUT)
        try:
            for line in process.stdout:
                seen.append(line.rstrip("\n"))
                if seen[-1] == wanted:
                    return seen
        finally:
            signal.alarm(0)
        raise AssertionError("%r did not come; %r; %s" % (wanted, seen, process.stderr.read()))


class Library(ClientTest):
    def test_only_what_the_header_declares_can_be_seen(self):
        with open(os.path.join(self.installed.prefix, cached("CMAKE_INSTALL_INCLUDEDIR"),
                               "sniffer", "client.h"), encoding="utf-8") as file:
            declared = set(re.findall(r"\b(sniffer_client_\w+)\(", file.read()))
        for options, name in ((["-D"], "libsniffer-client.so"), (["-g"], "libsniffer-client.a")):
            said = subprocess.run(["nm", *options, "--defined-only", os.path.join(self.installed.libraries, name)],
                                  stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
            seen = {line.split()[-1] for line in said.splitlines() if len(line.split()) == 3}
            self.assertEqual({one for one in seen if not one.startswith("__odr_asan")}, declared, name)

    def test_it_has_a_soname_of_its_own(self):
        said = subprocess.run(["objdump", "-p", os.path.join(self.installed.libraries, "libsniffer-client.so")],
                              stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
        self.assertRegex(said, r"SONAME\s+libsniffer-client\.so\.0\n")

    PROGRAM = r"""
        #include <errno.h>
        #include <poll.h>
        #include <sniffer/client.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>

        #define CHECK(truth) \
            do { if (!(truth)) { printf("line %d: %s\n", __LINE__, sniffer_client_error(client)); exit(1); } } while (0)

        static json_int_t seq; /* of the last notification */

        static void follow(const struct sniffer_message *message)
        {
            if (message->method != NULL)
                seq = json_integer_value(json_object_get(message->params, "seq"));
        }

        int main(int argc, char **argv)
        {
            struct sniffer_client *client = NULL;
            struct sniffer_message message = {0};
            json_t *result = NULL;
            (void)argc;
            if (sniffer_client_new("/nowhere/at/all", &client) != -ENOENT ||
                sniffer_client_new(argv[1], &client) != 0)
                return 1;
            CHECK(sniffer_client_fd(client) == -1 && sniffer_client_hello(client) == NULL);
            CHECK(sniffer_client_call(client, "status", NULL, 1000, &result) == -ENOTCONN);
            CHECK(sniffer_client_connect(client, 10000) == 0);
            CHECK(strcmp(json_string_value(json_object_get(sniffer_client_hello(client), "root")),
                         sniffer_client_root(client)) == 0);
            /* Asking. */
            CHECK(sniffer_client_call(client, "nonsense", NULL, 10000, &result) == -EREMOTEIO);
            CHECK(strcmp(sniffer_client_kind(client), "unknown_method") == 0);
            CHECK(sniffer_client_call(client, "wait", NULL, -1, &result) == 0);
            json_decref(result);
            CHECK(sniffer_client_list(client, "results", NULL, 10000, &result) == 0);
            CHECK(json_array_size(result) == 2);
            json_decref(result);
            /* What comes while a call waits is kept. */
            CHECK(sniffer_client_subscribe(client, NULL, 10000) == 0);
            CHECK(sniffer_client_call(client, "pause", NULL, 10000, &result) == 0);
            json_decref(result);
            CHECK(sniffer_client_call(client, "resume", NULL, 10000, &result) == 0);
            json_decref(result);
            CHECK(sniffer_client_next(client, 0, &message) == 0);
            CHECK(message.id == 0 && strcmp(message.method, "snapshot") == 0);
            follow(&message);
            CHECK(message.length == strlen(message.line) && message.line[0] == '{');
            /* Without waiting. */
            int64_t id = 0, other = 0;
            CHECK(sniffer_client_send(client, "status", NULL, &id) == 0);
            CHECK(sniffer_client_send(client, "deps", json_object(), &other) == 0);
            for (int replies = 0; replies < 2;) {
                int r = sniffer_client_dispatch(client, &message);
                CHECK(r >= 0);
                struct pollfd poller = {sniffer_client_fd(client), sniffer_client_events(client), 0};
                if (r == 0)
                    poll(&poller, 1, -1);
                else if (message.method != NULL)
                    follow(&message);
                else if (message.id == id)
                    replies += message.result != NULL && message.kind == NULL;
                else if (message.id == other)
                    replies += message.result == NULL && strcmp(message.kind, "bad_params") == 0;
            }
            while (sniffer_client_dispatch(client, &message) == 1)
                follow(&message);
            /* Connected again it goes on where it was: no second snapshot. */
            CHECK(sniffer_client_connect(client, 10000) == 0);
            CHECK(sniffer_client_subscribe(client, NULL, 10000) == 0);
            CHECK(sniffer_client_call(client, "pause", NULL, 10000, &result) == 0);
            json_decref(result);
            CHECK(sniffer_client_next(client, 10000, &message) == 0);
            CHECK(strcmp(message.method, "snapshot") != 0);
            CHECK(json_integer_value(json_object_get(message.params, "seq")) == seq + 1);
            /* Other topics: from the start. */
            static const char *const topics[] = {"stats", NULL};
            CHECK(sniffer_client_subscribe(client, topics, 10000) == 0);
            do /* what was kept comes first */
                CHECK(sniffer_client_next(client, 10000, &message) == 0);
            while (strcmp(message.method, "snapshot") != 0);
            CHECK(sniffer_client_next(client, 0, &message) == -ETIMEDOUT);
            /* Its end. */
            CHECK(sniffer_client_call(client, "stop", NULL, 10000, &result) == 0);
            json_decref(result);
            int r = 0;
            while (r == 0)
                r = sniffer_client_next(client, 10000, &message);
            CHECK(r == -ECONNRESET);
            sniffer_client_free(client);
            puts("good");
            return 0;
        }
        """

    def play(self, *flags):
        program = self.installed.compile(self.PROGRAM, *flags)
        self.start()
        done = subprocess.run([program, self.house.root], env=self.house.environment, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual((done.returncode, done.stdout), (0, "good\n"))

    def test_a_program_made_with_pkg_config_talks_to_the_daemon(self):
        self.play(*self.installed.pkg_config("--cflags", "--libs"))

    def test_so_does_one_with_the_static_library(self):
        self.play(*self.installed.pkg_config("--cflags"),
                  os.path.join(self.installed.libraries, "libsniffer-client.a"), "-ljansson")


class Examples(ClientTest):
    def follow(self, *command, comes_back=True):
        self.start()
        self.house.wait(code=0)
        process = self.popen(*command, self.house.root)
        self.until(process, "2 tests, 0 failed")
        self.house.write("test_a.py", BAD)
        self.assertIn("test_a.py test_a: AssertionError", self.until(process, "2 tests, 1 failed"))
        self.house.write("test_a.py", GOOD)
        self.until(process, "2 tests, 0 failed")
        self.house.ctl("stop", code=0)
        if not comes_back:
            self.assertEqual(process.wait(TIMEOUT), 0)
            return
        self.until(process, "the daemon left")
        self.house.write("test_a.py", BAD)
        self.start()
        self.until(process, "2 tests, 1 failed")

    def test_the_one_in_c(self):
        with open(os.path.join(EXAMPLES, "watch.c"), encoding="utf-8") as file:
            program = self.installed.compile(file.read(), *self.installed.pkg_config("--cflags", "--libs"))
        self.follow(program)

    def test_the_one_in_python(self):
        self.follow(sys.executable, os.path.join(EXAMPLES, "sniffer_client.py"))

    def test_the_one_in_shell(self):
        if not (shutil.which("jq") and (shutil.which("socat") or shutil.which("nc"))):
            self.skipTest("no jq, or neither socat nor nc")
        self.follow(os.path.join(EXAMPLES, "watch.sh"), comes_back=False)

    def test_the_python_client_asks_and_can_be_polled(self):
        sys.path.insert(0, EXAMPLES)
        self.addCleanup(sys.path.remove, EXAMPLES)
        sys.dont_write_bytecode = True
        import select
        import sniffer_client
        given = mock.patch.dict(os.environ, XDG_RUNTIME_DIR=self.house.environment["XDG_RUNTIME_DIR"])
        given.start()
        self.addCleanup(given.stop)
        with self.assertRaises(sniffer_client.Gone):
            sniffer_client.Client(self.house.root)
        self.start()
        with sniffer_client.Client(self.house.root) as client:
            self.assertEqual(client.call("wait")["stats"]["tests"], 2)
            self.assertEqual(len(client.list("results")), 2)
            with self.assertRaises(sniffer_client.Refused) as caught:
                client.call("deps")
            self.assertEqual(caught.exception.kind, "bad_params")
            client.subscribe()
            client.call("pause")
            told = client.dispatch()
            self.assertEqual(told[0][0], "snapshot")
            client.call("resume")
            while "idle" not in [params.get("state") for _, params in told]:
                select.select([client], [], [])
                told = client.dispatch()
            client.close()
            client.connect()
            client.subscribe()
            client.call("pause")
            method, params = client.dispatch()[0]
            self.assertNotEqual(method, "snapshot")  # it goes on where it was
            self.assertEqual(params["seq"], told[-1][1]["seq"] + 1)


if __name__ == "__main__":
    main()
