"""Rules about addressing that show in a request and its answer: where an answer goes, what it repeats, which fault."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from lxml import etree

from conformance.addressing import (
    ANONYMOUS,
    NONE,
    SINGLE,
    absolute,
    address,
    addressed,
    blocks,
    chosen,
    fault_code,
    parameters,
    references,
    text_of,
    value,
    wsa,
)
from conformance.conversation import Conversation, Turn
from conformance.description import Element
from conformance.documents import children, local, where
from conformance.findings import KEPT, Finding, NotApplicable, Result, when
from conformance.messages import Message
from conformance.names import SOAP, WSA

NO_PAIR: Final = NotApplicable("アドレス付きの要求と応答の組がありません", "no request with addressing and its answer")
NOT_SO: Final = NotApplicable("そのような要求ではありません", "no request of that kind")
KNOWN: Final = frozenset((*SINGLE, "RelatesTo", "FaultDetail"))


def _pair(turn: Turn) -> tuple[Message, Message] | None:
    """Request and answer where the request is addressed and the answer is the subject's."""
    if turn.request is None or turn.response is None or not turn.own_response or not addressed(turn.request):
        return None
    return turn.request, turn.response


def _replied(turn: Turn) -> tuple[Message, Message] | None:
    """The same where the answer holds an envelope."""
    pair = _pair(turn)
    return pair if pair is not None and pair[1].envelope is not None else None


def related(turn: Turn) -> Result:
    """WSA-804: the request of a request-response has a MessageID, and the answer RelatesTo it."""
    request, response = turn.request, turn.response
    if request is None or response is None or response.envelope is None:
        return NO_PAIR
    if not addressed(request) or (turn.own_response and not addressed(response)):
        return NO_PAIR
    asked = value(request, "MessageID")
    if not asked:
        if not turn.own_request or response.fault is not None:
            return NO_PAIR
        return (Finding(request.name, "a wsa:MessageID"),)
    if not turn.own_response:
        return KEPT
    said = [text_of(one) for one in blocks(response, "RelatesTo")]
    return when(asked in said, "/Envelope/Header", f"RelatesTo {asked}"[:160], ", ".join(said)[:160] or "absent")


def to_the_reply_endpoint(turn: Turn) -> Result:
    """WSA-311: a reply goes to the reply endpoint, over the connection of the request only where anonymous."""
    pair = _replied(turn)
    if pair is None or pair[1].fault is not None:
        return NO_PAIR
    place = address(chosen(pair[0], fault=False))
    if place == NONE:
        return NotApplicable("返信先は none です", "the reply endpoint is none")
    return when(place == ANONYMOUS, pair[1].name, f"a reply to {place[:120]}", "over the connection of the request")


def to_the_fault_endpoint(turn: Turn) -> Result:
    """WSA-312: a fault goes to the fault endpoint; faults about addressing itself may come back at once."""
    pair = _replied(turn)
    if pair is None or pair[1].fault is None or fault_code(pair[1])[0] != SOAP:
        return NO_PAIR
    if fault_code(pair[1])[1] in ("VersionMismatch", "MustUnderstand") or not chosen(pair[0], fault=True) is not None:
        return NO_PAIR
    place = address(chosen(pair[0], fault=True))
    return when(place == ANONYMOUS, pair[1].name, f"a fault to {place[:120]}", "over the connection of the request")


def destination(turn: Turn) -> Result:
    """WSA-314: where an answer states a destination, it is the address of the chosen reference."""
    pair = _replied(turn)
    said = value(pair[1], "To") if pair is not None else ""
    if pair is None or not said:
        return NotApplicable("wsa:To のある応答がありません", "no answer with wsa:To")
    place = address(chosen(pair[0], fault=pair[1].fault is not None))
    return when(said == place, "/Envelope/Header/To", place[:120], said[:120])


def _canonical(element: Element) -> bytes:
    plain = etree.fromstring(etree.tostring(element, with_tail=False), etree.XMLParser(resolve_entities=False))
    for name in (wsa("IsReferenceParameter"), f"{{{SOAP}}}mustUnderstand", f"{{{SOAP}}}actor"):
        plain.attrib.pop(name, "")
    return etree.tostring(plain, method="c14n", exclusive=True)


def _asked_parameters(turn: Turn) -> tuple[Message, list[Element]] | None:
    pair = _replied(turn)
    listed = parameters(chosen(pair[0], fault=pair[1].fault is not None)) if pair is not None else []
    return (pair[1], listed) if pair is not None and listed else None


def parameters_repeated(turn: Turn) -> Result:
    """WSA-315: an answer carries the reference parameters of the chosen reference."""
    found = _asked_parameters(turn)
    if found is None:
        return NotApplicable("参照パラメーターがありません", "there are no reference parameters")
    there = {_canonical(one) for one in found[0].header_blocks}
    return tuple(
        Finding("/Envelope/Header", f"the reference parameter {local(one)}"[:120])
        for one in found[1] if _canonical(one) not in there
    )  # fmt: skip


def parameters_marked(turn: Turn) -> Result:
    """WSA-407: reference parameters become header blocks marked IsReferenceParameter="true"."""
    found = _asked_parameters(turn)
    if found is None:
        return NotApplicable("参照パラメーターがありません", "there are no reference parameters")
    tags = {one.tag for one in found[1]}
    return tuple(
        Finding(where(one), 'IsReferenceParameter="true"', one.get(wsa("IsReferenceParameter"), "absent")[:20])
        for one in found[0].header_blocks
        if one.tag in tags and one.get(wsa("IsReferenceParameter"), "").strip() not in ("true", "1")
    )  # fmt: skip


def _faulted(turn: Turn, codes: tuple[str, ...], kind: object) -> Result:
    """Whether the answer is a fault of one of the codes, where the request is of the kind."""
    pair = _pair(turn)
    if pair is None or not kind:
        return NOT_SO
    space, name = fault_code(pair[1])
    kept = space == WSA and name in codes
    return when(kept, pair[1].name, f"a fault wsa:{codes[0]}", f"{{{space}}}{name}" if name else "no fault")


def mismatch(turn: Turn) -> bool:
    """Whether SOAPAction and wsa:Action of the request differ."""
    request = turn.request
    sent = request.head.value("SOAPAction") if request is not None and request.head is not None else None
    action = value(request, "Action")
    return bool(sent and sent.strip('"') and action and sent.strip('"') != action)


def mismatch_refused(turn: Turn) -> Result:
    """WSA-412: a SOAPAction that differs from the action is a fault."""
    pair = _pair(turn)
    if pair is None or not mismatch(turn):
        return NOT_SO
    return when(pair[1].fault is not None, pair[1].name, "a fault", "no fault")


def mismatch_named(turn: Turn) -> Result:
    """WSA-626: the fault about it is ActionMismatch."""
    fault = turn.response is not None and turn.response.fault is not None
    return _faulted(turn, ("ActionMismatch", "InvalidAddressingHeader"), fault and mismatch(turn))


def unknown_refused(turn: Turn) -> Result:
    """WSA-410: a block of this namespace that must be understood and is not known is refused."""
    pair = _pair(turn)
    if pair is None or not any(
        local(one) not in KNOWN and one.get(f"{{{SOAP}}}mustUnderstand") == "1" for one in blocks(pair[0])
    ):
        return NOT_SO
    code = fault_code(pair[1])
    return when(code == (SOAP, "MustUnderstand"), pair[1].name, "a fault MustUnderstand", code[1] or "no fault")


def nothing_to_none(turn: Turn) -> Result:
    """WSA-503: an answer to none is not sent."""
    pair = _pair(turn)
    if pair is None:
        return NO_PAIR
    reference = chosen(pair[0], fault=pair[1].fault is not None)
    if address(reference) != NONE:
        return NotApplicable("返信先は none ではありません", "the reply endpoint is not none")
    return when(pair[1].envelope is None, pair[1].name, "no answer", "an envelope")


def fault_complete(turn: Turn) -> Result:
    """WSA-601: a fault about an addressed request carries Action, and RelatesTo where the request had a MessageID."""
    pair = _replied(turn)
    if pair is None or pair[1].fault is None:
        return NotApplicable("アドレス付きの要求への障害がありません", "no fault about an addressed request")
    wanted = ["Action"] + (["RelatesTo"] if len(blocks(pair[0], "MessageID")) == 1 else [])
    return tuple(Finding("/Envelope/Header", f"wsa:{name}") for name in wanted if not blocks(pair[1], name))


def cardinality(turn: Turn) -> Result:
    """WSA-621: a property that comes twice is InvalidCardinality."""
    twice = turn.request is not None and any(len(blocks(turn.request, name)) > 1 for name in SINGLE)
    return _faulted(turn, ("InvalidCardinality", "InvalidAddressingHeader"), twice)


def bad_address(turn: Turn) -> Result:
    """WSA-622: an address that is no absolute IRI is InvalidAddress."""
    request = turn.request
    bad = request is not None and any(
        text_of(one) and not absolute(text_of(one))
        for ref in references(request)
        for one in children(ref, wsa("Address"))
    )
    return _faulted(turn, ("InvalidAddress", "InvalidAddressingHeader"), bad)


def bad_reference(turn: Turn) -> Result:
    """WSA-623: a reference with two addresses is InvalidEPR."""
    request = turn.request
    bad = request is not None and any(len(children(one, wsa("Address"))) > 1 for one in references(request))
    return _faulted(turn, ("InvalidEPR", "InvalidAddressingHeader"), bad)


def no_address(turn: Turn) -> Result:
    """WSA-624: a reference without address is MissingAddressInEPR."""
    request = turn.request
    bad = request is not None and any(not children(one, wsa("Address")) for one in references(request))
    return _faulted(turn, ("MissingAddressInEPR", "InvalidAddressingHeader"), bad)


def _claimed(turn: Turn, code: str, *, anonymous: bool) -> Result:
    pair = _pair(turn)
    if pair is None or fault_code(pair[1]) != (WSA, code):
        return NotApplicable(f"{code} ではありません", f"no {code}")
    places = [address(one) for name in ("ReplyTo", "FaultTo") for one in blocks(pair[0], name)] or [ANONYMOUS]
    kept = any((place == ANONYMOUS) is anonymous for place in places)
    return when(kept, pair[1].name, "an address that it is about", ", ".join(places)[:160])


def only_anonymous(turn: Turn) -> Result:
    """WSA-627: OnlyAnonymousAddressSupported is about an address that is not anonymous."""
    return _claimed(turn, "OnlyAnonymousAddressSupported", anonymous=False)


def only_others(turn: Turn) -> Result:
    """WSA-628: OnlyNonAnonymousAddressSupported is about an anonymous address."""
    return _claimed(turn, "OnlyNonAnonymousAddressSupported", anonymous=True)


def action_required(turn: Turn) -> Result:
    """WSA-631: a request with addressing but without Action is MessageAddressingHeaderRequired."""
    missing = turn.request is not None and addressed(turn.request) and not blocks(turn.request, "Action")
    return _faulted(turn, ("MessageAddressingHeaderRequired",), missing)


def action_told(turn: Turn) -> Result:
    """WSA-633: the ProblemAction of ActionNotSupported names the action of the request."""
    pair = _pair(turn)
    if pair is None or fault_code(pair[1]) != (WSA, "ActionNotSupported") or pair[1].envelope is None:
        return NotApplicable("ActionNotSupported ではありません", "no ActionNotSupported")
    said = [
        text_of(one) for holder in pair[1].envelope.iter(wsa("ProblemAction")) for one in holder.iter(wsa("Action"))
    ]
    asked = value(pair[0], "Action")
    return when(all(one == asked for one in said), "/Envelope/Header/FaultDetail", asked[:120], ", ".join(said)[:120])


def _content(message: Message) -> bytes:
    body = message.soap_body
    return etree.tostring(body, method="c14n", exclusive=True) if body is not None else b""


def ids_differ(conversation: Conversation) -> Result:
    """WSA-304: a message id belongs to one message: no two requests of one id and different content."""
    seen: dict[str, bytes] = {}
    found = []
    for turn in conversation.turns:
        name = value(turn.request, "MessageID") if turn.own_request else ""
        if turn.request is None or not name:
            continue
        content = _content(turn.request)
        if seen.setdefault(name, content) != content:
            found.append(Finding(turn.name, "an id of its own", name[:120]))
    return tuple(found) if seen else NotApplicable("wsa:MessageID がありません", "there is no wsa:MessageID")


def duplicate_named(conversation: Conversation) -> Result:
    """WSA-625: where another message under a known id is refused by a fault of addressing, it is DuplicateMessageID."""
    seen: dict[str, bytes] = {}
    found: list[Finding] = []
    count = 0
    for turn in conversation.turns:
        name = value(turn.request, "MessageID")
        if turn.request is None or not name or not turn.own_response:
            continue
        content = _content(turn.request)
        space, code = fault_code(turn.response)
        if seen.setdefault(name, content) != content and space == WSA:
            count += 1
            found += when(
                code in ("DuplicateMessageID", "InvalidAddressingHeader"), turn.name, "DuplicateMessageID", code
            )
    return tuple(found) if count else NotApplicable("同じ番号の別の電文への障害がありません", "no such fault")


ON_TURNS: Final = MappingProxyType(
    {
        "WSA-311": to_the_reply_endpoint,
        "WSA-312": to_the_fault_endpoint,
        "WSA-314": destination,
        "WSA-315": parameters_repeated,
        "WSA-407": parameters_marked,
        "WSA-410": unknown_refused,
        "WSA-412": mismatch_refused,
        "WSA-503": nothing_to_none,
        "WSA-601": fault_complete,
        "WSA-621": cardinality,
        "WSA-622": bad_address,
        "WSA-623": bad_reference,
        "WSA-624": no_address,
        "WSA-626": mismatch_named,
        "WSA-627": only_anonymous,
        "WSA-628": only_others,
        "WSA-631": action_required,
        "WSA-633": action_told,
        "WSA-804": related,
    }
)
ON_CONVERSATIONS: Final = MappingProxyType({"WSA-304": ids_differ, "WSA-625": duplicate_named})
