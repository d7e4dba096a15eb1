"""Rules about sequences that show over a recording: numbers, acknowledgements that lie, what comes after an end."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from lxml import etree

from conformance.addressing import absolute, value
from conformance.conversation import Conversation, Turn
from conformance.findings import Finding, NotApplicable, Result
from conformance.messages import Message
from conformance.sequences import (
    Acknowledgement,
    acknowledgements,
    entry,
    fault,
    identifier,
    merged,
    number,
    place,
    rm,
    within,
)

NONE: Final = NotApplicable("順序保証の記録ではありません", "no recording of a sequence")
MAX_FINDINGS: Final = 5
KEPT_ACKS: Final = 20
"""Acknowledgements only grow (RM-205), so the last ones of a sequence say all that was acknowledged."""
LOST: Final = ("UnknownSequence", "SequenceTerminated", "SequenceClosed", "MessageNumberRollover")


def _content(message: Message) -> bytes:
    body = message.soap_body
    return etree.tostring(body, method="c14n", exclusive=True) if body is not None else b""


def _created(conversation: Conversation) -> set[str]:
    """The sequences whose beginning is in the recording: those offered and those created."""
    found = set()
    for turn in conversation.turns:
        made, wish = entry(turn.response, "CreateSequenceResponse"), entry(turn.request, "CreateSequence")
        offer = wish.find(rm("Offer")) if wish is not None else None
        found |= {identifier(made), identifier(offer)}
    return found - {""}


def _sent(conversation: Conversation, *, own: bool) -> Iterator[tuple[Turn, str, int, Message]]:
    """The requests in a sequence, in order, those of the subject or all."""
    for turn in conversation.turns:
        where = place(turn.request)
        if where is not None and turn.request is not None and (turn.own_request or not own):
            yield turn, where[0], where[1], turn.request


def _acks(conversation: Conversation) -> Iterator[tuple[Turn, Acknowledgement]]:
    """The acknowledgements in answers of the subject."""
    for turn in conversation.turns:
        if turn.own_response:
            for one in acknowledgements(turn.response):
                yield turn, one


def numbers_grow(conversation: Conversation) -> Result:
    """RM-203: numbers start at 1 and grow by 1, in the sequences whose beginning is there."""
    begun, highest, found, seen = _created(conversation), dict[str, int](), list[Finding](), False
    for turn, name, value_, _ in _sent(conversation, own=True):
        if name not in begun:
            continue
        seen = True
        before = highest.get(name, 0)
        if value_ > before + 1:
            found.append(Finding(turn.name, str(before + 1), str(value_)))
        highest[name] = max(before, value_)
    return tuple(found) if seen else NONE


def number_once(conversation: Conversation) -> Result:
    """RM-204: a number belongs to one message: what goes again is the same."""
    known, found = dict[tuple[str, int], bytes](), list[Finding]()
    for turn, name, value_, message in _sent(conversation, own=True):
        content = _content(message)
        if known.setdefault((name, value_), content) != content:
            found.append(Finding(turn.name, "the same message", f"another under {value_}"))
    return tuple(found) if known else NONE


def other_not_taken(conversation: Conversation) -> Result:
    """RM-383: another message under a used number is not taken: it is not answered by a success with content."""
    known, found, seen = dict[tuple[str, int], bytes](), list[Finding](), False
    for turn, name, value_, message in _sent(conversation, own=False):
        content, answer = _content(message), turn.response
        if known.setdefault((name, value_), content) == content or answer is None or not turn.own_response:
            continue
        seen = True
        if answer.fault is None and answer.entries:
            found.append(Finding(turn.name, "a fault", f"an answer to another message under {value_}"))
    return tuple(found) if seen else NONE


def acknowledged_stays(conversation: Conversation) -> Result:
    """RM-205: what was acknowledged is in every later acknowledgement."""
    known, found = dict[str, Acknowledgement](), list[Finding]()
    for turn, one in _acks(conversation):
        if one.nack:
            continue
        before = known.get(one.sequence)
        now = merged(one.spans)
        lost = [lower for lower, upper in before.spans if not within(lower, upper, now)] if before is not None else []
        found += [Finding(turn.name, f"number {lower} still acknowledged") for lower in lost[:MAX_FINDINGS]]
        known[one.sequence] = one
    return tuple(found) if known else NONE


def only_received(conversation: Conversation) -> Result:
    """RM-391: an acknowledgement names what was received, and never a number that was not sent."""
    begun, numbers = _created(conversation), dict[str, list[int]]()
    found, seen = list[Finding](), False
    for turn in conversation.turns:
        where = place(turn.request)
        if where is not None:
            listed = numbers.setdefault(where[0], [])
            if listed[bisect_left(listed, where[1]) :][:1] != [where[1]]:
                insort(listed, where[1])
        for one in acknowledgements(turn.response) if turn.own_response else ():
            if one.sequence not in begun:
                continue
            seen = True
            sent = numbers.get(one.sequence, [])
            if any(upper - lower >= bisect_right(sent, upper) - bisect_left(sent, lower) for lower, upper in one.spans):
                found.append(Finding(turn.name, f"numbers that were sent ({len(sent)})", str(one.spans)[:120]))
    return tuple(found) if seen else NONE


def final_is_final(conversation: Conversation) -> Result:
    """RM-398: Final is stated only when nothing more is taken: no later acknowledgement has another number."""
    ended, found = dict[str, list[tuple[int, int]]](), list[Finding]()
    for turn, one in _acks(conversation):
        before = ended.get(one.sequence)
        if before is not None and any(not within(lower, upper, before) for lower, upper in one.spans):
            found.append(Finding(turn.name, "no more than the final acknowledgement", str(one.spans)[:120]))
        if one.final:
            ended.setdefault(one.sequence, merged(one.spans))
    return tuple(found) if ended else NotApplicable("Final がありません", "there is no Final")


def created_once(conversation: Conversation) -> Result:
    """RM-345: a CreateSequence that comes again creates nothing again."""
    known, found, seen = dict[str, str](), list[Finding](), False
    for turn, asked, made in _creations(conversation):
        if asked and asked in known:
            seen = True
            if known[asked] != made:
                found.append(Finding(turn.name, known[asked][:120], made[:120]))
        known.setdefault(asked, made)
    return (
        tuple(found)
        if seen
        else NotApplicable("繰り返された CreateSequence がありません", "no CreateSequence came again")
    )


def identifiers_differ(conversation: Conversation) -> Result:
    """RM-346: the identifier of a sequence is a unique absolute IRI."""
    known, found = dict[str, str](), list[Finding]()
    for turn, asked, made in _creations(conversation):
        if not absolute(made):
            found.append(Finding(turn.name, "an absolute IRI", made[:120]))
        elif known.setdefault(made, asked) != asked or (not asked and list(known).count(made) > 1):
            found.append(Finding(turn.name, "an identifier of its own", made[:120]))
    return tuple(found) if known or found else NONE


def _creations(conversation: Conversation) -> Iterator[tuple[Turn, str, str]]:
    """Each sequence that the subject created: with the id of the request and its identifier."""
    for turn in conversation.turns:
        made = entry(turn.response, "CreateSequenceResponse")
        if made is not None and turn.own_response:
            yield turn, value(turn.request, "MessageID"), identifier(made)


def offers_differ(conversation: Conversation) -> Result:
    """RM-356: the identifier of an offer is not in use."""
    known, found, seen = dict[str, str](), list[Finding](), False
    for turn in conversation.turns:
        wish = entry(turn.request, "CreateSequence")
        offer = identifier(wish.find(rm("Offer"))) if wish is not None else ""
        asked = value(turn.request, "MessageID")
        if offer and turn.own_request:
            seen = True
            if known.setdefault(offer, asked) != asked:
                found.append(Finding(turn.name, "an identifier of its own", offer[:120]))
        made = identifier(entry(turn.response, "CreateSequenceResponse"))
        if made:
            known.setdefault(made, "")
    return tuple(found) if seen else NotApplicable("Offer がありません", "there is no Offer")


def _ends(conversation: Conversation, name: str, *, own: bool) -> dict[str, tuple[int, int]]:
    """The first end of a kind by sequence: place of the exchange and LastMsgNumber (0 where it is not given)."""
    found: dict[str, tuple[int, int]] = {}
    for at, turn in enumerate(conversation.turns):
        end = entry(turn.request, name)
        if end is not None and (turn.own_request or not own):
            found.setdefault(identifier(end), (at, number(end.findtext(rm("LastMsgNumber")))))
    return found


def _new_after(conversation: Conversation, ends: dict[str, tuple[int, int]]) -> Iterator[tuple[Turn, int]]:
    """Requests with a new number of a sequence after its end."""
    known: set[tuple[str, int]] = set()
    for at, turn in enumerate(conversation.turns):
        where = place(turn.request)
        if where is None:
            continue
        if where not in known and where[0] in ends and at > ends[where[0]][0]:
            yield turn, where[1]
        known.add(where)


def nothing_new_after_close(conversation: Conversation) -> Result:
    """RM-365: nothing new is sent after closing."""
    ends = _ends(conversation, "CloseSequence", own=True)
    found = [Finding(t.name, "no new number", str(n)) for t, n in _new_after(conversation, ends) if t.own_request]
    return tuple(found) if ends else NotApplicable("CloseSequence がありません", "there is no CloseSequence")


def _after(conversation: Conversation, name: str) -> list[Turn]:
    ends = _ends(conversation, name, own=False)
    return [turn for turn, _ in _new_after(conversation, ends) if turn.own_response and turn.response is not None]


def closed_takes_nothing(conversation: Conversation) -> Result:
    """RM-361: a closed sequence takes no new message."""
    listed = _after(conversation, "CloseSequence")
    found = [
        Finding(one.name, "a fault")
        for one in listed
        if one.response is not None and one.response.fault is None and one.response.entries
    ]
    return tuple(found) if listed else NotApplicable("閉じた後の新しい番号がありません", "no new number after closing")


def closed_named(conversation: Conversation) -> Result:
    """RM-470: a new number of a closed sequence is SequenceClosed (or its sequence is no longer known)."""
    listed = [
        one
        for one in _after(conversation, "CloseSequence")
        if one.response is not None and one.response.fault is not None
    ]
    names = ("SequenceClosed", "SequenceTerminated", "UnknownSequence")
    found = [Finding(one.name, names[0], fault(one.response)) for one in listed if fault(one.response) not in names]
    return (
        tuple(found)
        if listed
        else NotApplicable("閉じた後の新しい番号への障害がありません", "no fault about such a number")
    )


def terminated_unknown(conversation: Conversation) -> Result:
    """RM-373: a number in a terminated sequence is UnknownSequence (or SequenceTerminated)."""
    listed = _after(conversation, "TerminateSequence")
    names = ("UnknownSequence", "SequenceTerminated")
    found = [
        Finding(one.name, names[0], fault(one.response) or "no fault")
        for one in listed
        if fault(one.response) not in names
    ]
    return tuple(found) if listed else NotApplicable("終えた後の新しい番号がありません", "no new number after the end")


def last_not_below(conversation: Conversation) -> Result:
    """RM-367: a LastMsgNumber below what arrived is refused."""
    highest, found, seen = dict[str, int](), list[Finding](), False
    for turn in conversation.turns:
        where = place(turn.request)
        if where is not None:
            highest[where[0]] = max(highest.get(where[0], 0), where[1])
        end = entry(turn.request, "CloseSequence")
        end = end if end is not None else entry(turn.request, "TerminateSequence")
        last = number(end.findtext(rm("LastMsgNumber"))) if end is not None else 0
        if last and turn.own_response and turn.response is not None and last < highest.get(identifier(end), 0):
            seen = True
            found += [Finding(turn.name, "a fault", f"LastMsgNumber {last}")] if turn.response.fault is None else []
    return tuple(found) if seen else NotApplicable("そのような LastMsgNumber がありません", "no such LastMsgNumber")


def ends_finished(conversation: Conversation) -> Result:
    """RM-372: TerminateSequence is not sent while something is unfinished: every number sent was acknowledged."""
    numbers, acked = dict[str, set[int]](), dict[str, list[Acknowledgement]]()
    found, seen = list[Finding](), False
    for turn in conversation.turns:
        end, where = entry(turn.request, "TerminateSequence"), place(turn.request)
        if end is not None and turn.own_request:
            seen = True
            said = merged(span for one in acked.get(identifier(end), []) for span in one.spans)
            left = {n for n in numbers.get(identifier(end), set()) if not within(n, n, said)}
            found += (
                [Finding(turn.name, "everything acknowledged", ", ".join(map(str, sorted(left)[:5])))] if left else []
            )
        if where is not None:
            numbers.setdefault(where[0], set()).add(where[1])
        for one in acknowledgements(turn.response):
            acked[one.sequence] = [*acked.get(one.sequence, [])[-KEPT_ACKS:], one]
    return tuple(found) if seen else NotApplicable("TerminateSequence がありません", "there is no TerminateSequence")


def same_last(conversation: Conversation) -> Result:
    """RM-374: LastMsgNumber of TerminateSequence is that of CloseSequence."""
    closes = _ends(conversation, "CloseSequence", own=True)
    ends = _ends(conversation, "TerminateSequence", own=True)
    both = [name for name in ends if name in closes and ends[name][1] and closes[name][1]]
    found = [Finding("", str(closes[n][1]), str(ends[n][1])) for n in both if ends[n][1] != closes[n][1]]
    return tuple(found) if both else NotApplicable("両方の終わりがありません", "there are not both ends")


def lost_is_left(conversation: Conversation) -> Result:
    """RM-431: after UnknownSequence, SequenceTerminated, SequenceClosed or a rollover nothing new goes there."""
    lost, known, found = set[str](), set[tuple[str, int]](), list[Finding]()
    for turn in conversation.turns:
        where = place(turn.request)
        if where is None:
            continue
        if where[0] in lost and where not in known and turn.own_request:
            found.append(Finding(turn.name, "another sequence", where[0][:120]))
        known.add(where)
        if turn.response is not None and fault(turn.response) in LOST:
            lost.add(where[0])
    return tuple(found) if lost else NotApplicable("失われた順序がありません", "no sequence was lost")


ON_CONVERSATIONS: Final = MappingProxyType(
    {
        "RM-203": numbers_grow,
        "RM-204": number_once,
        "RM-205": acknowledged_stays,
        "RM-345": created_once,
        "RM-346": identifiers_differ,
        "RM-356": offers_differ,
        "RM-361": closed_takes_nothing,
        "RM-365": nothing_new_after_close,
        "RM-367": last_not_below,
        "RM-372": ends_finished,
        "RM-373": terminated_unknown,
        "RM-374": same_last,
        "RM-383": other_not_taken,
        "RM-391": only_received,
        "RM-398": final_is_final,
        "RM-431": lost_is_left,
        "RM-470": closed_named,
    }
)
