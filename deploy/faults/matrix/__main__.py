"""Run cells, keep their results, print the table or write it into docs/reliability.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.children import HarnessError
from harness.engines import Engines

from matrix import table
from matrix.account import HEAD, Account, account
from matrix.cells import CELLS, Cell
from matrix.place import MatrixError, Place, command, until
from matrix.servers import Servers

SETTLE_S = 300.0


def say(line: str) -> None:
    """Tell a person, on standard error."""
    print(line, file=sys.stderr, flush=True)


async def run(cell: Cell, engine: str, folder: Path, engines: Engines | Servers, options: Options) -> Account:
    """One cell on one pair of engines. Errors: ``MatrixError``."""
    seed = options.seed
    dice = random.Random(f"{seed} {cell.name} {engine}")
    place = Place(folder, engine, engines, dice, options.messages, cell.shape)
    place.environment.update(cell.prepare(folder))
    begun = time.monotonic()
    await place.build(f"{seed}-{cell.name}-{engine}")
    if "[journal.seal]" in cell.shape.more:
        await command(place, "journal", "seal", "key")
    if "clock" in place.environment.get("FAKETIME_TIMESTAMP_FILE", ""):
        (folder / "clock").write_text("+0\n", encoding="ascii")
    tasks: list[asyncio.Future[Any]] = []
    try:
        await place.up()
        loading, breaking = asyncio.ensure_future(place.load.run()), asyncio.ensure_future(cell.fault(place))
        tasks = [loading, breaking, asyncio.ensure_future(place.watch_time())]
        done, _ = await asyncio.wait((loading, breaking), return_when=asyncio.FIRST_EXCEPTION, timeout=1800)
        for task in (loading, breaking):
            if task not in done or task.exception() is not None:
                problem = "not within 1800 s" if task not in done else repr(task.exception())
                raise MatrixError(f"{cell.name} on {engine}, seed {seed}: {problem}")
        hit = breaking.result()
        try:
            await until(lambda: _finished(place), SETTLE_S, "everything to be delivered")
        except MatrixError as error:
            say(f"{error}: {place.states()}")  # the account shows what is missing
        return account(place, cell.name, cell.title, hit=hit, seconds=time.monotonic() - begun, seed=seed)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await place.close()


def one(cell: Cell, engine: str, folder: Path, engines: Engines, options: Options) -> Account:
    """One cell, on servers of its own where it wants them. Errors: ``MatrixError``."""
    if cell.servers is None:
        return asyncio.run(run(cell, engine, folder, engines, options))
    try:
        servers = cell.servers(folder.with_name(f"servers-{folder.name}"))
    except RuntimeError as error:
        raise MatrixError(str(error)) from error
    try:
        return asyncio.run(run(cell, engine, folder, servers, options))
    finally:
        servers.stop()


def _finished(place: Place) -> bool:
    """Whether nothing is under way; looks into the journal only when the receiver has everything."""
    return len(place.receiver.effects) >= len(place.load.ledger.acknowledged) and set(place.states()) == {"DELIVERED"}


class Options(argparse.Namespace):
    """The command line."""

    messages: int
    only: str
    names: list[str]
    engine: str
    seed: int
    list: bool
    json: bool
    keep: Path | None
    write: bool


def arguments() -> Options:
    """The command line of ``deploy/faults/run.sh``."""
    parser = argparse.ArgumentParser(prog="deploy/faults/run.sh")
    parser.add_argument("--messages", type=int, default=10_000, help="acknowledged messages of each cell")
    parser.add_argument("--only", default="", help="names of cells, separated by commas")
    parser.add_argument("--engine", choices=("embedded", "distributed", "both"), default="both")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--list", action="store_true", help="print the names of the cells")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each cell on standard output")
    parser.add_argument(
        "--keep", type=Path, help=f"add each result to this file at once (results: {table.RESULTS.name})"
    )
    parser.add_argument("--write", action="store_true", help="run nothing; write docs/reliability.md from the results")
    options = parser.parse_args(namespace=Options())
    options.names = options.only.split(",") if options.only else [cell.name for cell in CELLS]
    unknown = set(options.names) - {cell.name for cell in CELLS}
    if unknown:
        parser.error(f"unknown cells: {', '.join(sorted(unknown))} (--list)")
    return options


def main() -> int:
    """Exit code 0 when every cell is sound, 1 when one is not, 3 when the harness could not work."""
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end like Ctrl-C: with everything that was started
    if options.write:
        table.write()
        return 0
    if options.list:
        print("\n".join(f"{cell.name:14} {', '.join(cell.engines):24} {cell.title}" for cell in CELLS))
        return 0
    chosen = [
        (cell, engine)
        for cell in CELLS
        if cell.name in options.names
        for engine in cell.engines
        if options.engine in {engine, "both"}
    ]
    folder = Path(tempfile.mkdtemp(prefix="chiikibus-faults-"))
    accounts: list[Account] = []
    failed: list[str] = []
    distributed = any(engine == "distributed" for _, engine in chosen)
    say(f"seed {options.seed}, {options.messages} messages each")
    engines: Engines | None = None
    try:
        engines = Engines(
            folder,
            journal="postgresql" if distributed else "sqlite",
            broker="rabbitmq" if distributed else "memory",
        )
        for number, (cell, engine) in enumerate(chosen):
            missing = [path for path in cell.needs if not path.exists()]
            if missing:
                failed.append(f"{cell.name}: {missing[0]} がない / is missing")
                continue
            try:
                found = one(cell, engine, folder / str(number), engines, options)
            except MatrixError as error:
                failed.append(str(error))
                say(f"✗ {cell.name} ({engine}): {error}")
                continue
            accounts.append(found)
            say(f"{'✓' if found.sound else '✗'} {found.row()}")
            if options.keep is not None:
                table.append(options.keep, found)
            if options.json:
                print(json.dumps(asdict(found), ensure_ascii=False), flush=True)
    except HarnessError as error:
        say(str(error))
        return 3
    finally:
        if engines is not None:
            engines.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if not options.json:
        print("\n".join([HEAD, *(each.row() for each in accounts), *failed]))
    return int(bool(failed) or not all(each.sound for each in accounts))


if __name__ == "__main__":
    sys.exit(main())
