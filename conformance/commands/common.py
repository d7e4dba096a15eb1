"""What the commands share: options, the catalogue, how verdicts are told on a terminal.

Exit codes: 0 conforms, 1 fails, 2 usage, 3 something that is needed cannot be read, 4 incomplete (nothing failed, but
not every MUST was judged).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from conformance.captures import ENDINGS, from_capture
from conformance.datafiles import from_data, holds_layout
from conformance.evidence import Bundle, EvidenceError, load
from conformance.judge import Judgement
from conformance.passive import from_folder, from_har, from_wsdl
from conformance.reports.fields import judgement_fields
from conformance.standard import Standard, load_standard
from conformance.verdicts import Class, Outcome, roll_up
from schemas.catalog import CatalogError, nearest
from schemas.model import Requirement

JsonOption = Annotated[bool, typer.Option("--json", help="JSON で出力 / Print JSON")]
WsdlOption = Annotated[Path | None, typer.Option("--wsdl", help="照らす WSDL / WSDL to judge messages against")]
UnitOption = Annotated[
    str, typer.Option(help="データファイルの業務（一括・レイアウト） / Unit of data files, for example juki")
]
EXIT = {Class.CONFORMS: 0, Class.FAILS: 1, Class.INCOMPLETE: 4}
RESULT_JA = {Class.CONFORMS: "適合", Class.FAILS: "不適合", Class.INCOMPLETE: "未完了"}


def standard(version: str = "1.0") -> Standard:
    """Requirements and edition; ends the program with 3 and every problem where they cannot be read."""
    try:
        return load_standard(version)
    except CatalogError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from error


def evidence(path: Path, wsdl: Path | None = None) -> Bundle:
    """The evidence at a path: a bundle, recording, HTTP archive, capture or WSDL; ends the program with 3 otherwise."""
    try:
        if path.is_dir():
            return load(path) if (path / "evidence.json").is_file() else from_folder(path, wsdl)
        if path.suffix.lower() == ".har":
            return from_har(path, wsdl)
        if path.suffix.lower() in ENDINGS:
            return from_capture(path, wsdl)
        return load(path) if path.suffix.lower() == ".zip" else from_wsdl(path)
    except EvidenceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from error


def gathered(path: Path, wsdl: Path | None, unit: str, by: Standard) -> Bundle:
    """The evidence at a path: of data files where a unit is named or declared, else as ``evidence`` reads it.

    Ends the program with 2 for an unknown unit, 3 for what cannot be read.
    """
    if not unit and not holds_layout(path):
        return evidence(path, wsdl)
    if unit and unit not in by.edition.units:
        known = ", ".join(by.edition.units)
        typer.echo(f"--unit: unknown unit {unit}; known: {known}{nearest(unit, by.edition.units)}", err=True)
        raise typer.Exit(2)
    try:
        return from_data(path, unit, by)
    except EvidenceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from error


def as_json(judgement: Judgement, rows: dict[str, Requirement]) -> str:
    """The judgement as one line of JSON."""
    return json.dumps(judgement_fields(judgement, rows), ensure_ascii=False)


def tell(judgement: Judgement, rows: dict[str, Requirement], *, limit: int = 5) -> None:
    """The judgement for a reader at a terminal: what failed with its places, then the figures."""
    for one in judgement.verdicts:
        if one.outcome in (Outcome.PASS, Outcome.NA):
            continue
        row = rows[one.requirement]
        typer.echo(f"{one.outcome.name_ja}  {row.id}  {row.text_ja}")
        typer.echo(f"      {row.document} {row.clause}: {row.text_en}")
        for place in one.places[:limit]:
            finding = place.finding
            typer.echo(f"      {place.subject} {finding.path}")
            typer.echo(f"        期待 / expected: {finding.expected}")
            if finding.actual:
                typer.echo(f"        実際 / actual:   {finding.actual}")
        if len(one.places) > limit:
            typer.echo(f"      ほか {len(one.places) - limit} か所 / and {len(one.places) - limit} more places")
        if one.reason_ja:
            typer.echo(f"      {one.reason_ja} / {one.reason_en}")
    counted = ", ".join(
        f"{outcome.name_ja} {count}"
        for outcome in Outcome
        if (count := sum(one.outcome is outcome for one in judgement.verdicts))
    )
    typer.echo(f"{RESULT_JA[judgement.result]} / {judgement.result}: {counted}")
    if judgement.unjudged:
        typer.echo(f"判定の対象としない要件 / not judged by this suite: {len(judgement.unjudged)}")


def chosen(judgement: Judgement, only: list[str]) -> Judgement:
    """The judgement on those requirements only; everything where none is named."""
    if not only:
        return judgement
    verdicts = tuple(one for one in judgement.verdicts if one.requirement in only)
    return Judgement(verdicts, roll_up(verdicts), ())


def compared(judgement: Judgement, file: Path) -> int:
    """The exit code beside a list of known failures: 1 where another one fails or one of them passes unexpectedly."""
    lines = (line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    expected = {line for line in lines if line}
    failed = {one.requirement for one in judgement.verdicts if one.outcome is Outcome.FAIL}
    for name in sorted(failed - expected):
        typer.echo(f"予期しない不適合 / unexpected failure: {name}", err=True)
    for name in sorted(expected - failed):
        typer.echo(
            f"予期しない適合（一覧から外してください） / no longer fails, take it off the list: {name}", err=True
        )
    return 0 if failed == expected else 1
