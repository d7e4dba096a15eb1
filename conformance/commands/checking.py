"""``selfcheck`` and ``coverage``: the suite tried on itself."""

from __future__ import annotations

import json

import typer

from conformance import coverage, selfcheck
from conformance.commands.common import JsonOption, standard


def selfcheck_command(json_output: JsonOption = False) -> None:
    """試験系そのものを確かめます / Try the suite on controls and seeded nonconformities.

    The last line of ``--json`` has the figures; the exit code is 0 only where every mutant is killed, nothing failed
    falsely and every judged MUST is proven by a mutant.
    """
    checked = selfcheck.run(standard())
    for one in checked.trials:
        wrong = {
            "missed": sorted(one.missed), "false": sorted(one.false), "unjudged": sorted(one.unjudged),
            "errors": sorted(one.errors),
        }  # fmt: skip
        if json_output:
            typer.echo(json.dumps({"mutant": one.mutant, "killed": one.killed, **wrong}))
        elif not one.killed or one.false:
            typer.echo(f"{one.mutant}: {', '.join(f'{key} {names}' for key, names in wrong.items() if names)}")
    if not json_output and checked.unproven:
        typer.echo(f"実証のない要件 / not proven: {', '.join(checked.unproven)}")
    typer.echo(json.dumps(dict(checked.summary)))
    raise typer.Exit(0 if checked.sound else 1)


def coverage_command(json_output: JsonOption = False) -> None:
    """要件・判定・変異の食い違いを調べます / Check that catalogue, predicates and mutants fit."""
    by = standard()
    found = coverage.check(by.catalogue, selfcheck.run(by))
    for problem in found.problems:
        typer.echo(problem, err=True)
    figures = {
        "requirements": found.requirements,
        "judged": found.judged,
        "reasons": found.reasons,
        "proven": found.proven,
    }
    if json_output:
        typer.echo(json.dumps({**figures, "problems": list(found.problems)}, ensure_ascii=False))
    else:
        typer.echo(
            f"要件 {found.requirements} 件、判定 {found.judged} 件、理由 {found.reasons} 件、実証 {found.proven} 件 / "
            f"{found.requirements} requirements, {found.judged} judged, {found.reasons} reasons, {found.proven} proven"
        )
    raise typer.Exit(1 if found.problems else 0)
