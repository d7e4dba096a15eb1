"""Turn the tables of an edition into readable Japanese lists of items, codes, rules and operations."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence

from schemas.model import CodeTable, Edition, ErrorEntry, Item, Operation, Protection, RecordType, Unit

PATTERNS = {
    "inquiry": "照会",
    "notice": "通知",
    "late": "照会（後日回答可）",
    "bulk": "一括",
}
SENSITIVITY = {
    "kojinbango": "個人番号",
    "juminhyokodo": "住民票コード",
    "address": "住所",
    "honseki": "本籍",
    "shotoku": "所得",
    "shiensochi": "支援措置",
    "seinenhikokennin": "成年被後見人",
    "kisonenkinbango": "基礎年金番号",
    "zairyukado": "在留カード",
    "koseki": "戸籍",
    "renrakusaki": "連絡先",
    "shugakuenjo": "就学援助",
    "zeigaku": "税・保険料額",
    "koza": "口座",
    "kyufu": "給付",
    "nintei": "要介護認定",
    "shogai": "障害",
    "hogo": "生活保護",
    "kenko": "健康",
}
EFFECTS = {"withhold": "項目を渡さない", "priority": "先に届ける", "stop": "電文を止める", "none": "なし"}
NOTE = "<!-- deploy/tools/generate_contracts.py が schemas/ の表から作成しています。直接編集しないでください。 -->"

FAMILIES = (
    ("データの誤り / Data", "E0"),
    ("電文とヘッダー / The message", "CB1"),
    ("認証と権限 / Identity and rights", "CB2"),
    ("重複と順序 / Duplicates and order", "CB3"),
    ("受付 / Acceptance", "CB4"),
    ("提供側への送信 / Delivery", "CB5"),
    ("アダプターとベンダーのデータ / Adapters and vendors' data", "CB6"),
    ("設定（コマンドが示すもの） / Configuration, shown by commands", "CB7"),
    ("動かしている機械 / The machine", "CB9"),
)
ERRORS_HEAD = """\
# エラーコード一覧

地域バスとアダプターが示すコードは、この表にあるものだけです。
SOAP の障害・管理サービス・ファイルのエラー一覧・コマンドで同じコードを使います。
Every code that the bus and its adapters show: in SOAP faults, error lists and commands alike.

- **HTTP 500** は SOAP の障害で、`detail/shogai` にコード・日英の文・対処・記録番号・指摘があります
  （[標準プロファイル](profile.md) P-71・P-72）。
- **HTTP 503** も SOAP の障害で、`Retry-After` の秒数のあとに同じ電文を送り直せます。受け付けられていません。
- **それ以外（400 番台と 501）** は HTTP としての断りで、本文は `<コード> <和文> / <英文>` の `text/plain` です。
  413 のうち、読んでから分かったものは 500 の障害になります。
- **再送 ○** のものは、同じ電文を送り直すと受け付けられることがあります。
  ほかは、直してから新しい電文IDで送ってください。
- 接頭辞のない faultcode は SOAP 1.1 のもの（`soap:Client` など）です。WS-Addressing を使った要求には
  [専用の名前](addressing.md)が返ることがあります。"""


def unit_page(edition: Edition, unit: Unit) -> str:
    """The page of one unit."""
    used = sorted({item.code for record in unit.records.values() for item in record.items} - {"", *edition.codes})
    parts = [
        NOTE,
        f"# {unit.name_ja}（{unit.key}）",
        f"地域バス標準プロファイル {unit.edition}・業務番号 {unit.number}。名前空間 `{unit.namespace}`。"
        "型・形式・共通コードは [common.md](common.md)、通信の取り決めは [profile.md](profile.md) にあります。",
        "## 操作",
        table(
            ("操作", "名称", "型", "要求", "回答", "順序鍵", "期限（秒）", "番号利用事務", "利用目的"),
            (_operation(operation) for operation in unit.operations.values()),
        ),
        "## 項目",
    ]
    for record in unit.records.values():
        parts += [
            f"### {record.name}",
            *_key(unit, record),
            table(
                ("#", "要素名", "項目名", "型", "必須", "コード", "形式", "配慮", "出典"),
                (_item(number, item) for number, item in enumerate(record.items, 1)),
            ),
        ]
    parts += ["## コード"]
    for name in used:
        parts += _codes(unit.codes[name])
    rules = ((rule.name, rule.record, rule.text_ja, rule.provenance) for rule in unit.rules)
    parts += ["## 相関（E0004）", table(("規則", "レコード", "内容", "出典"), rules)]
    return "\n\n".join([*parts, *_personal_data(edition, unit)]) + "\n"


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
                row.record,
                "、".join(units.get(one, one) for one in row.consumers),
                "、".join(purposes.get(one, one) for one in row.purposes),
                "、".join(item.name_ja for item in unit.records[row.record].items if item.name not in row.items)
                or "なし",
                row.basis_ja,
                row.provenance,
            )
            for row in unit.disclosure
        )
        head = ("レコード", "渡す相手", "利用目的", "渡さない項目", "根拠", "出典")
        parts += ["## 開示（書かれていない相手と利用目的には渡しません）", table(head, rows)]
    if unit.protections:
        kept = (
            (row.name, row.record, row.flag, _values(row), EFFECTS[row.effect], row.text_ja, row.provenance)
            for row in unit.protections
        )
        head = ("規則", "レコード", "フラグ", "値", "効果", "内容", "出典")
        parts += ["## 保護（支援措置・発行抑止・他業務参照不可）", table(head, kept)]
    return parts


def _values(row: Protection) -> str:
    return "、".join([*sorted(row.values), *(["なし（項目がないとき）"] if row.absent else [])])


def _names(edition: Edition, name: str) -> dict[str, str]:
    return {row.code: row.name_ja for row in edition.codes[name].rows} if name in edition.codes else {}


def common_page(edition: Edition) -> str:
    """The page of types, formats and code tables that all units share."""
    forms = (
        (form.name, form.name_ja, _code(form.pattern), form.check, form.provenance) for form in edition.formats.values()
    )
    parts = [
        NOTE,
        f"# 共通定義（版 {edition.version}）",
        "桁数は文字数です。字形選択子は基底文字と合わせて1文字、補助面の文字も1文字と数えます。",
        "## 出典",
        table(("記号", "資料"), _sources(edition)),
        "## 型と形式",
        table(("名称", "意味", "パターン", "検査", "出典"), forms),
        "## 共通コード",
    ]
    for codes in edition.codes.values():
        parts += _codes(codes)
    return "\n\n".join(parts) + "\n"


def errors_page(errors: Iterable[ErrorEntry]) -> str:
    """The page of every code that an answer, an error list or a command may show."""
    entries = tuple(errors)
    parts = [NOTE, ERRORS_HEAD]
    for title, prefix in FAMILIES:
        rows = (_error(entry) for entry in entries if entry.code.startswith(prefix))
        parts += [f"## {title}", table(("コード", "意味", "なすべきこと", "faultcode", "HTTP", "再送"), rows)]
    return "\n\n".join(parts) + "\n"


def _error(entry: ErrorEntry) -> tuple[str, ...]:
    return (
        f"`{entry.code}`",
        f"{entry.title_ja}<br>{entry.title_en}",
        f"{entry.action_ja}<br>{entry.action_en}",
        f"`{entry.faultcode}`" if entry.http_status in {500, 503} else "",
        str(entry.http_status),
        "○" if entry.retryable else "",
    )


def _sources(edition: Edition) -> Iterable[Sequence[str]]:
    """What the marks of the provenance columns mean."""
    with (edition.folder / "common" / "sources.csv").open(encoding="utf-8", newline="") as file:
        return [(row["key"], row["title"]) for row in csv.DictReader(file)]


def _operation(operation: Operation) -> tuple[str, ...]:
    return (
        f"`{operation.name}`",
        operation.name_ja,
        PATTERNS[operation.pattern],
        f"`{_local(operation.input)}`",
        f"`{_local(operation.output)}`",
        "、".join(f"`{key}`" for key in operation.ordering),
        f"{operation.deadline_s:g}",
        "○" if operation.number_use else "",
        "、".join(operation.purposes),
    )


def _item(number: int, item: Item) -> tuple[str, ...]:
    size = f"{item.digits},{item.scale}" if item.scale else str(item.digits)
    return (
        str(number),
        f"`{item.name}`",
        item.name_ja,
        f"{item.type}({size})",
        "○" if item.mandatory else "",
        item.code,
        item.format,
        SENSITIVITY.get(item.sensitivity, item.sensitivity),
        item.provenance,
    )


def _codes(codes: CodeTable) -> list[str]:
    """One code table; columns that no row fills are left out."""
    names = ("code", "name_ja", "group", "valid_from", "valid_to", "provenance")
    titles = ("コード", "名称", "区分", "開始日", "終了日", "出典")
    kept = [
        (name, title) for name, title in zip(names, titles, strict=True) if any(getattr(r, name) for r in codes.rows)
    ]
    rows = (tuple(getattr(row, name) for name, _ in kept) for row in codes.rows)
    return [f"### {codes.name_ja}（{codes.name}）", table([title for _, title in kept], rows)]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _code(pattern: str) -> str:
    """A pattern as HTML, since its brackets and bars would mean something in Markdown."""
    escaped = "".join(f"&#{ord(character)};" if character in "&<>|()*_`\\" else character for character in pattern)
    return f"<code>{escaped}</code>"


def _local(name: str) -> str:
    return name.rpartition("}")[2]
