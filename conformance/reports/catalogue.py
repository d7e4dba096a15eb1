"""The catalogue of requirements for others: CSV, one HTML page, and the Test Assertion Markup Language of OASIS."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from lxml import etree
from lxml.html import builder as h

from conformance.registry import JUDGED
from conformance.reports.html import words_of
from schemas.model import Requirement

TAML: Final = "http://docs.oasis-open.org/ns/tag/taml-201002/"
"""The namespace of Test Assertions Part 2, TAML 1.0 (OASIS Committee Specification 02, 2011)."""
LEVELS: Final = {"MUST": "mandatory", "SHOULD": "preferred", "MAY": "permitted"}
COLUMNS: Final = (
    "id", "level", "role", "document", "clause", "text_ja", "text_en", "judged", "not_judged_reason", "requires",
    "since", "retired",
)  # fmt: skip


def as_csv(rows: Iterable[Requirement]) -> bytes:
    """All rows with a header, in UTF-8 with a byte order mark, so that spreadsheets show the Japanese."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        judged = "yes" if row.id in JUDGED else "no"
        writer.writerow([judged if name == "judged" else getattr(row, name) for name in COLUMNS])
    return text.getvalue().encode("utf-8-sig")


def as_html(rows: Iterable[Requirement], language: str = "ja") -> bytes:
    """One page with a table for each document that requirements come from."""
    words, ja = words_of(language), language == "ja"
    by: dict[str, list[Requirement]] = {}
    for row in rows:
        by.setdefault(row.document, []).append(row)
    tables = []
    for document, listed in by.items():
        head = h.TR(*[h.TH(words[key]) for key in ("requirement", "level", "role", "clause", "text", "judged")])
        tables += [
            h.H2(f"{document} ({len(listed)})"),
            h.TABLE(head, *[_row(one, words["yes"], ja=ja) for one in listed]),
        ]
    total = sum(map(len, by.values()))
    style = (files("conformance.reports") / "report.css").read_text(encoding="utf-8")
    head = h.HEAD(h.META(charset="utf-8"), h.TITLE(words["requirements"]), h.STYLE(style))
    body = h.BODY(h.H1(f"{words['requirements']} ({total})"), *tables, h.P(words["note"], h.CLASS("note")))
    return etree.tostring(h.HTML(head, body, lang=language), method="html", encoding="utf-8", doctype="<!DOCTYPE html>")


def _row(row: Requirement, yes: str, *, ja: bool) -> etree._Element:
    reason_ja, _, reason_en = row.not_judged_reason.partition(" / ")
    judged = yes if row.id in JUDGED else (reason_ja if ja else reason_en)
    cells = [h.TD(row.level), h.TD(row.role), h.TD(row.clause), h.TD(row.text_ja if ja else row.text_en), h.TD(judged)]
    line: etree._Element = h.TR(h.TD(h.CODE(row.id), id=row.id), *cells)
    return line


def as_taml(rows: Iterable[Requirement], edition: str) -> bytes:
    """A ``testAssertionSet``: source, target, prerequisite, predicate and prescription level of each requirement.

    The predicate is the requirement's sentence in English, the Japanese one stands in the description.
    """
    namespaces = {"taml": TAML}
    root = etree.Element(f"{{{TAML}}}testAssertionSet", nsmap=namespaces, setid=f"chiikibus-{edition}")
    root.set("setname", "Chiikibus conformance suite")
    for row in rows:
        one = _child(root, "testAssertion", id=row.id)
        _child(one, "description").text = row.text_ja
        source = _child(one, "normativeSource")
        _child(source, "refSourceItem", srcname=row.document, documentId=row.document)
        _child(source, "textSourceItem").text = row.clause
        _child(one, "target", type=row.role).text = row.role
        if row.requires:
            _child(one, "prerequisite").text = f"[{row.requires}] = pass"
        _child(one, "predicate").text = row.text_en
        _child(one, "prescription", level=LEVELS[row.level])
        for name, value in (("since", row.since), ("retired", row.retired), ("judged", _judged(row))):
            if value:
                _child(one, "tag", tname=name).text = value
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _judged(row: Requirement) -> str:
    return "yes" if row.id in JUDGED else f"no: {row.not_judged_reason.partition(' / ')[2]}"


def _child(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{TAML}}}{name}", attrib=attributes)
