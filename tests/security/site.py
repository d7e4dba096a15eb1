"""A town whose systems sign and encrypt: the fakes of the steps on a folder with real key files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lxml import etree

from bus.core.channel import Channel
from bus.core.settings import SecuritySettings
from bus.core.types import EndpointSecurity, Inbound
from bus.pipeline import process
from bus.wire import envelope, safe_xml
from bus.wire.fault import RemoteFault, read_fault
from bus.wire.http import Response
from tests.pipeline.fakes import ENDPOINTS, World, site, world
from tests.pipeline.messages import JUKI, addressing, context, inquiry, request
from tests.security.ground import NOW, ring, signed

SIGNED = EndpointSecurity(inbound=Inbound.SIGNED, certificates=("file:tax.crt", "file:tax-ec.crt"))
ACTION = f"{JUKI}/jumin_shokai"


def write_keys(folder: Path) -> Path:
    """The ring's keys as a site folder holds them."""
    made = ring()
    for name in ("tax", "tax-ec", "stranger"):
        (folder / f"{name}.crt").write_bytes(made.made[name].certificate)
    own = folder / "secrets" / "security"
    own.mkdir(parents=True)
    for name in ("bus", "bus-decrypt"):
        (own / f"{name}.crt").write_bytes(made.made[name].certificate)
        (own / f"{name}.key").write_bytes(made.made[name].key)
        (own / f"{name}.key").chmod(0o600)
    (folder / "trust" / "ca").mkdir(parents=True)
    (folder / "trust" / "crl").mkdir()
    (folder / "trust" / "ca" / "authority.crt").write_bytes(made.authority.pem)
    return folder


@dataclass(slots=True)
class Secured:
    """A world whose endpoints have policies."""

    world: World

    async def post(
        self, raw: bytes, *, caller: str = "tax", peer: str = "", channel: Channel | None = None
    ) -> Response:
        """Post to juki as ``caller``, with ``channel`` over TLS."""
        return await process(self.world.house, replace(request(raw, caller=caller), peer=peer, channel=channel))

    @property
    def reason(self) -> str:
        """The code that the journal holds of the last refusal."""
        return self.world.journal.rejected[-1].code


def secured(folder: Path, **policies: EndpointSecurity) -> Secured:
    """A world with these policies by endpoint id."""
    endpoints = tuple(replace(each, security=policies.get(each.id)) for each in ENDPOINTS)
    given = replace(
        site(endpoints=endpoints), folder=folder, security=SecuritySettings(sign=("bus",), decrypt=("bus-decrypt",))
    )
    town = world(given)
    town.clock.at = NOW + 1
    return Secured(town)


def question(message_id: str = "urn:uuid:1", number: str = "000000000012345") -> bytes:
    """A resident inquiry with addressing and context, not yet signed."""
    return envelope.build(inquiry(number), addressing=addressing(message_id, ACTION), context=context())


def signed_question(message_id: str = "urn:uuid:1", **more: object) -> bytes:
    """The same, signed by the tax system."""
    return signed(raw=question(message_id), **more)


def fault_of(response: Response) -> RemoteFault:
    """The fault inside a response."""
    return read_fault(envelope.read(safe_xml.parse(response.body)).body)


def tree(raw: bytes) -> etree._Element:
    """The parsed message."""
    return safe_xml.parse(raw)
