"""Rules about Security headers, timestamps, tokens and references to tokens that one message shows (BSP 1.0)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from conformance.addressing import fault_code as code_of
from conformance.description import Element
from conformance.documents import children, local, where
from conformance.findings import Finding, NotApplicable, Result, when
from conformance.messages import Message
from conformance.names import SOAP, WSSE
from conformance.security import BASE64, OASIS, X509V3, certificate, ds, headers, ids, within, wsse, wsu

NO_SECURITY: Final = NotApplicable("Security ヘッダーがありません", "there is no Security header")
X509_TYPES: Final = tuple(f"{OASIS}x509-token-profile-1.0#{name}" for name in ("X509v3", "X509PKIPathv1", "PKCS7"))
IDENTIFIERS: Final = (
    f"{OASIS}x509-token-profile-1.0#X509SubjectKeyIdentifier",
    "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1",
)
FAULTS: Final = (
    "UnsupportedSecurityToken", "UnsupportedAlgorithm", "InvalidSecurity", "InvalidSecurityToken",
    "FailedAuthentication", "FailedCheck", "SecurityTokenUnavailable", "MessageExpired",
)  # fmt: skip
_UTC: Final = re.compile(r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d+))?Z")
_SECONDS: Final = re.compile(r"T\d\d:\d\d:(\d\d)")


def _absent(name: str) -> NotApplicable:
    return NotApplicable(f"{name} がありません", f"there is no {name}")


def _each(name: str, tags: tuple[str, ...], kept: Callable[[Element], bool], text: str) -> Callable[[Message], Result]:
    """A predicate that asks something of every element of these names inside Security headers."""

    def judge(message: Message) -> Result:
        listed = within(message, *tags)
        if not listed:
            return _absent(name)
        return tuple(Finding(where(one), text) for one in listed if not kept(one))

    judge.__doc__ = f"{text} ({name})."
    return judge


def _count(name: str, holder: str, child: str, least: int, most: int) -> Callable[[Message], Result]:
    """A predicate on how often a child stands in every holder."""
    text = f"{local_name(child)}: {least} to {most}"
    return _each(name, (holder,), lambda one: least <= len(children(one, child)) <= most, text)


def local_name(tag: str) -> str:
    """The local part of a Clark name."""
    return tag.rpartition("}")[2]


def _times(child: str, kept: Callable[[str], bool], text: str) -> Callable[[Message], Result]:
    """A predicate on the text of Created or Expires of every Timestamp."""

    def judge(message: Message) -> Result:
        listed = [one for stamp in within(message, wsu("Timestamp")) for one in children(stamp, wsu(child))]
        if not listed:
            return _absent(f"{child}")
        return tuple(
            Finding(where(one), text, (one.text or "").strip()[:40])
            for one in listed if not kept((one.text or "").strip())
        )  # fmt: skip

    judge.__doc__ = f"{child}: {text}."
    return judge


def _no_leap(text: str) -> bool:
    found = _SECONDS.search(text)
    return found is None or int(found.group(1)) < 60


def _utc(text: str) -> bool:
    return bool(_UTC.fullmatch(text))


def _short(text: str) -> bool:
    found = _UTC.fullmatch(text)
    return found is None or len(found.group(1) or "") <= 3


def _in_order(stamp: Element) -> bool:
    names = [local(one) for one in children(stamp)]
    return "Expires" not in names or "Created" not in names[names.index("Expires") :]


def _only_times(stamp: Element) -> bool:
    return all(one.tag in (wsu("Created"), wsu("Expires")) for one in children(stamp))


def ids_unique(message: Message) -> Result:
    """BSP-R3204: no two wsu:Id have the same value."""
    if message.envelope is None or not headers(message):
        return NO_SECURITY
    counted = Counter(one.get(wsu("Id")) for one in message.envelope.iter("{*}*") if one.get(wsu("Id")))
    return tuple(Finding("/Envelope", "a wsu:Id of its own", str(name)[:80]) for name, n in counted.items() if n > 1)


def _actors(message: Message) -> list[str | None]:
    return [one.get(f"{{{SOAP}}}actor") for one in headers(message)]


def one_without_actor(message: Message) -> Result:
    """BSP-R3206: there is at most one Security header without actor."""
    found = _actors(message)
    return when(found.count(None) <= 1, "/Envelope/Header", "one Security", str(found.count(None))) if found else (
        NO_SECURITY
    )  # fmt: skip


def actors_differ(message: Message) -> Result:
    """BSP-R3210: no two Security headers have the same actor."""
    found = Counter(one for one in _actors(message) if one is not None)
    if not _actors(message):
        return NO_SECURITY
    return tuple(
        Finding("/Envelope/Header", "one Security for an actor", name[:80]) for name, n in found.items() if n > 1
    )


def one_for_a_node(message: Message) -> Result:
    """WSS-501: there is at most one Security header for a node."""
    found = Counter(_actors(message))
    if not found:
        return NO_SECURITY
    return tuple(Finding("/Envelope/Header", "one Security", str(name)[:80]) for name, n in found.items() if n > 1)


def own_header(message: Message) -> Result:
    """BSP-R3066: no token of another Security header is referred to."""
    listed = within(message, wsse("Reference"))
    if not listed or message.envelope is None:
        return _absent("wsse:Reference")
    known = ids(message.envelope)
    found = []
    for one in listed:
        mine = next(one.iterancestors(wsse("Security")))
        for target in known.get(one.get("URI", "").removeprefix("#"), []):
            theirs = next(target.iterancestors(wsse("Security")), None)
            if theirs is not None and theirs is not mine:
                found.append(Finding(where(one), "a token of the same header", one.get("URI", "")[:80]))
    return tuple(found)


def reference_reaches(message: Message) -> Result:
    """WSS-602: a reference by #id leads to an element of the message."""
    listed = [one for one in within(message, wsse("Reference")) if one.get("URI", "").startswith("#")]
    if not listed or message.envelope is None:
        return _absent("wsse:Reference")
    known = ids(message.envelope)
    return tuple(
        Finding(where(one), "a token", one.get("URI", "")[:80]) for one in listed if one.get("URI", "")[1:] not in known
    )


def x509_type(message: Message) -> Result:
    """BSP-R3033: a token that holds a certificate is of ValueType X509v3."""
    listed = [one for one in within(message, wsse("BinarySecurityToken")) if certificate(one) is not None]
    listed = [one for one in listed if one.get("ValueType")]
    if not listed:
        return NotApplicable("X.509 のトークンがありません", "there is no X.509 token")
    return tuple(
        Finding(where(one), X509V3, one.get("ValueType", "")[:120]) for one in listed if one.get("ValueType") != X509V3
    )


def reference_type(message: Message) -> Result:
    """BSP-R5218: a reference to an X.509 token is of ValueType X509v3."""
    known = ids(message.envelope) if message.envelope is not None else {}
    listed = []
    for one in within(message, wsse("Reference")):
        targets = known.get(one.get("URI", "").removeprefix("#"), [])
        if any(target.tag == wsse("BinarySecurityToken") and target.get("ValueType") == X509V3 for target in targets):
            listed.append(one)
    if not listed:
        return NotApplicable("X.509 のトークンへの参照がありません", "nothing refers to an X.509 token")
    return tuple(
        Finding(where(one), X509V3, one.get("ValueType", "absent")[:120])
        for one in listed if one.get("ValueType") != X509V3
    )  # fmt: skip


def holds_certificate(message: Message) -> Result:
    """WSS-X31: an X509v3 token holds one certificate."""
    listed = [one for one in within(message, wsse("BinarySecurityToken")) if one.get("ValueType") == X509V3]
    if not listed:
        return NotApplicable("X.509 のトークンがありません", "there is no X.509 token")
    return tuple(Finding(where(one), "a certificate in DER and Base64") for one in listed if certificate(one) is None)


def signed_has_timestamp(message: Message) -> Result:
    """WSS-1001: a signed message has one Timestamp with a Created."""
    listed = [one for one in headers(message) if children(one, ds("Signature"))]
    if not listed:
        return NotApplicable("署名がありません", "there is no signature")
    return tuple(
        Finding(where(one), "one wsu:Timestamp with wsu:Created")
        for one in listed
        if len([stamp for stamp in children(one, wsu("Timestamp")) if children(stamp, wsu("Created"))]) != 1
    )


def fault_code(message: Message) -> Result:
    """WSS-1201: a faultcode of the wsse namespace is one of the specification."""
    space, name = code_of(message)
    if space != WSSE:
        return NotApplicable("WS-Security の障害ではありません", "no fault of WS-Security")
    return when(name in FAULTS, "/Envelope/Body/Fault/faultcode", " | ".join(FAULTS)[:160], name[:80])


_TOKEN: Final = (wsse("BinarySecurityToken"),)
_STR: Final = wsse("SecurityTokenReference")
_USER: Final = wsse("UsernameToken")
PREDICATES: Final = MappingProxyType(
    {
        "BSP-R3027": _each("token reference", (_STR,), lambda one: not children(one, ds("KeyName")), "no KeyName"),
        "BSP-R3029": _each("BinarySecurityToken", _TOKEN, lambda one: bool(one.get("EncodingType")), "an EncodingType"),
        "BSP-R3030": _each(
            "BinarySecurityToken", _TOKEN, lambda one: one.get("EncodingType", BASE64) == BASE64, "Base64Binary"
        ),
        "BSP-R3031": _each("BinarySecurityToken", _TOKEN, lambda one: bool(one.get("ValueType")), "a ValueType"),
        "BSP-R3033": x509_type,
        "BSP-R3061": _each("SecurityTokenReference", (_STR,), lambda one: len(children(one)) == 1, "one reference"),
        "BSP-R3062": _each("Reference", (wsse("Reference"),), lambda one: bool(one.get("URI")), "a URI"),
        "BSP-R3066": own_header,
        "BSP-R3203": _count("Timestamp", wsu("Timestamp"), wsu("Created"), 1, 1),
        "BSP-R3204": ids_unique,
        "BSP-R3206": one_without_actor,
        "BSP-R3210": actors_differ,
        "BSP-R3213": _times("Created", _no_leap, "seconds below 60"),
        "BSP-R3215": _times("Expires", _no_leap, "seconds below 60"),
        "BSP-R3217": _times("Created", _utc, "UTC, written with Z"),
        "BSP-R3220": _times("Created", _short, "at most three digits of a second"),
        "BSP-R3221": _each("Timestamp", (wsu("Timestamp"),), _in_order, "Created before Expires"),
        "BSP-R3222": _each("Timestamp", (wsu("Timestamp"),), _only_times, "Created and Expires only"),
        "BSP-R3223": _times("Expires", _utc, "UTC, written with Z"),
        "BSP-R3224": _count("Timestamp", wsu("Timestamp"), wsu("Expires"), 0, 1),
        "BSP-R3225": _each("Created", (wsu("Created"),), lambda one: one.get("ValueType") is None, "no ValueType"),
        "BSP-R3226": _each("Expires", (wsu("Expires"),), lambda one: one.get("ValueType") is None, "no ValueType"),
        "BSP-R3227": _count("Security", wsse("Security"), wsu("Timestamp"), 0, 1),
        "BSP-R4201": _each("Password", (wsse("Password"),), lambda one: bool(one.get("Type")), "a Type"),
        "BSP-R4221": _each(
            "Nonce", (wsse("Nonce"),), lambda one: one.get("EncodingType", BASE64) == BASE64, "Base64Binary"
        ),
        "BSP-R4222": _count("UsernameToken", _USER, wsse("Password"), 0, 1),
        "BSP-R4223": _count("UsernameToken", _USER, wsu("Created"), 0, 1),
        "BSP-R4225": _count("UsernameToken", _USER, wsse("Nonce"), 0, 1),
        "BSP-R5206": _each(
            "KeyIdentifier", (wsse("KeyIdentifier"),), lambda one: one.get("ValueType") in IDENTIFIERS,
            "a key identifier or a thumbprint",
        ),
        "BSP-R5218": reference_type,
        "WSS-501": one_for_a_node,
        "WSS-602": reference_reaches,
        "WSS-1001": signed_has_timestamp,
        "WSS-1201": fault_code,
        "WSS-X31": holds_certificate,
    }
)  # fmt: skip
