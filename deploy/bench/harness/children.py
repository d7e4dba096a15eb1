"""Child processes of the harness: started in their own group, waited for, always ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

READY_S = 120.0
STOP_S = 20.0


class HarnessError(Exception):
    """Something of the harness itself does not work; the message holds the end of the log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def child(command: Sequence[str | Path], port: int, log: Path, within_s: float = READY_S) -> Iterator[int]:
    """Run a server until the block ends; yields its process id once it accepts connections on ``port``.

    Errors: ``HarnessError`` where that takes longer than ``within_s`` seconds.
    """
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + within_s
        while not _accepts(port):
            if process.poll() is not None or time.monotonic() > end:
                ends = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise HarnessError(f"{command[0]} does not serve port {port}:\n{ends}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_S)


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
