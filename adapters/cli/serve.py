"""``chiikibus adapter serve``, ``status``, ``release``: run an adapter, look at it, let refused messages go again."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from adapters.host import process
from adapters.host.store import outbox
from adapters.host.store.schema import connect
from adapters.host.store.status import count
from bus.core import log
from bus.core.config import load_site
from bus.core.errors import ChiikibusError, ConfigurationError

SiteOption = Annotated[Path, typer.Option("--site", help="設定フォルダー / site folder")]
AdapterOption = Annotated[str, typer.Option("--adapter", help="アダプターの ID / adapter id of adapters.toml")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON で出力 / print JSON")]

USAGE = 2
ENVIRONMENT = 3


def _fail(error: ChiikibusError, as_json: bool) -> typer.Exit:
    """Report an error; the exit code is 2 for configuration and 3 for everything of this machine."""
    if as_json:
        findings = [finding.as_dict() for finding in error.findings]
        typer.echo(json.dumps({"code": error.code, "findings": findings}, ensure_ascii=False))
    else:
        console = Console(stderr=True)
        console.print(f"{error.code} {error.entry.title_ja} / {error.entry.title_en}", style="bold red", markup=False)
        for finding in error.findings:
            fields = finding.as_dict()
            place = " ".join(str(fields[name]) for name in ("place", "path") if name in fields)
            console.print(
                f"  {place}:{fields.get('line', '')} {fields.get('expected', '')} <- {fields.get('got', '')}",
                markup=False,
            )
        console.print(f"{error.entry.action_ja} / {error.entry.action_en}", markup=False)
    return typer.Exit(USAGE if isinstance(error, ConfigurationError) else ENVIRONMENT)


def serve(site: SiteOption, adapter: AdapterOption, as_json: JsonOption = False) -> None:
    """アダプターを起動する / Run an adapter until SIGTERM."""
    try:
        host = process.load(site, adapter)
        log.configure(host.site.log_level, json=as_json or not sys.stderr.isatty())
        process.run(host)
    except ChiikibusError as error:
        raise _fail(error, as_json) from error
    except ExceptionGroup as group:
        # a defect ended one of the parts; its messages stay out of the log, they might quote data
        for one in group.exceptions:
            log.logger().error("adapter_failed", exc_info=one)
        raise typer.Exit(ENVIRONMENT) from None


def status(
    site: SiteOption,
    adapter: AdapterOption,
    as_json: JsonOption = False,
    detail: Annotated[bool, typer.Option("--detail", help="明細も出力 / rows as well")] = False,
) -> None:
    """アダプターの件数を表示する（稼働中でもよい）/ Count what an adapter has done, also while it runs."""
    try:
        found = _status(site, adapter, detail=detail)
    except ChiikibusError as error:
        raise _fail(error, as_json) from error
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    table = Table(title=f"{adapter}", show_header=False)
    for name, value in found.items():
        shown = value if not isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)
        table.add_row(name, str(shown))
    Console().print(table)


def _status(site_folder: Path, adapter: str, *, detail: bool) -> dict[str, Any]:
    site = load_site(site_folder)
    spec = process.find_adapter(site, adapter)
    return {"adapter": spec.id, "vendor": spec.vendor, "unit": spec.unit} | count(
        process.store_path(site, spec.id), detail=detail
    )


def release(
    site: SiteOption,
    adapter: AdapterOption,
    code: Annotated[str, typer.Option("--code", help="このコードの分だけ / only those with this code")] = "",
    as_json: JsonOption = False,
) -> None:
    """バスに拒否された電文を再び送る / Let messages that the bus refused go again."""
    try:
        folder = load_site(site)
        path = process.store_path(folder, process.find_adapter(folder, adapter).id)
        count(path)
        with closing(connect(path)) as database:
            released = outbox.resend(database, code)
    except ChiikibusError as error:
        raise _fail(error, as_json) from error
    typer.echo(json.dumps({"released": released}) if as_json else f"{released}")
