"""The Python half of sniffer.

A host process (host) keeps an interpreter with the test framework loaded and forks a fresh child
(child) for each test file. The child runs the framework (nose_runner, nose_plugin), and on the way
notes everything that the run looks at (looks, guard): that is the evidence its verdict rests on.
What goes where over which pipe is in proto/PROTOCOL.md.

Nothing outside the standard library and the framework in use is imported.
"""

VERSION = "0.1.0"
PROTOCOL = 1
