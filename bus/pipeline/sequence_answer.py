"""What goes back to a source in the header of an answer: acknowledgements, its own place, the fault's block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lxml import etree

from bus.core.errors import ChiikibusError
from bus.core.sequences import SequenceRecord, SequenceState
from bus.core.types import Addressing, Exchange
from bus.pipeline.house import House
from bus.pipeline.sequence import Passage, destination
from bus.pipeline.sequence_life import identity
from bus.wire import addressing as wsa
from bus.wire import envelope, splice
from bus.wire.addressing import NO_ADDRESSING
from bus.wire.fault import error_response
from bus.wire.http import XML, Response
from bus.wire.reliable import faults, names
from bus.wire.reliable.headers import acknowledgement_block, sequence_block
from bus.wire.reliable.ranges import Ranges

ENDED: Final = frozenset({"CB3012", "CB3013"})
"""Faults of a sequence that takes no more: with them the source learns for the last time what was taken."""


def bound(response: Response, error: ChiikibusError) -> Response:
    """The bus's fault as the protocol binds it; the very response for a fault that the protocol does not have."""
    if not response.body or (error.code not in faults.FAULTS and error.code not in faults.BY_FAULTCODE):
        return response
    return Response(response.status, response.content_type, faults.bound(response.body, error.code), response.headers)


async def answered(house: House, exchange: Exchange, response: Response) -> Response:
    """The answer with its header blocks; when they cannot be stored, the sender is asked to come again."""
    try:
        return await acknowledge(house, exchange, response)
    except ChiikibusError as error:
        return error_response(error, record_id=exchange.id)


def leave(house: House, exchange: Exchange) -> None:
    """The message is at its end, however it ended: the next call of its sequence may go."""
    passage: Passage = exchange.reliable
    if passage.turn and passage.key is not None:
        house.turns.leave(passage.key.identifier)


async def acknowledge(house: House, exchange: Exchange, response: Response) -> Response:
    """The answer with what goes back in its header: acknowledgements, the fault's block, its own place, addressing.

    Errors: CB4001 when the place could not be stored.
    """
    passage: Passage = exchange.reliable
    if passage.key is not None and (passage.used or not passage.fault_of or passage.error in ENDED):
        passage.tell.add(passage.key.identifier)
    blocks = _acknowledgements(house, exchange, passage)
    if response.content_type not in {"", XML} and not response.content_type.startswith("text/xml"):
        return response
    if passage.fault_of and response.body:
        fault = faults.sequence_fault_block(passage.error, passage.fault_of, passage.fault_ranges)
        if fault is not None:
            blocks.append(fault)
    elif passage.key is not None and passage.used and response.body:
        record = house.journal.sequence(passage.key)
        if record is not None and record.partner:
            number = await house.journal.number_reply(passage.key, passage.number)
            blocks.append(sequence_block(record.partner, number))
    for beside in passage.beside if response.body else ():
        block = faults.sequence_fault_block(*beside)
        blocks += [] if block is None else [block]
    if not blocks:
        return response
    if not response.body:
        return Response(200, XML, headers_only(names.ACKNOWLEDGEMENT, blocks))
    blocks += _missing_addressing(exchange, response)
    raw = splice.inserted(response.body, blocks)
    if passage.fault_of:
        _tell_fault(house, exchange, passage.fault_of, raw)
    return Response(response.status, response.content_type, raw, response.headers)


def _acknowledgements(house: House, exchange: Exchange, passage: Passage) -> list[etree._Element]:
    """The blocks that go back here; sequences with an address of their own are told there."""
    blocks: list[etree._Element] = []
    for identifier in sorted(passage.tell):
        record = house.journal.sequence(destination(exchange, identifier))
        if record is not None and record.acks_to == wsa.ANONYMOUS:
            blocks.append(acknowledgement_of(record))
        elif record is not None:
            house.acknowledger.tell(record.key)
    return blocks


def acknowledgement_of(record: SequenceRecord) -> etree._Element:
    """All that is durable of a sequence; final once it takes no more."""
    final = record.state is not SequenceState.OPEN
    return acknowledgement_block(record.key.identifier, Ranges(record.numbers), final=final)


def _tell_fault(house: House, exchange: Exchange, identifier: str, raw: bytes) -> None:
    """A fault about a known sequence goes where its acknowledgements go, too (section 4)."""
    record = house.journal.sequence(destination(exchange, identifier))
    if record is not None and record.identity == identity(exchange) and record.acks_to != wsa.ANONYMOUS:
        house.acknowledger.tell(record.key, raw)


def headers_only(tag: str, blocks: Sequence[etree._Element], properties: Addressing = NO_ADDRESSING) -> bytes:
    """A message of header blocks alone; its action is that of ``tag``."""
    root = etree.Element(envelope.ENVELOPE, nsmap={"soap": envelope.SOAP, "wsa": wsa.NAMESPACE})
    header = etree.SubElement(root, envelope.HEADER)
    wsa.write(header, replace(properties, action=names.action(tag)))
    header.extend(blocks)
    etree.SubElement(root, envelope.BODY)
    return splice.serialised(root)


def _missing_addressing(exchange: Exchange, response: Response) -> list[etree._Element]:
    """Action and RelatesTo for an answer that has none: reliable messaging stands on WS-Addressing."""
    message = exchange.message
    if message is None or message.id_given:
        return []
    present = {block.tag for block in splice.blocks(response.body)}
    texts = {f"{wsa.PREFIX}RelatesTo": message.id}
    operation = exchange.operation
    if response.status != 200:
        known = exchange.reliable.fault_of
        texts[f"{wsa.PREFIX}Action"] = names.FAULT_ACTION if known else f"{wsa.NAMESPACE}/soap/fault"
    elif operation is not None:
        texts[f"{wsa.PREFIX}Action"] = operation.reply_action
    added = []
    for tag, text in texts.items():
        if tag not in present:
            block = etree.Element(tag, nsmap={"wsa": wsa.NAMESPACE})
            block.text = text
            added.append(block)
    return added
