"""A stand-in for the bus: takes messages as the bus would, refuses or is away as the test tells it."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from aiohttp import web
from lxml import etree

from adapters.transports.rest import HttpSite
from bus.core.basic import read_basic
from bus.core.certificates import certificate_of
from bus.core.errors import AdapterError, ChiikibusError
from bus.wire import envelope, safe_xml
from bus.wire.envelope import Envelope
from bus.wire.fault import fault_bytes
from bus.wire.records import carried_elements, from_element, receipt
from schemas.model import Edition, Operation

COMMON = "urn:chiikibus:standard:1.0:common"
XML = "text/xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the bus took for the first time."""

    message_id: str
    operation: Operation
    envelope: Envelope = field(repr=False)
    raw: bytes = field(repr=False)
    user: str = ""
    path: str = ""

    @property
    def records(self) -> list[dict[str, str]]:
        """The records it carries."""
        return [from_element(one) for one in carried_elements(self.envelope.body, self.operation)]

    @property
    def items(self) -> dict[str, str]:
        """Its own items."""
        return from_element(self.envelope.body)


Behaviour = Callable[[Taken], Awaitable[web.Response | None]]


@dataclass(slots=True)
class FakeBus:
    """``refusals`` maps an atenabango to the code it is refused with; ``behaviour`` may answer in its own way.

    With ``tls`` it asks for a certificate; ``callers`` are the fingerprints of those that it was shown.
    """

    edition: Edition
    taken: list[Taken] = field(default_factory=list)
    repeats: int = 0
    changed: int = 0
    refusals: Mapping[str, str] = field(default_factory=dict)
    behaviour: Behaviour | None = None
    port: int = 0
    tls: ssl.SSLContext | None = None
    callers: list[str] = field(default_factory=list)
    _site: HttpSite | None = None
    _digests: dict[str, str] = field(default_factory=dict)

    async def start(self) -> None:
        """Listen, at a later start on the same port."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{municipality}/{endpoint}/{unit}", self._take)
        self._site = HttpSite(app, port=self.port, drain_s=0.1, tls=self.tls)
        await self._site.start()
        self.port = self._site.port

    async def stop(self) -> None:
        """Be away."""
        if self._site is not None:
            await self._site.stop()
            self._site = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

    def of(self, operation: str) -> list[Taken]:
        """What was taken of one operation, in order."""
        return [one for one in self.taken if one.operation.key == operation]

    async def _take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        protection = request.transport.get_extra_info("ssl_object") if request.transport else None
        if protection is not None:
            self.callers.append(certificate_of(protection.getpeercert(binary_form=True)).sha256)
        read = envelope.read(safe_xml.parse(raw, request.headers["Content-Type"]))
        credential = read_basic(request.headers.get("Authorization", ""))
        assert credential is not None
        assert credential.secret == f"secret-of-{credential.user}"
        message_id, digest = read.addressing.message_id, sha256(raw).hexdigest()
        assert message_id
        assert request.headers["SOAPAction"].strip('"') == read.addressing.action
        taken = Taken(message_id, self._operation(read), read, raw, credential.user, request.path)
        response = await self.behaviour(taken) if self.behaviour is not None else None
        if response is not None:
            return response
        for row in taken.records:
            code = self.refusals.get(row.get("atenabango", ""))
            if code:
                return fault(AdapterError(code) if code[:3] in {"CB6", "E00"} else ChiikibusError(code))
        if self._digests.setdefault(message_id, digest) != digest:
            self.changed += 1
            return fault(ChiikibusError("CB3001"))
        if any(one.message_id == message_id for one in self.taken):
            self.repeats += 1
        else:
            self.taken.append(taken)
        if read.addressing.relates_to:
            return web.Response(status=202)
        element = receipt(taken.operation.output, COMMON, message_id, "1", "2026-01-01T09:00:00+09:00")
        return xml(element)

    def _operation(self, read: Envelope) -> Operation:
        for unit in self.edition.units.values():
            for operation in unit.operations.values():
                reply = read.addressing.relates_to and operation.output == read.body.tag
                if operation.input == read.body.tag or reply:
                    return operation
        if read.is_fault:
            found = self.edition.operation("kojinjuminzei.shotoku_shokai")
            assert found is not None
            return found
        raise AssertionError(read.body.tag)


def xml(payload: etree._Element) -> web.Response:
    """A SOAP answer."""
    return web.Response(body=envelope.build(payload), headers={"Content-Type": XML})


def fault(error: ChiikibusError) -> web.Response:
    """A SOAP fault as the bus sends it."""
    status = 503 if error.entry.http_status == 503 else 500
    return web.Response(status=status, body=fault_bytes(error), headers={"Content-Type": XML})
