"""Every implementation of a port, and the capabilities it does not have: an undeclared gap is a failing test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from bus.broker.memory import MemoryBroker
from bus.core.ports import Broker, Clock, Journal
from bus.journal.postgres.journal import PostgresJournal
from bus.journal.sqlite import SqliteJournal
from tests.support.postgres import journal_place

JOURNAL_CAPABILITIES: Final = frozenset({"reopen", "single_owner"})
"""reopen: what was stored is there after a restart. single_owner: a second bus cannot open the same journal."""

BROKER_CAPABILITIES: Final = frozenset({"bounded_bodies"})
"""bounded_bodies: bodies beyond a limit are not kept by the broker but read back from the journal."""


@dataclass(frozen=True)
class JournalImplementation:
    """How to make a journal at a place, and what it cannot do, with the reason."""

    name: str
    make: Callable[[Path, Clock], Journal]
    lacks: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[pytest.MarkDecorator, ...] = ()


@dataclass(frozen=True)
class BrokerImplementation:
    """How to make a broker, and what it cannot do, with the reason."""

    name: str
    make: Callable[[int, Callable[[str], bytes]], Broker]
    lacks: Mapping[str, str] = field(default_factory=dict)


def _postgresql(folder: Path, clock: Clock) -> Journal:
    """On the server that this process of the tests shares."""
    return PostgresJournal(journal_place(folder), clock=clock)


JOURNALS: Final = (
    JournalImplementation("sqlite", lambda folder, clock: SqliteJournal(folder / "journal.sqlite", clock=clock)),
    JournalImplementation("postgresql", _postgresql, marks=(pytest.mark.slow, pytest.mark.system)),
)
BROKERS: Final = (BrokerImplementation("memory", MemoryBroker),)


def journals(*capabilities: str) -> list[Any]:
    """Parameters for a test that needs these capabilities."""
    return [
        pytest.param(each, id=each.name, marks=each.marks)
        for each in JOURNALS
        if not set(capabilities) & set(each.lacks)
    ]


def brokers(*capabilities: str) -> list[Any]:
    """Parameters for a test that needs these capabilities."""
    return [pytest.param(each, id=each.name) for each in BROKERS if not set(capabilities) & set(each.lacks)]
