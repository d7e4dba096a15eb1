"""``chiikibus secrets``: make the credential file of every endpoint that has none."""

from __future__ import annotations

import os
import secrets as random
from pathlib import Path

import typer

from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core.config import load_site, secret_path

app = typer.Typer(no_args_is_help=True, add_completion=False, help="資格情報を作る。 / Create the credentials.")

BYTES = 32


@app.callback()
def group() -> None:
    """資格情報を作る。 / Create the credentials."""


def write_secret(path: Path) -> None:
    """A new secret of 256 bits, readable by its owner only from the first moment; never over an existing one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(random.token_urlsafe(BYTES) + "\n")


@app.command()
def create(site: SiteOption, json: JsonOption = False) -> int:
    """ない資格情報だけを作る（既にあるものは変えない）。 / Create what is missing; change nothing that exists."""
    output = Output(json=json)
    created: list[str] = []
    kept: list[str] = []
    loaded = load_site(site)
    if loaded.broker.engine == "rabbitmq":
        (kept if loaded.broker.password else created).append("broker")
        if not loaded.broker.password:
            write_secret(loaded.broker.password_file)
    for endpoint in loaded.endpoints:
        path = secret_path(site, endpoint.municipality, endpoint.id)
        if path.exists():
            kept.append(endpoint.key)
            continue
        write_secret(path)
        created.append(endpoint.key)
    output.document({"created": created, "kept": kept})
    output.say(f"作成 created: {len(created)}　既存 kept: {len(kept)}")
    return ExitCode.DONE
