"""What a resend would send today, against what was sent: by the tables of the moment, with item names but no value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from lxml import etree

from bus.core.errors import ChiikibusError
from bus.core.ports import Consignment
from bus.core.types import Endpoint, OnPark
from bus.pipeline.disclosure import WITHHELD, outgoing_body
from bus.pipeline.editions import change_of
from bus.pipeline.tables import ANSWER_SUFFIX, Tables
from bus.wire import envelope, safe_xml
from bus.wire.attachments.media import is_multipart
from bus.wire.http import XML

NOT_REGISTERED: Final = "CB7014"
NO_ADDRESS: Final = "CB7020"
PAUSED: Final = "CB5005"
EXPIRED: Final = "CB5006"
NO_BODY: Final = "CB1058"


@dataclass(frozen=True, slots=True)
class Material:
    """One planned delivery: the message, how often it was tried, and the findings of its events, oldest first.

    ``tables_hash`` is that of its acceptance.
    """

    consignment: Consignment
    tables_hash: str
    attempts: int
    findings: Sequence[Sequence[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would become of it. ``code`` says why it would not leave, with ``findings``.

    ``sent`` is the SHA-256 of what left last time before signature and encryption (empty: nothing ever left, or not
    known), ``today`` of what would leave now; ``same`` compares them, ``None`` where that cannot be known. ``removed``
    and ``added`` are element names with their numbers, against the message as received. ``edition`` is the receiver's
    where it is another than the sender's. ``tables_changed``: the site folder is another than when it was accepted.
    ``routed``: today's routes still name this receiver; ``blocks``: they let a parked message hold up its keys.
    ``adapter`` is what the adapter of today says (``adapters.host.face``), empty where it was not asked.
    """

    delivery_id: str
    target: str
    operation: str
    attempts: int
    code: str = ""
    findings: tuple[dict[str, Any], ...] = ()
    sent: str = ""
    today: str = ""
    same: bool | None = None
    removed: tuple[tuple[str, int], ...] = ()
    added: tuple[tuple[str, int], ...] = ()
    edition: str = ""
    tables_changed: bool = False
    routed: bool = True
    blocks: bool = True
    adapter: str = ""


def rehearse(tables: Tables, material: Material, now: float) -> tuple[Rehearsal, bytes, str]:
    """The comparison, and the body that would leave with its media type (both empty where none would)."""
    consignment = material.consignment
    target = tables.endpoints.get((consignment.municipality, consignment.target))
    known = Rehearsal(
        delivery_id=consignment.delivery_id,
        target=f"{consignment.municipality}/{consignment.target}",
        operation=consignment.operation,
        attempts=material.attempts,
        tables_changed=material.tables_hash != tables.tables_hash,
        routed=_routed(tables, consignment),
        blocks=_blocks(tables, consignment),
    )
    code = _hindrance(target, consignment, now)
    if code or target is None:
        return _with(known, code=code), b"", ""
    opener = tables.opener
    try:
        raw = consignment.raw if opener is None else opener.opened(consignment.raw)
        media_type = consignment.content_type if raw is consignment.raw else XML
        body, _ = outgoing_body(tables, consignment, raw, media_type)
        change = change_of(tables, consignment)
        removed, added = _differences(raw, body, media_type, consignment.content_type)
    except ChiikibusError as error:
        told = tuple(finding.as_dict() for finding in error.findings)
        return _with(known, code=error.code, findings=told), b"", ""
    today = sha256(body).hexdigest()
    sent = _sent(material, raw, today, changed=change is not None, other=known.tables_changed)
    compared = _with(
        known,
        sent=sent,
        today=today,
        same=sent == today if sent else None,
        removed=removed,
        added=added,
        edition=change.new.edition.version if change is not None else "",
    )
    return compared, body, media_type if body is raw else XML


def _with(known: Rehearsal, **changes: Any) -> Rehearsal:
    names = [name for name in Rehearsal.__dataclass_fields__ if name not in changes]
    return Rehearsal(**{name: getattr(known, name) for name in names}, **changes)


def _hindrance(target: Endpoint | None, consignment: Consignment, now: float) -> str:
    """Why nothing would leave before anything is looked at."""
    if target is None:
        return NOT_REGISTERED
    if not target.address:
        return NO_ADDRESS
    if consignment.expires_at <= now:
        return EXPIRED
    if not consignment.raw:
        return NO_BODY
    return PAUSED if target.paused else ""


def _sent(material: Material, raw: bytes, today: str, *, changed: bool, other: bool) -> str:
    """The digest of what left last: as the record of what was withheld says, else of the message as it was received.

    A message that goes in another edition leaves no record of its own: by the same tables it was what it is today.
    """
    if not material.attempts:
        return ""
    for findings in reversed(material.findings):
        for finding in findings:
            if finding.get("code") == WITHHELD and finding.get("got"):
                return str(finding["got"])
    if changed:
        return "" if other else today
    return sha256(raw).hexdigest()


def _differences(
    raw: bytes, body: bytes, media_type: str, content_type: str
) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
    """Element names that go and that come, with how many of each."""
    if body is raw or is_multipart(content_type):
        return (), ()
    before, after = _names(raw, media_type), _names(body, XML)
    return tuple(sorted((before - after).items())), tuple(sorted((after - before).items()))


def _names(raw: bytes, media_type: str) -> Counter[str]:
    """Names of the elements of a message, header blocks among them."""
    read = envelope.read(safe_xml.parse(raw, media_type))
    root = read.body.getroottree().getroot()
    return Counter(etree.QName(element).localname for element in root.iter(etree.Element))


def _routed(tables: Tables, consignment: Consignment) -> bool:
    sender = tables.endpoints.get((consignment.municipality, consignment.sender))
    if sender is None or consignment.operation.endswith(ANSWER_SUFFIX):
        return sender is not None
    prepared = tables.route_for(sender, consignment.operation)
    return prepared is not None and any(each.id == consignment.target for each in prepared.targets)


def _blocks(tables: Tables, consignment: Consignment) -> bool:
    """Whether a park holds up what comes later with the same keys, by today's route."""
    sender = tables.endpoints.get((consignment.municipality, consignment.sender))
    prepared = None
    if sender is not None:
        prepared = tables.route_for(sender, consignment.operation.removesuffix(ANSWER_SUFFIX))
    return prepared is None or prepared.route.on_park is OnPark.BLOCK
