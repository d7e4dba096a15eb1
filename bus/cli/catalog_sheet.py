"""The agreement sheet of an interface as one HTML page to print: what is given to whom, and lines to sign it off."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from lxml import etree

from bus.cli.catalog_disclosure import full, guard_line, guards_of, hidden, rows_of, shown
from bus.cli.catalog_rows import ANYBODY, Selection, parts, size_of
from schemas.model import CodeTable, Item, Operation, Unit
from schemas.rows import about_text
from schemas.words import CARE_JA

PATTERNS = {"inquiry": "照会", "notice": "通知", "late": "照会（後日回答可）", "bulk": "一括"}
SIGNERS = ("発注者（市区町村）", "提供側システムの事業者", "受取側システムの事業者", "連携基盤の運用者")
STYLE = """
@page { size: A4; margin: 16mm 12mm 18mm;
  @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt } }
body { font: 9pt/1.5 "Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic", Meiryo, sans-serif; color: #111;
  max-width: 190mm; margin: 0 auto; padding: 4mm }
h1 { font-size: 15pt; text-align: center; margin: 0 0 6mm }
h2 { font-size: 11pt; border-bottom: 0.4mm solid #333; margin: 7mm 0 2mm; break-after: avoid }
h3 { font-size: 10pt; margin: 4mm 0 1mm; break-after: avoid } .key { break-after: avoid }
table { border-collapse: collapse; width: 100%; margin: 0 0 3mm }
thead { display: table-header-group }
tr { break-inside: avoid }
th, td { border: 0.2mm solid #777; padding: 0.6mm 1.2mm; text-align: left; vertical-align: top;
  overflow-wrap: break-word }
th { background: #eee; font-weight: 600 }
th { white-space: nowrap } td.short { white-space: nowrap } td.words { min-width: 22mm }
code { font-family: "Noto Sans Mono", Consolas, monospace; font-size: 7.5pt }
.digest { overflow-wrap: anywhere }
.blank td { height: 18mm } .agreed { break-inside: avoid } .sign { table-layout: fixed } .sign td { height: 14mm }
.sign th:nth-child(1) { width: 24% } .sign th:nth-child(2) { width: 28% } .sign th:nth-child(4) { width: 20% }
h3 small { font-weight: normal; color: #444 }
@media screen { body { background: #fff; box-shadow: 0 0 2mm #aaa } }
@media screen and (max-width: 48em) { table { display: block; overflow-x: auto } .sign { min-width: 0 }
  h1 { font-size: 13pt } td.words { min-width: 26mm } }
"""


def sheet(selection: Selection) -> bytes:
    """The page in UTF-8. The selection names the providing unit; without a consumer the sheet is for all of them."""
    unit = selection.units[0]
    operations = selection.operations(unit)
    names = {row.code: row.name_ja for row in selection.edition.codes["gyomu"].rows}
    to = names.get(selection.consumer, selection.consumer) or "受け取るすべての業務"
    title = f"インターフェース合意書　{unit.name_ja} → {to}"
    records = list(dict.fromkeys(name for one in operations for _, name in parts(unit, one)))
    tables = sorted({item.code for name in records for item in unit.records[name].items} - {""})
    body = _el(
        "body",
        _el("h1", title),
        *_facts(selection, unit, to),
        _el("h2", "2　操作"),
        *(_operations(operations) if operations else [_el("p", "この組み合わせに操作はありません。")]),
        _el("h2", "3　項目"),
        _el("p", f"出典の「再構成」の根拠: {'、'.join(_bases(unit, records)) or 'ありません'}。"),
        *(element for name in records for element in _record(unit, name)),
        _el("h2", "4　コード"),
        *(element for name in tables for element in _codes(unit.codes[name])),
        _el("h2", "5　項目どうしの決まり（相関）"),
        _rules(unit, records),
        _el("h2", "6　開示（渡す範囲）"),
        *_disclosure(selection, unit),
        _el("h2", "7　保護（支援措置など）"),
        *_protection(selection, unit),
        *_ending(),
    )
    head = _el(
        "head",
        _el("meta", attributes={"http-equiv": "Content-Type", "content": "text/html; charset=utf-8"}),
        _el("meta", attributes={"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        _el(
            "meta",
            attributes={
                "http-equiv": "Content-Security-Policy",
                "content": "default-src 'none'; style-src 'unsafe-inline'",
            },
        ),
        _el("title", title),
        _el("style", STYLE),
    )
    page = _el("html", head, body, attributes={"lang": "ja"})
    return bytes(etree.tostring(page, method="html", doctype="<!DOCTYPE html>", encoding="utf-8", pretty_print=True))


def digest(selection: Selection) -> str:
    """SHA-256 of everything the sheet is about: both parties sign the same tables or see that they do not."""
    return hashlib.sha256(msgspec.json.encode(full(selection))).hexdigest()


def _facts(selection: Selection, unit: Unit, to: str) -> list[etree._Element]:
    rows = (
        ("提供する業務", f"{unit.name_ja}（{unit.key}）"),
        ("受け取る業務", f"{to}（{selection.consumer or ANYBODY}）"),
        ("標準の版", f"地域バス標準プロファイル {unit.edition}"),
        ("名前空間", unit.namespace),
        ("操作の数", str(selection.count)),
        ("内容の識別値（SHA-256）", digest(selection)),
        ("適用開始日", "　　　　年　　月　　日"),
        ("適用終了日（版の更新予定）", "　　　　年　　月　　日"),
    )
    small = {"class": "digest"}
    cells = (_el("tr", _el("th", name), _el("td", _el("span", value, attributes=small))) for name, value in rows)
    return [_el("h2", "1　対象"), _el("table", _el("tbody", *cells))]


def _operations(operations: Sequence[Operation]) -> list[etree._Element]:
    head = ("操作", "名称", "型", "要求", "回答", "順序鍵", "期限（秒）", "番号利用事務")
    rows = (
        (
            _code(one.name), one.name_ja, PATTERNS[one.pattern], _code(one.input.rpartition("}")[2]),
            _code(one.output.rpartition("}")[2]), _code("、".join(one.ordering) or "－"), f"{one.deadline_s:g}",
            "○" if one.number_use else "－",
        )
        for one in operations
    )  # fmt: skip
    return [_table(head, rows)]


def _record(unit: Unit, name: str) -> list[etree._Element]:
    record = unit.records[name]
    head = ("#", "要素名", "項目名", "型（桁）", "必須", "コード・形式", "配慮", "出典")
    rows = ((str(number), *_item(unit, item)) for number, item in enumerate(record.items, 1))
    key = "・".join(record.item(one).name_ja for one in record.key)
    return [
        _el("h3", record.title, _el("small", f"　{len(record.items)}項目{_carried(unit, name)}")),
        *([_el("p", f"鍵: {key}", attributes={"class": "key"})] if key else []),
        _table(head, rows),
    ]


def _carried(unit: Unit, record: str) -> str:
    """The operations that carry a record or ask with it, by their Japanese names."""
    used = [one.name_ja for one in unit.operations.values() if record in (one.record, one.request_record)]
    return f"：{'、'.join(used)}" if used else ""


def _source(provenance: str) -> str:
    """A mark of origin in short; what a reconstruction rests on stands above the tables."""
    return "再構成" if provenance.startswith("reconstructed") else provenance


def _bases(unit: Unit, records: Sequence[str]) -> list[str]:
    marks = (item.provenance for name in records for item in unit.records[name].items)
    found = (mark.removeprefix("reconstructed (").rstrip(")") for mark in marks if mark.startswith("reconstructed ("))
    return list(dict.fromkeys(found))


def _item(unit: Unit, item: Item) -> tuple[etree._Element | str, ...]:
    return (
        _code(item.name), item.name_ja, size_of(item), "○" if item.mandatory else "",
        "・".join(one for one in (unit.codes[item.code].name_ja if item.code else "", item.format) if one),
        CARE_JA.get(item.sensitivity, item.sensitivity), _source(item.provenance),
    )  # fmt: skip


def _codes(codes: CodeTable) -> list[etree._Element]:
    rows = ((row.code, row.name_ja, row.group) for row in codes.rows)
    return [_el("h3", f"{codes.name_ja}（{codes.name}）"), _table(("コード", "名称", "区分"), rows)]


def _rules(unit: Unit, records: Sequence[str]) -> etree._Element:
    rows = [
        (unit.records[rule.record].title, rule.text_ja, _source(rule.provenance))
        for rule in unit.rules
        if rule.record in records
    ]
    return _table(("レコード", "内容", "出典"), rows) if rows else _el("p", "ありません。")


def _disclosure(selection: Selection, unit: Unit) -> list[etree._Element]:
    """Which records and items the consumer gets, by purpose; a unit without such a table says that rights.toml decides.

    A consumer to which nothing is given stands there too, with the reason.
    """
    if unit.disclosure is None:
        return [
            _el(
                "p", "この業務の開示の表はまだありません。渡さない項目は、権限表（rights.toml の withhold）で決めます。"
            )
        ]
    names = {row.code: row.name_ja for row in selection.edition.codes["gyomu"].rows}
    purposes = {row.code: row.name_ja for row in selection.edition.codes["riyomokuteki"].rows}
    rows = [
        (
            unit.records[row.record].title,
            "、".join(names.get(one, one) for one in row.consumers),
            "、".join(purposes.get(one, one) for one in row.purposes) if row.items else "－",
            shown(unit, row),
            hidden(unit, row),
            row.basis_ja,
        )
        for row in rows_of(selection, unit)
    ]
    words = [_el("p", "表にない業務と利用目的には渡しません。渡すレコードの条件に合わないものは、相手に届きません。")]
    about = [
        _el("p", f"{one.name_ja}（{one.name}）の回答は{about_text(unit, one)}に限り、ほかのものがあれば止めます。")
        for one in selection.operations(unit)
        if one.about
    ]
    head = ("レコード", "渡す相手", "利用目的", "渡すレコード", "渡さない項目", "根拠・理由")
    return [*words, *([_table(head, rows)] if rows else []), *about]


def _protection(selection: Selection, unit: Unit) -> list[etree._Element]:
    rows = [guard_line(unit, row) for row in guards_of(selection, unit)]
    if not rows:
        return [_el("p", "この業務のレコードには、保護の規則がありません。")]
    return [_table(("レコード", "フラグ", "値", "効果", "内容"), rows)]


def _ending() -> list[etree._Element]:
    blank = _el("table", _el("tbody", _el("tr", _el("td"))), attributes={"class": "blank"})
    head = ("立場", "組織名", "氏名・署名", "合意日")
    signs = _table(head, ((who, "", "", "　　　年　　月　　日") for who in SIGNERS))
    signs.set("class", "sign")
    agreed = "上の操作・項目・コード・開示の範囲で連携することに合意します。"
    last = (_el("h2", "9　合意"), _el("p", agreed), signs)
    return [
        _el("h2", "8　特記事項（運用時間・頻度・接続先・件数など）"),
        blank,
        _el("div", *last, attributes={"class": "agreed"}),
    ]


def _table(head: Iterable[str], rows: Iterable[Iterable[etree._Element | str]]) -> etree._Element:
    lines = (_el("tr", *(_cell(cell) for cell in row)) for row in rows)
    return _el("table", _el("thead", _el("tr", *(_el("th", name) for name in head))), _el("tbody", *lines))


def _cell(content: etree._Element | str) -> etree._Element:
    """A cell; what is short is not broken, what is long has room."""
    kind = "short" if isinstance(content, str) and len(content) <= 6 else "words" if isinstance(content, str) else ""
    return _el("td", content, attributes={"class": kind} if kind else {})


def _code(text: str) -> etree._Element:
    """A name of the standard, which may be broken behind its underscores and slashes only."""
    made = _el("code")
    for part in re.findall(r"[^_/]+[_/]?|[_/]", text):
        _add(made, part)
        etree.SubElement(made, "wbr")
    return made


def _add(made: etree._Element, text: str) -> None:
    if len(made):
        made[-1].tail = (made[-1].tail or "") + text
    else:
        made.text = (made.text or "") + text


def _el(name: str, *children: etree._Element | str, attributes: Mapping[str, str] | None = None) -> etree._Element:
    """An element with texts and elements in it; lxml escapes what it writes."""
    made = etree.Element(name, dict(attributes or {}))
    for child in children:
        if isinstance(child, str):
            _add(made, child)
        else:
            made.append(child)
    return made
