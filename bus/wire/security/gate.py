"""The message security of one endpoint as the steps use it: what comes is opened and checked, what goes protected.

The steps hold a gate and import nothing of the libraries behind it: a site without message security never loads them.
"""

from __future__ import annotations

import os
from typing import Final

from lxml import etree

from bus.core.types import Addressing
from bus.wire import envelope, safe_xml
from bus.wire.addressing import NO_ADDRESSING
from bus.wire.envelope import Envelope
from bus.wire.http import XML
from bus.wire.security import header as headers
from bus.wire.security.content import content_digest
from bus.wire.security.encryption import Random, decrypt, is_encrypted, is_for, opened
from bus.wire.security.guard import Channel, Checked, check
from bus.wire.security.policy import Policy
from bus.wire.security.protect import protect
from bus.wire.security.refusal import SecurityRefusal

MISSING: Final = "CB2021"
_UTF16: Final = frozenset({b"\xff\xfe", b"\xfe\xff"})


class Gate:
    """One endpoint's policy at work; as immutable as the policy."""

    __slots__ = ("_random", "guarded", "policy", "signs")

    def __init__(self, policy: Policy, random: Random = os.urandom) -> None:
        self.policy = policy
        self._random = random
        self.guarded = policy.guarded
        self.signs = policy.signs

    def open(self, root: etree._Element, read: Envelope, *, legacy_oaep: bool = False) -> bytes:
        """The message with its body decrypted, empty when the body is not encrypted to this bus.

        The tree is used up. Errors: ``SecurityRefusal`` CB2022, CB2023, CB2031.
        """
        if not is_encrypted(read.body) or read.security is None:
            return b""
        found = headers.read(read.security)
        key = is_for(found, self.policy.decrypt)
        if key is None:
            return b""
        legacy = legacy_oaep or self.policy.settings.legacy_oaep
        plain = decrypt(read.body, found, key, legacy_oaep=legacy, random=self._random)
        return opened(root, read.body, found, plain, self._random)

    def opened(self, raw: bytes) -> bytes:
        """Stored bytes that were accepted once, with their body decrypted; ``raw`` itself where it is not."""
        if not self.policy.decrypt or (b"EncryptedData" not in raw and raw[:2] not in _UTF16):
            return raw
        root = safe_xml.parse_again(raw, _media_type(raw))
        try:
            return self.open(root, envelope.read(root), legacy_oaep=True) or raw
        except SecurityRefusal:
            return raw  # it was accepted without being opened: it is for somebody else

    def check(
        self, root: etree._Element, read: Envelope, now: float, *, private: bool, encrypted: bool, relates_to: str = ""
    ) -> Checked:
        """What the policy asks for is there and right; ``relates_to`` is what an answer must be the answer to.

        Errors: ``SecurityRefusal`` CB2021 to CB2031.
        """
        identified = bool(read.addressing.message_id)
        checked = check(
            root,
            read.security,
            self.policy,
            now,
            Channel(private),
            identified=identified or bool(relates_to),
            encrypted=encrypted or is_encrypted(read.body),
        )
        if relates_to and self.policy.signed and read.addressing.relates_to != relates_to:
            raise SecurityRefusal(MISSING, "wsa:RelatesTo", expected=relates_to, got=read.addressing.relates_to)
        return checked

    def protect(
        self, raw: bytes, content_type: str, now: float, name: str, relation: Addressing = NO_ADDRESSING
    ) -> bytes:
        """The message as it goes to the endpoint; ``raw`` itself where nothing is to be added. Errors: CB2033."""
        return protect(raw, content_type, self.policy, now, name, relation) if self.signs else raw

    def content(self, raw: bytes) -> str:
        """The digest of what a stored message says, whenever and by whichever key it was signed."""
        whole = self.opened(raw)
        return content_digest(safe_xml.parse_again(whole, _media_type(whole)))


def _media_type(raw: bytes) -> str:
    """The media type of stored bytes: a UTF-16 message says so by its byte order mark."""
    return "text/xml" if raw[:2] in _UTF16 else XML
