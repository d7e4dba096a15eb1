"""Tells the service manager that a process starts, is ready, reloads or ends, and that its event loop still turns.

The protocol is that of ``sd_notify(3)``: datagrams of ``NAME=value`` lines to the socket named in ``NOTIFY_SOCKET``;
``WATCHDOG_USEC`` and ``WATCHDOG_PID`` say how often the manager wants a sign of life. Without them nothing is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

STARTING_EXTENDED_S: Final = 60
"""While a process starts each sign of life asks for this much more time: waiting for a journal may take long."""

STARTING_SIGN_S: Final = 15.0
"""Time between two such signs."""

_MICRO: Final = 1_000_000


@dataclass(slots=True)
class ServiceManager:
    """The manager's socket. ``address`` is empty where there is none; ``watchdog_s`` is 0 where no sign is wanted."""

    address: str = ""
    watchdog_s: float = 0.0
    _ready: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The manager that the environment names; a watchdog meant for another process is none."""
        wanted = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        seconds = int(wanted) / _MICRO if wanted.isdecimal() and meant else 0.0
        return cls(environment.get("NOTIFY_SOCKET", ""), seconds)

    def starting(self, status: str) -> None:
        """What the start waits for."""
        self._tell(f"STATUS={status}")

    def ready(self, status: str) -> None:
        """Requests are served from now on, or again after a reload."""
        self._ready = True
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """The configuration is read anew; ``ready`` follows."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        """No more requests; what has begun is finished."""
        self._ready = False
        self._tell(f"STOPPING=1\nSTATUS={status}")

    async def watch(self) -> None:
        """Give signs of life until cancelled: more time while starting or stopping, the watchdog's sign when ready.

        They come from the event loop: one that hangs gives none, and the manager starts the process again.
        """
        if not self.address:
            return
        while True:
            if self._ready:
                if not self.watchdog_s:
                    return
                self._tell("WATCHDOG=1")
                await asyncio.sleep(self.watchdog_s / 3)
            else:
                self._tell(f"EXTEND_TIMEOUT_USEC={STARTING_EXTENDED_S * _MICRO}")
                await asyncio.sleep(min(STARTING_SIGN_S, self.watchdog_s / 3 or STARTING_SIGN_S))

    def _tell(self, message: str) -> None:
        """Send one datagram. A manager that does not listen changes nothing about the service."""
        if not self.address:
            return
        name = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as it:
            it.setblocking(False)
            it.sendto(message.encode(), name)
