#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Puts load on thumbnail-server, and on the same service over libvips, in turns, and prints a table in Markdown.

  load.py [--folder FOLDER] [--seconds N] [--rounds N] [--only swift] [--no-build]

It needs wrk (Debian's package), and builds the server first. The libraries of the other service are installed into
.build/peer. With the defaults it takes less than 4 minutes after that.

In each run, wrk asks for many (file, side) pairs, more than the cache has room for, while a hostile client sends cut
bodies, garbage, huge pictures and slow pieces, and aborts requests. A run starts its service afresh, warms it up, and
looks at its memory ten times a second, and once more after 15 s without requests. Then SIGTERM ends it.
"""

import argparse
import glob
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "Load"))
from hostile import Hostile  # noqa: E402

MIB = 1 << 20
REST = 15  # seconds without requests before the last look at the memory


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """A service that runs; what its processes and its page of metrics say."""

    def __init__(self, command, environment):
        self.port = free_port()
        self.log = tempfile.TemporaryFile("w+")
        command = [part.replace("PORT", str(self.port)) for part in command]
        self.process = subprocess.Popen(command, env=os.environ | environment, stdout=self.log, stderr=self.log)
        for _ in range(300):
            try:
                self.get("/healthz")
                break
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        else:
            sys.exit("the service does not answer")

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return answer.read().decode()

    def metrics(self):
        """The figures by name; those that have labels are added up."""
        figures = {}
        for line in self.get("/metrics").splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                name = name.split("{")[0]
                figures[name] = figures.get(name, 0) + int(value)
        return figures

    def resident(self):
        """The resident set. Of several processes, pages that they share count once (Pss)."""
        pids, parents = [], {}
        for status in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(status) as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                parents[int(status.split("/")[2])] = int(fields[1])
            except OSError:
                pass  # It has just ended.
        pids = [self.process.pid] + [pid for pid, parent in parents.items() if parent == self.process.pid]
        field = "Rss:" if len(pids) == 1 else "Pss:"
        total = 0
        for pid in pids:
            try:
                with open(f"/proc/{pid}/smaps_rollup") as file:
                    total += next(int(line.split()[1]) for line in file if line.startswith(field)) * 1024
            except (OSError, StopIteration):
                pass
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.seek(0)
        return self.process.returncode, self.log.read()


class Watcher(threading.Thread):
    """Looks at a service's memory while there is load."""

    def __init__(self, service):
        super().__init__()
        self.service, self.samples, self.over = service, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.1):
            resident = self.service.resident()
            # The page of metrics is asked for less often, because it takes time of the service.
            metrics = self.service.metrics() if len(self.samples) % 5 == 0 else None
            self.samples.append((resident, metrics))

    def stop(self):
        self.over.set()
        self.join()
        return self.samples


def wrk(port, paths, seconds, connections, seed):
    output = subprocess.run(
        ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", f"{HERE}/Load/urls.lua",
         f"http://127.0.0.1:{port}/", "--", paths, str(seed)], capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if line.startswith("RESULT"))
    requests, duration, p50, p99, bad, broken = map(int, line.split()[1:])
    return {"rate": requests / duration * 1e6, "p50": p50 / 1000, "p99": p99 / 1000, "bad": bad, "broken": broken}


def live(metrics):
    """Bytes of live buffers, to which the cache belongs; of a service without a ledger, those of its cache."""
    return metrics.get("native_buffers_live_bytes", metrics.get("cache_bytes", 0))


def run(name, command, environment, plan, seed, seconds, rest=REST):
    service = Service(command, environment)
    time.sleep(1)
    base, start = service.resident(), service.metrics()
    wrk(service.port, plan.paths, 4, plan.connections, seed)
    hostile, watcher = Hostile(service.port, plan.names, plan.photos), Watcher(service)
    result = wrk(service.port, plan.paths, seconds, plan.connections, seed + 100)
    samples = watcher.stop()
    hostile.stop()
    time.sleep(rest)
    after, metrics = service.resident(), service.metrics()
    code, log = service.stop()
    asked = [metrics | {"resident": resident} for resident, metrics in samples if metrics]

    def ratio(metrics, codecs=0):
        return metrics.get("resident_bytes", metrics.get("resident")) / (base + live(metrics) + codecs * codec(metrics))

    def codec(metrics):
        """What malloc has given out since the start: what the codecs work with, and the server's own objects."""
        return metrics.get("malloc_bytes", 0) - start.get("malloc_bytes", 0)

    result |= {
        "name": name, "base": base, "peak": max(resident for resident, _ in samples),
        "median": statistics.median(resident for resident, _ in samples), "after": after,
        "live": statistics.median(map(live, asked)), "codec": statistics.median(map(codec, asked)),
        "ratio": statistics.median(map(ratio, asked)),
        "codec ratio": statistics.median(ratio(metrics, codecs=1) for metrics in asked),
        "live after": live(metrics), "idle after": metrics.get("native_buffers_idle_bytes"),
        "ratio after": after / (base + live(metrics)), "code": code, "log": log,
        "leaving": metrics.get("requests_leaving_memory_total"), "answers": hostile.answers}
    print(f"{name}: {result['rate']:.0f} requests/s, p50 {result['p50']:.1f} ms, p99 {result['p99']:.1f} ms, "
          f"resident {base / MIB:.0f} MiB at the start, {result['median'] / MIB:.0f} under load, "
          f"{after / MIB:.0f} after {rest} s, exit code {code}", file=sys.stderr)
    return result


class Plan:
    def __init__(self, folder, connections, pairs):
        self.names = sorted(name for name in os.listdir(folder) if name.lower().endswith((".jpg", ".jpeg", ".png")))
        if not self.names:
            sys.exit(f"there are no pictures in {folder}")
        self.photos = [open(os.path.join(folder, name), "rb").read() for name in self.names]
        self.connections = connections
        sides = range(160, 160 + 64 * (pairs // len(self.names)), 64)
        paths = [f"/thumb?file={urllib.parse.quote(name)}&side={side}" for side in sides for name in self.names]
        random.Random(1).shuffle(paths)
        self.count = len(paths)
        with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
            file.write("\n".join(paths) + "\n")
        self.paths = file.name


def peer_python():
    home = os.path.join(HERE, ".build", "peer")
    python = os.path.join(home, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "pyvips[binary]", "starlette", "uvicorn", "uvloop",
                        "httptools"], check=True)
    return python


def peer(folder, cache, workers):
    environment = {
        "FOLDER": folder, "CACHE_LIMIT": str(cache), "WORKERS": str(workers), "PYTHONPATH": os.path.join(HERE, "Load"),
        "VIPS_CONCURRENCY": "1",
        # What keeps glibc's malloc small: thumbnail-server sets the threshold by itself.
        "MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(MIB)}
    command = [peer_python(), "-m", "uvicorn", "vips_service:app", "--host", "127.0.0.1", "--port", "PORT",
               "--workers", str(workers), "--no-access-log", "--log-level", "warning"]
    return command, environment


def table(results):
    rows = [
        ("requests/s", lambda r: f"{r['rate']:.0f}"),
        ("p50", lambda r: f"{r['p50']:.1f} ms"),
        ("p99", lambda r: f"{r['p99']:.0f} ms"),
        ("resident at the start", lambda r: f"{r['base'] / MIB:.1f} MiB"),
        ("resident under load: median", lambda r: f"{r['median'] / MIB:.1f} MiB"),
        ("resident under load: peak", lambda r: f"{r['peak'] / MIB:.1f} MiB"),
        (f"resident {REST} s after", lambda r: f"{r['after'] / MIB:.1f} MiB"),
        ("live buffers, with the cache, under load", lambda r: f"{r['live'] / MIB:.1f} MiB"),
        ("malloc's live memory under load, beyond that at the start", lambda r: f"{r['codec'] / MIB:.1f} MiB"),
        ("resident / (start + live buffers) under load", lambda r: f"{r['ratio']:.2f}"),
        ("resident / (start + live buffers + malloc's) under load", lambda r: f"{r['codec ratio']:.2f}"),
        (f"live buffers, with the cache, {REST} s after", lambda r: f"{r['live after'] / MIB:.1f} MiB"),
        (f"resident / (start + live buffers) {REST} s after", lambda r: f"{r['ratio after']:.2f}"),
    ]
    names = list(dict.fromkeys(result["name"] for result in results))
    lines = ["| | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    keys = ["rate", "p50", "p99", "base", "median", "peak", "after", "live", "codec", "ratio", "codec ratio",
            "live after", "ratio after"]
    medians = []
    for name in names:
        own = [result for result in results if result["name"] == name]
        medians.append({key: statistics.median(result[key] for result in own) for key in keys})
    lines += [f"| {title} | " + " | ".join(text(median) for median in medians) + " |" for title, text in rows]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default="/usr/share/backgrounds")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--cache", type=int, default=16 * MIB)
    parser.add_argument("--only", choices=["swift", "libvips"])
    parser.add_argument("--no-build", action="store_true", help="the server is built already")
    options = parser.parse_args()

    if not options.no_build:
        subprocess.run(["swift", "build", "-c", "release", "--package-path", HERE], check=True, stdout=sys.stderr)
    server = [os.path.join(HERE, ".build", "release", "thumbnail-server"), options.folder, "--port", "PORT",
              "--cache-limit", str(options.cache)]
    plan = Plan(options.folder, options.connections, options.pairs)
    services = {"thumbnail-server": (server, {})}
    if options.only != "swift":
        # What is better for libvips on this machine is found out first.
        choices = {f"libvips, {workers} process{'es' * (workers > 1)}": peer(options.folder, options.cache, workers)
                   for workers in (1, 2)}
        tried = [run(name, *choice, plan, 1, 5, rest=0) for name, choice in choices.items()]
        best = max(tried, key=lambda result: result["rate"])["name"]
        services[best] = choices[best]
    if options.only == "libvips":
        del services["thumbnail-server"]
    results = [run(name, *service, plan, seed, options.seconds)
               for seed in range(options.rounds) for name, service in services.items()]

    print(f"\n{plan.count} pairs of {len(plan.names)} pictures, a cache of {options.cache / MIB:.0f} MiB, "
          f"{options.connections} connections, medians of {options.rounds} runs:\n\n{table(results)}\n")
    failures = 0
    for result in results:
        hostile = {}
        for (deed, status), count in sorted(result["answers"].items()):
            hostile.setdefault(deed, []).append(f"{status} × {count}")
        print(f"{result['name']}: {result['bad']} bad answers, {result['broken']} broken connections; "
              + "; ".join(f"{deed} {', '.join(counts)}" for deed, counts in hostile.items()))
        if result["name"] == "thumbnail-server":
            print(f"  requests that left memory: {result['leaving']}; exit code {result['code']}; "
                  f"idle {REST} s after: {result['idle after'] / MIB:.1f} MiB")
            if result["code"] or result["leaving"] or result["ratio after"] > 1.5:
                failures += 1
                print(result["log"])
    os.unlink(plan.paths)
    sys.exit(1 if failures else 0)


main()
