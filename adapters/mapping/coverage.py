"""The coverage table of a mapping: every item of both sides, mapped or explained, as rows and in four formats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from lxml import etree

from adapters.mapping.engine import Mapping
from adapters.mapping.rules import ConstantRule, DerivedRule, ItemRule
from adapters.sdk.types import Side

FORMATS = ("md", "html", "csv", "json")
HEADINGS_JA = ("側", "項目", "項目名", "型", "状態", "相手側の項目", "変換", "欠落の扱い", "理由・注記")
_STATES_JA = {"mapped": "対応", "constant": "固定値", "derived": "算出", "unmapped": "対象外"}
_SIDES_JA = {"vendor": "ベンダー", "standard": "標準"}


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One item of one side. ``state`` is mapped, constant, derived or unmapped; ``reason`` is its note or reason."""

    side: Side
    item: str
    name_ja: str
    type: str
    state: str
    counterpart: str
    conversion: str
    loss: str
    reason: str


def coverage(mapping: Mapping) -> tuple[CoverageRow, ...]:
    """A row for every vendor item in the layout's order, then every standard item in the record's order."""
    rows: list[CoverageRow] = []
    for one in mapping.layout.items:
        kind = f"{one.type}{one.bytes or ''}"
        rows.append(_row(mapping, "vendor", one.name, one.name, kind))
    for item in mapping.record_type.items:
        kind = f"{item.type}{item.digits}"
        rows.append(_row(mapping, "standard", item.name, item.name_ja, kind))
    return tuple(rows)


def _row(mapping: Mapping, side: Side, item: str, name_ja: str, kind: str) -> CoverageRow:
    for rule in mapping.rules:
        if isinstance(rule, ItemRule):
            own, other = (rule.vendor, rule.standard) if side == "vendor" else (rule.standard, rule.vendor)
            if item in own:
                how = f"{rule.name} {rule.options}".strip()
                there = "・".join(other)
                return CoverageRow(side, item, name_ja, kind, "mapped", there, how, rule.loss, rule.note)
        elif rule.side == side and rule.item == item:
            if isinstance(rule, ConstantRule):
                return CoverageRow(side, item, name_ja, kind, "constant", "", rule.value, rule.loss, rule.reason)
            if isinstance(rule, DerivedRule):
                how = rule.expression.source
                return CoverageRow(side, item, name_ja, kind, "derived", "", how, rule.loss, rule.reason)
            return CoverageRow(side, item, name_ja, kind, "unmapped", "", "", rule.loss, rule.reason)
    raise KeyError(item)  # the loader has seen to it that every item is spoken of


def _cells(row: CoverageRow) -> tuple[str, ...]:
    state, side = _STATES_JA[row.state], _SIDES_JA[row.side]
    return (side, row.item, row.name_ja, row.type, state, row.counterpart, row.conversion, row.loss, row.reason)


def summary(rows: Iterable[CoverageRow]) -> dict[str, int]:
    """Counts by side and state, such as ``vendor_mapped``."""
    counts: dict[str, int] = {}
    for row in rows:
        key = f"{row.side}_{row.state}"
        counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))


def render(title: str, rows: Sequence[CoverageRow], form: str) -> str:
    """The table as md, html, csv or json (KeyError for another format)."""
    makers = {"md": _markdown, "html": _html, "csv": _csv, "json": _json}
    return makers[form](title, rows)


def _markdown(title: str, rows: Sequence[CoverageRow]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    head = [f"# {title}", "", line(HEADINGS_JA), line("---" for _ in HEADINGS_JA)]
    return "\n".join([*head, *(line(_cells(row)) for row in rows), ""])


def _html(title: str, rows: Sequence[CoverageRow]) -> str:
    page = etree.Element("html", lang="ja")
    head = etree.SubElement(page, "head")
    etree.SubElement(head, "meta", charset="utf-8")
    etree.SubElement(head, "title").text = title
    body = etree.SubElement(page, "body")
    etree.SubElement(body, "h1").text = title
    table = etree.SubElement(body, "table", border="1")
    _html_line(table, "th", HEADINGS_JA)
    for row in rows:
        _html_line(table, "td", _cells(row))
    text: str = etree.tostring(page, method="html", encoding="unicode", doctype="<!DOCTYPE html>", pretty_print=True)
    return text


def _html_line(table: etree._Element, tag: str, cells: Iterable[str]) -> None:
    line = etree.SubElement(table, "tr")
    for cell in cells:
        etree.SubElement(line, tag).text = cell


def _csv(_title: str, rows: Sequence[CoverageRow]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADINGS_JA)
    writer.writerows(_cells(row) for row in rows)
    return out.getvalue()


def _json(title: str, rows: Sequence[CoverageRow]) -> str:
    document = {"mapping": title, "summary": summary(rows), "items": [asdict(row) for row in rows]}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
