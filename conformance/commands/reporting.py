"""``report``: a judgement as HTML, PDF, JUnit, SARIF or JSON. ``export``: the requirements as CSV, HTML or TAML."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from conformance.commands.common import EXIT, UnitOption, WsdlOption, gathered, standard
from conformance.judge import judge
from conformance.reports.catalogue import as_csv, as_html, as_taml
from conformance.reports.fields import judgement_fields
from conformance.reports.html import report
from conformance.reports.machines import junit, sarif
from conformance.reports.printing import PrintingError, pdf


class Format(StrEnum):
    """The forms of a report."""

    HTML = "html"
    PDF = "pdf"
    JUNIT = "junit"
    SARIF = "sarif"
    JSON = "json"


class Language(StrEnum):
    """The languages of a report."""

    JA = "ja"
    EN = "en"


def report_command(
    path: Annotated[Path, typer.Argument(exists=True, help="証拠 / Evidence")],
    out: Annotated[Path, typer.Option("--out", help="書き先 / File to write")],
    form: Annotated[Format, typer.Option("--format", help="形式 / Format")] = Format.HTML,
    language: Annotated[Language, typer.Option("--lang", help="言語（HTML・PDF） / Language")] = Language.JA,
    wsdl: WsdlOption = None,
    unit: UnitOption = "",
) -> None:
    """証拠を判定し、報告書を書きます / Judge evidence and write a report."""
    by = standard()
    bundle = gathered(path, wsdl, unit, by)
    judgement = judge(bundle, by)
    if form is Format.HTML:
        data = report(judgement, by.rows, bundle, language.value)
    elif form is Format.PDF:
        data = _printed(report(judgement, by.rows, bundle, language.value, printed=True))
    elif form is Format.JSON:
        data = json.dumps(judgement_fields(judgement, by.rows), ensure_ascii=False, indent=1).encode() + b"\n"
    else:
        data = (junit if form is Format.JUNIT else sarif)(judgement, by.rows, bundle)
    out.write_bytes(data)
    typer.echo(f"{out}: {judgement.result}")
    raise typer.Exit(EXIT[judgement.result])


def _printed(page: bytes) -> bytes:
    try:
        return pdf(page)
    except PrintingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from error


class Exported(StrEnum):
    """The forms of the catalogue."""

    CSV = "csv"
    HTML = "html"
    TAML = "taml"


def export_command(
    out: Annotated[Path, typer.Option("--out", help="書き先 / File to write")],
    form: Annotated[Exported, typer.Option("--format", help="形式 / Format")] = Exported.CSV,
    language: Annotated[Language, typer.Option("--lang", help="言語（HTML） / Language")] = Language.JA,
) -> None:
    """要件の一覧を書き出します / Write the requirements for other tools."""
    by = standard()
    if form is Exported.CSV:
        data = as_csv(by.catalogue)
    elif form is Exported.HTML:
        data = as_html(by.catalogue, language.value)
    else:
        data = as_taml(by.catalogue, by.edition.version)
    out.write_bytes(data)
    typer.echo(f"{out}: {len(by.catalogue)} 件 / requirements")
