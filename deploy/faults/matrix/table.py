"""The results of runs, one line of JSON for each cell, and the table of docs/reliability.md made from them.

The newest line of a cell on a pair of engines counts, whatever it says: a run that went wrong is not covered by an
older one that went well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from matrix.account import HEAD, Account
from matrix.cells import CELLS, NOT_RUN

RESULTS = Path(__file__).resolve().parents[1] / "results.jsonl"
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "reliability.md"
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"
FULL = 10_000
"""Acknowledged messages of a cell that may stand in the table."""


def append(path: Path, account: Account) -> None:
    """Keep a result at once: a run may be ended at any cell."""
    with path.open("a", encoding="utf-8") as results:
        results.write(json.dumps(asdict(account), ensure_ascii=False) + "\n")


def latest(path: Path) -> dict[tuple[str, str], Account]:
    """The newest full result of each cell and pair of engines, by cell name and engine."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    accounts = (Account(**json.loads(line)) for line in lines)
    return {(each.name, each.engine): each for each in accounts if each.attempted >= FULL}


def document(accounts: dict[tuple[str, str], Account]) -> str:
    """The table in the order of ``CELLS``, where it comes from, and what is not in it."""
    wanted = [(cell, engine) for cell in CELLS for engine in cell.engines]
    found = [accounts[cell.name, engine] for cell, engine in wanted if (cell.name, engine) in accounts]
    missing = [f"`{cell.name}` {engine}" for cell, engine in wanted if (cell.name, engine) not in accounts]
    left = [f"10,000 件でまだ / not yet with 10,000: {'、'.join(missing)}"] if missing else []
    left += [f"{name}: {why}" for name, why in NOT_RUN]
    command = "`deploy/faults/run.sh --only CELL --engine ENGINES --seed SEED`"
    stamp = f"一行ずつ / each row: {command}。{_span(found)}\n\n"
    table = "\n".join([HEAD, *(each.row() for each in found)])
    total = f"\n\n{len(found)} 行、受付 {sum(each.acknowledged for each in found):,} 件 / {len(found)} rows\n"
    return stamp + table + total + _list("まだ走らせていないもの / Not run", left)


def _span(found: Iterable[Account]) -> str:
    """When and on what they were run."""
    times, machines = sorted(each.finished for each in found), sorted({each.machine for each in found})
    return f"{times[0]} – {times[-1]}、{', '.join(machines)}" if times else "–"


def _list(title: str, entries: list[str]) -> str:
    return f"\n### {title}\n\n" + "".join(f"- {each}\n" for each in entries) if entries else ""


def written(whole: str, text: str) -> str:
    """A document with the text between its marks."""
    head, rest = whole.split(BEGIN)
    return f"{head}{BEGIN}\n\n{text}\n{END}{rest.split(END)[1]}"


def write() -> None:
    """Make the document's table anew from the results that are kept."""
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8"), document(latest(RESULTS))), encoding="utf-8")
