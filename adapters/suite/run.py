"""Run every check of the suite over one adapter and gather the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from adapters.mapping.coverage import coverage, summary
from adapters.suite.check_errors import check_errors
from adapters.suite.check_itself import check_itself
from adapters.suite.check_samples import check_samples
from adapters.suite.check_values import check_values
from adapters.suite.coverage_pages import FRONT, stale, unexplained
from adapters.suite.exercise import unexercised
from adapters.suite.generate import all_carried
from adapters.suite.subject import Subject
from adapters.suite.verdict import Verdict

CHECKS = (
    "complete",
    "reasons",
    "coverage",
    "samples",
    "golden-complete",
    "sample-bytes",
    "golden-to-standard",
    "golden-to-vendor",
    "inverse",
    "round-trip",
    "code-table",
    "error-truncated",
    "error-charset",
    "error-gaiji",
    "error-code",
    "error-length",
    "no-replacement",
    "self-test",
)


def run_suite(
    subject: Subject, *, seed: int = 1, records: int = 200, advance: Callable[[], None] = lambda: None
) -> list[Verdict]:
    """All verdicts on ``subject``, which was loaded: so its mappings are complete; ``advance`` is called for each."""
    found: list[Verdict] = []
    for one in _verdicts(subject, seed, records):
        found.append(one)
        advance()
    return found


def _verdicts(subject: Subject, seed: int, records: int) -> Iterator[Verdict]:
    for pair in subject.pairs:
        counts = " ".join(f"{key}={value}" for key, value in summary(coverage(pair.mapping)).items())
        yield Verdict("complete", pair.name, True, counts)
    open_reasons = unexplained(subject)
    yield Verdict("reasons", subject.folder.name, not open_reasons, "", open_reasons)
    old = stale(subject)
    yield Verdict("coverage", subject.folder.name, not old, FRONT, old)
    golden = [sample for sample in subject.samples if sample.golden is not None]
    detail = f"{len(subject.samples)} samples, {len(golden)} golden pairs"
    yield Verdict("samples", subject.folder.name, bool(golden), detail)
    unseen = unexercised(subject)
    yield Verdict("golden-complete", subject.folder.name, not unseen, "every line is exercised", unseen)
    yield from check_samples(subject)
    known = {pair.name: all_carried(pair.mapping, pair.codec(), seed) for pair in subject.pairs}
    yield from check_values(subject, known, seed, records)
    yield from check_errors(subject, known, seed)
    yield from check_itself(subject)
