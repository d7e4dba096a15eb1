"""Say why a message would fail its sender's message security: for the operator, from the bytes of the message."""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from bus.core.errors import ChiikibusError
from bus.core.types import Endpoint, Finding
from bus.wire import envelope, safe_xml
from bus.wire.security import header as headers
from bus.wire.security import timestamps
from bus.wire.security.gate import Gate
from bus.wire.security.header import SecurityHeader
from bus.wire.security.names import DS, SIGNATURE
from bus.wire.security.refusal import SecurityRefusal
from bus.wire.security.verify import parts, referenced

UNTIMELY = "CB2028"


@dataclass(slots=True)
class SecurityExplanation:
    """What was seen, and what is wrong. ``code`` is empty when the message would pass step 4."""

    endpoint: str
    inbound: str
    code: str = ""
    findings: tuple[Finding, ...] = ()
    seen: dict[str, str] = field(default_factory=dict)
    covered: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()


def explain_message(endpoint: Endpoint, gate: Gate, raw: bytes, content_type: str, now: float) -> SecurityExplanation:
    """Take a message through parsing, envelope and message security as at the time ``now``.

    When only its time is wrong, the rest is judged as at the time the message names. Nonces and signatures that were
    used before are not looked up: those are in the journal of the bus.
    """
    found = SecurityExplanation(endpoint.key, gate.policy.settings.inbound.value)
    try:
        root = safe_xml.parse(raw, content_type)
        read = envelope.read(root)
        opened = gate.open(root, read)
        if opened:
            found.seen["encryption"] = "decrypted with a key of this bus"
            root = safe_xml.parse(opened)
            read = envelope.read(root)
        _look(root, read.security, gate, found, now)
        _check(root, read, gate, now, found, encrypted=bool(opened))
    except ChiikibusError as error:
        found.code, found.findings = error.code, error.findings
    return found


def _check(
    root: etree._Element,
    read: envelope.Envelope,
    gate: Gate,
    now: float,
    found: SecurityExplanation,
    *,
    encrypted: bool,
) -> None:
    """Errors: the first reason; after a wrong time also what else is wrong."""
    try:
        gate.check(root, read, now, private=True, encrypted=encrypted)
    except SecurityRefusal as refusal:
        created = found.seen.get("created_s")
        if refusal.code != UNTIMELY or created is None:
            raise
        found.code, found.findings = refusal.code, refusal.findings
        try:
            gate.check(root, read, float(created), private=True, encrypted=encrypted)
        except SecurityRefusal as other:
            found.findings += other.findings


def _look(
    root: etree._Element, security: etree._Element | None, gate: Gate, found: SecurityExplanation, now: float
) -> None:
    """What the header holds, as far as it can be read; whatever cannot be read is judged afterwards."""
    if security is None:
        found.seen["header"] = "no wsse:Security for this node"
        return
    header = headers.read(security)
    found.seen["header"] = ", ".join(etree.QName(child).localname for child in security)
    if header.timestamp is not None:
        created, expires = timestamps.read(header.timestamp)
        found.seen["created"] = timestamps.text_of(created)
        found.seen["expires"] = timestamps.text_of(expires) if expires else "-"
        found.seen["created_s"] = str(created)
    signature = security.find(SIGNATURE)
    if signature is None:
        return
    method = signature.find(f"{{{DS}}}SignedInfo/{{{DS}}}SignatureMethod")
    found.seen["signature"] = "" if method is None else method.get("Algorithm", "")
    _coverage(root, header, signature, found)
    _certificate(header, signature, gate, found, now)


def _coverage(
    root: etree._Element, header: SecurityHeader, signature: etree._Element, found: SecurityExplanation
) -> None:
    named = {each.get("URI", "") for each in signature.iter(f"{{{DS}}}Reference")}
    wsu = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id"
    wanted = [(name, f"#{element.get(wsu)}" in named) for name, element in parts(root, header)]
    found.covered = tuple(name for name, covered in wanted if covered)
    found.uncovered = tuple(name for name, covered in wanted if not covered)


def _certificate(
    header: SecurityHeader, signature: etree._Element, gate: Gate, found: SecurityExplanation, now: float
) -> None:
    reference = signature.find(f"{{{DS}}}KeyInfo/*")
    if reference is None:
        return
    try:
        certificate = referenced(reference, header, gate.policy.registered)
    except SecurityRefusal:
        return
    facts = certificate.facts
    found.seen["certificate"] = facts.subject
    found.seen["issuer"] = facts.issuer
    found.seen["fingerprint"] = f"sha256:{facts.sha256}"
    found.seen["key"] = facts.key
    found.seen["valid"] = f"{timestamps.text_of(facts.not_before)} .. {timestamps.text_of(facts.not_after)}"
    found.seen["trust"] = gate.policy.trust.reason(facts, now) or "trusted"
    try:
        gate.policy.registered.check(certificate)
        found.seen["registered"] = "yes"
    except SecurityRefusal:
        found.seen["registered"] = "no"
