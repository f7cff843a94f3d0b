#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""read_ledger.py FILE: reads a ledger, and prints as JSON what it has.

It is written from the article Ledger-Layout.md alone, so that it finds out whether the article says all that a reader
must know. A test compares it with LedgerReader. It reads ledgers that do not change meanwhile, and trusts them more
than LedgerReader does: it ends with a message at the first contradiction."""

import json
import struct
import sys

STATES = {0: "free", 1: "idle", 2: "live", 3: "quarantined"}
MINIMUM = {1: 64, 2: 64, 3: 1, 4: 128, 5: 64, 6: 128, 7: 256, 8: 128, 9: 64, 10: 64, 11: 512}


def fail(message):
    sys.exit(f"read_ledger.py: {message}")


class Ledger:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.file = file
            header = file.read(4096)
            if len(header) < 4096 or header[:8] != b"SWLEDGER":
                fail("no ledger")
            self.header = header
            if self.u32(8) != 2:
                fail(f"version {self.u32(8)}; this program reads version 2")
            file.seek(0, 2)
            if self.u64(16) > file.tell():
                fail("the region is longer than the file")
            self.tables = self.directory()
            self.strings = self.read(3)
            self.sites = self.records(2)
            self.domains = self.records(4)
            self.entries = self.records(1)
            self.history = self.records(10)

    def u32(self, offset):
        return struct.unpack_from("<I", self.header, offset)[0]

    def u64(self, offset):
        return struct.unpack_from("<Q", self.header, offset)[0]

    def directory(self):
        tables = {}
        for row in range(self.u32(28)):
            place = 1024 + 32 * row
            kind, size = struct.unpack_from("<II", self.header, place)
            offset, capacity, count = struct.unpack_from("<QQQ", self.header, place + 8)
            if kind == 0 or capacity == 0:
                continue
            if size < MINIMUM.get(kind, 1) or offset % self.u32(24) or offset + capacity * size > self.u64(16):
                fail(f"table {kind} does not fit")
            if count > capacity:
                fail(f"table {kind} has more records than room")
            tables[kind] = (offset, size, count)
        return tables

    def read(self, kind):
        if kind not in self.tables:
            return b""
        offset, size, count = self.tables[kind]
        self.file.seek(offset)
        return self.file.read(size * count)

    def records(self, kind):
        if kind not in self.tables:
            return []
        size = self.tables[kind][1]
        data = self.read(kind)
        return [data[start:start + size] for start in range(0, len(data), size)]

    def text(self, offset, length):
        if offset + length > len(self.strings):
            fail("a text is not in the table")
        return self.strings[offset:offset + length].decode("utf-8", "replace")

    def site(self, number):
        if number == 0:
            return {"file": "(unknown)", "line": 0, "function": "(unknown)"}
        record = self.sites[number]
        kind = struct.unpack_from("<I", record, 20)[0]
        if kind == 1:
            return self.site(struct.unpack_from("<I", record, 8)[0])
        file, file_length, function, function_length, line = struct.unpack_from("<IIIII", record)
        return {"file": self.text(file, file_length), "line": line, "function": self.text(function, function_length)}

    def domain(self, number):
        return padded(self.domains[number][8:64]) if number else ""


def padded(data):
    return data.split(b"\0")[0].decode("utf-8", "replace")


def use(word):
    state = STATES[word & 3]
    if word >> 2 & 1 and state != "live":
        fail("a cache holds a resource that is not live")
    if state == "live" and word >> 5 & 1:
        return "detached"
    if state == "live" and word >> 3 & 1:
        return "releasing"
    return state


def resources(ledger):
    sums = {}
    ended = [0] * len(ledger.domains)
    for record in ledger.entries:
        word, _address, byte_count, capacity, site, domain, bucket = struct.unpack_from("<QQQQIHB", record)
        birth, scope = struct.unpack_from("<II", record, 44)
        first = struct.unpack_from("<Q", record, 56)[0] & (1 << 40) - 1
        state = use(word)
        if state == "free":
            continue
        ended[domain] += (word >> 24) - first
        if state == "idle":
            site, byte_count, birth = 0, 0, 0
        if state in ("idle", "quarantined"):
            scope = 0
        keeper = "process" if scope >> 31 else "cache" if word >> 2 & 1 else "none"
        line = ledger.site(site)
        key = (ledger.domain(domain), state, bucket, line["file"], line["line"], line["function"], keeper)
        row = sums.setdefault(key, [0, 0, 0, 0])
        row[0] += 1
        row[1] += byte_count
        row[2] += capacity
        row[3] += birth
    rows = [list(key) + row for key, row in sorted(sums.items())]
    return rows, ended


def main():
    if len(sys.argv) != 2:
        fail("usage: read_ledger.py FILE")
    ledger = Ledger(sys.argv[1])
    rows, ended = resources(ledger)
    rescued = {}
    for number, record in enumerate(ledger.sites):
        count, byte_count = struct.unpack_from("<QQ", record, 24)
        if count:
            line = ledger.site(number)
            rescued[f"{line['file']}:{line['line']}"] = [count, byte_count]
    domains = {}
    for number, record in enumerate(ledger.domains):
        kind, turn = struct.unpack_from("<II", record)
        if number and kind:
            past = struct.unpack_from("<Q", record, 96)[0]
            domains[str(number)] = {
                "name": padded(record[8:64]), "kind": kind, "isInUse": turn % 2 == 1, "ended": past + ended[number]}
    json.dump({
        "state": ledger.u32(12), "pageSize": ledger.u32(24), "process": ledger.u32(40), "user": ledger.u32(44),
        "startTime": ledger.u64(48), "pidNamespace": ledger.u64(56), "boot": ledger.header[64:80].hex(),
        "command": padded(ledger.header[80:96]), "host": padded(ledger.header[96:160]), "second": ledger.u32(196),
        "unrecorded": ledger.u64(256), "entries": len(ledger.entries), "rows": rows, "rescued": rescued,
        "domains": domains,
        "history": [struct.unpack_from("<I", record)[0] for record in ledger.history if record[:4] != b"\0" * 4],
    }, sys.stdout)


if __name__ == "__main__":
    main()
