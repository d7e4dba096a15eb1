"""``security.toml``: message security of the site and of each endpoint. Without the file nothing is asked."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bus.core.config.files import Entry, read_secret
from bus.core.config.reader import CONTRADICTION, MISSING, TWICE, UNKNOWN_NAME, WRONG_VALUE, Table, one_of
from bus.core.settings import SecuritySettings
from bus.core.types import Endpoint, EndpointSecurity, Inbound, Outbound, Reduced

KINDS: Final = ("file", "sha256", "subject")
DIGESTS: Final = ("sha256", "sha384", "sha512")
PASSWORDS: Final = ("digest", "text")
WEEK_S: Final = 7 * 24 * 3600.0
OPEN, NO_FILE = "CB7025", "CB7022"
_FINGERPRINT: Final = 64


def password_path(folder: Path, municipality: str, endpoint_id: str) -> Path:
    """The file that holds the password of an endpoint's UsernameToken."""
    return folder / "secrets" / f"{municipality}-{endpoint_id}-username.key"


def read_security(
    root: Table, endpoints: Sequence[Entry[Endpoint]], folder: Path
) -> tuple[SecuritySettings, Mapping[str, EndpointSecurity]]:
    """The site's settings, and the policies by endpoint key."""
    settings = _settings(root, folder)
    known = {entry.value.key: entry.value for entry in endpoints}
    found: dict[str, EndpointSecurity] = {}
    for table in root.tables("policy"):
        endpoint = _endpoint(table, known)
        policy = _policy(table, settings)
        if endpoint is not None:
            if endpoint.key in found:
                table.report(TWICE, "endpoint", expected="one policy per endpoint", got=endpoint.key)
            found[endpoint.key] = _with_password(table, policy, endpoint, folder)
        table.finish()
    root.finish()
    return settings, found


def secured(endpoints: Sequence[Endpoint], policies: Mapping[str, EndpointSecurity]) -> tuple[Endpoint, ...]:
    """The endpoints with their policies; a policy that asks for nothing either way is none."""
    nothing = (Inbound.PLAIN, Outbound.PLAIN, Reduced.RESIGN)
    return tuple(
        replace(endpoint, security=policy)
        if (policy := policies.get(endpoint.key)) is not None
        and (policy.inbound, policy.outbound, policy.reduced) != nothing
        else endpoint
        for endpoint in endpoints
    )


def _settings(root: Table, folder: Path) -> SecuritySettings:
    keys, trust = root.table("keys"), root.table("trust")
    base = SecuritySettings()
    settings = SecuritySettings(
        sign=keys.texts("sign"),
        decrypt=keys.texts("decrypt"),
        revocation_required=trust.choice("revocation", ("if-present", "required"), "if-present") == "required",
        crl_grace_days=trust.number("crl_grace_days", base.crl_grace_days, most=366),
        warn_days=trust.number("warn_days", base.warn_days, most=366),
    )
    for name in ("sign", "decrypt"):
        for number, key in enumerate(getattr(settings, name)):
            _own_key(keys, (name, number), key, folder)
    keys.finish()
    trust.finish()
    return settings


def _own_key(table: Table, place: tuple[str, int], name: str, folder: Path) -> None:
    """The key file is there and nobody else can read it; what it holds is looked at later."""
    where = (*table.path, *place)
    path = folder / "secrets" / "security" / f"{name}.key"
    if "/" in name or name.startswith("."):
        table.document.report(WRONG_VALUE, where, expected="a name without '/'", got=name)
        return
    for each in (path, path.with_suffix(".crt")):
        if not each.is_file():
            table.document.report(NO_FILE, where, expected=f"secrets/security/{each.name}", got="missing")
    if path.is_file() and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        table.document.report(OPEN, where, expected="mode 600", got=f"secrets/security/{path.name}")


def _endpoint(table: Table, known: Mapping[str, Endpoint]) -> Endpoint | None:
    municipality, name = table.text("municipality", required=True), table.text("endpoint", required=True)
    endpoint = known.get(f"{municipality}/{name}")
    if endpoint is None and municipality and name:
        near = one_of(f"{municipality}/{name}", known, "endpoint of endpoints.toml")
        table.report(UNKNOWN_NAME, "endpoint", expected=near, got=f"{municipality}/{name}")
    return endpoint


def _policy(table: Table, settings: SecuritySettings) -> EndpointSecurity:
    base = EndpointSecurity()
    policy = EndpointSecurity(
        inbound=Inbound(table.choice("inbound", [each.value for each in Inbound], base.inbound.value)),
        outbound=Outbound(table.choice("outbound", [each.value for each in Outbound], base.outbound.value)),
        certificates=table.texts("certificates"),
        encrypt_to=table.text("encrypt_to"),
        digests=_some(table, "digests", DIGESTS, base.digests),
        skew_s=table.number("skew_s", base.skew_s, most=3600),
        max_age_s=table.number("max_age_s", base.max_age_s, least=1, most=WEEK_S),
        expires_s=table.number("expires_s", base.expires_s, least=1, most=WEEK_S),
        passwords=_some(table, "passwords", PASSWORDS, base.passwords),
        open_channel=table.flag("open_channel", default=base.open_channel),
        resign=table.flag("resign", default=base.resign),
        reduced=Reduced(table.choice("reduced", [each.value for each in Reduced], base.reduced.value)),
        legacy_oaep=table.flag("legacy_oaep", default=base.legacy_oaep),
    )
    _certificates(table, policy)
    if policy.inbound in {Inbound.SIGNED, Inbound.ENCRYPTED} and not policy.certificates:
        table.report(MISSING, "certificates", expected="certificates of the endpoint")
    if policy.inbound is Inbound.ENCRYPTED and not settings.decrypt:
        table.report(MISSING, "inbound", expected="keys.decrypt", got=policy.inbound.value)
    if policy.outbound is not Outbound.PLAIN and not settings.sign:
        table.report(MISSING, "outbound", expected="keys.sign", got=policy.outbound.value)
    if (policy.outbound is Outbound.ENCRYPTED) != bool(policy.encrypt_to):
        table.report(CONTRADICTION, "encrypt_to", expected="together with outbound signed+encrypted")
    return policy


def _certificates(table: Table, policy: EndpointSecurity) -> None:
    for number, text in enumerate(policy.certificates):
        kind, _, value = text.partition(":")
        digits = value.replace(":", "")
        good = kind in KINDS and bool(value)
        if kind == "sha256":
            good = len(digits) == _FINGERPRINT and set(digits.lower()) <= set("0123456789abcdef")
        if not good:
            place = (*table.path, "certificates", number)
            table.document.report(WRONG_VALUE, place, expected="file:... | sha256:... | subject:...", got=text[:80])


def _some(table: Table, key: str, known: Sequence[str], default: tuple[str, ...]) -> tuple[str, ...]:
    values = table.texts(key)
    for number, value in enumerate(values):
        if value not in known:
            place = (*table.path, key, number)
            table.document.report(WRONG_VALUE, place, expected=one_of(value, known, ""), got=value[:60])
    return tuple(value for value in values if value in known) or default


def _with_password(table: Table, policy: EndpointSecurity, endpoint: Endpoint, folder: Path) -> EndpointSecurity:
    """A policy that asks for a UsernameToken has its password in a file of its own."""
    if policy.inbound is not Inbound.USERNAME:
        return policy
    path = password_path(folder, endpoint.municipality, endpoint.id)
    password = read_secret(path)
    if not password:
        table.report(NO_FILE, "inbound", expected=f"secrets/{path.name}", got="missing")
    elif stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        table.report(OPEN, "inbound", expected="mode 600", got=f"secrets/{path.name}")
    return replace(policy, password=password)
