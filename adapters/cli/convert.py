"""Convert a whole file through an adapter's definition, in pieces, with every refused record named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from rich.progress import Progress, TaskID

from adapters.characters.register import GaijiRegister
from adapters.cli.output import ExitCode, document, show_findings
from adapters.sdk.types import BadRecord, Loss, Origin
from adapters.suite.golden import read_records, write_records
from adapters.suite.subject import Pair
from bus.core.errors import AdapterError
from bus.core.types import Finding

TARGETS = ("standard", "vendor")
KEEP = 1000  # findings and losses shown; all are counted


@dataclass(slots=True)
class Result:
    """Counts of a conversion: ``records = converted + refused``."""

    out: str
    records: int = 0
    converted: int = 0
    refused: int = 0
    losses: int = 0
    file_problems: int = 0
    findings: list[Finding] = field(default_factory=list)
    lost: list[Loss] = field(default_factory=list)

    def refuse(self, error: AdapterError, *, whole_file: bool = False) -> None:
        """Count a record, or a problem of the file as a whole, with its findings."""
        if whole_file:
            self.file_problems += 1
        else:
            self.refused += 1
        self.findings += error.findings[: max(0, KEEP - len(self.findings))]

    def lose(self, losses: tuple[Loss, ...]) -> None:
        """Count what did not go through unchanged by agreement."""
        self.losses += len(losses)
        self.lost += losses[: max(0, KEEP - len(self.lost))]


def run(file: Path, to: str, out: Path | None, pair: Pair, gaiji: GaijiRegister, bar: Progress) -> Result:
    """Convert ``file``; the target is written beside it first and put in place when complete."""
    target = out or file.with_name(file.name + (".xml" if to == "standard" else ".out"))
    temporary = target.with_name(target.name + ".part")
    task = bar.add_task(file.name, total=file.stat().st_size)
    result = Result(str(target))
    with ExitStack() as stack:
        source = stack.enter_context(file.open("rb"))
        sink = stack.enter_context(temporary.open("wb"))
        if to == "standard":
            records = _to_standard(source, file.name, pair, gaiji, result, bar, task)
            write_records(sink, pair.mapping.unit, pair.mapping.record_type, records)
        else:
            for piece in pair.codec(gaiji).encode(_to_vendor(source, file.name, pair, gaiji, result, bar, task)):
                sink.write(piece)
    temporary.replace(target)
    return result


def _to_standard(
    source: BinaryIO, name: str, pair: Pair, gaiji: GaijiRegister, result: Result, bar: Progress, task: TaskID
) -> Iterator[dict[str, str]]:
    for record in pair.codec(gaiji).decode(source, name):
        if isinstance(record, BadRecord):
            whole_file = record.scope == "file"
            result.records += not whole_file
            result.refuse(pair.mapping.named(record.error), whole_file=whole_file)
            continue
        result.records += 1
        if result.records % 1000 == 0:
            bar.update(task, completed=record.origin.byte_offset)
        try:
            converted = pair.mapping.to_standard(record)
        except AdapterError as error:
            result.refuse(error)
            continue
        result.converted += 1
        result.lose(converted.losses)
        yield converted.values


def _to_vendor(
    source: BinaryIO, name: str, pair: Pair, gaiji: GaijiRegister, result: Result, bar: Progress, task: TaskID
) -> Iterator[dict[str, str]]:
    codec = pair.codec(gaiji)
    for values in read_records(source, pair.mapping.unit, pair.mapping.record_type, name):
        result.records += 1
        if result.records % 1000 == 0:
            bar.update(task, completed=source.tell())
        try:
            converted = pair.mapping.to_vendor(values, Origin(name, result.records))
            codec.encode_record(converted.values)
        except AdapterError as error:
            result.refuse(pair.mapping.named(error))
            continue
        result.converted += 1
        result.lose(converted.losses)
        yield converted.values


def report(result: Result, *, json: bool) -> int:
    """Show counts, findings and losses; 1 when anything was refused."""
    ok = not result.refused and not result.file_problems
    counts: dict[str, Any] = {
        "ok": ok,
        "out": result.out,
        "records": result.records,
        "converted": result.converted,
        "refused": result.refused,
        "file_problems": result.file_problems,
        "losses": result.losses,
    }
    if json:
        lost = [{"side": one.side, "item": one.item, "reason": one.reason, "place": one.place} for one in result.lost]
        document({**counts, "findings": [one.as_dict() for one in result.findings], "lost": lost})
    else:
        print(
            f"{result.out}: {result.records} 件中 {result.converted} 件を変換、拒否 {result.refused} 件、"
            f"ファイルの問題 {result.file_problems} 件、記録した欠落 {result.losses} 件 / "
            f"{result.converted} of {result.records} converted"
        )
        for one in result.lost[:20]:
            print(f"  欠落 loss: {one.place or one.item}: {one.reason}")
    show_findings(result.findings)
    return ExitCode.DONE if ok else ExitCode.NEGATIVE
