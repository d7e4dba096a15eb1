"""The TLS tables of a site folder: files read, keys compared with their certificates, every problem reported."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final

from bus.core.channel import Binding, Caller, Certificate, TlsClient, TlsMaterial, TlsServer
from bus.core.config.reader import CONTRADICTION, MISSING, TWICE, WRONG_VALUE, Table
from bus.core.errors import ConfigurationError

UNREADABLE_FILE, OPEN_FILE, MISMATCH, UNFIT, UNKNOWN_LIST = "CB7040", "CB7042", "CB7043", "CB7046", "CB7048"
MAX_FILE: Final = 4 * 1024 * 1024
"""A file of certificates; the authorities of a whole country are some hundred kilobytes, a large CRL a megabyte."""

MAX_BOUND: Final = 4
"""Certificates that stand for one endpoint: two during a change, twice that for a pair of machines."""

CREDENTIALS: Final = ("basic", "certificate", "both")
_MATERIAL: Final = ("certificate", "key", "passphrase_file", "crl", "stale_crl", "minimum")


def read_server(table: Table, folder: Path, host: str, port: int, *, authorities: str) -> TlsServer:
    """A listener's table; ``authorities`` is the key that names the CAs of clients."""
    clients = table.choice("client_certificates", ("required", "optional", "none"), "required")
    purposes = ("server_auth",) if authorities == "client_ca" else ("server_auth", "client_auth")
    material = read_material(table, folder, purposes, authorities=authorities, shown=True)
    if clients != "none" and not material.authorities and not table.has(authorities):
        table.report(MISSING, authorities, expected="file of CA certificates")
    server = TlsServer(
        host=host,
        port=port,
        material=material,
        client_certificates=clients,
        handshake_timeout_s=table.number("handshake_timeout_s", 10.0, least=0.1, most=60),
    )
    table.finish()
    return server


def read_client(table: Table, folder: Path, base: TlsMaterial | None, *, named: bool) -> TlsClient:
    """How ``https`` addresses are called; what the table does not say is as in ``base``.

    ``named`` says that it is for one endpoint, whose server may have another name than its address.
    """
    own = read_material(table, folder, ("client_auth",), authorities="ca", shown=False)
    if base is not None:
        shown = own if own.certificate else base
        own = TlsMaterial(
            certificate=shown.certificate,
            key=shown.key,
            passphrase=shown.passphrase,
            authorities=own.authorities or base.authorities,
            lists=own.lists or base.lists,
            stale_lists=own.stale_lists if table.has("stale_crl") else base.stale_lists,
            minimum=own.minimum if table.has("minimum") else base.minimum,
        )
    client = TlsClient(own, table.text("server_name") if named else "")
    table.finish()
    return client


def read_material(
    table: Table, folder: Path, purposes: tuple[str, ...], *, authorities: str, shown: bool
) -> TlsMaterial:
    """Certificate, key, authorities and lists; ``shown`` says that a certificate must be there."""
    certificate = _file(table, folder, "certificate", required=shown)
    key = _file(table, folder, "key", required=shown or bool(certificate), private=True)
    passphrase = _file(table, folder, "passphrase_file", private=True).decode("utf-8", "replace").strip()
    found = TlsMaterial(
        certificate=certificate,
        key=key,
        passphrase=passphrase,
        authorities=_file(table, folder, authorities),
        lists=tuple(_read(table, folder, name, ("crl", number)) for number, name in enumerate(table.texts("crl"))),
        stale_lists=table.choice("stale_crl", ("refuse", "accept"), "refuse"),
        minimum=table.choice("minimum", ("1.2", "1.3"), "1.2"),
    )
    if any((found.certificate, found.key, found.authorities, found.lists)):
        _judge(table, found, purposes, authorities)
    return found


def _file(table: Table, folder: Path, key: str, *, required: bool = False, private: bool = False) -> bytes:
    name = table.text(key, required=required)
    if not name:
        return b""
    content = _read(table, folder, name, (key,))
    if private and content and stat.S_IMODE((folder / name).stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        table.report(OPEN_FILE, key, expected="mode 600", got=name)
    return content


def _read(table: Table, folder: Path, name: str, place: tuple[str | int, ...]) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        table.document.report(UNREADABLE_FILE, (*table.path, *place), expected=name, got=type(error).__name__)
        return b""
    if not content or len(content) > MAX_FILE:
        table.document.report(UNREADABLE_FILE, (*table.path, *place), expected=f"1 .. {MAX_FILE} bytes", got=name)
        return b""
    return content


def _judge(table: Table, found: TlsMaterial, purposes: tuple[str, ...], authorities: str) -> None:
    """Whether the files are what they are given as, and fit each other. Dates are for ``chiikibus check``."""
    from bus.core import certificates  # noqa: PLC0415 - only sites with TLS pay for the import

    known: tuple[Certificate, ...] = ()
    try:
        known = certificates.read_certificates(found.authorities) if found.authorities else ()
    except ConfigurationError as error:
        _pass_on(table, error, (authorities,))
    try:
        leaf = certificates.read_certificates(found.certificate)[0] if found.certificate else None
    except ConfigurationError as error:
        leaf = None
        _pass_on(table, error, ("certificate",))
    if leaf is not None:
        reasons = [
            *certificates.weaknesses(leaf),
            *(reason for purpose in purposes for reason in certificates.unfit(leaf, purpose)),
        ]
        for reason in dict.fromkeys(reasons):
            table.report(UNFIT, "certificate", expected=" + ".join(purposes), got=reason)
    problem = certificates.key_problem(found.key, found.passphrase, leaf) if found.key else ""
    if problem == "mismatch":
        table.report(MISMATCH, "key", expected="key of the certificate", got="key of another one")
    elif problem:
        place = "passphrase_file" if problem == "passphrase" else "key"
        table.report("CB7041", place, expected="private key (PEM)", got=problem)
    for number, content in enumerate(found.lists):
        if not content:
            continue
        try:
            strange = certificates.Revoked(certificates.read_revocation_lists(content), known).problems
        except ConfigurationError as error:
            _pass_on(table, error, ("crl", number))
            continue
        for issuer in strange:
            place_of = (*table.path, "crl", number)
            table.document.report(UNKNOWN_LIST, place_of, expected=f"signed by one of {authorities}", got=issuer)


def _pass_on(table: Table, error: ConfigurationError, place: tuple[str | int, ...]) -> None:
    for finding in error.findings:
        table.document.report(error.code, (*table.path, *place), expected=finding.expected, got=finding.got)


def read_caller(table: Table, folder: Path) -> Caller:
    """``caller`` of an endpoint: which credential, and which certificates stand for it."""
    bindings = tuple(filter(None, (_binding(each, folder) for each in table.tables("certificates"))))
    caller = Caller(
        credential=table.choice("credential", CREDENTIALS, "certificate" if bindings else "basic"),
        tls=table.flag("tls", default=False),
        certificates=bindings,
    )
    if caller.asks_certificate and not bindings and not table.has("certificates"):
        table.report(MISSING, "certificates", expected='[{ sha256 = "..." }]')
    if not caller.asks_certificate and bindings:
        table.report(CONTRADICTION, "credential", expected="certificate | both", got="basic")
    if len(bindings) > MAX_BOUND:
        table.report(WRONG_VALUE, "certificates", expected=f"at most {MAX_BOUND}", got=str(len(bindings)))
    if len(set(bindings)) < len(bindings):
        table.report(TWICE, "certificates", expected="each once")
    table.finish()
    return caller


def _binding(table: Table, folder: Path) -> Binding | None:
    from bus.core import certificates  # noqa: PLC0415 - only sites with TLS pay for the import

    sha256 = table.text("sha256").lower().replace(":", "").removeprefix("sha256")
    file, name = table.text("file"), table.text("name")
    names = {}
    for key in ("subject", "issuer"):
        text = table.text(key)
        names[key] = certificates.normal_name(text) if text else ""
        if text and not names[key]:
            table.report(WRONG_VALUE, key, expected="CN=...,O=... (RFC 4514)", got=text)
    table.finish()
    if sha256 and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        table.report(WRONG_VALUE, "sha256", expected="64 hexadecimal digits", got=sha256)
        return None
    if name and name.partition(":")[0] not in {"dns", "ip", "uri", "email"}:
        table.report(WRONG_VALUE, "name", expected="dns:... | ip:... | uri:... | email:...", got=name)
        return None
    if file:
        content = _read(table, folder, file, ("file",))
        try:
            sha256 = certificates.read_certificates(content)[0].sha256 if content else ""
        except ConfigurationError as error:
            _pass_on(table, error, ("file",))
        return Binding(sha256=sha256, file=file) if sha256 else None
    if sha256:
        return Binding(sha256=sha256)
    if not names["issuer"] or not (names["subject"] or name):
        table.report(MISSING, "sha256", expected="sha256 | file | issuer with subject or name")
        return None
    return Binding(subject=names["subject"], issuer=names["issuer"], name=name)
