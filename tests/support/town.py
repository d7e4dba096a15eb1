"""A bus with three fake systems in a thread, for tests whose clients are synchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bus.app import build
from bus.app.composition import App
from bus.core.config import load_site
from schemas.catalog import load_edition
from schemas.model import Edition
from tests.support.network import free_port
from tests.support.providers import FakeProvider, answer_inquiry, give_receipt, refuse
from tests.support.residents import RESIDENT
from tests.support.sites import write_site


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

    def reload(self) -> None:
        """Read the folder again."""
        site = load_site(self.folder, need_secrets=True)
        asyncio.run_coroutine_threadsafe(self.app.reload(site), self.loop).result(20)


@contextmanager
def running_town(folder: Path, prepare: Callable[[Path], None] | None = None) -> Iterator[RunningTown]:
    """A running town: juki answers, kokuho takes notices, tax refuses them; ``prepare`` changes its site first."""
    edition = load_edition()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    providers = _providers(edition)
    ports = [call(provider.start()) for provider in providers]
    write_site(folder, port=free_port(), juki=ports[0], tax=ports[1], kokuho=ports[2])
    if prepare is not None:
        prepare(folder)

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
