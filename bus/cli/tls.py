"""``chiikibus tls``: certificates for trying out, and why a connection with TLS would be refused."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer

from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output, title
from bus.cli.send import find_endpoint
from bus.core.channel import TlsMaterial
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from bus.core.types import Finding
from bus.ops.tls_causes import CAUSES, FINE, Cause

if TYPE_CHECKING:
    from bus.ops.tls_accept import Judged
    from bus.ops.tls_explain import Explained, Shown, Target

TIMEOUT_S: Final = 10.0
LISTEN: Final = "127.0.0.1:8443"
DATE_S: Final = 1.5
"""The Date of HTTP has whole seconds."""


app = typer.Typer(no_args_is_help=True, add_completion=False, help="TLS と証明書を扱う。 / TLS and certificates.")

FileOption = Path | None


@app.callback()
def group() -> None:
    """TLS と証明書を扱う。 / TLS and certificates."""


@app.command()
def create(
    site: SiteOption,
    endpoint: Annotated[
        list[str] | None, typer.Option("--endpoint", help="証明書を作る接続元・宛先 / municipality/id")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="バスの名前・アドレス / names and addresses of the bus")
    ] = None,
    label: Annotated[
        str, typer.Option("--label", help="2枚目の証明書の名前の末尾 / ends the file names of a second certificate")
    ] = "",
    listen: Annotated[str, typer.Option("--listen", help="TLS の待受 / where to listen with TLS")] = LISTEN,
    json: JsonOption = False,
) -> int:
    """試験用の認証局と証明書を作る（本番には使わない）。 / Make test certificates, never for production."""
    from bus.ops.tls_maker import SETTINGS, make_tls

    output = Output(json=json)
    loaded = load_site(site)
    if label and not re.fullmatch(r"[A-Za-z0-9-]{1,32}", label):
        raise _usage("--label", "A-Z a-z 0-9 -", label)
    for each in name or ():
        if not re.fullmatch(r"[A-Za-z0-9.:*-]{1,253}", each):
            raise _usage("--name", "bus.example | 192.0.2.1", each)
    if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}", listen):
        raise _usage("--listen", LISTEN, listen)
    chosen = [find_endpoint(loaded, each, "--endpoint") for each in endpoint or ()]
    made = make_tls(site, chosen, SystemClock().now(), names=name or (), label=label, listen=listen)
    output.document(asdict(made))
    output.say("作成 created:")
    for file in made.files:
        output.say(f"  {file}")
    if made.kept:
        output.say(f"既存 kept: {len(made.kept)}")
    for where, text in (
        (f"site.toml の末尾へ / at the end of site.toml ({SETTINGS})", made.site_toml),
        ("endpoints.toml のそのエンドポイントへ / to the endpoint in endpoints.toml", made.endpoints_toml),
        ("adapters.toml のそのアダプターへ / to the adapter in adapters.toml", made.adapters_toml),
    ):
        if text:
            output.say(f"\n--- {where}\n{text}")
    return ExitCode.DONE


@app.command()
def explain(
    site: Annotated[
        FileOption, typer.Option("--site", help="設定フォルダー / the site folder", envvar="CHIIKIBUS_SITE")
    ] = None,
    endpoint: Annotated[str, typer.Option("--endpoint", help="バスから接続する宛先 / the endpoint the bus calls")] = "",
    address: Annotated[str, typer.Option("--address", help="接続する相手 / what to connect to, host:port")] = "",
    caller: Annotated[str, typer.Option("--from", help="バスへ接続する接続元 / the endpoint that calls the bus")] = "",
    certificate: Annotated[
        FileOption, typer.Option("--certificate", help="示す証明書（PEM） / the certificate to show (PEM)")
    ] = None,
    key: Annotated[FileOption, typer.Option("--key", help="その秘密鍵（PEM） / its private key (PEM)")] = None,
    ca: Annotated[FileOption, typer.Option("--ca", help="信頼する認証局（PEM） / authorities to trust (PEM)")] = None,
    name: Annotated[str, typer.Option("--name", help="相手の証明書の名前 / the name its certificate must have")] = "",
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=600, help="待つ秒数 / seconds")] = TIMEOUT_S,
    json: JsonOption = False,
) -> int:
    """接続が拒否される理由を示す。--endpoint・--address は実際に接続し、--from は接続元の証明書を判定する。

    / Why a connection is refused: --endpoint and --address connect, --from judges a caller's certificate.
    """
    output = Output(json=json)
    given = [
        option for option, value in (("--endpoint", endpoint), ("--address", address), ("--from", caller)) if value
    ]
    if len(given) != 1:
        raise _usage("--endpoint", "--endpoint | --address | --from", " ".join(given) or "none")
    loaded = load_site(site) if site else None
    if loaded is None and not address:
        raise _usage("--site", "the site folder", "none")
    if caller:
        assert loaded is not None
        return _judge(output, loaded, caller, certificate)
    target, material = _address(loaded, address) if address else _endpoint(loaded, endpoint)
    if certificate or key:
        material = _showing(material, certificate, key)
    if ca:
        material = replace(material, authorities=_read("--ca", ca), lists=())
    return _connect(output, material, target._replace(name=name or target.name), timeout)


def _connect(output: Output, material: TlsMaterial, target: Target, timeout: float) -> int:
    from bus.ops.tls_explain import explain as look

    found = look(material, target, SystemClock().now, timeout)
    cause = CAUSES[found.cause]
    output.document({"code": cause.code, **asdict(found), **_texts(cause)})
    _show(output, found)
    _verdict(output, cause, found.reason)
    if found.cause == FINE:
        return ExitCode.DONE
    return ExitCode.ENVIRONMENT if found.cause == "unreachable" else ExitCode.NEGATIVE


def _judge(output: Output, site: Site, caller: str, certificate: FileOption) -> int:
    from bus.ops.tls_accept import judge

    endpoint = find_endpoint(site, caller, "--from")
    if site.front.tls is None:
        raise ConfigurationError("CB7001", [Finding("CB7013", path="site.toml: front.tls", expected="listen")])
    shows = _read("--certificate", certificate) if certificate else b""
    found = judge(site.front, site.front.tls, endpoint, shows, SystemClock().now())
    cause = CAUSES[found.cause]
    output.document({"code": cause.code, **asdict(found), **_texts(cause)})
    _show_judged(output, found)
    _verdict(output, cause, found.reason)
    return ExitCode.DONE if found.cause == FINE else ExitCode.NEGATIVE


def _address(site: Site | None, address: str) -> tuple[Target, TlsMaterial]:
    """Errors: CB7030 for what is no address."""
    from bus.ops.tls_explain import Target

    url = urlsplit(f"//{address}")
    try:
        port = url.port or 0
    except ValueError:
        port = 0
    if not url.hostname or not port or url.path or url.username:
        raise _usage("--address", "host:port", address)
    common = site.outgoing if site else None
    return Target(url.hostname, port, url.hostname), common.material if common else TlsMaterial()


def _endpoint(site: Site | None, name: str) -> tuple[Target, TlsMaterial]:
    """Errors: CB7014 for an unknown endpoint, CB7030 for one that is not called with TLS."""
    from bus.ops.tls_explain import Target

    assert site is not None
    named = find_endpoint(site, name, "--endpoint")
    url = urlsplit(named.address)
    if url.scheme != "https" or not url.hostname:
        raise _usage("--endpoint", "https://...", named.address or "no address")
    material = named.tls.material if named.tls else TlsMaterial()
    wanted = (named.tls.server_name if named.tls else "") or url.hostname
    return Target(url.hostname, url.port or 443, wanted, url.path or "/"), material


def _showing(material: TlsMaterial, certificate: FileOption, key: FileOption) -> TlsMaterial:
    """With another certificate. Errors: CB7030 for one without the other, CB7041, CB7043."""
    from bus.core import certificates

    if certificate is None or key is None:
        raise _usage("--key" if certificate else "--certificate", "--certificate + --key", "none")
    shown = _read("--certificate", certificate)
    leaf = certificates.read_certificates(shown)[0]
    pem = _read("--key", key)
    problem = certificates.key_problem(pem, "", leaf)
    if problem == "mismatch":
        raise ConfigurationError("CB7043", [Finding("CB7043", path=str(key), expected=str(certificate))])
    if problem:
        raise ConfigurationError("CB7041", [Finding("CB7041", path=str(key), expected="private key", got=problem)])
    return replace(material, certificate=shown, key=pem, passphrase="")


def _read(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _usage(option, "readable file", f"{path} {type(error).__name__}") from error


def _usage(option: str, expected: str, got: str) -> ConfigurationError:
    return ConfigurationError("CB7030", [Finding("CB7030", path=option, expected=expected, got=got)])


def _texts(cause: Cause) -> dict[str, str]:
    texts = cause._asdict()
    return {f"cause_{name}" if name in {"ja", "en"} else name: text for name, text in texts.items() if name != "code"}


def _verdict(output: Output, cause: Cause, reason: str) -> None:
    if not cause.code:
        output.say(f"判定 verdict: {cause.ja} / {cause.en}")
        return
    output.say(f"判定 verdict: {title(cause.code)}")
    output.say(f"原因 cause: {cause.ja} / {cause.en}" + (f" ({reason})" if reason else ""))
    output.say(f"対処 remedy: {cause.remedy_ja} / {cause.remedy_en}")


def _show(output: Output, found: Explained) -> None:
    output.fields({"接続先 target": found.target, "名前 name": found.name, "時刻 our clock": _when(found.at)})
    output.fields({"版・暗号 protocol, cipher": f"{found.protocol or '-'} {found.cipher}".rstrip()})
    _show_chain(output, found.chain)
    if found.chain:
        output.fields({"名前の一致 name matches": _yes(found.name_matches)})
        output.fields({"信頼 trusted": _yes(found.trusted), "失効 revocation": found.revocation})
    if found.own is not None:
        output.say(f"こちらの証明書 our certificate: {_certificate(found.own)}")
    output.fields({"クライアント証明書 client certificate": found.client})
    if found.client_authorities:
        output.fields({"相手が求める認証局 authorities asked for": "、".join(found.client_authorities)})
    if found.http_status:
        output.fields({"HTTP": f"{found.http_status} (HEAD)"})
    if found.skew_s is not None:
        late = " ← 時計を合わせる / set the clocks" if "clock" in found.notes else ""
        differs = "1 s 以内 within 1 s" if abs(found.skew_s) <= DATE_S else f"{found.skew_s:+.0f} s"
        output.say(f"相手との時計の差 clock difference: {differs}{late}")
    for note, text in _NOTES.items():
        if note in found.notes:
            output.say(f"注意 note: {text}")


_NOTES: Final = {
    "theirs-end-soon": "相手の証明書は 30 日以内に期限を迎える / the other side's certificate ends within 30 days",
    "ours-end-soon": "こちらの証明書は 30 日以内に期限を迎える / our certificate ends within 30 days",
    "no-answer": "TLS はできたが HTTP の応答がない / TLS went well, but there was no answer in HTTP",
}


def _show_judged(output: Output, found: Judged) -> None:
    output.fields({"接続元 caller": found.endpoint, "待受 listener": found.listener, "時刻 our clock": _when(found.at)})
    output.fields(
        {"クライアント証明書 client certificates": found.client_certificates, "資格 credential": found.credential}
    )
    for each in found.bindings:
        output.fields({"登録 registered": each})
    _show_chain(output, found.chain)
    if found.chain:
        output.fields({"信頼 trusted": _yes(found.trusted), "失効 revocation": found.revocation})


def _show_chain(output: Output, chain: tuple[Shown, ...]) -> None:
    for number, each in enumerate(chain):
        output.say(f"証明書 certificate {number}: {_certificate(each)}")


def _certificate(each: Shown) -> str:
    usage = ", ".join((*each.usages, *each.purposes)) or "-"
    return (
        f"{each.subject}\n    発行者 issuer: {each.issuer}\n    期間 valid: {_when(each.not_before)} - "
        f"{_when(each.not_after)} ({each.validity})\n    鍵 key: {each.key}　用途 usage: {usage}\n"
        f"    名前 names: {', '.join(each.names) or '-'}\n    SHA-256: {each.sha256}"
    )


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


def _yes(value: bool | None) -> str:
    return "-" if value is None else ("はい yes" if value else "いいえ no")
