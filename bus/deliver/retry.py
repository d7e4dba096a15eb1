"""When a delivery is tried again: exponential back-off with jitter, bounded by the limit and the expiry."""

from __future__ import annotations

from typing import Final

from bus.core.ports import Consignment, Transition, Verdict
from bus.core.settings import DeliverySettings
from bus.core.states import State
from bus.deliver.breaker import TLS_FAILURES

JITTER: Final = 0.2
"""A wait is stretched or shortened by up to this share, so that many failures do not come back together."""


def wait_s(settings: DeliverySettings, attempt: int, random: float) -> float:
    """Seconds before the attempt after ``attempt`` (1, 2, ...); ``random`` is in [0, 1)."""
    plain = min(settings.retry_first_s * 2.0 ** min(attempt - 1, 60), settings.retry_max_s)
    return plain * (1.0 + JITTER * (2.0 * random - 1.0))


def after_failure(
    sent: Consignment, settings: DeliverySettings, verdict: Verdict, *, now: float, random: float
) -> Transition:
    """RETRY_WAIT with the time of the next attempt, or PARKED with CB5007 at the limit of attempts.

    An attempt that would come after the expiry is set to the expiry itself, where the message is closed. Failures of
    TLS do not count: a certificate may take days to renew, and then nothing should have to be sent by hand.
    """
    if sent.attempt >= settings.retry_limit and verdict.code not in TLS_FAILURES:
        detail = verdict.detail or f'[{{"code": "{verdict.code}"}}]'
        return Transition(sent.delivery_id, State.PARKED, now, attempt=sent.attempt, code="CB5007", detail=detail)
    wait = max(wait_s(settings, sent.attempt, random), min(verdict.retry_after_s, settings.retry_max_s))
    return Transition(
        sent.delivery_id,
        State.RETRY_WAIT,
        now,
        attempt=sent.attempt,
        code=verdict.code,
        detail=verdict.detail,
        next_attempt_at=max(now, min(now + wait, sent.expires_at)),
    )
