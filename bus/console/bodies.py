"""The content of a message, for who may see it and says why: written down first, masked until asked for plainly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lxml import etree

from bus.console.desk import Row, exchange, note
from bus.console.openers import Connections
from bus.console.people import Person
from bus.core.errors import ChiikibusError, ConsoleError
from bus.core.types import Finding
from bus.journal.vault import opened
from bus.wire import safe_xml

NO_REASON: Final = "CB8007"
LEAST_REASON: Final = 4
MOST_REASON: Final = 200
MASKED: Final = "●"
MOST_MASKED: Final = 20
VIEWED: Final = "body.masked"
UNMASKED: Final = "body.plain"
"""What the audit calls the two ways of looking."""

_BODY: Final = "{http://schemas.xmlsoap.org/soap/envelope/}Body"


def reason_of(text: str) -> str:
    """A reason somebody gave. Errors: CB8007 there is none to speak of."""
    reason = " ".join(text.split())
    if not LEAST_REASON <= len(reason) <= MOST_REASON:
        expected = f"{LEAST_REASON} .. {MOST_REASON}"
        raise ConsoleError(NO_REASON, [Finding(NO_REASON, path="reason", expected=expected, got=str(len(reason)))])
    return reason


def body(
    wanted: str,
    reason: str,
    now: float,
    person: Person,
    names: Mapping[str, Mapping[str, str]],
    connections: Connections,
    *,
    plain: bool,
) -> Row:
    """The items of the request and of each kept answer. ``names`` are Japanese item names by unit and element.

    The audit row is durable before anything is read. Errors: CB8006, CB8007, CB4001, CB4030 cannot be decrypted.
    """
    shown = exchange(wanted, person, connections)["exchange"]
    said = reason_of(reason)
    note(now, person.name, UNMASKED if plain else VIEWED, connections, municipality=shown["municipality"],
         subject=wanted, reason=said, detail={"operation": shown["operation"]})  # fmt: skip
    known = names.get(shown["unit"], {})
    parts = [
        {"of": of, "content_type": content_type, **_items(raw, content_type, known, plain=plain)}
        for of, content_type, raw in _payloads(wanted, shown, connections)
    ]
    return {"exchange_id": wanted, "operation": shown["operation"], "municipality": shown["municipality"],
            "plain": plain, "reason": said, "parts": parts}  # fmt: skip


def _payloads(wanted: str, shown: Row, connections: Connections) -> list[tuple[str, str, bytes]]:
    """What is kept: the request, then the answer of each delivery."""
    database, vault = connections.side.database, connections.vault
    found: list[tuple[str, str, bytes]] = []
    row = database.execute(
        "SELECT b.raw FROM exchange_key k JOIN body b ON b.n = k.n WHERE k.exchange_id = ?", (wanted,)
    ).fetchone()
    if row is not None:
        found.append(("request", str(shown["content_type"]), opened(vault, bytes(row[0]), wanted, database)))
    for each in shown["deliveries"]:
        index = int(str(each["delivery_id"]).rpartition("-")[2])
        reply = database.execute(
            "SELECT r.content_type, r.raw FROM exchange_key k JOIN reply r ON r.n = k.n * 4096 + ?"
            " WHERE k.exchange_id = ?",
            (index, wanted),
        ).fetchone()
        if reply is not None:
            raw = opened(vault, bytes(reply[1]), str(each["delivery_id"]), database)
            found.append((f"reply {each['target']}", str(reply[0]), raw))
    return found


def _items(raw: bytes, content_type: str, known: Mapping[str, str], *, plain: bool) -> Row:
    """Elements of the Body in document order: depth, name, Japanese name, and the text or its length."""
    try:
        root = safe_xml.parse(raw, content_type)
    except ChiikibusError as error:
        return {"size": len(raw), "code": error.code, "items": []}
    top = root.find(_BODY)
    items: list[dict[str, Any]] = []
    for element in () if top is None else top.iterdescendants(etree.Element):
        name, parent = etree.QName(element).localname, element.getparent()
        above = "" if parent is None else etree.QName(parent).localname
        leaf = len(element) == 0
        text = (element.text or "") if leaf else ""
        items.append(
            {
                "depth": sum(1 for _ in element.iterancestors()) - 2,
                "name": name,
                "name_ja": known.get(f"{above}/{name}", known.get(name, "")),
                "leaf": leaf,
                "text": text if plain else MASKED * min(len(text), MOST_MASKED),
            }
        )
    return {"size": len(raw), "code": "", "items": items}
