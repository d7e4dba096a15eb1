"""Step 1: address and credential to an endpoint, before anything of the body is looked at."""

from __future__ import annotations

import hmac
from typing import Protocol

from bus.core.basic import read_basic, same_secret
from bus.core.channel import Caller, Certificate, Channel, Revocation, Validity
from bus.core.errors import RightsError, WireError
from bus.core.settings import FrontSettings
from bus.core.types import Exchange, Finding
from bus.pipeline.house import House
from bus.pipeline.tables import Door, RevocationOf, Tables
from bus.wire.http import Request


class Trust(Protocol):
    """What certificates of callers are judged by; the tables of a bus are one."""

    @property
    def front(self) -> FrontSettings:
        """What a list out of its dates means."""
        ...

    @property
    def revocation(self) -> RevocationOf | None:
        """What the lists say, ``None`` without any."""
        ...


def identify(house: House, request: Request) -> Exchange:
    """A new exchange for an authenticated caller.

    Errors: CB1015 no such address, CB2001 credential, CB2040 to CB2044 connection or certificate.
    """
    now = house.clock.now()
    door = admit(house.tables, request.path, request.header("authorization"), request.channel, now)
    return Exchange(
        id=house.ids.exchange(),
        sender=door.endpoint,
        received_at=now,
        unit=door.unit,
        request=request,
    )


def admit(tables: Tables, path: str, authorization: str, channel: Channel | None, now: float) -> Door:
    """The door at ``path`` if the credential opens it; the front asks as soon as the headers are there.

    Secrets are compared in constant time; an endpoint without a secret is never let in by one. A certificate is
    looked at with every request: it may have expired or been revoked since the connection was made.
    Errors: CB1015, CB2001, CB2040 to CB2044.
    """
    door = tables.doors.get(path)
    if door is None:
        raise WireError("CB1015", [Finding("CB1015", path="path", expected="/<municipality>/<endpoint>/<unit>")])
    if door.caller is not None:
        check_channel(tables, door.endpoint.key, door.caller, channel, now)
        if door.caller.credential == "certificate":
            return door
    given = authorization.encode("latin-1", "replace")
    if door.authorization and hmac.compare_digest(given, door.authorization):
        return door
    credential = read_basic(authorization)
    same_user = credential is not None and credential.user == door.endpoint.id
    if credential is None or not same_secret(credential.secret, door.endpoint.secret) or not same_user:
        raise RightsError("CB2001", [Finding("CB2001", path="Authorization", expected="Basic")])
    return door


def check_channel(trust: Trust, endpoint: str, caller: Caller, channel: Channel | None, now: float) -> None:
    """Whether the connection is what the endpoint has to come over.

    Errors: CB2040 not protected, CB2041 no certificate, CB2042 the certificate of somebody else, CB2043 revoked or
    expired, CB2044 it is not known whether it is revoked.
    """
    if channel is None:
        raise RightsError("CB2040", [Finding("CB2040", path=endpoint, expected="TLS", got="plain")])
    if not caller.asks_certificate:
        return
    certificate = channel.certificate
    if certificate is None:
        raise RightsError("CB2041", [Finding("CB2041", path=endpoint)])
    if not any(binding.fits(certificate) for binding in caller.certificates):
        raise RightsError("CB2042", [Finding("CB2042", path=endpoint, got=f"sha256:{certificate.sha256}")])
    _check_validity(trust, endpoint, certificate, now)


def _check_validity(trust: Trust, endpoint: str, certificate: Certificate, now: float) -> None:
    validity = certificate.validity(now)
    if validity is not Validity.VALID:
        raise RightsError("CB2043", [Finding("CB2043", path=endpoint, got=validity.value)])
    if trust.revocation is None:
        return
    state = trust.revocation(certificate, now)
    if state is Revocation.REVOKED:
        raise RightsError("CB2043", [Finding("CB2043", path=endpoint, got=state.value)])
    tls = trust.front.tls
    if state is not Revocation.GOOD and (tls is None or tls.material.stale_lists == "refuse"):
        raise RightsError("CB2044", [Finding("CB2044", path=endpoint, got=state.value)], retry_after_s=60)
