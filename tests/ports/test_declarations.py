"""What an implementation cannot do is declared with a known name and a reason."""

from __future__ import annotations

import pytest

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
    """The implementations that run without installation pass the whole suites."""
    assert not JOURNALS[0].lacks
    assert not BROKERS[0].lacks
