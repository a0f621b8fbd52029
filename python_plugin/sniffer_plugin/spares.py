"""A child without an order yet, as the host sees it."""

from __future__ import annotations

import posix

TYPE_CHECKING = False  # typing is not for other people's processes
if TYPE_CHECKING:
    from . import layers, trace


class Spare:
    def __init__(self, pid: int, pipe: int, log: trace.Log | None,
                 layer: layers.Layer | None) -> None:
        self.pid = pid
        self.pipe = pipe  # gives it its order
        self.log = log
        self.layer = layer  # that it comes from
        self.ahead = b"", False  # see certain.Common, once it has an order

    def give(self, line: bytes) -> bool:
        try:
            while line:
                line = line[posix.write(self.pipe, line):]
            return True
        except BrokenPipeError:  # somebody killed it
            return False
        finally:
            posix.close(self.pipe)

    def discard(self) -> None:
        posix.close(self.pipe)
        if self.log is not None:
            self.log.close()
