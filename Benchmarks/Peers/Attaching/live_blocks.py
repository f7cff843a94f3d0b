# SPDX-License-Identifier: Apache-2.0

"""Has many live bytearrays, and creates and drops one after the other: see ../attaching_target.py."""

import os
import select
import sys
import time

count, byte_count, more = (int(argument) for argument in sys.argv[1:])


# Two functions, so that a report shows two places. The lists have their room beforehand, so that nothing else is
# allocated there.
def keep_before(kept):
    for index in range(count):
        kept[index] = bytearray(byte_count)


def keep_after(kept):
    for index in range(more):
        kept[index] = bytearray(byte_count)


def compute():
    """About 10 µs of other work."""
    value = 1
    for _ in range(100):
        value = (value * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
    return value


def main():
    # They stay until the very end, when memray does not look any more.
    before, after = sys.kept = [None] * count, [None] * more
    keep_before(before)
    print("ready", os.getpid(), time.monotonic_ns(), flush=True)
    is_working = False
    operations = due = 0
    while True:
        if is_working:
            for _ in range(100):
                bytearray(byte_count)
                compute()
        else:
            for _ in range(100):
                bytearray(byte_count)
        operations += 100
        now = time.monotonic_ns()
        if now < due:
            continue
        due = now + 5_000_000
        print(now, operations, flush=True)
        if not select.select([0], [], [], 0)[0]:
            continue
        command = os.read(0, 1)
        if not command:
            return
        if command == b"m":
            keep_after(after)
        elif command == b"w":
            is_working = not is_working


main()
