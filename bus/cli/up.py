"""``chiikibus up``: the bus and the adapters of a site, kept running until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
from typing import Any

import typer

from bus.app.supervisor import Supervisor
from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core import log
from bus.core.config import load_site

app = typer.Typer(add_completion=False)


@app.command()
def up(site: SiteOption, json: JsonOption = False) -> int:
    """バスとアダプターを起動し、落ちたものは起動し直す。 / Start the bus and its adapters; keep them running."""
    output = Output(json=json)
    loaded = load_site(site, need_secrets=True)
    log.configure(loaded.log_level, json=json)

    def announce(event: dict[str, Any]) -> None:
        output.document(event)
        if event["event"] == "ready":
            output.say(f"起動しました / ready: {loaded.name_ja}")
            output.fields(event["listen"])
            if "listen_tls" in event:
                output.fields({"bus (TLS)": event["listen_tls"]})
            for name in event["not_ready"]:
                output.say(f"起動待ち not ready: {name}（記録を確認してください / see the log）")

    asyncio.run(Supervisor(site.absolute(), announce).run())
    return ExitCode.DONE
