"""What every flow is made of: its place in the process, the request it answers and the reply it gives."""

from __future__ import annotations

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from aiohttp import web
from lxml import etree

from adapters.host.bus_client import BusClient
from adapters.host.compose import Composer
from adapters.host.definition import Definition, FlowSpec
from adapters.host.store import Store
from adapters.host.translate import Translators
from adapters.transports.file_drop import END_MARK, FileDrop
from bus.core.errors import WireError
from bus.core.ports import Clock, Ids
from bus.core.settings import AdapterSpec
from bus.core.types import Addressing, Context
from bus.wire.addressing import NO_ADDRESSING
from bus.wire.attachments.files import ReceivedFile
from bus.wire.context import NO_CONTEXT
from bus.wire.contract import UnitContract
from schemas.model import Edition, Operation


@dataclass(frozen=True, slots=True)
class Request:
    """A message from the bus, parsed and valid. ``files`` go when it is answered, but those moved elsewhere before.

    ``withheld`` says that the bus took items out of it that this endpoint may not see, ``late`` that it is the answer
    to a question of this adapter.
    """

    message_id: str
    operation: Operation
    payload: etree._Element = field(repr=False)
    addressing: Addressing = NO_ADDRESSING
    context: Context = NO_CONTEXT
    purpose: str = ""
    sender: str = ""
    files: tuple[ReceivedFile, ...] = ()
    withheld: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A flow's answer: the payload (``None``: accepted, the answer comes later) and what must be durable before it.

    ``store`` runs in the same transaction as the inbox entry; ``after`` is called once that is on disk.
    """

    payload: etree._Element | None = field(repr=False, default=None)
    store: Callable[[sqlite3.Connection], object] | None = None
    after: Callable[[], None] | None = None


class Flow(Protocol):
    """One ``[[flow]]`` of an adapter."""

    @property
    def id(self) -> str:
        """The flow's name, unique in the adapter."""
        ...

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``."""
        ...


class Answering(Protocol):
    """A flow that answers operations of the bus."""

    @property
    def operations(self) -> Sequence[str]:
        """The operations ``<unit>.<name>`` it answers."""
        ...

    async def answer(self, request: Request) -> Reply:
        """Answer a request or raise a coded error; nothing of it may be lost once the reply is stored."""
        ...


@runtime_checkable
class Trying(Protocol):
    """A flow that can say what would become of a message without taking it."""

    async def trial(self, request: Request) -> None:
        """Errors: the coded error with which it would refuse."""
        ...


class Releasing(Protocol):
    """A flow that holds records until a character is registered."""

    async def release(self) -> None:
        """Try the held records again."""
        ...


@dataclass(frozen=True, slots=True)
class Environment:
    """What a flow may use of its process.

    ``posted`` tells the sender that the outbox has something new, ``changed`` a flow that the records of a file (its
    source) are not what its error list says any more; ``web`` collects handlers of the process's own
    HTTP face as (method, path, handler) before it starts.
    """

    spec: AdapterSpec
    folder: Path
    definition: Definition
    edition: Edition
    contracts: Mapping[str, UnitContract]
    store: Store
    bus: BusClient
    clock: Clock
    ids: Ids
    translators: Translators
    posted: Callable[[], None]
    changed: Callable[[str, str], None]
    web: list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = field(default_factory=list)

    @property
    def owners(self) -> frozenset[str]:
        """Whose records this adapter may carry: its municipality, and the codes (wards) of the setting ``dantaikodo``.

        The setting is a list, or a text with the codes separated by commas.
        """
        more = self.spec.settings.get("dantaikodo", ())
        codes = more.split(",") if isinstance(more, str) else [str(one) for one in more]
        return frozenset({self.spec.municipality, *(one.strip() for one in codes if one.strip())})

    def operation(self, key: str) -> Operation:
        """The operation of the edition (the definition was checked: it exists)."""
        found = self.edition.operation(key)
        assert found is not None, key
        return found

    def setting(self, key: str) -> str:
        """A text of ``[adapter.settings]`` (checked at start)."""
        return str(self.spec.settings[key])

    def path(self, key: str) -> Path:
        """A folder or file of ``[adapter.settings]``, relative to the site folder."""
        return self.folder / self.setting(key)

    def check(self, operation: Operation, payload: etree._Element) -> None:
        """Raise ``WireError`` with all findings when the payload breaks the contract."""
        findings = self.contracts[operation.unit].validate(payload)
        if findings:
            raise WireError(findings[0].code, findings)


@dataclass(slots=True)
class WiredFlow:
    """What every flow begins with: its declaration, its place in the process, and who writes its messages."""

    spec: FlowSpec
    environment: Environment
    composer: Composer

    @property
    def id(self) -> str:
        """The flow's name."""
        return self.spec.id

    def vendor_folder(self, folder: str = "folder", pattern: str = "pattern") -> FileDrop:
        """The vendor's folder, file pattern and end mark, by the keys under which the declaration has them."""
        place = self.environment.path(self.spec.text(folder))
        return FileDrop(place, (self.spec.text(pattern),), self.spec.text("end_mark", END_MARK))


@dataclass(slots=True)
class AnsweringFlow(WiredFlow, ABC):
    """A flow that the bus calls; see ``Answering``. ``takes_files`` says that it does something with attachments."""

    takes_files: ClassVar[bool] = False

    @property
    def operations(self) -> Sequence[str]:
        """The operations answered."""
        return self.spec.operations

    @abstractmethod
    async def answer(self, request: Request) -> Reply:
        """Answer a request or raise a coded error."""
