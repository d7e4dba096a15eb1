"""Run the cells, print what is measured, write docs/performance.md."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.children import HarnessError
from harness.engines import Engines
from harness.machine import describe, disk_sync_us
from harness.messages import KB
from harness.report import MEASURED, STEPS, steps_table, summary, table, write
from harness.scenarios import PACED_RATE, Bench, Cell, Plan, Sample
from harness.steps import measure

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "performance.md"
SIGNED = "S6"
SIZES = {"S1": (1, 10, 100), "S3": (1, 10, 100), "S9": (1, 10)}
CLIENTS = (20, 100)
LARGEST_KB = 100


def say(line: str) -> None:
    """Tell a person, on standard error."""
    print(line, file=sys.stderr, flush=True)


def cells(only: list[str], largest_kb: int, *, quick: bool) -> list[Cell]:
    """The cells to run up to that size, smallest first within a scenario."""
    chosen = [Cell(s, size, clients) for s in only for size in SIZES[s] if size <= largest_kb for clients in CLIENTS]
    return [cell for cell in chosen if cell.size_kb == 1 and cell.clients == CLIENTS[0]] if quick else chosen


def step_costs(bench: Bench, folder: Path) -> dict[str, dict[str, float]]:
    """Microseconds of each step for a call of each kind."""
    messages = bench.messages
    return {
        "S1 1 KB": measure(folder / "steps-s1", messages.opaque(KB), opaque=True),
        "S3 1 KB": measure(folder / "steps-s3", messages.inquiry(KB), opaque=False),
        "S3 10 KB": measure(folder / "steps-s3-10", messages.inquiry(10 * KB), opaque=False),
    }


def signed_both_ways(processes: tuple[int, ...], *, quick: bool, as_json: bool, no_write: bool) -> int:
    """S6, which needs keys and messages of its own; its table stands apart."""
    from harness.signed import run, signed_table  # noqa: PLC0415 - loads the libraries of message security

    folder = Path(tempfile.mkdtemp(prefix="chiikibus-bench-"))
    try:
        samples = run(folder, seconds=1 if quick else 5, repetitions=1 if quick else 3, processes=processes, say=say)
    except HarnessError as error:
        say(str(error))
        return 3
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    machine = describe()
    text = signed_table(samples)
    stamp = f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC with `deploy/bench/run.sh --only {SIGNED}`"
    stamp += f" on {machine.cores} cores of {machine.processor}.\n\n"
    if not quick and not no_write:
        write(DOCUMENT, "signed", stamp + text)
    print(json.dumps({"rows": [asdict(sample) for sample in samples]}) if as_json else stamp + text)
    return int(any(sample.wrong for sample in samples))


def arguments() -> argparse.Namespace:
    """The command line of ``deploy/bench/run.sh``."""
    parser = argparse.ArgumentParser(prog="deploy/bench/run.sh")
    parser.add_argument("--quick", action="store_true", help="one short run of the smallest cells, nothing written")
    parser.add_argument("--json", action="store_true", help="one line of JSON on standard output")
    parser.add_argument("--only", default="S1,S3,S9", help="scenarios, separated by commas; S6 alone")
    parser.add_argument(
        "--processes", default="1", help="front.processes of the bus, separated by commas: each is a contestant"
    )
    parser.add_argument("--largest", type=int, default=LARGEST_KB, metavar="KB", help="leave out larger messages")
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance.md alone")
    parser.add_argument("--broker", choices=("memory", "rabbitmq"), default="memory", help="rabbitmq: only with S9")
    parser.add_argument(
        "--journal", choices=("sqlite", "postgresql"), default="sqlite", help="postgresql: only with S9"
    )
    parser.add_argument("--rate", type=int, default=PACED_RATE, help="messages a second of the steady run of S9")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if options.only != [SIGNED] and not set(options.only) <= set(SIZES):
        parser.error(f"known scenarios: {', '.join(SIZES)}; {SIGNED} alone")
    if (options.broker, options.journal) != ("memory", "sqlite") and options.only != ["S9"]:
        parser.error("--broker, --journal: --only S9")
    return options


def main() -> int:
    """Exit code 0 when every answer was right, 1 when one was wrong, 3 when the harness could not work."""
    options = arguments()
    only = options.only
    processes = tuple(int(each) for each in options.processes.split(","))
    if only == [SIGNED]:
        return signed_both_ways(processes, quick=options.quick, as_json=options.json, no_write=options.no_write)
    plan = Plan(1, 1, processes, rate=options.rate) if options.quick else Plan(5, 3, processes, rate=options.rate)
    machine = describe()
    folder = Path(tempfile.mkdtemp(prefix="chiikibus-bench-"))
    samples: list[Sample] = []
    engines: Engines | None = None
    try:
        say(f"{machine.cores} cores, {machine.processor}; one durable write of 1 KB: {disk_sync_us(folder):.0f} µs")
        engines = Engines(folder, journal=options.journal, broker=options.broker)
        bench = Bench(folder, plan if engines.embedded else replace(plan, change=engines.name), say)
        for cell in cells(only, options.largest, quick=options.quick):
            samples += bench.run(cell)
        costs = step_costs(bench, folder)
    except HarnessError as error:
        say(str(error))
        return 3
    finally:
        if engines is not None:
            engines.stop()
        shutil.rmtree(folder, ignore_errors=True)
    command = "deploy/bench/run.sh" + (" --quick" if options.quick else "")
    command += f" --processes {options.processes}" if options.processes != "1" else ""
    command += f" --broker {options.broker}" if options.broker != "memory" else ""
    command += f" --journal {options.journal}" if options.journal != "sqlite" else ""
    command += f" --rate {options.rate}" if options.rate != PACED_RATE else ""
    command += f" --largest {options.largest}" if options.largest != LARGEST_KB else ""
    command += f" --only {','.join(only)}" if only != list(SIZES) else ""
    if not options.quick and not options.no_write and engines.embedded:
        write(DOCUMENT, MEASURED, table(samples, machine, command))
        write(DOCUMENT, STEPS, steps_table(costs))
    if options.json:
        print(json.dumps({"machine": asdict(machine), "rows": summary(samples), "steps": costs}, ensure_ascii=False))
    else:
        print(table(samples, machine, command), steps_table(costs), sep="\n\n")
    return int(any(sample.wrong for sample in samples))


if __name__ == "__main__":
    sys.exit(main())
