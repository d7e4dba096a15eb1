"""``chiikibus adapter serve``: run an adapter as a process."""

from __future__ import annotations

import sys

import typer

from adapters.cli.output import ExitCode, JsonOption
from adapters.cli.status import AdapterOption, SiteOption
from adapters.host import process
from bus.core import log


def serve(site: SiteOption, adapter: AdapterOption, json: JsonOption = False) -> None:
    """アダプターを起動する（SIGTERM で終わる）。 / Run an adapter until SIGTERM."""
    host = process.load(site, adapter)
    log.configure(host.site.log_level, json=json or not sys.stderr.isatty())
    try:
        process.run(host)
    except ExceptionGroup as group:
        # a defect ended one of the parts; its messages stay out of the log, they might quote data
        for one in group.exceptions:
            log.logger().error("adapter_failed", exc_info=one)
        raise typer.Exit(ExitCode.ENVIRONMENT) from None
