"""The names of WS-ReliableMessaging 200702: namespace, actions, elements."""

from __future__ import annotations

from typing import Final

NAMESPACE: Final = "http://docs.oasis-open.org/ws-rx/wsrm/200702"
PREFIX: Final = f"{{{NAMESPACE}}}"
FAULT_ACTION: Final = f"{NAMESPACE}/fault"

SEQUENCE: Final = f"{PREFIX}Sequence"
ACKNOWLEDGEMENT: Final = f"{PREFIX}SequenceAcknowledgement"
ACK_REQUESTED: Final = f"{PREFIX}AckRequested"
SEQUENCE_FAULT: Final = f"{PREFIX}SequenceFault"
CREATE: Final = f"{PREFIX}CreateSequence"
CREATE_RESPONSE: Final = f"{PREFIX}CreateSequenceResponse"
CLOSE: Final = f"{PREFIX}CloseSequence"
CLOSE_RESPONSE: Final = f"{PREFIX}CloseSequenceResponse"
TERMINATE: Final = f"{PREFIX}TerminateSequence"
TERMINATE_RESPONSE: Final = f"{PREFIX}TerminateSequenceResponse"
IDENTIFIER: Final = f"{PREFIX}Identifier"
MESSAGE_NUMBER: Final = f"{PREFIX}MessageNumber"
LAST_NUMBER: Final = f"{PREFIX}LastMsgNumber"
RANGE: Final = f"{PREFIX}AcknowledgementRange"
NONE: Final = f"{PREFIX}None"
FINAL: Final = f"{PREFIX}Final"
NACK: Final = f"{PREFIX}Nack"
ACKS_TO: Final = f"{PREFIX}AcksTo"
EXPIRES: Final = f"{PREFIX}Expires"
OFFER: Final = f"{PREFIX}Offer"
ACCEPT: Final = f"{PREFIX}Accept"
ENDPOINT: Final = f"{PREFIX}Endpoint"
BEHAVIOR: Final = f"{PREFIX}IncompleteSequenceBehavior"

MAX_NUMBER: Final = 2**63 - 1
"""The largest message number of the specification."""

NO_DISCARD: Final = "NoDiscard"
BEHAVIORS: Final = frozenset({"DiscardEntireSequence", "DiscardFollowingFirstGap", NO_DISCARD})


def action(tag: str) -> str:
    """The wsa:Action of the protocol message or header-only message whose element is ``tag``."""
    return f"{NAMESPACE}/{tag.removeprefix(PREFIX)}"
