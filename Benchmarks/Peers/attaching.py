#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attaches leak-audit, heaptrack and memray to a process that has 1,000,000 live blocks and makes more all the time.

  attaching.py             builds, installs and runs everything; prints two tables; writes attaching.md
  attaching.py --quick     uses 50,000 blocks and takes fewer samples, to try it out
  attaching.py --only T    uses only tools whose name contains T (may be repeated)
  attaching.py --output D  writes the results to D (default: results/ beside this script)

The processes are comparable programs: live-buffers in Swift for leak-audit, live_blocks in C for heaptrack, and
live_blocks in Python for memray. Each has one thread that makes and releases one block after the other. heaptrack and
gdb must be installed (Debian packages of these names). memray is installed from PyPI in .build/venv-memray. The script
must be allowed to trace other processes, because these two tools do that. It takes about 9 minutes after the builds.
The machine should have two or more cores, and nothing else should run.

The exit code is 1 if leak-audit failed. What another tool cannot do here is in its cell of the table.
"""

import argparse
import datetime
import json
import os
import platform
import re
import sys
import tempfile

import attaching_report as report
from attaching_measuring import LeakAudit, Plan, measure_tool, tried
from attaching_tools import Heaptrack, Memray
from peers import HERE, build, output_of

ROOT = os.path.dirname(os.path.dirname(HERE))
QUICK = Plan(count=50_000, samples=3, pairs_of_pairs=1, pair_seconds=0.5, seconds=0.5, readings=3)


def built(package, product):
    """The path of a product, and why it could not be built."""
    command = ["swift", "build", "-c", "release", "--package-path", package]
    failure = build(command + ["--product", product], product)
    return os.path.join(output_of(command + ["--show-bin-path"]), product), failure


def our_figures(folder, plan):
    leak_audit, failure = built(ROOT, "leak-audit")
    program, other_failure = built(os.path.join(ROOT, "Benchmarks"), "live-buffers")
    if failure or other_failure:
        return {"failure": failure or other_failure}
    print("running: leak-audit", file=sys.stderr)
    return tried(lambda: LeakAudit(leak_audit, program, folder, plan).measure())


def machine():
    with open("/proc/cpuinfo") as file:
        models = re.findall(r"model name\s*:\s*(.*)", file.read())
    swift = re.search(r"Swift version (\S+)", output_of(["swift", "--version"]))
    with open("/etc/os-release") as file:
        system = re.search(r'PRETTY_NAME="?([^"\n]*)', file.read())
    parts = [f"{os.cpu_count()} × {models[0] if models else platform.machine()}", system.group(1) if system else "",
             f"Linux {platform.release()}", f"Swift {swift.group(1)}" if swift else "",
             output_of(["getconf", "GNU_LIBC_VERSION"]), f"Python {platform.python_version()}",
             (output_of(["gdb", "--version"]).splitlines() or [""])[0]]
    return ", ".join(part for part in parts if part)


def run(arguments, folder):
    """The text with both tables, and all figures."""
    plan = QUICK if arguments.quick else Plan()

    def is_wanted(name):
        return not arguments.only or any(text.lower() in name.lower() for text in arguments.only)

    figures, tables, columns, versions = {}, [], [], []
    if is_wanted("leak-audit"):
        ours = figures["leak-audit"] = our_figures(folder, plan)
        if "failure" in ours:
            columns.append(("leak-audit", {"program": "Swift, buffers", "attach": ours["failure"]}))
        else:
            tables.append(report.markdown(report.goals(ours, plan)))
            columns.append(("leak-audit", report.our_column(ours, plan)))
    for kind in (Heaptrack, Memray):
        if not is_wanted(kind.name):
            continue
        tool = kind(folder)
        print(f"{'missing' if tool.missing else 'running'}: {tool.name}", file=sys.stderr)
        late, early = measure_tool(tool, plan)
        figures[tool.name] = {"attached": late, "from the start": early}
        columns.append((f"{tool.name}, attached", report.late_column(late, tool.subject, plan)))
        columns.append((f"{tool.name}, from the start", report.early_column(early, tool.subject, plan)))
        versions.append(f"{tool.name} {tool.version}")
    if not columns:
        sys.exit("attaching.py: no tool has such a name")
    tables.append(report.markdown(report.comparison(columns)))
    about = (f"{plan.count:,} live blocks of {plan.byte_count:,} bytes; {machine()}; {', '.join(versions)}; "
             f"{datetime.date.today()}; `{' '.join(['Benchmarks/Peers/attaching.py'] + sys.argv[1:])}`.")
    return "\n\n".join(tables + [about]) + "\n", figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", metavar="TEXT")
    parser.add_argument("--output", default=os.path.join(HERE, "results"), metavar="DIR")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text, figures = run(arguments, folder)
    print(text)
    os.makedirs(arguments.output, exist_ok=True)
    with open(os.path.join(arguments.output, "attaching.md"), "w") as file:
        file.write(text)
    with open(os.path.join(arguments.output, "attaching.json"), "w") as file:
        json.dump(figures, file, indent=1)
    print(f"written to {arguments.output}: attaching.md, attaching.json", file=sys.stderr)
    # What another tool cannot do here is a cell of the table. What leak-audit cannot do is a fault.
    ours = figures.get("leak-audit", {})
    if "failure" in ours or "failure" in ours.get("dead", {}):
        sys.exit("attaching.py: leak-audit failed")


if __name__ == "__main__":
    main()
