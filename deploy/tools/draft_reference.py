"""Draft the reference population of the conformance suite: questions with their answers, and what is sent, per unit.

Run by hand after an edition has changed: ``python deploy/tools/draft_reference.py``. Every value is synthetic and made
from the tables of the standard alone; a unit's file is the same whenever it is drafted from the same tables. The
residents (``../juki.toml``) are written by hand; of their unit only what is sent about other things is drafted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from adapters.population.records import NoRecordError, atenabango, synthetic
from schemas.catalog import load_edition
from schemas.model import Operation, RecordType, Unit

HOME = Path(__file__).resolve().parents[2] / "conformance" / "reference" / "units"
BY_HAND = {"juki.jumin"}
TRIES = 200
SHARES = (1.0, 0.0)
"""One record with every item that the rules allow, one with none but the mandatory ones."""
HEAD = """\
# 基準レコード（すべて架空。実在の人・法人・物ではありません） / Reference records: synthetic, about nobody and nothing
# deploy/tools/draft_reference.py が項目表から作る / drafted from the item tables
"""


def pair(unit: Unit, operation: Operation, number: int, share: float) -> tuple[dict[str, str], dict[str, str]]:
    """A question and the record that answers it: they agree in every item that both have. Errors: NoRecordError."""
    request, record = unit.records[operation.request_record], unit.records[operation.record]
    shared = {item.name for item in request.items} & {item.name for item in record.items}
    for attempt in range(TRIES):
        random = Random(f"{operation.key}/{number}/{attempt}")
        known = {"atenabango": atenabango(number)} if "atenabango" in shared else {}
        try:
            question = synthetic(unit, request, random, known, share=0.0)
            answer = {name: text for name, text in question.items() if name in shared}
            return question, full(unit, record, f"{operation.key}/{number}/{attempt}", answer, share)
        except NoRecordError:
            continue
    raise NoRecordError(operation.key)


def full(unit: Unit, record: RecordType, seed: str, known: Mapping[str, str], share: float) -> dict[str, str]:
    """A record with as many items as the rules between them allow, at most ``share`` of them."""
    for tried in (share, share * 0.8, share * 0.6, 0.5, 0.2, 0.0):
        try:
            return synthetic(unit, record, Random(f"{seed}/{tried}"), known, share=min(tried, share))
        except NoRecordError:
            continue
    raise NoRecordError(f"{unit.key}.{record.name}")


def drafted(unit: Unit, first: int) -> Iterator[str]:
    """The lines of a unit's file."""
    number = first
    for operation in unit.operations.values():
        if f"{unit.key}.{operation.record}" in BY_HAND:
            continue
        if operation.pattern in ("inquiry", "late"):
            for share in SHARES:
                number += 1
                question, answer = pair(unit, operation, number, share)
                yield f'\n[[question]]\noperation = "{operation.name}"\n[question.asked]\n{table(question)}'
                yield f"[[question.answer]]\n{table(answer)}"
        elif operation.pattern == "notice" or operation.name.endswith("ikkatsu_soshin"):
            record = unit.records[operation.record]
            for share in SHARES:
                number += 1
                known = {item.name: atenabango(number) for item in record.items if item.name == "atenabango"}
                sent = full(unit, record, f"{operation.key}/{number}", known, share)
                yield f'\n[[sent]]\noperation = "{operation.name}"\n[sent.record]\n{table(sent)}'


def table(values: Mapping[str, str]) -> str:
    """The lines of a TOML table of texts."""
    return "".join(f'{name} = "{text}"\n' for name, text in values.items())


def main() -> int:
    """Write the file of every unit."""
    HOME.mkdir(exist_ok=True)
    for unit in load_edition().units.values():
        (HOME / f"{unit.key}.toml").write_text(HEAD + "".join(drafted(unit, unit.number * 1000)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
