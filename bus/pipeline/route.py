"""Step 8: a pure decision: to whom, how, in which order, until when."""

from __future__ import annotations

from lxml import etree

from bus.core.errors import RightsError, WireError
from bus.core.types import FIRST, Endpoint, Exchange, Finding, Mode, Problem
from bus.pipeline import late
from bus.pipeline.disclosure import may_go_unread, seen_by_caller
from bus.pipeline.house import House
from bus.pipeline.rows import FOR_NOBODY, IN_BULK, Limit, for_nobody, is_for
from bus.pipeline.tables import Lane, PreparedRoute, Tables
from bus.pipeline.veil import raised
from bus.wire.addressing import is_addressed, required


def route(house: House, exchange: Exchange) -> None:
    """Errors: CB2005 no route, CB2002 a target without right, CB2056 one whose statement has ended, CB2006 reply
    address, CB1011 no back channel, CB3028 and CB3029 the records are for no target.
    """
    if exchange.relates_to:
        late.route(house, exchange)
        return
    operation, message = exchange.operation, exchange.message
    assert operation is not None
    assert message is not None
    tables, way = house.tables, exchange.way
    prepared = way.prepared
    if prepared is None:
        got = f"{exchange.sender.key} {operation.key}"
        raise RightsError("CB2005", [Finding("CB2005", path="routes.toml", expected="route", got=got)])
    if prepared.from_unit and prepared.from_unit != exchange.sender.unit:
        got = f"{exchange.sender.key} {operation.key}"
        expected = f"an endpoint of {prepared.from_unit}"
        raise RightsError("CB2002", [Finding("CB2002", path="rights.toml", expected=expected, got=got)])
    if prepared.denied:
        raise _denied(prepared, operation.key)
    wanted = message.context.receiver_system
    if wanted and wanted not in prepared.route.targets:
        raise RightsError("CB2005", [Finding("CB2005", path="Context/soshinsaki/shisutemu", got=wanted)])
    exchange.route = prepared.route
    exchange.targets = prepared.targets
    exchange.mode = prepared.route.mode
    if message.addressing.reply_to or message.addressing.fault_to:
        _check_reply_address(tables, exchange)
    if exchange.opaque or message.package is not None:
        _check_unread(tables, exchange)
    if prepared.limited and not exchange.opaque:
        exchange.targets = _meant(tables, exchange)
    if prepared.subject is not None and not exchange.opaque:
        exchange.asked = (way.own.subject or prepared.subject).asked(exchange.body)
    if way.lanes and not exchange.opaque:
        exchange.ordering_keys = ordering_keys(way.lanes, exchange.body)
    urgent = way.preferred and exchange.mode is Mode.QUEUED and not exchange.opaque
    if urgent and raised(exchange.body, way.preferred) is not None:
        exchange.ordering_keys = (*exchange.ordering_keys, FIRST)
    if message.context.ordering_key:
        exchange.ordering_keys = (*exchange.ordering_keys, f"junjo:{message.context.ordering_key}")


def ordering_keys(lanes: tuple[Lane, ...], payload: etree._Element) -> tuple[str, ...]:
    """``<lane>:<value>`` for every lane whose element is there; a message waits for earlier ones that share any."""
    keys = []
    for lane in lanes:
        element: etree._Element | None = payload
        for tag in lane.path:
            if element is None:
                break
            element = next(element.iterchildren(tag), None)
        if element is not None and element.text:
            keys.append(f"{lane.name}:{element.text}")
    return tuple(keys)


def _denied(prepared: PreparedRoute, operation: str) -> RightsError:
    """CB2056 where a statement of conformity has ended, else CB2002."""
    if prepared.lapsed:
        return RightsError("CB2056", [Finding("CB2056", path="statements", got=key) for key in sorted(prepared.lapsed)])
    findings = [Finding("CB2002", path="rights.toml", expected=f"{key} {operation}") for key in prepared.denied]
    return RightsError("CB2002", findings)


def _meant(tables: Tables, exchange: Exchange) -> tuple[Endpoint, ...]:
    """The targets that may see the records of a notice; of a bulk transfer each target has every record, or none goes.

    Errors: CB3028, CB3029.
    """
    assert exchange.operation is not None
    veils = tables.seen_by(exchange.sender).deliveries
    meant, refused = [], []
    limits: tuple[Limit, ...] = ()
    for target in exchange.targets:
        veil = veils.get((target.key, exchange.operation.key))
        if veil is None or not veil.limits or is_for(exchange.body, veil.record, veil.limits):
            meant.append(target)
        else:
            refused.append(target)
            limits += veil.limits
    if refused and (exchange.operation.pattern == "bulk" or not meant):
        raise for_nobody(IN_BULK if exchange.operation.pattern == "bulk" else FOR_NOBODY, refused, limits)
    return tuple(meant)


def _check_reply_address(tables: Tables, exchange: Exchange) -> None:
    """Replies and faults go to registered addresses of the sender's municipality. Errors: CB1011, CB2002, CB2006."""
    assert exchange.message is not None
    assert exchange.operation is not None
    sender, operation, addressing = exchange.sender, exchange.operation, exchange.message.addressing
    for name, address in (("ReplyTo", addressing.reply_to), ("FaultTo", addressing.fault_to)):
        if not is_addressed(address):
            continue
        path = f"wsa:{name}"
        receiver = tables.addresses.get((sender.municipality, address))
        if receiver is None:
            finding = Finding("CB2006", path=path, expected="endpoints.toml address")
            raise RightsError("CB2006", [finding], problem=Problem("InvalidAddress", name, iri=address))
        if receiver != sender and (receiver.key, operation.key, exchange.purpose) not in tables.rights:
            got = f"{receiver.key} {operation.key}"
            raise RightsError("CB2002", [Finding("CB2002", path=path, expected="right", got=got)])
        if not addressing.message_id:
            raise required("MessageID")
        if name == "FaultTo":
            continue
        if not late.has_answer(operation) or exchange.opaque:
            finding = Finding("CB1011", path=path, expected="anonymous")
            raise WireError("CB1011", [finding], problem=Problem("OnlyAnonymousAddressSupported", name, iri=address))
        exchange.mode = Mode.QUEUED


def _check_unread(tables: Tables, exchange: Exchange) -> None:
    """Items cannot be withheld from a body that is not read, nor from attachments, unless the route says why they may
    go. Errors: CB2002.
    """
    assert exchange.operation is not None
    assert exchange.route is not None
    key = exchange.operation.key
    veils = [seen_by_caller(tables, exchange)]
    veils += [tables.views.deliveries.get((target.key, key)) for target in exchange.targets]
    if not all(may_go_unread(veil, exchange.route) for veil in veils):
        expected = "a route that is not opaque" if exchange.opaque else "no attachments"
        raise RightsError("CB2002", [Finding("CB2002", path="rights.toml withhold", expected=expected)])
