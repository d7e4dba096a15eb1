#!/usr/bin/env python3
"""A large attachment through the real ``chiikibus serve``, both ways, with the memory that the bus takes for it.

    deploy/bench/attachment.py [--mb 100] [--processes 1] [--only direct|queued] [--folder FOLDER]

Sends an inquiry with an attachment of ``--mb`` megabytes that is answered with one of the same size (direct), and a
notice with one (queued). Prints one JSON document: the growth of the resident memory of all processes of the bus over
what they had just after their start, and megabytes per second. What arrives is compared by SHA-256.
Exit code: 0 measured, 1 other bytes arrived or the memory grew by more than 100 MB.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
if importlib.util.find_spec("lxml") is None and __name__ == "__main__":
    # Not the project's environment: make or find it, and start again in it.
    again = '. "$0" && ensure_python_environment >&2 && exec "$PYTHON" "$@"'
    os.execvp("bash", ["bash", "-c", again, str(ROOT / "deploy/lib/environment.sh"), *sys.argv])
sys.path.insert(0, str(ROOT))

from harness.bus import delivered, serve  # noqa: E402 - the repository has to be found first
from harness.machine import descendants  # noqa: E402 - the same
from harness.messages import Messages  # noqa: E402 - the same
from harness.peers import Server  # noqa: E402 - the same

MB: Final = 1024 * 1024
LIMIT_MB: Final = 100
SAMPLE_S: Final = 0.01
TIMEOUT_S: Final = 600.0
BOUNDARY: Final = "chiikibus-0123456789abcdef"
MEDIA: Final = f'multipart/related; boundary="{BOUNDARY}"; type="text/xml"'
BLOCK: Final = random.Random(4).randbytes(MB)


@dataclass(frozen=True, slots=True)
class Body:
    """A multipart body that is made as it is sent."""

    envelope: bytes
    mb: int

    @property
    def start(self) -> bytes:
        """Up to the attachment's content."""
        root = f"--{BOUNDARY}\r\nContent-Type: text/xml; charset=utf-8\r\n\r\n".encode() + self.envelope
        head = f"\r\n--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\nContent-ID: <extract@bench>\r\n\r\n"
        return root + head.encode()

    @property
    def end(self) -> bytes:
        """Behind it."""
        return f"\r\n--{BOUNDARY}--\r\n".encode()

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        return len(self.start) + self.mb * MB + len(self.end)

    def __iter__(self) -> Iterator[bytes]:
        yield self.start
        for _ in range(self.mb):
            yield BLOCK
        yield self.end

    def digest(self) -> str:
        """SHA-256 of the whole."""
        digest = hashlib.sha256()
        for piece in self:
            digest.update(piece)
        return digest.hexdigest()


class Provider(threading.Thread):
    """Answers one request per connection: an inquiry with ``reply``, a notice with nothing; keeps digests only."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.reply: Body | None = None
        self.digests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        """Serve until the process ends."""
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            if not (digest := read_message(stream)[1]):
                return
            self.digests.append(digest)
            if self.reply is None:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {MEDIA}\r\nContent-Length: {self.reply.size}\r\n\r\n"
            connection.sendall(head.encode())
            for piece in self.reply:
                connection.sendall(piece)


def read_message(stream: object) -> tuple[str, str]:
    """First line and digest of the body of an HTTP message; empty texts at the end of the stream."""
    first = stream.readline().decode("latin-1").strip()
    length = 0
    while line := stream.readline().strip():
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    digest = hashlib.sha256()
    while length > 0 and (piece := stream.read(min(length, MB))):
        digest.update(piece)
        length -= len(piece)
    return first, digest.hexdigest() if first else ""


class Memory(threading.Thread):
    """Watches the resident memory of a process and its children, in bytes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pids = [pid, *descendants(pid)]
        self._ended = threading.Event()
        self.start_bytes = self.peak_bytes = self._now()

    def run(self) -> None:
        """Look until ``growth`` is asked for."""
        while not self._ended.wait(SAMPLE_S):
            self.peak_bytes = max(self.peak_bytes, self._now())

    def growth(self) -> int:
        """The most beyond the start."""
        self._ended.set()
        self.join()
        return max(self.peak_bytes, self._now()) - self.start_bytes

    def _now(self) -> int:
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._pids)
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def send(bus: Server, action: str, body: Body) -> tuple[str, str]:
    """Post a body and read the answer: its first line and digest."""
    host, _, rest = bus.url.removeprefix("http://").partition("/")
    fields = {
        "Host": host,
        "SOAPAction": f'"{action}"',
        "Content-Type": MEDIA,
        "Content-Length": str(body.size),
        "Connection": "close",
        **dict(bus.headers),
    }
    head = f"POST /{rest} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    address = host.rpartition(":")
    with socket.create_connection((address[0], int(address[2])), timeout=TIMEOUT_S) as connection:
        connection.sendall(head.encode())
        for piece in body:
            connection.sendall(piece)
        with connection.makefile("rb") as stream:
            return read_message(stream)


def direct(folder: Path, mb: int, processes: int) -> dict[str, object]:
    """An inquiry and its answer, each with an attachment."""
    provider = Provider()
    provider.start()
    pair = Messages().inquiry(1024)
    request, reply = Body(pair.request, mb), Body(pair.reply, mb)
    target = Server("provider", f"http://127.0.0.1:{provider.port}/soap", 0)
    with serve(folder, target, sender="caller", processes=processes, attachments=True) as bus:
        provider.reply = reply
        memory = Memory(bus.pid)
        memory.start()
        began = time.monotonic()
        first, digest = send(bus, pair.action, request)
        seconds = time.monotonic() - began
        growth = memory.growth()
    right = provider.digests[-1] == request.digest() and digest == reply.digest()
    return result(mb * 2, growth, seconds, right=right and " 200 " in f"{first} ")


def queued(folder: Path, mb: int, processes: int) -> dict[str, object]:
    """A notice with an attachment, until it is delivered."""
    provider = Provider()
    provider.start()
    pair = Messages().notice(1024)
    request = Body(pair.request, mb)
    target = Server("receiver", f"http://127.0.0.1:{provider.port}/soap", 0)
    with serve(folder, target, sender="register", processes=processes, attachments=True) as bus:
        memory = Memory(bus.pid)
        memory.start()
        began = time.monotonic()
        first, _ = send(bus, pair.action, request)
        until_delivered(folder)
        seconds = time.monotonic() - began
        growth = memory.growth()
    return result(mb, growth, seconds, right=provider.digests[-1] == request.digest() and " 200 " in f"{first} ")


def until_delivered(folder: Path) -> None:
    """Wait until the message is recorded as delivered."""
    end = time.monotonic() + TIMEOUT_S
    while not delivered(folder)[0].get("DELIVERED"):
        if time.monotonic() > end:
            raise SystemExit("a message with an attachment was not delivered")
        time.sleep(SAMPLE_S)


def result(mb: int, growth: int, seconds: float, *, right: bool) -> dict[str, object]:
    """One measurement."""
    return {
        "mb_moved": mb,
        "growth_mb": round(growth / MB, 1),
        "seconds": round(seconds, 2),
        "mb_per_s": round(mb / seconds, 1),
        "right": right,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", choices=("direct", "queued"), default=None)
    parser.add_argument("--folder", type=Path, default=None, help="where the site folders are written")
    chosen = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="chiikibus-attachment-", dir=chosen.folder))
    try:
        found: dict[str, object] = {"mb": chosen.mb, "processes": chosen.processes}
        for name, measure in (("direct", direct), ("queued", queued)):
            if chosen.only in {None, name}:
                found[name] = measure(place / name, chosen.mb, chosen.processes)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(json.dumps(found))
    results = [each for each in found.values() if isinstance(each, dict)]
    return 0 if all(each["right"] and each["growth_mb"] < LIMIT_MB for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
