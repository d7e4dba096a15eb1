"""Whether catalogue, predicates and mutants fit: the check that keeps the suite from drifting apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from conformance.registry import JUDGED
from conformance.selfcheck import SelfCheck
from schemas.model import Requirement


@dataclass(frozen=True, slots=True)
class Coverage:
    """The figures of the catalogue and every problem in words."""

    requirements: int
    judged: int
    reasons: int
    proven: int
    problems: tuple[str, ...]


def check(catalogue: Iterable[Requirement], checked: SelfCheck) -> Coverage:
    """Compare the rows with the predicates and with what the mutants showed.

    A row has a predicate or a reason in both languages, never both; a predicate has a row; a judged MUST has a mutant
    that makes it fail. Duplicates and missing Japanese are refused when the catalogue is loaded.
    """
    rows = {row.id: row for row in catalogue if not row.retired}
    problems = [f"{name}: a predicate without a requirement" for name in sorted(JUDGED - rows.keys())]
    for row in rows.values():
        if row.id in JUDGED and row.not_judged_reason:
            problems.append(f"{row.id}: has a predicate and a reason why it has none")
        if row.id not in JUDGED and " / " not in row.not_judged_reason:
            problems.append(f"{row.id}: has neither a predicate nor a reason (Japanese / English)")
        if row.requires and row.requires not in rows:
            problems.append(f"{row.id}: requires {row.requires}, which is not there")
    problems += [f"{name}: a MUST that no mutant makes fail" for name in checked.unproven]
    reasons = sum(bool(row.not_judged_reason) for row in rows.values())
    judged = JUDGED & rows.keys()
    return Coverage(len(rows), len(judged), reasons, len(judged & checked.proven), tuple(problems))
