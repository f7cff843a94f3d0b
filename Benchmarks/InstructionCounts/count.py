#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of one operation on each hot path, and compares them with the recorded counts.

  count.py               counts all paths; ends with status 1 if a count differs by more than 5 % from the recorded one
  count.py --record      counts, and writes the counts to expected.json
  count.py --profile P   shows in which functions path P spends its instructions
  count.py [PATH]...     counts only these paths

Counts do not depend on other work of the machine. A path is run 10,000 times and 60,000 times under
`valgrind --tool=callgrind`. The difference of the two counts, divided by 50,000, is the count of one operation, without
the start of the process. The start varies by about 100,000 instructions. So if a count differs too much, the path is
counted twice more, and the median is used. If valgrind is missing or cannot run the program, `perf stat` counts
instead, and the output says so. The counts of the two differ slightly, so each is compared only with recorded counts
of its own kind.

Some paths are also counted while the ledger lies in a file with a name (NATIVE_BUFFERS_LEDGER): they must take as many
instructions as without.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(HERE)
EXPECTED = os.path.join(HERE, "expected.json")
FEW, MANY = 10_000, 60_000
TOLERANCE = 0.05
# A path of each kind that begins and ends lives in the ledger.
IN_FILE = [
    "unique-create-dispose-64B", "unique-create-dispose-1MiB", "native-create-dispose-64B", "register-unregister",
    "native-resource",
]
# Two counts of the same path may differ by so many instructions, because the start of the process varies.
START_VARIES = 2


def run(command, **keywords):
    return subprocess.run(command, text=True, capture_output=True, **keywords)


def environment(ledger):
    """With the ledger in the file that `ledger` names, or in a file without a name if it is None."""
    others = {name: value for name, value in os.environ.items() if name != "NATIVE_BUFFERS_LEDGER"}
    return others if ledger is None else others | {"NATIVE_BUFFERS_LEDGER": ledger}


def fail(message):
    sys.exit(f"count.py: {message}")


def build(folder):
    """Builds the release program and removes its debug information: valgrind cannot read Swift's DWARF 5."""
    base = ["swift", "build", "--package-path", PACKAGE, "-c", "release"]
    if subprocess.run(base + ["--product", "hot-paths"], stdout=sys.stderr).returncode != 0:
        fail("the build failed")
    products = run(base + ["--show-bin-path"], check=True).stdout.strip()
    program = os.path.join(folder, "hot-paths")
    subprocess.run(["strip", "--strip-debug", "-o", program, os.path.join(products, "hot-paths")], check=True)
    return program


def callgrind(program, path, times, folder, keep=None, ledger=None):
    output = keep or os.path.join(folder, f"callgrind.{path}.{times}")
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", program, path, str(times)]
    result = run(command, env=environment(ledger))
    total = re.search(r"refs:\s+([\d,]+)", result.stderr)
    if result.returncode != 0 or not total:
        raise RuntimeError(result.stderr.strip().splitlines()[-1] if result.stderr.strip() else "no output")
    return int(total.group(1).replace(",", ""))


def perf(program, path, times, ledger=None):
    command = ["perf", "stat", "-x", ",", "-e", "instructions:u", program, path, str(times)]
    result = run(command, env=environment(ledger))
    first = result.stderr.split(",")[0]
    if result.returncode != 0 or not first.isdigit():
        raise RuntimeError(f"perf stat: {result.stderr.strip() or 'no counter'}")
    return int(first)


def choose_counter(program, folder):
    """The name of the counter that works here, and a function (path, times, ledger) -> instructions."""
    reasons = []
    if shutil.which("valgrind"):
        try:
            callgrind(program, "pin-unpin", 1, folder)
            return "callgrind", lambda path, times, ledger: callgrind(program, path, times, folder, ledger=ledger)
        except RuntimeError as error:
            reasons.append(f"valgrind cannot run the program ({error})")
    else:
        reasons.append("valgrind is not installed (Debian package valgrind)")
    if shutil.which("perf"):
        try:
            perf(program, "pin-unpin", 1)
            print(f"{reasons[0]}: counting with perf stat instead", file=sys.stderr)
            return "perf", lambda path, times, ledger: perf(program, path, times, ledger)
        except RuntimeError as error:
            reasons.append(str(error))
    else:
        reasons.append("perf is not installed (Debian package linux-perf)")
    fail("nothing here can count instructions: " + "; ".join(reasons))


def profile(program, path, folder):
    if not shutil.which("valgrind"):
        fail("--profile needs valgrind")
    output = os.path.join(folder, "profile")
    callgrind(program, path, 10 * MANY, folder, keep=output)
    text = run(["callgrind_annotate", "--threshold=98", output], check=True).stdout
    demangled = run(["swift", "demangle", "--simplified"], input=text)
    print(demangled.stdout if demangled.returncode == 0 else text)


def compare(counter, counts, only_some):
    if not os.path.exists(EXPECTED):
        fail("nothing is recorded yet: run with --record")
    with open(EXPECTED) as file:
        expected = json.load(file)
    machine = platform.machine()
    if expected["machine"] != machine or expected["counter"] != counter:
        print(f"Recorded for {expected['machine']} with {expected['counter']}; "
              f"this is {machine} with {counter}: shown, not compared.")
        for name, count in counts.items():
            print(f"{name:36} {count:9.1f}")
        return True
    met = True
    print(f"{'path':36} {'counted':>9} {'recorded':>9} {'change':>8}")
    for name, count in counts.items():
        recorded = expected["instructions"].get(name)
        if recorded is None:
            print(f"{name:36} {count:9.1f} {'none':>9}           NOT RECORDED")
            met = False
            continue
        change = (count - recorded) / recorded
        verdict = "" if abs(change) <= TOLERANCE else "  MORE" if change > 0 else "  FEWER: record anew"
        met = met and not verdict
        print(f"{name:36} {count:9.1f} {recorded:9.1f} {change:+8.1%}{verdict}")
    for name in [] if only_some else expected["instructions"].keys() - counts.keys():
        print(f"{name:36} {'gone':>9}           recorded, but no such path: record anew")
        met = False
    return met


def off_paths(counts):
    if not os.path.exists(EXPECTED):
        return []
    with open(EXPECTED) as file:
        recorded = json.load(file)["instructions"]
    return [name for name, count in counts.items() if abs(count / recorded.get(name, count) - 1) > TOLERANCE / 2]


def compare_in_file(counts, each, folder):
    """Whether paths take as many instructions if the ledger lies in a file with a name."""
    ledger = os.path.join(folder, "%p.ledger")
    same = True
    for name in [name for name in IN_FILE if name in counts]:
        difference = lambda without: each(name, ledger) - without
        more = difference(counts[name])
        if abs(more) > START_VARIES:
            more = statistics.median([more, difference(each(name)), difference(each(name))])
        is_same = abs(more) <= START_VARIES
        same = same and is_same
        print(f"{name + ', ledger in a file':46} {more:+8.1f}{'' if is_same else '  NOT AS WITHOUT A FILE'}")
    return same


def record(counter, counts):
    toolchain = run(["swift", "--version"]).stdout.splitlines()[0]
    content = {
        "about": "Instructions per operation, written by count.py --record",
        "machine": platform.machine(), "counter": counter, "toolchain": toolchain,
        "instructions": {name: round(count, 1) for name, count in counts.items()},
    }
    with open(EXPECTED, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    for name, count in counts.items():
        print(f"{name:36} {count:9.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write expected.json")
    parser.add_argument("--profile", metavar="PATH", help="show the functions of one path")
    parser.add_argument("paths", nargs="*", metavar="PATH")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        names = run([program, "--list"], check=True).stdout.split()
        for name in arguments.paths + ([arguments.profile] if arguments.profile else []):
            if name not in names:
                fail(f"no path is named {name}; there are {', '.join(names)}")
        if arguments.profile:
            return profile(program, arguments.profile, folder)
        if arguments.record and arguments.paths:
            fail("--record takes all paths")
        counter, count = choose_counter(program, folder)
        each = lambda name, ledger=None: (count(name, MANY, ledger) - count(name, FEW, ledger)) / (MANY - FEW)
        counts = {name: each(name) for name in arguments.paths or names}
        for name in off_paths(counts):
            counts[name] = statistics.median([counts[name], each(name), each(name)])
        if arguments.record:
            record(counter, counts)
            met = True
        else:
            met = compare(counter, counts, bool(arguments.paths))
        if not compare_in_file(counts, each, folder) or not met:
            sys.exit(1)


if __name__ == "__main__":
    main()
