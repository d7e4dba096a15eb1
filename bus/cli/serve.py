"""``chiikibus serve``: the bus alone, in the foreground."""

from __future__ import annotations

from typing import Any

import typer

from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core import log
from bus.core.config import load_site

app = typer.Typer(add_completion=False)


@app.command()
def serve(site: SiteOption, json: JsonOption = False) -> int:
    """バスだけを起動する。SIGTERM で停止、SIGHUP で設定を読み直す。 / Start the bus; SIGTERM stops, SIGHUP reloads."""
    from bus.app.serving import run

    output = Output(json=json)
    loaded = load_site(site, need_secrets=True)
    log.configure(loaded.log_level, json=json)

    def announce(event: dict[str, Any]) -> None:
        output.document(event)
        if event["event"] == "ready":
            output.say(f"起動しました / ready: {event['url']}（{loaded.name_ja}）")
            if "listen_tls" in event:
                output.fields({"TLS": event["listen_tls"]})

    run(loaded, announce)
    return ExitCode.DONE
