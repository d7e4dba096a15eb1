"""Checks with broken input: each kind gives its coded error with file, record, item and byte, and the rest goes on."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from types import MappingProxyType

from adapters.characters.charset import charset
from adapters.characters.host_charset import HostCharset
from adapters.characters.problem import CharacterError
from adapters.mapping.conversions.code import Code
from adapters.mapping.conversions.text import Copy
from adapters.mapping.rules import ItemRule
from adapters.sdk.protocols import Codec
from adapters.sdk.types import BadRecord, Origin, VendorRecord
from adapters.suite.generate import Carried, records
from adapters.suite.subject import Pair, Subject
from adapters.suite.verdict import Verdict, fault, verdict
from bus.core.errors import AdapterError
from bus.core.types import Finding

FILE = "broken.dat"
BROKEN = 3  # the record that is broken, of five
_GAIJI = MappingProxyType({"cp932": b"\xf9\xfc", "jef": b"\x80\xa1"})
"""A code of the user's own area."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """Five generated records of a pair as a file, whole and decoded."""

    pair: Pair
    codec: Codec
    raw: bytes
    good: tuple[VendorRecord, ...]

    @property
    def array(self) -> bool:
        """Whether the records are one JSON document, which is right or wrong as a whole."""
        return self.pair.layout.kind == "json" and self.pair.layout.form == "array"

    @property
    def single(self) -> bool:
        """Whether a file holds one record only."""
        return len(self.good) == 1


def check_errors(subject: Subject, known: Table[str, list[Carried]], seed: int) -> Iterator[Verdict]:
    """``error-…`` for every mapping, one verdict for each kind of broken input that its layout can have."""
    for pair in subject.pairs:
        bench = _bench(pair, known[pair.name], seed)
        if bench is None:
            yield Verdict("error-bench", pair.name, False, "no generated record goes through")
            continue
        yield _truncated(bench)
        yield from _characters(bench)
        yield from _codes(bench)
        yield from _too_long(bench)
        yield _never_replaced(bench)


def _bench(pair: Pair, rules: list[Carried], seed: int) -> _Bench | None:
    codec = pair.codec()
    random = Random(f"{seed} {pair.name}")  # noqa: S311 (test data)
    count = 1 if pair.layout.single else 5
    try:
        vendor = [pair.mapping.to_vendor(values).values for values in records(pair.mapping, rules, random, count)]
        raw = b"".join(codec.encode(vendor))
    except AdapterError:
        return None
    good = tuple(one for one in codec.decode(io.BytesIO(raw), FILE) if isinstance(one, VendorRecord))
    return _Bench(pair, codec, raw, good) if len(good) == count else None


def _errors(bench: _Bench, raw: bytes) -> tuple[list[BadRecord], list[VendorRecord]]:
    found = list(bench.codec.decode(io.BytesIO(raw), FILE))
    return [one for one in found if isinstance(one, BadRecord)], [one for one in found if isinstance(one, VendorRecord)]


def _judge(
    bench: _Bench, kind: str, raw: bytes, codes: Sequence[str], kept: Sequence[VendorRecord], needs: Sequence[str]
) -> Verdict:
    """Broken bytes must give one of ``codes`` at a place that names ``needs``; ``kept`` must come through unharmed."""
    bad, good = _errors(bench, raw)
    findings: list[Finding] = []
    if not any(one.code in codes for broken in bad for one in broken.error.findings):
        got = ", ".join(broken.error.code for broken in bad) or "no error"
        findings.append(fault(kind, " or ".join(codes), got))
    named = [one for broken in bad for one in broken.error.findings if one.code in codes]
    findings += [
        fault(kind, f"a place with {', '.join(needs)}", one.place)
        for one in named
        if not all(need in one.place for need in needs)
    ]
    if [one.values for one in good] != [one.values for one in kept]:
        findings.append(fault(kind, f"{len(kept)} unharmed records", str(len(good))))
    return verdict(kind, bench.pair.name, findings, ", ".join(codes))


def _truncated(bench: _Bench) -> Verdict:
    layout = bench.pair.layout
    cut = bench.raw[: -(len(layout.line_end_bytes) + 2)]
    codes = ("CB6014",) if bench.single else ("CB6001",)
    if bench.array:
        # how many records had come before the end was missed depends on how the document was read in pieces
        come = min(len(_errors(bench, cut)[1]), len(bench.good) - 1)
        return _judge(bench, "error-truncated", cut, ("CB6014", "CB6001"), bench.good[:come], (FILE,))
    if bench.single:
        return _judge(bench, "error-truncated", cut, codes, (), (FILE, "byte="))
    last = bench.good[-1].origin
    whole = len(cut) >= last.byte_offset + last.byte_length + len(layout.line_end_bytes)
    return _judge(bench, "error-truncated", cut, codes, bench.good if whole else bench.good[:-1], (FILE, "byte="))


def _wide_place(bench: _Bench, record: VendorRecord) -> tuple[str, int, int] | None:
    """An item whose first character takes more than one byte: name, byte offset, number of bytes."""
    encoding = bench.pair.layout.encoding
    for one in bench.pair.layout.items:
        value = record.values[one.name]
        if one.type != "N" or not value or value.isascii():
            continue
        code = _code(encoding, value[0])
        start, _ = record.spans[one.name]
        at = bench.raw.find(code, start)
        if len(code) > 1 and at >= 0:
            return one.name, at, len(code)
    return None


def _code(encoding: str, character: str) -> bytes:
    """The bytes of a character, shift codes left out; empty where it has none of more than one byte."""
    found = charset(encoding)
    wide = found.wide if isinstance(found, HostCharset) else found
    try:
        return wide.encode(character) if wide is not None else b""
    except CharacterError:
        return b""


def _characters(bench: _Bench) -> Iterator[Verdict]:
    target = min(BROKEN, len(bench.good)) - 1
    record = bench.good[target]
    kept = [one for index, one in enumerate(bench.good) if index != target]
    cp932 = bench.pair.layout.encoding == "cp932"
    place = _wide_place(bench, record)
    if place is None:
        items = [one.name for one in bench.pair.layout.items if record.values[one.name]]
        if not items:
            return
        start, length = record.spans[items[0]]
        place = (items[0], start + (1 if bench.raw[start : start + 1] == b'"' else 0), min(length, 1))
    name, at, width = place
    needs = (FILE, f"record={target + 1}", f"item={name}", f"byte={at}+")
    wrong = bytes([0x80 if cp932 else 0xFF]) + b"A" * (width - 1)
    needs_json = (FILE, f"record={target + 1}", f"byte={at}+") if bench.pair.layout.kind == "json" else needs
    raw = bench.raw[:at] + wrong + bench.raw[at + width :]
    if bench.array:
        yield _judge(bench, "error-charset", raw, ("CB6002", "CB6014"), (), (FILE,))
    else:
        yield _judge(bench, "error-charset", raw, ("CB6002",), kept, needs_json)
    if width > 1:
        gaiji = _GAIJI.get(bench.pair.layout.encoding, "\ue000".encode())
        if len(gaiji) == width:
            raw = bench.raw[:at] + gaiji + bench.raw[at + width :]
            yield _judge(bench, "error-gaiji", raw, ("CB6003",), kept, needs)


def _expect(kind: str, bench: _Bench, codes: Sequence[str], item: str, call: Callable[[], object]) -> Verdict:
    try:
        call()
    except AdapterError as error:
        right = [one for one in error.findings if one.code in codes and (item in one.place or item == one.path)]
        got = "; ".join(f"{one.code} {one.path} {one.place}" for one in error.findings)
        missing = [] if right else [fault(kind, f"{' or '.join(codes)} at {item}", got)]
        return verdict(kind, f"{bench.pair.name} {item}", missing, ", ".join(codes))
    missing = [fault(kind, " or ".join(codes), "no error")]
    return verdict(kind, f"{bench.pair.name} {item}", missing, ", ".join(codes))


def _codes(bench: _Bench) -> Iterator[Verdict]:
    record = replace(bench.good[0], origin=Origin(FILE, 1, 0, 1))
    for rule in bench.pair.mapping.rules:
        if isinstance(rule, ItemRule) and isinstance(rule.conversion, Code):
            used = {row.vendor for row in rule.conversion.rows} | {rule.conversion.absent}
            unknown = next(text for text in ("9", "99", "Z", "ZZ", "999", "未定義", "9999Z") if text not in used)
            item = rule.vendor[0]
            broken = replace(record, values={**record.values, item: unknown})
            yield _expect("error-code", bench, ("CB6004",), item, partial(bench.pair.mapping.to_standard, broken))
            return


def _too_long(bench: _Bench) -> Iterator[Verdict]:
    mapping, layout = bench.pair.mapping, bench.pair.layout
    if layout.kind == "fixed":
        one = next((one for one in layout.items if one.type != "9"), layout.items[0])
        values = {**bench.good[0].values, one.name: "1" * (one.bytes + 1)}
        yield _expect("error-length", bench, ("CB6005",), one.name, partial(bench.codec.encode_record, values))
        return
    for rule in mapping.rules:
        if isinstance(rule, ItemRule) and isinstance(rule.conversion, Copy):
            item = mapping.checks[rule.standard[0]].item
            if item.type in ("X", "N") and not item.format and not item.code:
                text = ("１" if item.type == "N" else "1") * (item.digits + 1)
                record = replace(bench.good[0], values={**bench.good[0].values, rule.vendor[0]: text})
                yield _expect("error-length", bench, ("E0003",), rule.vendor[0], partial(mapping.to_standard, record))
                return


def _never_replaced(bench: _Bench) -> Verdict:
    """No byte and no character is ever taken for another: it goes through or there is an error."""
    findings: list[Finding] = []
    record = bench.good[0]
    place = _wide_place(bench, record)
    if place is not None:
        start = record.origin.byte_offset - (len(record.raw) - record.origin.byte_length)
        _, at, _ = place
        for byte in range(256):
            raw = bytearray(record.raw)
            raw[at - start] = byte
            findings += _replaced(bench, bytes(raw), f"byte {byte:02X}")
    wide = next((one.name for one in bench.pair.layout.items if one.type == "N"), "")
    beyond = ["\ue000", "\ufffd", "\x07", "\ud840"]
    beyond += ["\U00020b9f", "\u301c", "\u2212", "葛\U000e0101"] if bench.pair.layout.encoding == "cp932" else []
    for text in beyond if wide else ():
        try:
            bench.codec.encode_record({**record.values, wide: text})
        except AdapterError as error:
            if any(one.code in ("CB6007", "CB6005") for one in error.findings):
                continue
        findings.append(fault(wide, "CB6007", "written", place=" ".join(f"U+{ord(char):04X}" for char in text)))
    return verdict("no-replacement", bench.pair.name, findings, "256 bytes, characters beyond the vendor's set")


def _replaced(bench: _Bench, raw: bytes, what: str) -> list[Finding]:
    try:
        found = bench.codec.decode_record(raw)
    except AdapterError:
        return []
    if any("\ufffd" in value for value in found.values.values()):
        return [fault(what, "an error", "U+FFFD")]
    try:
        again = bench.codec.encode_record(found.values)
    except AdapterError:
        return []
    same = again == raw or bool(found.losses) or bench.pair.layout.kind != "fixed"
    return [] if same else [fault(what, "the same bytes, or a loss reported", "other bytes")]
