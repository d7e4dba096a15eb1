"""Keys, certificates and signed messages for the tests of message security. Everything is synthetic and made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from lxml import etree

from bus.core.certificates import read_certificates
from bus.core.types import Addressing, Context, EndpointSecurity, Inbound, Outbound
from bus.ops.certificate_maker import Authority, Made
from bus.wire import envelope, safe_xml
from bus.wire.security.gate import Gate
from bus.wire.security.keys import (
    DecryptionKey,
    SigningKey,
    certificates_of,
    decryption_key,
    read_private,
    recipient,
    signing_key,
)
from bus.wire.security.policy import DIGESTS, Policy
from bus.wire.security.sign import Signing, sign
from bus.wire.security.trust import Registered, TrustStore

NOW = 1_790_000_000.0
ITEM = "urn:example:item"


@dataclass(frozen=True)
class Ring:
    """An authority with the key pairs of the town: the tax system's, the bus's, and a stranger's beside them."""

    authority: Authority
    tax: SigningKey
    tax_ec: SigningKey
    stranger: SigningKey
    bus: SigningKey
    bus_decrypt: DecryptionKey
    made: dict[str, Made]

    @property
    def trust(self) -> TrustStore:
        """A store with the one authority."""
        return TrustStore(read_certificates(self.authority.pem))


@cache
def ring() -> Ring:
    """Made once per process: an RSA key costs a tenth of a second."""
    authority = Authority("Authority of the town", NOW - 86400, days=3650)
    made = {
        "tax": authority.issue("tax", purposes=(), rsa_bits=2048),
        "tax-ec": authority.issue("tax elliptic", purposes=()),
        "stranger": authority.issue("stranger", purposes=()),
        "bus": authority.issue("bus", purposes=()),
        "bus-decrypt": authority.issue("bus decrypt", purposes=(), rsa_bits=2048, digital_signature=False),
    }
    return Ring(
        authority,
        pair("tax", made["tax"]),
        pair("tax-ec", made["tax-ec"]),
        pair("stranger", made["stranger"]),
        pair("bus", made["bus"]),
        decryption_key(
            "bus-decrypt",
            read_private(made["bus-decrypt"].key, "key"),
            certificates_of(made["bus-decrypt"].certificate, "certificate")[0],
            "certificate",
        ),
        made,
    )


def pair(name: str, made: Made) -> SigningKey:
    """A key pair as the bus holds it."""
    certificate = certificates_of(made.certificate, "certificate")[0]
    return signing_key(name, read_private(made.key, "key"), certificate, "certificate")


def registered(*keys: SigningKey) -> Registered:
    """These certificates are the endpoint's."""
    certificates = tuple(key.certificate for key in keys)
    return Registered(certificates, frozenset(each.fingerprint for each in certificates))


def gate(
    settings: EndpointSecurity | None = None, *keys: SigningKey, trust: TrustStore | None = None, name: str = "tax"
) -> Gate:
    """The gate of the tax system; by default it must sign, with either of its two keys."""
    settings = settings or EndpointSecurity(inbound=Inbound.SIGNED)
    made = ring()
    return Gate(
        Policy(
            settings=settings,
            username=name,
            trust=trust or made.trust,
            registered=registered(*(keys or (made.tax, made.tax_ec))),
            digests=frozenset(DIGESTS[each] for each in settings.digests),
            sign=(made.bus,),
            decrypt=(made.bus_decrypt,),
            recipient=recipient(made.bus_decrypt.certificate, "x") if settings.outbound is Outbound.ENCRYPTED else None,
        )
    )


ADDRESSING = Addressing(
    message_id="urn:uuid:00000000-0000-4000-8000-000000000001",
    action="urn:example:ask",
    to="http://bus.example/990019/tax/juki",
    reply_to="http://www.w3.org/2005/08/addressing/anonymous",
)
CONTEXT = Context(sender_municipality="990019", sender_unit="kojinjuminzei", sender_system="tax", purpose="kazei")


def payload(text: str = "試験　太郎") -> etree._Element:
    """A body of the size of an inquiry."""
    element = etree.Element(f"{{{ITEM}}}ask", nsmap={"i": ITEM})
    for number in range(3):
        etree.SubElement(element, f"{{{ITEM}}}item", number=str(number)).text = text
    return element


def plain(*, addressing: Addressing | None = ADDRESSING, context: Context | None = CONTEXT) -> bytes:
    """A message that nobody signed."""
    return envelope.build(payload(), addressing=addressing, context=context)


Change = Callable[[etree._Element], None]


def signed(
    key: SigningKey | None = None,
    *,
    raw: bytes | None = None,
    now: float = NOW,
    lasts_s: float = 300.0,
    before: Change | None = None,
    name: str = "a1",
) -> bytes:
    """A message signed by the tax system (or by ``key``); ``before`` changes it before it is signed."""
    root = safe_xml.parse(raw or plain())
    if before is not None:
        before(root)
    sign(root, Signing(key or ring().tax, now, lasts_s, name))
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def settings(**changed: object) -> EndpointSecurity:
    """The settings of an endpoint that must sign, with changes."""
    return replace(EndpointSecurity(inbound=Inbound.SIGNED), **changed)


def accept(raw: bytes, at: Gate | None = None, now: float = NOW + 1, **more: object) -> envelope.Envelope:
    """Parse, read, open and check as the steps do; the envelope that would be dispatched. Errors: SecurityRefusal."""
    at = at or gate()
    root = safe_xml.parse(raw)
    read = envelope.read(root)
    opened = at.open(root, read)
    if opened:
        root = safe_xml.parse(opened)
        read = envelope.read(root)
    at.check(root, read, now, private=bool(more.pop("private", False)), encrypted=bool(opened), **more)
    return read
