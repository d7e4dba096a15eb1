"""``chiikibus catalog``: which interfaces there are, their tables and agreement sheets, and what editions differ in."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bus.cli.catalog_disclosure import decisions, full
from bus.cli.catalog_rows import Selection, catalogue, csv_text, select, size_of
from bus.cli.options import JsonOption
from bus.cli.output import ExitCode, Output
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from schemas.catalog import CatalogError, load_edition
from schemas.comparison import compare
from schemas.model import Edition, Operation, Unit
from schemas.rows import about_text
from schemas.words import CARE_JA

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="連携の項目一覧を扱う。 / See and export the interface catalogue."
)
KINDS = {"added": "追加 added", "removed": "削除 removed", "changed": "変更 changed"}
PATTERNS = {"inquiry": "照会", "notice": "通知", "late": "照会（後日回答可）", "bulk": "一括"}
EditionOption = Annotated[str, typer.Option("--edition", help="標準の版、または版のフォルダー / edition or its folder")]
SiteOption = Annotated[Path | None, typer.Option("--site", help="設定フォルダーの版を使う / the edition of a site")]
ConsumerOption = Annotated[str, typer.Option("--consumer", help="受け取る業務 / the consuming unit")]


class Form(StrEnum):
    """What is written."""

    CSV = "csv"
    JSON = "json"
    HTML = "html"
    PDF = "pdf"


@app.callback()
def group() -> None:
    """連携の項目一覧を扱う。 / See and export the interface catalogue."""


@app.command("show")
def show(
    name: Annotated[
        str, typer.Argument(help="業務または操作 / a unit or operation: kokuho, kokuho.chotei_tsuchi")
    ] = "",
    consumer: ConsumerOption = "",
    edition: EditionOption = "1.0",
    site: SiteOption = None,
    json: JsonOption = False,
) -> int:
    """業務・操作・項目を示す。 / Show units, the operations of a unit, or the items of an operation."""
    output = Output(json=json)
    selection = select(edition_of(edition, site), name, consumer)
    output.document(catalogue(selection, items=bool(selection.operation)))
    if selection.operation is not None:
        _operation(output, selection, selection.units[0], selection.operation)
    elif selection.unit is not None:
        _unit(output, selection)
    else:
        rows = (
            (unit.number, unit.key, unit.name_ja, unit.name_en, len(selection.operations(unit)), len(unit.records))
            for unit in selection.units
        )
        title = f"地域バス標準プロファイル {selection.edition.version}"
        output.table(["番号", "キー key", "業務", "unit", "操作 operations", "レコード records"], rows, title=title)
    return ExitCode.DONE


@app.command("export")
def export(
    form: Annotated[Form, typer.Option("--format", help="書き出す形 / the form")] = Form.CSV,
    to: Annotated[Path | None, typer.Option("--to", help="書き出し先（省略時は標準出力） / the file")] = None,
    name: Annotated[str, typer.Option("--provider", help="提供する業務または操作 / unit or operation")] = "",
    consumer: ConsumerOption = "",
    edition: EditionOption = "1.0",
    site: SiteOption = None,
    json: JsonOption = False,
) -> int:
    """項目一覧を CSV・JSON で、合意書を HTML・PDF で書き出す。 / Export items, or the agreement sheet of two units.

    CSV と JSON は項目ごとの一覧、HTML と PDF は提供側と受取側が署名する合意書です。
    """
    output = Output(json=json)
    selection = select(edition_of(edition, site), name, consumer)
    if form in (Form.HTML, Form.PDF) and selection.unit is None:
        raise ConfigurationError("CB7030", [Finding("CB7030", path="--provider", expected="the unit that provides")])
    if to is None and (form is Form.PDF or json):
        raise ConfigurationError("CB7030", [Finding("CB7030", path="--to", expected="a file to write")])
    content = _content(form, selection)
    if to is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return ExitCode.DONE
    to.write_bytes(content)
    output.document({"written": str(to), "bytes": len(content), "operations": selection.count})
    output.say(f"{to}: {selection.count} 操作 operations, {len(content)} bytes")
    return ExitCode.DONE


@app.command("diff")
def diff(
    old: Annotated[str, typer.Argument(help="前の版、またはそのフォルダー / the old edition or its folder")],
    new: Annotated[str, typer.Argument(help="新しい版、またはそのフォルダー / the new edition or its folder")],
    json: JsonOption = False,
) -> int:
    """版の違いと、送る側・受け取る側がそのままでよいか。 / What differs, and who may go on as before.

    終了コードは、両側がそのままでよければ 0、直す必要があれば 1。 / Exit code 1 where somebody has to change.
    """
    output = Output(json=json)
    before, after = edition_of(old, None), edition_of(new, None)
    changes = compare(before, after)
    compatible = all(change.compatible for change in changes)
    fields = ("kind", "place", "name_ja", "what", "before", "after", "senders", "receivers")
    rows = [{field: getattr(change, field) for field in fields} for change in changes]
    output.document({"old": before.version, "new": after.version, "compatible": compatible, "changes": rows})
    headings = [
        "違い",
        "場所 place",
        "名称",
        "内容 what",
        "前 before",
        "後 after",
        "送る側 senders",
        "受け取る側 receivers",
    ]
    output.table(
        headings,
        (
            (
                KINDS[change.kind], change.place, change.name_ja, change.what, change.before, change.after,
                _may(change.senders), _may(change.receivers),
            )
            for change in changes
        ),
    )  # fmt: skip
    output.say(
        f"{len(changes)} 件の違い differences: {'互換 compatible' if compatible else '要対応 changes are needed'}"
    )
    return ExitCode.DONE if compatible else ExitCode.NEGATIVE


def edition_of(name: str, site: Path | None) -> Edition:
    """A shipped edition by number, one by its folder, or that of a site. Errors: ``ConfigurationError`` CB7003."""
    try:
        if site is not None:
            loaded = load_site(site)
            return load_edition(loaded.edition, loaded.standard_folder, loaded.mounts)
        folder = Path(name)
        return load_edition(folder.resolve().name, folder) if folder.is_dir() else load_edition(name)
    except CatalogError as error:
        raise ConfigurationError("CB7003", [Finding("CB7003", path=problem) for problem in error.problems]) from error


def _content(form: Form, selection: Selection) -> bytes:
    if form is Form.CSV:
        return csv_text(selection).encode("utf-8-sig")  # with the mark by which Excel knows UTF-8
    if form is Form.JSON:
        import msgspec

        return msgspec.json.format(msgspec.json.encode(full(selection)), indent=2) + b"\n"
    from bus.cli.catalog_sheet import sheet

    page = sheet(selection)
    if form is Form.HTML:
        return page
    from bus.cli.printing import pdf

    return pdf(page)


def _unit(output: Output, selection: Selection) -> None:
    unit = selection.units[0]
    rows = (
        (
            one.name, one.name_ja, PATTERNS[one.pattern], "、".join(one.consumers), _carried(unit, one),
            len(unit.records[one.record].items) if one.record in unit.records else "-", f"{one.deadline_s:g}",
            "○" if one.number_use else "",
        )
        for one in selection.operations(unit)
    )  # fmt: skip
    headings = ["操作 operation", "名称", "型", "受取 consumers", "レコード", "項目 items", "期限 s", "番号利用"]
    output.table(headings, rows, title=f"{unit.name_ja}（{unit.key}）{unit.edition}")


def _carried(unit: Unit, operation: Operation) -> str:
    return unit.records[operation.record].title if operation.record in unit.records else "-"


def _operation(output: Output, selection: Selection, unit: Unit, operation: Operation) -> None:
    facts = {
        "操作 operation": f"{operation.name_ja}（{operation.key}）",
        "版 edition": unit.edition,
        "型 pattern": PATTERNS[operation.pattern],
        "受取 consumers": "、".join(operation.consumers),
        "利用目的 purposes": "、".join(operation.purposes),
        "順序鍵 ordering": "、".join(operation.ordering) or "-",
        "期限 deadline": f"{operation.deadline_s:g} s",
        "回答の範囲 about": about_text(unit, operation) or "-",
    }
    output.fields(facts)
    for name in (operation.request_record, operation.record):
        record = unit.records.get(name)
        if record is not None:
            rows = (
                (
                    number, item.name, item.name_ja, size_of(item),
                    "○" if item.mandatory else "", item.code, item.format,
                    CARE_JA.get(item.sensitivity, item.sensitivity), item.provenance,
                )
                for number, item in enumerate(record.items, 1)
            )  # fmt: skip
            output.table(
                ["#", "要素名", "項目名", "型", "必須", "コード", "形式", "配慮", "出典"], rows, title=record.title
            )
    decided = list(decisions(selection, unit, operation))
    if decided:
        head = ["受取 consumer", "利用目的 purposes", "渡すレコード records", "項目 items", "根拠・理由 basis"]
        output.table(head, decided, title="開示（表にない業務には渡しません） / who sees what")


def _may(goes_on: bool) -> str:
    return "可 as before" if goes_on else "要対応 must change"
