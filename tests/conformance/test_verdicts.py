"""The tables of verdicts: what many subjects amount to, prerequisites, and classes that never pass empty."""

from __future__ import annotations

import pytest

from conformance.findings import Finding, Missing, NotApplicable, Result, Undecided
from conformance.verdicts import Class, HarnessError, Outcome, Verdict, combine, roll_up, with_prerequisites
from schemas.catalog import load_requirements

ROW = next(row for row in load_requirements() if row.level == "MUST")
SHOULD = next(row for row in load_requirements() if row.level == "SHOULD")
KEPT: Result = ()
FOUND: Result = (Finding("/", "x"),)
NA = NotApplicable("なし", "none")
LACK = Missing("これ", "this")
SPLIT = Undecided("割れた", "split")
BROKEN = HarnessError("ValueError")

TABLE = [
    ([], Outcome.MISSING),
    ([KEPT], Outcome.PASS),
    ([NA], Outcome.NA),
    ([NA, KEPT], Outcome.PASS),
    ([LACK, KEPT], Outcome.MISSING),
    ([SPLIT, LACK, KEPT], Outcome.INCONCLUSIVE),
    ([BROKEN, SPLIT, KEPT], Outcome.ERROR),
    ([FOUND, BROKEN, SPLIT, LACK, NA, KEPT], Outcome.FAIL),
]


@pytest.mark.parametrize(("results", "outcome"), TABLE)
def test_the_results_of_subjects_become_one_verdict(results: list[Result | HarnessError], outcome: Outcome) -> None:
    """Line by line as the table in the module says; an error of the suite is never a failure."""
    assert combine(ROW, [(str(number), one) for number, one in enumerate(results)]).outcome is outcome


def test_a_should_is_a_warning() -> None:
    """Never a failure."""
    assert combine(SHOULD, [("a", FOUND)]).outcome is Outcome.WARNING


def verdict(name: str, outcome: Outcome, level: str = "MUST") -> Verdict:
    """A verdict."""
    return Verdict(name, level, outcome)


@pytest.mark.parametrize("outcome", [one for one in Outcome if one not in (Outcome.PASS, Outcome.NA, Outcome.FAIL)])
def test_a_must_that_is_not_settled_leaves_the_class_incomplete(outcome: Outcome) -> None:
    """Whatever the reason is."""
    assert roll_up([verdict("a", Outcome.PASS), verdict("b", outcome)]) is Class.INCOMPLETE


def test_no_class_passes_empty() -> None:
    """Neither without verdicts nor with nothing but what does not apply; a SHOULD decides nothing."""
    assert roll_up([]) is Class.INCOMPLETE
    assert roll_up([verdict("a", Outcome.NA)]) is Class.INCOMPLETE
    assert roll_up([verdict("a", Outcome.PASS, "SHOULD")]) is Class.INCOMPLETE
    assert roll_up([verdict("a", Outcome.PASS), verdict("b", Outcome.WARNING, "SHOULD")]) is Class.CONFORMS
    assert roll_up([verdict("a", Outcome.PASS), verdict("b", Outcome.FAIL)]) is Class.FAILS


def test_what_a_failure_makes_pointless_is_told_as_such() -> None:
    """A prerequisite that failed; a failure of its own stays one."""
    listed = [verdict("a", Outcome.FAIL), verdict("b", Outcome.PASS), verdict("c", Outcome.FAIL)]
    outcomes = [one.outcome for one in with_prerequisites(listed, {"b": "a", "c": "a"})]
    assert outcomes == [Outcome.FAIL, Outcome.PREREQUISITE, Outcome.FAIL]
