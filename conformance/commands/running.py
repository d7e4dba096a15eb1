"""``run``: drive a provider or a consumer and judge what came of it."""

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
from conformance.commands.consuming import run_consumer
from conformance.commands.settings import SettingsOption
from conformance.driver.provider import drive, first_inquiry
from conformance.driver.transport import SocketTransport
from conformance.evidence import Bundle, write
from conformance.judge import judge
from conformance.rooms.behaviour import cases_of
from conformance.script import SCENARIOS
from conformance.standard import Standard
from schemas.catalog import nearest

ROLES = ("provider", "consumer")


def run_command(
    profile: Annotated[
        str, typer.Option("--profile", help="プロファイル / For example juki-provider or juki-consumer")
    ],
    subject: Annotated[
        str, typer.Option("--subject", help="対象の URL（利用側は名前） / URL of the subject; a consumer's name")
    ] = "",
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
    listen: Annotated[
        str, typer.Option(help="利用側: 模擬相手の待ち受け / Consumers: where the mock peer listens")
    ] = "127.0.0.1:0",
    trigger: Annotated[
        str, typer.Option(help="利用側: 電文を一つ送らせる命令 / Consumers: command that makes it send one message")
    ] = "",
    seed: Annotated[int, typer.Option(help="乱数の種 / Seed")] = 1,
    json_output: JsonOption = False,
    settings: SettingsOption = None,
) -> None:
    """提供側・利用側を駆動し、証拠を残して判定します / Drive a provider or consumer, keep evidence and judge it."""
    by = standard()
    unit_key, _, role = profile.rpartition("-")
    profiles = [f"{key}-{one}" for key in by.edition.units for one in ROLES]
    if role not in ROLES or unit_key not in by.edition.units:
        typer.echo(f"--profile: {profile}{nearest(profile, profiles)}", err=True)
        raise typer.Exit(2)
    if role == "consumer":
        bundle = run_consumer(by, unit_key, listen, trigger, subject, deadline_s, only or [])
    else:
        tls, credentials = (ca, certificate), _authorization(credentials_env)
        bundle = _run_provider(by, unit_key, operation, subject, tls, credentials, deadline_s, seed, only or [])
    if out is not None:
        write(bundle, out)
    judgement = chosen(judge(bundle, by), [one for one in only or [] if one not in SCENARIOS])
    typer.echo(as_json(judgement, by.rows)) if json_output else tell(judgement, by.rows)
    if expected_failures is not None:
        raise typer.Exit(compared(judgement, expected_failures))
    raise typer.Exit(EXIT[judgement.result])


def _run_provider(
    by: Standard, unit_key: str, operation: str, subject: str, tls: tuple[Path | None, Path | None],
    credentials: tuple[tuple[str, str], ...], deadline_s: float, seed: int, only: list[str],
) -> Bundle:  # fmt: skip
    """Drive a provider at a URL."""
    found = first_inquiry(by.edition.units[unit_key], operation)
    url = urlsplit(subject)
    if found is None or url.scheme not in ("http", "https") or not url.hostname:
        typer.echo(f"--operation / --subject: {operation} {subject}", err=True)
        raise typer.Exit(2)
    port = url.port or (443 if url.scheme == "https" else 80)
    context = _tls(*tls) if url.scheme == "https" else None
    base = replace(found, host=f"{url.hostname}:{port}", target=url.path or "/", seed=seed)
    return drive(
        base, SocketTransport(url.hostname, port, deadline_s, context), by.edition, profile=f"{unit_key}-provider",
        subject=subject, only=cases_of(only), headers=credentials,
    )  # fmt: skip


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
