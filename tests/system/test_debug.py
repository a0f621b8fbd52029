"""`snifferctl debug`: a test in the foreground, with the terminal, as a worker would run it."""

import functools
import os
import pty
import py_compile
import select
import subprocess
import unittest

from house import BUILD, SOURCE, TIMEOUT, House, interpreter_with, main

FILES = {
    "lib.py": "def answer():\n    return 42\n",
    "tests/__init__.py": "",
    "tests/test_a.py": """\
        import os
        import signal
        import unittest

        import lib


        class TestX(unittest.TestCase):
            def test_stops(self):
                number = lib.answer()
                breakpoint()
                self.assertEqual(42, number)

            def test_fails(self):
                expected = 40
                self.assertEqual(expected + 1, lib.answer())

            def test_good(self):
                print("here:", os.getcwd(), os.environ.get("WHO"))
                self.assertEqual(42, lib.answer())


        class TestXY(unittest.TestCase):
            def test_waits(self):
                print("waiting", flush=True)
                signal.pause()
        """,
}


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, house, *arguments, environment=None):
        self.said = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(house.root)
            os.execve(os.path.join(BUILD, "snifferctl"), ["snifferctl", *arguments],
                      {**house.environment, "TERM": "dumb", **(environment or {})})

    def until(self, words):
        """What it says up to WORDS, or to its end."""
        while words not in self.said:
            if not select.select([self.fd], [], [], TIMEOUT)[0]:
                raise AssertionError("no %r in time:\n%s" % (words, self.said))
            try:
                more = os.read(self.fd, 4096)
            except OSError:  # nobody has the terminal any more
                more = b""
            if not more and words != "\0":
                raise AssertionError("no %r:\n%s" % (words, self.said))
            if not more:
                break
            self.said += more.decode("utf-8", "replace")
        before, _, self.said = self.said.partition(words)
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """The rest of what it says, and how it ends."""
        rest = self.until("\0")
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return rest, os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)


def with_each(test):
    """TEST gets a house for each framework that there is."""
    @functools.wraps(test)
    def wrapper(self):
        for framework in ("pytest", "nose", "unittest"):
            python = interpreter_with(framework)
            if python is not None:
                with self.subTest(framework):
                    test(self, self.open(FILES, 'python = "%s"\nframework = "%s"\n' % (
                        python, framework)))
    return wrapper


class DebugTest(unittest.TestCase):
    def open(self, files, settings='framework = "unittest"\n'):
        house = House(files, settings)
        self.addCleanup(house.close)
        return house

    def tree(self, house):
        return {os.path.join(folder, name) for folder, _, names in os.walk(house.root)
                for name in names}


class OnATerminal(DebugTest):
    @with_each
    def test_a_debugger_has_the_terminal(self, house):
        before = self.tree(house)
        terminal = Terminal(house, "debug", "tests/test_a.py::TestX.test_stops")
        terminal.until("(Pdb) ")
        terminal.type("p number * 2\n")
        terminal.until("84")
        terminal.until("(Pdb) ")
        terminal.type("c\n")
        said, code = terminal.end()
        self.assertEqual(0, code, said)
        self.assertEqual(before, self.tree(house))

    @with_each
    def test_pdb_debugs_what_fails(self, house):
        terminal = Terminal(house, "debug", "--pdb", "tests/test_a.py::TestX::test_fails")
        terminal.until("(Pdb) ")
        terminal.type("p 6 * 7\n")
        terminal.until("42")
        terminal.until("(Pdb) ")
        terminal.type("c\n")
        said, code = terminal.end()
        self.assertEqual(1, code, said)

    @with_each
    def test_an_interrupt_is_for_the_test(self, house):
        terminal = Terminal(house, "debug", "tests/test_a.py::TestXY")
        terminal.until("waiting")
        terminal.type("\x03")
        said, code = terminal.end()
        self.assertNotEqual(0, code, said)

    def test_the_debugger_is_the_caller_s_choice(self):
        house = self.open({**FILES, "own.py": "def stop():\n    print('own debugger')\n"})
        terminal = Terminal(house, "debug", "tests/test_a.py::TestX.test_stops",
                            environment={"PYTHONBREAKPOINT": "own.stop"})
        said, code = terminal.end()
        self.assertIn("own debugger", said)
        self.assertEqual(0, code)


class ExitCodes(DebugTest):
    @with_each
    def test_they_are_those_of_the_tests(self, house):
        for name, code in (("::TestX.test_good", 0), ("::TestX::test_good", 0),
                           ("::TestX.test_fails", 1), ("::TestX", 1), ("::TestX.test_goo", 2)):
            done = house.ctl("debug", "tests/test_a.py" + name, text="c\n")
            self.assertEqual(code, done.returncode, name + done.stdout + done.stderr)
        self.assertIn("snifferctl: tests/test_a.py has no test TestX.test_goo", done.stderr)

    def test_what_cannot_be_run_is_said_in_a_line(self):
        house = self.open(FILES)
        for arguments in ([], ["tests"], ["nix.py"], ["a", "b"], ["--pdb"], ["--no"]):
            done = house.ctl("debug", *arguments, code=2)
            self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        house.write("pyproject.toml", "[tool.sniffer]\npythn = 3\n")
        done = house.ctl("debug", "tests/test_a.py", code=3)
        self.assertIn("pyproject.toml:2: pythn is no setting", done.stderr)
        house.write("pyproject.toml", '[tool.sniffer]\npython = "nix"\n')
        done = house.ctl("debug", "tests/test_a.py", code=5)
        self.assertEqual("snifferctl: cannot run nix: No such file or directory\n", done.stderr)

    def test_a_generated_test_is_run_alone(self):
        python = interpreter_with("nose")
        if python is None:
            self.skipTest("no interpreter here has nose")
        house = self.open({"test_gen.py": """\
            def check(a, b):
                assert a == b

            def test_gen():
                yield check, 1, 1
                yield check, 1, 2
            """}, 'python = "%s"\nframework = "nose"\n' % python)
        house.ctl("debug", "test_gen.py::test_gen(1, 1)", code=0)
        house.ctl("debug", "test_gen.py::test_gen(1, 2)", code=1)
        house.ctl("debug", "test_gen.py::test_gen", code=1)
        house.ctl("debug", "test_gen.py::test_gen(3)", code=2)

    def test_parameters_are_part_of_a_name(self):
        python = interpreter_with("pytest")
        if python is None:
            self.skipTest("no interpreter here has pytest")
        house = self.open({"test_param.py": """\
            import pytest

            @pytest.mark.parametrize("number", [1.5, 2.5])
            def test_it(number):
                assert number == 1.5
            """}, 'python = "%s"\nframework = "pytest"\nargs = ["-x"]\n' % python)
        house.ctl("debug", "test_param.py::test_it[1.5]", code=0)
        house.ctl("debug", "test_param.py::test_it[2.5]", code=1)
        done = house.ctl("debug", "test_param.py::test_it", code=1)
        self.assertIn("1 failed, 1 passed", done.stdout)


class AsAWorker(DebugTest):
    @with_each
    def test_no_verdict_comes_of_it(self, house):
        # Not even with the plugin for runs by hand.
        house.environment["PYTHONPATH"] = os.path.join(SOURCE, "python_plugin")
        plugin = {"pytest": "-p sniffer", "nose": "--with-sniffer"}
        settings = house.read("pyproject.toml")
        for framework, words in plugin.items():
            if '"%s"' % framework in settings:
                house.write("pyproject.toml", "%sargs = %r\n" % (settings, words.split()))
        house.write("tests/test_a.py", house.read("tests/test_a.py").replace(
            "breakpoint()", "pass").replace("signal.pause()", "pass"))
        house.wait(1)
        records = house.records("files", "--json")
        results = house.records("results", "--json")
        house.ctl("debug", "tests/test_a.py::TestX.test_good", code=0)
        house.ctl("debug", "tests/test_a.py", code=1)
        house.wait(1)
        self.assertEqual(records, house.records("files", "--json"))
        self.assertEqual(results, house.records("results", "--json"))

    def test_the_environment_is_the_daemon_s(self):
        house = self.open(FILES)
        house.environment["WHO"] = "the daemon"
        house.ctl("start", code=0)
        house.environment["WHO"] = "the caller"
        done = house.ctl("debug", "tests/test_a.py::TestX.test_good", code=0)
        self.assertIn("here: %s the daemon" % house.root, done.stdout)
        house.ctl("stop", code=0)
        done = house.ctl("debug", "tests/test_a.py::TestX.test_good", code=0)
        self.assertIn("here: %s the caller" % house.root, done.stdout)

    def test_a_package_has_its_own_settings(self):
        package = {"one/" + path: text for path, text in FILES.items()}
        for daemon in (False, True):
            with self.subTest(daemon=daemon):
                house = self.open({**package, "one/setup.py": "", "one/setup.cfg":
                                   "[sniffer]\nframework = unittest\n"}, 'framework = "nix"\n')
                house.write("pyproject.toml", "")
                if daemon:
                    house.ctl("start", code=0)
                done = house.ctl("debug", "one/tests/test_a.py::TestX.test_good", code=0)
                self.assertIn("here: %s/one " % house.root, done.stdout)
                self.assertIn("Ran 1 test", done.stderr)

    @with_each
    def test_old_bytecode_is_not_believed(self, house):
        path = house.path("lib.py")
        os.utime(path, (1, 1))
        py_compile.compile(path)
        subprocess.run([interpreter_with("unittest"), "-m", "py_compile", path], check=True)
        house.write("lib.py", "def answer():\n    return 41\n")
        os.utime(path, (1, 1))
        house.ctl("debug", "tests/test_a.py::TestX.test_fails", code=0)


class InAWorker(DebugTest):
    STOPS = """\
        import io
        import pdb
        import sys
        import unittest


        def calls():
            pdb.set_trace()


        class TestX(unittest.TestCase):
            def test_breakpoint(self):
                breakpoint()

            def test_set_trace(self):
                calls()

            def test_swallows(self):
                try:
                    breakpoint()
                except Exception:
                    pass

            def test_after(self):
                print("printed")
                self.assertEqual(1, 2)

            def test_debugs_itself(self):
                said = io.StringIO()
                pdb.Pdb(stdin=io.StringIO("p 6 * 7\\nc\\n"), stdout=said).set_trace()
                self.assertIn("42", said.getvalue())

            def test_asks(self):
                input()
        """

    @with_each
    def test_a_debugger_is_an_error_that_says_what_to_do(self, house):
        house.write("tests/test_a.py", self.STOPS)
        house.wait(1)
        results = house.results()
        for name, line in (("breakpoint", 13), ("set_trace", 8), ("swallows", 20)):
            record = results["tests/test_a.py", "TestX.test_" + name]
            self.assertEqual(("error", "DebuggerWanted"), (record["outcome"], record["exception"]))
            self.assertTrue(record["report"].rstrip().endswith(
                "\nDebuggerWanted: a debugger was asked for, and there is no terminal here. To run "
                "this with one:\n    snifferctl debug tests/test_a.py::TestX.test_%s" % name),
                record["report"])
            places = [words for words in record["report"].splitlines() if "File" in words]
            self.assertIn("test_a.py\", line %d, in " % line, places[-1])
        self.assertEqual("failure", results["tests/test_a.py", "TestX.test_after"]["outcome"])
        # A debugger that is given something to read, and a question, are not our business.
        self.assertEqual("success", results["tests/test_a.py", "TestX.test_debugs_itself"]["outcome"])
        self.assertIn(results["tests/test_a.py", "TestX.test_asks"]["exception"],
                      ("EOFError", "OSError"))

    @with_each
    def test_so_it_is_when_a_file_is_loaded(self, house):
        house.write("tests/test_a.py", "import unittest\nbreakpoint()\n\nclass TestX(unittest.TestCase):\n"
                                       "    def test_x(self):\n        pass\n")
        house.wait(1)
        (_, record), = house.results().items()
        self.assertEqual(("error", "DebuggerWanted"), (record["outcome"], record["exception"]))
        self.assertTrue(record["report"].rstrip().endswith("\n    snifferctl debug tests/test_a.py"))

    @with_each
    def test_so_it_is_in_company(self, house):
        house.write("pyproject.toml", house.read("pyproject.toml") + 'isolation = "directory"\n')
        house.write("tests/test_a.py", self.STOPS)
        house.write("tests/test_b.py", self.STOPS)
        house.wait(1)
        results = house.results()
        for file in ("tests/test_a.py", "tests/test_b.py"):
            self.assertIn("snifferctl debug %s::TestX.test_swallows\n" % file,
                          results[file, "TestX.test_swallows"]["report"])
            self.assertEqual("AssertionError", results[file, "TestX.test_after"]["exception"])

    @with_each
    def test_the_user_s_own_hook_is_called(self, house):
        house.write("own.py", "calls = []\n\ndef stop():\n    calls.append(1)\n")
        house.write("tests/test_a.py", """\
            import sys
            import unittest

            import own

            class TestX(unittest.TestCase):
                def test_variable(self):
                    breakpoint()
                    self.assertEqual(1, own.calls[-1])

                def test_hook(self):
                    before, sys.breakpointhook = sys.breakpointhook, lambda: own.calls.append(2)
                    try:
                        breakpoint()
                    finally:
                        sys.breakpointhook = before
                    self.assertEqual(2, own.calls[-1])
            """)
        house.environment["PYTHONBREAKPOINT"] = "own.stop"
        house.wait(0)


if __name__ == "__main__":
    main()
