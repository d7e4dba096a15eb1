"""The way of a message: thirteen steps, in this order, for every message.

 1 identify      address and credential -> endpoint                                    (no body parsed yet)
 2 parse         bytes -> tree: no DTD, no PI, limits, UTF-8 or UTF-16 only
 3 envelope      SOAP 1.1 rules, header blocks, WS-Addressing, context -> Message      (raw bytes kept, sha256)
 4 security      message security as the endpoint's policy asks for it
 5 authorise     default deny: sender, operation, municipality, purpose
 6 validate      body against the edition's XSD, code tables and rules
 7 deduplicate   same id + same digest -> the stored answer; same id + other digest -> refusal
 8 route         pure decision: endpoints, mode, ordering keys
 9 journal       ONE transaction: message, state, deliveries. Only now may a 2xx or a call leave
10 relay         queued: handed over to the broker                                     (bus.journal.relay)
11 deliver       direct: the call, with a deadline                                     (queued: bus.deliver)
12 answer        the reply is validated and reduced to what the caller may see
13 record        the outcome is durable, then it is told; one line of log

A step refuses by raising a coded error; a refused message of a known sender is journalled as REJECTED and counted.
Everything that may vary is in the ``House``: ports and tables. No step is optional, and none is registered anywhere.
"""

from __future__ import annotations

from bus.core.errors import ChiikibusError, EnvironmentFault
from bus.core.ports import HttpReply
from bus.core.states import State
from bus.core.types import Exchange, Mode
from bus.pipeline import late, reliable, tell
from bus.pipeline.answer import judge, judge_delivery
from bus.pipeline.authorise import authorise
from bus.pipeline.deduplicate import deduplicate
from bus.pipeline.deliver import call, outgoing_headers
from bus.pipeline.disclosure import outgoing_body
from bus.pipeline.envelope import read_envelope
from bus.pipeline.house import House
from bus.pipeline.identify import identify
from bus.pipeline.journal import accept, reject
from bus.pipeline.parse import parse
from bus.pipeline.record import failed, log_outcome, replied
from bus.pipeline.relay import hand_over
from bus.pipeline.repeat import queued, repeat
from bus.pipeline.route import route
from bus.pipeline.security import protected_response, secure
from bus.pipeline.tables import ANSWER_SUFFIX, Tables, build_tables
from bus.pipeline.validate import validate
from bus.wire.fault import error_response
from bus.wire.http import Request, Response

__all__ = [
    "ANSWER_SUFFIX",
    "STEPS",
    "House",
    "Tables",
    "build_tables",
    "judge_delivery",
    "outgoing_body",
    "outgoing_headers",
    "process",
    "refuse",
]

STEPS = (
    (1, "identify", identify),
    (2, "parse", parse),
    (3, "envelope", read_envelope),
    (4, "security", secure),
    (5, "authorise", authorise),
    (6, "validate", validate),
    (7, "deduplicate", deduplicate),
    (8, "route", route),
    (9, "journal", accept),
    (10, "relay", hand_over),
    (11, "deliver", call),
    (12, "answer", judge),
    (13, "record", replied),
)
"""The steps as data, for documents and for the test that holds ``process`` to them."""


async def process(house: House, request: Request) -> Response:
    """Take one message through the steps and answer its sender. Only a programming error raises."""
    try:
        exchange = identify(house, request)  # 1
    except ChiikibusError as error:
        return error_response(error)
    try:
        response = await _take(house, exchange)
        if exchange.reliable is not None:
            response = await reliable.answered(house, exchange, response)
    finally:
        if exchange.reliable is not None:
            reliable.leave(house, exchange)
    return response if exchange.sender.security is None else protected_response(house, exchange, response)


async def _take(house: House, exchange: Exchange) -> Response:
    """Steps 2 to 13."""
    try:
        await parse(house, exchange)  # 2
        read_envelope(house, exchange)  # 3
        await secure(house, exchange)  # 4
        if exchange.reliable is not None or exchange.sender.reliable_required:
            told = await reliable.admit(house, exchange)
            if told is not None:
                return told
        authorise(house, exchange)  # 5
        await validate(house, exchange)  # 6
        known = deduplicate(house, exchange)  # 7
        if known is None:
            route(house, exchange)  # 8
            known = await accept(house, exchange)  # 9
        if known is not None:
            return await repeat(house, exchange, known)
        if exchange.answers is not None:
            return await late.finish(house, exchange)
    except ChiikibusError as error:
        return await _refuse(house, exchange, error)
    if exchange.mode is Mode.QUEUED:
        hand_over(house, exchange)  # 10; bus.deliver takes the steps 11 to 13
        log_outcome(house, exchange, State.ACCEPTED)
        return queued(exchange, exchange.id, exchange.received_at)
    return await _call(house, exchange)


async def refuse(house: House, request: Request, error: ChiikibusError) -> Response:
    """Count and tell the refusal of a request whose body could not be read to its end (attachments)."""
    try:
        exchange = identify(house, request)
    except ChiikibusError as refused:
        return error_response(refused)
    return await _refuse(house, exchange, error)


async def _call(house: House, exchange: Exchange) -> Response:
    """The second half of a direct exchange. A failure is recorded before it is told."""
    reply: HttpReply | None = None
    try:
        reply = await call(house, exchange)  # 11
        answer = await judge(house, exchange, reply)  # 12
    except ChiikibusError as error:
        if reply is not None and reply.package is not None:
            house.discard(reply.package)
        return await _told(house, exchange, error)
    except Exception:
        await failed(house, exchange, EnvironmentFault("CB9001"))
        raise
    try:
        response = await replied(house, exchange, reply, answer)  # 13
    except ChiikibusError as error:
        if reply.package is not None:
            house.discard(reply.package)
        return await tell.fault(house, exchange, error, exchange.id)
    return await tell.answered(house, exchange, response, exchange.id)


async def _told(house: House, exchange: Exchange, error: ChiikibusError) -> Response:
    """Record a failed call and answer its caller; when that cannot be stored, the caller learns this instead."""
    try:
        await failed(house, exchange, error)  # 13
    except ChiikibusError as unstored:
        error = unstored
    return await tell.fault(house, exchange, error, exchange.id)


async def _refuse(house: House, exchange: Exchange, error: ChiikibusError) -> Response:
    """Count the refusal, then tell it; when it cannot be stored, the sender is asked to come again."""
    if exchange.reliable is not None:
        return await reliable.refuse(house, exchange, error)
    try:
        await reject(house, exchange, error)
    except ChiikibusError as unstored:
        error = unstored
    log_outcome(house, exchange, State.REJECTED, exchange.reason or error.code)
    return reliable.bound(await tell.fault(house, exchange, error, exchange.id), error)
