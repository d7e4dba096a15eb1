"""Circuit breaker per endpoint: after failures in a row nothing is sent for a while, then one probe decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

from bus.core.errors import DeliveryError
from bus.core.ports import Clock, HttpReply, Sender
from bus.core.settings import DeliverySettings
from bus.core.types import Endpoint, Finding, Package

TLS_FAILURES: Final = frozenset({"CB2046", "CB2047", "CB2048", "CB2049"})
"""Failures of the connection's certificates or ciphers: neither the network's nor the message's."""


UNABLE: Final = frozenset({401, 403, 503})
"""Answers that count as failures: out of service, or the bus's credential refused, where trying on locks accounts."""


class BreakerState(StrEnum):
    """Closed lets everything through, open nothing, half-open one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """The breaker of one endpoint. ``failures`` in a row open it for ``open_s`` seconds.

    ``turned`` hears when it opens (again, after a probe) and when it closes, but not of what ``told`` says.
    """

    def __init__(
        self, clock: Clock, *, failures: int, open_s: float, turned: Callable[[bool], None] | None = None
    ) -> None:
        self._clock = clock
        self._turned = turned
        self._failures = failures
        self._open_s = open_s
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing_since: float | None = None

    @property
    def state(self) -> BreakerState:
        """What the next caller would meet."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.wait_s() > 0 else BreakerState.HALF_OPEN

    def wait_s(self) -> float:
        """Seconds until something may be tried; 0 when it may be tried now."""
        if self._opened_at is None:
            return 0.0
        # A probe that never reports back must not keep the breaker open for ever: it counts as failed in time.
        since = self._opened_at if self._probing_since is None else max(self._opened_at, self._probing_since)
        return max(0.0, since + self._open_s - self._clock.monotonic())

    def allow(self) -> bool:
        """Whether one attempt may be made now; in the half-open state the one allowed is the probe."""
        if self._opened_at is None:
            return True
        if self.wait_s() > 0:
            return False
        self._probing_since = self._clock.monotonic()
        return True

    def success(self) -> None:
        """An attempt reached the endpoint."""
        self._in_a_row = 0
        if self._opened_at is not None:
            self._opened_at = self._probing_since = None
            if self._turned is not None:
                self._turned(False)

    def failure(self, code: str = "") -> None:
        """An attempt found the endpoint unable to answer; one of TLS opens at once: it would come again."""
        self._in_a_row += 1
        if self._opened_at is not None or self._in_a_row >= self._failures or code in TLS_FAILURES:
            turned = self._opened_at is None or self._probing_since is not None
            self._opened_at = self._clock.monotonic()
            self._probing_since = None
            if turned and self._turned is not None:
                self._turned(True)

    def told(self, *, opened: bool) -> None:
        """Another process of the bus has found out: open from now on, or closed."""
        self._in_a_row = 0
        self._opened_at = self._clock.monotonic() if opened else None
        self._probing_since = None


class Breakers:
    """The breakers of all endpoints, shared by direct calls and queued deliveries, and with other processes.

    ``turned`` hears of every breaker of this process that opens or closes by itself; ``told`` is for what others say.
    """

    def __init__(
        self, clock: Clock, settings: DeliverySettings, turned: Callable[[str, bool], None] | None = None
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._turned = turned
        self._breakers: dict[str, Breaker] = {}

    def of(self, endpoint_key: str) -> Breaker:
        """The breaker of ``<municipality>/<endpoint id>``."""
        breaker = self._breakers.get(endpoint_key)
        if breaker is None:
            settings, turned = self._settings, self._turned
            breaker = Breaker(
                self._clock,
                failures=settings.breaker_failures,
                open_s=settings.breaker_open_s,
                turned=None if turned is None else lambda opened: turned(endpoint_key, opened),
            )
            self._breakers[endpoint_key] = breaker
        return breaker

    def told(self, endpoint_key: str, *, opened: bool) -> None:
        """Another process found this endpoint out of reach, or there again."""
        self.of(endpoint_key).told(opened=opened)

    def forget(self, endpoint_key: str) -> None:
        """Start anew for an endpoint whose address changed."""
        self._breakers.pop(endpoint_key, None)

    def states(self) -> dict[str, BreakerState]:
        """The state of every breaker that was ever needed."""
        return {key: breaker.state for key, breaker in self._breakers.items()}


class GuardedSender:
    """A ``Sender`` for direct calls: refuses with CB5005 while the endpoint's breaker is open."""

    def __init__(self, sender: Sender, breakers: Breakers) -> None:
        self._sender = sender
        self._breakers = breakers

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """Send once. Errors: those of the inner sender, and CB5005."""
        breaker = self._breakers.of(endpoint.key)
        if not breaker.allow():
            raise _refused(endpoint, breaker)
        try:
            reply = await self._sender.post(endpoint, body, headers, deadline_s)
        except DeliveryError as error:
            breaker.failure(error.code)
            raise
        _note(breaker, reply)
        return reply

    async def post_package(
        self, endpoint: Endpoint, package: Package, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """Send once. Errors: those of the inner sender, and CB5005."""
        breaker = self._breakers.of(endpoint.key)
        if not breaker.allow():
            raise _refused(endpoint, breaker)
        try:
            reply = await self._sender.post_package(endpoint, package, headers, deadline_s)
        except DeliveryError as error:
            breaker.failure(error.code)
            raise
        _note(breaker, reply)
        return reply


def _refused(endpoint: Endpoint, breaker: Breaker) -> DeliveryError:
    """CB5005 with the time after which it may be tried again."""
    wait = max(1, round(breaker.wait_s()))
    return DeliveryError("CB5005", [Finding("CB5005", path=endpoint.key)], retry_after_s=wait)


def _note(breaker: Breaker, reply: HttpReply) -> None:
    """What says that the endpoint cannot answer now, as in the courier; any other answer says that it can."""
    if reply.status in UNABLE:
        breaker.failure()
    else:
        breaker.success()
