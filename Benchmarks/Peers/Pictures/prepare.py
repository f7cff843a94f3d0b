# SPDX-License-Identifier: Apache-2.0

"""Makes the pictures with which pictures.py works: prepare.py FOLDER makes FOLDER/photos and FOLDER/grating.png, with
Pillow.

The 40 photos are the JPEGs of at least 8 MP in Debian's packages of wallpapers. If there are fewer than 40, the largest
of the smaller JPEGs are added, enlarged to twice as many pixels. The grating is a pattern that is too fine for all
smaller sizes of the benchmark: see `grating`.
"""

import math
import os
import subprocess
import sys

from PIL import Image

PACKAGES = ["lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds", "plasma-workspace-wallpapers",
            "ukui-wallpapers", "lxqt-themes"]
PHOTO_COUNT = 40
LEAST_PIXELS = 8_000_000
CYCLES_PER_PIXEL, AMPLITUDE = 0.39, 90


def candidates():
    """The (pixels, path) of every JPEG in the packages: each file once, the largest first."""
    found = {}
    for package in PACKAGES:
        listing = subprocess.run(["dpkg-query", "-L", package], text=True, capture_output=True, check=True).stdout
        for path in listing.splitlines():
            if path.lower().endswith((".jpg", ".jpeg")) and os.path.isfile(path):
                real = os.path.realpath(path)
                with Image.open(real) as picture:
                    if picture.format == "JPEG":
                        found[real] = picture.width * picture.height
    return sorted(((pixels, path) for path, pixels in found.items()), key=lambda pair: (-pair[0], pair[1]))


def make_photos(folder):
    os.makedirs(folder, exist_ok=True)
    chosen = candidates()[:PHOTO_COUNT]
    if len(chosen) < PHOTO_COUNT:
        sys.exit(f"prepare.py: only {len(chosen)} photos in {', '.join(PACKAGES)}")
    for index, (pixels, path) in enumerate(chosen):
        target = os.path.join(folder, f"{index:02}.jpg")
        if pixels >= LEAST_PIXELS:
            with open(path, "rb") as source, open(target, "wb") as copy:
                copy.write(source.read())
            continue
        with Image.open(path) as picture:
            size = tuple(round(side * math.sqrt(2)) for side in picture.size)
            picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(target, quality=90)


def grating(path):
    """Draws upright stripes of 0.39 cycles per pixel, with values of 128 ± 90. In all sizes that are made from this
    picture, the stripes have more than half a cycle per pixel, so those sizes cannot show them.
    """
    row = bytes(round(128 + AMPLITUDE * math.sin(2 * math.pi * CYCLES_PER_PIXEL * x)) for x in range(3840))
    Image.frombytes("L", (3840, 2160), row * 2160).convert("RGB").save(path, compress_level=1)


if __name__ == "__main__":
    make_photos(os.path.join(sys.argv[1], "photos"))
    grating(os.path.join(sys.argv[1], "grating.png"))
