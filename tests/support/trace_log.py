"""The tracer's log, as the daemon makes and reads it (python_plugin/tracer/log.h)."""

import os
import struct
import sys

BUILD = os.environ.get("SNIFFER_BUILD", "")
LIBRARY = os.environ.get("SNIFFER_TRACE_LIBRARY", os.path.join(BUILD, "libsniffer_trace.so"))

KINDS = ("", "read", "wrote", "found", "exists", "absent", "link", "listing", "exec", "library",
         "from", "to", "removed", "made", "unseen", "code", "source", "search", "package", "test",
         "whole", "left")
STATIC, PRIVILEGED, FOREIGN, UNREADABLE, ELSEWHERE, INSIDE = range(1, 7)
HIDDEN = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev", "/var",
          os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix)]

HEADER = struct.Struct("<QIIQQQQ16xQQIII4x")  # struct trace_log
RECORD = struct.Struct("<IBBHII?7x3Q2qQ")     # struct trace_record
IDENTITY = struct.Struct("<3Q2qQ")            # struct trace_identity
MAGIC = 0x676F6C6666696E73


class Record:
    def __init__(self, kind, detail, pid, path, seen):
        self.kind, self.detail, self.pid, self.path, self.seen = kind, detail, pid, path, seen

    def __repr__(self):
        return "%s %s" % (self.kind, self.path)


class Log:
    def __init__(self, path, root, size=4 << 20, hidden=HIDDEN):
        self.path = path
        filters = b"".join(os.fsencode(text) + b"\0" for text in
                           ["+" + root] + ["-" + folder for folder in hidden])
        records = (HEADER.size + len(filters) + 7) // 8 * 8
        slots = 64
        while slots * 2 * 64 <= size:
            slots *= 2
        table = size - 8 * slots
        with open(path, "wb") as file:
            file.write(HEADER.pack(MAGIC, 1, len(filters), records, table - records, table, slots,
                                   0, 0, 0, 1, 0))
            file.write(filters)
            file.truncate(size)

    def read(self):
        with open(self.path, "rb") as file:
            data = file.read()
        (_, _, _, self.at, capacity, _, _, self.head, self.epoch, self.lost, self.launched,
         self.attached) = HEADER.unpack_from(data)
        self.records, at, end = [], 0, min(self.head, capacity)
        while at + RECORD.size <= end:
            length, kind, detail, path_length, pid, _, has_seen, *seen = RECORD.unpack_from(
                data, self.at + at)
            if length == 0:
                break
            start = self.at + at + RECORD.size
            if kind:
                self.records.append(Record(KINDS[kind], detail, pid,
                                           os.fsdecode(data[start:start + path_length]),
                                           tuple(seen) if has_seen else None))
            at += length
        self.whole = at == self.head and self.lost == 0 and self.launched <= self.attached
        return self.records
