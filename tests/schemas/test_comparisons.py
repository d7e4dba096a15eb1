"""Rules that compare items: sums with totals and moments with moments, read, judged twice and kept apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.wire.rules import compile_rule
from conformance.lexical import keeps
from schemas.catalog import CatalogError, load_edition
from schemas.model import Condition, Rule, Side
from tests.schemas.test_catalog import edition

__all__ = ["edition"]

TOTAL = Condition(("a", "b", "c", "d"), "==", left=Side(("a",)), right=Side(("b", "c"), ("d",)))
ORDER = Condition(("a", "b"), "<=", ("text",), left=Side(("a",)), right=Side(("b",)))
STRICT = Condition(("a", "b"), "<", left=Side(("a",)), right=Side(("b",)))


def both(condition: Condition, values: dict[str, str]) -> bool:
    """What the bus and the judge that shares no code with it say, which must be the same."""
    rule = Rule("r", "record", (), (condition,), "ja", "en")
    mine = compile_rule(rule, "{n}")({f"{{n}}{name}": value for name, value in values.items()})
    assert mine == keeps(rule, values), (condition, values)
    return mine


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ({"a": "7", "b": "5", "c": "3", "d": "1"}, True),
        ({"a": "0007", "b": "7"}, True),
        ({"a": "8", "b": "5", "c": "3", "d": "1"}, False),
        ({"a": "-1", "d": "1"}, True),
        ({"a": "1"}, True),
        ({"b": "5", "c": "3"}, True),
        ({"a": "0", "b": "5"}, False),
        ({"a": "0.3", "b": "0.1", "c": "0.2"}, True),
        ({"a": "999999999999", "b": "999999999998", "c": "1"}, True),
    ],
)
def test_a_total_agrees_with_what_is_added_and_taken_off(values: dict[str, str], right: bool) -> None:
    """Absent addends count as 0, decimals are exact, and a side that is not there at all asks nothing."""
    assert both(TOTAL, values) == right


@pytest.mark.parametrize(
    ("first", "second", "in_order", "before"),
    [
        ("2024-02-29", "2024-03-01", True, True),
        ("2024-03-01", "2024-03-01", True, False),
        ("2025", "2024", False, False),
        ("0000-01-01", "2024-01-01", True, True),
        ("2024-01-01", "9999-12-31", True, True),
        ("09:59:59", "10:00:00", True, True),
    ],
)
def test_moments_are_compared_as_they_are_written(first: str, second: str, in_order: bool, before: bool) -> None:
    """Open dates are the first and the last; the order of text is the order of time."""
    values = {"a": first, "b": second}
    assert both(ORDER, values) == in_order
    assert both(Condition(("a", "b"), "<", ("text",), left=Side(("a",)), right=Side(("b",))), values) == before


NUMBERS = st.dictionaries(st.sampled_from("abcd"), st.integers(-(10**15), 10**15).map(str))


@given(NUMBERS, st.sampled_from([TOTAL, STRICT]))
def test_both_judges_say_the_same_of_any_numbers(values: dict[str, str], condition: Condition) -> None:
    """Whatever the numbers and whichever are there; a record that is made to agree does."""
    both(condition, values)
    if condition is TOTAL and set("bcd") & set(values):
        total = sum(int(values.get(name, "0")) for name in "bc") - int(values.get("d", "0"))
        assert both(TOTAL, values | {"a": str(total)})
        assert not both(TOTAL, values | {"a": str(total + 1)})


@pytest.mark.parametrize("text", ["x", "1.x", "NaN", "1.NaN", "Infinity", "9" * 5000, "", "-", "1e9999"])
def test_what_is_no_number_is_not_right_and_not_a_crash(text: str) -> None:
    """An official schema may let through what the item's type would not, and nobody waits for enormous numbers."""
    assert not compile_rule(Rule("r", "record", (), (STRICT,), "ja", "en"))({"a": text, "b": "1"})


@pytest.mark.parametrize(
    ("withheld", "hurt"), [({"b"}, True), ({"a"}, False), ({"b", "c", "d"}, False), ({"x"}, False), ({"a", "b"}, False)]
)
def test_taking_out_an_addend_hurts_a_total_and_taking_out_a_whole_side_does_not(
    withheld: set[str], hurt: bool
) -> None:
    """What may be withheld of a right record without making it wrong."""
    assert TOTAL.hurt_by(frozenset(withheld)) == hurt


@pytest.mark.parametrize(
    ("when", "then", "text"),
    [
        ("", "zeritsu==hyojunzeigaku", "nearest: "),
        ("", "shashu<=yoto", "cannot be compared"),
        ("", "toroku_nengappi<=kazeinendo", "cannot be compared"),
        ("", "toroku_nengappi<=haisha_nengappi+shutoku_nengappi", "cannot be compared"),
        ("zeigaku<=hyojunzeigaku", "genmengaku", "belongs into then"),
        ("", "zeigaku==hyojunzeigaku--genmengaku", "is not a condition"),
        ("", "zeigaku==", "is not a condition"),
        ("", "zeigaku=<hyojunzeigaku", "is not a condition"),
    ],
)
def test_a_comparison_that_cannot_be_is_named(edition: Path, when: str, then: str, text: str) -> None:
    """Unknown items, kinds that do not go together, and what is no sum are reported with the line."""
    path = edition / "keijidoshazei" / "rules.csv"
    path.write_text(f"{path.read_text(encoding='utf-8')}x,sharyo,{when},{then},文,text,ours\n", encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        load_edition(folder=edition)
    assert any("rules.csv" in problem and text in problem for problem in caught.value.problems), caught.value.problems
