"""What an implementation cannot do is declared with a known name and a reason."""

from __future__ import annotations

import pytest

from bus.broker.amqp.broker import RabbitMqBroker
from bus.broker.memory import MemoryBroker
from bus.core.ports import Capability
from bus.core.settings import BrokerSettings
from tests.ports.implementations import BROKER_CAPABILITIES, BROKERS, JOURNAL_CAPABILITIES, JOURNALS


@pytest.mark.parametrize(
    ("implementations", "capabilities"),
    [(JOURNALS, JOURNAL_CAPABILITIES), (BROKERS, BROKER_CAPABILITIES)],
    ids=["journals", "brokers"],
)
def test_every_gap_is_a_known_capability_with_its_reason(implementations, capabilities) -> None:
    """A misspelt or unexplained gap would silently leave tests out."""
    for implementation in implementations:
        assert set(implementation.lacks) <= capabilities
        assert all(reason.strip() for reason in implementation.lacks.values())


def test_the_embedded_defaults_lack_nothing() -> None:
    """The journal that runs without installation passes the whole suite, the broker all that is not about others."""
    assert not JOURNALS[0].lacks
    assert set(BROKERS[0].lacks) == {Capability.LANES, Capability.LASTING, Capability.SHARED}


def test_what_a_broker_says_of_itself_is_what_is_declared_for_it() -> None:
    """Program and tests cannot drift apart: the suite leaves out only what the broker itself does not claim."""
    memory = MemoryBroker(0, lambda exchange_id: b"")
    rabbit = RabbitMqBroker(BrokerSettings(), lambda exchange_id: b"")
    consumer = RabbitMqBroker(BrokerSettings(), lambda exchange_id: b"", refills=False)
    assert memory.capabilities == BROKER_CAPABILITIES - set(BROKERS[0].lacks)
    assert rabbit.capabilities | consumer.capabilities == BROKER_CAPABILITIES - set(BROKERS[1].lacks)
