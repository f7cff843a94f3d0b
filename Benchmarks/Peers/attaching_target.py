# SPDX-License-Identifier: Apache-2.0

"""A process with many live blocks that attaching.py lets tools look at, and what can be seen of it from outside.

The three programs (live-buffers in Swift, live_blocks in C and in Python) understand the same command line and the same
commands: see Benchmarks/Sources/live-buffers/Main.swift. They print about every 5 ms how many blocks they have made, so
their throughput and their pauses can be seen without any help of the tool.
"""

import itertools
import os
import signal
import subprocess
import threading
import time

PATIENCE_SECONDS = 60
_numbers = itertools.count()


class TargetFailed(RuntimeError):
    """The program did not start, or has ended, although it should run."""


class Target:
    """Starts the program and waits until all its blocks are there. It ends with the `with` block."""

    def __init__(self, command, folder, environment=None):
        path = os.path.join(folder, f"target-{next(_numbers)}")
        self.path, self.error_path = path + ".out", path + ".err"
        self.begin = time.monotonic_ns()
        with open(self.path, "w") as output, open(self.error_path, "w") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=output, stderr=errors, start_new_session=True, cwd=folder,
                env={**os.environ, **(environment or {})})
        try:
            ready = self._wait_for_ready()
        except BaseException:
            self.end()
            raise
        # The program itself, if the command is a tool that starts it.
        self.pid = int(ready[1])
        self.start_seconds = (int(ready[2]) - self.begin) / 1e9

    def _wait_for_ready(self):
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            with open(self.path) as file:
                # A tool that starts the program may print before it does.
                for line in file:
                    if line.startswith("ready ") and line.endswith("\n"):
                        return line.split()
            if self.process.poll() is not None:
                raise TargetFailed(f"it ended at its start: {self.complaint}")
            time.sleep(0.02)
        raise TargetFailed(f"it has not started after {PATIENCE_SECONDS} s")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def command(self, letter):
        """Gives the program a command and waits until it has carried it out."""
        self.process.stdin.write(letter.encode())
        self.process.stdin.flush()
        time.sleep(0.1)

    @property
    def is_running(self):
        try:
            with open(f"/proc/{self.pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    @property
    def complaint(self):
        """The last line that the program, or the tool that started it, printed about an error."""
        with open(self.error_path, errors="replace") as file:
            lines = file.read().strip().splitlines()
        return lines[-1] if lines else "no message"

    def end(self):
        """Ends the program by the end of its standard input; kills it if it does not end."""
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(PATIENCE_SECONDS / 2)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def kill(self):
        """Kills the program alone, as the kernel does if memory runs out, and waits for the tool that started it."""
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)

    # What it printed

    def samples(self):
        """Pairs of nanoseconds and operations."""
        with open(self.path, errors="replace") as file:
            lines = file.read().splitlines(keepends=True)
        pairs = (line.split() for line in lines if line[0].isdigit() and line.endswith("\n"))
        return [(int(pair[0]), int(pair[1])) for pair in pairs if len(pair) == 2]

    def operations(self, begin, end):
        """Operations per second between two times of CLOCK_MONOTONIC, in nanoseconds."""
        inside = [sample for sample in self.samples() if begin <= sample[0] <= end]
        if len(inside) < 2:
            raise TargetFailed(f"it did nothing for {(end - begin) / 1e9:.1f} s"
                               + ("" if self.is_running else f": it ended: {self.complaint}"))
        (first, done), (last, total) = inside[0], inside[-1]
        return (total - done) / (last - first) * 1e9

    @property
    def operations_so_far(self):
        samples = self.samples()
        return samples[-1][1] if samples else 0

    def throughput(self, seconds):
        """Operations per second, from now on."""
        begin = time.monotonic_ns()
        time.sleep(seconds)
        return self.operations(begin, time.monotonic_ns())

    def longest_pause(self, begin, end):
        """The longest time in milliseconds between two lines that the program printed, around these two times."""
        times = [sample[0] for sample in self.samples()]
        inside = [index for index, sample in enumerate(times) if begin <= sample <= end]
        if not inside:
            return (end - begin) / 1e6
        times = times[max(0, inside[0] - 1):inside[-1] + 2]
        return max((later - sooner) / 1e6 for sooner, later in zip(times, times[1:]))


class TracerWatch:
    """Finds out whether another process traces a process (ptrace), by looking every 2 ms."""

    def __init__(self, pid):
        self.pid, self.was_seen, self.is_over = pid, False, False
        self.thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while not self.is_over:
            try:
                with open(f"/proc/{self.pid}/status") as file:
                    tracers = [line.split()[1] for line in file if line.startswith("TracerPid:")]
            except OSError:
                return
            self.was_seen = self.was_seen or tracers != ["0"]
            time.sleep(0.002)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()


def processor_seconds(session, without):
    """The processor time that the processes of a session, which still run, have used, without one of them."""
    ticks = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and int(name) != without:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TargetFailed(f"{what} did not happen within {seconds} s")
        time.sleep(0.01)
