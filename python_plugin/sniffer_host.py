"""What the daemon starts: `PYTHON -B sniffer_host.py --root ROOT --framework NAME ...`, in ROOT
or in the package below it that --package names.

By the time the framework is loaded, sys.path is what `python -m NAME` in ROOT would have: this
script's own folder is gone from it, and modules that only the host needs cannot hide the
project's."""

import sys

if __name__ == "__main__":
    # Only what the interpreter itself had loaded before sys.path[0] came into being: everything
    # else a project file could stand in front of.
    startup = frozenset(name.partition(".")[0] for name in sys.modules)
    from sniffer_plugin import host

    sys.exit(host.main(sys.argv[1:], startup))
