# SPDX-License-Identifier: Apache-2.0

"""heaptrack and memray: how each is attached to a process, or starts it, and what its report says."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

from attaching_target import PATIENCE_SECONDS, wait_until
from peers import BUILD, HERE, build, output_of, package_version

PROGRAMS = os.path.join(HERE, "Attaching")


class ToolFailed(RuntimeError):
    """The tool could not do what was asked of it. The message says what it printed about that."""


def run(command, what, patience=PATIENCE_SECONDS):
    """Runs a command of a tool: returns its output and the seconds."""
    begin = time.monotonic()
    try:
        result = subprocess.run(command, text=True, errors="replace", capture_output=True, timeout=patience)
    except subprocess.TimeoutExpired:
        raise ToolFailed(f"{what} was not done after {patience} s") from None
    if result.returncode != 0:
        lines = (result.stderr.strip() or result.stdout.strip() or "no message").splitlines()
        raise ToolFailed(f"{what} ended with status {result.returncode}: {lines[-1]}")
    return result.stdout, time.monotonic() - begin


class Heaptrack:
    """For programs in C. It is attached by gdb, which calls `dlopen` in the program."""
    name = "heaptrack"
    subject = "C, malloc"
    file_name = "heaptrack.zst"
    process = session = None

    def __init__(self, folder):
        self.folder = folder
        self.version = package_version("heaptrack")
        self.path = os.path.join(folder, self.file_name)
        program = os.path.join(folder, "live_blocks")
        self.program = [program]
        self.missing = ""
        for needed in ("heaptrack", "heaptrack_print", "gdb", "zstd"):
            if not shutil.which(needed):
                self.missing = self.missing or f"{needed} is not installed (Debian package {needed.split('_')[0]})"
        compiler = shutil.which("cc") or shutil.which("clang") or "cc"
        self.missing = self.missing or build(
            [compiler, "-O2", "-g", "-o", program, os.path.join(PROGRAMS, "live_blocks.c")], "the C program")

    def starting(self, command):
        return ["heaptrack", "-o", os.path.join(self.folder, "heaptrack")] + command

    def attach(self, target):
        """Returns when heaptrack says that it is in the program."""
        self.pid = target.pid
        log = os.path.join(self.folder, "heaptrack.log")

        def text():
            with open(log, errors="replace") as file:
                return file.read()

        with open(log, "w") as output:
            self.process = subprocess.Popen(
                ["heaptrack", "-o", os.path.join(self.folder, "heaptrack"), "-p", str(target.pid)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        self.session = self.process.pid
        try:
            wait_until(lambda: "injection finished" in text(), 20, "the injection by gdb")
        except BaseException:
            self.abandon()
            raise
        # heaptrack does not notice that gdb could not call the function.
        if "heaptrack_inject\" in current context" in text() or "was signaled while in a function" in text():
            self.abandon()
            raise ToolFailed("gdb: the program was signaled while in a function called from gdb")

    def detach(self):
        """Does what heaptrack's own clean-up does. Debian's /bin/sh does not run that after Ctrl-C."""
        run(["gdb", "--batch-silent", "-n", "-iex=set auto-solib-add off", "-p", str(self.pid),
             "--eval-command=sharedlibrary libheaptrack_inject", "--eval-command=call (void) heaptrack_stop()",
             "--eval-command=detach"], "gdb, which called heaptrack_stop(),", patience=15)
        self.wait_after_end()

    def abandon(self):
        """Ends what is left of it outside the program."""
        if not self.process:
            return
        try:
            os.killpg(self.session, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(PATIENCE_SECONDS)

    def wait_after_end(self):
        """It ends by itself when nothing can come from the program any more."""
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.abandon()
            raise ToolFailed("heaptrack does not end") from None

    def report(self):
        """The seconds until a report is printed, and the live blocks in it of the two functions."""
        text, seconds = run(
            ["heaptrack_print", "-l", "-p", "0", "-a", "0", "-T", "0", "-n", "1000", "-f", self.path],
            "heaptrack_print")
        counts = dict.fromkeys(("keep_before", "keep_after"), 0)
        for count, function in re.findall(r"leaked over (\d+) calls from\n(keep_before|keep_after)\n", text):
            counts[function] += int(count)
        return seconds, counts["keep_before"], counts["keep_after"]


# Asks memray's own reader what was live at the end.
COUNTING = """
import memray, sys
counts = {"keep_before": 0, "keep_after": 0}
with memray.FileReader(sys.argv[1]) as reader:
    for record in reader.get_leaked_allocation_records(merge_threads=True):
        functions = [frame[0] for frame in record.stack_trace()]
        for name in counts:
            if name in functions:
                counts[name] += record.n_allocations
print(counts["keep_before"], counts["keep_after"])
"""


class Memray:
    """For programs in Python. It is attached by gdb or lldb, which calls `dlopen` in the program."""
    name = "memray"
    subject = "Python, bytearrays"
    file_name = "memray.bin"
    # All of it is in the program.
    session = None

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, self.file_name)
        venv = os.path.join(BUILD, "venv-memray")
        self.python = os.path.join(venv, "bin", "python")
        self.memray = [self.python, "-m", "memray"]
        self.program = [self.python, os.path.join(PROGRAMS, "live_blocks.py")]
        if not output_of(self.memray + ["--version"]):
            print("installing memray ...", file=sys.stderr)
            os.makedirs(BUILD, exist_ok=True)
            subprocess.run([sys.executable, "-m", "venv", venv])
            subprocess.run([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "memray"])
        self.version = output_of(self.memray + ["--version"])
        self.missing = "" if self.version else "memray cannot be installed (PyPI package memray)"
        if not shutil.which("gdb") and not shutil.which("lldb"):
            self.missing = self.missing or "neither gdb nor lldb is installed"

    def starting(self, command):
        return self.memray + ["run", "--quiet", "--force", "-o", self.path] + command[1:]

    def attach(self, target):
        self.pid = target.pid
        run(self.memray + ["attach", "--force", "-o", self.path, str(target.pid)], "memray attach")

    def detach(self):
        run(self.memray + ["detach", str(self.pid)], "memray detach")

    def wait_after_end(self):
        """Nothing of it is outside the program."""

    def abandon(self):
        """Nothing of it is outside the program."""

    def report(self):
        page = os.path.join(self.folder, "memray.html")
        _, seconds = run(self.memray + ["flamegraph", "--leaks", "--force", "-o", page, self.path],
                         "memray flamegraph")
        counts, _ = run([self.python, "-c", COUNTING, self.path], "memray's reader")
        before, after = counts.split()
        return seconds, int(before), int(after)
