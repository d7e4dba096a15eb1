"""Acceptances, consignments and transitions for tests of journal, broker and delivery. All values are invented."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from bus.core.ports import Acceptance, Consignment, Transition
from bus.core.states import State
from bus.core.types import Mode

MUNICIPALITY = "990019"
NOW = 1_790_000_000.0

_numbers = itertools.count(1)


class SteppedClock:
    """A clock that stands until it is moved."""

    def __init__(self, at: float = NOW) -> None:
        self.at = at

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.at

    def monotonic(self) -> float:
        """The same seconds."""
        return self.at


def acceptance(message_id: str = "", *, targets: Sequence[str] = ("tax",), **changes: Any) -> Acceptance:
    """A queued notice of juki with an id of its own."""
    number = next(_numbers)
    raw = changes.pop("raw", f"<synthetic number='{number}'/>".encode())
    whole = Acceptance(
        exchange_id=f"{number:032x}",
        municipality=MUNICIPALITY,
        sender="juki",
        message_id=message_id or f"urn:uuid:{number:032x}",
        sha256=sha256(raw).hexdigest(),
        unit="juki",
        operation="juki.ido_tsuchi",
        edition="1.0",
        purpose="jumin",
        mode=Mode.QUEUED,
        ordering_keys=(f"atena:{number}", "setai:1"),
        received_at=NOW,
        expires_at=NOW + 3600,
        content_type="text/xml; charset=utf-8",
        soap_action="urn:chiikibus:standard:1.0:juki/ido_tsuchi",
        relates_to="",
        tables_hash="0" * 16,
        size=len(raw),
        state=State.ACCEPTED,
        targets=tuple(targets),
        raw=raw,
    )
    return replace(whole, **changes)


def call(message_id: str = "", **changes: Any) -> Acceptance:
    """A direct inquiry of tax to juki."""
    direct: dict[str, Any] = {
        "sender": "tax",
        "operation": "juki.jumin_shokai",
        "mode": Mode.DIRECT,
        "state": State.DISPATCHING,
        "ordering_keys": (),
    }
    return acceptance(message_id, targets=("juki",), **(direct | changes))


def refusal(message_id: str = "", code: str = "CB2002", **changes: Any) -> Acceptance:
    """A message that was refused after its sender was known."""
    return acceptance(message_id, targets=(), state=State.REJECTED, code=code, raw=b"", **changes)


def step(accepted: Acceptance, state: State, *, index: int = 0, **changes: Any) -> Transition:
    """A transition of one delivery of an acceptance."""
    return replace(Transition(accepted.delivery_id(index), state, NOW + 1), **changes)


def consignment(accepted: Acceptance, *, index: int = 0, **changes: Any) -> Consignment:
    """A delivery of an acceptance as the pipeline hands it over."""
    whole = Consignment(
        delivery_id=accepted.delivery_id(index),
        exchange_id=accepted.exchange_id,
        municipality=accepted.municipality,
        sender=accepted.sender,
        target=accepted.targets[index],
        operation=accepted.operation,
        message_id=accepted.message_id,
        ordering_keys=accepted.ordering_keys,
        accepted_at=accepted.received_at,
        expires_at=accepted.expires_at,
        content_type=accepted.content_type,
        soap_action=accepted.soap_action,
        purpose=accepted.purpose,
        raw=accepted.raw,
    )
    return replace(whole, **changes)
