#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares allocators and runtimes. Each runs in a process of its own and does the same work: it creates, uses and
disposes one block at a time.

  run.py                 builds and runs all peers; prints the tables; writes peers.csv, peers.md and the plots
  run.py --quick         takes fewer sizes and samples, to try it out
  run.py --only TEXT     runs only peers whose name contains TEXT (may be repeated)
  run.py --replot        draws the plots and the tables from peers.csv again
  run.py --output DIR    writes the results to DIR (default: results/ beside this script)

Figures are medians of several samples, per operation. "Touched" means that one byte in each page of 4 KiB is written.
If a peer cannot run on this machine, its row says why.
"""

import argparse
import csv
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading

import peers as definitions
import plots

SIZES = [64, 4 << 10, 64 << 10, 512 << 10, 1 << 20, 8 << 20, 33_177_600, 64 << 20]
QUICK_SIZES = [64, 64 << 10, 33_177_600]
USES = ["untouched", "touched"]
FIELDS = ["peer", "family", "memory", "version", "missing", "size", "use", "median_ns", "min_ns",
          "minor_faults_per_operation", "samples", "operations_per_sample", "peak_resident_bytes"]
PATIENCE_SECONDS = 600


def size_name(size):
    if size % (1 << 20) == 0:
        return f"{size >> 20} MiB"
    return f"{size >> 10} KiB" if size % 1024 == 0 and size < 1 << 20 else f"{size} B"


def run_peer(peer, samples, milliseconds, sizes):
    """The rows of one peer; if it cannot run, one row with the reason."""
    base = {"peer": peer.name, "family": peer.family, "memory": peer.memory, "version": peer.version, "missing": ""}
    if peer.missing:
        return [{**base, "missing": peer.missing}]
    command = peer.command + [str(samples), str(milliseconds)] + [str(size) for size in sizes]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        environment = {**os.environ, **peer.environment}
        try:
            process = subprocess.Popen(
                command, stdout=output, stderr=errors, stdin=subprocess.DEVNULL, env=environment)
        except OSError as error:
            return [{**base, "missing": f"cannot be started: {error.strerror}"}]
        status, usage = wait(process)
        output.seek(0)
        errors.seek(0)
        lines, complaint = output.read().splitlines(), errors.read().strip()
    if status != 0 or "cannot be preloaded" in complaint:
        last = complaint.splitlines()[-1] if complaint else "no message"
        return [{**base, "missing": f"ended with status {status}: {last}"}]
    return [{**base, **row(line, usage.ru_maxrss * 1024)} for line in lines]


def wait(process):
    """Waits for a process: returns its exit status and resource usage. Kills it if it takes too long."""
    timer = threading.Timer(PATIENCE_SECONDS, process.send_signal, [signal.SIGKILL])
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage


def row(line, peak):
    size, use, times, faults, *nanoseconds = line.split()
    values = [float(value) for value in nanoseconds]
    return {
        "size": int(size), "use": use,
        "median_ns": round(statistics.median(values), 2), "min_ns": round(min(values), 2),
        "minor_faults_per_operation": round(int(faults) / int(times) / len(values), 4), "samples": len(values),
        "operations_per_sample": int(times), "peak_resident_bytes": peak,
    }


def duration(nanoseconds):
    units = [(1e3, 1, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms"), (float("inf"), 1e9, "s")]
    for limit, divisor, unit in units:
        if nanoseconds < limit:
            value = nanoseconds / divisor
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def count(value):
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


TABLES = [
    ("untouched", "Create and dispose, untouched", "untouched", "median_ns", duration),
    ("touched", "Create, write one byte per page, dispose", "touched", "median_ns", duration),
    ("faults", "Minor faults of create, write one byte per page, dispose", "touched", "minor_faults_per_operation",
     count),
]


def table_lines(rows, use, field, text):
    """The cells of a table: first the head, then one line per peer."""
    sizes = sorted({row["size"] for row in rows if not row["missing"]})
    lines = [["peer", "memory"] + [size_name(size) for size in sizes]]
    for name in dict.fromkeys(row["peer"] for row in rows):
        own = [row for row in rows if row["peer"] == name]
        if own[0]["missing"]:
            lines.append([name, "missing: " + own[0]["missing"]])
            continue
        cells = {row["size"]: text(row[field]) for row in own if row["use"] == use}
        lines.append([name, own[0]["memory"]] + [cells.get(size, "") for size in sizes])
    return lines


def print_table(title, lines):
    full = [line for line in lines if len(line) == len(lines[0])]
    widths = [max(len(line[column]) for line in full) for column in range(len(lines[0]))]
    widths[0] = max(len(line[0]) for line in lines)
    print(f"\n{title}")
    for line in lines:
        cells = [cell.ljust(width) if column < 2 else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip())


def markdown(rows):
    parts = []
    for _, title, use, field, text in TABLES:
        head, *body = table_lines(rows, use, field, text)
        columns = len(head)
        lines = ["| " + " | ".join(head) + " |", "| --- | --- |" + " ---: |" * (columns - 2)]
        lines += ["| " + " | ".join(line + [""] * (columns - len(line))) + " |" for line in body]
        parts.append(f"{title}:\n\n" + "\n".join(lines) + "\n")
    versions = dict.fromkeys(f"{row['peer']}: {row['version']}" for row in rows if row["version"])
    return "\n".join(parts) + "\nVersions: " + "; ".join(versions) + ".\n"


def write_csv(rows, path):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for field in ("size", "samples", "operations_per_sample", "peak_resident_bytes"):
            row[field] = int(row[field]) if row[field] else 0
        for field in ("median_ns", "min_ns", "minor_faults_per_operation"):
            row[field] = float(row[field]) if row[field] else 0.0
    return rows


def draw(rows, folder):
    for name, title, use, field, text in TABLES:
        series = {}
        for row in rows:
            if not row["missing"] and row["use"] == use:
                series.setdefault((row["peer"], row["family"]), {})[row["size"]] = row[field]
        if series:
            is_count = text is count
            about = "per operation" if is_count else "per operation, median of the samples"
            drawing = plots.line_plot(
                title, about + "; logarithmic, lower is better", series, size_name, text, least=1 if is_count else 0)
            with open(os.path.join(folder, f"peers-{name}.svg"), "w") as file:
                file.write(drawing)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", metavar="TEXT")
    parser.add_argument("--replot", action="store_true")
    parser.add_argument("--output", default=os.path.join(definitions.HERE, "results"), metavar="DIR")
    arguments = parser.parse_args()
    os.makedirs(arguments.output, exist_ok=True)
    table = os.path.join(arguments.output, "peers.csv")
    if arguments.replot:
        rows = read_csv(table)
    else:
        samples, milliseconds, sizes = (3, 2, QUICK_SIZES) if arguments.quick else (9, 10, SIZES)
        rows = []
        for peer in definitions.all_peers():
            if arguments.only and not any(text.lower() in peer.name.lower() for text in arguments.only):
                continue
            print(f"{'missing' if peer.missing else 'running'}: {peer.name}", file=sys.stderr)
            rows += run_peer(peer, samples, milliseconds, sizes)
        write_csv(rows, table)
        rows = read_csv(table)
    if not rows:
        sys.exit("run.py: no peer has such a name")
    for _, title, use, field, text in TABLES:
        print_table(title, table_lines(rows, use, field, text))
    with open(os.path.join(arguments.output, "peers.md"), "w") as file:
        file.write(markdown(rows))
    draw(rows, arguments.output)
    print(f"\nwritten to {arguments.output}: peers.csv, peers.md, peers-*.svg", file=sys.stderr)


if __name__ == "__main__":
    main()
