"""Seeded nonconformities: each fails exactly what it names, controls fail nothing, and every judged MUST is proven."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import coverage, selfcheck
from conformance.mutants import recorded
from conformance.selfcheck import SelfCheck, Trial
from conformance.standard import load_standard
from tests.support.repository import ROOT

STANDARD = load_standard()
ROWS = STANDARD.catalogue


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_mutant_fails_exactly_what_it_names() -> None:
    """What should object does and nothing else; what should be kept is; rows, predicates and mutants fit each other."""
    checked = selfcheck.run(STANDARD)
    assert [one for one in checked.trials if not one.killed or one.false] == []
    assert coverage.check(ROWS, checked).problems == ()
    assert sum(bool(one.fails) for one in checked.trials) >= 300
    assert sum(not one.fails for one in checked.trials) >= 30
    assert len({one.mutant for one in checked.trials}) == len(checked.trials)


def test_a_gap_in_the_coverage_is_noticed() -> None:
    """Each check of the coverage bites."""
    trials = (Trial("X", frozenset(), frozenset(), frozenset(), frozenset(), frozenset()),)
    rows = tuple(row for row in ROWS if row.id != "BP-R1000")
    problems = coverage.check(rows, SelfCheck(1, trials, ("BP-R1001",))).problems
    assert any(one.startswith("BP-R1000: a predicate without") for one in problems)
    assert any(one.startswith("BP-R1001: a MUST that no mutant") for one in problems)


def test_an_edit_that_changes_nothing_is_noticed() -> None:
    """A mutant that is its own base would prove nothing."""
    edit = recorded.Edit("service.wsdl", "replace", "not there", "whatever")
    mutant = recorded.Mutant("X", "doclit", frozenset(), frozenset(), "", "", (edit,))
    with pytest.raises(recorded.MutantError):
        recorded.bundle(mutant)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_suite_needs_neither_bus_nor_adapters(tmp_path: Path) -> None:
    """In a copy without both the self-check passes and prints its figures last."""
    for name in ("conformance", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-W", "error", "-m", "conformance", "selfcheck", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=380,
                          env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"false_failures": 0' in done.stdout.splitlines()[-1]
