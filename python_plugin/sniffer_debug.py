"""What `snifferctl debug` becomes: `PYTHON -B sniffer_debug.py --root ROOT --framework NAME ...
--file FILE [--test TEST] [--pdb]`, at home as a worker is. See sniffer_host.py."""

import sys

if __name__ == "__main__":
    startup = frozenset(name.partition(".")[0] for name in sys.modules)
    from sniffer_plugin import foreground

    sys.exit(foreground.main(sys.argv[1:], startup))
