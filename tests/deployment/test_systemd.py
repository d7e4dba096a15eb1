"""The units for systemd: valid, narrow, and in agreement with what the programs do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bus.cli.output import ExitCode
from tests.support.network import free_port
from tests.support.processes import need, running
from tests.support.repository import ROOT
from tests.support.sites import change, write_site

UNITS = ROOT / "deploy/systemd"
SERVICES = ("chiikibus.service", "chiikibus-adapter@.service")
INSTALLED = "/opt/chiikibus/.venv/bin/chiikibus"

AS_ROOT_ONLY = {"fchown", "fchown32"}
"""SQLite gives its files to the owner of the database, and only asks for that when it runs as root."""


def setting(unit: str, name: str) -> list[str]:
    """All values of a setting, in order."""
    text = (UNITS / unit).read_text("utf-8")
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def calls_of(group: str) -> set[str]:
    """The system calls of a group, groups inside it included."""
    shown = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    found: set[str] = set()
    for line in (one.strip() for one in shown.stdout.splitlines()[1:]):
        if line.startswith("@"):
            found |= calls_of(line)
        elif line and not line.startswith("#"):
            found.add(line)
    return found


@pytest.mark.system
@pytest.mark.slow
def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    """Every line is understood; only the program's place is another one here."""
    need("systemd-analyze")
    for unit in UNITS.glob("chiikibus*.[st]*"):
        text = unit.read_text("utf-8").replace(INSTALLED, sys.executable)
        (tmp_path / unit.name).write_text(text, "utf-8")
    units = [tmp_path / name for name in (*SERVICES, "chiikibus-adapters.target")]
    run = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    ours = [line for line in run.stderr.splitlines() if "chiikibus" in line]
    assert ours == []
    assert run.returncode == 0, run.stderr


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_do_little(service: str) -> None:
    """systemd's own estimate of how exposed a service is: at most 1.3 of 10."""
    need("systemd-analyze")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=13", UNITS / service],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-400:]


@pytest.mark.system
@pytest.mark.slow
def test_the_bus_calls_nothing_that_the_filter_refuses(tmp_path: Path) -> None:
    """Start, a question over HTTP, reload and end, traced: every system call is one of those allowed."""
    need("systemd-analyze", "strace")
    allowed: set[str] = set()
    for value in setting("chiikibus.service", "SystemCallFilter"):
        groups = set[str]().union(*(calls_of(one) for one in value.lstrip("~").split()))
        allowed = allowed - groups if value.startswith("~") else allowed | groups
    port = free_port()
    site = write_site(tmp_path / "site", port=port)
    trace = tmp_path / "trace"
    command = ("strace", "-f", "-qq", "-o", trace, sys.executable, "-m", "bus.cli", "serve", "--site", site)
    ask = ["curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/health/ready"]
    with running(
        command, log=tmp_path / "log", ready=lambda: subprocess.run(ask, check=False).returncode == 0, within_s=60
    ):
        subprocess.run(ask, check=True)
    called = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", trace.read_text("utf-8", "replace"), re.MULTILINE))
    assert {"epoll_pwait", "accept4", "fdatasync"} & called
    assert called - allowed <= AS_ROOT_ONLY


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_the_command_of_a_service_is_one_the_program_has(service: str) -> None:
    """Options are those of the command, and both name the folder that the unit prepares."""
    (command,) = setting(service, "ExecStart")
    words = command.split()
    assert words[0] == INSTALLED
    assert setting(service, "BindPaths") == [f"/var/lib/chiikibus:{words[words.index('--site') + 1]}/var"]
    verbs = words[1 : next(at for at, word in enumerate(words) if word.startswith("-"))]
    told = subprocess.run(
        [sys.executable, "-m", "bus.cli", *verbs, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z]+", told))


@pytest.mark.slow
def test_a_site_with_problems_is_not_started_again(tmp_path: Path) -> None:
    """The exit code for problems of the site folder is the one after which systemd leaves the service alone."""
    site = write_site(tmp_path / "site")
    change(site / "routes.toml", 'mode = "queued"', 'mode = "sometimes"')
    run = subprocess.run([sys.executable, "-m", "bus.cli", "serve", "--site", site], capture_output=True, check=False)
    assert run.returncode == ExitCode.USAGE
    assert setting("chiikibus.service", "RestartPreventExitStatus") == [str(int(ExitCode.USAGE))]
