"""All predicates by kind of subject and requirement id, put together from the rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from conformance.conversation import Conversation, Turn
from conformance.description import Description
from conformance.findings import Result
from conformance.messages import Message
from conformance.records import Record
from conformance.rooms import (
    addressing,
    answers,
    attachments,
    behaviour,
    body,
    bulk,
    characters,
    consumer,
    data,
    glyphs,
    http,
    layouts,
    payload,
    population,
    reliability,
    security_tokens,
    sequences,
    signed,
    soap,
    wsdl_bindings,
    wsdl_documents,
    wsdl_grammar,
    wsdl_messages,
    wsdl_types,
)
from conformance.standard import Standard

MessagePredicate = Callable[[Message], Result]
WsdlPredicate = Callable[[Description], Result]
RecordPredicate = Callable[[Record], Result]
PayloadPredicate = Callable[[Message, Standard], Result]
TurnPredicate = Callable[[Turn], Result]
ConversationPredicate = Callable[[Conversation], Result]

MESSAGE_ROOMS: Final = (soap, http, body, addressing, security_tokens, signed, reliability, attachments)
WSDL_ROOMS: Final = (wsdl_grammar, wsdl_documents, wsdl_types, wsdl_messages, wsdl_bindings)

ON_MESSAGES: Final[Mapping[str, MessagePredicate]] = MappingProxyType(
    {name: predicate for room in MESSAGE_ROOMS for name, predicate in room.PREDICATES.items()}
)
ON_WSDL: Final[Mapping[str, WsdlPredicate]] = MappingProxyType(
    {
        **{name: predicate for room in WSDL_ROOMS for name, predicate in room.PREDICATES.items()},
        **addressing.ON_DESCRIPTIONS,
    }
)
ON_TURNS: Final[Mapping[str, TurnPredicate]] = MappingProxyType(
    {**answers.ON_TURNS, **signed.ON_TURNS, **reliability.ON_TURNS}
)
ON_CONVERSATIONS: Final[Mapping[str, ConversationPredicate]] = MappingProxyType(
    {**answers.ON_CONVERSATIONS, **sequences.ON_CONVERSATIONS}
)
ON_RECORDS: Final[Mapping[str, RecordPredicate]] = MappingProxyType({**data.PREDICATES, **characters.PREDICATES})
ON_PAYLOADS: Final[Mapping[str, PayloadPredicate]] = MappingProxyType({**payload.PREDICATES, **glyphs.PREDICATES})
READABLE: Final = frozenset(
    {"BP-R2028", "BP-R4003", "BP-R4004", "BP-R4005", "BP-R1034", "BP-R4002", "WSDL-201", "WSDL-203"}
)
"""The predicates on descriptions that can judge one whose main document is no WSDL at all."""
JUDGED: Final = (
    frozenset(ON_MESSAGES)
    | frozenset(ON_WSDL)
    | frozenset(ON_TURNS)
    | frozenset(ON_CONVERSATIONS)
    | frozenset(ON_RECORDS)
    | frozenset(ON_PAYLOADS)
    | behaviour.REQUIREMENTS
    | frozenset(population.PREDICATES)
    | frozenset(consumer.PREDICATES)
    | frozenset(bulk.PREDICATES)
    | frozenset(layouts.PREDICATES)
)
"""Every requirement on which there is a predicate."""
