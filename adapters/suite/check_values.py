"""Checks with generated values: every rule carries something, whole records go there and back, codes are complete."""

from __future__ import annotations

import io
from collections.abc import Iterator
from collections.abc import Mapping as Table
from random import Random

from adapters.mapping.conversions.base import ConversionError
from adapters.mapping.conversions.code import Code
from adapters.mapping.rules import ItemRule
from adapters.mapping.slow import Walk
from adapters.sdk.types import BadRecord
from adapters.suite.generate import Carried, records
from adapters.suite.subject import Pair, Subject
from adapters.suite.verdict import Verdict, fault, verdict
from bus.core.errors import AdapterError
from bus.core.types import Finding


def check_values(subject: Subject, known: Table[str, list[Carried]], seed: int, count: int) -> Iterator[Verdict]:
    """``inverse``, ``round-trip`` and ``code-table`` for every mapping; ``known`` are its values, by mapping."""
    for pair in subject.pairs:
        yield _inverse(pair, known[pair.name])
        yield _round_trip(pair, known[pair.name], seed, count)
        yield from _codes(pair)


def _inverse(pair: Pair, known: list[Carried]) -> Verdict:
    findings: list[Finding] = []
    for one in known:
        path = "・".join(one.rule.standard)
        if not one.values:
            findings.append(fault(path, "a value that comes back unchanged", f"{one.refused} refused"))
        if one.silent:
            findings.append(fault(path, "no silent change", f"{one.silent} values", code="CB6016"))
    passed = sum(len(one.values) for one in known)
    refused = sum(one.refused for one in known)
    detail = f"{len(known)} rules, {passed} values unchanged, {refused} refused with a code"
    return verdict("inverse", pair.name, findings, detail)


def _round_trip(pair: Pair, known: list[Carried], seed: int, count: int) -> Verdict:
    mapping, codec = pair.mapping, pair.codec()
    single = pair.layout.single
    wanted = list(records(mapping, known, Random(f"{seed} {pair.name}"), count))  # noqa: S311 (test data)
    findings: list[Finding] = []
    try:
        vendor = [mapping.to_vendor(values).values for values in wanted]
        raws = [b"".join(codec.encode([values])) for values in vendor] if single else [b"".join(codec.encode(vendor))]
    except AdapterError as error:
        return verdict("round-trip", pair.name, error.findings, "towards the vendor")
    number = 0
    for raw in raws:
        for record in codec.decode(io.BytesIO(raw), "generated"):
            if isinstance(record, BadRecord):
                findings.extend(record.error.findings)
                continue
            expected = wanted[number]
            number += 1
            try:
                converted = mapping.to_standard(record)
            except AdapterError as error:
                findings.extend(error.findings)
                continue
            careful = Walk(mapping, record.origin, record).to_standard(record.values)
            if converted.values != careful:
                findings.append(
                    fault("compiled", "the result of the careful way", "another", place=record.origin.place())
                )
            findings += [
                fault(name, "the generated value", "another", code="CB6016", place=record.origin.place())
                for name in {**expected, **converted.values}
                if expected.get(name) != converted.values.get(name)
            ]
    if number != len(wanted):
        findings.append(fault("records", str(len(wanted)), str(number)))
    return verdict("round-trip", pair.name, findings, f"{number} generated records, seed {seed}")


def _codes(pair: Pair) -> Iterator[Verdict]:
    mapping = pair.mapping
    for rule in mapping.rules:
        if not isinstance(rule, ItemRule) or not isinstance(rule.conversion, Code):
            continue
        findings: list[Finding] = []
        item = mapping.checks[rule.standard[0]].item
        table = mapping.unit.codes.get(item.code)
        if table is not None and mapping.direction != "to_standard":
            findings += [
                fault(f"{item.name}={row.code}", f"a row in {rule.conversion.table_name}", "none", code="CB6004")
                for row in table.rows
                if row.code not in rule.conversion.standard_codes
            ]
        for row in rule.conversion.rows:
            if row.direction != "both":
                continue
            try:
                same = rule.conversion.back(rule.conversion.forward(row.vendor)) == row.vendor
            except ConversionError:
                same = False
            if not same:
                findings.append(fault(f"{rule.conversion.table_name}:{row.line}", "a code that leads back to itself"))
        yield verdict("code-table", f"{pair.name} {item.name}", findings, f"{len(rule.conversion.rows)} rows")
