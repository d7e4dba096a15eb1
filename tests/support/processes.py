"""Child processes of tests: started with a log file, waited for with a deadline, always ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.polling import DeadlinePassed, until

STOP_S = 15.0


class ProcessEnded(AssertionError):
    """The process ended although it should be running; the message holds the end of its log."""


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    ready: Callable[[], object],
    within_s: float = 20.0,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` until the block ends; the block starts when ``ready()`` is true.

    The process leads a session of its own; SIGTERM ends it, and SIGKILL goes to its whole group after
    ``STOP_S`` seconds. Raises ``ProcessEnded`` or ``DeadlinePassed`` with the end of the log.
    """
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )

    def is_ready() -> object:
        if process.poll() is not None:
            raise ProcessEnded(f"{command[0]} ended with {process.returncode}:\n{tail(log)}")
        return ready()

    try:
        try:
            until(is_ready, within_s=within_s, what=f"{command[0]} to be ready")
        except DeadlinePassed as late:
            raise DeadlinePassed(f"{late}\n{tail(log)}") from None
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and everything of its group."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_S)


def tail(log: Path, lines: int = 30) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def need(*programs: str) -> None:
    """Skip the test where a program is missing; in CI a skip counts as an error (see ``tests/conftest.py``)."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"programs not installed: {' '.join(missing)}")
