"""The whole town: 22 units, every flow, three vendors; records in at one vendor, compared item by item at another.

    deploy/examples/town/run.sh --once [--json] [--seed N] [--round N] [--work FOLDER]

The last line says what was moved and what differs; exit code 0 only when nothing is lost, parked or different.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tax-juki"), str(HERE.parents[2])]

from hall import Hall  # noqa: E402 - the paths are set above
from plan import Link, allocations, crossed, links  # noqa: E402 - the same
from story import Outcome, Story  # noqa: E402 - the same

from schemas.catalog import load_edition  # noqa: E402 - the same
from schemas.model import Edition  # noqa: E402 - the same


def play(
    work: Path, edition: Edition, who: dict[str, str], all_links: list[Link], seed: int
) -> tuple[Outcome, Counter[str]]:
    """One round from a fresh site folder; what came of it, and the bus's own counts."""
    hall = Hall(work, edition, who, all_links)
    hall.prepare()
    try:
        hall.start()
        outcome = Story(hall, edition, all_links, seed).play()
        return outcome, Counter(hall.messages())
    finally:
        hall.stop()


def summary(
    edition: Edition, all_links: list[Link], outcomes: list[tuple[dict[str, str], Outcome, Counter[str]]]
) -> dict[str, int]:
    """The figures of the last line. A flow counts when each of its links ran between two vendors."""
    done: set[tuple[str, str]] = set()
    for who, outcome, _ in outcomes:
        done |= outcome.links & crossed([who], all_links)
    flows = {number for link in all_links for number in link.flows}
    missing = {number for link in all_links if (link.operation.key, link.consumer) not in done for number in link.flows}
    counts = sum((one[2] for one in outcomes), Counter[str]())
    return {
        "units": len(edition.units),
        "flows": len(flows - missing),
        "vendors": len({vendor for who, _, _ in outcomes for vendor in who.values()}),
        "messages": counts["accepted_messages"] + counts["rejected_messages"],
        "records": sum(outcome.records for _, outcome, _ in outcomes),
        "values": sum(outcome.values for _, outcome, _ in outcomes),
        "lost": sum(outcome.lost for _, outcome, _ in outcomes),
        "doubled": sum(outcome.doubled for _, outcome, _ in outcomes),
        "differences": sum(len(outcome.differences) for _, outcome, _ in outcomes),
        "parked": counts["PARKED"] + counts["EXPIRED"],
    }


def main() -> int:
    """Play the rounds that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="一度だけ実行して終わる / play once and end (the only way)")
    parser.add_argument("--json", action="store_true", help="最後の行だけを JSON で / only the last line, as JSON")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", type=int, choices=(1, 2), help="片方の組合せだけ / one of the two allocations only")
    parser.add_argument("--work", type=Path, help="作業フォルダー / working folder (kept)")
    arguments = parser.parse_args()
    edition = load_edition()
    all_links = links(edition)
    rounds = allocations(edition, all_links)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="chiikibus-town-") as temporary:
        for number, who in enumerate(rounds, 1):
            if arguments.round in (None, number):
                work = (arguments.work or Path(temporary)) / f"round-{number}"
                if not arguments.json:
                    print(
                        f"組合せ {number}: " + " ".join(f"{unit}={vendor}" for unit, vendor in who.items()), flush=True
                    )
                outcome, counts = play(work, edition, who, all_links, arguments.seed)
                outcomes.append((who, outcome, counts))
                if not arguments.json:
                    for line, times in Counter(outcome.differences).most_common(20):
                        print(f"  {times} x {line}")
                    print(f"  {dict(counts)}", flush=True)
    figures = summary(edition, all_links, outcomes)
    print(json.dumps(figures))
    return int(any(figures[name] for name in ("lost", "doubled", "differences", "parked")))


if __name__ == "__main__":
    sys.exit(main())
