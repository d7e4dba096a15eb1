"""The service manager's end of ``sd_notify``: a real datagram socket with an abstract name."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from tests.support.polling import until


class FakeManager:
    """Collects the lines that processes send; ``name`` is what belongs into ``NOTIFY_SOCKET``."""

    def __init__(self, listening: socket.socket, name: str) -> None:
        self._socket = listening
        self.name = name
        self.told: list[str] = []

    def take(self) -> list[str]:
        """All lines so far, those that wait in the socket included."""
        while True:
            try:
                self.told += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.told

    def wait(self, line: str, *, times: int = 1, within_s: float = 30.0) -> None:
        """Until the line was told so many times."""
        until(lambda: self.take().count(line) >= times, within_s=within_s, what=f"{times} x {line}")


@contextmanager
def manager() -> Iterator[FakeManager]:
    """A listening manager."""
    name = f"chiikibus-test-{uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        listening.setblocking(False)
        yield FakeManager(listening, "@" + name)
