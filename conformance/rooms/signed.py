"""Rules about the forms of signatures and encryption, and signatures that the message's own certificate can verify."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from conformance.addressing import fault_code
from conformance.conversation import Turn
from conformance.description import Element
from conformance.documents import children, local, where
from conformance.findings import Finding, NotApplicable, Result, when
from conformance.messages import Message
from conformance.names import BODY, WSSE, XENC
from conformance.security import (
    ENVELOPED,
    EXCLUSIVE,
    MAX_SIGNATURES,
    STR_TRANSFORM,
    ds,
    headers,
    ids,
    verifies,
    within,
    wsse,
    wsu,
    xenc,
)

NO_SIGNATURE: Final = NotApplicable("署名がありません", "there is no signature")
NO_ENCRYPTION: Final = NotApplicable("暗号化がありません", "nothing is encrypted")
NOT_SO: Final = NotApplicable("そのような要求への成功の応答ではありません", "no success for a request of that kind")
ATTACHMENTS: Final = tuple(
    f"http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#Attachment-{kind}-Signature-Transform"
    for kind in ("Content", "Complete")
)
LAST: Final = (EXCLUSIVE, STR_TRANSFORM, *ATTACHMENTS)
LISTED: Final = (*LAST, ENVELOPED, "http://www.w3.org/2002/06/xmldsig-filter2")
KEYS: Final = ("http://www.w3.org/2009/xmlenc11#rsa-oaep", f"{XENC}rsa-oaep-mgf1p")
DATA: Final = tuple(f"http://www.w3.org/2009/xmlenc11#aes{bits}-gcm" for bits in (128, 192, 256))
CHILDREN: Final = frozenset(
    {
        wsu("Timestamp"), wsse("BinarySecurityToken"), wsse("UsernameToken"), wsse("SecurityTokenReference"),
        ds("Signature"), xenc("EncryptedKey"), xenc("ReferenceList"), xenc("EncryptedData"),
        "{http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd}SignatureConfirmation",
        "{http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd}EncryptedHeader",
    }
)  # fmt: skip


def _signatures(message: Message) -> list[Element]:
    return [one for header in headers(message) for one in children(header, ds("Signature"))]


def _references(message: Message) -> list[Element]:
    return [
        one for signature in _signatures(message) for one in signature.iterfind(f"{ds('SignedInfo')}/{ds('Reference')}")
    ]


def _on(
    pick: Callable[[Message], list[Element]], kept: Callable[[Element], bool], text: str
) -> Callable[[Message], Result]:
    """A predicate that asks something of every element that is picked from signatures."""

    def judge(message: Message) -> Result:
        listed = pick(message)
        if not listed:
            return NO_SIGNATURE
        return tuple(Finding(where(one), text) for one in listed if not kept(one))

    judge.__doc__ = f"{text}."
    return judge


def _signed(tag: str) -> Callable[[Message], list[Element]]:
    return lambda message: [one for signature in _signatures(message) for one in signature.iter(tag)]


def _none(*tags: str) -> Callable[[Element], bool]:
    return lambda one: next(one.iter(*tags), None) is None


def _transforms(reference: Element) -> list[str]:
    return [one.get("Algorithm", "") for holder in children(reference, ds("Transforms")) for one in children(holder)]


def _last_is_listed(reference: Element) -> bool:
    found = _transforms(reference)
    return not found or found[-1] in LAST


def _pointer(reference: Element) -> bool:
    uri = reference.get("URI", "")
    return uri.startswith("cid:") or bool(re.fullmatch(r"#[\w.\-]+", uri))


def not_enveloping(message: Message) -> Result:
    """BSP-R3102: nothing that is signed stands inside the signature."""
    return _targets(message, lambda target: next(target.iterancestors(ds("Signature")), None) is None, "outside")


def by_wsu_id(message: Message) -> Result:
    """BSP-R3005: what is signed is referred to by its wsu:Id; parts of signatures and encryption have an Id instead."""
    return _targets(
        message, lambda one: bool(one.get(wsu("Id"))) or one.tag.startswith(("{" + XENC, ds(""))), "a wsu:Id"
    )


def _targets(message: Message, kept: Callable[[Element], bool], text: str) -> Result:
    references = _references(message)
    if not references or message.envelope is None:
        return NO_SIGNATURE
    known = ids(message.envelope)
    return tuple(
        Finding(where(one), text, one.get("URI", "")[:80])
        for one in references
        for target in known.get(one.get("URI", "").removeprefix("#"), [])
        if not kept(target)
    )


def references_reach(message: Message) -> Result:
    """WSS-601: a reference of a signature leads to exactly one element by its Id."""
    listed = [one for one in _references(message) if one.get("URI", "").startswith("#")]
    if not listed or message.envelope is None:
        return NO_SIGNATURE
    known = ids(message.envelope)
    counts = [(one, len(known.get(one.get("URI", "")[1:], []))) for one in listed]
    return tuple(Finding(where(one), "one element", f"{one.get('URI', '')[:80]}: {n}") for one, n in counts if n != 1)


def exclusive_without_comments(message: Message) -> Result:
    """WSS-803: canonicalisation is exclusive, without comments, wherever a canonicalisation is named."""
    listed = [one for s in _signatures(message) for one in s.iter(ds("CanonicalizationMethod"), ds("Transform"))]
    if not listed:
        return NO_SIGNATURE
    return tuple(
        Finding(where(one), EXCLUSIVE, one.get("Algorithm", "")[:120])
        for one in listed
        if "c14n" in one.get("Algorithm", "").lower() and one.get("Algorithm") != EXCLUSIVE
    )


def _encrypted(tag: str, kept: Callable[[Element], bool], text: str) -> Callable[[Message], Result]:
    def judge(message: Message) -> Result:
        listed = list(message.envelope.iter(tag)) if message.envelope is not None else []
        if not listed:
            return NO_ENCRYPTION
        return tuple(Finding(where(one), text) for one in listed if not kept(one))

    judge.__doc__ = f"{text}."
    return judge


def _without(name: str) -> Callable[[Element], bool]:
    return lambda one: one.get(name) is None


def _method(one: Element) -> bool:
    return bool(children(one, xenc("EncryptionMethod")))


def _data_references(message: Message) -> list[tuple[Element, list[Element]]]:
    """The DataReference elements of encrypted keys, with the EncryptedData that each names."""
    if message.envelope is None:
        return []
    known = ids(message.envelope)
    return [
        (one, [to for to in known.get(one.get("URI", "").removeprefix("#"), []) if to.tag == xenc("EncryptedData")])
        for key in within(message, xenc("EncryptedKey"))
        for one in key.iter(xenc("DataReference"))
    ]


def data_named(message: Message) -> Result:
    """BSP-R3006: a DataReference of an EncryptedKey names the Id of EncryptedData."""
    listed = _data_references(message)
    if not listed:
        return NO_ENCRYPTION
    return tuple(Finding(where(one), "EncryptedData", one.get("URI", "")[:80]) for one, to in listed if not to)


def key_before_data(message: Message) -> Result:
    """BSP-R3208: an EncryptedKey stands before the EncryptedData that it refers to."""
    listed = _data_references(message)
    if not listed or message.envelope is None:
        return NO_ENCRYPTION
    places = {
        one: number for number, one in enumerate(message.envelope.iter(xenc("EncryptedData"), xenc("DataReference")))
    }
    return tuple(
        Finding(where(target), "after its EncryptedKey")
        for one, to in listed
        for target in to
        if places[target] < places[one]
    )


def key_in_security(message: Message) -> Result:
    """WSS-901: an EncryptedKey stands in Security; what it points at of the Body is the content of the Body."""
    listed = list(message.envelope.iter(xenc("EncryptedKey"))) if message.envelope is not None else []
    if not listed:
        return NO_ENCRYPTION
    outside = [
        Finding(where(one), "in wsse:Security")
        for one in listed
        if next(one.iterancestors(wsse("Security")), None) is None
    ]
    deep = [
        Finding(where(one), "a child of the Body")
        for _, to in _data_references(message) for one in to
        if next(one.iterancestors(BODY), None) not in (None, one.getparent())
    ]  # fmt: skip
    return (*outside, *deep)


def signature_verifies(message: Message) -> Result:
    """WSS-806: a signature verifies with the certificate that the message carries."""
    said = [(one, verifies(message, one)) for one in _signatures(message)[:MAX_SIGNATURES]]
    if not any(problem is not None for _, problem in said):
        return NotApplicable("検証できる署名がありません", "there is no signature that can be verified here")
    return tuple(Finding(where(one), "a signature that verifies", problem) for one, problem in said if problem)


def _success(turn: Turn) -> bool:
    answer = turn.response
    return turn.own_response and answer is not None and answer.fault is None and (
        answer.head is None or 200 <= answer.head.status < 300
    )  # fmt: skip


def _taken(turn: Turn, bad: Callable[[Message], list[str]], applies: bool) -> Result:
    """Objects where a request that is bad was answered by a success."""
    if turn.request is None or not applies or turn.response is None or not turn.own_response:
        return NOT_SO
    found = bad(turn.request)
    return tuple(Finding(turn.response.name, "a fault", one) for one in found) if _success(turn) else ()


def failing_refused(turn: Turn) -> Result:
    """WSS-801: a message whose signature fails is not processed: it is not answered by a success."""
    applies = turn.request is not None and bool(_signatures(turn.request))
    return _taken(
        turn,
        lambda request: [p for one in _signatures(request)[:MAX_SIGNATURES] if (p := verifies(request, one))],
        applies,
    )


def unknown_refused(turn: Turn) -> Result:
    """WSS-503: a Security header with unknown children is refused, where it is signed."""
    applies = turn.request is not None and bool(_signatures(turn.request))
    return _taken(
        turn,
        lambda request: [
            str(one.tag)[:120] for header in headers(request) for one in children(header) if one.tag not in CHILDREN
        ],
        applies,
    )


def other_algorithms_refused(turn: Turn) -> Result:
    """WSS-903: only RSA-OAEP and AES-GCM are accepted."""

    def bad(request: Message) -> list[str]:
        root = request.envelope
        found = []
        for tag, allowed in ((xenc("EncryptedKey"), KEYS), (xenc("EncryptedData"), DATA)):
            for one in root.iter(tag) if root is not None else ():
                used = [method.get("Algorithm", "") for method in children(one, xenc("EncryptionMethod"))]
                found += [name[:120] for name in used if name not in allowed]
        return found

    applies = turn.request is not None and bool(within(turn.request, xenc("EncryptedKey")))
    return _taken(turn, bad, applies)


def one_username(turn: Turn) -> Result:
    """WSS-U31: a UsernameToken without exactly one Username is refused."""
    tokens = within(turn.request, wsse("UsernameToken")) if turn.request is not None else []
    counts = [len(children(one, wsse("Username"))) for one in tokens]
    return _taken(turn, lambda _: [f"{count} Username" for count in counts if count != 1], bool(tokens))


def failure_is_silent(turn: Turn) -> Result:
    """WSS-902: the answer to what could not be decrypted (FailedCheck) has no detail that tells why."""
    encrypted = turn.request is not None and bool(within(turn.request, xenc("EncryptedKey")))
    answer = turn.response
    if not encrypted or answer is None or answer.fault is None or fault_code(answer) != (WSSE, "FailedCheck"):
        return NotApplicable("復号の失敗への障害ではありません", "no fault about a failed decryption")
    said = " ".join(
        "".join(str(text) for text in one.itertext()) for one in children(answer.fault) if local(one) == "detail"
    )
    return when(
        not re.search(r"(?i)padding|oaep|gcm|tag|unpad|mac\b", said), where(answer.fault), "no reason", said[:80]
    )


PREDICATES: Final = MappingProxyType(
    {
        "BSP-R3001": _on(_references, _pointer, "a shorthand pointer"),
        "BSP-R3005": by_wsu_id,
        "BSP-R3006": data_named,
        "BSP-R3102": not_enveloping,
        "BSP-R3103": _on(_references, lambda one: ENVELOPED not in _transforms(one), "a detached signature"),
        "BSP-R3208": key_before_data,
        "BSP-R3209": _encrypted(xenc("EncryptedKey"), _without("Type"), "no Type"),
        "BSP-R5401": _on(_signatures, _none(ds("HMACOutputLength")), "no HMACOutputLength"),
        "BSP-R5402": _on(_signed(ds("KeyInfo")), lambda one: len(children(one)) == 1, "one child of KeyInfo"),
        "BSP-R5403": _on(_signatures, _none(ds("Manifest")), "no Manifest"),
        "BSP-R5404": _on(
            _signed(ds("CanonicalizationMethod")), lambda one: one.get("Algorithm") == EXCLUSIVE, EXCLUSIVE
        ),
        "BSP-R5411": _on(_signed(ds("Transforms")), lambda one: bool(children(one)), "a Transform"),
        "BSP-R5412": _on(_references, _last_is_listed, "a last transform of the list"),
        "BSP-R5416": _on(_references, lambda one: bool(children(one, ds("Transforms"))), "Transforms"),
        "BSP-R5417": _on(
            _signed(ds("KeyInfo")),
            lambda one: all(child.tag == wsse("SecurityTokenReference") for child in children(one)),
            "a SecurityTokenReference",
        ),
        "BSP-R5423": _on(
            _references, lambda one: all(name in LISTED for name in _transforms(one)), "listed transforms"
        ),
        "BSP-R5440": _on(_signatures, _none(xenc("EncryptedData")), "no EncryptedData"),
        "BSP-R5601": _encrypted(xenc("EncryptedData"), _method, "an EncryptionMethod"),
        "BSP-R5602": _encrypted(xenc("EncryptedKey"), _without("Recipient"), "no Recipient"),
        "BSP-R5603": _encrypted(xenc("EncryptedKey"), _method, "an EncryptionMethod"),
        "BSP-R5622": _encrypted(xenc("EncryptedKey"), _without("MimeType"), "no MimeType"),
        "BSP-R5623": _encrypted(xenc("EncryptedKey"), _without("Encoding"), "no Encoding"),
        "WSS-601": references_reach,
        "WSS-803": exclusive_without_comments,
        "WSS-806": signature_verifies,
        "WSS-901": key_in_security,
    }
)
ON_TURNS: Final = MappingProxyType(
    {
        "WSS-503": unknown_refused,
        "WSS-801": failing_refused,
        "WSS-902": failure_is_silent,
        "WSS-903": other_algorithms_refused,
        "WSS-U31": one_username,
    }
)
