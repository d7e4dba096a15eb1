"""Certify the bus and every shipped adapter: ``python -m tests.certify [bus] [a] [b] [c] [--write]``.

Drives the provider suite through a bus in front of the suite's own reference providers, and of every shipped adapter
with its simulated vendor behind it. Prints a line for each, with every objection; ``--write`` puts the table into
``docs/conformance.md``. The exit code is 1 where one breaks what is not known.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conformance.standard import Standard, load_standard
from tests.certify.assess import Result, assessed
from tests.certify.plan import KNOWN, VENDORS, providers, units
from tests.certify.town import in_front_of_adapters, in_front_of_natives

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
BEGIN, END = "<!-- certified: begin -->\n", "<!-- certified: end -->\n"
HEAD = "| 対象 / subject | 業務 / unit | 結果 / result | 適合 / pass | 対象外 / n.a. | 入らない照会 / not holdable |\n"
NAMES = {"": "バス / bus", "a": "A社 / vendor A", "b": "B社 / vendor B", "c": "C社 / vendor C"}


def certify(what: str, standard: Standard) -> Iterator[Result]:
    """The results of the bus (``bus``) or of a vendor's adapters."""
    with tempfile.TemporaryDirectory() as place:
        folder, edition = Path(place) / "site", standard.edition
        started = (
            in_front_of_natives(folder, edition, units(edition))
            if what == "bus"
            else in_front_of_adapters(folder, edition, providers(edition, what))
        )
        with started as (address, subjects):
            for one in subjects:
                yield assessed(address, one, standard)


def table(results: list[Result]) -> str:
    """The table of the page."""
    rows = [
        f"| {NAMES[one.subject.vendor]} | {one.subject.unit} | {one.result} | {one.counts.get('pass', 0)} "
        f"| {one.counts.get('na', 0)} | {one.unheld} |\n"
        for one in results
    ]
    return "".join([HEAD, "|---|---|---|---:|---:|---:|\n", *rows])


def main() -> int:
    """Certify what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.certify", description=str(__doc__).splitlines()[0])
    parser.add_argument("what", nargs="*", choices=["bus", *VENDORS, []], help="bus, a, b, c; nothing: all")
    parser.add_argument("--write", action="store_true", help="write the table into docs/conformance.md")
    options = parser.parse_args()
    standard, results = load_standard(), []
    for what in options.what or ["bus", *VENDORS]:
        for one in certify(what, standard):
            results.append(one)
            sys.stderr.write(f"{one.subject.id}: {one.result} {dict(one.counts)}\n")
            sys.stderr.writelines(f"    {line}\n" for line in one.objections)
    if options.write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(before + BEGIN + table(results) + END + rest.partition(END)[2], "utf-8")
    else:
        sys.stdout.write(table(results))
    return int(any(one.broken - KNOWN for one in results))


if __name__ == "__main__":
    sys.exit(main())
