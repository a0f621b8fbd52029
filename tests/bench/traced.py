"""Runs a module as `python -m` does, under the tracer: what a test file's process pays, and nothing else.

usage: LD_PRELOAD=libsniffer_trace.so python traced.py PLUGIN_FOLDER REPORT MODULE ARGUMENT...

What a worker has done before it forks (loading us, trying the tracer) is no part of it: REPORT gets
the seconds of CPU that it took.
"""

import os
import runpy
import sys
import time

began = time.process_time()
plugin, report = sys.argv[1:3]
sys.path.insert(0, plugin)

from sniffer_plugin import guard, library, trace, weak  # noqa: E402
from sniffer_plugin.scope import Scope  # noqa: E402

sys.path[0] = os.getcwd()
scope = Scope(os.getcwd())
keeper = guard.Guard(scope, library.quiet)
keeper.install()
library.wrap()
weak.install(sys.audit)
log = trace.Log(trace.filters(scope), 1)
library.quiet(1)
library.begin(log.place(os.getpid()))
if log.attached() != 1:
    sys.exit("the tracer does not answer: is it preloaded?")
keeper.sink = library.Heard(scope)
library.blocks(True)  # the first time costs more, before anything is forked
with open(report, "w") as file:
    file.write("%f" % (time.process_time() - began))
library.quiet(-1)
trace.preload(os.environ, os.environ["LD_PRELOAD"].split()[0], log.place(os.getpid()))
sys.argv[:] = sys.argv[3:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
