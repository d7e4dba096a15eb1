"""The coverage table of a mapping: every item of both sides, mapped or explained, as rows and in four formats.

Fields that no mapping speaks of (record types, fillers, headers, trailers) are rows too: the codec writes and checks
them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType

from lxml import etree

from adapters.mapping.conversions.chain import Default
from adapters.mapping.engine import Mapping
from adapters.mapping.rules import ConstantRule, DerivedRule, ItemRule
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.types import Side

FORMATS = ("md", "html", "csv", "json")
HEADINGS_JA = ("側", "項目", "項目名", "型", "状態", "相手側の項目", "変換", "欠落の扱い", "理由・注記")
STATES_JA = MappingProxyType(
    {"mapped": "対応", "constant": "固定値", "derived": "算出", "unmapped": "対象外", "structure": "構造"}
)
_SIDES_JA = {"vendor": "ベンダー", "standard": "標準"}


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One item of one side; ``reason`` is its note or reason.

    ``state`` is mapped, constant, derived, unmapped, or structure (a field that the codec itself writes and checks).
    """

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
        kind = _kind(one)
        rows.append(_row(mapping, "vendor", one.name, one.name, kind))
    for item in mapping.record_type.items:
        kind = f"{item.type}({item.digits})"
        rows.append(_row(mapping, "standard", item.name, item.name_ja, kind))
    return (*rows, *_structure(mapping.layout))


def _structure(layout: Layout, before: str = "") -> Iterator[CoverageRow]:
    """Fields of a layout that stand for no item: each with what the codec does with it."""
    inner = layout.inner or layout
    for part, edge in (("ヘッダー", inner.header), ("トレーラー", inner.trailer)):
        for one in edge:
            yield _fixture(before + part, one, _use(inner, one))
    for one in inner.fields:
        if one.filler or one.name == inner.type_field:
            yield _fixture(before + "データ", one, _use(inner, one))
    if layout.group is not None:
        for name, columns in layout.group.items:
            kind = f"×{layout.group.times}"
            what = f"繰返し {columns[0]} … {columns[-1]}"
            yield CoverageRow("vendor", name, f"{before}繰返し", kind, "structure", "", "", "", what)
    for member in layout.members:
        if member.role not in ("parent", "detail"):
            what = "別の対応定義で読む種別" if member.role == "other" else f"{member.role} レコード"
            checked = {name: f"件数 {counted}" for name, counted in member.counts}
            checked |= {name: f"合計 {added}" for name, added in member.totals}
            for one in member.layout.fields:
                shown = replace(one, note=" ".join(filter(None, (checked.get(one.name), one.note))))
                yield _fixture(f"{member.role} {member.mark}", shown, what)
        elif member.alone != "refuse":
            yield CoverageRow("vendor", member.role, member.mark, "", "structure", "", "", "", f"alone {member.alone}")
        yield from _structure(member.layout, f"{member.role} ")


def _fixture(place: str, one: LayoutField, what: str) -> CoverageRow:
    kind = _kind(one)
    return CoverageRow("vendor", one.name, place, kind, "structure", "", one.value, "", one.note or what)


def _kind(one: LayoutField) -> str:
    """Type and width of a field, and everything else that is not as usual."""
    usual = LayoutField(one.name)
    path = () if one.path in ((), (one.name,)) else (f"path={'.'.join(one.path)}",)
    names = ("pad", "json", "usage", "digits", "scale", "sign", "zone", "order", "keep_zeros", "cell", "wide", "blank")
    unusual = [(name, getattr(one, name)) for name in names if getattr(one, name) != getattr(usual, name)]
    more = [name if value is True else f"{name}={value}" for name, value in unusual]
    return " ".join((f"{one.type}({one.bytes})" if one.bytes else one.type, *path, *more))


def facts(mapping: Mapping) -> str:
    """What the heads of mapping and layout say, in one line: the form of the file, the direction, the policies."""
    usual = Layout("", "", "", ())
    layout = mapping.layout
    left_out = {"id", "kind", "encoding", "fields", "header", "trailer", "group", "members", "inner", "path", "totals"}
    names = [one.name for one in fields(Layout) if one.name not in left_out]
    unusual = [(name, getattr(layout, name)) for name in names if getattr(layout, name) != getattr(usual, name)]
    more = [name if value is True else f"{name}={value!r}" for name, value in unusual]
    policy = (f"direction={mapping.direction}", f"codec_loss={mapping.codec_loss}")
    return " ".join((layout.kind, layout.encoding, *more, *policy))


def _use(layout: Layout, one: LayoutField) -> str:
    if one.filler:
        return "予備（空白）"
    if one.name == layout.type_field:
        return "レコード区分"
    if one.name == layout.count_field:
        return "データの件数（照合する）"
    if one.name in dict(layout.totals):
        return f"{dict(layout.totals)[one.name]} の合計（照合する）"
    return "固定の内容" if one.value else "読んだまま保つ"


def _row(mapping: Mapping, side: Side, item: str, name_ja: str, kind: str) -> CoverageRow:
    for rule in mapping.rules:
        if isinstance(rule, ItemRule):
            own, other = (rule.vendor, rule.standard) if side == "vendor" else (rule.standard, rule.vendor)
            if item in own:
                how = f"{rule.name} {rule.options}".strip() + _default(rule)
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


def _default(rule: ItemRule) -> str:
    one = rule.conversion
    if not isinstance(one, Default):
        return ""
    side, value = ("standard", one.standard) if one.standard else ("vendor", one.vendor)
    return f" default {side}={value!r} canonical={one.canonical} {one.reason}"


def _cells(row: CoverageRow) -> tuple[str, ...]:
    state, side = STATES_JA[row.state], _SIDES_JA[row.side]
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
