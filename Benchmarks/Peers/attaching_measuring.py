# SPDX-License-Identifier: Apache-2.0

"""What attaching.py measures of each tool. Each function returns figures by the names that attaching_report.py uses."""

import dataclasses
import json
import os
import signal
import subprocess
import tempfile
import time

from attaching_request import PAUSE_SECONDS, answer_milliseconds
from attaching_target import Target, TargetFailed, TracerWatch, processor_seconds, wait_until
from attaching_tools import ToolFailed, run


@dataclasses.dataclass
class Plan:
    """How much is measured."""
    count: int = 1_000_000
    byte_count: int = 1_024
    # Blocks that are made while the tool watches.
    more: int = 1_000
    # How often a command is run, and a request is made.
    samples: int = 9
    # One pair of pairs is: without, with, with, without `watch`.
    pairs_of_pairs: int = 5
    # Seconds of each part of such a pair, and of a measured throughput elsewhere.
    pair_seconds: float = 4
    seconds: float = 1.5
    # Readings of `watch` while its processor time is measured; there is one each second.
    readings: int = 21

    @property
    def numbers(self):
        return [str(self.count), str(self.byte_count), str(self.more)]


def tried(body):
    """The figures of a part; if the tool or the program failed, the reason instead."""
    begin = time.monotonic()
    try:
        return {**body(), "part_seconds": time.monotonic() - begin}
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return {"failure": str(error)}


# leak-audit

class LeakAudit:
    """leak-audit, and live-buffers as its process."""

    def __init__(self, leak_audit, program, folder, plan):
        self.leak_audit, self.program, self.folder, self.plan = leak_audit, program, folder, plan

    def measure(self):
        with Target([self.program] + self.plan.numbers, self.folder) as target:
            figures = {"start_seconds": target.start_seconds}
            figures["base_tight"] = target.throughput(self.plan.seconds)
            figures |= self._commands(target)
            figures["answer_ms"] = answer_milliseconds(target.pid, self.plan.samples)
            figures["ratio_tight"], figures["control"] = self._ratios(target, self.plan.pairs_of_pairs)
            figures |= self._processor_share(target)
            target.command("w")
            figures["ratio_work"] = self._ratios(target, 2)[0]
            target.command("w")
            target.command("m")
            figures["before"], figures["after"] = self.counts(str(target.pid))
        figures["dead"] = tried(self._after_death)
        return figures

    def _commands(self, target):
        path = os.path.join(self.folder, "snapshot.json.gz")
        commands = {"snapshot": ["-o", path], "report": []}
        figures = {}
        begin = time.monotonic_ns()
        with TracerWatch(target.pid) as tracer:
            for name, options in commands.items():
                self._run(name, target.pid, options)
        figures["tracer"] = tracer.was_seen
        for name, options in commands.items():
            samples = figures[f"{name}_ms"] = []
            for _ in range(self.plan.samples):
                # So soon after an answer, the process does not answer again.
                time.sleep(PAUSE_SECONDS)
                samples.append(self._run(name, target.pid, options) * 1e3)
        figures["pause_ms"] = target.longest_pause(begin, time.monotonic_ns())
        figures["file_bytes"] = os.path.getsize(path)
        return figures

    def _run(self, name, subject, options):
        return run([self.leak_audit, name, str(subject)] + options, f"leak-audit {name}")[1]

    def counts(self, subject):
        """The live buffers of both functions in a report."""
        text, _ = run([self.leak_audit, "report", subject, "--format", "json"], "leak-audit report")
        lines = json.loads(text)["report"]["lines"]
        return tuple(sum(line["count"] for line in lines if line["site"]["function"].startswith(name))
                     for name in ("keepBefore", "keepAfter"))

    def _watch(self, target):
        path = os.path.join(self.folder, "watch.txt")
        output = open(path, "w")
        process = subprocess.Popen([self.leak_audit, "watch", str(target.pid)], stdin=subprocess.DEVNULL,
                                   stdout=output)
        output.close()
        while not os.path.getsize(path):
            if process.poll() is not None:
                raise ToolFailed(f"leak-audit watch ended with status {process.returncode}")
            time.sleep(0.002)
        return process

    def _ratios(self, target, count):
        """Throughput with `watch` divided by that without, and, to see how exact that is, without by without."""
        def part(is_watched):
            process = self._watch(target) if is_watched else None
            try:
                return target.throughput(self.plan.pair_seconds)
            finally:
                if process:
                    process.send_signal(signal.SIGTERM)
                    process.wait()

        ratios, controls = [], []
        for _ in range(count):
            first, second, third, fourth = part(False), part(True), part(True), part(False)
            ratios.append((second + third) / (first + fourth))
            controls.append(fourth / first)
        return ratios, controls

    def _processor_share(self, target):
        with open(os.path.join(self.folder, "watch.txt"), "w") as output:
            begin = time.monotonic()
            process = subprocess.Popen(
                [self.leak_audit, "watch", str(target.pid), "--count", str(self.plan.readings)],
                stdin=subprocess.DEVNULL, stdout=output)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise ToolFailed(f"leak-audit watch ended with status {process.returncode}")
        return {"processor_share": (usage.ru_utime + usage.ru_stime) / seconds}

    def _after_death(self):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            environment = {"NATIVE_BUFFERS_LEDGER": os.path.join(folder, "%p.ledger")}
            with Target([self.program] + self.plan.numbers, self.folder, environment) as target:
                target.command("m")
                target.kill()
            path = os.path.join(folder, f"{target.pid}.ledger")
            seconds = self._run("report", path, [])
            before, after = self.counts(path)
        return {"before": before, "after": after, "report_seconds": seconds}


# heaptrack and memray

def attached(tool, plan):
    """The tool is attached while the program does 10 µs of other work between two blocks."""
    command = tool.program + plan.numbers
    with Target(command, tool.folder) as target:
        figures = {"start_seconds": target.start_seconds}
        figures["base_tight"] = target.throughput(plan.seconds)
        target.command("w")
        figures["base_work"] = target.throughput(plan.seconds)
        with TracerWatch(target.pid) as tracer:
            begin = time.monotonic_ns()
            tool.attach(target)
            end = time.monotonic_ns()
        figures |= {"attach_seconds": [(end - begin) / 1e9], "tracer": tracer.was_seen,
                    "pause_ms": target.longest_pause(begin, end)}
        figures |= _watched(tool, target, tool.session, plan)
        figures["detached"] = tried(lambda: _detached(tool, target, plan))
        if "failure" in figures["detached"]:
            # The program may hang.
            target.kill()
            tool.wait_after_end()
    return figures | _reported(tool, plan)


def _detached(tool, target, plan):
    begin = time.monotonic()
    tool.detach()
    seconds = time.monotonic() - begin
    target.command("w")
    return {"seconds": seconds, "tight": target.throughput(plan.seconds)}


def _reported(tool, plan):
    size = os.path.getsize(tool.path)
    seconds, before, after = tool.report()
    return {"file_bytes": size, "report_seconds": seconds, "before": before, "after": after}


def _watched(tool, target, session, plan):
    """Throughput under the tool, for a program that does other work; and some more blocks."""
    figures = {"work": target.throughput(plan.seconds)}
    target.command("w")
    begin = time.monotonic()
    used = processor_seconds(session, without=target.pid) if session else 0
    size = os.path.getsize(tool.path)
    figures["tight"] = target.throughput(plan.seconds)
    seconds = time.monotonic() - begin
    if session:
        figures["processor_share"] = (processor_seconds(session, without=target.pid) - used) / seconds
    figures["written_per_second"] = (os.path.getsize(tool.path) - size) / seconds
    target.command("w")
    target.command("m")
    return figures


def attached_and_killed(tool, plan):
    with Target(tool.program + plan.numbers, tool.folder) as target:
        target.command("w")
        begin = time.monotonic()
        tool.attach(target)
        figures = {"attach_seconds": [time.monotonic() - begin]}
        target.command("m")
        time.sleep(1)
        target.kill()
        tool.wait_after_end()
    return figures | _reported(tool, plan)


def attached_while_allocating(tool, plan):
    """Tries to attach it to a program that does nothing but allocate and free: how often that works."""
    tries, survived, reasons = 5, 0, []
    for _ in range(tries):
        # The number of blocks does not matter here.
        with Target(tool.program + [str(plan.count // 10)] + plan.numbers[1:], tool.folder) as target:
            try:
                tool.attach(target)
                done = target.operations_so_far
                wait_until(lambda: target.operations_so_far > done, 5, "anything in the program")
                survived += 1
            except (ToolFailed, TargetFailed) as error:
                # A program that was damaged may run a little longer.
                time.sleep(0.5)
                reasons.append(str(error) if target.is_running else f"the program died: {target.complaint}")
            if target.is_running:
                target.kill()
            tool.abandon()
    return {"survived": survived, "tries": tries, "reasons": sorted(set(reasons))}


def from_start(tool, plan):
    with Target(tool.starting(tool.program + plan.numbers), tool.folder) as target:
        figures = {"start_seconds": target.start_seconds}
        target.command("w")
        # heaptrack starts the program as another process, and memray in its own.
        session = target.process.pid if target.process.pid != target.pid else None
        figures |= _watched(tool, target, session, plan)
    return figures | _reported(tool, plan)


def from_start_and_killed(tool, plan):
    with Target(tool.starting(tool.program + plan.numbers), tool.folder) as target:
        target.command("w")
        target.command("m")
        time.sleep(1)
        target.kill()
    return _reported(tool, plan)


def measure_tool(tool, plan):
    """The figures of a tool: attached, and from the start."""
    if tool.missing:
        return {"failure": tool.missing}, {"failure": tool.missing}
    late = tried(lambda: attached(tool, plan))
    if "failure" in late:
        tool.abandon()
    late["dead"] = tried(lambda: attached_and_killed(tool, plan))
    if "attach_seconds" in late and "attach_seconds" in late["dead"]:
        late["attach_seconds"] += late["dead"]["attach_seconds"]
    late["busy"] = tried(lambda: attached_while_allocating(tool, plan))
    early = tried(lambda: from_start(tool, plan))
    early["dead"] = tried(lambda: from_start_and_killed(tool, plan))
    # The same program without the tool.
    for name in ("base_tight", "base_work"):
        early[name] = late.get(name)
    early["plain_start_seconds"] = late.get("start_seconds")
    return late, early

