"""Checks on the vendor's own samples: bytes come back as they were, golden pairs agree in both directions."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.codecs.factory import make_codec
from adapters.sdk.types import BadRecord, VendorRecord
from adapters.suite.golden import load_golden
from adapters.suite.subject import Sample, Subject
from adapters.suite.verdict import Verdict, fault, verdict
from bus.core.errors import AdapterError
from bus.core.types import Finding


def check_samples(subject: Subject) -> Iterator[Verdict]:
    """``sample-bytes`` and ``golden`` for every sample."""
    for sample in subject.samples:
        yield _bytes(sample)
        if sample.golden is not None and sample.pair is not None:
            if sample.direction != "to_vendor":
                yield _golden_in(sample)
            if sample.direction != "to_standard":
                yield _golden_out(sample)


def _bytes(sample: Sample) -> Verdict:
    name = sample.path.name
    records, header, trailer = sample.read()
    findings = [found for one in records if isinstance(one, BadRecord) for found in one.error.findings]
    good = [one.values for one in records if isinstance(one, VendorRecord)]
    if not findings:
        try:
            written = b"".join(make_codec(sample.layout, sample.register).encode(good, header, trailer))
        except AdapterError as error:
            return verdict("sample-bytes", name, error.findings)
        findings = _difference(name, sample.path.read_bytes(), written)
    return verdict("sample-bytes", name, findings, f"{len(good)} records")


def _difference(name: str, before: bytes, after: bytes) -> list[Finding]:
    if before == after:
        return []
    place = next(
        (at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    got = f"{after[place : place + 4].hex()} ({len(after)} bytes in all)"
    expected = f"{before[place : place + 4].hex()} ({len(before)} bytes in all)"
    return [fault(name, expected, got, code="CB6016", place=f"file={name} byte={place}")]


def _golden_in(sample: Sample) -> Verdict:
    assert sample.pair is not None and sample.golden is not None
    mapping = sample.pair.mapping
    wanted = load_golden(sample.golden, mapping.unit, mapping.record_type)
    records = [one for one in sample.read()[0] if isinstance(one, VendorRecord)]
    findings: list[Finding] = []
    if len(records) != len(wanted):
        findings.append(fault("records", str(len(wanted)), str(len(records))))
    for record, expected in zip(records, wanted, strict=False):
        try:
            got = mapping.to_standard(record).values
        except AdapterError as error:
            findings.extend(error.findings)
            continue
        findings += _differing(expected, got, record.origin.place())
    return verdict("golden-to-standard", sample.path.name, findings, f"{len(wanted)} records")


def _golden_out(sample: Sample) -> Verdict:
    assert sample.pair is not None and sample.golden is not None
    mapping = sample.pair.mapping
    codec = make_codec(sample.layout, sample.register)
    wanted = [one for one in sample.read()[0] if isinstance(one, VendorRecord)]
    findings: list[Finding] = []
    golden = load_golden(sample.golden, mapping.unit, mapping.record_type)
    for values, record in zip(golden, wanted, strict=False):
        try:
            got = codec.encode_record(mapping.to_vendor(values, record.origin).values)
        except AdapterError as error:
            findings.extend(error.findings)
            continue
        findings += _difference(record.origin.place(), record.raw, got)
    return verdict("golden-to-vendor", sample.path.name, findings, f"{len(golden)} records")


def _differing(expected: dict[str, str], got: dict[str, str], place: str) -> list[Finding]:
    names = [name for name in {**expected, **got} if expected.get(name) != got.get(name)]
    return [
        fault(name, expected.get(name, "(absent)"), got.get(name, "(absent)"), code="CB6016", place=place)
        for name in names
    ]
