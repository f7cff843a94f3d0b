# SPDX-License-Identifier: Apache-2.0

"""How long a process takes to answer a request: see "Answers" in
Sources/ResourceLedger/ResourceLedger.docc/Ledger-Layout.md."""

import ctypes
import mmap
import os
import platform
import struct
import time

FUTEX_CALL = {"x86_64": 202, "aarch64": 98}
FUTEX_WAKE = 1
# Of the header: the number of the last complete answer.
ANSWER_NUMBER_OFFSET = 264
# The process looks at the page again 50 ms after an answer, or after 20 times as long as the answer took.
PAUSE_SECONDS = 0.2
PAUSE_FACTOR = 25
PATIENCE_SECONDS = 30

libc = ctypes.CDLL(None, use_errno=True)


def open_memory_file(pid, name, flags):
    folder = f"/proc/{pid}/fd"
    for number in os.listdir(folder):
        path = os.path.join(folder, number)
        if os.readlink(path).startswith(f"/memfd:{name}"):
            return os.open(path, flags | os.O_CLOEXEC)
    raise RuntimeError(f"process {pid} has no memory file {name}")


def answer_milliseconds(pid, times):
    """The milliseconds from each request to the process's answer."""
    ledger = open_memory_file(pid, "native-buffers-ledger", os.O_RDONLY)
    request = open_memory_file(pid, "native-buffers-request", os.O_RDWR)
    page = mmap.mmap(request, mmap.PAGESIZE)
    word = ctypes.c_uint32.from_buffer(page)

    def number():
        return struct.unpack("=Q", os.pread(ledger, 8, ANSWER_NUMBER_OFFSET))[0]

    samples = []
    # The first answer only shows how long an answer takes.
    for _ in range(times + 1):
        time.sleep(max([PAUSE_SECONDS] + [PAUSE_FACTOR * sample / 1e3 for sample in samples[-1:]]))
        before, begin = number(), time.perf_counter()
        word.value = (word.value + 1) & 0xFFFFFFFF
        libc.syscall(FUTEX_CALL[platform.machine()], ctypes.byref(word), FUTEX_WAKE, 0x7FFFFFFF, None, None, 0)
        while number() == before:
            if time.perf_counter() - begin > PATIENCE_SECONDS:
                raise RuntimeError(f"the process has not answered after {PATIENCE_SECONDS} s")
        samples.append((time.perf_counter() - begin) * 1e3)
    del word
    page.close()
    os.close(ledger)
    os.close(request)
    return samples[1:]
