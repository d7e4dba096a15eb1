"""From samples to the table of docs/performance.md: median, spread, and the ratio to nginx in the same repetition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from harness.machine import Machine
from harness.scenarios import Sample

MEASURED, STEPS = "measured", "steps"
"""Parts of the document that the harness writes, between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``."""
HEAD = (
    "| scenario | size | clients | contestant | messages/s, median (spread) | of nginx | p50 ms | p99 ms "
    "| CPU s per 1,000 (main thread) | foreign load | wrong |",
    "|---|---|---|---|---|---|---|---|---|---|---|",
)


def groups(samples: Iterable[Sample]) -> dict[tuple[str, int, int, str], list[Sample]]:
    """Samples by scenario, size, clients and contestant, in the order measured."""
    found: dict[tuple[str, int, int, str], list[Sample]] = {}
    for sample in samples:
        key = (sample.scenario, sample.size_kb, sample.clients, sample.contestant)
        found.setdefault(key, []).append(sample)
    return found


def ratio(samples: Sequence[Sample], peers: Sequence[Sample]) -> float | None:
    """Median of the ratios within each repetition, or ``None`` without a peer."""
    by_repetition = {peer.repetition: peer.rate for peer in peers}
    ratios = [s.rate / by_repetition[s.repetition] for s in samples if by_repetition.get(s.repetition)]
    return median(ratios) if ratios else None


def summary(samples: Sequence[Sample]) -> list[dict[str, object]]:
    """One flat row per cell and contestant."""
    grouped = groups(samples)
    rows: list[dict[str, object]] = []
    for (scenario, size, clients, contestant), own in grouped.items():
        rates = [sample.rate for sample in own]
        to_nginx = ratio(own, grouped.get((scenario, size, clients, "nginx"), []))
        to_relay = ratio(own, grouped.get((scenario, size, clients, "relay"), []))
        rows.append(
            {
                "scenario": scenario,
                "size_kb": size,
                "clients": clients,
                "contestant": contestant,
                "rate": median(rates),
                "rate_min": min(rates),
                "rate_max": max(rates),
                "of_nginx": round(to_nginx, 3) if to_nginx is not None else None,
                "of_relay": round(to_relay, 2) if to_relay is not None else None,
                "p50_ms": median(sample.p50_ms for sample in own),
                "p99_ms": median(sample.p99_ms for sample in own),
                "cpu_per_1000": median(sample.cpu_per_1000 for sample in own),
                "main_per_1000": median(sample.main_per_1000 for sample in own),
                "foreign": median(sample.foreign for sample in own),
                "wrong": sum(sample.wrong for sample in own),
                "runs": len(own),
                "notes": [sample.note for sample in own if sample.note],
            }
        )
    return rows


def table(samples: Sequence[Sample], machine: Machine, command: str) -> str:
    """The measured part of the document, in Markdown."""
    calibrations = sorted(sample.calibration_us for sample in samples)
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC with `{command}`; runs per cell: "
        f"{max(sample.repetition for sample in samples) + 1}.",
        "",
        f"Machine: {machine.cores} cores of {machine.processor}, {machine.memory_gb:g} GB, {machine.system}. Versions: "
        + ", ".join(f"{name} {version}" for name, version in machine.versions.items())
        + ".",
        f"Calibration (a fixed piece of work; the processor's speed varies): {calibrations[0]:.2f} to "
        f"{calibrations[-1]:.2f} µs, median {median(calibrations):.2f} µs.",
        "",
        *HEAD,
    ]
    rows = summary(samples)
    for row in rows:
        share = "" if row["of_nginx"] is None else f"{float(str(row['of_nginx'])):.0%}"
        main = f" ({row['main_per_1000']:.3f})" if str(row["contestant"]).startswith("bus") else ""
        cells = (
            "{scenario}",
            "{size_kb} KB",
            "{clients}",
            "{contestant}",
            "{rate:,.0f} ({rate_min:,.0f}–{rate_max:,.0f})",
            share,
            "{p50_ms:.1f}",
            "{p99_ms:.1f}",
            "{cpu_per_1000:.3f}" + main,
            "{foreign:.0%}",
            "{wrong}",
        )
        lines.append("| " + " | ".join(cells).format(**row) + " |")
    notes = [
        f"- {row['scenario']} {row['size_kb']} KB, {row['clients']} clients, {row['contestant']}: {note}"
        for row in rows
        for note in row["notes"]
    ]
    against = [
        f"- {row['scenario']} {row['size_kb']} KB, {row['clients']} clients: the bus carries {row['of_relay']} times "
        "what the naive relay does."
        for row in rows
        if row["contestant"] == "bus" and row["of_relay"] is not None
    ]
    return "\n".join([*lines, "", *against, *notes])


def steps_table(costs: Mapping[str, Mapping[str, float]]) -> str:
    """Microseconds per step and kind of call, in Markdown."""
    names = list(costs)
    steps = [step for step in next(iter(costs.values())) if step != "total"]
    lines = [f"| step | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {s} | " + " | ".join(f"{costs[name][s]:.1f}" for name in names) + " |" for s in (*steps, "total")]
    return "\n".join(lines)


def write(document: Path, part: str, text: str) -> None:
    """Put a generated part between its markers."""
    before, rest = document.read_text(encoding="utf-8").split(f"<!-- {part}:begin -->")
    after = rest.split(f"<!-- {part}:end -->")[1]
    document.write_text(f"{before}<!-- {part}:begin -->\n{text}\n<!-- {part}:end -->{after}", encoding="utf-8")
