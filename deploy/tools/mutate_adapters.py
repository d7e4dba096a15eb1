#!/usr/bin/env python3
"""Break every line of every shipped definition in turn and count what the universal suite notices.

    deploy/tools/mutate_adapters.py [--share 1.0] [--jobs 2] [VENDOR/UNIT ...]

One line for each definition as it is done, then one JSON document with the sums. Exit code 1 when a mutant survives.
The whole takes about a quarter of an hour of one core; ``--share 0.05`` tries a twentieth, chosen by chance.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from adapters.suite.mutation import Bench  # noqa: E402 - the path is set above
from adapters.suite.subject import find_folder, load_subject, shipped  # noqa: E402 - the same
from schemas.catalog import load_edition  # noqa: E402 - the same


def judged(name: str, share: float, seed: int) -> dict[str, Any]:
    """The sums of one definition."""
    subject = load_subject(find_folder(name), load_edition())
    found = list(Bench(subject, share, Random(f"{seed} {name}")).all())
    return {
        "definition": name,
        "mutants": len(found),
        "killed": sum(bool(one.by) for one in found),
        "removed": sum(one.removed for one in found),
        "removed_killed": sum(one.removed and bool(one.by) for one in found),
        "by": Counter(one.by or "survived" for one in found),
        "survivors": [f"{one.pair}: {one.kind} {one.where}" for one in found if not one.by],
    }


def main() -> int:
    """Judge what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="*")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    names = options.name or [name for name in shipped() if (find_folder(name) / "mapping").is_dir()]
    total: Counter[str] = Counter()
    by: Counter[str] = Counter()
    survivors: list[str] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for one in pool.map(judged, names, [options.share] * len(names), [options.seed] * len(names)):
            print(json.dumps(one, ensure_ascii=False), flush=True)
            total.update({key: one[key] for key in ("mutants", "killed", "removed", "removed_killed")})
            by.update(one["by"])
            survivors += one["survivors"]
    print(json.dumps({"definitions": len(names), **total, "by": by, "survivors": len(survivors)}, ensure_ascii=False))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
