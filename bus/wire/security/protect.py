"""What leaves: signed by the bus where nobody signed it, encrypted where the policy says so, else byte for byte."""

from __future__ import annotations

from lxml import etree

from bus.wire import safe_xml
from bus.wire.envelope import own_security
from bus.wire.security.encryption import encrypt, is_encrypted
from bus.wire.security.names import SIGNATURE
from bus.wire.security.policy import Policy
from bus.wire.security.sign import Signing, sign


def protect(raw: bytes, content_type: str, policy: Policy, now: float, name: str) -> bytes:
    """The message as it goes to the endpoint; ``raw`` itself when nothing has to be added, else UTF-8.

    A message that its sender signed keeps that signature and gets no other, so that the receiver verifies the sender;
    only where the policy says ``resign`` the bus's own takes its place.
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
        security = sign(root, Signing(policy.signing_key(now), now, policy.settings.expires_s, name))
    if policy.encrypts and not is_encrypted(root[-1][0]):
        assert policy.recipient is not None
        encrypt(root, security, policy.recipient, name)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)
