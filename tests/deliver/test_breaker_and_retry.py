"""Breaker and back-off by the clock: when something may be sent, and how long a failure waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.core.errors import DeliveryError
from bus.core.ports import HttpReply, Verdict
from bus.core.settings import DeliverySettings
from bus.core.states import State
from bus.core.types import Endpoint
from bus.deliver.breaker import Breaker, Breakers, BreakerState, GuardedSender
from bus.deliver.retry import JITTER, after_failure, wait_s
from tests.support.deliveries import NOW, SteppedClock, acceptance, consignment

SETTINGS = DeliverySettings(breaker_failures=3, breaker_open_s=5.0)
TAX = Endpoint("tax", "990019", "kojinjuminzei", address="http://tax.invalid/")


def opened(clock: SteppedClock) -> Breaker:
    """A breaker that has just opened."""
    breaker = Breaker(clock, failures=3, open_s=5.0)
    for _ in range(3):
        assert breaker.allow()
        breaker.failure()
    return breaker


def test_failures_in_a_row_open_it() -> None:
    """A success in between starts the count anew."""
    breaker = Breaker(SteppedClock(), failures=3, open_s=5.0)
    for outcome in (breaker.failure, breaker.failure, breaker.success, breaker.failure, breaker.failure):
        outcome()
    assert breaker.state is BreakerState.CLOSED
    breaker.failure()
    assert breaker.state is BreakerState.OPEN
    assert not breaker.allow()


def test_after_the_wait_one_probe_decides() -> None:
    """A second caller waits for the probe; success closes, failure opens for another full wait."""
    clock = SteppedClock()
    breaker = opened(clock)
    clock.at += 4.9
    assert not breaker.allow()
    clock.at += 0.2
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.allow()
    assert not breaker.allow()
    breaker.failure()
    assert breaker.wait_s() == 5.0
    clock.at += 5.0
    assert breaker.allow()
    breaker.success()
    assert breaker.state is BreakerState.CLOSED
    assert breaker.allow()


def test_a_probe_that_never_reports_back_does_not_lock_it() -> None:
    """After another wait the next probe may go."""
    clock = SteppedClock()
    breaker = opened(clock)
    clock.at += 5.0
    assert breaker.allow()
    clock.at += 4.0
    assert not breaker.allow()
    clock.at += 1.0
    assert breaker.allow()


class Scripted:
    """A sender that answers from a list."""

    def __init__(self, *outcomes: HttpReply | DeliveryError) -> None:
        self.outcomes = list(outcomes)

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """The next outcome."""
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, DeliveryError):
            raise outcome
        return outcome


async def test_direct_calls_are_refused_while_the_breaker_is_open() -> None:
    """CB5005 with the seconds to wait, without touching the target; queued deliveries share the same breaker."""
    clock = SteppedClock()
    breakers = Breakers(clock, SETTINGS)
    fine, busy = HttpReply(200, "", b""), HttpReply(503, "", b"")
    sender = GuardedSender(Scripted(DeliveryError("CB5002"), busy, DeliveryError("CB5001"), fine), breakers)
    for expected in ("CB5002", "", "CB5001"):
        try:
            await sender.post(TAX, b"", [], 1.0)
        except DeliveryError as error:
            assert error.code == expected
    with pytest.raises(DeliveryError) as caught:
        await sender.post(TAX, b"", [], 1.0)
    assert (caught.value.code, caught.value.retry_after_s) == ("CB5005", 5)
    assert breakers.states() == {TAX.key: BreakerState.OPEN}
    clock.at += 5
    assert (await sender.post(TAX, b"", [], 1.0)).status == 200
    assert breakers.of(TAX.key).state is BreakerState.CLOSED


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_a_refused_credential_counts_for_direct_calls_too(status: int) -> None:
    """As for queued deliveries: trying on locks accounts, and closes what those have opened."""
    breakers = Breakers(SteppedClock(), SETTINGS)
    sender = GuardedSender(Scripted(*[HttpReply(status, "", b"")] * 3), breakers)
    for _ in range(3):
        assert (await sender.post(TAX, b"", [], 1.0)).status == status
    assert breakers.states() == {TAX.key: BreakerState.OPEN}


def test_a_forgotten_breaker_starts_closed() -> None:
    """A new address has done nothing wrong yet."""
    breakers = Breakers(SteppedClock(), SETTINGS)
    for _ in range(3):
        breakers.of(TAX.key).failure()
    breakers.forget(TAX.key)
    assert breakers.of(TAX.key).allow()


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_to_their_limit_within_the_jitter(attempt: int, random: float) -> None:
    """Doubling from the first wait, never above the longest by more than the jitter, never nothing."""
    plain = min(2.0 ** min(attempt - 1, 60), 300.0)
    wait = wait_s(DeliverySettings(), attempt, random)
    assert plain * (1 - JITTER) <= wait <= plain * (1 + JITTER)


@given(st.integers(1, 60), st.floats(0, 1, exclude_max=True), st.floats(0, 10_000), st.floats(-10, 10_000))
def test_a_failure_waits_or_parks(attempt: int, random: float, retry_after_s: float, left_s: float) -> None:
    """At the limit PARKED with CB5007; before it RETRY_WAIT, never in the past and never beyond the expiry."""
    sent = replace(consignment(acceptance()), attempt=attempt, expires_at=NOW + left_s)
    verdict = Verdict(State.RETRY_WAIT, "CB6009", retry_after_s=retry_after_s)
    outcome = after_failure(sent, DeliverySettings(), verdict, now=NOW, random=random)
    if attempt >= 50:
        assert (outcome.state, outcome.code) == (State.PARKED, "CB5007")
        assert "CB6009" in outcome.detail
    else:
        assert (outcome.state, outcome.code) == (State.RETRY_WAIT, "CB6009")
        assert NOW <= outcome.next_attempt_at <= max(NOW, sent.expires_at)


def test_what_the_target_asks_for_is_respected() -> None:
    """Retry-After lengthens a wait, up to the longest one."""
    sent = replace(consignment(acceptance()), attempt=1, expires_at=NOW + 10_000)
    for asked, waited in ((0.5, 1.0), (60.0, 60.0), (9_999.0, 300.0)):
        verdict = Verdict(State.RETRY_WAIT, "CB6009", retry_after_s=asked)
        outcome = after_failure(sent, DeliverySettings(), verdict, now=NOW, random=0.5)
        assert outcome.next_attempt_at == NOW + waited


def test_what_a_breaker_finds_out_is_told_and_what_it_is_told_is_not() -> None:
    """Opening, opening again after a probe, closing: once each, with the endpoint's name."""
    clock = SteppedClock()
    heard: list[tuple[str, bool]] = []
    breakers = Breakers(clock, SETTINGS, lambda endpoint, opened: heard.append((endpoint, opened)))
    breaker = breakers.of("990019/tax")
    for _ in range(SETTINGS.breaker_failures + 2):
        breaker.failure()
    assert heard == [("990019/tax", True)]
    clock.at += SETTINGS.breaker_open_s
    assert breaker.allow()
    breaker.failure()
    clock.at += SETTINGS.breaker_open_s
    assert breaker.allow()
    breaker.success()
    breaker.success()
    assert heard == [("990019/tax", True), ("990019/tax", True), ("990019/tax", False)]
    breakers.told("990019/kokuho", opened=True)
    assert breakers.states()["990019/kokuho"] is BreakerState.OPEN
    assert not breakers.of("990019/kokuho").allow()
    breakers.told("990019/kokuho", opened=False)
    assert breakers.of("990019/kokuho").allow()
    assert len(heard) == 3
