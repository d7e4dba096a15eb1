"""``peer``: the reference provider as a process, right or wrong in chosen steps, to try the suite on."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from conformance.commands.common import standard
from conformance.peer import serving
from conformance.trying import known_steps, ready_peer
from schemas.catalog import nearest


def peer_command(
    listen: Annotated[str, typer.Option(help="待ち受け / Address to listen on")] = "127.0.0.1:8080",
    unit: Annotated[str, typer.Option(help="業務 / Unit")] = "juki",
    skip: Annotated[
        list[str] | None, typer.Option("--skip", help="省く段階 / Step to leave out, may be repeated")
    ] = None,
) -> None:
    """見本の提供側を動かします / Run the reference provider; with --skip it leaves a step out and so is wrong there."""
    edition = standard().edition
    host, _, port = listen.rpartition(":")
    known = known_steps()
    problems = [] if unit in edition.units else [f"--unit: {unit}{nearest(unit, edition.units)}"]
    problems += [f"--skip: {one}{nearest(one, known)}; {', '.join(known)}" for one in skip or () if one not in known]
    problems += [] if host and port.isdigit() else [f"--listen: {listen}"]
    if problems:
        for problem in problems:
            typer.echo(problem, err=True)
        raise typer.Exit(2)
    with serving(ready_peer(edition, unit, skip or ()), host, int(port)) as address:
        typer.echo(f"http://{address[0]}:{address[1]}/{unit}  （止めるには Ctrl+C / Ctrl+C ends it）")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            typer.echo("終わります / ended")
