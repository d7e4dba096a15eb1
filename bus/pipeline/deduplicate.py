"""Step 7: a message id that is known already is answered as it was answered, or refused when its content differs.

A direct call that failed for a reason that may pass, or whose answer is not kept, may be sent again under the same
id: it then goes out again (the receiver's inbox decides) and is journalled under the id with ``#2``, ``#3`` ...
"""

from __future__ import annotations

from typing import Final

from bus.core.errors import DuplicateError, WireError, error_entry
from bus.core.states import State
from bus.core.types import Exchange, Finding, Known, Mode, Problem
from bus.pipeline.house import House
from bus.pipeline.sequence import same_content
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault

MAX_CALLS: Final = 100
"""So often may one failed call be sent again under its id; then the stored answer stands."""

FORGOTTEN_S: Final = 600.0
"""A call that is still out after this long (more than any deadline) ended without its outcome being stored."""

_INTERRUPTED: Final = frozenset({"", "CB9001"})
"""Codes of a call whose outcome nobody was told, since the bus itself ended."""


def deduplicate(house: House, exchange: Exchange) -> Known | None:
    """What is known under the sender's message id; ``None`` for a new message.

    Errors: CB3001 other content under the same id, CB3002 the first one is still being processed.
    """
    message = exchange.message
    assert message is not None
    if message.id_given:
        return None
    sender = exchange.sender
    known: Known | None = None
    for call in range(2, MAX_CALLS + 2):
        known = house.journal.find(sender.municipality, sender.id, exchange.journal_id)
        if known is None:
            return None
        check(house, exchange, known)
        if call > MAX_CALLS or exchange.answers is not None or not _may_call_again(known):
            return known
        exchange.journal_id = f"{message.id}#{call}"
    return known


def check(house: House, exchange: Exchange, known: Known) -> None:
    """The known message is the same one, and finished or safely stored. Errors: CB3001, CB3002."""
    assert exchange.message is not None
    same = known.sha256 == exchange.message.sha256
    if not same and not _signed_anew(house, exchange, known) and not same_content(house, exchange, known):
        finding = Finding("CB3001", path="wsa:MessageID", got=f"exchange {known.exchange_id}")
        raise DuplicateError("CB3001", [finding], problem=Problem("DuplicateMessageID", "MessageID"))
    out = known.mode is Mode.DIRECT and known.state is State.DISPATCHING
    if out and exchange.answers is None and house.clock.now() - known.received_at < FORGOTTEN_S:
        raise DuplicateError("CB3002", retry_after_s=1)


def _signed_anew(house: House, exchange: Exchange, known: Known) -> bool:
    """Whether the known message says the same and was only signed at another time; both were verified on coming."""
    if exchange.sender.security is None:
        return False
    gate = house.tables.gates[exchange.sender.key]
    stored = house.journal.body(known.exchange_id) if gate.policy.signed else b""
    return bool(stored) and gate.content(stored) == gate.content(exchange.request.body)


def _may_call_again(known: Known) -> bool:
    """Whether the stored end of a direct call is worth another try."""
    if known.mode is not Mode.DIRECT or known.state is State.DELIVERED:
        return False
    if known.state is State.REPLIED:
        return not known.reply or (bool(known.code) and _passes(_fault_code(known.reply)))
    return known.state is State.DISPATCHING or known.code in _INTERRUPTED or _passes(known.code)


def _fault_code(reply: bytes) -> str:
    """The catalogue code inside a stored fault, empty when it has none."""
    try:
        return read_fault(envelope.read(safe_xml.parse(reply)).body).code
    except WireError:
        return ""


def _passes(code: str) -> bool:
    """Whether the catalogue calls the failure retryable."""
    try:
        return error_entry(code).retryable
    except KeyError:
        return False
