"""Runs the core of the bus in a simulated town: virtual time, faults from a seed, invariants looked at all the while.

    python deploy/tools/simulate.py --seeds 200             seeds 1 to 200
    python deploy/tools/simulate.py --seeds 10000 --jobs 2  by two processes, with the same outcome
    python deploy/tools/simulate.py --seeds 1000 --from 5001
    python deploy/tools/simulate.py --seed 4711 --trace     one seed with its whole trace
    python deploy/tools/simulate.py --bug only-first-key    with a planted bug, until it is found
    python deploy/tools/simulate.py --bugs                  the names of the planted bugs

A failing seed is told with its faults, made as few as possible, and the trace of the message concerned. The last line
is JSON; the exit code is 1 when any seed failed. What is simulated: docs/simulation.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.simulation.bugs import BUGS, planted  # noqa: E402 (found through the path above)
from tests.simulation.run import run, shrunk, story  # noqa: E402 (found through the path above)

SHRUNK = 3
"""So many failing seeds are made short and told in full; the others are only named."""

PIECE = 50
"""So many seeds a process takes at a time with ``--jobs``."""


@dataclass(slots=True)
class Tally:
    """What came of some seeds, in their order."""

    seeds: int = 0
    lives: int = 0
    posts: int = 0
    commits: int = 0
    steps: int = 0
    cpu_s: float = 0.0
    hashes: str = ""
    failed: list[dict[str, object]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Those that come after."""
        for name in ("seeds", "lives", "posts", "commits", "steps", "cpu_s", "hashes", "failed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def tried(seeds: Sequence[int], bug: str = "", *, trace: bool = False) -> Tally:
    """Run these one after another; with a planted bug until the first that fails."""
    tally, began = Tally(), time.process_time()
    with planted(bug):
        for seed in seeds:
            outcome = run(seed)
            tally.hashes += outcome.hash
            tally.seeds, tally.lives = tally.seeds + 1, tally.lives + outcome.lives
            tally.posts, tally.commits = tally.posts + outcome.posts, tally.commits + outcome.commits
            tally.steps += outcome.steps
            if trace:
                print("\n".join(outcome.lines))
            if outcome.violations:
                first = outcome.violations[0]
                tally.failed.append({"seed": seed, "rule": first.rule, "text": first.text, "message": first.message})
                if bug:
                    break
    tally.cpu_s = time.process_time() - began
    return tally


def pieces(seeds: Sequence[int], jobs: int) -> Iterator[Tally]:
    """The same by several processes, in the order of the seeds: what is told does not depend on how many they are."""
    parts = [seeds[start : start + PIECE] for start in range(0, len(seeds), PIECE)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(tried, parts)


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds")
    parser.add_argument("--from", dest="start", type=int, default=1, help="the first of them")
    parser.add_argument("--jobs", type=int, default=1, help="so many processes share the seeds")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--trace", action="store_true", help="print the whole trace (with --seed)")
    parser.add_argument("--bug", default="", choices=["", *(each.name for each in BUGS)], metavar="NAME")
    parser.add_argument("--bugs", action="store_true", help="list the planted bugs")
    given = parser.parse_args()
    if given.bugs:
        for each in BUGS:
            print(f"{each.name:26} forgets {each.forgets}; found by seed {each.seed}")
        print(json.dumps({"bugs": [each.name for each in BUGS]}))
        return 0
    seeds = [given.seed] if given.seed is not None else range(given.start, given.start + given.seeds)
    total, began, told = Tally(), time.monotonic(), 0
    alone = given.jobs == 1 or given.bug or given.seed is not None
    for tally in [tried(seeds, given.bug, trace=given.trace)] if alone else pieces(seeds, given.jobs):
        total.add(tally)
        for each in tally.failed:
            told += 1
            seed = int(str(each["seed"]))
            with planted(given.bug):
                print(story(shrunk(run(seed))) if told <= SHRUNK else f"seed {seed}: {each['rule']}", flush=True)
        if total.seeds % 500 == 0:
            print(f"{total.seeds} seeds, {len(total.failed)} failed", file=sys.stderr, flush=True)
    took = time.monotonic() - began
    report = {
        "event": "simulated", "from": seeds[0], "seeds": total.seeds, "bug": given.bug, "jobs": given.jobs,
        "failed": total.failed, "lives": total.lives, "posts": total.posts, "commits": total.commits,
        "steps": total.steps, "cpu_s": round(total.cpu_s, 1), "seconds": round(took, 1),
        "seeds_per_second": round(total.seeds / max(took, 0.001), 1),
        "hash": hashlib.sha256(total.hashes.encode()).hexdigest()[:32],
    }  # fmt: skip
    print(json.dumps(report, ensure_ascii=False))
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
