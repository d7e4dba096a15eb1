"""The simulated town: 200 seeds without a violation, each planted bug found, the same seed the same trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.simulation.bugs import BUGS, Bug, planted
from tests.simulation.loop import Stalled, VirtualLoop
from tests.simulation.plan import MOMENTS, WINDOWS, plan
from tests.simulation.run import run, shrunk, story
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow

PARTS = 4
SEEDS = 200
MOST = 400
COMMAND = "deploy/tools/simulate.py"


@pytest.mark.parametrize("part", range(PARTS))
def test_no_seed_finds_a_violation(part: int) -> None:
    """Whatever fails: nothing acknowledged is lost or done twice, order per key, every message accounted for."""
    for seed in range(1 + part, 1 + SEEDS, PARTS):
        outcome = run(seed)
        if outcome.violations:
            pytest.fail(story(shrunk(outcome)))
        assert outcome.posts
        assert outcome.commits


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_planted_bug_is_found(bug: Bug) -> None:
    """By the seed that its line names, or by another where the plans have moved; the same run without it is clean."""
    with planted(bug.name):
        found = next((seed for seed in (bug.seed, *range(1, 1 + MOST)) if run(seed).violations), 0)
    assert found, f"{bug.name} was not found in {MOST} seeds"
    assert not run(found).violations


def test_the_same_seed_is_the_same_run() -> None:
    """Two runs in one process, and two processes that hash texts differently, leave the same trace."""
    for seed in (3, 4, 9):
        assert run(seed).hash == run(seed).hash
    hashes = set()
    for salt in ("1", "2"):
        command = [sys.executable, str(ROOT / COMMAND), "--seeds", "12"]
        environment = {**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        report = json.loads(done.stdout.splitlines()[-1])
        assert report["seeds"] == 12
        hashes.add(report["hash"])
    assert len(hashes) == 1


def test_other_seeds_are_other_runs() -> None:
    """Seeds differ, and together they use every fault there is."""
    assert run(3).hash != run(4).hash
    kinds = {fault.kind for seed in range(1, 1 + SEEDS) for fault in plan(seed).faults}
    assert kinds == {*WINDOWS, *MOMENTS}


def test_a_failing_run_is_made_short() -> None:
    """Faults that a violation does not need are left out; the story names seed, rule, faults and message."""
    with planted("new-id-on-retry"):
        outcome = next(outcome for outcome in map(run, range(1, 50)) if outcome.violations)
        short = shrunk(outcome)
    assert short.violations[0].rule == outcome.violations[0].rule
    assert len(short.plan.faults) < len(outcome.plan.faults)
    told = story(short)
    assert f"seed {outcome.plan.seed}" in told
    assert short.violations[0].message in told
    assert not run(replace(plan(short.plan.seed), faults=short.plan.faults)).violations


def test_a_deadlock_is_noticed() -> None:
    """With nothing ready and nothing scheduled the loop says so instead of waiting for ever."""
    loop = VirtualLoop()
    try:
        with pytest.raises(Stalled):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.bury()
        loop.close()


def test_the_command_tells_a_planted_bug_with_its_seed() -> None:
    """It ends with 1 and one line of JSON that says which seed to run again."""
    command = [sys.executable, str(ROOT / COMMAND), "--seeds", "30", "--bug", "told-before-stored"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 1
    assert report["failed"][0]["rule"] == "durable before told"
    assert f"seed {report['failed'][0]['seed']}" in done.stdout
