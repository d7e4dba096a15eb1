"""The keys of host records in a layout: numbers in host forms, wide fields, lengths before records; their checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from adapters.characters.charset import HOST_ENCODINGS
from adapters.characters.codings import parts_of
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.problems import Problems
from adapters.sdk.toml import TomlFile

FIELD_TYPES: Mapping[str, type] = MappingProxyType(
    {
        "usage": str,
        "digits": int,
        "scale": int,
        "sign": str,
        "zone": str,
        "order": str,
        "keep_zeros": bool,
        "wide": bool,
        "blank": str,
    }
)
FIELD_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "usage": ("text", "packed", "zoned", "binary"),
        "sign": ("unsigned", "signed", "leading", "trailing", "none"),
        "zone": ("ebcdic", "ascii", "ascii-punch"),
        "order": ("big", "little"),
        "blank": ("space", "low", "high", "zero"),
        "cell": ("text", "number", "date"),
    }
)
RECORD_FORMATS = ("fixed", "variable", "blocked")
_BINARY_DIGITS: Mapping[int, int] = MappingProxyType({1: 3, 2: 5, 4: 10, 8: 19})
_SIGNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "packed": ("unsigned", "signed", "none"),
        "zoned": ("unsigned", "signed", "leading", "trailing"),
        "binary": ("unsigned", "signed"),
    }
)


def most_digits(one: LayoutField) -> int:
    """How many digits the bytes of a number can hold."""
    if one.usage == "packed":
        return one.bytes * 2 - (one.sign != "none")
    if one.usage == "zoned":
        return one.bytes - (one.sign in {"leading", "trailing"})
    return _BINARY_DIGITS.get(one.bytes, 0)


def with_digits(one: LayoutField) -> LayoutField:
    """A number's field with as many digits as its bytes hold, unless it says how many."""
    return replace(one, digits=most_digits(one)) if one.usage != "text" and not one.digits else one


def is_host(layout: Layout) -> bool:
    """Whether a layout needs more than characters of one coding in fields of fixed bytes."""
    return (
        layout.encoding in HOST_ENCODINGS
        or layout.record_format != "fixed"
        or any(one.usage != "text" or one.wide or one.blank for one in _all(layout))
    )


def _all(layout: Layout) -> tuple[LayoutField, ...]:
    return (*layout.header, *layout.fields, *layout.trailer)


def check_host(file: TomlFile, layout: Layout, problems: Problems) -> None:
    """Note what cannot be: another kind, lengths beside line ends, numbers that their bytes cannot hold."""
    line = file.line("layout")
    if layout.kind != "fixed":
        problems.add(
            file.path, "layout.kind", line=line, expected="fixed, with this encoding or these fields", got=layout.kind
        )
        return
    binary = any(one.usage in {"packed", "binary"} or one.blank in {"low", "high"} for one in _all(layout))
    if layout.line_end != "none" and (binary or layout.record_format != "fixed" or layout.encoding in HOST_ENCODINGS):
        problems.add(
            file.path,
            "layout.line_end",
            line=line,
            expected="none: any byte may stand in a record",
            got=layout.line_end,
        )
    wide = layout.encoding in HOST_ENCODINGS and bool(parts_of(layout.encoding)[1])
    for one in _all(layout):
        if one.wide and (not wide or one.bytes % 2 or one.usage != "text" or one.type != "N"):
            expected = "type N, an even width, in a coding with double bytes"
            problems.add(file.path, f"{one.name}.wide", line=one.line, expected=expected, got=f"{one.bytes} bytes")
        if one.usage == "text":
            if one.blank == "zero":
                problems.add(file.path, f"{one.name}.blank", line=one.line, expected="low, high or space", got="zero")
            continue
        _check_number(file, one, problems)


def _check_number(file: TomlFile, one: LayoutField, problems: Problems) -> None:
    most = most_digits(one)
    if not 1 <= one.digits <= most:
        expected = f"1 to {most}" if most else "1, 2, 4 or 8 bytes"
        problems.add(file.path, f"{one.name}.digits", line=one.line, expected=expected, got=str(one.digits))
    if not 0 <= one.scale <= one.digits:
        problems.add(file.path, f"{one.name}.scale", line=one.line, expected=f"0 to {one.digits}", got=str(one.scale))
    if one.sign not in _SIGNS.get(one.usage, (one.sign,)):
        problems.unknown(file.path, f"{one.name}.sign", one.sign, _SIGNS[one.usage], line=one.line)
    if one.type != "9":
        problems.add(file.path, f"{one.name}.type", line=one.line, expected="9 for a number", got=one.type)
    if one.pad != "right-space":
        problems.add(file.path, f"{one.name}.pad", line=one.line, expected="none for a number", got=one.pad)
