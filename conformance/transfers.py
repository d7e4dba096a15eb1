"""Bulk transfers as they stand in the evidence: the parts of one id, and count and digests read from P-52 to P-54.

Nothing is shared with the bus or the adapters, so that the two can disagree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from conformance.messages import Message
from conformance.records import operation_of, records_of
from schemas.model import Edition, Operation, RecordType, Unit

HISTORY = "rirekibango"
ID, NUMBER, LAST, COUNT, TOTAL = "ikkatsuid", "bunkatsubango", "saishufuragu", "kensu", "sokensu"
KEYS, CONTENT = "kagidaijesuto", "naiyodaijesuto"
MAX_DIGITS = 18
Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """One part: the message it stands in, the items of its head and its records."""

    name: str
    head: Values
    records: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class Transfer:
    """The parts of one transfer by their numbers; a part that was sent again unchanged counts once.

    ``whole`` says that the evidence claims to hold all of the transfer, as a file does and a recording may not.
    """

    id: str
    kind: RecordType
    parts: tuple[Part, ...]
    whole: bool

    @property
    def last(self) -> tuple[Part, ...]:
        """The parts that say they are the last."""
        return tuple(one for one in self.parts if one.head.get(LAST) == "1")

    @property
    def records(self) -> tuple[Values, ...]:
        """The records of all parts."""
        return tuple(values for one in self.parts for values in one.records)


def is_part(unit: Unit, operation: Operation) -> bool:
    """Whether the request of an operation is a part of a bulk transfer: its head has the number of a part."""
    own = unit.records.get(operation.request_record)
    return bool(operation.record) and own is not None and any(item.name == NUMBER for item in own.items)


def transfers_of(messages: Iterable[Message], edition: Edition, *, whole: bool) -> tuple[Transfer, ...]:
    """The transfers in messages, each by unit, operation and id."""
    found: dict[tuple[str, str, str], tuple[RecordType, dict[int, list[Part]]]] = {}
    for message in messages:
        named = operation_of(message, edition)
        if named is None or not is_part(*named) or str(message.entries[0].tag) != named[1].input:
            continue
        unit, operation = named
        listed = list(records_of(message, edition))
        head = next((one.values for one in listed if one.type.name == operation.request_record), {})
        records = tuple(one.values for one in listed if one.type.name == operation.record)
        part = Part(message.name, head, records)
        _, parts = found.setdefault((unit.key, operation.name, head.get(ID, "")), (unit.records[operation.record], {}))
        same = parts.setdefault(number_of(head.get(NUMBER, "")), [])
        if not any(one.head == part.head and one.records == part.records for one in same):
            same.append(part)
    return tuple(
        Transfer(key[2], kind, tuple(one for number in sorted(parts) for one in parts[number]), whole)
        for key, (kind, parts) in found.items()
    )


def number_of(text: str) -> int:
    """A number with or without leading zeros; -1 for what is none or longer than any count."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else -1


def key_of(kind: RecordType, values: Values) -> str:
    """The key of a record (P-53): the items of its key, then its history number, joined by colons."""
    return ":".join([*(values.get(name, "") for name in kind.key), values.get(HISTORY) or "0"])


def content_of(kind: RecordType, values: Values) -> str:
    """The line of a record (P-54): its key, then each item that has a value in the order of the standard."""
    listed = "".join(f"\x1f{item.name}={values[item.name]}" for item in kind.items if values.get(item.name))
    return f"{key_of(kind, values)}{listed}\n"


def digests(kind: RecordType, records: Iterable[Values]) -> tuple[str, str]:
    """The digest of the key set and the digest of the content, in small hexadecimal letters."""
    lines = sorted((key_of(kind, values), content_of(kind, values)) for values in records)
    keys = "".join(f"{key}\n" for key, _ in lines).encode()
    return hashlib.sha256(keys).hexdigest(), hashlib.sha256("".join(line for _, line in lines).encode()).hexdigest()
