"""Runs plans, and makes the list of faults of a failing one as short as it can be."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.simulation.plan import Fault, Plan, plan
from tests.simulation.world import Outcome, World

MEMORY = Path("/dev/shm")
"""Where a synced file costs nothing; the simulation brings its own power cuts."""


@contextmanager
def folder() -> Iterator[Path]:
    """A place for the disks of one run."""
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


def run(given: Plan | int) -> Outcome:
    """One run, from a seed or a plan."""
    with folder() as place:
        return World(plan(given) if isinstance(given, int) else given, place).run()


def shrunk(failed: Outcome, tries: int = 60) -> Outcome:
    """The same rule broken with as few faults as can be found by leaving them out one after another."""
    rule, best = failed.violations[0].rule, failed
    index = 0
    while index < len(best.plan.faults) and tries:
        tries -= 1
        fewer: tuple[Fault, ...] = best.plan.faults[:index] + best.plan.faults[index + 1 :]
        outcome = run(replace(best.plan, faults=fewer))
        if any(each.rule == rule for each in outcome.violations):
            best = outcome
        else:
            index += 1
    return best


def story(outcome: Outcome, lines: int = 60) -> str:
    """What went wrong, for people: seed, rule, faults, and the trace of the message concerned up to there."""
    first = outcome.violations[0]
    told = [f"seed {outcome.plan.seed}: {first.rule}: {first.text} (at {first.at:.6f} s, {first.message or 'the bus'})"]
    told += [f"  fault: {fault.told()}" for fault in outcome.plan.faults] or ["  without any fault"]
    place = next(index for index, line in enumerate(outcome.lines) if "VIOLATION" in line)
    about = outcome.lines[: place + 1]
    if first.message:
        exchange = {
            line.split("exchange=")[1].split()[0] for line in about if first.message in line and "exchange=" in line
        }
        wanted = (first.message, *exchange, "CRASH", "RESTART", "begins", "jump", "did not start", "operator")
        about = tuple(line for line in about if any(each in line for each in wanted))
    return "\n".join([*told, *about[-lines:]])
