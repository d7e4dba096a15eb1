"""What a signed message says, apart from when and by which key it was signed: its repetition may be signed anew."""

from __future__ import annotations

from hashlib import sha256

from lxml import etree

from bus.wire.security.c14n import canonical
from bus.wire.security.header import SecurityHeader
from bus.wire.security.names import WSU_ID
from bus.wire.security.verify import parts


def content_digest(root: etree._Element) -> str:
    """SHA-256 over the canonical Body and header blocks that have to be signed, in their order, without their wsu:Id.

    The tree is changed: ids are taken off. Give it a tree that nobody needs any more.
    """
    digest = sha256()
    for name, element in parts(root, SecurityHeader(root)):
        if WSU_ID in element.attrib:
            del element.attrib[WSU_ID]
        octets = canonical(element)
        digest.update(f"{name}\0{len(octets)}\0".encode())
        digest.update(octets)
    return digest.hexdigest()
