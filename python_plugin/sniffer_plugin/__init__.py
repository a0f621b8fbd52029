"""The Python half of sniffer.

A host process (host) keeps an interpreter with the test framework loaded and forks a fresh child
(child) for each test file. The child runs the framework (framework; a runner and a plugin for each
of them). Everything that the run looks at on the way is the evidence its verdict rests on: the
preloaded library notes it in a log (library, trace), from which the host tells it (evidence),
together with what sources are made of (sources, blocks); imports are noted by name and not by what
they open (guard, packages). Where there is no such library, the interpreter's own means have to do
(looks, wrappers). What goes where over which pipe is in proto/PROTOCOL.md.

Runs that a person starts are told to the daemon by plugins (sniffer.py for pytest, nose_plugin),
which use the same means without a host (by_hand).

Nothing outside the standard library and the framework in use is imported.
"""

VERSION = "0.1.0"
PROTOCOL = 1
