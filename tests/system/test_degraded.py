"""Where the kernel does not let us watch everything: said, and right all the same."""

import subprocess
import unittest

from house import HouseTest, main

LIMIT = "/proc/sys/user/max_inotify_watches"
ENTER = ["unshare", "--user", "--map-root-user", "sh", "-c", 'echo 12 >%s && exec "$@"' % LIMIT, "sh"]


def allowed():
    try:
        return subprocess.run(ENTER + ["true"], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


@unittest.skipUnless(allowed(), "this machine gives no user namespace")
class WatchLimit(HouseTest):
    FILES = dict({"p%02d/data.txt" % number: "1\n" for number in range(20)},
                 **{"test_data.py": """\
                    import glob

                    def test_data():
                        for name in glob.glob("p*/data.txt"):
                            with open(name) as file:
                                assert file.read() == "1\\n", name
                    """})

    def ctl_in_namespace(self, *arguments):
        from house import BUILD
        return subprocess.run(ENTER + [BUILD + "/snifferctl", "-C", self.house.root, *arguments],
                              env=self.house.environment, cwd=self.house.root,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)

    def test_a_change_in_a_folder_that_is_not_watched_is_seen_by_comparing(self):
        done = self.ctl_in_namespace("start")
        self.assertEqual(done.returncode, 0, done.stdout)
        status = self.house.wait(code=0)
        self.assertIn("max_inotify_watches", status["degraded"])
        self.assertIn("max_inotify_watches", status["message"])
        for number in (0, 7, 19):
            self.house.write_in_place("p%02d/data.txt" % number, "2\n")
            self.house.wait(code=1)
            self.house.write_in_place("p%02d/data.txt" % number, "1\n")
            self.house.wait(code=0)


if __name__ == "__main__":
    main()
