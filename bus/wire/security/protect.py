"""What leaves: signed by the bus where nobody signed it, encrypted where the policy says so, else byte for byte."""

from __future__ import annotations

from lxml import etree

from bus.core.types import Addressing
from bus.wire import safe_xml
from bus.wire.addressing import NO_ADDRESSING, write
from bus.wire.addressing import PREFIX as WSA
from bus.wire.addressing_fault import SOAP_FAULT_ACTION
from bus.wire.envelope import FAULT, HEADER, own_security
from bus.wire.security.encryption import encrypt, is_encrypted
from bus.wire.security.names import SIGNATURE
from bus.wire.security.policy import Policy
from bus.wire.security.sign import Signing, sign


def protect(
    raw: bytes, content_type: str, policy: Policy, now: float, name: str, relation: Addressing = NO_ADDRESSING
) -> bytes:
    """The message as it goes to the endpoint; ``raw`` itself when nothing has to be added, else UTF-8.

    A message that its sender signed keeps that signature and gets no other, so that the receiver verifies the sender;
    only where the policy says ``resign`` the bus's own takes its place.
    ``relation`` is added to an answer of the bus that does not say to which question it belongs, before it is signed:
    a signed answer could otherwise be played again to another question.
    ``name`` makes the ids of what is added unlike any other. Errors: CB2033 no valid key, CB1xxx when ``raw`` cannot
    be read, which cannot be since it was accepted.
    """
    root = safe_xml.parse_again(raw, content_type)
    security = own_security(root)
    if security is not None and (policy.settings.resign or security.find(SIGNATURE) is None):
        root[0].remove(security)  # a UsernameToken is for the bus alone
        security = None
    if security is not None and not policy.encrypts:
        return raw
    if security is None:
        if relation.relates_to and root.find(f"{HEADER}/{WSA}RelatesTo") is None:
            _relate(root, relation)
        security = sign(root, Signing(policy.signing_key(now), now, policy.settings.expires_s, name))
    if policy.encrypts and not is_encrypted(root[-1][0]):
        assert policy.recipient is not None
        encrypt(root, security, policy.recipient, name)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _relate(root: etree._Element, relation: Addressing) -> None:
    """Add what an answer of the bus says of its question; an Action that it has already stays."""
    action = SOAP_FAULT_ACTION if root[-1][0].tag == FAULT else relation.action
    known = root.find(f"{HEADER}/{WSA}Action") is not None
    if not known and not action:
        return
    if root[0].tag != HEADER:
        root.insert(0, etree.Element(HEADER))
    write(root[0], Addressing(relates_to=relation.relates_to, action="" if known else action))
