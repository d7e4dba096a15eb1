"""Turn the shared tables of an edition into readable Japanese lists: forms, codes, errors."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence

from schemas.model import CodeTable, Edition, ErrorEntry

PATTERNS = {
    "inquiry": "照会",
    "notice": "通知",
    "late": "照会（後日回答可）",
    "bulk": "一括",
}
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
    ("運用者の画面 / The operators' console", "CB8"),
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
        parts += code_list(codes)
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


def code_list(codes: CodeTable) -> list[str]:
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
