"""deploy/lib/environment.sh: says exactly what is missing, installs only where it may, starts no service."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.repository import ROOT


@dataclass(frozen=True, slots=True)
class Machine:
    """A pretended machine: its programs come first on PATH."""

    folder: Path

    def program(self, name: str, script: str) -> None:
        """Put a program on the machine."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    @property
    def policy(self) -> Path:
        """Where Debian looks whether a service may start."""
        return self.folder / "policy-rc.d"

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script that has the functions."""
        return subprocess.run(
            [
                "bash",
                "-c",
                f'. "{ROOT}/deploy/lib/environment.sh"; VENV="{self.folder}/venv"; PYTHON="$VENV/bin/python"; {script}',
            ],
            env={"PATH": f"{self.folder}/bin:/usr/bin:/bin", "POLICY_RC_D": str(self.policy), **environment},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A Debian machine of an ordinary user: nginx is installed, nothing else, no sudo."""
    made = Machine(tmp_path)
    made.program("id", "echo 1000")
    made.program("sudo", "exit 1")
    made.program("dpkg-query", 'for last; do :; done; [ "$last" = nginx ] && echo installed')
    made.program("apt-get", f'echo "$@" >> {tmp_path}/apt; test -x {made.policy} && echo guarded >> {tmp_path}/apt')
    return made


def asked(machine: Machine) -> str:
    """What apt-get was asked for."""
    record = machine.folder / "apt"
    return record.read_text() if record.exists() else ""


def test_what_is_installed_is_left_alone(machine: Machine) -> None:
    """Nothing missing: no output, no package manager."""
    run = machine.run("ensure_system_packages nginx")
    assert (run.returncode, run.stdout, run.stderr, asked(machine)) == (0, "", "", "")


def test_an_ordinary_user_is_told_what_is_missing(machine: Machine) -> None:
    """Exit code 3, with the packages and the command by name; nothing is tried."""
    run = machine.run("ensure_system_packages nginx wrk php-cli")
    assert run.returncode == 3
    assert "apt-get install wrk php-cli" in run.stderr
    assert asked(machine) == ""


def test_an_administrator_gets_the_missing_packages_without_their_services(machine: Machine) -> None:
    """Only what is missing is installed, under a policy that forbids services, which is gone afterwards."""
    machine.program("id", "echo 0")
    run = machine.run("ensure_system_packages nginx wrk")
    assert run.returncode == 0, run.stderr
    assert asked(machine).splitlines()[0].endswith("install wrk")
    assert "guarded" in asked(machine)
    assert not machine.policy.exists()


def test_a_policy_that_was_there_before_stays_as_it_was(machine: Machine) -> None:
    """A machine that forbids services in its own way keeps its file."""
    machine.program("id", "echo 0")
    machine.policy.write_text("#!/bin/sh\nexit 101 # theirs\n")
    machine.policy.chmod(0o755)
    machine.run("ensure_system_packages wrk")
    assert machine.policy.read_text().endswith("# theirs\n")


def test_the_policy_is_removed_after_a_failed_installation(machine: Machine) -> None:
    """A failure leaves the machine as it was, and is an environment error."""
    machine.program("id", "echo 0")
    machine.program("apt-get", "exit 100")
    assert machine.run("ensure_system_packages wrk").returncode == 3
    assert not machine.policy.exists()


def node(machine: Machine, *, npm: str = "touch installed") -> str:
    """A machine with node and an npm that does this; the command that installs into a cache of the test."""
    machine.program("node", "exit 0")
    machine.program("npm", f'echo "$PWD $@" >> {machine.folder}/npm; {npm}')
    programs = machine.folder / "clone" / "tests" / "interop" / "programs" / "node"
    programs.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        (programs / name).write_text("{}")
    return f'ROOT="{machine.folder}/clone"; ensure_node_packages'


def test_node_packages_are_installed_by_their_lock_once_and_without_scripts(machine: Machine) -> None:
    """npm ci in a folder that git ignores; again only when the lock has changed."""
    command = node(machine)
    assert machine.run(command).returncode == 0
    assert machine.run(command).returncode == 0
    calls = (machine.folder / "npm").read_text().splitlines()
    assert len(calls) == 1
    assert calls[0].startswith(f"{machine.folder}/clone/.cache/node-soap ci ")
    assert "--ignore-scripts" in calls[0]
    (machine.folder / "clone/tests/interop/programs/node/package-lock.json").write_text('{"changed": 1}')
    assert machine.run(command).returncode == 0
    assert len((machine.folder / "npm").read_text().splitlines()) == 2


def test_node_packages_that_cannot_be_installed_are_named(machine: Machine) -> None:
    """Exit code 3 with the command, and no stamp that would hide it the next time."""
    command = node(machine, npm="exit 1")
    run = machine.run(command)
    assert run.returncode == 3
    assert "npm ci" in run.stderr
    assert machine.run(command).returncode == 3


def test_a_python_without_ensurepip_names_the_package_it_needs(machine: Machine) -> None:
    """Debian packs venv separately; an ordinary user is told its name and no half-made environment stays."""
    machine.program("python3.12", f'case "$*" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"')
    run = machine.run("ensure_python_environment", CHIIKIBUS_PYTHON=str(machine.folder / "bin/python3.12"))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert run.returncode == 3
    assert f"python{version}-venv" in run.stderr
    assert not (machine.folder / "venv").exists()


def test_a_python_outside_the_supported_range_is_not_taken(machine: Machine) -> None:
    """3.10 and 3.14 are refused, with the range named."""
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python"):
        machine.program(name, "exit 1")
    run = machine.run("ensure_python_environment")
    assert run.returncode == 3
    assert "3.11" in run.stderr
    assert "3.13" in run.stderr
