"""What the steps ask of a message with attachments, and when its segment belongs to a row of the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lxml import etree

from bus.core.errors import JournalError, WireError
from bus.core.ports import HttpReply
from bus.core.types import Exchange, Finding, Package
from bus.pipeline.disclosure import may_go_unread, seen_by_caller
from bus.pipeline.house import House
from bus.wire.attachments.references import follow


def admit(house: House, exchange: Exchange) -> None:
    """The route carries attachments, nothing is withheld, and every reference reaches its part.

    Errors: CB1050, CB1054, CB1056, CB1016 for content of a length that the schema does not allow.
    """
    operation = exchange.operation
    assert operation is not None
    if not _carries(house, exchange):
        finding = Finding("CB1050", path="routes.toml", expected=f"attachments = true for {operation.key}")
        raise WireError("CB1050", [finding])
    _nothing_withheld(house, exchange)
    if exchange.reliable is not None:
        # Its blocks are for the bus and would be taken out, which the bytes of a segment do not let.
        raise WireError("CB1050", [Finding("CB1050", path="wsrm:Sequence", expected="no attachments in a sequence")])
    places = house.tables.standard(exchange.sender).contracts[operation.unit].places
    follow(exchange.body, exchange.request.package, places, judged=not unread(house, exchange))


def admit_reply(house: House, exchange: Exchange, reply: HttpReply, payload: etree._Element) -> None:
    """The same for the answer of a target. Errors: those of ``admit``, which are then the provider's."""
    operation, package = exchange.operation, reply.package
    assert operation is not None
    assert package is not None
    if exchange.route is None or not exchange.route.attachments:
        finding = Finding("CB1050", path="routes.toml", expected=f"attachments = true for {operation.key}")
        raise WireError("CB1050", [finding])
    _nothing_withheld(house, exchange)
    places = house.tables.standard(exchange.sender).contracts[operation.unit].places
    follow(payload, package, places, judged=not exchange.opaque)


def unread(house: House, exchange: Exchange) -> bool:
    """Whether the schema will not be asked: a fault, or a body that its route carries unread."""
    if exchange.envelope.is_fault:
        return True
    operation = exchange.operation
    assert operation is not None
    prepared = None if exchange.relates_to else house.tables.route_for(exchange.sender, operation.key)
    return prepared is not None and prepared.route.opaque


def _carries(house: House, exchange: Exchange) -> bool:
    """Whether the route allows attachments; a late answer goes by the route of its request."""
    operation, known = exchange.operation, exchange.answers
    assert operation is not None
    tables, sender = house.tables, exchange.sender
    asked = sender if known is None else tables.endpoints.get((sender.municipality, known.sender), sender)
    prepared = tables.route_for(asked, operation.key)
    return prepared is None or prepared.route.attachments


def _nothing_withheld(house: House, exchange: Exchange) -> None:
    """Items cannot be taken out of an attachment: nobody gets one from whom items are withheld. Errors: CB1050."""
    right, operation = exchange.right, exchange.operation
    assert operation is not None
    if right is None:
        return
    asked = house.tables.endpoints.get((right.municipality, right.endpoint), exchange.sender)
    prepared = house.tables.route_for(asked, operation.key)
    if not may_go_unread(seen_by_caller(house.tables, exchange), None if prepared is None else prepared.route):
        raise WireError("CB1050", [Finding("CB1050", path="rights.toml withhold", expected="none")])


def unchanged(body: bytes, raw: bytes) -> None:
    """Only the bytes that came can go with their attachments. Errors: CB1050 for an envelope that was written anew."""
    if body is not raw:
        raise WireError("CB1050", [Finding("CB1050", path="envelope", expected="the bytes that were received")])


class Hold:
    """Whether the segment stays."""

    def __init__(self, package: Package) -> None:
        self._package = package
        package.kept = True

    def let_go(self) -> None:
        """No row holds it."""
        self._package.kept = False


@contextmanager
def held(package: Package) -> Iterator[Hold]:
    """The segment stays while its row may be on its way into the journal, whatever else ends; not after a refusal."""
    hold = Hold(package)
    try:
        yield hold
    except JournalError:
        hold.let_go()
        raise
