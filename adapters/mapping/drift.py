"""Drift: what a vendor's file looks like, held to what was accepted; what changed is named before and after.

A profile holds structure (record lengths, cells, character set, column names), codes of coded items, and widths and
shares of empty values per item. It never holds any other value of a record.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from adapters.mapping.conversions.code import Code
from adapters.mapping.engine import Mapping as Engine
from adapters.mapping.rules import ItemRule
from adapters.sdk.layout import Layout
from adapters.sdk.protocols import Codec
from adapters.sdk.types import VendorRecord
from bus.core.types import Finding

SAMPLE = 2_000  # records looked into; enough for shares within 2 % and below a tenth of a second
FEW = 5  # records below which a file says nothing about the shape of its kind
MOST = 0.9  # share of records that must have another shape before it counts as the file's
EMPTY_SHIFT = 0.25
STOPS = frozenset({"CB6040", "CB6041"})


@dataclass(frozen=True, slots=True)
class Profile:
    """``shape`` names the structure (such as ``{"bytes": "120"}``); widths are the most characters of a value."""

    records: int
    shape: dict[str, str]
    codes: dict[str, list[str]] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    empty: dict[str, float] = field(default_factory=dict)

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def load_profile(text: str) -> Profile:
    """A profile from JSON; ValueError or TypeError for anything else."""
    found: Any = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("shape"), dict):
        raise TypeError("no profile")
    return Profile(**{key: found[key] for key in ("records", "shape", "codes", "widths", "empty") if key in found})


def shape(layout: Layout, data: bytes) -> Profile:
    """The structure alone, from the bytes; empty for kinds of layout whose records have no lines or lengths."""
    end = layout.line_end_bytes
    if layout.members or layout.kind not in ("fixed", "delimited") or not end:
        return Profile(0, {})
    lines = [
        line for line in data.split(end, SAMPLE)[:-1] if line
    ]  # what stands behind the last line end may be a piece
    found: dict[str, str] = {}
    if layout.kind == "fixed":
        found["bytes"] = _usual(len(line) for line in lines)
    else:
        mark = layout.delimiter.encode("ascii")
        quoted = layout.quote.encode("ascii")
        plain = [line for line in lines if not quoted or quoted not in line]
        found["cells"] = _usual(line.count(mark) + 1 for line in plain)
    if layout.encoding in ("cp932", "utf-8"):
        found["charset"] = _charset(layout.encoding, lines)
    return Profile(len(lines), {name: value for name, value in found.items() if value})


def _usual(sizes: Iterable[int]) -> str:
    """The size that nearly all have, ``""`` when there is none."""
    counted = Counter(sizes)
    size, times = counted.most_common(1)[0] if counted else (0, 0)
    return str(size) if times and times >= MOST * counted.total() else ""


def _charset(encoding: str, lines: list[bytes]) -> str:
    """The declared one when most lines with more than ASCII are in it, else the other one if they are in that."""
    beyond = [line for line in lines if not line.isascii()]
    if len(beyond) < FEW:
        return encoding
    other = "utf-8" if encoding == "cp932" else "cp932"
    shares = {name: sum(_readable(line, name) for line in beyond) for name in (encoding, other)}
    # UTF-8 of kanji is often readable as CP932 too; CP932 is hardly ever UTF-8 in all its lines
    both = encoding == "cp932" and shares[other] == len(beyond)
    return other if both or shares[encoding] < shares[other] else encoding


def _readable(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def declared(layout: Layout) -> Profile:
    """The structure that the layout declares."""
    found = {"bytes": str(layout.record_bytes)} if layout.kind == "fixed" else {}
    if layout.kind == "delimited" and not layout.type_field:
        fields = (layout.inner or layout).fields
        found["cells"] = str(len(fields))
    if layout.encoding in ("cp932", "utf-8"):
        found["charset"] = layout.encoding
    return Profile(0, found)


def profile(mapping: Engine, codec: Codec, data: bytes) -> Profile:
    """Structure and contents of a file, by its first records."""
    bare = shape(mapping.layout, data)
    values: list[Mapping[str, str]] = []
    for one in codec.decode(io.BytesIO(data), ""):
        if isinstance(one, VendorRecord):
            values.append(one.values)
        if len(values) >= SAMPLE:
            break
    if len(values) < FEW:
        return bare
    coded = [
        rule.vendor[0] for rule in mapping.rules if isinstance(rule, ItemRule) and isinstance(rule.conversion, Code)
    ]
    names = [one.name for one in mapping.layout.items]
    count = len(values)
    return Profile(
        max(bare.records, count),
        bare.shape,
        {name: sorted({one[name] for one in values} - {""}) for name in coded},
        {name: max((len(one[name]) for one in values), default=0) for name in names},
        {name: round(sum(not one[name] for one in values) / count, 3) for name in names},
    )


def changes(before: Profile, after: Profile) -> tuple[Finding, ...]:
    """What is different, in codes: CB6040 structure, CB6041 character set, CB6042 new codes, CB6043 widths and empties.

    The first two stop a file; nothing is said of files with too few records, or of what ``before`` does not know.
    """
    if after.records < FEW:
        return ()
    found: list[Finding] = []
    for name, value in before.shape.items():
        now = after.shape.get(name, value)
        if now != value and name == "charset":
            found.append(Finding("CB6041", path=name, expected=value, got=now))
        elif now != value:
            found.append(Finding("CB6040", path=name, expected=value, got=now))
    for name, codes in before.codes.items():
        new = sorted(set(after.codes.get(name, ())) - set(codes))
        if new:
            shown = " ".join(codes)
            found.append(Finding("CB6042", path=name, expected=shown, got=" ".join(new)))
    for name, width in before.widths.items():
        if after.widths.get(name, 0) > max(width * 2, width + 4) and width:
            got = f"{after.widths[name]} characters"
            found.append(Finding("CB6043", path=name, expected=f"up to {width} characters", got=got))
    for name, share in before.empty.items():
        now_empty = after.empty.get(name, share)
        if before.records >= FEW and abs(now_empty - share) > EMPTY_SHIFT:
            found.append(Finding("CB6043", path=name, expected=f"{share:.0%} empty", got=f"{now_empty:.0%} empty"))
    return tuple(found)
