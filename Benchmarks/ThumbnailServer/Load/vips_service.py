# SPDX-License-Identifier: Apache-2.0

"""The same service over libvips, to compare with: an ASGI application for uvicorn.

It does what the documentation of libvips and pyvips advises for services: `thumbnail` reduces while it decodes, each
picture is decoded by one thread (VIPS_CONCURRENCY=1) of a pool, and libvips keeps no operations (`cache_set_max(0)`).
The environment has FOLDER, CACHE_LIMIT (bytes, for all processes together) and WORKERS, the number of processes.
"""

import asyncio
import collections
import concurrent.futures
import os

import pyvips
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

FOLDER = os.path.realpath(os.environ["FOLDER"])
WORKERS = int(os.environ["WORKERS"])
CACHE_LIMIT = int(os.environ["CACHE_LIMIT"]) // WORKERS
BODY_LIMIT = 16 << 20
PIXEL_LIMIT = 24_000_000 * 64  # A JPEG is reduced to 1/8 of its sides while it is decoded.

pyvips.cache_set_max(0)
pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())


class Cache:
    """The most recently used thumbnails, up to a number of bytes. Requests for the same one wait for one load."""

    def __init__(self):
        self.values, self.loads, self.size = collections.OrderedDict(), {}, 0

    async def value(self, key, load):
        if key in self.values:
            self.values.move_to_end(key)
            return self.values[key]
        if key not in self.loads:
            self.loads[key] = asyncio.ensure_future(self.load(key, load))
        return await asyncio.shield(self.loads[key])

    async def load(self, key, load):
        try:
            value = await run(load)
            self.values[key] = value
            self.size += len(value)
            while self.size > CACHE_LIMIT:
                self.size -= len(self.values.popitem(last=False)[1])
            return value
        finally:
            del self.loads[key]


cache = Cache()


async def run(work):
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
    except pyvips.Error as error:
        raise HTTPException(422, str(error)) from None


def encoded(picture):
    return picture.jpegsave_buffer(Q=80, keep="icc")


def side_of(request):
    side = request.query_params.get("side", "")
    if not side.isdigit() or not 1 <= int(side) <= 4096:
        raise HTTPException(400, "`side` must be 1 to 4096.")
    return int(side)


async def thumb(request):
    side, name = side_of(request), request.query_params.get("file", "")
    if "\0" in name or not name or name.startswith("/") or ".." in name.split("/"):
        raise HTTPException(400, "`file` must be the name of a file in the folder.")
    path = os.path.realpath(os.path.join(FOLDER, name))
    if not path.startswith(FOLDER + "/") or not os.path.isfile(path):
        raise HTTPException(404, "There is no file of this name.")
    key = (path, side, os.stat(path).st_mtime_ns)
    body = await cache.value(key, lambda: encoded(
        pyvips.Image.thumbnail(path, side, height=side, size="down", fail_on="truncated")))
    return Response(body, media_type="image/jpeg")


def small(body, side):
    header = pyvips.Image.new_from_buffer(body, "")
    if header.width * header.height > PIXEL_LIMIT:
        raise HTTPException(422, "The picture has too many pixels.")
    return encoded(pyvips.Image.thumbnail_buffer(body, side, height=side, size="down", fail_on="truncated"))


async def resize(request):
    side, body = side_of(request), bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, "The body is too long.")
    return Response(await run(lambda: small(bytes(body), side)), media_type="image/jpeg")


async def healthz(request):
    return PlainTextResponse("ok\n")


async def metrics(request):
    # Of all processes, if the others have as much as the one that answers.
    return PlainTextResponse(f"cache_bytes {cache.size * WORKERS}\n")


app = Starlette(routes=[
    Route("/healthz", healthz), Route("/metrics", metrics), Route("/thumb", thumb),
    Route("/resize", resize, methods=["POST"]),
])
