"""Synthetic messages for the tests of the steps, and the edition they are of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from lxml import etree

from bus.core.basic import basic_header
from bus.core.types import Addressing, Context
from bus.wire import envelope
from bus.wire.contract import UnitContract, contracts
from bus.wire.http import XML, Request
from schemas.catalog import load_edition
from schemas.model import Edition

TOWN = "990019"  # fictitious; the check digit is valid
JUKI = "urn:chiikibus:standard:1.0:juki"
TAX = "urn:chiikibus:standard:1.0:kojinjuminzei"


@cache
def edition() -> Edition:
    """The shipped edition, loaded once."""
    return load_edition()


@cache
def compiled() -> Mapping[str, UnitContract]:
    """Its contracts, compiled once."""
    return contracts(edition())


def record(parent: etree._Element, namespace: str, name: str, values: Mapping[str, str]) -> etree._Element:
    """A record element with its items."""
    element = etree.SubElement(parent, f"{{{namespace}}}{name}")
    for item, value in values.items():
        etree.SubElement(element, f"{{{namespace}}}{item}").text = value
    return element


RESIDENT = {
    "shikuchosonkodo": TOWN,
    "atenabango": "000000000012345",
    "rirekibango": "1",
    "saishinfuragu": "1",
    "setaibango": "000000000067890",
    "juminshubetsu": "1",
    "juminjotai": "1",
    "jumintonattanengappi": "2023-04-01",
    "ido_nengappi": "2023-04-01",
    "ido_jiyu": "01",
    "ido_kubun": "1",
}


def resident_values() -> dict[str, str]:
    """A minimal valid synthetic resident: every mandatory item with a value of its type."""
    unit = edition().units["juki"]
    values: dict[str, str] = {}
    for item in unit.records["jumin"].items:
        if item.name in RESIDENT:
            values[item.name] = RESIDENT[item.name]
        elif item.mandatory:
            values[item.name] = _some_value(item.type, item.digits, item.code, item.name)
    return values


def in_order(values: Mapping[str, str]) -> dict[str, str]:
    """The values of a resident in the order of the standard; those it does not know come last."""
    names = [item.name for item in edition().units["juki"].records["jumin"].items]
    known = {name: values[name] for name in names if name in values}
    return known | dict(values)


def _some_value(kind: str, digits: int, code: str, name: str) -> str:
    unit = edition().units["juki"]
    if code:
        return unit.codes[code].rows[0].code
    known = {"shimei": "試験　太郎", "jusho_shikuchosonkodo": TOWN, "jusho_choazakodo": "0001001"}
    if name in known:
        return known[name]
    if kind == "DATE":
        return "1990-01-01"
    if kind in {"9", "S9"}:
        return "1"
    return "試験" if kind == "N" else "1" * min(digits, 6)


def inquiry(atenabango: str = "000000000012345", base_date: str = "2023-01-01") -> etree._Element:
    """The payload of a resident inquiry."""
    payload = etree.Element(f"{{{JUKI}}}jumin_shokai", nsmap={"j": JUKI})
    etree.SubElement(payload, f"{{{JUKI}}}atenabango").text = atenabango
    etree.SubElement(payload, f"{{{JUKI}}}kijunbi").text = base_date
    return payload


def notice(**changed: str) -> etree._Element:
    """The payload of a 異動通知."""
    payload = etree.Element(f"{{{JUKI}}}ido_tsuchi", nsmap={"j": JUKI})
    record(payload, JUKI, "jumin", in_order({**resident_values(), **changed}))
    return payload


def tax_inquiry() -> etree._Element:
    """The payload of an income inquiry, which may be answered late."""
    payload = etree.Element(f"{{{TAX}}}shotoku_shokai", nsmap={"z": TAX})
    unit = edition().units["kojinjuminzei"]
    for item in unit.records["shotoku_shokai"].items:
        value = {"atenabango": "000000000012345"}.get(item.name)
        if value is None and item.mandatory:
            value = "2023" if item.type == "YEAR" else _some_value(item.type, item.digits, item.code, item.name)
        if value is not None:
            etree.SubElement(payload, f"{{{TAX}}}{item.name}").text = value
    return payload


def tax_answer() -> etree._Element:
    """An empty, valid answer to an income inquiry: nobody found."""
    return etree.Element(f"{{{TAX}}}shotoku_shokai_kaito", nsmap={"z": TAX})


def resident_reply(*, relates_to: str = "", **changed: str) -> bytes:
    """The whole answer to a resident inquiry."""
    payload = etree.Element(f"{{{JUKI}}}jumin_shokai_kaito", nsmap={"j": JUKI})
    record(payload, JUKI, "jumin", in_order({**resident_values(), **changed}))
    headers = Addressing(relates_to=relates_to, action=f"{JUKI}/jumin_shokai_kaito") if relates_to else None
    return envelope.build(payload, addressing=headers)


def unaddressed(raw: bytes) -> bytes:
    """An answer without the Header that the bus made for its message properties: what the provider wrote."""
    return re.sub(rb"<soap:Header .*?</soap:Header>", b"", raw, count=1, flags=re.DOTALL)


def addressing(message_id: str, action: str, **more: str) -> Addressing:
    """WS-Addressing of a request."""
    return replace(Addressing(message_id=message_id, action=action), **more)


def context(**more: Any) -> Context:
    """A context that names the tax endpoint."""
    base = Context(sender_municipality=TOWN, sender_unit="kojinjuminzei", sender_system="tax", purpose="kazei")
    return replace(base, **more)


def request(
    body: bytes,
    *,
    caller: str = "tax",
    unit: str = "juki",
    action: str = "",
    secret: str = "",
    content_type: str = XML,
) -> Request:
    """A POST to ``/<town>/<caller>/<unit>`` with the caller's credential."""
    headers = {
        "host": "bus.example",
        "content-type": content_type,
        "soapaction": f'"{action}"',
        "authorization": basic_header(caller, secret or f"secret-of-{caller}"),
    }
    return Request("POST", f"/{TOWN}/{caller}/{unit}", headers, body)
