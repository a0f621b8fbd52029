"""What runs after which change, in which order; each point of the plan has its test."""

import json
import os
import subprocess
import unittest

from house import BUILD, HouseTest, interpreter_with, main

PROJECT = {
    "shop/__init__.py": "",
    "shop/cart.py": """\
        from shop import price

        def total(items):
            return sum(price.of(item) for item in items)
        """,
    "shop/price.py": """\
        def of(item):
            return {"apple": 2, "pear": 3}[item]
        """,
    "shop/text.py": """\
        def shout(word):
            return word.upper()
        """,
    "tests/__init__.py": "",
    "tests/test_cart.py": """\
        from shop.cart import total

        def test_total():
            assert total(["apple", "pear"]) == 5
        """,
    "tests/test_price.py": """\
        from shop import price

        def test_apple():
            assert price.of("apple") == 2

        def test_pear():
            assert price.of("pear") == 3
        """,
    "tests/test_text.py": """\
        from shop.text import shout

        def test_shout():
            assert shout("a") == "A"
        """,
}


class Start(HouseTest):
    FILES = PROJECT

    def test_the_first_start_runs_everything(self):
        self.start()
        status = self.house.wait(code=0)
        self.assertEqual(status["state"], "idle")
        self.assertEqual(status["stats"], {"tests": 4, "successes": 4, "errors": 0, "failures": 0,
                                           "skipped": 0, "to_be_run": 0})
        self.assertEqual(set(self.house.runs()),
                         {"tests/test_cart.py", "tests/test_price.py", "tests/test_text.py"})

    def test_a_second_start_with_nothing_changed_runs_nothing(self):
        self.start()
        self.house.wait(code=0)
        before = self.house.runs()
        self.house.ctl("restart", code=0)
        self.house.wait(code=0)
        self.assertEqual(self.house.runs(), before)
        self.assertTrue(all(record["current"] for record in self.house.results().values()))

    def test_what_changed_while_no_daemon_ran_is_found(self):
        self.start()
        self.house.wait(code=0)
        before = self.house.runs()
        self.house.ctl("stop", code=0)
        self.house.write("shop/text.py", "def shout(word):\n    return word\n")
        self.house.remove("tests/test_cart.py")
        self.start()
        self.house.wait(code=1)
        after = self.house.runs()
        self.assertNotIn("tests/test_cart.py", after)
        self.assertEqual(after["tests/test_price.py"], before["tests/test_price.py"])
        self.assertEqual(after["tests/test_text.py"], before["tests/test_text.py"] + 1)

    def test_a_same_size_edit_with_its_time_set_back_is_found(self):
        self.start()
        self.house.wait(code=0)
        self.house.ctl("stop", code=0)
        path = self.house.path("shop/text.py")
        stat = os.stat(path)
        self.house.write_in_place("shop/text.py", PROJECT["shop/text.py"].replace("upper", "lower"))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self.start()
        self.house.wait(code=1)


class Changes(HouseTest):
    FILES = PROJECT

    def setUp(self):
        super().setUp()
        self.start()
        self.house.wait(code=0)

    def test_an_edit_runs_who_used_the_file_and_nobody_else(self):
        ran = self.house.ran(lambda: self.house.write(
            "shop/price.py", "def of(item):\n    return {'apple': 2, 'pear': 4}[item]\n"))
        self.assertEqual(ran, {"tests/test_cart.py", "tests/test_price.py"})
        self.assertEqual(self.house.outcomes()["tests/test_price.py", "test_pear"], "failure")
        why = self.house.records("why", "--json", "tests/test_cart.py")[0]
        self.assertEqual((why["reason"], why["path"]), ("changed", "shop/price.py"))

    def test_an_edited_test_file_runs_itself_alone(self):
        ran = self.house.ran(lambda: self.house.write(
            "tests/test_text.py", "def test_other():\n    pass\n"))
        self.assertEqual(ran, {"tests/test_text.py"})
        self.assertEqual(list(self.house.outcomes("tests/test_text.py")),
                         [("tests/test_text.py", "test_other")])

    def test_saving_the_same_content_runs_nothing(self):
        self.assertEqual(self.house.ran(lambda: self.house.write(
            "shop/price.py", PROJECT["shop/price.py"])), set())
        self.assertEqual(self.house.ran(lambda: os.utime(self.house.path("shop/price.py"))), set())

    def test_a_file_nobody_looked_for_runs_nothing(self):
        self.assertEqual(self.house.ran(lambda: self.house.write("shop/unused.py", "x = 1\n")), set())
        self.assertEqual(self.house.ran(lambda: self.house.write("notes.txt", "hello\n")), set())

    def test_a_deleted_module_runs_who_used_it(self):
        ran = self.house.ran(lambda: self.house.remove("shop/text.py"))
        self.assertEqual(ran, {"tests/test_text.py"})
        record = list(self.house.results("tests/test_text.py").values())
        self.assertEqual([(r["outcome"], r["exception"]) for r in record],
                         [("error", "ModuleNotFoundError")])
        why = self.house.records("why", "--json", "tests/test_text.py")[0]
        self.assertEqual((why["reason"], why["path"]), ("deleted", "shop/text.py"))

    def test_an_edit_undone_needs_no_run(self):
        self.house.write("shop/text.py", "def shout(word):\n    return word\n")
        self.house.wait(code=1)
        self.assertEqual(self.house.ran(lambda: self.house.write(
            "shop/text.py", PROJECT["shop/text.py"])), set())
        status = self.house.wait(code=0)
        self.assertEqual(status["stats"]["failures"], 0)
        files = {r["file"]: r for r in self.house.records("files", "--json")}
        self.assertTrue(files["tests/test_text.py"]["from_cache"])
        self.assertEqual(files["tests/test_text.py"]["state"], "current")

    def test_a_deleted_test_file_takes_its_results_with_it(self):
        self.house.remove("tests/test_price.py")
        status = self.house.wait(code=0)
        self.assertEqual(status["stats"]["tests"], 2)
        self.assertNotIn("tests/test_price.py", self.house.runs())
        self.assertFalse([key for key in self.house.results() if key[0] == "tests/test_price.py"])

    def test_a_deleted_folder_takes_its_test_files_with_it(self):
        self.house.remove("tests")
        self.assertEqual(self.house.wait(code=0)["stats"]["tests"], 0)
        self.assertEqual(self.house.runs(), {})

    def test_a_new_test_file_runs(self):
        ran = self.house.ran(lambda: self.house.write(
            "tests/test_new.py", "def test_new():\n    pass\n"))
        self.assertEqual(ran, {"tests/test_new.py"})
        why = self.house.records("why", "--json", "tests/test_new.py")[0]
        self.assertEqual(why["reason"], "new")

    def test_a_whole_new_folder_is_seen(self):
        def act():
            other = os.path.join(self.house.base, "other")
            os.makedirs(other + "/tests/tests")
            with open(other + "/tests/tests/test_far.py", "w") as file:
                file.write("def test_far():\n    pass\n")
            os.rename(other, self.house.path("tests", "test_more"))
        ran = self.house.ran(act)
        self.assertEqual(ran, {"tests/test_more/tests/tests/test_far.py"})

    def test_a_renamed_module_runs_its_users(self):
        ran = self.house.ran(lambda: os.rename(self.house.path("shop/text.py"),
                                               self.house.path("shop/words.py")))
        self.assertEqual(ran, {"tests/test_text.py"})
        ran = self.house.ran(lambda: os.rename(self.house.path("shop/words.py"),
                                               self.house.path("shop/text.py")))
        self.house.wait(code=0)

    def test_an_added_module_runs_who_failed_to_import(self):
        self.house.write("tests/test_text.py", """\
            from shop.loud import shout

            def test_shout():
                assert shout("a") == "A"
            """)
        self.house.wait(code=1)
        ran = self.house.ran(lambda: self.house.write("shop/loud.py", PROJECT["shop/text.py"]))
        self.assertEqual(ran, {"tests/test_text.py"})
        self.house.wait(code=0)

    def test_any_added_module_runs_who_failed_to_import(self):
        self.house.write("tests/test_text.py", "raise ImportError('by a plug-in')\n")
        self.house.wait(code=1)
        ran = self.house.ran(lambda: self.house.write("elsewhere.py", "x = 1\n"))
        self.assertEqual(ran, {"tests/test_text.py"})
        why = self.house.records("why", "--json", "tests/test_text.py")[0]
        self.assertEqual((why["reason"], why["path"]), ("failed-import", "elsewhere.py"))

    def test_a_path_that_was_looked_for_and_now_appears_runs_its_seeker(self):
        self.house.write("tests/test_text.py", """\
            import os

            def test_no_veto():
                assert not os.path.exists("veto")

            def test_no_words():
                try:
                    open("words.txt").close()
                except FileNotFoundError:
                    return
                assert False
            """)
        self.house.wait(code=0)
        self.assertEqual(self.house.ran(lambda: self.house.write("veto", "")), {"tests/test_text.py"})
        self.house.wait(code=1)
        self.assertEqual(self.house.ran(lambda: self.house.write("words.txt", "")),
                         {"tests/test_text.py"})
        self.assertEqual(set(self.house.outcomes("tests/test_text.py").values()), {"failure"})

    def test_a_file_written_through_its_other_name_runs_its_user(self):
        self.house.write("tests/test_text.py", """\
            def test_words():
                with open("words.txt") as file:
                    assert file.read() == "one\\n"
            """)
        other = os.path.join(self.house.base, "words")
        with open(other, "w") as file:
            file.write("one\n")
        os.link(other, self.house.path("words.txt"))
        self.house.wait(code=0)
        with open(other, "w") as file:
            file.write("two\n")
        self.house.wait(code=1)
        self.house.ctl("restart", code=0)
        self.house.wait(code=1)
        with open(other, "w") as file:
            file.write("one\n")
        self.house.wait(code=0)

    def test_a_module_that_shadows_another_runs_its_user(self):
        self.house.write("tests/test_text.py", """\
            import colorsys

            def test_it_is_the_library():
                assert hasattr(colorsys, "rgb_to_hsv")
            """)
        self.house.wait(code=0)
        self.assertEqual(self.house.ran(lambda: self.house.write("colorsys.py", "")),
                         {"tests/test_text.py"})
        self.house.wait(code=1)

    def test_two_saves_within_a_second_and_of_one_size_run_the_new_code(self):
        for word, code in (("lower", 1), ("upper", 0), ("title", 0), ("strip", 1)):
            self.house.write_in_place("shop/text.py", PROJECT["shop/text.py"].replace("upper", word))
            self.house.wait(code=code)

    def test_what_a_run_writes_starts_nothing(self):
        self.house.write("tests/test_text.py", """\
            import os

            def test_writes():
                os.makedirs("out", exist_ok=True)
                with open("out/a.txt", "w") as file:
                    file.write(str(os.getpid()))
                with open("out/a.txt") as file:
                    assert file.read() == str(os.getpid())

            def test_counts():
                number = 0
                if os.path.exists("counter"):
                    with open("counter") as file:
                        number = int(file.read())
                with open("counter", "w") as file:
                    file.write(str(number + 1))
            """)
        self.house.wait(code=0)
        runs = self.house.runs()["tests/test_text.py"]
        self.house.wait(code=0)
        self.assertEqual(self.house.runs()["tests/test_text.py"], runs)
        self.assertLessEqual(runs, 3)
        with self.subTest("an edit by the user to what it reads and rewrites is a change"):
            self.assertEqual(self.house.ran(lambda: self.house.write("counter", "41")),
                             {"tests/test_text.py"})


class Ignore(HouseTest):
    FILES = dict(PROJECT, **{"tests/test_old.py": "def test_old():\n    assert False\n"})
    SETTINGS = 'ignore = ["test_old.py"]\n'

    def test_the_setting_counts_from_the_start_and_when_it_changes(self):
        self.start()
        self.house.wait(code=0)
        self.house.write("tests/more/test_old.py", "def test_old():\n    assert False\n")
        self.house.wait(code=0)
        text = self.house.read("pyproject.toml")
        self.house.write("pyproject.toml", text.replace('["test_old.py"]', "[]"))
        self.assertEqual(self.house.wait(code=1)["stats"]["failures"], 1)
        self.house.write("pyproject.toml", text)
        self.house.wait(code=0)


class Packages(HouseTest):
    FILES = {"test_it.py": "import dist\n\ndef test_it():\n    assert dist.VALUE == 1\n"}

    def install(self, version):
        folder = os.path.join(self.house.base, "site-packages")
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            if name.endswith(".dist-info"):
                os.rmdir(os.path.join(folder, name))
        with open(os.path.join(folder, "dist.py"), "w") as file:
            file.write("VALUE = %d\n" % version)
        os.mkdir(os.path.join(folder, "dist-%d.dist-info" % version))
        return folder

    def test_an_upgrade_is_seen_without_a_restart(self):
        self.house.environment["PYTHONPATH"] = self.install(1)
        self.start()
        self.house.wait(code=0)
        self.install(22)
        self.house.wait(code=1)
        self.install(1)
        self.house.wait(code=0)


@unittest.skipIf(interpreter_with("pytest") is None, "no interpreter here has pytest")
class Collected(HouseTest):
    """Test files that a plugin of the project collects, whatever they are called."""

    FILES = {"Cases": "good", "tests/more.spec": "bad", "conftest.py": """\
        import pytest

        def pytest_collect_file(parent, file_path):
            if file_path.name == "Cases" or file_path.suffix == ".spec":
                return Spec.from_parent(parent, path=file_path)

        class Spec(pytest.File):
            def collect(self):
                yield Check.from_parent(self, name="it")

        class Check(pytest.Item):
            def runtest(self):
                assert self.path.read_text() == "good"
        """}
    SETTINGS = 'framework = "pytest"\npython = "%s"\n' % interpreter_with("pytest")

    def test_a_file_of_any_name(self):
        self.house.wait(code=1)
        self.assertEqual(self.house.outcomes(), {("Cases", "it"): "success",
                                                 ("tests/more.spec", "it"): "failure"})
        self.assertEqual(self.house.ran(lambda: self.house.write("tests/more.spec", "good")),
                         {"tests/more.spec"})
        self.assertEqual(self.house.ran(lambda: self.house.write("new.spec", "good")), {"new.spec"})
        self.house.wait(code=0)


class Git(HouseTest):
    FILES = dict(PROJECT, **{".git/HEAD": "ref: refs/heads/main\n"})

    def test_what_git_writes_under_its_lock_is_one_change(self):
        self.start()
        self.house.wait(code=0)
        before = self.house.runs()
        lock = self.house.path(".git", "index.lock")
        open(lock, "w").close()
        for word in ("lower", "swapcase"):
            self.house.write("shop/text.py", PROJECT["shop/text.py"].replace("upper", word))
        self.house.ctl("wait", "--timeout", "0.1", code=4)
        self.assertEqual(self.house.runs(), before)
        os.rename(lock, self.house.path(".git", "index"))
        self.house.wait(code=0)
        self.assertEqual(self.house.runs(), dict(before, **{"tests/test_text.py": before["tests/test_text.py"] + 1}))


class Order(HouseTest):
    FILES = PROJECT

    def queue_after(self, fits, *acts):
        """What the queue is in the end when ACTS are done: once it FITS."""
        self.house.ctl("pause", code=0)
        for act in acts:
            act()
        self.house.ctl("wait", "--timeout", "0.1", code=4)  # seen; what follows may be on its way
        status = self.house.status()
        while not fits(status["queue"]):
            status = self.house.status()
        self.assertEqual(status["state"], "paused")
        self.assertEqual(status["stats"]["to_be_run"], len(status["queue"]))
        self.house.ctl("resume", code=0)
        self.house.wait()
        return status["queue"]

    def test_the_name_that_fits_the_change_comes_first(self):
        self.house.write("tests/test_price_more.py", PROJECT["tests/test_price.py"])
        self.house.write("tests/test_a.py", PROJECT["tests/test_price.py"])
        self.start()
        self.house.wait(code=0)
        queue = self.queue_after(lambda queue: len(queue) == 4, lambda: self.house.write("shop/price.py", "of = {}.get\n"))
        self.assertEqual(queue[:2], ["tests/test_price.py", "tests/test_price_more.py"])
        self.assertEqual(set(queue[2:]), {"tests/test_a.py", "tests/test_cart.py"})

    def test_the_most_failures_come_next_then_the_shortest_time(self):
        for name, failures, seconds in (("a", 0, 0.3), ("b", 1, 0), ("c", 2, 0.1), ("d", 0, 0)):
            self.house.write("tests/test_%s.py" % name, """\
                import time
                import shop.text

                def check(ok):
                    time.sleep(%g)
                    assert ok

                def test_it():
                    for number in range(2):
                        yield check, number >= %d
                """ % (seconds / 2, failures))
        self.start()
        self.house.wait(code=1)
        queue = self.queue_after(
            lambda queue: len(queue) == 5,
            lambda: self.house.write("shop/text.py", PROJECT["shop/text.py"] + "\n\nX = 1\n"))
        self.assertEqual(queue, ["tests/test_text.py", "tests/test_c.py", "tests/test_b.py",
                                 "tests/test_d.py", "tests/test_a.py"])

    def test_the_queue_is_ordered_anew_as_changes_come(self):
        self.start()
        self.house.wait(code=0)
        queue = self.queue_after(
            lambda queue: queue[:1] == ["tests/test_text.py"],
            lambda: self.house.write("shop/__init__.py", "x = 1\n"),
            lambda: self.house.write("shop/text.py", PROJECT["shop/text.py"] + "\n\nX = 1\n"))
        self.assertEqual(len(queue), 3)

    def test_what_never_ran_goes_by_size(self):
        self.start()
        self.house.wait(code=0)
        queue = self.queue_after(
            lambda queue: len(queue) == 2,
            lambda: self.house.write("tests/test_big.py", "def test():\n    pass\n" + "#\n" * 500),
            lambda: self.house.write("tests/test_small.py", "def test():\n    pass\n"))
        self.assertEqual(queue, ["tests/test_small.py", "tests/test_big.py"])


class During(HouseTest):
    """An edit during a run: the test holds still until it is told to go on."""

    FILES = {
        "value.txt": "one\n",
        "test_slow.py": """\
            import os

            def test_slow():
                with open("value.txt") as file:
                    value = file.read()
                with open(os.environ["REACHED"], "w") as file:
                    file.write("x")
                with open(os.environ["GO"]) as file:
                    file.read()
                assert value == "two\\n", value
            """,
    }

    def setUp(self):
        super().setUp()
        for name in ("REACHED", "GO"):
            fifo = os.path.join(self.house.base, name)
            os.mkfifo(fifo)
            self.house.environment[name] = fifo

    def reached(self):
        with open(self.house.environment["REACHED"]) as file:
            file.read()

    def go(self):
        with open(self.house.environment["GO"], "w") as file:
            file.write("x")

    def test_an_edit_during_a_run_is_not_lost(self):
        self.start()
        self.reached()
        status = self.house.status()
        self.assertEqual([r["file"] for r in status["running"]], ["test_slow.py"])
        self.assertEqual(status["running"][0]["test"], "test_slow")
        self.assertEqual(status["stats"]["to_be_run"], 1)
        self.house.write("value.txt", "two\n")
        self.go()
        self.reached()  # it runs again by itself
        self.go()
        self.house.wait(code=0)
        self.assertEqual(self.house.runs(), {"test_slow.py": 2})


class Orders(HouseTest):
    FILES = PROJECT

    def setUp(self):
        super().setUp()
        self.start()
        self.house.wait(code=0)

    def test_run_forces_a_file_or_all(self):
        self.assertEqual(self.house.ran(lambda: self.house.ctl("run", "tests/test_text.py", code=0)),
                         {"tests/test_text.py"})
        self.assertEqual(self.house.ran(lambda: self.house.ctl("run", "--all", code=0)),
                         {"tests/test_cart.py", "tests/test_price.py", "tests/test_text.py"})
        why = self.house.records("why", "--json", "tests/test_text.py")[0]
        self.assertEqual(why["reason"], "forced")

    def test_a_file_that_is_none_is_refused(self):
        done = self.house.ctl("run", "tests/nothing.py", code=5)
        self.assertIn("tests/nothing.py", done.stderr)

    def test_a_touch_is_a_hint_and_no_proof(self):
        self.assertEqual(self.house.ran(lambda: self.house.ctl("touch", "shop/price.py", code=0)), set())
        self.assertEqual(self.house.ran(lambda: self.house.ctl(
            "touch", "-", text="shop/price.py\nno/such/path\n", code=0)), set())

    def test_paths_are_taken_from_the_present_folder(self):
        done = self.house.ctl("affected", "--json", "price.py", code=0, cwd=self.house.path("shop"))
        self.assertEqual({json.loads(line)["file"] for line in done.stdout.splitlines()},
                         {"tests/test_cart.py", "tests/test_price.py"})

    def test_deps_tell_what_a_verdict_rests_on(self):
        deps = self.house.records("deps", "--json", "tests/test_cart.py")
        kinds = {(record["path"], record["kind"]) for record in deps}
        self.assertTrue({("shop/cart.py", "code"), ("shop/price.py", "code"),
                         ("shop/__init__.py", "code"), ("tests/test_cart.py", "content"),
                         ("tests/__init__.py", "code")} <= kinds, kinds)
        self.assertTrue(all(record["holds"] for record in deps))
        self.assertIn("environment", {kind for _, kind in kinds})
        self.assertFalse([path for path, _ in kinds if path == "shop/text.py"])

    def test_events_are_numbered_without_gaps(self):
        events = subprocess.Popen([os.path.join(BUILD, "snifferctl"), "-C", self.house.root, "events"],
                                  env=self.house.environment, stdout=subprocess.PIPE,
                                  universal_newlines=True)
        try:
            first = json.loads(events.stdout.readline())
            self.assertEqual(first["method"], "snapshot")
            self.house.write("shop/text.py", "def shout(word):\n    return word\n")
            seen = []
            while not seen or seen[-1]["method"] != "red":
                seen.append(json.loads(events.stdout.readline()))
            self.assertEqual([m["params"]["seq"] for m in seen],
                             list(range(first["params"]["seq"] + 1,
                                        first["params"]["seq"] + 1 + len(seen))))
            result = [m["params"] for m in seen if m["method"] == "result"]
            self.assertEqual([(r["file"], r["test"], r["outcome"]) for r in result],
                             [("tests/test_text.py", "test_shout", "failure")])
            self.assertIn("AssertionError", result[0]["report_text"])
            self.house.write("shop/text.py", PROJECT["shop/text.py"])
            while seen[-1]["method"] != "green":
                seen.append(json.loads(events.stdout.readline()))
        finally:
            events.kill()
            events.wait()
            events.stdout.close()

    def test_wait_is_a_true_synchronisation(self):
        for number in range(30):
            good = number % 2 == 0
            self.house.write("shop/text.py", "def shout(word):\n    return word.%s()  # %d\n"
                             % ("upper" if good else "lower", number))
            status = self.house.wait(code=0 if good else 1)
            self.assertEqual(status["stats"]["to_be_run"], 0)



class Options(HouseTest):
    FILES = {"test_a.py": "def test_a(): assert 0\ndef test_b(): assert 0\n"}
    SETTINGS = 'args = ["--stop"]\n'

    def unused(self):
        return [one["message"] for one in self.house.records("doctor", "--json") if one["name"] == "options"]

    def test_what_is_left_out_of_them_is_said(self):
        self.start()
        self.house.wait(code=1)
        self.assertEqual(len(self.house.outcomes("test_a.py")), 2)
        self.assertEqual(self.unused(), ["not used, for each test file runs in a process of its own: --stop"])
        self.assertIn("own: --stop", self.house.log())
        self.house.write("setup.cfg", "[nosetests]\nwith-xunit=1\nattr=slow\n")
        self.house.wait(code=0)
        self.assertEqual(self.unused(), ["not used, for each test file runs in a process of its own: --stop, "
                                         "--with-xunit; tests are left out by -a"])
        self.house.write("setup.cfg", "")
        self.house.write("pyproject.toml", self.house.read("pyproject.toml").replace("args", "# args"))
        self.house.wait(code=1)
        self.assertEqual(self.unused(), [])


if __name__ == "__main__":
    main()
