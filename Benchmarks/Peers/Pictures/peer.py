# SPDX-License-Identifier: Apache-2.0

"""Does one peer's part of the work of pictures.py, in a process of its own: as picture-peer, but with another library.

  peer.py LIBRARY frame FILE COUNT
  peer.py LIBRARY resize FILE COUNT WIDTH HEIGHT
  peer.py LIBRARY blur FILE COUNT
  peer.py LIBRARY leftover FILE WIDTH HEIGHT
  peer.py LIBRARY thumbnails FOLDER OUTPUT WIDTH

LIBRARY is pillow, opencv, pyvips or wand (ImageMagick). The output is that of picture-peer; `thumbnails` has none.
Each library does the work as its own documentation shows it, with a filter that averages areas if it has one.
"""

import os
import resource
import sys
import time

FRAME, HALF = (3840, 2160), (1920, 1080)


class Pillow:
    def __init__(self):
        from PIL import Image, ImageFilter
        self.image, self.filter = Image, ImageFilter

    def load(self, path):
        return self.image.open(path).convert("RGBA")

    def resize(self, picture, size):
        return picture.resize(size, self.image.Resampling.BOX)

    def gray(self, picture):
        return picture.convert("L")

    def blur(self, picture):
        return picture.filter(self.filter.GaussianBlur(2))

    def row(self, picture, y):
        return picture.crop((0, y, picture.width, y + 1)).tobytes()[::4]

    def thumbnail(self, path, target, width):
        with self.image.open(path) as picture:
            picture.draft("RGB", (width, 1))
            height = max(1, round(picture.height * width / picture.width))
            small = picture.resize((width, height), self.image.Resampling.BOX) if picture.width > width else picture
            small.convert("RGB").save(target, quality=85)


class OpenCV:
    def __init__(self):
        import cv2
        self.cv2 = cv2
        cv2.setNumThreads(1)

    def load(self, path):
        return self.cv2.cvtColor(self.cv2.imread(path, self.cv2.IMREAD_COLOR), self.cv2.COLOR_BGR2RGBA)

    def resize(self, picture, size):
        return self.cv2.resize(picture, size, interpolation=self.cv2.INTER_AREA)

    def gray(self, picture):
        return self.cv2.cvtColor(picture, self.cv2.COLOR_RGBA2GRAY)

    def blur(self, picture):
        return self.cv2.GaussianBlur(picture, (0, 0), 2)

    def row(self, picture, y):
        return picture[y, :, 0].tolist()

    def thumbnail(self, path, target, width):
        cv2 = self.cv2
        picture = cv2.imread(path, cv2.IMREAD_REDUCED_COLOR_8)
        # OpenCV cannot tell the width before it decodes. So decode at 1/8, and again at 1/4 if that is too narrow.
        if picture.shape[1] < width:
            picture = cv2.imread(path, cv2.IMREAD_REDUCED_COLOR_4)
        height = max(1, round(picture.shape[0] * width / picture.shape[1]))
        if picture.shape[1] > width:
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        cv2.imwrite(target, picture, [cv2.IMWRITE_JPEG_QUALITY, 85])


class PyVips:
    def __init__(self):
        import pyvips
        self.pyvips = pyvips
        # Otherwise libvips would keep results of earlier operations.
        pyvips.cache_set_max(0)

    def load(self, path):
        return self.pyvips.Image.new_from_file(path).addalpha().copy_memory()

    def resize(self, picture, size):
        return picture.resize(size[0] / picture.width, vscale=size[1] / picture.height, kernel="linear").copy_memory()

    def gray(self, picture):
        return picture.flatten().colourspace("b-w").copy_memory()

    def blur(self, picture):
        return picture.gaussblur(2).copy_memory()

    def frame(self, path):
        # This is how libvips should be used: it computes only the pixels that the last step needs, and keeps no whole
        # picture.
        picture = self.pyvips.Image.new_from_file(path, access="sequential").addalpha()
        small = picture.resize(0.5, kernel="linear")
        small.flatten().colourspace("b-w").gaussblur(2).write_to_memory()

    def row(self, picture, y):
        return list(bytes(picture.crop(0, y, picture.width, 1).extract_band(0).write_to_memory()))


class Wand:
    def __init__(self):
        from wand.image import Image
        self.image = Image

    def load(self, path):
        picture = self.image(filename=path)
        picture.alpha_channel = "opaque"
        return picture

    def resize(self, picture, size):
        copy = picture.clone()
        copy.resize(*size, filter="box")
        return copy

    def gray(self, picture):
        copy = picture.clone()
        copy.transform_colorspace("gray")
        return copy

    def blur(self, picture):
        copy = picture.clone()
        copy.blur(radius=0, sigma=2)
        return copy

    def row(self, picture, y):
        return picture.export_pixels(x=0, y=y, width=picture.width, height=1, channel_map="R", storage="char")


LIBRARIES = {"pillow": Pillow, "opencv": OpenCV, "pyvips": PyVips, "wand": Wand}


def close(picture):
    if hasattr(picture, "destroy"):
        picture.destroy()  # Frees Wand's memory at once. Otherwise the collector would free it later.


def frame(library, path):
    if hasattr(library, "frame"):
        return library.frame(path)
    whole = library.load(path)
    small = library.resize(whole, HALF)
    gray = library.gray(small)
    blurred = library.blur(gray)
    for picture in (whole, small, gray, blurred):
        close(picture)


def measure(count, body):
    for _ in range(max(2, min(10, count // 4))):
        body()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    samples = []
    for _ in range(count):
        start = time.perf_counter()
        body()
        samples.append((time.perf_counter() - start) * 1e3)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    print(" ".join(f"{sample:.4f}" for sample in samples))
    print(faults)


def main():
    name, work, path, *rest = sys.argv[1:]
    library = LIBRARIES[name]()
    if work == "frame":
        measure(int(rest[0]), lambda: frame(library, path))
    elif work == "resize":
        source, size = library.load(path), (int(rest[1]), int(rest[2]))
        measure(int(rest[0]), lambda: close(library.resize(source, size)))
    elif work == "blur":
        source = library.resize(library.load(path), HALF)
        measure(int(rest[0]), lambda: close(library.blur(source)))
    elif work == "leftover":
        size = (int(rest[0]), int(rest[1]))
        row = library.row(library.resize(library.load(path), size), size[1] // 2)
        print(max(abs(value - 128) for value in row[8:-8]))
    elif work == "thumbnails":
        for file in sorted(os.listdir(path)):
            library.thumbnail(os.path.join(path, file), os.path.join(rest[0], file), int(rest[1]))


if __name__ == "__main__":
    main()
