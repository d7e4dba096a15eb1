"""Every implementation of a port, and the capabilities it does not have: an undeclared gap is a failing test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from bus.broker.amqp.broker import RabbitMqBroker
from bus.broker.memory import MemoryBroker
from bus.core.ports import Broker, Capability, Clock, Journal
from bus.journal.postgres.journal import PostgresJournal
from bus.journal.postgres.side import PostgresSide
from bus.journal.side import Side, SqliteSide
from bus.journal.sqlite import SqliteJournal
from tests.support.postgres import journal_place
from tests.support.rabbit_server import settings_for

JOURNAL_CAPABILITIES: Final = frozenset({"reopen", "single_owner"})
"""reopen: what was stored is there after a restart. single_owner: a second bus cannot open the same journal."""

BROKER_CAPABILITIES: Final = frozenset(Capability)


LoadBody = Callable[[str], bytes]


@dataclass(frozen=True)
class JournalImplementation:
    """How to make a journal at a place, and what it cannot do, with the reason."""

    name: str
    make: Callable[..., Journal]
    side: Callable[[Path], Side]
    lacks: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[pytest.MarkDecorator, ...] = ()


def _memory(request: pytest.FixtureRequest, max_resident: int, load_body: LoadBody, lanes: int) -> Broker:
    del request, lanes
    return MemoryBroker(max_resident, load_body)


def _rabbitmq(request: pytest.FixtureRequest, max_resident: int, load_body: LoadBody, lanes: int) -> Broker:
    server = request.getfixturevalue("rabbitmq")
    return RabbitMqBroker(settings_for(server, max_resident=max_resident, lanes=lanes), load_body)


@dataclass(frozen=True)
class BrokerImplementation:
    """How to make a broker (request, bytes of bodies kept, reader of bodies, lanes), and what it cannot do, and why."""

    name: str
    make: Callable[[pytest.FixtureRequest, int, LoadBody, int], Broker]
    lacks: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[pytest.MarkDecorator, ...] = ()


def _postgresql(folder: Path, clock: Clock, **wanted: Any) -> Journal:
    """On the server that this process of the tests shares."""
    return PostgresJournal(journal_place(folder), clock=clock, **wanted)


def _sqlite(folder: Path, clock: Clock, **wanted: Any) -> Journal:
    """In the folder."""
    return SqliteJournal(folder / "journal.sqlite", clock=clock, **wanted)


JOURNALS: Final = (
    JournalImplementation("sqlite", _sqlite, lambda folder: SqliteSide(folder / "journal.sqlite")),
    JournalImplementation(
        "postgresql",
        _postgresql,
        lambda folder: PostgresSide(journal_place(folder)),
        marks=(pytest.mark.slow, pytest.mark.system),
    ),
)
BROKERS: Final = (
    BrokerImplementation(
        "memory",
        _memory,
        {
            Capability.LANES: "one process delivers to an endpoint, and its delivery keeps lanes by itself",
            Capability.LASTING: "it ends with the process and is refilled from the journal",
            Capability.SHARED: "nobody outside of the process can reach it",
        },
    ),
    BrokerImplementation("rabbitmq", _rabbitmq, {}, (pytest.mark.slow, pytest.mark.system)),
)


def journals(*capabilities: str) -> list[Any]:
    """Parameters for a test that needs these capabilities."""
    return [
        pytest.param(each, id=each.name, marks=each.marks)
        for each in JOURNALS
        if not set(capabilities) & set(each.lacks)
    ]


def brokers(*capabilities: str) -> list[Any]:
    """Parameters for a test that needs these capabilities."""
    return [
        pytest.param(each, id=each.name, marks=each.marks)
        for each in BROKERS
        if not set(capabilities) & set(each.lacks)
    ]
