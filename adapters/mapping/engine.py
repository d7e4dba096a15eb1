"""Mapping: vendor record to standard values and back, nothing lost silently, the lineage of every item on demand."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from adapters.mapping.compile import to_standard_path, to_vendor_path
from adapters.mapping.fast import FastPath
from adapters.mapping.item_check import ItemCheck, item_check
from adapters.mapping.rules import ItemRule, Rule
from adapters.mapping.slow import Walk
from adapters.mapping.trace import trace
from adapters.sdk.errors import adapter_error
from adapters.sdk.layout import Layout
from adapters.sdk.types import Converted, LossPolicy, Origin, VendorRecord
from bus.core.errors import AdapterError
from bus.core.types import Finding
from schemas.model import RecordType, Unit

DIRECTIONS = ("both", "to_standard", "to_vendor")
_NO_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class Mapping:
    """One ``mapping/*.toml``, complete on both sides.

    ``direction`` is ``both``, ``to_standard`` or ``to_vendor``: with ``to_vendor`` (a receiver that keeps only a part)
    the standard's mandatory items may be left out, and ``to_standard`` gives back what is kept.
    ``codec_loss`` is the policy for characters that the codec could not promise to write with the same bytes.
    """

    id: str
    path: Path
    layout: Layout
    unit: Unit
    record_type: RecordType
    rules: tuple[Rule, ...]
    direction: str = "both"
    codec_loss: LossPolicy = "record"
    checks: Table[str, ItemCheck] = field(init=False, repr=False)
    _in: FastPath = field(init=False, repr=False)
    _out: FastPath = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checks = {item.name: item_check(item, self.unit) for item in self.record_type.items}
        object.__setattr__(self, "checks", checks)
        object.__setattr__(self, "_in", to_standard_path(self.rules, self.layout, self.mandatory, checks))
        object.__setattr__(self, "_out", to_vendor_path(self.rules, self.layout))

    @property
    def record(self) -> str:
        """``<unit>.<record>``."""
        return f"{self.record_type.unit}.{self.record_type.name}"

    @property
    def mandatory(self) -> tuple[str, ...]:
        """Standard items that every record to the standard must have."""
        if self.direction == "to_vendor":
            return ()
        return tuple(item.name for item in self.record_type.items if item.mandatory)

    def to_standard(self, record: VendorRecord) -> Converted:
        """The standard's values; raises AdapterError with every problem of the record.

        Codes: E0001-E0003, CB6004, CB6006, CB6007, CB6016. The findings name file, record, item on both sides and
        byte offset.
        """
        follow = partial(trace, self, "standard", record.values, record.origin, record)
        if not record.losses and (values := self._in.run(record.values)) is not None:
            return Converted(values, (), follow)
        walk = Walk(self, record.origin, record)
        found = walk.to_standard(record.values)
        walk.raise_if_any()
        return Converted(found, tuple(walk.losses), follow)

    def some(self, record: VendorRecord, names: frozenset[str]) -> dict[str, str] | None:
        """The items ``names`` of a record that has problems elsewhere; ``None`` when one of them has a problem."""
        walk = Walk(self, record.origin, record)
        found = walk.to_standard(record.values)
        if any(names.intersection(one.path.split("・")) for one in walk.findings):
            return None
        return {name: found[name] for name in names if name in found}

    def to_vendor(self, values: Table[str, str], origin: Origin | None = None) -> Converted:
        """The vendor's values for every item of the layout (``""`` where absent); raises AdapterError.

        Codes: CB6004, CB6006, CB6007, CB6016, E0002 for an item that the record type does not have. Widths and the
        character set are the codec's to judge (CB6005, CB6007).
        """
        follow = partial(trace, self, "vendor", values, origin or _NO_ORIGIN, None)
        if values.keys() <= self.checks.keys() and (out := self._out.run(values)) is not None:
            return Converted(out, (), follow)
        walk = Walk(self, origin or _NO_ORIGIN, None)
        found = walk.to_vendor(values)
        walk.raise_if_any()
        return Converted(found, tuple(walk.losses), follow)

    def counterparts(self, vendor_item: str) -> tuple[str, ...]:
        """The standard items that a vendor item is mapped to."""
        for rule in self.rules:
            if isinstance(rule, ItemRule) and vendor_item in rule.vendor:
                return rule.standard
        return ()

    def named(self, error: AdapterError) -> AdapterError:
        """An error of the codec with the standard's names of its vendor items added."""
        findings = []
        for one in error.findings:
            standard = self.counterparts(one.path)
            names = "・".join(self.checks[name].item.name_ja for name in standard)
            findings.append(
                Finding(one.code, one.path, one.line, one.expected, one.got, one.name_ja or names, one.place)
            )
        return adapter_error(findings) if findings else error
