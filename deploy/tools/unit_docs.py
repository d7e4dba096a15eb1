"""Write the page of one business unit in Japanese, as its vendors read it: operations, records, codes, rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from contract_docs import NOTE, PATTERNS, code_list, table
from rule_words import condition_of

from schemas.examples import load_examples
from schemas.model import Disclosure, Edition, Item, Operation, Protection, RecordType, Unit
from schemas.rows import about_text, rows_text
from schemas.words import CARE_JA

EFFECTS = {"withhold": "項目を渡さない", "priority": "先に届ける", "stop": "電文を止める", "none": "なし"}


def unit_page(edition: Edition, unit: Unit) -> str:
    """The page of one unit."""
    used = sorted({item.code for record in unit.records.values() for item in record.items} - {"", *edition.codes})
    units, purposes = _names(edition, "gyomu"), _names(edition, "riyomokuteki")
    basis = _basis(unit)
    parts = [
        NOTE,
        f"# {unit.name_ja}（{unit.key}）",
        f"地域バス標準プロファイル {unit.edition}・業務番号 {unit.number}。名前空間 `{unit.namespace}`。"
        "型・形式・共通コードは [common.md](common.md)、通信の取り決めは [profile.md](profile.md)、"
        "業務の間の流れは [flows.md](flows.md) にあります。",
        f"出典の「再構成」は、{basis}と実務から組み立てたものです。記号は [common.md](common.md) の「出典」にあります。"
        if basis
        else "出典の記号は [common.md](common.md) の「出典」にあります。",
        "## 操作",
        table(
            ("操作", "型", "使う業務", "要求と回答", "順序鍵", "期限（秒）", "番号利用事務"),
            (_operation(operation, units) for operation in unit.operations.values()),
        ),
        _purposes(unit, purposes),
        *_answers(unit),
        "## レコード",
        "要素は表の順に並べ、値のない項目は要素ごと省きます。「記入例」は架空の値です。",
    ]
    examples = load_examples(unit)
    for record in _in_order(unit):
        parts += _record(unit, record, examples.get(record.name, {}), basis)
    parts += ["## コード"]
    for name in used:
        parts += code_list(unit.codes[name])
    rules = (
        (
            rule.name,
            unit.records[rule.record].title,
            rule.text_ja,
            condition_of(unit, rule),
            _source(rule.provenance, basis),
        )
        for rule in unit.rules
    )
    parts += [
        "## 相関（E0004）",
        "比べる項目の一方がすべてないときは、比べません。合計では、ない項目を 0 とみます。",
        table(("規則", "レコード", "内容", "条件", "出典"), rules),
    ]
    return "\n\n".join([*parts, *_personal_data(edition, unit)]) + "\n"


def _answers(unit: Unit) -> list[str]:
    """What the answers of inquiries have to be about."""
    said = [f"`{one.name}` は{about_text(unit, one)}" for one in unit.operations.values() if one.about]
    return (
        [f"回答のレコードはすべて次のものに限り、ほかのものがあれば止めます（CB3030）: {'。'.join(said)}。"]
        if said
        else []
    )


def _in_order(unit: Unit) -> Iterator[RecordType]:
    """The records as a reader meets them: what operations carry, what they ask with, then the forms of bulk."""
    operations = [operation for operation in unit.operations.values() if operation.pattern != "bulk"]
    operations += [operation for operation in unit.operations.values() if operation.pattern == "bulk"]
    names = [operation.record for operation in operations] + [operation.request_record for operation in operations]
    names = [name for name in names if not name.startswith("ikkatsu_")]
    for name in dict.fromkeys([*names, *unit.records]):
        if name in unit.records:
            yield unit.records[name]


def _record(unit: Unit, record: RecordType, example: Mapping[str, str], basis: str) -> list[str]:
    """One record: who carries it, what tells two of them apart, and its items."""
    carried = [f"`{one.name}`（{one.name_ja}）" for one in unit.operations.values() if one.record == record.name]
    asks = [f"`{one.name}`（{one.name_ja}）" for one in unit.operations.values() if one.request_record == record.name]
    answers = [f"`{one.name}`" for one in unit.operations.values() if _local(one.output) == record.name]
    said = [f"{text}: {'、'.join(names)}。" for text, names in
            (("運ぶ操作", carried), ("要求に使う操作", asks), ("回答の操作", answers)) if names]  # fmt: skip
    must = sum(item.mandatory for item in record.items)
    head = ["#", "項目と要素名", "型", "必須", "コード・形式", "配慮", *(["記入例"] if example else []), "出典"]
    rows = (_item(number, item, example, basis) for number, item in enumerate(record.items, 1))
    return [
        f"### {record.title}",
        "".join([*said, f"{len(record.items)}項目（必須 {must}）。"]),
        *_key(unit, record),
        table(head, rows),
    ]


def _basis(unit: Unit) -> str:
    """What most items of the unit were reconstructed from."""
    marks = Counter(item.provenance for record in unit.records.values() for item in record.items)
    known = [match[1] for mark, _ in marks.most_common() if (match := re.fullmatch(r"reconstructed \((.+)\)", mark))]
    return known[0] if known else ""


def _source(provenance: str, basis: str) -> str:
    """A mark of origin in Japanese; the basis that the page names at its top is not repeated."""
    text = "再構成" if provenance == f"reconstructed ({basis})" else provenance
    text = re.sub(
        r"^reconstructed(?: \((.+)\))?$", lambda match: f"再構成（{match[1]}）" if match[1] else "再構成", text
    )
    return re.sub(r"^ours\b", "独自", text)


def _key(unit: Unit, record: RecordType) -> list[str]:
    """What tells two records apart, for those that notices and bulk transfers carry."""
    carried = {operation.record for operation in unit.operations.values() if operation.pattern in ("notice", "bulk")}
    if record.name not in carried:
        return []
    names = "・".join(f"{record.item(name).name_ja}（`{name}`）" for name in record.key)
    return [f"鍵: {names}。同じ鍵のものは、履歴番号の新しいものが前のものに代わります。"]


def _personal_data(edition: Edition, unit: Unit) -> list[str]:
    """Who may see what, and what protects a person, as far as the unit has these tables."""
    parts = []
    if unit.disclosure is not None:
        units, purposes = _names(edition, "gyomu"), _names(edition, "riyomokuteki")
        rows = (
            (
                unit.records[row.record].title,
                "、".join(units.get(one, one) for one in row.consumers),
                "、".join(purposes.get(one, one) for one in row.purposes),
                rows_text(unit, row.record, row.rows) if row.items else "**渡さない**",
                _kept(unit, row),
                row.basis_ja,
                row.provenance,
            )
            for row in unit.disclosure
        )
        head = ("レコード", "渡す相手", "利用目的", "渡すレコード", "渡さない項目", "根拠・理由", "出典")
        parts += ["## 開示（書かれていない相手と利用目的には渡しません）", table(head, rows)]
    if unit.protections:
        kept = (
            (
                row.name,
                unit.records[row.record].title,
                row.flag,
                _values(row),
                EFFECTS[row.effect],
                row.text_ja,
                row.provenance,
            )
            for row in unit.protections
        )
        head = ("規則", "レコード", "フラグ", "値", "効果", "内容", "出典")
        parts += ["## 保護（支援措置・発行抑止・他業務参照不可）", table(head, kept)]
    return parts


def _kept(unit: Unit, row: Disclosure) -> str:
    """The items that a row does not show."""
    if not row.items:
        return "すべて"
    hidden = (item.name_ja for item in unit.records[row.record].items if item.name not in row.items)
    return "、".join(hidden) or "なし"


def _values(row: Protection) -> str:
    return "、".join([*sorted(row.values), *(["なし（項目がないとき）"] if row.absent else [])])


def _names(edition: Edition, name: str) -> dict[str, str]:
    return {row.code: row.name_ja for row in edition.codes[name].rows} if name in edition.codes else {}


def _operation(operation: Operation, units: Mapping[str, str]) -> tuple[str, ...]:
    everybody = "*" in operation.consumers
    return (
        f"{operation.name_ja}<br>`{operation.name}`",
        PATTERNS[operation.pattern],
        "すべて" if everybody else "、".join(units.get(one, one) for one in operation.consumers),
        f"`{_local(operation.input)}`<br>`{_local(operation.output)}`",
        "<br>".join(f"`{key}`" for key in operation.ordering),
        f"{operation.deadline_s:g}",
        "○" if operation.number_use else "",
    )


def _purposes(unit: Unit, purposes: Mapping[str, str]) -> str:
    """For which purposes the operations may be used: those that agree together, by what they are called."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for operation in unit.operations.values():
        alike.setdefault(operation.purposes, []).append(operation.name_ja)
    lines = []
    for own, operations in alike.items():
        everything = set(own) == set(purposes)
        said = (
            "すべて（一覧は [common.md](common.md)）"
            if everything
            else "、".join(f"{purposes.get(one, one)}（`{one}`）" for one in own)
        )
        lines.append(f"- {'すべての操作' if len(alike) == 1 else '、'.join(operations)}: {said}")
    return "\n".join(("利用目的:", "", *lines))


def _item(number: int, item: Item, example: Mapping[str, str], basis: str) -> tuple[str, ...]:
    size = f"{item.digits},{item.scale}" if item.scale else str(item.digits)
    return (
        str(number),
        f"{item.name_ja}<br>`{item.name}`",
        f"{item.type}({size})",
        "○" if item.mandatory else "",
        "<br>".join(f"`{one}`" for one in (item.code, item.format) if one),
        CARE_JA.get(item.sensitivity, item.sensitivity),
        *([example.get(item.name, "")] if example else []),
        _source(item.provenance, basis),
    )


def _local(name: str) -> str:
    return name.rpartition("}")[2]
