"""Step 1: address and credential to an endpoint, before anything of the body is looked at."""

from __future__ import annotations

import hmac

from bus.core.basic import read_basic, same_secret
from bus.core.errors import RightsError, WireError
from bus.core.types import Exchange, Finding
from bus.pipeline.house import House
from bus.pipeline.tables import Door, Tables
from bus.wire.http import Request


def identify(house: House, request: Request) -> Exchange:
    """A new exchange for an authenticated caller. Errors: CB1015 no such address, CB2001 credential."""
    door = admit(house.tables, request.path, request.header("authorization"))
    return Exchange(
        id=house.ids.exchange(),
        sender=door.endpoint,
        received_at=house.clock.now(),
        unit=door.unit,
        request=request,
    )


def admit(tables: Tables, path: str, authorization: str) -> Door:
    """The door at ``path`` if the credential opens it; the front asks as soon as the headers are there.

    Secrets are compared in constant time; an endpoint without a secret is never let in.
    Errors: CB1015, CB2001.
    """
    door = tables.doors.get(path)
    if door is None:
        raise WireError("CB1015", [Finding("CB1015", path="path", expected="/<municipality>/<endpoint>/<unit>")])
    given = authorization.encode("latin-1", "replace")
    if door.authorization and hmac.compare_digest(given, door.authorization):
        return door
    credential = read_basic(authorization)
    same_user = credential is not None and credential.user == door.endpoint.id
    if credential is None or not same_secret(credential.secret, door.endpoint.secret) or not same_user:
        raise RightsError("CB2001", [Finding("CB2001", path="Authorization", expected="Basic")])
    return door
