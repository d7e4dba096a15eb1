"""A real bus process, a provider without faults behind it, and the address where a plain client finds the bus."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bus.journal.reader import SqliteReader
from tests.interop.provider import Provider, serving
from tests.interop.site import MUNICIPALITY, client_of, secret_of, write_site
from tests.interop.stacks import Workshop
from tests.support.network import accepts, free_port
from tests.support.processes import running

SOUND = "sound"


@dataclass(frozen=True, slots=True)
class Bus:
    """A running bus."""

    port: int
    folder: Path

    def door(self, provider: str) -> Door:
        """The address of the client whose calls go to this provider."""
        endpoint = client_of(provider)
        return Door(f"http://127.0.0.1:{self.port}/{MUNICIPALITY}/{endpoint}/juki", endpoint, secret_of(endpoint))

    def notices(self, provider: str) -> list[tuple[str, str]]:
        """State and code of every notice to this provider, sorted, as the journal has them."""
        return sorted((str(row["state"]), str(row["code"] or "")) for row in self._rows(provider))

    def ids(self, provider: str) -> set[str]:
        """The message ids of the notices to this provider."""
        return {str(row["message_id"]) for row in self._rows(provider)}

    def _rows(self, provider: str) -> Sequence[Mapping[str, object]]:
        reader = SqliteReader(self.folder / "var" / "journal.sqlite")
        rows = reader.search(operation="juki.ido_tsuchi", endpoint=provider)
        reader.close()
        return rows


@dataclass(frozen=True, slots=True)
class Door:
    """Where a plain client finds the bus, and with which credential."""

    url: str
    user: str
    secret: str

    @property
    def wsdl(self) -> str:
        """The address of the served WSDL."""
        return f"{self.url}?wsdl"


@dataclass(frozen=True, slots=True)
class Town:
    """A bus with a provider that makes no mistakes."""

    door: Door
    provider: Provider


@contextmanager
def running_bus(
    folder: Path,
    providers: dict[str, str],
    *,
    clients: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Iterator[Bus]:
    """A bus with the providers at these addresses; the rest as ``write_site`` says."""
    port = free_port()
    write_site(folder, port, providers, clients=clients, secrets=secrets)
    command = [Path(sys.executable).with_name("chiikibus"), "serve", "--site", folder]
    with running(command, log=folder / "bus.log", ready=lambda: accepts(port)):
        yield Bus(port, folder)


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A site with one plain client and one provider; the bus is the real process."""
    with (
        serving(secret_of(SOUND)) as provider,
        running_bus(tmp_path_factory.mktemp("site"), {SOUND: provider.url}) as bus,
    ):
        yield Town(bus.door(SOUND), provider)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Where programs are built; all workers of a test run share it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    return Workshop(shared / "interop")
