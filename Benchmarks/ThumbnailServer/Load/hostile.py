# SPDX-License-Identifier: Apache-2.0

"""A client that does what a service must survive: one deed after another, some at the same time, at a fixed pace."""

import collections
import random
import socket
import struct
import threading
import time
import zlib


def png_header(width, height):
    """The beginning of a picture that claims to be huge."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(4096)))


def jpeg_header(width, height):
    """The same as a progressive JPEG, for which a decoder needs memory for all coefficients."""
    parts = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    return b"\xff\xd8\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + parts + bytes(2000)


class Hostile:
    """Runs until `stop` is called; `answers` then has the number of each kind of deed and answer."""

    def __init__(self, port, names, photos, deeds_per_second=40, threads=4):
        self.port, self.names, self.photos = port, names, photos
        self.pause = threads / deeds_per_second
        self.answers = collections.Counter()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(seed,)) for seed in range(threads)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def run(self, seed):
        dice = random.Random(seed)
        deeds = [
            self.cut_body, self.garbage, self.huge_png, self.huge_jpeg, self.slow_sender, self.abort_request,
            self.abort_answer, self.huge_head, self.cut_picture, self.honest_upload]
        while not self.over.is_set():
            start, deed = time.monotonic(), dice.choice(deeds)
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                    status = deed(connection, dice)
            except OSError as error:
                status = type(error).__name__
            self.answers[deed.__name__, status] += 1
            self.over.wait(max(0, start + self.pause - time.monotonic()))

    def post(self, connection, body, length=None):
        head = f"POST /resize?side=200 HTTP/1.1\r\nHost: h\r\nContent-Length: {length or len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    def status(self, connection):
        answer = connection.recv(65_536)
        return answer.split(b" ", 2)[1].decode() if b" " in answer else "no answer"

    def get(self, connection, dice):
        name, side = dice.choice(self.names), dice.randrange(500, 1000)
        connection.sendall(f"GET /thumb?file={name}&side={side} HTTP/1.1\r\nHost: h\r\n\r\n".encode())

    def cut_body(self, connection, dice):
        photo = dice.choice(self.photos)
        self.post(connection, photo[:len(photo) // 2], len(photo))
        return "closed"

    def cut_picture(self, connection, dice):
        photo = dice.choice(self.photos)
        self.post(connection, photo[:len(photo) // 2])
        return self.status(connection)

    def garbage(self, connection, dice):
        self.post(connection, dice.randbytes(10_000))
        return self.status(connection)

    def huge_png(self, connection, dice):
        self.post(connection, png_header(60_000, 60_000))
        return self.status(connection)

    def huge_jpeg(self, connection, dice):
        self.post(connection, jpeg_header(65_000, 65_000))
        return self.status(connection)

    def slow_sender(self, connection, dice):
        photo = dice.choice(self.photos)
        self.post(connection, b"", len(photo))
        for start in range(0, 20_000, 1000):
            connection.sendall(photo[start:start + 1000])
            if self.over.wait(0.05):
                break
        return "closed"

    def abort_request(self, connection, dice):
        self.get(connection, dice)
        # Without lingering, the connection is reset: the service has not begun to answer.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return "reset"

    def abort_answer(self, connection, dice):
        self.get(connection, dice)
        connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return "reset"

    def huge_head(self, connection, dice):
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 300_000 + b"\r\n\r\n")
        return self.status(connection)

    def honest_upload(self, connection, dice):
        self.post(connection, dice.choice(self.photos))
        return self.status(connection)
