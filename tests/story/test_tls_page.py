"""What docs/tls.md tells an operator to try works, line by line, on a fresh copy of the example's site folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.story.town import example_module, listening
from tests.support.network import free_port
from tests.support.processes import running
from tests.support.repository import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
BEFORE = ("deploy/quickstart.sh", ". .venv/bin/activate", "export ")
"""What the test does itself."""


def blocks() -> tuple[list[str], list[str]]:
    """The commands of the two blocks below the heading: what works, and what is broken on purpose (with its code)."""
    text = (ROOT / "docs/tls.md").read_text("utf-8")
    page = text[text.index("## 試す") : text.index("## 設定")].replace("\\\n", "")
    works, broken = (block.splitlines() for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    return [line for line in works if not line.startswith(BEFORE)], broken


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who follows the page in a folder of his own; ``ports`` are this test's for those of the page."""

    folder: Path
    ports: dict[str, str]

    def command(self, line: str) -> list[str]:
        """A line for a shell, without what sends it to the background."""
        for known, port in self.ports.items():
            line = line.replace(known, port)
        return ["bash", "-c", re.sub(r"\s&(\s*#.*)?$", "", line)]

    @property
    def environment(self) -> dict[str, str]:
        """The site folder is set, and the command is that of this repository."""
        program = self.folder / "bin" / "chiikibus"
        if not program.exists():
            program.parent.mkdir()
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bus.cli "$@"\n', "utf-8")
            program.chmod(0o755)
        path = f"{program.parent}:{os.environ['PATH']}"
        return {**os.environ, "CHIIKIBUS_SITE": "town/site", "PYTHONPATH": str(ROOT), "PATH": path}

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """One line, to its end."""
        return subprocess.run(
            self.command(line),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
            cwd=self.folder,
            env=self.environment,
        )


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A prepared site folder on free ports; nothing runs."""
    hall = example_module("townhall").TownHall(tmp_path / "town", fixed_ports=False)
    hall.prepare()
    endpoints = hall.site / "endpoints.toml"
    endpoints.write_text(endpoints.read_text("utf-8").replace('adapter = "a-tax"', 'adapter = "b-tax"'), "utf-8")
    known = {"8480": hall.ports["bus"], "8584": hall.ports["sim-b-tax"], "8493": hall.ports["b-tax"]}
    yield Reader(tmp_path, {name: str(port) for name, port in {**known, "8443": free_port()}.items()})
    hall.stop()


def test_the_page_can_be_followed_to_the_letter(reader: Reader) -> None:
    """Every line ends well and says something; what is broken on purpose is refused with the code of the page."""
    works, broken = blocks()
    works = [line.replace("tls create", "tls create --listen 127.0.0.1:8443") for line in works]
    simulator, up = (line for line in works if re.search(r"\s&(\s*#.*)?$", line))
    rest = [line for line in works if line not in {simulator, up}]
    cut = next(number for number, line in enumerate(rest) if " send " in line)
    for line in rest[:cut]:
        assert well(reader.run(line)), line
    log, port = reader.folder / "up.log", int(reader.ports["8584"])
    how: dict[str, Any] = {"cwd": reader.folder, "environment": reader.environment}
    with (
        running(reader.command(simulator), log=reader.folder / "b-tax.log", ready=lambda: listening(port), **how),
        running(reader.command(up), log=log, ready=lambda: "bus (TLS): " in log.read_text("utf-8"), **how),
    ):
        for line in rest[cut:]:
            done = reader.run(line)
            assert well(done), line
            assert done.stdout.strip()
        for line in broken:
            done = reader.run(line)
            (code,) = re.findall(r"# (CB\d{4})", line)
            assert (done.returncode, done.stderr) == (1, ""), line
            assert f"verdict: {code} " in done.stdout, line
    assert len(broken) == 4


def well(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a command ended without anything to complain of."""
    print(done.stdout, done.stderr)
    return (done.returncode, done.stderr) == (0, "")
