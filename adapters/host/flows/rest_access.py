"""Access to a vendor's REST face as the site's settings say: address, credential file, deadline."""

from __future__ import annotations

from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.transports.rest import RestClient, bearer
from bus.core.basic import basic_header
from bus.core.errors import ConfigurationError
from bus.core.types import Finding


def credential(spec: FlowSpec, environment: Environment) -> str:
    """The Authorization header of the file that the setting named by ``auth`` points to; empty without one.

    The file holds ``user:secret`` (HTTP Basic) or a bearer token. CB7001 when it cannot be read.
    """
    key = spec.text("auth")
    if not key:
        return ""
    path = environment.path(key)
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        finding = Finding("CB7001", path=f"adapters.toml: {key}", expected="a credential file", got=path.name)
        raise ConfigurationError("CB7001", [finding]) from error
    user, colon, secret = text.partition(":")
    return basic_header(user, secret) if colon else bearer(text)


def client(spec: FlowSpec, environment: Environment, connections: int) -> RestClient:
    """The client of a flow."""
    return RestClient(
        environment.setting(spec.text("address")),
        credential(spec, environment),
        deadline_s=spec.number("deadline_s", 10),
        connections=connections,
    )
