"""Message security between an adapter and the bus: what it sends is signed, what claims to be the bus's is verified.

Settings of the adapter (``adapters.toml``, ``[adapter.settings]``): ``sign``, the name of a key pair in
``secrets/security``, and ``bus_certificates``, the certificates whose signatures count as the bus's (``file:``,
``sha256:`` or ``subject:``). With the first alone messages are signed, with the second alone they are verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from bus.core.errors import ChiikibusError, RightsError
from bus.core.ports import Clock, Ids
from bus.core.settings import AdapterSpec, Site
from bus.core.types import EndpointSecurity, Inbound, Outbound
from bus.wire.envelope import Envelope
from bus.wire.http import XML

if TYPE_CHECKING:
    from bus.wire.security.gate import Gate


@dataclass(frozen=True, slots=True)
class BusGuard:
    """Signs what goes to the bus and verifies what comes from it, each where the settings say so."""

    gate: Gate
    clock: Clock
    ids: Ids

    @property
    def verifies(self) -> bool:
        """Whether unsigned messages and answers are refused."""
        return self.gate.guarded

    def signed(self, body: bytes) -> bytes:
        """The message with the adapter's signature. Errors: CB2033 when its certificate is out of date."""
        return self.gate.protect(body, XML, self.clock.now(), self.ids.exchange())

    def check(self, root: etree._Element, read: Envelope, relates_to: str = "") -> None:
        """The bus signed this message. Errors: CB2020, without a reason for the other side."""
        if not self.verifies:
            return
        try:
            self.gate.check(root, read, self.clock.now(), private=False, encrypted=False, relates_to=relates_to)
        except ChiikibusError:
            raise RightsError("CB2020") from None

    def digest(self, raw: bytes, otherwise: str) -> str:
        """What the message says, however often it was signed anew: the inbox knows a message by it."""
        return self.gate.content(raw) if self.verifies else otherwise


def guard_of(site: Site, spec: AdapterSpec, clock: Clock, ids: Ids) -> BusGuard | None:
    """The guard that an adapter's settings ask for, or ``None``. Errors: CB7001 with every file that is unusable."""
    sign, certificates = spec.settings.get("sign"), spec.settings.get("bus_certificates")
    if not sign and not certificates:
        return None
    from bus.wire.security.load import gate_with  # noqa: PLC0415 - 40 ms and 10 MB that most adapters need not spend

    settings = EndpointSecurity(
        inbound=Inbound.SIGNED if certificates else Inbound.PLAIN,
        outbound=Outbound.SIGNED if sign else Outbound.PLAIN,
        certificates=(certificates,) if isinstance(certificates, str) else tuple(map(str, certificates or ())),
        resign=True,
    )
    return BusGuard(gate_with(site, settings, spec.endpoint, [str(sign)] if sign else []), clock, ids)
