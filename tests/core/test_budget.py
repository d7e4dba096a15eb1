"""Admission by bytes: never over the limit, and everything given back can be taken again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bus.core.budget import Budget

LIMIT = 100


@given(st.lists(st.integers(0, 150), max_size=30))
def test_what_is_taken_never_passes_the_limit(sizes: list[int]) -> None:
    """A request that does not fit takes nothing; one that fits exactly is let in."""
    budget, taken = Budget(LIMIT), 0
    for size in sizes:
        fits = taken + size <= LIMIT
        assert budget.reserve(size) is fits
        taken += size if fits else 0
        assert budget.in_flight == taken
    budget.release(taken)
    assert budget.reserve(LIMIT)
