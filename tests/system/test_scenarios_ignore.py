"""What is ignored: no test files there, and evidence all the same."""

from house import main
from scenes import AT_FIRST, Table, scene, shows, write

READS = shows("open('build/x.txt').read()")


class Evidence(Table):
    """Whoever looks into an ignored folder, or outside, rests on what is there."""

    SETTINGS = 'ignore = ["build/"]\n'
    SCENES = {
        "read": scene({"build/x.txt": "1\n", "test_a.py": READS},
                      write("build/x.txt", "2\n"), {"test_a.py": "2\n"},
                      write("build/x.txt", "1\n"), {"test_a.py": AT_FIRST}),
        "read_before_the_daemon_started": scene(
            {"build/x.txt": "1\n", "test_a.py": READS},
            ["stop"], ["start"], {},
            write("build/x.txt", "2\n"), {"test_a.py": "2\n"}),
        "outside_before_the_daemon_started": scene(
            {"../far/x": "1\n", "test_a.py": shows("open(os.path.expanduser('~/far/x')).read()")},
            ["stop"], ["start"], {},
            write("../far/x", "2\n"), {"test_a.py": "2\n"}),
        "listed_before_the_daemon_started": scene(
            {"build/x.txt": "1\n", "test_a.py": shows("os.listdir('build')")},
            ["stop"], ["start"], {},
            write("build/y.txt", "2\n"), {"test_a.py": ["x.txt", "y.txt"]}),
        "absent_before_the_daemon_started": scene(
            {"test_a.py": shows("os.path.exists('build/deep/y')")},
            ["stop"], ["start"], {},
            write("build/deep/y", "2\n"), {"test_a.py": True}),
    }


if __name__ == "__main__":
    main()
