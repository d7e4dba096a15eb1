"""``judge``, ``rejudge`` and ``list``: verdicts on evidence that is there, and the catalogue to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from conformance.commands.common import (
    EXIT,
    JsonOption,
    UnitOption,
    WsdlOption,
    as_json,
    chosen,
    evidence,
    gathered,
    standard,
    tell,
)
from conformance.judge import judge
from conformance.registry import JUDGED

PathArgument = Annotated[
    Path,
    typer.Argument(
        exists=True, help="証拠（バンドル、記録、HAR、WSDL、データファイル） / Bundle, recording, HAR, WSDL, data files"
    ),
]
OnlyOption = Annotated[list[str] | None, typer.Option("--only", help="この要件だけ / These requirements only")]


def judge_command(
    path: PathArgument, wsdl: WsdlOption = None, unit: UnitOption = "", only: OnlyOption = None,
    json_output: JsonOption = False,
) -> None:  # fmt: skip
    """証拠を判定します / Judge evidence; nothing is sent anywhere."""
    by = standard()
    rows = by.rows
    judgement = chosen(judge(gathered(path, wsdl, unit, by), by), only or [])
    if json_output:
        typer.echo(as_json(judgement, rows))
    else:
        tell(judgement, rows)
    raise typer.Exit(EXIT[judgement.result])


def rejudge_command(
    path: PathArgument,
    diff: Annotated[
        Path | None, typer.Option(help="比べる前の判定（JSON） / Earlier judgement to compare with")
    ] = None,
    wsdl: WsdlOption = None,
    json_output: JsonOption = False,
) -> None:
    """前の証拠をこの版で判定し直します / Judge old evidence by this version and show what changed.

    With ``--diff`` the exit code is 1 where any verdict changed.
    """
    by = standard()
    rows = by.rows
    judgement = judge(evidence(path, wsdl), by)
    if diff is None:
        typer.echo(as_json(judgement, rows)) if json_output else tell(judgement, rows)
        raise typer.Exit(EXIT[judgement.result])
    try:
        earlier = {one["id"]: one["outcome"] for one in json.loads(diff.read_text(encoding="utf-8"))["verdicts"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        typer.echo(f"{diff.name}: {type(error).__name__}", err=True)
        raise typer.Exit(3) from error
    now = {one.requirement: one.outcome.value for one in judgement.verdicts}
    changed = [
        {"id": name, "before": earlier.get(name, ""), "after": now.get(name, "")}
        for name in sorted(earlier.keys() | now.keys())
        if earlier.get(name) != now.get(name)
    ]
    if json_output:
        typer.echo(json.dumps({"changed": changed}, ensure_ascii=False))
    else:
        for one in changed:
            typer.echo(f"{one['id']}  {one['before'] or '-'} -> {one['after'] or '-'}")
        typer.echo(f"変わった判定 / verdicts that changed: {len(changed)}")
    raise typer.Exit(1 if changed else 0)


def list_command(
    role: Annotated[str, typer.Option(help="役割 / Role: provider, consumer, wsdl, ...")] = "",
    json_output: JsonOption = False,
) -> None:
    """要件の一覧を出します / List the requirements."""
    rows = [row for row in standard().catalogue if role in ("", row.role)]
    if json_output:
        typer.echo(json.dumps(
            [{"id": row.id, "level": row.level, "role": row.role, "document": row.document, "clause": row.clause,
              "text_ja": row.text_ja, "text_en": row.text_en, "judged": row.id in JUDGED,
              "reason": row.not_judged_reason} for row in rows], ensure_ascii=False))  # fmt: skip
        return
    for row in rows:
        mark = "判定" if row.id in JUDGED else "－－"
        typer.echo(f"{row.id:12} {row.level:6} {row.role:9} {mark}  {row.text_ja}")
    typer.echo(f"{len(rows)} 件 / requirements")
