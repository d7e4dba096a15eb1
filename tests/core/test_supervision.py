"""What a service manager is told, and when nothing is told at all."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bus.core.supervision import ServiceManager
from tests.support.manager import FakeManager, manager


def of(one: FakeManager, **more: str) -> ServiceManager:
    """The manager as a process finds it in its environment."""
    return ServiceManager.of({"NOTIFY_SOCKET": one.name, **more})


def test_the_life_of_a_process_is_told_in_the_words_of_the_protocol() -> None:
    """Start, readiness, reload and end each have their line; a reload says when it began."""
    with manager() as listening:
        told = of(listening)
        told.starting("waits")
        told.ready("serves")
        told.reloading()
        told.stopping("ends")
        lines = listening.take()
    assert lines[:3] == ["STATUS=waits", "READY=1", "STATUS=serves"]
    assert lines[3] == "RELOADING=1"
    assert lines[4].startswith("MONOTONIC_USEC=")
    assert lines[5:] == ["STOPPING=1", "STATUS=ends"]


def test_a_socket_in_the_file_system_is_reached_too() -> None:
    """Not only abstract names: systemd itself uses a path."""
    with TemporaryDirectory(prefix="n") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        path = str(Path(folder) / "notify")
        listening.bind(path)
        listening.setblocking(False)
        ServiceManager.of({"NOTIFY_SOCKET": path}).ready("x")
        assert listening.recv(100) == b"READY=1\nSTATUS=x"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "@nobody-listens-here"}])
def test_without_a_manager_nothing_happens(environment: dict[str, str]) -> None:
    """Neither the lack of one nor one that does not listen disturbs the service."""
    absent = ServiceManager.of(environment)
    absent.ready("x")
    absent.stopping("x")


async def test_signs_of_life_ask_for_time_while_starting_and_feed_the_watchdog_afterwards() -> None:
    """The watchdog gets no sign before the process is ready, and none after it has begun to end."""
    with manager() as listening:
        told = of(listening, WATCHDOG_USEC="30000", WATCHDOG_PID=str(os.getpid()))
        watch = asyncio.create_task(told.watch())
        await asyncio.to_thread(listening.wait, "EXTEND_TIMEOUT_USEC=60000000", times=2)
        assert "WATCHDOG=1" not in listening.take()
        told.ready("x")
        await asyncio.to_thread(listening.wait, "WATCHDOG=1", times=3)
        told.stopping("x")
        extended = listening.take().count("EXTEND_TIMEOUT_USEC=60000000")
        await asyncio.to_thread(listening.wait, "EXTEND_TIMEOUT_USEC=60000000", times=extended + 1)
        watch.cancel()


async def test_a_loop_that_hangs_gives_no_sign() -> None:
    """The signs come from the event loop itself, so the manager notices one that no longer turns."""
    with manager() as listening:
        told = of(listening, WATCHDOG_USEC="3000")
        told.ready("x")
        watch = asyncio.create_task(told.watch())
        await asyncio.to_thread(listening.wait, "WATCHDOG=1")
        before = len(listening.take())
        with pytest.raises(AssertionError):
            listening.wait("WATCHDOG=1", times=before + 100, within_s=0.05)  # holds the loop up
        assert len(listening.take()) - before <= 1
        watch.cancel()


def test_a_watchdog_for_another_process_is_none() -> None:
    """A process that only inherited the variables is not the one the manager watches."""
    assert ServiceManager.of({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_s == 0
    assert ServiceManager.of({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000"}).watchdog_s == 1
    assert ServiceManager.of({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "soon"}).watchdog_s == 0
