"""The compose file and the image's recipe agree with the program and with each other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.network import free_port
from tests.support.processes import running
from tests.support.repository import ROOT
from tests.support.sites import write_site

pytestmark = pytest.mark.slow

RECIPE = (ROOT / "deploy/container/Containerfile").read_text("utf-8")
SERVICE = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text("utf-8"))["services"]["chiikibus"]


def test_the_health_check_tells_a_bus_that_serves_from_one_that_does_not(tmp_path: Path) -> None:
    """The very command of the file, on another port: 0 beside a running bus, not 0 without one."""
    port = free_port()
    _, program, *arguments = SERVICE["healthcheck"]["test"]
    assert program == "python"
    command = [sys.executable, *(one.replace(":8480/", f":{port}/") for one in arguments)]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    site = write_site(tmp_path / "site", port=port)

    def healthy() -> bool:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    with running(
        (sys.executable, "-m", "bus.cli", "serve", "--site", site), log=tmp_path / "log", ready=healthy, within_s=60
    ):
        assert healthy()


def test_the_recipe_copies_all_that_is_installed_and_nothing_else() -> None:
    """Every package and file that the recipe names exists, is let through, and nobody's data is."""
    copied = {name for line in re.findall(r"^COPY (?!--)(.*)$", RECIPE, re.MULTILINE) for name in line.split()[:-1]}
    let_through = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"
    }
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)
    assert copied >= {"bus", "adapters", "schemas", "conformance", "requirements.lock"}


def test_image_compose_and_manifests_name_the_same_user_and_version() -> None:
    """The number of the account and the version of the program are the same everywhere."""
    version = re.search(r"^version = (.*)$", (ROOT / "setup.cfg").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert SERVICE["image"] == f"chiikibus:{version[1]}"
    assert "USER 10001:10001" in RECIPE
    assert SERVICE["user"] == "10001:10001"
    kustomization = yaml.safe_load((ROOT / "deploy/kubernetes/example/kustomization.yaml").read_text("utf-8"))
    assert kustomization["images"] == [{"name": "chiikibus", "newTag": version[1]}]
    assert SERVICE["command"][0] in {"up", "serve"}
