"""wsse:UsernameToken: who calls, with a password or, better, a digest of it over a nonce and the time.

UsernameToken Profile 1.0/1.1 section 3. The digest is SHA-1 by the profile and cannot be chosen; it proves knowledge
of the password to somebody who knows it, and a nonce counts once.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from lxml import etree

from bus.wire.security import timestamps
from bus.wire.security.header import octets
from bus.wire.security.names import BASE64, CREATED, PASSWORD_DIGEST, PASSWORD_TEXT, WSSE, WSU, WSU_ID
from bus.wire.security.refusal import refuse

STRUCTURE: Final = "CB2022"
UNTIMELY: Final = "CB2028"
FAILED: Final = "CB2030"
MAX_NONCE: Final = 256
"""Characters of a nonce: stacks send 16 to 32 bytes."""

MIN_NONCE: Final = 8
"""Bytes of a nonce: fewer would come again by chance within the time that a nonce is remembered."""

_USER: Final = f"{{{WSSE}}}Username"
_PASSWORD: Final = f"{{{WSSE}}}Password"
_NONCE: Final = f"{{{WSSE}}}Nonce"


@dataclass(frozen=True, slots=True)
class Account:
    """The name and password that are expected; ``text`` whether the password itself may be sent on this connection."""

    name: str
    password: str
    digest: bool = True
    text: bool = False


def check(token: etree._Element, account: Account, now: float, skew_s: float, max_age_s: float) -> tuple[str, float]:
    """What must not come again, and until when; empty for a password that needs no nonce.

    Errors (``SecurityRefusal``): CB2022 form, CB2028 time, CB2030 name, password, or a kind that is not allowed here.
    """
    values = _children(token)
    name, password = values[_USER].text or "", values.get(_PASSWORD)
    kind = PASSWORD_TEXT if password is None else password.get("Type", PASSWORD_TEXT)
    nonce = octets(values[_NONCE], MAX_NONCE) if _NONCE in values else b""
    created_text = (values[CREATED].text or "").strip() if CREATED in values else ""
    until = 0.0
    if created_text:
        created = timestamps.read_time(values[CREATED], "wsu:Created")
        if not now - max_age_s - skew_s <= created <= now + skew_s:
            raise refuse(UNTIMELY, token, "wsu:Created", f"within {max_age_s:g} s", f"{now - created:.0f} s old")
        until = created + max_age_s + skew_s
    given = (password.text or "") if password is not None else ""
    if kind == PASSWORD_DIGEST and account.digest:
        if len(nonce) < MIN_NONCE or not created_text:
            raise refuse(FAILED, token, "wsse:UsernameToken", f"Nonce of {MIN_NONCE} bytes or more, and Created")
        expected = base64.b64encode(
            sha1(nonce + created_text.encode() + account.password.encode(), usedforsecurity=False).digest()
        ).decode("ascii")
    elif kind == PASSWORD_TEXT and account.text:
        expected = account.password
    else:
        raise refuse(FAILED, token, "wsse:Password/@Type", "a type of the policy and the connection", kind)
    right_name = hmac.compare_digest(name.encode(), account.name.encode())
    if not hmac.compare_digest(given.strip().encode(), expected.encode()) or not right_name or not account.password:
        raise refuse(FAILED, token, "wsse:UsernameToken", "name and password", "others")
    return (base64.b64encode(nonce).decode("ascii"), until) if nonce and until else ("", 0.0)


def _children(token: etree._Element) -> dict[str, etree._Element]:
    """The children by name. Errors: CB2022 for unknown or repeated ones, for blanks or attributes out of place."""
    allowed = {_USER: set(), _PASSWORD: {"Type"}, _NONCE: {"EncodingType"}, CREATED: set()}
    found: dict[str, etree._Element] = {}
    for child in token:
        tag = str(child.tag)
        if tag not in allowed or tag in found or set(child.keys()) - allowed[tag] or len(child):
            raise refuse(STRUCTURE, child, "wsse:UsernameToken", "Username, Password, Nonce, Created")
        found[tag] = child
    if _USER not in found or set(token.keys()) - {WSU_ID}:
        raise refuse(STRUCTURE, token, "wsse:UsernameToken", "Username")
    if _NONCE in found and found[_NONCE].get("EncodingType", BASE64) != BASE64:
        raise refuse(STRUCTURE, found[_NONCE], "wsse:Nonce", "Base64Binary")
    return found


def write(
    security: etree._Element, name: str, password: str, nonce: bytes, created: float, *, digest: bool = True
) -> etree._Element:
    """Append a UsernameToken to a wsse:Security header."""
    token = etree.SubElement(security, f"{{{WSSE}}}UsernameToken", nsmap={"wsu": WSU})
    etree.SubElement(token, _USER).text = name
    made = timestamps.text_of(created)
    kind = PASSWORD_DIGEST if digest else PASSWORD_TEXT
    secret = etree.SubElement(token, _PASSWORD, Type=kind)
    hashed = sha1(nonce + made.encode() + password.encode(), usedforsecurity=False).digest()
    secret.text = base64.b64encode(hashed).decode("ascii") if digest else password
    etree.SubElement(token, _NONCE, EncodingType=BASE64).text = base64.b64encode(nonce).decode("ascii")
    etree.SubElement(token, CREATED).text = made
    return token
