#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares Bitmaps with Pillow, OpenCV, libvips and ImageMagick: the same pictures, each library in its own process.

  pictures.py            installs, builds and runs all peers; prints the table; writes pictures.csv, .md and .svg
  pictures.py --quick    takes fewer samples, to try it out
  pictures.py --only T   runs only peers whose name contains T (may be repeated)
  pictures.py --replot   draws the plot and the table from pictures.csv again
  pictures.py --output D writes the results to D (default: results/ beside this script)

It must be run as root, because it installs Debian's packages of wallpapers, imagemagick and libvips-tools. It installs
Pillow, OpenCV, pyvips and Wand from PyPI in .build/venv. Times are medians. Each process is bound to one processor,
except in the row "2 jobs". "Leftover" is the largest rest of stripes of 0.39 cycles a pixel and amplitude 90, which a
smaller picture cannot show: 0 is right, and 90 means that nothing was averaged. If a peer cannot run on this machine,
its row says why.
"""

import argparse
import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import pictures_report as report
from peers import BUILD, HERE, Peer, build, output_of, package_version

ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(BUILD, "pictures")
VENV = os.path.join(BUILD, "venv")
PYTHON = os.path.join(VENV, "bin", "python")
PEER_PROGRAM = os.path.join(HERE, "Pictures", "peer.py")
FRAME = "/usr/share/backgrounds/umang_by_Abhishek_Mudgal.jpg"  # 3840×2160, of lomiri-wallpapers-16.04
SIZES = [(1920, 1080), (854, 480), (256, 144)]
ONE_THREAD = {"VIPS_CONCURRENCY": "1", "OMP_NUM_THREADS": "1", "MAGICK_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1"}
WALLPAPERS = ["lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds", "plasma-workspace-wallpapers",
              "ukui-wallpapers", "lxqt-themes"]
TOOLS = ["imagemagick", "libvips-tools", "libmagickwand-6.q16-6"]


def install():
    """Installs every package that is available. A peer whose package is missing is reported later."""
    absent = [package for package in WALLPAPERS + TOOLS if not package_version(package)]
    if absent:
        print(f"installing {' '.join(absent)} ...", file=sys.stderr)
        subprocess.run(["apt-get", "update"], stdout=subprocess.DEVNULL)
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends"] + absent, stdout=subprocess.DEVNULL)
    if not os.path.exists(PYTHON):
        os.makedirs(BUILD, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    for package in ["pillow", "opencv-python-headless", "pyvips-binary", "pyvips", "wand"]:
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package])


def prepare():
    if not os.path.exists(os.path.join(WORK, "grating.png")):
        print("making the pictures ...", file=sys.stderr)
        os.makedirs(WORK, exist_ok=True)
        subprocess.run([PYTHON, os.path.join(HERE, "Pictures", "prepare.py"), WORK], check=True)


def python_peer(name, module, package, key):
    version = output_of([PYTHON, "-c", f"import importlib.metadata as m; print(m.version('{package}'))"])
    works = output_of([PYTHON, "-c", f"import {module}; print('yes')"])
    missing = "" if works else f"`import {module}` fails (PyPI package {package})"
    return Peer(name, key, "", version, [PYTHON, PEER_PROGRAM, key], ONE_THREAD, missing)


def all_peers():
    """The libraries, ours first."""
    benchmarks = os.path.join(ROOT, "Benchmarks")
    command = ["swift", "build", "-c", "release", "--package-path"]
    failure = build(command + [benchmarks, "--product", "picture-peer"], "picture-peer")
    failure = failure or build(command + [ROOT, "--product", "thumbnails"], "thumbnails")
    products = output_of(command + [benchmarks, "--show-bin-path"])
    magick = output_of([PYTHON, "-c", "import wand.version as v; print(v.MAGICK_VERSION.split()[1])"])
    wand = python_peer("ImageMagick", "wand.image", "wand", "wand")
    wand.version = f"{magick} (Wand {wand.version})"
    return [
        Peer("Bitmaps", "ours", "", "", [os.path.join(products, "picture-peer")], missing=failure),
        python_peer("Pillow", "PIL", "pillow", "pillow"),
        python_peer("OpenCV", "cv2", "opencv-python-headless", "opencv"),
        python_peer("libvips", "pyvips", "pyvips-binary", "pyvips"),
        wand,
    ]


def run(command, environment, processors):
    """Runs a process that is bound to some processors: returns its output, the seconds and its peak of bytes. If it
    fails, raises its error message."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=errors, stdin=subprocess.DEVNULL, env={**os.environ, **environment},
            preexec_fn=lambda: os.sched_setaffinity(0, processors))
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            complaint = errors.read().strip().splitlines()
            raise RuntimeError(complaint[-1] if complaint else f"ended with status {process.returncode}")
        return output.read(), seconds, usage.ru_maxrss * 1024


def measure(peer, work, arguments, one):
    """One row: work that is repeated in one process."""
    text, _, peak = run(peer.command + [work] + arguments, peer.environment, one)
    samples, faults = text.splitlines()[:2]
    samples = [float(sample) for sample in samples.split()]
    return {"median_ms": statistics.median(samples), "minimum_ms": min(samples), "times": len(samples),
            "faults": int(faults) / len(samples), "peak_bytes": peak}


def thumbnail_command(peer, photos, target):
    files = [os.path.join(photos, name) for name in sorted(os.listdir(photos))]
    if peer.family == "ours":
        binaries = output_of(["swift", "build", "-c", "release", "--package-path", ROOT, "--show-bin-path"])
        return [os.path.join(binaries, "thumbnails"), photos, "--output", target, "--width", "256"]
    if peer.family == "pyvips":
        return ["vipsthumbnail", "--size", "256x", "-o", os.path.join(target, "%s.jpg[Q=85]")] + files
    if peer.family == "wand":
        # The size hint is twice the thumbnail's size, as ImageMagick's manual advises.
        options = ["-define", "jpeg:size=512x512", "-thumbnail", "256x", "-quality", "85"]
        return ["mogrify", "-path", target] + options + files
    return peer.command + ["thumbnails", photos, target, "256"]


def thumbnails(peer, processors, rounds, jobs=None):
    photos = os.path.join(WORK, "photos")
    count = len(os.listdir(photos))
    seconds, peaks = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as target:
            command = thumbnail_command(peer, photos, target) + (["--jobs", str(jobs)] if jobs else [])
            if not shutil.which(command[0]):
                raise RuntimeError(f"{command[0]} is not installed")
            _, time_taken, peak = run(command, peer.environment, processors)
            made = len(os.listdir(target))
            if made != count:
                raise RuntimeError(f"made {made} of {count} thumbnails")
        seconds.append(time_taken)
        peaks.append(peak)
    return {"median_ms": statistics.median(seconds) * 1e3 / count, "minimum_ms": min(seconds) * 1e3 / count,
            "times": rounds, "peak_bytes": max(peaks)}


def rows_of(peer, quick):
    cpus = sorted(os.sched_getaffinity(0))
    one, two = {cpus[-1]}, set(cpus[-2:])
    frames, others, rounds = (10, 5, 1) if quick else (200, 50, 3)
    yield "frame", lambda: measure(peer, "frame", [FRAME, str(frames)], one)
    yield "thumbnails", lambda: thumbnails(peer, one, rounds)
    if peer.family == "ours":
        yield "thumbnails 2 jobs", lambda: thumbnails(peer, two, rounds, jobs=2)
    for width, height in SIZES:
        def resize(width=width, height=height):
            size = [str(width), str(height)]
            result = measure(peer, "resize", [FRAME, str(others)] + size, one)
            grating = os.path.join(WORK, "grating.png")
            text, _, _ = run(peer.command + ["leftover", grating] + size, peer.environment, one)
            return {**result, "leftover": int(float(text))}
        yield f"resize {width}", resize
    yield "blur", lambda: measure(peer, "blur", [FRAME, str(others)], one)


def run_all(arguments):
    install()
    prepare()
    rows = []
    for peer in all_peers():
        if arguments.only and not any(text.lower() in peer.name.lower() for text in arguments.only):
            continue
        print(f"{'missing' if peer.missing else 'running'}: {peer.name}", file=sys.stderr)
        base = {"peer": peer.name, "version": peer.version}
        if peer.missing:
            rows.append({**base, "missing": peer.missing})
            continue
        for work, body in rows_of(peer, arguments.quick):
            try:
                rows.append({**base, "work": work, **body()})
            except (RuntimeError, OSError) as error:
                rows.append({**base, "work": work, "missing": str(error)})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", metavar="TEXT")
    parser.add_argument("--replot", action="store_true")
    parser.add_argument("--output", default=os.path.join(HERE, "results"), metavar="DIR")
    arguments = parser.parse_args()
    os.makedirs(arguments.output, exist_ok=True)
    table = os.path.join(arguments.output, "pictures.csv")
    if not arguments.replot:
        rows = run_all(arguments)
        if not rows:
            sys.exit("pictures.py: no peer has such a name")
        with open(table, "w", newline="") as file:
            writer = csv.DictWriter(file, report.FIELDS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    with open(table, newline="") as file:
        rows = [report.typed(row) for row in csv.DictReader(file)]
    report.print_table(rows)
    with open(os.path.join(arguments.output, "pictures.md"), "w") as file:
        file.write(report.markdown(rows))
    with open(os.path.join(arguments.output, "pictures.svg"), "w") as file:
        file.write(report.drawing(rows))
    print(f"\nwritten to {arguments.output}: pictures.csv, pictures.md, pictures.svg", file=sys.stderr)


if __name__ == "__main__":
    main()
