"""The command group ``conformance``: certify systems, judge messages and descriptions, all without the bus.

Exit codes: 0 the standard is kept, 1 it is not, 2 usage, 3 something cannot be read, 4 not everything was judged.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from conformance.commands.certifying import key_command, statement_command, verify_command
from conformance.commands.checking import coverage_command, selfcheck_command
from conformance.commands.example import peer_command
from conformance.commands.judging import judge_command, list_command, rejudge_command
from conformance.commands.reporting import export_command, report_command
from conformance.commands.running import run_command
from conformance.commands.serving import serve_command
from conformance.commands.settings import init_command
from conformance.oracle import Oracle, Verdict
from schemas.catalog import CatalogError, load_edition, load_errors, nearest
from schemas.model import Edition

app = typer.Typer(
    name="conformance", help="標準への適合を判定します / Judge messages by the standard.", no_args_is_help=True
)

app.command("list")(list_command)
app.command("init")(init_command)
app.command("run")(run_command)
app.command("peer")(peer_command)
app.command("serve")(serve_command)
app.command("report")(report_command)
app.command("export")(export_command)
app.command("judge")(judge_command)
app.command("rejudge")(rejudge_command)
app.command("key")(key_command)
app.command("statement")(statement_command)
app.command("verify")(verify_command)
app.command("selfcheck")(selfcheck_command)
app.command("coverage")(coverage_command)

JsonOption = Annotated[bool, typer.Option("--json", help="JSON で出力 / Print JSON")]
EditionOption = Annotated[str, typer.Option(help="版 / Edition")]


def _edition(version: str) -> Edition:
    try:
        return load_edition(version)
    except CatalogError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from error


@app.command()
def validate(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="電文ファイル / Message file")
    ],
    unit: Annotated[str, typer.Option(help="業務ユニット / Unit, for example juki")],
    edition: EditionOption = "1.0",
    as_json: JsonOption = False,
) -> None:
    """Judge one SOAP message or bare payload against the contract of a unit."""
    standard = _edition(edition)
    if unit not in standard.units:
        typer.echo(
            f"--unit: unknown unit {unit}; known: {', '.join(standard.units)}{nearest(unit, standard.units)}", err=True
        )
        raise typer.Exit(2)
    verdicts = Oracle(standard, standard.units[unit]).judge(file.read_bytes())
    if as_json:
        typer.echo(json.dumps({"ok": not verdicts, "findings": [_fields(v) for v in verdicts]}, ensure_ascii=False))
    else:
        for verdict in verdicts:
            fields = _fields(verdict)
            typer.echo("  ".join(str(fields[name]) for name in ("code", "path", "name_ja", "expected", "title_ja")))
        typer.echo(
            "標準に合っています / The standard is kept" if not verdicts else f"{len(verdicts)} 件の指摘 / findings"
        )
    raise typer.Exit(1 if verdicts else 0)


@app.command()
def units(edition: EditionOption = "1.0", as_json: JsonOption = False) -> None:
    """List the units of an edition with their operations."""
    standard = _edition(edition)
    if as_json:
        typer.echo(json.dumps({key: [*unit.operations] for key, unit in standard.units.items()}))
        return
    for key, unit in standard.units.items():
        typer.echo(f"{unit.number:2d}  {key}  {unit.name_ja}  {', '.join(unit.operations)}")


def _fields(verdict: Verdict) -> dict[str, str]:
    entry = load_errors()[verdict.code]
    names = ("code", "path", "name_ja", "expected")
    return {name: getattr(verdict, name) for name in names} | {"title_ja": entry.title_ja, "title_en": entry.title_en}
