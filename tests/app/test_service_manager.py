"""The bus under a service manager, as a real process: readiness, reload, sign of life, end."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.manager import manager
from tests.support.processes import running
from tests.support.sites import change, write_site


@pytest.mark.slow
def test_the_bus_tells_its_manager_what_it_does(tmp_path: Path) -> None:
    """Ready only when it serves, reloads announced and ended even when refused, signs of life, the end announced."""
    site = write_site(tmp_path / "site")
    with manager() as listening:
        given = {"NOTIFY_SOCKET": listening.name, "WATCHDOG_USEC": "300000", "WATCHDOG_PID": ""}
        command = (sys.executable, "-m", "bus.cli", "serve", "--site", site)
        ready = "READY=1"
        with running(
            command, log=tmp_path / "log", ready=lambda: ready in listening.take(), environment=given
        ) as process:
            assert listening.told[0].startswith("STATUS=")
            listening.wait("WATCHDOG=1", times=2)
            os.kill(process.pid, signal.SIGHUP)
            listening.wait(ready, times=2)
            change(site / "routes.toml", 'mode = "queued"', 'mode = "sometimes"')
            os.kill(process.pid, signal.SIGHUP)
            listening.wait(ready, times=3)
            assert listening.take().count("RELOADING=1") == 2
            process.terminate()
            listening.wait("STOPPING=1")
            assert process.wait(20) == 0
