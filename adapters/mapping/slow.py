"""The careful way through a mapping: rule by rule, every problem noted with its place, every loss by its policy."""

from __future__ import annotations

from collections.abc import Mapping as Table
from typing import TYPE_CHECKING

from adapters.mapping.conversions.base import ConversionError
from adapters.mapping.expressions import ExpressionError
from adapters.mapping.rules import ConstantRule, DerivedRule, ItemRule, UnmappedRule
from adapters.sdk.errors import adapter_error, describe, finding
from adapters.sdk.types import Loss, LossPolicy, Origin, Side, VendorRecord
from bus.core.types import Finding

if TYPE_CHECKING:
    from adapters.mapping.engine import Mapping


class Walk:
    """One record on its careful way; ``findings`` and ``losses`` grow."""

    def __init__(self, mapping: Mapping, origin: Origin, record: VendorRecord | None) -> None:
        self._mapping = mapping
        self._origin = origin
        self._spans = record.spans if record is not None and record.raw else {}
        self.findings: list[Finding] = []
        self.losses: list[Loss] = []
        for loss in record.losses if record is not None else ():
            self._lost(loss.side, loss.item, loss.reason, mapping.codec_loss, loss.code)

    def raise_if_any(self) -> None:
        """Raise one AdapterError with everything found."""
        if self.findings:
            raise adapter_error(self.findings)

    def to_standard(self, values: Table[str, str]) -> dict[str, str]:
        """The standard's values as far as they could be made."""
        out: dict[str, str] = {}
        for rule in self._mapping.rules:
            if isinstance(rule, ItemRule):
                self._item_in(rule, values, out)
            elif isinstance(rule, DerivedRule):
                self._derive(rule, "standard", values, out)
            elif isinstance(rule, ConstantRule) and rule.side == "standard":
                out[rule.item] = rule.value
            else:
                self._left_out(rule, "vendor", values)
        for name in self._mapping.mandatory:
            if name not in out and not any(name in one.path.split("・") for one in self.findings):
                check = self._mapping.checks[name]
                found = finding("E0001", self._origin, name, name_ja=check.item.name_ja, expected="a value")
                self.findings.append(found)
        return out

    def to_vendor(self, values: Table[str, str]) -> dict[str, str]:
        """The vendor's values as far as they could be made."""
        out = {one.name: "" for one in self._mapping.layout.items}
        for name in values:
            if name not in self._mapping.checks:
                self._note("E0002", "standard", name, f"an item of {self._mapping.record}", "another")
        for rule in self._mapping.rules:
            if isinstance(rule, ItemRule):
                self._item_out(rule, values, out)
            elif isinstance(rule, DerivedRule):
                self._derive(rule, "vendor", values, out)
            elif isinstance(rule, ConstantRule) and rule.side == "vendor":
                out[rule.item] = rule.value
            else:
                self._left_out(rule, "standard", values)
        return out

    def _item_in(self, rule: ItemRule, values: Table[str, str], out: dict[str, str]) -> None:
        sources = tuple(values.get(name, "") for name in rule.vendor)
        try:
            targets = rule.conversion.to_standard(sources)
        except ConversionError as error:
            self._refused(rule, "vendor", error)
            return
        if not rule.conversion.exact:
            self._compare(rule, "vendor", sources, targets)
        for name, value in zip(rule.standard, targets, strict=True):
            fault = self._mapping.checks[name].fault(value) if value else None
            if fault is not None:
                self._note_pair(fault.code, rule.vendor[0], name, fault.expected, fault.got)
            elif value:
                out[name] = value

    def _item_out(self, rule: ItemRule, values: Table[str, str], out: dict[str, str]) -> None:
        sources = tuple(values.get(name, "") for name in rule.standard)
        try:
            targets = rule.conversion.to_vendor(sources)
        except ConversionError as error:
            self._refused(rule, "standard", error)
            return
        if not rule.conversion.exact:
            self._compare(rule, "standard", sources, targets)
        out.update(zip(rule.vendor, targets, strict=True))

    def _derive(self, rule: DerivedRule, target: Side, values: Table[str, str], out: dict[str, str]) -> None:
        """Compute the item where ``target`` is its side; else hold what was read to the computation."""
        own = out if rule.side == target else values
        if not any(own.get(name) for name in rule.expression.names):
            result = ""
        else:
            try:
                result = rule.expression.text(own)
            except ExpressionError as error:
                self._note("CB6006", rule.side, rule.item, error.expected, error.got)
                return
        if rule.side == target:
            fault = self._mapping.checks[rule.item].fault(result) if result and target == "standard" else None
            if fault is not None:
                self._note(fault.code, "standard", rule.item, fault.expected, fault.got)
            elif result or target == "vendor":
                out[rule.item] = result
        elif values.get(rule.item, "") != result:
            self._lost(rule.side, rule.item, f"not {rule.expression.source}: {rule.reason}", rule.loss)

    def _compare(self, rule: ItemRule, side: Side, sources: tuple[str, ...], targets: tuple[str, ...]) -> None:
        """Try the way back; a difference is a loss."""
        names = rule.vendor if side == "vendor" else rule.standard
        try:
            again = rule.conversion.to_vendor(targets) if side == "vendor" else rule.conversion.to_standard(targets)
        except ConversionError as error:
            self._lost(side, names[0], f"{rule.name}: no way back ({error.expected})", rule.loss)
            return
        for name, before, after in zip(names, sources, again, strict=True):
            if before != after:
                self._lost(side, name, f"{rule.name}: comes back differently", rule.loss)

    def _left_out(self, rule: ConstantRule | UnmappedRule, side: Side, values: Table[str, str]) -> None:
        if rule.side != side:
            return
        value = values.get(rule.item, "")
        if isinstance(rule, ConstantRule) and value != rule.value and (value or side == "vendor"):
            self._lost(side, rule.item, f"always {rule.value!r} here: {rule.reason}", rule.loss)
        elif isinstance(rule, UnmappedRule) and value:
            self._lost(side, rule.item, rule.reason, rule.loss)

    def _lost(self, side: Side, item: str, reason: str, policy: LossPolicy, code: str = "CB6016") -> None:
        if policy == "forbid":
            self._note(code, side, item, "a value that goes through unchanged", reason)
        elif policy == "record":
            place = self._origin.place(item, self._spans.get(item))
            self.losses.append(Loss(side, item, reason, policy, code, place))

    def _refused(self, rule: ItemRule, side: Side, error: ConversionError) -> None:
        names = rule.vendor if side == "vendor" else rule.standard
        name = names[min(error.index, len(names) - 1)]
        if side == "vendor":
            self._note_pair(error.code, name, "・".join(rule.standard), error.expected, error.got or describe(""))
        else:
            self._note(error.code, side, name, error.expected, error.got, vendor="・".join(rule.vendor))

    def _note_pair(self, code: str, vendor: str, standard: str, expected: str, got: str) -> None:
        names = "・".join(self._mapping.checks[name].item.name_ja for name in standard.split("・"))
        span = self._spans.get(vendor)
        place = self._origin.place(vendor, span)
        self.findings.append(Finding(code, standard, 0, expected, got, names, place))

    def _note(self, code: str, side: Side, item: str, expected: str, got: str, vendor: str = "") -> None:
        if side == "standard":
            check = self._mapping.checks.get(item)
            place = self._origin.place(vendor)
            name_ja = check.item.name_ja if check else ""
            self.findings.append(Finding(code, item, 0, expected, got, name_ja, place))
            return
        standard = "・".join(self._mapping.counterparts(item))
        if standard:
            self._note_pair(code, item, standard, expected, got)
        else:
            place = self._origin.place(item, self._spans.get(item))
            self.findings.append(Finding(code, item, 0, expected, got, item, place))
