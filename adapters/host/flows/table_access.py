"""Access to a vendor's database as the site's settings say: address without password, password file, deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.host.flows.rest_access import secret_text

if TYPE_CHECKING:
    from adapters.transports.table import Database


def database(spec: FlowSpec, environment: Environment, *, read_only: bool) -> Database:
    """The database of a flow or transport; ConfigurationError CB7001 for a wrong address or password file."""
    from adapters.transports.table import Database  # noqa: PLC0415 (SQLAlchemy: 0.12 s and 12 MB)

    found = Database(
        environment.setting(spec.text("address")),
        environment.folder,
        secret_text(spec, environment),
        spec.number("deadline_s", 30),
        read_only,
    )
    assert found.engine is not None
    return found
