"""Rules about sequences that show in one message or in a request and its answer (WS-ReliableMessaging 1.2)."""

from __future__ import annotations

from itertools import pairwise
from types import MappingProxyType
from typing import Final

from conformance.addressing import ANONYMOUS, NONE, address, addressed, fault_code, text_of, value
from conformance.conversation import Turn
from conformance.description import Element
from conformance.documents import children, local, namespace, where
from conformance.findings import Finding, NotApplicable, Result, when
from conformance.messages import Message
from conformance.names import RM, SOAP
from conformance.sequences import (
    LARGEST,
    acknowledgements,
    blocks,
    entry,
    fault,
    identifier,
    number,
    rm,
    seconds,
)

NO_SEQUENCE: Final = NotApplicable("順序保証の電文ではありません", "no message of a sequence")
NO_ACK: Final = NotApplicable("受領確認がありません", "there is no acknowledgement")
NOT_SO: Final = NotApplicable("そのような要求と応答ではありません", "no such request and answer")
MESSAGES: Final = (
    "CreateSequence", "CreateSequenceResponse", "CloseSequence", "CloseSequenceResponse", "TerminateSequence",
    "TerminateSequenceResponse",
)  # fmt: skip
KNOWN: Final = frozenset(
    {
        *MESSAGES, "Sequence", "SequenceAcknowledgement", "AckRequested", "SequenceFault", "Identifier",
        "MessageNumber", "AcknowledgementRange", "None", "Final", "Nack", "AcksTo", "Expires", "Offer", "Endpoint",
        "IncompleteSequenceBehavior", "Accept", "LastMsgNumber", "FaultCode", "Detail", "MaxMessageNumber",
        "UnsupportedSelection", "UsesSequenceSTR", "UsesSequenceSSL",
    }
)  # fmt: skip
WITHOUT_SEQUENCE: Final = ("CreateSequenceRefused", "WSRMRequired")


def only_known(message: Message) -> Result:
    """RM-302: nothing of the protocol's namespace that is not in its schema is sent."""
    listed = [] if message.envelope is None else list(message.envelope.iter(f"{{{RM}}}*"))
    if not listed:
        return NO_SEQUENCE
    return tuple(
        Finding(where(one), "an element of the schema", local(one)) for one in listed if local(one) not in KNOWN
    )


def _protocol(message: Message) -> str:
    return next((local(one) for one in message.entries if namespace(one) == RM and local(one) in MESSAGES), "")


def own_action(message: Message) -> Result:
    """RM-305: the wsa:Action of a protocol message is the one of the specification."""
    name = _protocol(message)
    if not name:
        return NO_SEQUENCE
    return when(
        value(message, "Action") == f"{RM}/{name}",
        "/Envelope/Header/Action",
        f"{RM}/{name}",
        value(message, "Action")[:120],
    )


def block_action(message: Message) -> Result:
    """RM-306: a message of blocks alone has the action of its block."""
    names = [name for name in ("SequenceAcknowledgement", "AckRequested") if blocks(message, name)]
    if message.entries or not names or blocks(message, "Sequence") or not addressed(message):
        return NO_SEQUENCE
    allowed = [f"{RM}/{name}" for name in names]
    return when(
        value(message, "Action") in allowed,
        "/Envelope/Header/Action",
        " | ".join(allowed),
        value(message, "Action")[:120],
    )


def one_acks_to(message: Message) -> Result:
    """RM-341: CreateSequence has one AcksTo."""
    wish = entry(message, "CreateSequence")
    if wish is None:
        return NO_SEQUENCE
    count = len(children(wish, rm("AcksTo")))
    return when(count == 1, where(wish), "one AcksTo", str(count))


def last_given(message: Message) -> Result:
    """RM-366: CloseSequence carries the last number."""
    end = entry(message, "CloseSequence")
    if end is None:
        return NO_SEQUENCE
    return when(bool(children(end, rm("LastMsgNumber"))), where(end), "LastMsgNumber")


def one_block(message: Message) -> Result:
    """RM-381: a message has one Sequence block, to be understood."""
    found = blocks(message, "Sequence")
    if not found:
        return NO_SEQUENCE
    must = all(one.get(f"{{{SOAP}}}mustUnderstand") == "1" for one in found)
    kept = len(found) == 1 and must
    return when(kept, "/Envelope/Header", 'one Sequence with mustUnderstand="1"', f"{len(found)}")


def number_in_range(message: Message) -> Result:
    """RM-382: a number is from 1 to 2^63-1, in blocks and in acknowledgements."""
    listed: list[tuple[Element, str | None]] = []
    for one in message.header_blocks:
        if one.tag in (rm("Sequence"), rm("SequenceAcknowledgement")):
            listed += [(number_, number_.text) for number_ in one.iter(rm("MessageNumber"), rm("Nack"))]
            listed += [
                (span, span.get(side)) for span in one.iter(rm("AcknowledgementRange")) for side in ("Lower", "Upper")
            ]
    if not listed:
        return NO_SEQUENCE
    return tuple(
        Finding(where(one), "1 to 2^63-1", (text or "absent")[:40])
        for one, text in listed if not 1 <= number(text) <= LARGEST
    )  # fmt: skip


def no_overlap(message: Message) -> Result:
    """RM-392: the ranges of an acknowledgement go upwards and do not overlap."""
    found = acknowledgements(message)
    if not found:
        return NO_ACK
    result = []
    for one in found:
        spans = sorted(one.spans)
        backward = any(lower > upper for lower, upper in spans)
        if backward or any(before[1] >= after[0] for before, after in pairwise(spans)):
            result.append(Finding(where(one.element), "ranges that do not overlap", str(one.spans)[:120]))
    return tuple(result)


def says_something(message: Message) -> Result:
    """RM-394: an acknowledgement has ranges, None or Nack; None says that nothing has arrived."""
    found = acknowledgements(message)
    if not found:
        return NO_ACK
    return tuple(
        Finding(where(one.element), "ranges, None or Nack") for one in found if not (one.spans or one.none or one.nack)
    )


def not_mixed(message: Message) -> Result:
    """RM-395: ranges, None and Nack are not mixed, and Final does not go with Nack."""
    found = acknowledgements(message)
    if not found:
        return NO_ACK
    return tuple(
        Finding(where(one.element), "one of ranges, None and Nack")
        for one in found
        if (bool(one.spans) + one.none + one.nack) > 1 or (one.final and one.nack)
    )


def _fault(message: Message) -> str:
    return fault(message) if message.fault is not None else ""


def fault_action(message: Message) -> Result:
    """RM-402: the wsa:Action of a fault of the protocol is the one of the specification."""
    if not _fault(message):
        return NotApplicable("順序保証の障害ではありません", "no fault of a sequence")
    return when(
        value(message, "Action") == f"{RM}/fault",
        "/Envelope/Header/Action",
        f"{RM}/fault",
        value(message, "Action")[:120],
    )


def fault_named(message: Message) -> Result:
    """RM-410: with SOAP 1.1 the fault of a sequence is named in the block SequenceFault."""
    space, name = fault_code(message)
    if message.fault is None or (space != RM and not blocks(message, "SequenceFault")) or name in WITHOUT_SEQUENCE:
        return NotApplicable("順序保証の障害ではありません", "no fault of a sequence")
    named = [one for one in blocks(message, "SequenceFault") if children(one, rm("FaultCode"))]
    return when(len(named) == 1, "/Envelope/Header", "one SequenceFault with FaultCode", str(len(named)))


def _detailed(message: Message, code: str, *names: str) -> Result:
    if _fault(message) != code:
        return NotApplicable(f"{code} ではありません", f"no {code}")
    there = {local(one) for block in blocks(message, "SequenceFault") for one in block.iter(f"{{{RM}}}*")}
    return tuple(Finding("/Envelope/Header/SequenceFault/Detail", name) for name in names if name not in there)


def quoted(message: Message) -> Result:
    """RM-440: InvalidAcknowledgement quotes the acknowledgement."""
    return _detailed(message, "InvalidAcknowledgement", "SequenceAcknowledgement")


def rollover(message: Message) -> Result:
    """RM-450: MessageNumberRollover tells the sequence and the largest number."""
    return _detailed(message, "MessageNumberRollover", "Identifier", "MaxMessageNumber")


def unknown_told(message: Message) -> Result:
    """RM-430: UnknownSequence tells the sequence."""
    return _detailed(message, "UnknownSequence", "Identifier")


def related(turn: Turn) -> Result:
    """RM-307: RelatesTo of an answer of the protocol is the id of the request."""
    if turn.request is None or turn.response is None or not turn.own_response or not _protocol(turn.response):
        return NOT_SO
    asked = value(turn.request, "MessageID")
    if not asked:
        return NOT_SO
    return when(value(turn.response, "RelatesTo") == asked, "/Envelope/Header/RelatesTo", asked[:120])


def _created(turn: Turn) -> tuple[Element, Element | None] | None:
    """A CreateSequence and what was created for it, if anything."""
    wish = entry(turn.request, "CreateSequence")
    if wish is None or turn.response is None or not turn.own_response:
        return None
    return wish, entry(turn.response, "CreateSequenceResponse")


def nothing_for_none(turn: Turn) -> Result:
    """RM-342: nothing is created for an AcksTo to which nothing can be sent, such as none."""
    found = _created(turn)
    if found is None or address(found[0].find(rm("AcksTo"))) != NONE:
        return NOT_SO
    return when(found[1] is None, turn.name, "a fault", "CreateSequenceResponse")


def not_longer(turn: Turn) -> Result:
    """RM-347: Expires of the response is not longer than was asked for."""
    found = _created(turn)
    if found is None or found[1] is None:
        return NOT_SO
    asked = seconds(text_of(found[0].find(rm("Expires"))))
    given = seconds(text_of(found[1].find(rm("Expires"))))
    if not asked:
        return NotApplicable("期限が求められていません", "no end was asked for")
    text = f"at most {asked:g} s"
    return when(bool(given) and given is not None and given <= asked, where(found[1]), text, f"{given or 0:g} s")


def accept_fits(turn: Turn) -> Result:
    """RM-355: without an offer there is no Accept."""
    found = _created(turn)
    if found is None or found[1] is None or found[0].find(rm("Offer")) is not None:
        return NOT_SO
    return when(found[1].find(rm("Accept")) is None, where(found[1]), "no Accept")


def refused_by_code(turn: Turn) -> Result:
    """RM-460: what is not created is CreateSequenceRefused by its faultcode."""
    found = _created(turn)
    code = fault_code(turn.response)
    if found is None or found[1] is not None or turn.response is None or turn.response.fault is None:
        return NOT_SO
    if code[0] != RM:
        return NotApplicable("順序保証の障害ではありません", "no fault of the protocol")
    return when(code[1] == "CreateSequenceRefused", turn.name, "CreateSequenceRefused", code[1])


def _ended(turn: Turn, name: str) -> Result:
    end = entry(turn.request, name)
    if end is None or turn.response is None or not turn.own_response or turn.response.fault is not None:
        return NOT_SO
    found = [] if entry(turn.response, f"{name}Response") is not None else [Finding(turn.name, f"{name}Response")]
    mine = [one for one in acknowledgements(turn.response) if one.sequence == identifier(end)]
    if not any(one.final for one in mine):
        found.append(Finding(turn.name, "an acknowledgement with Final"))
    return tuple(found)


def close_answered(turn: Turn) -> Result:
    """RM-363: CloseSequence is answered with CloseSequenceResponse and a final acknowledgement."""
    return _ended(turn, "CloseSequence")


def terminate_answered(turn: Turn) -> Result:
    """RM-371: TerminateSequence is answered with TerminateSequenceResponse and a final acknowledgement."""
    return _ended(turn, "TerminateSequence")


def ack_answered(turn: Turn) -> Result:
    """RM-386: AckRequested is answered with the acknowledgement of the moment, where it goes back at once."""
    asked = {identifier(one) for one in blocks(turn.request, "AckRequested")}
    answer = turn.response
    if not asked or answer is None or not turn.own_response or answer.envelope is None or answer.fault is not None:
        return NOT_SO
    if value(turn.request, "ReplyTo") not in ("", ANONYMOUS):
        return NOT_SO
    there = {one.sequence for one in acknowledgements(answer)}
    return tuple(Finding(turn.name, "a SequenceAcknowledgement", name[:120]) for name in sorted(asked - there))


PREDICATES: Final = MappingProxyType(
    {
        "RM-302": only_known,
        "RM-305": own_action,
        "RM-306": block_action,
        "RM-341": one_acks_to,
        "RM-366": last_given,
        "RM-381": one_block,
        "RM-382": number_in_range,
        "RM-392": no_overlap,
        "RM-394": says_something,
        "RM-395": not_mixed,
        "RM-402": fault_action,
        "RM-410": fault_named,
        "RM-430": unknown_told,
        "RM-440": quoted,
        "RM-450": rollover,
    }
)
ON_TURNS: Final = MappingProxyType(
    {
        "RM-307": related,
        "RM-342": nothing_for_none,
        "RM-347": not_longer,
        "RM-355": accept_fits,
        "RM-363": close_answered,
        "RM-371": terminate_answered,
        "RM-386": ack_answered,
        "RM-460": refused_by_code,
    }
)
