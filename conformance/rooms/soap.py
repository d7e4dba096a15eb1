"""Rules about the envelope itself: serialisation, structure, attributes, faults (BP 1.1 chapter 3, SOAP 1.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from conformance.description import Element, qname
from conformance.documents import children, local, namespace, where
from conformance.findings import KEPT, Finding, Missing, NotApplicable, Result, when
from conformance.messages import Message
from conformance.names import BODY, ENCODING, ENVELOPE, HEADER, SOAP, WSDL, XS
from conformance.rooms.wsdl_documents import ENCODINGS, declares_xml

NO_ENVELOPE: Final = NotApplicable("封筒がありません", "there is no envelope")
NO_FAULT: Final = NotApplicable("障害ではありません", "no fault here")
FAULT_CHILDREN: Final = ("faultcode", "faultstring", "faultactor", "detail")
ENCODING_STYLE: Final = f"{{{SOAP}}}encodingStyle"
CODES: Final = ("VersionMismatch", "MustUnderstand", "Client", "Server")


def is_xml(message: Message) -> bool:
    """Whether the message should hold an envelope: an XML or multipart content, or an envelope that is there."""
    if message.document is None or (message.root is not None and namespace(message.root) in (WSDL, XS)):
        return False
    kind = message.head.media_type if message.head else "text/xml"
    return kind.endswith("xml") or kind.startswith("multipart/") or message.envelope is not None


def _with(message: Message, judge: Callable[[Element], tuple[Finding, ...]]) -> Result:
    return judge(message.envelope) if message.envelope is not None else NO_ENVELOPE


def xml_1_0(message: Message) -> Result:
    """BP-R9701: an envelope is XML 1.0."""
    if not is_xml(message) or message.document is None:
        return NO_ENVELOPE
    if message.document.problem:
        return (Finding(message.name, "well-formed XML 1.0", message.document.problem),)
    return when(message.document.version == "1.0", message.name, "XML 1.0", message.document.version)


def structure(message: Message) -> Result:
    """BP-R9980: an Envelope with at most one Header, which comes first, and one Body."""
    if not is_xml(message) or message.root is None:
        return NO_ENVELOPE
    if message.envelope is None:
        return (Finding(where(message.root), ENVELOPE, str(message.root.tag)[:120]),)
    found = []
    tags = [one.tag for one in children(message.envelope)]
    if tags.count(BODY) != 1:
        found.append(Finding("/Envelope", "one Body", str(tags.count(BODY))))
    if tags.count(HEADER) > 1:
        found.append(Finding("/Envelope", "at most one Header", str(tags.count(HEADER))))
    before = tags[: tags.index(BODY)] if BODY in tags else tags
    if any(tag != HEADER for tag in before):
        found.append(Finding("/Envelope", "Header, then Body", " ".join(str(tag) for tag in before)[:120]))
    return tuple(found)


def one_entry(message: Message) -> Result:
    """BP-R9981: the Body has at most one child element."""
    return _with(
        message,
        lambda _: when(len(message.entries) <= 1, "/Envelope/Body", "at most one child", str(len(message.entries))),
    )


def entries_qualified(message: Message) -> Result:
    """BP-R1014: the children of the Body are qualified."""
    return _with(
        message,
        lambda _: tuple(
            Finding(where(one), "a namespace", local(one)) for one in message.entries if not namespace(one)
        ),
    )


def blocks_qualified(message: Message) -> Result:
    """SOAP-421: header blocks are qualified."""
    return _with(
        message,
        lambda _: tuple(
            Finding(where(one), "a namespace", local(one)) for one in message.header_blocks if not namespace(one)
        ),
    )


def nothing_after_body(message: Message) -> Result:
    """BP-R1011: nothing follows the Body."""

    def judge(envelope: Element) -> tuple[Finding, ...]:
        tags = [one.tag for one in children(envelope)]
        after = tags[tags.index(BODY) + 1 :] if BODY in tags else []
        return when(
            all(tag == BODY for tag in after), "/Envelope", "nothing after Body", " ".join(map(str, after))[:120]
        )

    return _with(message, judge)


def no_doctype(message: Message) -> Result:
    """BP-R1008: no document type declaration."""
    if not is_xml(message) or message.document is None:
        return NO_ENVELOPE
    return when(not message.document.doctype, message.name, "no DOCTYPE", "DOCTYPE")


def no_instructions(message: Message) -> Result:
    """BP-R1009: no processing instruction, neither in the envelope nor beside it."""
    root = message.root
    if root is None or not is_xml(message):
        return NO_ENVELOPE
    listed = root.getroottree().xpath("//processing-instruction()")
    return tuple(Finding("/", "no processing instruction") for _ in (listed if isinstance(listed, list) else ()))


def utf(message: Message) -> Result:
    """BP-R1012: UTF-8 or UTF-16."""
    if not is_xml(message) or message.document is None:
        return NO_ENVELOPE
    return when(message.document.effective in ENCODINGS, message.name, "UTF-8 or UTF-16", message.document.effective)


def no_xml_prefix(message: Message) -> Result:
    """BP-R1033: no declaration of xmlns:xml."""
    if message.envelope is None or message.document is None:
        return NO_ENVELOPE
    return when(not declares_xml(message.document), message.name, "no xmlns:xml")


def _attribute_absent(elements: list[Element], name: str) -> tuple[Finding, ...]:
    return tuple(
        Finding(where(one), f"no attribute {name.rpartition('}')[2]}") for one in elements if one.get(name) is not None
    )


def no_encoding_style_in_envelope(message: Message) -> Result:
    """BP-R1005: no element of the envelope namespace has encodingStyle."""
    return _with(message, lambda one: _attribute_absent(list(one.iter(f"{{{SOAP}}}*")), ENCODING_STYLE))


def no_encoding_style_in_entries(message: Message) -> Result:
    """BP-R1006: no child of the Body has encodingStyle."""
    return _with(message, lambda _: _attribute_absent(message.entries, ENCODING_STYLE))


def no_encoding_style_below(message: Message) -> Result:
    """BP-R1007: in rpc/literal no grandchild of the Body has encodingStyle; without one it is kept in any case."""
    if message.envelope is None:
        return NO_ENVELOPE
    found = _attribute_absent([child for one in message.entries for child in children(one)], ENCODING_STYLE)
    if not found:
        return KEPT
    if message.description is None:
        return Missing("WSDL を渡すと判定できます", "hand in the WSDL")
    if not any(one.style == "rpc" for one in message.operations):
        return NotApplicable("rpc/literal の電文ではありません", "no message of rpc/literal")
    return found


def must_understand(message: Message) -> Result:
    """BP-R1013: mustUnderstand is 0 or 1."""
    name = f"{{{SOAP}}}mustUnderstand"
    if message.envelope is None:
        return NO_ENVELOPE
    marked = [one for one in message.envelope.iter("{*}*") if one.get(name) not in (None, "0", "1")]
    return tuple(Finding(where(one), "0 or 1", one.get(name, "")[:20]) for one in marked)


def no_envelope_attributes(message: Message) -> Result:
    """BP-R1032: Envelope, Header and Body have no attribute of the envelope namespace."""
    return _with(message, lambda envelope: tuple(
        Finding(where(one), "no attribute of the envelope namespace", str(key).rpartition("}")[2])
        for one in [envelope, *children(envelope, HEADER), *children(envelope, BODY)]
        for key in one.attrib if str(key).startswith(f"{{{SOAP}}}")
    ))  # fmt: skip


def no_array_type(message: Message) -> Result:
    """BP-R2113: no element has soapenc:arrayType."""
    return _with(message, lambda one: _attribute_absent(list(one.iter("{*}*")), f"{{{ENCODING}}}arrayType"))


def _fault(message: Message, judge: Callable[[Element], tuple[Finding, ...]]) -> Result:
    return judge(message.fault) if message.fault is not None else NO_FAULT


def fault_children(message: Message) -> Result:
    """BP-R1000: a Fault has no children but the four of SOAP 1.1."""
    return _fault(message, lambda fault: tuple(
        Finding(where(one), " | ".join(FAULT_CHILDREN), local(one)) for one in children(fault)
        if local(one) not in FAULT_CHILDREN or namespace(one) not in ("", SOAP)
    ))  # fmt: skip


def fault_unqualified(message: Message) -> Result:
    """BP-R1001: the children of a Fault are unqualified."""
    return _fault(message, lambda fault: tuple(
        Finding(where(one), "no namespace", namespace(one)) for one in children(fault) if namespace(one)
    ))  # fmt: skip


def _child(fault: Element, name: str) -> Element | None:
    return next((one for one in children(fault) if local(one) == name), None)


def fault_complete(message: Message) -> Result:
    """SOAP-441: a Fault has faultcode and faultstring."""
    return _fault(message, lambda fault: tuple(
        Finding(where(fault), name, "absent") for name in FAULT_CHILDREN[:2] if _child(fault, name) is None
    ))  # fmt: skip


def fault_order(message: Message) -> Result:
    """SOAP-442: the children of a Fault stand in the order of SOAP 1.1, each once."""

    def judge(fault: Element) -> tuple[Finding, ...]:
        names = [local(one) for one in children(fault) if local(one) in FAULT_CHILDREN]
        right = sorted(set(names), key=FAULT_CHILDREN.index)
        return when(names == right, where(fault), " ".join(right), " ".join(names)[:120])

    return _fault(message, judge)


def fault_code(message: Message) -> Result:
    """BP-R1004: faultcode is one of SOAP 1.1 or of another namespace."""

    def judge(fault: Element) -> tuple[Finding, ...]:
        element = _child(fault, "faultcode")
        if element is None:
            return KEPT
        name = qname(element, element.text or "")
        space, _, code = name[1:].partition("}")
        kept = code.partition(".")[0] in CODES if space == SOAP else bool(space) and not space.startswith("?")
        return when(kept, where(element), "a code of SOAP 1.1 or of a namespace of its own", name[:80])

    return _fault(message, judge)


def fault_code_undotted(message: Message) -> Result:
    """BP-R1031: the codes of SOAP 1.1 are not refined by a dot."""

    def judge(fault: Element) -> tuple[Finding, ...]:
        element = _child(fault, "faultcode")
        text = (element.text or "").strip() if element is not None else ""
        dotted = re.fullmatch(rf"(?:[\w\-]+:)?(?:{'|'.join(CODES)})\..*", text)
        return when(not dotted, where(fault), "no dot", text[:80])

    return _fault(message, judge)


def fault_alone(message: Message) -> Result:
    """SOAP-443: a Fault stands alone in the Body, once."""
    return _fault(message, lambda fault: when(len(message.entries) == 1, where(fault), "the only child of the Body"))


def version_not_12(message: Message) -> Result:
    """SOAP-411: the Envelope is of SOAP 1.1 and not of another version."""
    if message.root is None or local(message.root) != "Envelope":
        return NO_ENVELOPE
    return when(namespace(message.root) == SOAP, "/Envelope", SOAP, namespace(message.root))


PREDICATES: Final = MappingProxyType(
    {
        "BP-R1000": fault_children,
        "BP-R1001": fault_unqualified,
        "BP-R1004": fault_code,
        "BP-R1005": no_encoding_style_in_envelope,
        "BP-R1006": no_encoding_style_in_entries,
        "BP-R1007": no_encoding_style_below,
        "BP-R1008": no_doctype,
        "BP-R1009": no_instructions,
        "BP-R1011": nothing_after_body,
        "BP-R1012": utf,
        "BP-R1013": must_understand,
        "BP-R1014": entries_qualified,
        "BP-R1031": fault_code_undotted,
        "BP-R1032": no_envelope_attributes,
        "BP-R1033": no_xml_prefix,
        "BP-R2113": no_array_type,
        "BP-R9701": xml_1_0,
        "BP-R9980": structure,
        "BP-R9981": one_entry,
        "SOAP-411": version_not_12,
        "SOAP-421": blocks_qualified,
        "SOAP-441": fault_complete,
        "SOAP-442": fault_order,
        "SOAP-443": fault_alone,
    }
)
