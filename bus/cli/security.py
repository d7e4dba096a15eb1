"""``chiikibus security``: keys and certificates of a site's message security, and why a message would be refused."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output, finding_text, title
from bus.cli.send import find_endpoint
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.settings import SecuritySettings, Site
from bus.core.types import Finding
from bus.wire.http import XML

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="電文の署名と暗号を扱う。 / Signatures and encryption of messages."
)


@app.callback()
def group() -> None:
    """電文の署名と暗号を扱う。 / Signatures and encryption of messages."""


@app.command()
def create(
    site: SiteOption,
    endpoint: Annotated[list[str], typer.Option("--endpoint", help="団体コード/ID / municipality/id")],
    rsa: Annotated[bool, typer.Option("--rsa", help="ECDSA の代わりに RSA / RSA instead of ECDSA")] = False,
    json: JsonOption = False,
) -> int:
    """試験用の認証局と鍵を作る（本番には使わない）。 / Make a test authority and keys, never for production."""
    from bus.ops.security_maker import make_keys

    output = Output(json=json)
    loaded = load_site(site)
    chosen = [find_endpoint(loaded, name, "--endpoint") for name in endpoint]
    made = make_keys(site, [(each.municipality, each.id) for each in chosen], SystemClock().now(), rsa=rsa)
    output.document(asdict(made))
    output.say("作成 created:")
    for name in made.files:
        output.say(f"  {name}")
    output.say("\nsecurity.toml:\n")
    output.say(made.toml)
    return ExitCode.DONE


@app.command()
def keys(site: SiteOption, json: JsonOption = False) -> int:
    """鍵・証明書・失効リストと、その問題を表示する。 / Show keys, certificates, revocation lists and their problems."""
    from bus.wire.security.load import load, report

    output = Output(json=json)
    now = SystemClock().now()
    loaded_site = load_site(site)
    loaded = load(loaded_site)
    settings = loaded_site.security or SecuritySettings()
    problems, warnings = report(loaded, settings, now)
    rows = [
        (
            role,
            path,
            each.facts.subject,
            each.facts.key,
            f"{datetime.fromtimestamp(each.facts.not_after):%F}",
            each.fingerprint,
        )
        for role, entries in (("bus", loaded.own), ("endpoint", loaded.named), ("authority", loaded.authorities))
        for path, each in entries
    ]
    names = ("role", "path", "subject", "key", "until", "sha256")
    output.document(
        {
            "certificates": [dict(zip(names, row, strict=True)) for row in rows],
            "problems": [finding.as_dict() for finding in problems],
            "warnings": [finding.as_dict() for finding in warnings],
        }
    )
    output.table(["用途 role", "ファイル path", "名前 subject", "鍵 key", "期限 until", "SHA-256"], rows)
    for finding in (*problems, *warnings):
        output.say(finding_text(finding))
    return ExitCode.NEGATIVE if problems else ExitCode.DONE


@app.command()
def explain(
    site: SiteOption,
    sender: Annotated[str, typer.Option("--from", help="送信元エンドポイント / the sending endpoint")],
    message: Annotated[Path, typer.Argument(help="電文のファイル / the file of the message")],
    at: Annotated[
        str, typer.Option("--at", help="判定する時刻（省略時は現在） / judged as at, 2026-04-01T09:00:00+09:00")
    ] = "",
    content_type: Annotated[str, typer.Option("--content-type", help="Content-Type")] = XML,
    json: JsonOption = False,
) -> int:
    """電文が署名・暗号の検査で拒否される理由を示す（送信元には知らせない内容）。 / Why a message would be refused."""
    from bus.ops.security_explain import explain_message
    from bus.wire.security.gate import Gate
    from bus.wire.security.load import load

    output = Output(json=json)
    loaded = load_site(site)
    endpoint = find_endpoint(loaded, sender, "--from")
    policy = load(loaded).policies.get(endpoint.key)
    if policy is None:
        expected = "policy in security.toml"
        raise ConfigurationError("CB7001", [Finding("CB7014", path="--from", expected=expected, got=endpoint.key)])
    found = explain_message(endpoint, Gate(policy), _read(message), content_type, _moment(at))
    output.document(asdict(found))
    output.fields({"送信元 endpoint": found.endpoint, "方針 inbound": found.inbound})
    output.fields({name: value for name, value in found.seen.items() if name != "created_s"})
    output.fields({"署名された部分 covered": "、".join(found.covered) or "-"})
    if found.uncovered:
        output.fields({"署名されていない部分 not covered": "、".join(found.uncovered)})
    for finding in found.findings:
        output.say(f"  - {finding_text(finding)}")
    output.say(f"判定 verdict: {title(found.code) if found.code else '合格 would pass'}")
    return ExitCode.NEGATIVE if found.code else ExitCode.DONE


@app.command("sign")
def sign_command(
    message: Annotated[Path, typer.Argument(help="署名する電文のファイル / the file of the message to sign")],
    key: Annotated[Path, typer.Option("--key", help="秘密鍵（PEM） / private key (PEM)")],
    certificate: Annotated[Path, typer.Option("--certificate", help="証明書（PEM） / certificate (PEM)")],
    output_file: Annotated[Path, typer.Option("--output", help="署名した電文を書くファイル / where to write it")],
    lasts_s: Annotated[float, typer.Option("--lasts", help="有効な秒数 / seconds it counts")] = 300.0,
    json: JsonOption = False,
) -> int:
    """電文に署名する（接続試験用。バスの署名と同じ形）。 / Sign a message as the bus does, to try a connection out."""
    from lxml import etree

    from bus.core.ids import SystemIds
    from bus.wire import safe_xml
    from bus.wire.security.keys import UnusableKey, certificates_of, read_private, signing_key
    from bus.wire.security.sign import Signing, sign

    output = Output(json=json)
    try:
        own = certificates_of(_read(certificate), str(certificate))[0]
        pair = signing_key("key", read_private(_read(key), str(key)), own, str(certificate))
    except UnusableKey as error:
        raise ConfigurationError("CB7001", [error.finding]) from error
    root = safe_xml.parse(_read(message))
    sign(root, Signing(pair, SystemClock().now(), lasts_s, SystemIds().exchange()))
    output_file.write_bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))
    output.document({"output": str(output_file), "certificate": own.facts.subject, "sha256": own.fingerprint})
    output.say(f"署名しました signed: {output_file} ({own.facts.subject})")
    return ExitCode.DONE


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        finding = Finding("CB7030", path=str(path), expected="readable file", got=type(error).__name__)
        raise ConfigurationError("CB7030", [finding]) from error


def _moment(text: str) -> float:
    if not text:
        return SystemClock().now()
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        finding = Finding("CB7030", path="--at", expected="2026-04-01T09:00:00+09:00", got=text)
        raise ConfigurationError("CB7030", [finding]) from error


def site_findings(site: Site) -> tuple[list[Finding], list[Finding]]:
    """Problems and warnings of the site's keys and certificates, for ``chiikibus check``."""
    if site.security is None:
        return [], []
    from bus.wire.security.load import load, report

    try:
        return report(load(site), site.security, SystemClock().now())
    except ConfigurationError as error:
        return list(error.findings), []
