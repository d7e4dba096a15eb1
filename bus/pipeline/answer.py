"""Step 12: what a target answered is read, judged by the standard, and reduced to what the caller may see."""

from __future__ import annotations

import asyncio
from dataclasses import field
from typing import Final

from lxml import etree

from bus.core.errors import ChiikibusError, DeliveryError, WireError, error_entry
from bus.core.ports import Consignment, HttpReply
from bus.core.states import State
from bus.core.types import Endpoint, Exchange, Finding, Package
from bus.core.values import value
from bus.pipeline import attachments
from bus.pipeline.disclosure import about, may_pass, reduced, seen_by_caller
from bus.pipeline.editions import change_between
from bus.pipeline.glyphs import judge as inspect
from bus.pipeline.glyphs import must_read
from bus.pipeline.guard import IN_ANSWER
from bus.pipeline.house import House
from bus.pipeline.late import LATE, has_answer
from bus.pipeline.parse import LARGE
from bus.pipeline.security import inspect_reply
from bus.pipeline.tables import ANSWER_SUFFIX, Contract
from bus.wire import envelope, fault_form, safe_xml
from bus.wire.addressing import NONE
from bus.wire.contract import Values
from bus.wire.fault import RemoteFault, read_fault
from bus.wire.http import XML
from schemas.model import Operation

REFUSED: Final = frozenset({401, 403})
LATER: Final = frozenset({429, 503})
REDIRECT: Final = 3
MAX_FINDINGS: Final = 20


@value(frozen=True, slots=True)
class Answer:
    """A judged answer: what the caller gets, and how it is journalled."""

    state: State
    status: int
    content_type: str
    body: bytes = field(repr=False)
    code: str = ""
    package: Package | None = None


async def judge(house: House, exchange: Exchange, reply: HttpReply) -> Answer:
    """The answer of a direct call as its caller may see it; a provider's fault, if it is one, goes through unchanged.

    Errors: CB1017 the answer is not of the standard, CB5008 the credential was refused.
    """
    operation = exchange.operation
    assert operation is not None
    if reply.status in REFUSED or reply.status // 100 == REDIRECT:
        raise _sent_away(exchange, reply.status)
    if reply.status == 202 and not reply.body and (operation.pattern == LATE or _unwanted(exchange)):
        return Answer(State.DELIVERED, 202, "", b"")
    tables, target, inspected = house.tables, exchange.targets[0], False
    if target.security is not None:
        assert exchange.message is not None
        reply = inspect_reply(house, target, reply, exchange.message.id)
        inspected = tables.gates[target.key].policy.signed
    read = await _read(reply, exchange, inspected=inspected)
    way = exchange.way
    if way.other.guard is not None:
        way.other.guard.inspect(reply.body, read.body, reply.package, IN_ANSWER)
    if reply.package is not None:
        _follow(house, exchange, reply, read)
    if read.is_fault:
        _be_a_fault(read.body)
        return Answer(State.REPLIED, 500, reply.content_type, reply.body, "CB5004", reply.package)
    if reply.status != 200:
        raise _bad("HTTP status", "200", f"{reply.status}")
    if exchange.opaque:
        return Answer(State.REPLIED, 200, reply.content_type, reply.body, "", reply.package)
    if read.body.tag != way.output:
        raise _bad("Body", way.output, str(read.body.tag)[:128])
    contract = way.other.standard.contracts[operation.unit]
    values = None
    if len(reply.body) < LARGE:
        values = contract.values(read.body)
        _inspected(contract, target, read, reply.body, values)
    else:
        await asyncio.to_thread(_inspected, contract, target, read, reply.body, None)
    if (numbers := tables.numbers) is not None and (wrong := numbers.findings(read.body)):
        raise DeliveryError("CB1017", wrong)
    return _as_seen(house, exchange, reply, read, values)


def _inspected(
    contract: Contract, target: Endpoint, read: envelope.Envelope, raw: bytes, values: Values | None
) -> None:
    """The body keeps the contract and what was agreed with the target. Errors: CB1017 with what is wrong."""
    try:
        findings = inspect(contract, target, read, raw, values)
    except WireError as error:
        raise DeliveryError("CB1017", error.findings) from None
    if findings:
        raise DeliveryError("CB1017", findings)


def _passes(house: House, exchange: Exchange, values: Values) -> bool:
    """Whether the values of an answer show by themselves that its caller may see all of it."""
    way, asked = exchange.way, exchange.asked
    if not (way.even and values.whole):
        return False
    if asked is not None and not way.own.subject.holds(asked, values.records):
        return False
    assert exchange.operation is not None
    veil = house.tables.views.answers.get((exchange.sender.key, exchange.operation.key, exchange.purpose))
    return veil is None or veil.misses(values.records)


def _as_seen(
    house: House, exchange: Exchange, reply: HttpReply, read: envelope.Envelope, values: Values | None
) -> Answer:
    """The answer without what its caller may not see, in the caller's edition.

    Errors: CB3030 it is about somebody who was not asked for, CB6019 it names glyphs that the caller does not read,
    CB2052, CB2055, CB1017.
    """
    must_read(exchange.sender, reply.body)
    if values is not None and reply.package is None and _passes(house, exchange, values):
        return Answer(State.REPLIED, 200, reply.content_type, reply.body)
    operation = exchange.operation
    assert operation is not None
    tables, way, target = house.tables, exchange.way, exchange.targets[0]
    if way.other.stopped:
        may_pass(way.other.stopped, read.body)
    if exchange.asked is not None:
        about(tables, operation.key, target, exchange.sender, exchange.asked, read.body)
    change = change_between(tables, operation.key, target, exchange.sender) if tables.others else None
    after = seen_by_caller(tables, exchange)
    veil = after if change is None else seen_by_caller(tables, exchange, change.old.views)
    if (veil is None and change is None) or reply.package is not None:
        return Answer(State.REPLIED, 200, reply.content_type, reply.body, "", reply.package)
    try:
        body, record = reduced(read.body, veil, reply.body, exchange.sender, change, after)
    except WireError as error:
        raise DeliveryError("CB1017", error.findings) from None
    if record is not None:
        exchange.reduced += (record,)
    return Answer(State.REPLIED, 200, reply.content_type if body is reply.body else XML, body)


def _follow(house: House, exchange: Exchange, reply: HttpReply, read: envelope.Envelope) -> None:
    """The attachments of an answer are allowed, and every reference reaches its part. Errors: CB1017."""
    try:
        attachments.admit_reply(house, exchange, reply, read.body)
    except ChiikibusError as error:
        raise DeliveryError("CB1017", error.findings) from None


def _unwanted(exchange: Exchange) -> bool:
    """Whether the request says that nobody wants its answer: a provider may then keep it to itself."""
    assert exchange.message is not None
    return exchange.message.addressing.reply_to == NONE


def _sent_away(exchange: Exchange, status: int) -> DeliveryError:
    """The target did not take the message: it wants another credential, or names another place (never followed)."""
    if status in REFUSED:
        return DeliveryError("CB5008", [Finding("CB5008", path=exchange.targets[0].key, got=f"HTTP {status}")])
    return _bad("HTTP status", "200", str(status))


def _be_a_fault(fault: etree._Element) -> None:
    """A fault of a wrong form could be read in two ways: it is not passed on. Errors: CB1017."""
    if wrong := fault_form.problems(fault):
        raise DeliveryError("CB1017", wrong[:MAX_FINDINGS])


async def _read(reply: HttpReply, exchange: Exchange, *, inspected: bool = False) -> envelope.Envelope:
    """The answer's envelope; it relates to our message if it says to which. Errors: CB1017."""
    assert exchange.message is not None
    try:
        if inspected:
            root = safe_xml.parse_again(reply.body, reply.xml_type)
        elif len(reply.body) < LARGE:
            root = safe_xml.parse(reply.body, reply.xml_type)
        else:
            root = await asyncio.to_thread(safe_xml.parse, reply.body, reply.xml_type)
        read = envelope.read(root)
    except ChiikibusError as error:
        status = Finding("CB1017", path="HTTP status", got=str(reply.status))
        raise DeliveryError("CB1017", [status, *error.findings]) from None
    relates_to = read.addressing.relates_to
    if relates_to and relates_to != exchange.message.id:
        raise _bad("wsa:RelatesTo", exchange.message.id, relates_to)
    return read


def judge_delivery(
    consignment: Consignment, operation: Operation | None, reply: HttpReply
) -> tuple[State, str, tuple[Finding, ...]]:
    """What a target's answer to a queued delivery means: DELIVERED, RETRY_WAIT or PARKED, with code and findings.

    REPLIED says that a request whose answer may come later was answered at once: ``at_once.settle`` has the last word.
    A receipt (or an empty 2xx) is a success; a fault is retried when its code is retryable or the status says so,
    is the answer where it blames a request that has one, and parks otherwise; a refused credential is parked, since
    no repetition mends it.
    """
    status = reply.status
    if status in REFUSED or status // 100 == REDIRECT:
        code = "CB5008" if status in REFUSED else "CB1017"
        return State.PARKED, code, (Finding(code, path=consignment.target, got=f"HTTP {status}"),)
    success = 200 <= status < 300
    if success and not reply.body.strip():
        return State.DELIVERED, "", ()
    try:
        read = envelope.read(safe_xml.parse(reply.body, reply.xml_type))
    except ChiikibusError as error:
        first = Finding("CB1017", path="HTTP status", got=str(status))
        if success:
            return State.PARKED, "CB1017", (first, *error.findings)
        return (State.RETRY_WAIT if status >= 500 or status in LATER else State.PARKED), "CB5004", (first,)
    if read.is_fault:
        state, code, findings = _judge_fault(fault := read_fault(read.body), status)
        findings += fault_form.problems(read.body)[:MAX_FINDINGS]
        asked = operation is not None and not consignment.operation.endswith(ANSWER_SUFFIX) and has_answer(operation)
        return (State.REPLIED if asked and state is State.PARKED and _blames_sender(fault) else state), code, findings
    return _judge_receipt(consignment, operation, status, read.body)


def _judge_receipt(
    consignment: Consignment, operation: Operation | None, status: int, payload: etree._Element
) -> tuple[State, str, tuple[Finding, ...]]:
    """The receipt is the operation's output and, where it names the message, names this one."""
    if not 200 <= status < 300:
        return State.RETRY_WAIT, "CB1017", (Finding("CB1017", path="HTTP status", expected="200", got=str(status)),)
    if operation is None or payload.tag == envelope.BODY or consignment.operation.endswith(ANSWER_SUFFIX):
        return State.DELIVERED, "", ()
    if payload.tag != operation.output:
        finding = Finding("CB1017", path="Body", expected=operation.output, got=str(payload.tag)[:128])
        return State.PARKED, "CB1017", (finding,)
    named = next(payload.iterchildren("{*}messageid"), None)
    if has_answer(operation):
        return State.REPLIED, "", ()
    if named is not None and named.text != consignment.message_id:
        finding = Finding("CB1017", path="messageid", expected=consignment.message_id, got=(named.text or "")[:128])
        return State.PARKED, "CB1017", (finding,)
    return State.DELIVERED, "", ()


def _judge_fault(fault: RemoteFault, status: int) -> tuple[State, str, tuple[Finding, ...]]:
    """A known code keeps its name; a foreign fault is CB5004 with its faultcode."""
    try:
        code, retryable = fault.code, error_entry(fault.code).retryable
    except KeyError:
        code, retryable = "CB5004", False
    first = Finding(code, path="faultcode", got=fault.faultcode[:128], place=fault.record_id)
    state = State.RETRY_WAIT if retryable or status in LATER else State.PARKED
    return state, code, (first, *fault.findings[:MAX_FINDINGS])


def _blames_sender(fault: RemoteFault) -> bool:
    """Whether a fault says that the request is wrong, rather than its provider."""
    try:
        return error_entry(fault.code).faultcode == "Client"
    except KeyError:
        return fault.faultcode.partition(".")[0] == "Client"


def _bad(path: str, expected: str, got: str) -> DeliveryError:
    """CB1017 at one place of the answer."""
    return DeliveryError("CB1017", [Finding("CB1017", path=path, expected=expected, got=got)])
