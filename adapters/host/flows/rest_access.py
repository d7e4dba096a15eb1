"""Access to a vendor's REST face as the site's settings say: address, credential or OAuth2, trust, deadline."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.transports.oauth import ClientCredentials
from adapters.transports.rest import RestClient, bearer
from bus.core.basic import basic_header
from bus.core.errors import ConfigurationError
from bus.core.types import Finding

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def secret_text(spec: FlowSpec, environment: Environment) -> str:
    """The text of the file that the setting named by ``auth`` points to; empty without one. CB7001 unreadable."""
    key = spec.text("auth")
    if not key:
        return ""
    path = environment.path(key)
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(key, "a credential file", path.name) from error


def _wrong(key: str, expected: str, got: str) -> ConfigurationError:
    return ConfigurationError("CB7001", [Finding("CB7001", path=f"adapters.toml: {key}", expected=expected, got=got)])


def credential(spec: FlowSpec, environment: Environment) -> str:
    """The Authorization header of the credential file; empty without one, or where it is OAuth2's.

    The file holds ``user:secret`` (HTTP Basic) or a bearer token. CB7001 when it cannot be read.
    """
    text = secret_text(spec, environment)
    if not text or spec.text("oauth"):
        return ""
    user, colon, secret = text.partition(":")
    return basic_header(user, secret) if colon else bearer(text)


def trust(spec: FlowSpec, environment: Environment) -> ssl.SSLContext | None:
    """The TLS context of the setting named by ``ca`` (PEM of the only authorities believed); ``None``: the system's."""
    key = spec.text("ca")
    if not key:
        return None
    path = environment.path(key)
    try:
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise _wrong(key, "certificates in PEM", path.name) from error


def authoriser(spec: FlowSpec, environment: Environment, tls: ssl.SSLContext | None) -> ClientCredentials | None:
    """OAuth2 where ``oauth`` names the setting with the token service's address; the file holds ``client:secret``."""
    key = spec.text("oauth")
    if not key:
        return None
    url = environment.setting(key)
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise _wrong(key, "https://", f"{parts.scheme}://")
    client, colon, secret = secret_text(spec, environment).partition(":")
    if not colon or not client or not secret:
        raise _wrong(spec.text("auth") or "auth", "client:secret", "another form")
    deadline_s = spec.number("deadline_s", 10)
    monotonic = environment.clock.monotonic
    return ClientCredentials(url, client, secret, spec.text("scope"), deadline_s, tls, monotonic)


def client(spec: FlowSpec, environment: Environment, connections: int) -> RestClient:
    """The client of a flow or transport."""
    tls = trust(spec, environment)
    return RestClient(
        environment.setting(spec.text("address")),
        credential(spec, environment),
        deadline_s=spec.number("deadline_s", 10),
        connections=connections,
        authoriser=authoriser(spec, environment, tls),
        tls=tls,
    )
