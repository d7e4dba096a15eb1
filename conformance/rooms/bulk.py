"""Rules about bulk transfers (FILE-101 to FILE-105): counts, digests, parts and keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from conformance.findings import Finding, Missing, NotApplicable, Result
from conformance.transfers import CONTENT, COUNT, KEYS, LAST, NUMBER, TOTAL, Transfer, digests, key_of, number_of

TransferPredicate = Callable[[Transfer], Result]
REST: Final = Missing("この一括の残りの分割（最後の分割まで）", "the other parts of this transfer, up to the last")


def _complete(transfer: Transfer) -> bool:
    """Whether the parts run from 1 to the one that says it is the last."""
    numbers = [number_of(one.head.get(NUMBER, "")) for one in transfer.parts]
    return bool(transfer.last) and numbers == [*range(1, len(numbers) + 1)]


def _unfinished(transfer: Transfer) -> Result:
    """What a total cannot be compared with: of a file FILE-104 objects, of a recording the rest is missing."""
    if not transfer.whole:
        return REST
    return NotApplicable("分割がそろわず、合計と比べられません（FILE-104）", "parts are missing (FILE-104)")


def counts(transfer: Transfer) -> Result:
    """FILE-101: each part has as many records as it says, and the last part the number of all."""
    found = [
        Finding(f"{one.name} {COUNT}", f"{len(one.records)}", "another number")
        for one in transfer.parts
        if number_of(one.head.get(COUNT, "")) != len(one.records)
    ]
    if _complete(transfer):
        found += [
            Finding(f"{one.name} {TOTAL}", f"{len(transfer.records)}", "another number")
            for one in transfer.last
            if TOTAL in one.head and number_of(one.head[TOTAL]) != len(transfer.records)
        ]
    return tuple(found)


def of_digest(item: str, place: int) -> TransferPredicate:
    """The predicate that a digest of the last part is that of the records; one that is absent is DATA-127's matter."""

    def predicate(transfer: Transfer) -> Result:
        if not _complete(transfer):
            return _unfinished(transfer)
        given = [one for one in transfer.last if one.head.get(item)]
        if not given:
            return NotApplicable("ダイジェストがありません", "there is no digest")
        right = digests(transfer.kind, transfer.records)[place]
        return tuple(Finding(f"{one.name} {item}", right, one.head[item]) for one in given if one.head[item] != right)

    return predicate


def parts(transfer: Transfer) -> Result:
    """FILE-104: parts are numbered from 1 without a gap, each once; only the last says so, and it has the total.

    The order is that of the numbers, not that of the files' names.
    """
    if not transfer.whole and not transfer.last:
        return REST
    found = [
        Finding(f"{one.name} {NUMBER}", str(number), one.head.get(NUMBER, ""))
        for number, one in enumerate(transfer.parts, 1)
        if number_of(one.head.get(NUMBER, "")) != number
    ]
    found += [
        Finding(f"{one.name} {LAST}", "0: not the last") for one in transfer.last if one is not transfer.parts[-1]
    ]
    ending = transfer.parts[-1]
    if not transfer.last:
        found.append(Finding(f"{ending.name} {LAST}", "1: the last part"))
    elif TOTAL not in ending.head:
        found.append(Finding(f"{ending.name} {TOTAL}", "the number of all records", "absent"))
    return tuple(found)


def keys(transfer: Transfer) -> Result:
    """FILE-105: a key (with its history number) occurs once."""
    seen = Counter(key_of(transfer.kind, values) for values in transfer.records)
    found: list[Finding] = []
    for one in transfer.parts:
        for number, values in enumerate(one.records, 1):
            if seen[key_of(transfer.kind, values)] > 1:
                found.append(Finding(f"{one.name} {transfer.kind.name}[{number}]", "a key that occurs once"))
    return tuple(found)


PREDICATES: Final = MappingProxyType(
    {
        "FILE-101": counts,
        "FILE-102": of_digest(KEYS, 0),
        "FILE-103": of_digest(CONTENT, 1),
        "FILE-104": parts,
        "FILE-105": keys,
    }
)
