"""The floors of the house: every #include is allowed by this table, and each library is seen in one room only."""

import os
import re
import unittest

SOURCE = os.environ.get("SNIFFER_SOURCE", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# room: the rooms whose headers it may include. proto/words.h is a vocabulary that all may use.
ROOMS = {
    "proto": set(),
    "daemon/base": set(),
    "daemon/watch": {"daemon/base"},
    "daemon/sched": {"daemon/base"},
    "daemon/tree": {"daemon/base"},
    "daemon/index": {"daemon/base"},
    "daemon/config": {"daemon/base"},
    "daemon/notifier": {"daemon/base"},
    "daemon/worker": {"daemon/base", "proto"},
    "daemon/serve": {"daemon/base", "proto"},
    "daemon/engine": {"daemon/base", "proto", "daemon/tree", "daemon/index", "daemon/sched"},
    "daemon": {"daemon/base", "proto", "daemon/watch", "daemon/sched", "daemon/tree", "daemon/index",
               "daemon/config", "daemon/notifier", "daemon/worker", "daemon/serve", "daemon/engine"},
    "library": {"proto", "library/sniffer"},
    "library/sniffer": set(),
    "client": {"proto", "library/sniffer"},
    "client/ui": {"client", "proto"},
    "python_plugin/tracer": set(),
}
VOCABULARY = "proto/words.h"

# library header: where alone it may be seen (a room, or one file)
LIBRARIES = {
    "jansson.h": ("proto", "daemon/serve", "daemon/engine", "client", "client/ui",
                  "daemon/worker", "library",
                  "library/sniffer"),
    "sqlite3.h": ("daemon/index",),
    "xxhash.h": ("daemon/tree",),
    "ev.h": ("daemon/loop.c",),
    "ini.h": ("daemon/config",),
    "toml++/toml.h": ("daemon/config",),
    "curses.h": ("client/ui/term.c",),
    "ncurses.h": (),
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def sources():
    for room in ROOMS:
        folder = os.path.join(SOURCE, room)
        for name in sorted(os.listdir(folder)):
            if name.endswith((".c", ".h", ".cc")):
                yield room, room + "/" + name


def includes(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return INCLUDE.findall(file.read())


class Floors(unittest.TestCase):
    def test_every_room_has_sources(self):
        self.assertEqual({room for room, _ in sources()}, set(ROOMS))

    def test_a_room_includes_only_itself_and_the_rooms_below(self):
        for room, path in sources():
            for quote, header in includes(path):
                if quote != '"' or header == VOCABULARY:
                    continue
                self.assertIn("/", header, "%s includes %s: write it from the root" % (path, header))
                other = os.path.dirname(header)
                self.assertTrue(other == room or other in ROOMS[room],
                                "%s may not include %s" % (path, header))

    def test_a_library_is_seen_in_its_room_only(self):
        for room, path in sources():
            for quote, header in includes(path):
                if quote == "<" and header in LIBRARIES:
                    where = LIBRARIES[header]
                    self.assertTrue(room in where or path in where, "%s may not include <%s>" % (path, header))

    def test_no_cycles(self):
        def below(room, seen):
            self.assertNotIn(room, seen, "cycle: %s" % " -> ".join(seen + [room]))
            for other in ROOMS[room]:
                below(other, seen + [room])
        for room in ROOMS:
            below(room, [])

    def test_clocks_are_read_by_the_loop_alone(self):
        """Time is an argument below loop.c. The tree reads one to tell a racy time stamp, the log to stamp a line."""
        allowed = {"daemon/loop.c", "daemon/base/log.c", "daemon/tree/contents.c", "daemon/tree/identity.c",
                   "daemon/tree/hash.c"}
        for room, path in sources():
            if not room.startswith("daemon") or path in allowed:
                continue
            with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
                found = re.search(r"\b(clock_gettime|gettimeofday|time\(NULL\)|nanosleep|usleep)\b", file.read())
            self.assertIsNone(found, "%s reads a clock" % path)


if __name__ == "__main__":
    unittest.main()
