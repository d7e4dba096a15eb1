"""Sends the same notices once in order and once shuffled and three times each, and compares the two tax ledgers.

Of the three copies two carry the same message id (the bus answers the second from its journal) and one another id
(the adapter's inbox decides by 宛名番号 and 履歴番号). All residents are synthetic.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
from lxml import etree
from rich.console import Console
from townhall import MUNICIPALITY, TownHall, wait_for

from adapters.population.town import Town
from adapters.simulators.a_tax import read_csv
from bus.core.types import Addressing
from bus.wire import envelope
from bus.wire.records import to_element
from schemas.catalog import load_edition

LANES = 32
SETTLE_S = 300.0
RESIDENTS_PER_NOTICE = 5


def notices(count: int, seed: int) -> list[dict[str, str]]:
    """``count`` events of a synthetic town, in order."""
    town = Town.generate(seed=seed, size=max(200, count // RESIDENTS_PER_NOTICE), municipality=MUNICIPALITY)
    found: list[dict[str, str]] = []
    for change in town.changes(count):
        found += [dict(event.record) for event in change.events]
        if len(found) >= count:
            break
    return found[:count]


def messages(records: Sequence[dict[str, str]]) -> list[tuple[str, bytes, bytes]]:
    """For each record its 宛名番号, the message, and the same notice under another message id."""
    unit = load_edition().units["juki"]
    operation = unit.operations["ido_tsuchi"]
    made = []
    for number, record in enumerate(records):
        pair = []
        for copy in "ab":
            payload = etree.Element(operation.input, nsmap={None: unit.namespace})
            to_element(payload, unit.namespace, unit.records["jumin"], record)
            message_id = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'shuffled:{number}:{copy}')}"
            pair.append(envelope.build(payload, addressing=Addressing(message_id=message_id, action=operation.action)))
        made.append((record["atenabango"], pair[0], pair[1]))
    return made


async def post(hall: TownHall, lanes: Sequence[Sequence[bytes]], action: str) -> int:
    """Post each lane in its order, lanes side by side; how many were accepted."""
    secret = (hall.site / "secrets" / f"{MUNICIPALITY}-juki.key").read_text("utf-8").strip()
    url = f"http://127.0.0.1:{hall.ports['bus']}/{MUNICIPALITY}/juki/juki"
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
    headers["Authorization"] = aiohttp.encode_basic_auth("juki", secret)
    accepted = 0
    async with aiohttp.ClientSession(headers=headers) as session:

        async def lane(bodies: Sequence[bytes]) -> None:
            nonlocal accepted
            for body in bodies:
                while True:
                    async with session.post(url, data=body) as answer:
                        await answer.read()
                    if answer.status != 503:
                        break
                    await asyncio.sleep(0.05)
                accepted += answer.status == 200

        await asyncio.gather(*(lane(bodies) for bodies in lanes))
    return accepted


def ledger(hall: TownHall, expected: dict[str, str]) -> list[dict[str, Any]]:
    """The tax ledger through the vendor's own extract, once it holds the expected versions."""

    wait_for("台帳 ledger", lambda: hall.panel("a-tax", "/versions") == expected, SETTLE_S)
    name = hall.panel("a-tax", "/daicho", {})["file"]
    return read_csv((hall.site / "sim/a-tax/daicho" / name).read_bytes())


def run_once(work: Path, made: list[tuple[str, bytes, bytes]], expected: dict[str, str], seed: int | None) -> Any:
    """One town hall, fed in order (``seed`` None) or shuffled with three copies; its ledger and counts."""
    lanes: list[list[bytes]] = [[] for _ in range(LANES)]
    if seed is None:
        for number, first, _ in made:
            lanes[hash(number) % LANES].append(first)
    else:
        everything = [body for _, first, second in made for body in (first, first, second)]
        random.Random(seed).shuffle(everything)
        for position, body in enumerate(everything):
            lanes[position % LANES].append(body)
    hall = TownHall(work, fixed_ports=False)
    try:
        hall.prepare()
        hall.start()
        accepted = asyncio.run(post(hall, lanes, load_edition().units["juki"].operations["ido_tsuchi"].action))
        rows = ledger(hall, expected)
        return rows, {"posted": sum(map(len, lanes)), "accepted": accepted, "journal": hall.messages()}
    finally:
        hall.stop()


def main() -> int:
    """Print one line of JSON; exit code 0 when both ledgers are the same."""
    parser = argparse.ArgumentParser(description="順序と重複 / order and duplicates")
    parser.add_argument("--notices", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    console = Console(stderr=True, highlight=False)
    records = notices(options.notices, options.seed)
    expected: dict[str, str] = {}
    for record in records:
        expected[record["atenabango"]] = record["rirekibango"]
    made = messages(records)
    work = Path(tempfile.mkdtemp(prefix="chiikibus-"))
    try:
        console.print(f"順に 1 回 once in order: {len(made)}")
        straight, counts = run_once(work / "straight", made, expected, None)
        console.print(f"   {counts}\n混ぜて 3 回ずつ shuffled, three times each: {3 * len(made)}")
        mixed, counts_mixed = run_once(work / "mixed", made, expected, options.seed)
        console.print(f"   {counts_mixed}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    differences = sum(a != b for a, b in zip(straight, mixed, strict=False)) + abs(len(straight) - len(mixed))
    line = {"notices": len(made), "posted": 3 * len(made), "residents": len(straight), "differences": differences}
    print(json.dumps(line), flush=True)
    return 0 if differences == 0 and straight else 1


if __name__ == "__main__":
    sys.exit(main())
