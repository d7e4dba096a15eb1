"""The command line in this process, and a running bus for the commands that need one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bus.app import build
from bus.app.composition import App
from bus.cli import run
from bus.core.config import load_site
from schemas.catalog import load_edition
from schemas.model import Edition
from tests.support.network import free_port
from tests.support.providers import FakeProvider, answer_inquiry, give_receipt, refuse
from tests.support.residents import RESIDENT
from tests.support.sites import write_site


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


@dataclass(slots=True)
class RunningTown:
    """A bus with its providers in a thread of their own."""

    folder: Path
    loop: asyncio.AbstractEventLoop
    app: App
    juki: FakeProvider
    tax: FakeProvider

    @property
    def url(self) -> str:
        """Where the bus listens."""
        return "http://{}:{}".format(*self.app.addresses[0])


@pytest.fixture
def town(tmp_path: Path) -> Iterator[RunningTown]:
    """A running town: juki answers, kokuho takes notices, tax refuses them."""
    edition = load_edition()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    providers = _providers(edition)
    ports = [call(provider.start()) for provider in providers]
    folder = write_site(tmp_path / "site", port=free_port(), juki=ports[0], tax=ports[1], kokuho=ports[2])

    async def start() -> App:
        app = build(load_site(folder, edition, need_secrets=True), edition)
        await app.start()
        return app

    app = call(start())
    yield RunningTown(folder, loop, app, providers[0], providers[1])
    call(app.stop())
    for provider in providers:
        call(provider.stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _providers(edition: Edition) -> list[FakeProvider]:
    return [
        FakeProvider(answer_inquiry(edition, "juki.jumin_shokai", RESIDENT)),
        FakeProvider(refuse("CB6004")),
        FakeProvider(give_receipt(edition, "juki.ido_tsuchi")),
    ]
