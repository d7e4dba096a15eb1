"""Payloads and envelopes built from values: for probes, for the reference peer and for mutants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from lxml import etree

from conformance import reference
from conformance.description import Element
from conformance.names import BODY, ENVELOPE, HEADER, SOAP
from schemas.examples import load_examples
from schemas.model import Edition, Operation, RecordType, Unit

VALID: Final[Mapping[str, str]] = MappingProxyType(
    {
        "X": "1", "N": "架空", "9": "1", "9V": "1", "S9": "1", "YEAR": "2024", "DATE": "2024-04-01", "TIME": "10:00:00",
        "DATETIME": "2024-04-01T10:00:00+09:00", "dantaikodo": "990019", "choazakodo": "0001001",
        "kojinbango": "123456789018", "juminhyokodo": "10000000019", "hojinbango": "3987654321098",
        "hokenshabango": "12345674", "yubinbango": "9990001", "kisonenkinbango": "1234567890", "nengetsu": "2024-04",
        "atenabango": "000000000000019", "daijesuto": "0" * 64, "hokenshabango6": "123455",
        "kohifutanshabango": "12345674", "kohijukyushabango": "1234566", "kaigohihokenshabango": "1234567890",
        "kokihihokenshabango": "12345678", "kinyukikankodo": "9999", "shitenkodo": "999", "kozabango": "9999999",
        "fudosanbango": "1234567890123", "edaban2": "01", "nenkinkodo": "9999", "nenkinhokenshakodo": "999",
        "iryokikankodo": "9912345678", "jigyoshobango": "9912345678", "jukyushashobango10": "1234567890",
        "tsukihi": "04-01", "denwabango": "000-000-0000", "shimei": "地域　太郎", "fushobi": "年月日不詳",
    }
)  # fmt: skip
"""A valid synthetic value of types and formats."""


def made_up(unit: Unit, record: str) -> Mapping[str, str]:
    """The mandatory items of a record with valid synthetic values; rules between items are not looked at."""
    values = {}
    for item in unit.records[record].items:
        if item.mandatory:
            coded = unit.codes[item.code].rows[0].code if item.code else ""
            values[item.name] = coded or VALID.get(item.format) or VALID[item.type]
    return values


def sample(unit: Unit, record: str) -> Mapping[str, str] | None:
    """Invented values of a record: of the reference population, else of the unit's examples; ``None``: none."""
    if unit.key == "juki" and record == "jumin":
        return reference.residents()[0]
    if unit.key == "juki" and record in reference.others():
        return reference.others()[record]
    return load_examples(unit).get(record)


def fill(element: Element, unit: Unit, kind: RecordType, values: Mapping[str, str]) -> None:
    """Add the items that have a value, in the order of the record."""
    for item in kind.items:
        if item.name in values:
            etree.SubElement(element, f"{{{unit.namespace}}}{item.name}").text = values[item.name]


def request(unit: Unit, operation: Operation) -> Element | None:
    """The payload of a request with sample values; ``None`` where there are no samples for it."""
    root = etree.Element(operation.input, nsmap={"t": unit.namespace})
    if operation.request_record:
        values = sample(unit, operation.request_record)
        if values is None:
            return None
        fill(root, unit, unit.records[operation.request_record], values)
    elif operation.record:
        values = sample(unit, operation.record)
        if values is None:
            return None
        fill(
            etree.SubElement(root, f"{{{unit.namespace}}}{operation.record}"),
            unit,
            unit.records[operation.record],
            values,
        )
    return root


def answer(unit: Unit, operation: Operation, records: Iterable[Mapping[str, str]]) -> Element:
    """The payload of an inquiry's answer with records."""
    root = etree.Element(operation.output, nsmap={"t": unit.namespace})
    own = unit.records.get(etree.QName(operation.output).localname)
    if own is not None:
        fill(root, unit, own, sample(unit, own.name) or {})
    for values in records:
        kind = unit.records[operation.record]
        fill(etree.SubElement(root, f"{{{unit.namespace}}}{operation.record}"), unit, kind, values)
    return root


def envelope(payload: Element | None, headers: Iterable[Element] = ()) -> Element:
    """An envelope of SOAP 1.1; no Header where there are no header blocks."""
    root = etree.Element(ENVELOPE, nsmap={"soap": SOAP})
    listed = tuple(headers)
    if listed:
        etree.SubElement(root, HEADER).extend(listed)
    body = etree.SubElement(root, BODY)
    if payload is not None:
        body.append(payload)
    return root


def written(root: Element) -> bytes:
    """The bytes in UTF-8 with an XML declaration."""
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def carrier(edition: Edition, unit: str, record: str, operation: str = "") -> tuple[Operation, str] | None:
    """The operation that carries a record, and in which direction; a notice before an inquiry's answer."""
    listed = [one for one in edition.units[unit].operations.values() if operation in ("", one.name)]
    for one in listed:
        if one.request_record == record:
            return one, "request"
    for one in listed:
        if one.record == record and not one.output.endswith("_kaito"):
            return one, "request"
    for one in listed:
        if one.record == record and one.output.endswith("_kaito"):
            return one, "response"
    return None
