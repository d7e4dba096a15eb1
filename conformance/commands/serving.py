"""``serve``: the suite as a page for the browser of this machine."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from conformance.commands.common import standard
from conformance.serve.server import LocalServer


def serve_command(
    port: Annotated[int, typer.Option(help="ポート（0: 空いているもの） / Port, 0 for any")] = 8090,
) -> None:
    """評価の画面をこの機械のブラウザーに出します / Serve the page of the suite to this machine only."""
    try:
        server = LocalServer(port, standard(), secrets.token_urlsafe(16))
    except OSError as error:
        typer.echo(f"--port {port}: {error.strerror}", err=True)
        raise typer.Exit(3) from error
    with server:
        typer.echo(f"{server.url}\n止めるには Ctrl+C / Ctrl+C ends it")
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            typer.echo("終わります / ended")
