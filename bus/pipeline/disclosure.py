"""The disclosure rules: what its receiver may not see is taken out of a message; only then, or in another edition for
its receiver, is it written anew.

The receiver learns from a header block (``bus.wire.withheld``) which items it does not get and for what class of
reason. What is said there depends on the tables and on the flags that the receiver gets anyway, never on a value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from lxml import etree

from bus.core.errors import RightsError, WireError
from bus.core.ports import Consignment
from bus.core.types import Endpoint, Exchange, Finding, Reduced, Route
from bus.pipeline.editions import Change, change_of
from bus.pipeline.glyphs import must_read
from bus.pipeline.rows import limit_records, name_of
from bus.pipeline.tables import ANSWER_SUFFIX, Tables
from bus.pipeline.veil import HOGO, KAIJI, KENGEN, Shield, Veil, Views, flag_of, raised
from bus.wire import envelope, safe_xml
from bus.wire.attachments.media import is_multipart
from bus.wire.envelope import own_security, without_security
from bus.wire.glyphs import carries, closed, opened
from bus.wire.withheld import announce

WITHHELD: Final = "CB2050"
SIGNED: Final = "CB2052"
HANI: Final = "hani"
"""In the journal: how many records were not for the receiver."""
STOPPED: Final = "CB2055"
NOTHING: Final[frozenset[str]] = frozenset()

Withheld = dict[str, frozenset[str]]
"""Item names by the class of the reason."""


def outgoing_body(
    tables: Tables, consignment: Consignment, raw: bytes, media_type: str = ""
) -> tuple[bytes, Finding | None]:
    """The bytes for the consignment's target, ``raw`` itself unless an item is withheld, and then what was done; for a
    target of another edition the message in that.

    ``media_type`` is that of ``raw`` where it is no longer the received one.
    Errors: WireError when ``raw`` cannot be read, which cannot be since it was accepted; CB1050 for a message with
    attachments, from which nothing can be withheld; CB2002 when the target has no right any more; CB2052 for a signed
    one whose receiver wants it whole or not at all; E0001 to E0004 for what the target's edition does not allow.
    """
    change = change_of(tables, consignment)
    target = tables.endpoints.get((consignment.municipality, consignment.target))
    must_read(target, raw)
    after = veil_of_delivery(tables, consignment, tables.seen_by(target))
    veil = after if change is None else veil_of_delivery(tables, consignment, change.old.views)
    if veil is None and change is None:
        return raw, None
    route = _route(tables, consignment)
    if is_multipart(consignment.content_type) or (route is not None and route.opaque):
        if change is None and may_go_unread(veil, route):
            return raw, None
        # The rights have changed since it was accepted: what cannot be looked into is not sent.
        raise WireError("CB1050", [Finding("CB1050", path="rights.toml withhold", expected="none")])
    read = envelope.read(safe_xml.parse(raw, media_type or consignment.content_type))
    if read.is_fault:
        return raw, None
    return reduced(read.body, veil, raw, target, change, after)


def may_pass(shields: tuple[Shield, ...], payload: etree._Element) -> None:
    """Errors: CB2055 when a flag of a record says that the message goes nowhere (as a protection that is lifted for a
    moment, which is told to nobody).
    """
    if (shield := raised(payload, shields)) is not None:
        raise RightsError(STOPPED, [Finding(STOPPED, path=shield.row.flag, expected=shield.row.name)])


def about(
    tables: Tables, key: str, provider: Endpoint, asker: Endpoint, asked: Mapping[str, str], payload: etree._Element
) -> None:
    """An answer holds nobody who was not asked for, in whichever editions question and answer are.

    Errors: CB3030.
    """
    subject = tables.seen_by(provider).subjects.get(key)
    if subject is None:
        return
    if tables.standard(provider) is not tables.standard(asker):
        names = {name_of(tag): value for tag, value in asked.items()}
        asked = {tag: names[name_of(tag)] for tag, _ in subject.pairs if name_of(tag) in names}
    subject.check(asked, payload)


def veil_of_delivery(tables: Tables, consignment: Consignment, seen: Views) -> Veil | None:
    """The veil before a target: for an answer that of the purpose it was asked for, else that of the endpoint.

    Errors: CB2002 when the target lost its right while the message waited.
    """
    key = f"{consignment.municipality}/{consignment.target}"
    operation = consignment.operation
    if operation.endswith(ANSWER_SUFFIX):
        operation = operation.removesuffix(ANSWER_SUFFIX)
        if (key, operation, consignment.purpose) in tables.rights:
            return seen.answers.get((key, operation, consignment.purpose))
    veil = seen.deliveries.get((key, operation))
    if veil is None and (key, operation) not in tables.known_rights and _foreign(tables, consignment, operation):
        raise RightsError("CB2002", [Finding("CB2002", path="rights.toml", expected=f"{key} {operation}")])
    return veil


def seen_by_caller(tables: Tables, exchange: Exchange, seen: Views | None = None) -> Veil | None:
    """The veil before who asked, by the tags of the caller's own edition or those of ``seen``."""
    right = exchange.right
    if right is None:
        return None
    if seen is None:
        seen = tables.views
        if tables.others:
            seen = tables.seen_by(tables.endpoints.get((right.municipality, right.endpoint)))
    return seen.answers.get((f"{right.municipality}/{right.endpoint}", right.operation, exchange.purpose))


def may_go_unread(veil: Veil | None, route: Route | None) -> bool:
    """Whether content that the bus does not look into may pass a veil: where the route says why, and no right of the
    site withholds anything.
    """
    return veil is None or (route is not None and bool(route.unfiltered) and not veil.by_right)


def _foreign(tables: Tables, consignment: Consignment, operation: str) -> bool:
    """Whether the target is a known endpoint outside the providing unit."""
    target = tables.endpoints.get((consignment.municipality, consignment.target))
    known = tables.home.operations.get(operation)
    return target is not None and known is not None and target.unit != known.provider


def reduced(
    payload: etree._Element,
    veil: Veil | None,
    raw: bytes,
    receiver: Endpoint | None,
    change: Change | None = None,
    after: Veil | None = None,
) -> tuple[bytes, Finding | None]:
    """``raw`` where nothing of ``payload`` (its body, parsed) has to go, else the message written anew, and the record
    of that for the journal: both digests and the classes of reason.

    For a receiver of another edition it is written in that: what either edition withholds goes, ``veil`` before the
    change, so that a flag which the new edition does not know has protected first, and ``after`` behind it.
    Errors: CB2052, CB3028, CB3029; those of ``Change``.
    """
    root = payload.getroottree().getroot()
    named = carries(raw) and opened(root, payload)
    gone, taken = take(payload, veil) if veil is not None else (0, {})
    if not taken and not gone and change is None:
        return raw, None
    if own_security(root) is not None:
        _signature(receiver)
        without_security(root)
    if change is not None:
        payload = change.apply(payload)
        also, more = take(payload, after) if after is not None else (0, {})
        gone += also
        taken = {why: taken.get(why, NOTHING) | more.get(why, NOTHING) for why in (*taken, *more)}
        change.check(payload)
    if named:
        closed(payload.getroottree().getroot(), payload)
    if not taken and not gone:
        return envelope.serialise(payload), None
    if taken:
        announce(root, taken)
    body = envelope.serialise(payload)
    counts = {reason: len(names) for reason, names in taken.items()} | ({HANI: gone} if gone else {})
    reasons = " ".join(f"{reason}:{count}" for reason, count in counts.items())
    return body, Finding(
        WITHHELD, path=reasons, expected=sha256(raw).hexdigest(), got=sha256(body).hexdigest(), name_ja="非開示"
    )


def take(payload: etree._Element, veil: Veil) -> tuple[int, Withheld]:
    """Take out the records that are not for the receiver, and of the others what it may not see: how many, and which
    items by the class of the reason.

    A message that is nothing but its record does not go without it, nor does a part of a bulk transfer, whose counts
    would not be true any more. An answer may be empty: that something is there is not told.
    Errors: CB3028, CB3029.
    """
    if not veil.limits:
        return 0, withhold(payload, veil)
    gone, names = limit_records(payload, veil.record, veil.limits)
    if gone and veil.refuses:
        raise RightsError(veil.refuses, [Finding(veil.refuses, path="disclosure.csv rows", got=str(gone))])
    taken = withhold(payload, veil)
    return gone, taken | {KAIJI: taken.get(KAIJI, NOTHING) | names} if names else taken


def withhold(payload: etree._Element, veil: Veil) -> Withheld:
    """Take out what the veil covers. Empty where nothing was there; else every item that the receiver never gets, and
    what the flags of these records protect.
    """
    gone = False
    if veil.tags:
        for element in list(payload.iter(*veil.tags)):
            parent = element.getparent()
            inside = parent is not None and parent.tag == veil.record
            if parent is not None and element is not payload and (inside or _name(element) in veil.loose):
                parent.remove(element)
                gone = True
    protected: set[str] = set()
    if veil.shields:
        for record in payload.iter(veil.record):
            for shield in veil.shields:
                if shield.row.holds(flag_of(record, shield)):
                    for element in list(record.iterchildren(*shield.tags)):
                        record.remove(element)
                        protected |= shield.row.items
    if not gone and not protected:
        return {}
    reasons = {KAIJI: veil.by_standard, KENGEN: veil.by_right, HOGO: frozenset(protected) - veil.items}
    return {reason: names for reason, names in reasons.items() if names}


def told(exchange: Exchange) -> str:
    """What was withheld on the way there and back, as JSON for the journal: digests and counts, no value."""
    return json.dumps([one.as_dict() for one in exchange.reduced], ensure_ascii=False) if exchange.reduced else ""


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _signature(receiver: Endpoint | None) -> None:
    """A signature does not survive. The bus signs where the receiver's policy says so; errors: CB2052."""
    if receiver is not None and receiver.security is not None and receiver.security.reduced is Reduced.REFUSE:
        finding = Finding(SIGNED, path="security.toml reduced", expected="resign", got=receiver.security.reduced.value)
        raise RightsError(SIGNED, [finding])


def _route(tables: Tables, consignment: Consignment) -> Route | None:
    """The route of the message as it is today; that of the request for an answer is not looked for."""
    sender = tables.endpoints.get((consignment.municipality, consignment.sender))
    if sender is None:
        return None
    prepared = tables.route_for(sender, consignment.operation.removesuffix(ANSWER_SUFFIX))
    return prepared.route if prepared is not None else None
