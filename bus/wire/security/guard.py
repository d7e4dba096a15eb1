"""One received message against the policy of its sender: what has to be there, and that all that is there is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from bus.wire.security import header as headers
from bus.wire.security import timestamps, username
from bus.wire.security.header import SecurityHeader
from bus.wire.security.policy import Policy
from bus.wire.security.refusal import SecurityRefusal, refuse
from bus.wire.security.verify import verify

MISSING: Final = "CB2021"
STRUCTURE: Final = "CB2022"


@dataclass(frozen=True, slots=True)
class Channel:
    """How the message came: whether nobody else could read it on its way (TLS, or within this machine)."""

    private: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome: who signed (fingerprint, empty when nobody), and what must not come again until when."""

    signer: str = ""
    once: tuple[tuple[str, float], ...] = ()


NOTHING: Final = Checked()


def check(
    root: etree._Element,
    security: etree._Element | None,
    policy: Policy,
    now: float,
    channel: Channel,
    *,
    identified: bool,
    encrypted: bool,
) -> Checked:
    """Everything that the policy asks for is there, and everything that is there is right.

    ``security`` is the wsse:Security block meant for this node, ``identified`` whether the message has a wsa:MessageID
    (which is then signed: its repetition is known by it), ``encrypted`` whether its body was or still is encrypted.
    Errors: ``SecurityRefusal`` CB2021 to CB2031.
    """
    if security is None:
        raise SecurityRefusal(MISSING, "wsse:Security", expected=policy.settings.inbound.value, got="none")
    found = headers.read(security)
    if policy.encrypted and not encrypted:
        raise refuse(MISSING, root, "Body", "encrypted", "not encrypted")
    if found.encrypted_key is not None:
        raise refuse(STRUCTURE, found.encrypted_key, "xenc:EncryptedKey", "a key for the Body, to this bus")
    settings = policy.settings
    until = now + settings.max_age_s + settings.skew_s
    if found.timestamp is not None:
        created, expires = timestamps.read(found.timestamp)
        until = timestamps.judge(found.timestamp, created, expires, now, settings.skew_s, settings.max_age_s)
    once: list[tuple[str, float]] = []
    if policy.wants_username or found.username is not None:
        once += _username(found, policy, now, channel)
    signer = ""
    if policy.signed or found.signature is not None:
        signer, signed_info = _signature(root, found, policy, now)
        if not identified:
            once.append((f"signature:{signed_info}", until))
    return Checked(signer, tuple(once))


def _signature(root: etree._Element, found: SecurityHeader, policy: Policy, now: float) -> tuple[str, str]:
    """Who signed, and the digest of what was signed. Errors: CB2021 to CB2027."""
    if found.signature is None:
        raise refuse(MISSING, found.element, "ds:Signature", "1", "0")
    if found.timestamp is None:
        raise refuse(MISSING, found.element, "wsu:Timestamp", "1", "0")
    if not policy.registered:
        raise refuse(STRUCTURE, found.signature, "ds:Signature", "none: no certificate is registered")
    verified = verify(
        root, found, policy.registered, policy.digests, lambda certificate: policy.trust.check(certificate, now)
    )
    return verified.certificate.fingerprint, verified.signed_info


def _username(found: SecurityHeader, policy: Policy, now: float, channel: Channel) -> list[tuple[str, float]]:
    """What must not come again. Errors: CB2021, CB2022, CB2028, CB2030."""
    if found.username is None:
        raise refuse(MISSING, found.element, "wsse:UsernameToken", "1", "0")
    settings = policy.settings
    account = username.Account(
        policy.username,
        settings.password,
        digest="digest" in settings.passwords and (channel.private or settings.open_channel),
        text="text" in settings.passwords and channel.private,
    )
    nonce, until = username.check(found.username, account, now, settings.skew_s, settings.max_age_s)
    return [(f"nonce:{policy.username}:{nonce}", until)] if nonce else []
