"""The calls that every stack makes, read from ``cases.json``, and what each must give."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

CASES = Path(__file__).with_name("cases.json")
ERRORS = Path(__file__).parents[2] / "schemas" / "errors.csv"
JUKI = "{urn:chiikibus:standard:1.0:juki}"
COMMON = "{urn:chiikibus:standard:1.0:common}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
JUKI_ACTION = "urn:chiikibus:standard:1.0:juki/"

Record = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cases:
    """``residents`` by 宛名番号, ``households`` by 世帯番号, ``calls`` by their id, in their order.

    ``provider_calls`` are made to foreign providers only, beside those of ``calls`` that reach a provider.
    """

    residents: Mapping[str, Record]
    households: Mapping[str, list[str]]
    fault_number: str
    fault_text: str
    calls: Mapping[str, Mapping[str, Any]]
    provider_calls: Mapping[str, Mapping[str, Any]]

    def expected(self, call: str) -> list[Record]:
        """The records that an inquiry gives."""
        return [self.residents[number] for number in self.calls[call]["expect"]["jumin"]]

    def with_expectation(self, name: str) -> list[str]:
        """The ids of the calls that expect something of this name, in their order."""
        return [key for key, call in self.calls.items() if name in call["expect"]]

    def sent(self, call: str) -> Record:
        """The record that a notice carries."""
        return self.expected(self.calls[call]["resident_of"])[0]


@cache
def cases() -> Cases:
    """All cases."""
    found = json.loads(CASES.read_text("utf-8"))
    fault = found["vendor_fault"]
    calls, provider_calls = ({call["id"]: call for call in found[key]} for key in ("calls", "provider_calls"))
    return Cases(
        found["residents"], found["households"], fault["atenabango"], fault["faultstring"], calls, provider_calls
    )


@cache
def texts_of(code: str) -> tuple[str, str]:
    """Japanese and English text of a code of the catalogue."""
    with ERRORS.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["code"] == code:
                return row["title_ja"], row["title_en"]
    raise KeyError(code)


def differences(got: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """What differs, as code points, since the differences that matter are those one does not see."""
    return [
        f"{name}: {points(got.get(name))} instead of {points(expected.get(name))}"
        for name in sorted({*got, *expected})
        if got.get(name) != expected.get(name)
    ]


def points(text: str | None) -> str:
    """``U+845B U+E0100``; ``absent`` for no item."""
    return "absent" if text is None else " ".join(f"U+{ord(character):04X}" for character in text)


def items_of(record: etree._Element) -> dict[str, str]:
    """The items of a record element."""
    return {etree.QName(item).localname: item.text or "" for item in record}


def payload(call: Mapping[str, Any]) -> etree._Element:
    """The request element of a call."""
    element = etree.Element(JUKI + call["operation"], nsmap={None: JUKI[1:-1]})
    if "resident_of" in call:
        add_record(element, {**cases().expected(call["resident_of"])[0], **call.get("changed", {})})
    for name, value in call.get("arguments", {}).items():
        etree.SubElement(element, JUKI + name).text = value
    return element


def add_record(parent: etree._Element, record: Record) -> None:
    """A record below ``parent``."""
    element = etree.SubElement(parent, f"{JUKI}jumin")
    for name, value in record.items():
        etree.SubElement(element, JUKI + name).text = value


def envelope(content: etree._Element) -> bytes:
    """A SOAP 1.1 envelope around ``content``."""
    root = etree.Element(f"{SOAP}Envelope", nsmap={"soap": SOAP[1:-1]})
    etree.SubElement(root, f"{SOAP}Body").append(content)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def all_residents(residents: Mapping[str, Record]) -> bytes:
    """Residents as one answer to a household inquiry, for stacks that read records with their own classes."""
    root = etree.Element(f"{JUKI}setai_shokai_kaito", nsmap={None: JUKI[1:-1]})
    for record in residents.values():
        add_record(root, record)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
