"""The command line in this process, and a running bus for the commands that need one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bus.cli import run
from tests.support.network import free_port
from tests.support.sites import write_site
from tests.support.town import RunningTown, running_town


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document it must be."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(text) for text in self.out.splitlines()]


Cli = Callable[..., Result]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command line."""

    def call(*arguments: str | Path) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid site folder whose bus does not run."""
    return write_site(tmp_path / "site", port=free_port())


@pytest.fixture
def town(tmp_path: Path) -> Iterator[RunningTown]:
    """A running town: juki answers, kokuho takes notices, tax refuses them."""
    with running_town(tmp_path / "site") as running:
        yield running
