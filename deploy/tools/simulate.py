"""Runs the core of the bus in a simulated town: virtual time, faults from a seed, invariants looked at all the while.

    python deploy/tools/simulate.py --seeds 200             seeds 1 to 200
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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.simulation.bugs import BUGS, planted  # noqa: E402 (found through the path above)
from tests.simulation.run import run, shrunk, story  # noqa: E402 (found through the path above)

SHRUNK = 3
"""So many failing seeds are made short and told in full; the others are only named."""


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds")
    parser.add_argument("--from", dest="start", type=int, default=1, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--trace", action="store_true", help="print the whole trace (with --seed)")
    parser.add_argument("--bug", default="", choices=["", *(each.name for each in BUGS)], metavar="NAME")
    parser.add_argument("--bugs", action="store_true", help="list the planted bugs")
    given = parser.parse_args()
    if given.bugs:
        for each in BUGS:
            print(f"{each.name:26} forgets {each.forgets}")
        print(json.dumps({"bugs": [each.name for each in BUGS]}))
        return 0
    seeds = [given.seed] if given.seed is not None else range(given.start, given.start + given.seeds)
    failed, digest, began = [], hashlib.sha256(), time.process_time()
    count = lives = posts = commits = steps = 0
    with planted(given.bug):
        for seed in seeds:
            outcome = run(seed)
            digest.update(outcome.hash.encode())
            count, lives, posts = count + 1, lives + outcome.lives, posts + outcome.posts
            commits, steps = commits + outcome.commits, steps + outcome.steps
            if given.trace:
                print("\n".join(outcome.lines))
            if outcome.violations:
                first = outcome.violations[0]
                failed.append({"seed": seed, "rule": first.rule, "text": first.text, "message": first.message})
                print(story(shrunk(outcome)) if len(failed) <= SHRUNK else f"seed {seed}: {first.rule}", flush=True)
                if given.bug:
                    break
            elif count % 500 == 0:
                print(f"{count} seeds, {len(failed)} failed", file=sys.stderr, flush=True)
    report = {
        "event": "simulated", "from": seeds[0], "seeds": count, "bug": given.bug, "failed": failed,
        "lives": lives, "posts": posts, "commits": commits, "steps": steps,
        "cpu_s": round(time.process_time() - began, 1), "hash": digest.hexdigest()[:32],
    }  # fmt: skip
    print(json.dumps(report, ensure_ascii=False))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
