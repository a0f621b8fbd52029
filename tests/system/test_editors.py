"""The examples for prompts, bars and editors; each where the program that it is for is installed."""

import ast
import os
import shutil
import subprocess

from house import BUILD, SOURCE, TIMEOUT, HouseTest, main

EXAMPLES = os.path.join(SOURCE, "examples", "notifiers")


class Editors(HouseTest):
    FILES = {"test_a.py": "def test_a():\n    x = 1\n    assert x == 2\n\ndef test_b():\n    pass\n"}

    def setUp(self):
        super().setUp()
        self.house.environment.update(PATH=BUILD + os.pathsep + self.house.environment["PATH"], TERM="xterm")

    def run_program(self, program, *arguments, cwd=None):
        if shutil.which(program) is None:
            self.skipTest("no " + program)
        return subprocess.run([program, *arguments], env=self.house.environment, cwd=cwd or self.house.root,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, timeout=TIMEOUT).stdout

    def test_the_prompt_says_how_it_stands_and_nothing_elsewhere(self):
        script = '. "%s"; echo "<$(sniffer_prompt)>"; cd /; echo "<$(sniffer_prompt)>"' % os.path.join(
            EXAMPLES, "prompt.sh")
        self.house.wait(code=1)
        self.assertEqual(self.run_program("sh", "-c", script), "<[idle 1/2] >\n<>\n")

    def vim(self, command):
        """What it says last, the quickfix list, and where the cursor is."""
        out = os.path.join(self.house.base, "vim.out")
        look = 'echo map(getqflist(), "[bufname(v:val.bufnr), v:val.lnum, v:val.text]")'
        self.run_program("vim", "-Nu", "NONE", "-i", "NONE", "-es", "-S", os.path.join(EXAMPLES, "sniffer.vim"),
                         "-c", "redir! > " + out, "-c", command, "-c", look,
                         "-c", 'echo [bufname(""), line(".")]', "-c", "redir END", "-c", "qall!")
        with open(out, encoding="utf-8") as file:
            lines = file.read().split("\n")
        return [line for line in lines[:-2] if line][-1:], *map(ast.literal_eval, lines[-2:])

    def test_vim_goes_to_the_first_failure(self):
        failed = [["test_a.py", 3, "test_a: AssertionError"]]
        self.assertEqual(self.vim("Sniffer"), (["sniffer: 1 failed"], failed, ["test_a.py", 3]))
        self.assertEqual(self.vim("Sniffer!"), (["sniffer: 1 failed"], failed, ["", 1]))
        self.house.write("test_a.py", "def test_a():\n    pass\n")
        self.assertEqual(self.vim("Sniffer"), (["sniffer: no test fails"], [], ["", 1]))

    def test_vim_says_that_no_daemon_runs(self):
        said, failed, _ = self.vim("Sniffer!")
        self.assertEqual(failed, [])
        self.assertIn("no daemon runs for " + self.house.root, said[0])

    def test_emacs_finds_the_failing_line(self):
        out = self.run_program("emacs", "-Q", "--batch", "-l", os.path.join(EXAMPLES, "sniffer.el"), "--eval", """
            (let ((buffer (sniffer)))
              (while (process-live-p (get-buffer-process buffer)) (accept-process-output nil 1))
              (with-current-buffer buffer
                (goto-char (point-min))
                (compilation-next-error 1)
                (princ (buffer-substring (line-beginning-position) (line-end-position)))))""")
        self.assertIn("test_a.py:3: test_a: AssertionError", out)


if __name__ == "__main__":
    main()
