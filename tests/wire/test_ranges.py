"""The arithmetic of acknowledgement ranges, against sets of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.wire.reliable.ranges import NOTHING, Ranges

NUMBERS = st.lists(st.integers(1, 60), max_size=60)


def _ranges(numbers: list[int]) -> Ranges:
    return Ranges.of((number, number) for number in numbers)


@given(NUMBERS)
def test_ranges_hold_exactly_what_a_set_holds(numbers: list[int]) -> None:
    """Membership, count, order, highest and first missing number are those of the set."""
    ranges, plain = _ranges(numbers), set(numbers)
    assert [number in ranges for number in range(62)] == [number in plain for number in range(62)]
    assert list(ranges) == sorted(plain)
    assert (len(ranges), ranges.highest) == (len(plain), max(plain, default=0))
    assert ranges.expected == next(number for number in range(1, 62) if number not in plain)
    assert set(ranges.gaps()) == {number for number in range(1, ranges.highest) if number not in plain}


@given(NUMBERS)
def test_numbers_added_one_by_one_come_to_the_same_in_any_order(numbers: list[int]) -> None:
    """The form is canonical: ascending spans with something missing between each two."""
    ranges = NOTHING
    for number in numbers:
        ranges = ranges.with_number(number)
    assert ranges == _ranges(sorted(numbers))
    assert all(later[0] - earlier[1] > 1 for earlier, later in zip(ranges.spans, ranges.spans[1:], strict=False))


@given(NUMBERS, NUMBERS)
def test_a_union_holds_the_numbers_of_both(one: list[int], other: list[int]) -> None:
    """And nothing else."""
    assert list(_ranges(one).union(_ranges(other))) == sorted(set(one) | set(other))


@given(NUMBERS, NUMBERS)
def test_a_difference_holds_what_is_in_the_first_alone(one: list[int], other: list[int]) -> None:
    """And it has the one form that ranges have."""
    assert _ranges(one).minus(_ranges(other)) == _ranges(sorted(set(one) - set(other)))


@given(NUMBERS)
def test_the_stored_text_is_read_back(numbers: list[int]) -> None:
    """What a journal keeps is what it gets again."""
    assert Ranges.parse(_ranges(numbers).text()) == _ranges(numbers)


@pytest.mark.parametrize("span", [(0, 1), (3, 2), (-5, -1)])
def test_a_span_backwards_or_below_one_is_no_span(span: tuple[int, int]) -> None:
    """Message numbers begin with 1."""
    with pytest.raises(ValueError, match="no span"):
        Ranges.of([span])


def test_a_span_of_the_whole_number_space_costs_nothing() -> None:
    """A hostile acknowledgement of 2^63 numbers is two integers."""
    ranges = Ranges.of([(1, 2**63 - 1)])
    assert ranges.expected == 2**63
    assert 2**62 in ranges
