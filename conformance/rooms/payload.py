"""Rules about payloads as a whole: valid by the schema of their unit, and as many records as the operation has."""

from __future__ import annotations

from copy import deepcopy
from types import MappingProxyType
from typing import Final

from conformance.documents import children, local
from conformance.findings import Finding, NotApplicable, Result
from conformance.glyphs import blocks, make_ordinary
from conformance.messages import Message
from conformance.records import operation_of
from conformance.rulings import ruled
from conformance.standard import Standard

FOREIGN: Final = NotApplicable("標準の電文ではありません", "no message of the standard")


def valid(message: Message, standard: Standard) -> Result:
    """DATA-128: a payload is valid by the schema of its unit; where the two engines disagree, undecided.

    Where the message names glyphs, an ordinary character is judged in the place of each.
    """
    found = operation_of(message, standard.edition)
    if found is None:
        return FOREIGN
    body = message.entries[0]
    if blocks(message.header_blocks):
        body = deepcopy(body)
        make_ordinary(body)
    first = standard.quick(found[0].key, body)
    if not first:
        return ()
    second = standard.thorough(found[0].key, body)
    if second:
        return (Finding(f"/{local(body)}", "valid by the schema of the unit", second[:200]),)
    return ruled("DATA-128", f"/{local(body)}", first)


def operation_known(message: Message, standard: Standard) -> Result:
    """DATA-129: what is of a unit's namespace is an operation of that unit."""
    if len(message.entries) != 1:
        return FOREIGN
    tag = str(message.entries[0].tag)
    spaces = [unit.namespace for unit in standard.edition.units.values() if tag.startswith(f"{{{unit.namespace}}}")]
    if not spaces:
        return FOREIGN
    known = operation_of(message, standard.edition) is not None
    return () if known else (Finding(f"/{local(message.entries[0])}", "an operation of the unit", tag),)


def one_record(message: Message, standard: Standard) -> Result:
    """DATA-130: an operation that does not repeat carries at most one record, a notice exactly one."""
    found = operation_of(message, standard.edition)
    if found is None or not found[1].record or found[1].repeats:
        return NotApplicable("レコードを一つ運ぶ電文ではありません", "no message that carries one record")
    unit, operation = found
    answer = str(message.entries[0].tag) == operation.output
    inquiry = operation.output.endswith("_kaito")
    if answer != inquiry:
        return NotApplicable("レコードを一つ運ぶ電文ではありません", "no message that carries one record")
    count = len(children(message.entries[0], f"{{{unit.namespace}}}{operation.record}"))
    kept = count <= 1 if answer else count == 1
    return () if kept else (Finding(f"/{local(message.entries[0])}", f"one {operation.record}", str(count)),)


PREDICATES: Final = MappingProxyType({"DATA-128": valid, "DATA-129": operation_known, "DATA-130": one_record})
