"""Rules about items: types, digits, formats, check digits, codes, correlations, presence and order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from conformance.documents import children, local, where
from conformance.findings import Finding, NotApplicable, Result
from conformance.lexical import characters, keeps, named_checks
from conformance.records import Field, Record
from schemas.model import Rule

RecordPredicate = Callable[[Record], Result]

TYPES: Final = MappingProxyType(
    {
        "DATA-101": "X", "DATA-102": "N", "DATA-103": "9", "DATA-104": "9V", "DATA-105": "S9", "DATA-106": "YEAR",
        "DATA-107": "DATE", "DATA-108": "TIME", "DATA-109": "DATETIME",
    }
)  # fmt: skip
"""The requirement on the form of each type."""
DIGITS: Final = MappingProxyType(
    {"DATA-111": "X", "DATA-112": "N", "DATA-113": "9", "DATA-114": "9V", "DATA-115": "S9"}
)
"""The requirement on the digits of each type."""
FORMATS: Final = MappingProxyType(
    {
        f"DATA-{201 + number}": name
        for number, name in enumerate(
            (
                "dantaikodo", "choazakodo", "kojinbango", "juminhyokodo", "hojinbango", "hokenshabango", "yubinbango",
                "kisonenkinbango", "nengetsu", "atenabango", "ikkatsuid", "daijesuto", "hokenshabango6",
                "kohifutanshabango", "kohijukyushabango", "kaigohihokenshabango", "kokihihokenshabango",
                "kinyukikankodo", "shitenkodo", "kozabango", "fudosanbango", "chibanbubun", "denwabango",
                "hyoshikibango", "shokuinbango", "bunshobango", "edaban2", "nenkinkodo", "nenkinhokenshakodo",
                "iryokikankodo", "jigyoshobango", "rottobango", "jukyushashobango10", "kaokubango", "shadaibango",
                "denpyobango", "yosankamoku", "yosansaisetsu", "tekikakuseikyusho", "tsukihi",
            )
        )
    }
)  # fmt: skip
"""The requirement on the form of each format of ``formats.csv`` that has a pattern of its own."""
CHECKS: Final = MappingProxyType(
    {
        "DATA-301": "dantaikodo", "DATA-302": "kojinbango", "DATA-303": "hojinbango", "DATA-304": "hokenshabango",
        "DATA-305": "hokenshabango6", "DATA-306": "kohifutanshabango", "DATA-307": "kohijukyushabango",
    }
)  # fmt: skip
"""The requirement on the check digit of each format that has one."""


def _items(
    record: Record, wanted: Callable[[Field], bool], name: str, kept: Callable[[Field], bool], text: str
) -> Result:
    """Findings for the fields that are meant and not kept; not applicable where the record has none."""
    found = [one for one in record.fields if one.text and wanted(one)]
    if not found:
        return NotApplicable(f"{name} の項目がありません", f"no item of {name}")
    return tuple(Finding(one.path, f"{one.item.name_ja}: {text}") for one in found if not kept(one))


def of_type(kind: str) -> RecordPredicate:
    """The predicate that values of a type have its form."""

    def predicate(record: Record) -> Result:
        form = record.unit.formats[kind]
        return _items(
            record, lambda one: one.item.type == kind, kind,
            lambda one: re.fullmatch(form.pattern, one.text) is not None, form.name_ja,
        )  # fmt: skip

    return predicate


def length(field: Field) -> int:
    """The digits that count: characters, of a number neither its sign nor its decimals."""
    return characters(field.text.lstrip("-").partition(".")[0] if field.item.type in ("S9", "9V") else field.text)


def of_digits(kind: str) -> RecordPredicate:
    """The predicate that values of a type have no more digits than their item."""

    def predicate(record: Record) -> Result:
        found = [one for one in record.fields if one.text and one.item.type == kind]
        if not found:
            return NotApplicable(f"{kind} の項目がありません", f"no item of {kind}")
        return tuple(
            Finding(one.path, f"{one.item.name_ja}: {one.item.digits}", str(length(one)))
            for one in found if length(one) > one.item.digits
        )  # fmt: skip

    return predicate


def decimals(record: Record) -> Result:
    """DATA-116: a decimal has no more decimals than its item."""
    return _items(
        record, lambda one: one.item.type == "9V", "9V",
        lambda one: len(one.text.partition(".")[2]) <= one.item.scale, "decimals as declared",
    )  # fmt: skip


def of_format(name: str) -> RecordPredicate:
    """The predicate that values of a format have its form."""

    def predicate(record: Record) -> Result:
        form = record.unit.formats.get(name)
        if form is None:
            return NotApplicable(f"{name} の形式がありません", f"there is no format {name}")
        return _items(
            record, lambda one: one.item.format == name, form.name_ja,
            lambda one: re.fullmatch(form.pattern, one.text) is not None, form.name_ja,
        )  # fmt: skip

    return predicate


def of_check(name: str) -> RecordPredicate:
    """The predicate that the check digit of a format is right; of values that have its form."""

    def predicate(record: Record) -> Result:
        form = record.unit.formats.get(name)
        if form is None:
            return NotApplicable(f"{name} の形式がありません", f"there is no format {name}")
        check = named_checks(record.edition.codes)[form.check]
        return _items(
            record, lambda one: one.item.format == name and re.fullmatch(form.pattern, one.text) is not None,
            form.name_ja, lambda one: check(one.text), "the check digit",
        )  # fmt: skip

    return predicate


def mandatory(record: Record) -> Result:
    """DATA-121: every mandatory item is there."""
    there = {one.item.name for one in record.fields}
    return tuple(
        Finding(where(record.element), item.name_ja, "absent")
        for item in record.type.items if item.mandatory and item.name not in there
    )  # fmt: skip


def known(record: Record) -> Result:
    """DATA-122: a record has no element that is none of its items."""
    return tuple(Finding(where(one), f"an item of {record.type.name}", local(one)) for one in record.others)


def ordered(record: Record) -> Result:
    """DATA-123: items stand once and in the order of the record."""
    order = [item.name for item in record.type.items]
    names = [one.item.name for one in record.fields]
    wrong = [name for name, following in pairwise(names) if order.index(following) <= order.index(name)]
    return tuple(Finding(where(record.element), f"once and in order, after {name}") for name in wrong)


def text_only(record: Record) -> Result:
    """DATA-124: an item holds text and has no attribute."""
    return tuple(
        Finding(one.path, "text and no attribute")
        for one in record.fields
        if children(one.element) or one.element.attrib
    )


def not_empty(record: Record) -> Result:
    """DATA-125: an item that is there has a value."""
    return tuple(Finding(one.path, one.item.name_ja, "empty") for one in record.fields if not one.text)


def codes(record: Record) -> Result:
    """DATA-126: a code is one of its table."""
    return _items(
        record, lambda one: bool(one.item.code), "コード",
        lambda one: one.text in record.unit.codes[one.item.code].codes, "a code of its table",
    )  # fmt: skip


def correlations(record: Record) -> Result:
    """DATA-127: the rules between items are kept."""
    rules = [rule for rule in record.unit.rules if rule.record == record.type.name]
    if not rules:
        return NotApplicable("項目間の規則がありません", "there is no rule between items")
    values = record.values
    return tuple(Finding(where(record.element), rule.text_ja, rule.name) for rule in rules if not _keeps(rule, values))


def _keeps(rule: Rule, values: Mapping[str, str]) -> bool:
    """Whether a rule is kept; what is no number where numbers are compared is another row's matter."""
    try:
        return keeps(rule, values)
    except ValueError:
        return True


PREDICATES: Final = MappingProxyType(
    {
        **{name: of_type(kind) for name, kind in TYPES.items()},
        **{name: of_digits(kind) for name, kind in DIGITS.items()},
        "DATA-116": decimals,
        "DATA-121": mandatory,
        "DATA-122": known,
        "DATA-123": ordered,
        "DATA-124": text_only,
        "DATA-125": not_empty,
        "DATA-126": codes,
        "DATA-127": correlations,
        **{name: of_format(form) for name, form in FORMATS.items()},
        **{name: of_check(form) for name, form in CHECKS.items()},
    }
)
