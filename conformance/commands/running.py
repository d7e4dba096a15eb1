"""``run``: drive a provider and judge what came of it."""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from conformance.commands.common import EXIT, JsonOption, as_json, chosen, compared, standard, tell
from conformance.commands.settings import SettingsOption
from conformance.driver.provider import drive, first_inquiry
from conformance.driver.transport import SocketTransport
from conformance.evidence import write
from conformance.judge import judge
from conformance.rooms.behaviour import cases_of
from schemas.catalog import nearest

PROFILE = "{unit}-provider"


def run_command(
    subject: Annotated[str, typer.Option("--subject", help="対象の URL / URL of the subject")],
    profile: Annotated[str, typer.Option("--profile", help="プロファイル / For example juki-provider")],
    out: Annotated[Path | None, typer.Option(help="証拠の書き先（フォルダーか .zip） / Where evidence goes")] = None,
    operation: Annotated[str, typer.Option(help="駆動する操作 / Operation to drive")] = "",
    only: Annotated[list[str] | None, typer.Option("--only", help="この要件・場合だけ / Only these")] = None,
    credentials_env: Annotated[
        str, typer.Option(help="user:password を持つ環境変数 / Variable with user:password")
    ] = "",
    ca: Annotated[Path | None, typer.Option(help="信頼する認証局 / Trusted authority (PEM)")] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="クライアント証明書と鍵 / Client certificate and key (PEM)")
    ] = None,
    expected_failures: Annotated[Path | None, typer.Option(help="既知の不適合の一覧 / Known failures")] = None,
    deadline_s: Annotated[float, typer.Option(help="応答を待つ秒数 / Seconds to wait for an answer")] = 10.0,
    seed: Annotated[int, typer.Option(help="乱数の種 / Seed")] = 1,
    json_output: JsonOption = False,
    settings: SettingsOption = None,
) -> None:
    """提供側を駆動し、証拠を残して判定します / Drive a provider, keep the evidence and judge it."""
    by = standard()
    unit_key, _, role = profile.rpartition("-")
    profiles = [PROFILE.format(unit=key) for key in by.edition.units]
    if role != "provider" or unit_key not in by.edition.units:
        typer.echo(f"--profile: {profile}{nearest(profile, profiles)}", err=True)
        raise typer.Exit(2)
    found = first_inquiry(by.edition.units[unit_key], operation)
    url = urlsplit(subject)
    if found is None or url.scheme not in ("http", "https") or not url.hostname:
        typer.echo(f"--operation / --subject: {operation} {subject}", err=True)
        raise typer.Exit(2)
    port = url.port or (443 if url.scheme == "https" else 80)
    context = _tls(ca, certificate) if url.scheme == "https" else None
    base = replace(found, host=f"{url.hostname}:{port}", target=url.path or "/", seed=seed)
    bundle = drive(
        base, SocketTransport(url.hostname, port, deadline_s, context), by.edition, profile=profile, subject=subject,
        only=cases_of(only or []), headers=_authorization(credentials_env),
    )  # fmt: skip
    if out is not None:
        write(bundle, out)
    judgement = chosen(judge(bundle, by), only or [])
    typer.echo(as_json(judgement, by.rows)) if json_output else tell(judgement, by.rows)
    if expected_failures is not None:
        raise typer.Exit(compared(judgement, expected_failures))
    raise typer.Exit(EXIT[judgement.result])


def _authorization(variable: str) -> tuple[tuple[str, str], ...]:
    if not variable:
        return ()
    if variable not in os.environ:
        typer.echo(f"--credentials-env: {variable} がありません / is not set", err=True)
        raise typer.Exit(2)
    return (("Authorization", f"Basic {b64encode(os.environ[variable].encode()).decode()}"),)


def _tls(ca: Path | None, certificate: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(str(certificate))
    return context
