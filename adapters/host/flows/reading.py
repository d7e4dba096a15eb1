"""A vendor's file, record by record: good ones in the standard's items, others as setbacks; and its error list."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from adapters.host.identity import uuid_of
from adapters.host.store import files
from adapters.host.store.files import HELD, HOLDABLE, REFUSED, Setback
from adapters.host.store.outbox import BEHIND
from adapters.host.translate import Translator
from adapters.sdk.types import BadRecord, Converted, Origin, VendorRecord
from adapters.transports.file_drop import ERROR, FileDrop
from bus.core import log
from bus.core.errors import AdapterError, ChiikibusError, error_entry
from bus.core.types import Finding

ERROR_COLUMNS = (
    "レコード番号", "状態", "コード", "項目名", "位置", "理由", "対処", "期待 expected", "実際 got", "reason", "remedy"
)  # fmt: skip
_STATES = {HELD: "保留", REFUSED: "拒否", BEHIND: "順番待ち"}
_WHOLE_FILE = "ファイル全体"
OWNER = "shikuchosonkodo"
"""The item that says whose record it is."""


NOWHERE = Origin()


@dataclass(frozen=True, slots=True)
class Good:
    """A record in the standard's items."""

    record_no: int
    values: dict[str, str] = field(repr=False)
    origin: Origin = NOWHERE

    def here(self, error: ChiikibusError) -> ChiikibusError:
        """The error with this record's place in its file instead of a line of XML that nobody sees."""
        findings = [replace(one, place=one.place or self.origin.place(), line=0) for one in error.findings]
        return type(error)(error.code, findings)


@dataclass(frozen=True, slots=True)
class VendorFile:
    """A complete file that was taken from a drop. ``source`` names it in the store; its bytes stay on the disk."""

    drop: FileDrop
    path: Path
    size: int
    sha256: str
    source: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name


def take(drop: FileDrop, path: Path, *identity: str) -> VendorFile:
    """Look at a complete file; ``identity`` are the texts that, with its digest, make its source."""
    size, sha256 = drop.measure(path)
    return VendorFile(drop, path, size, sha256, uuid_of("file", *identity, sha256))


def setback(record_no: int, error: ChiikibusError, raw: bytes = b"", context: str = "") -> Setback:
    """A record that cannot go on: held where a register entry can help, else refused."""
    findings = error.findings or (Finding(error.code),)
    state = HELD if raw and all(one.code in HOLDABLE for one in findings) else REFUSED
    return Setback(record_no, error.code, findings, state, raw, context)


@dataclass(slots=True)
class RecordReader:
    """Iterates over a file's records once; afterwards ``count`` and what is wrong with the file as a whole.

    Records up to ``settled`` were dealt with before a crash: they are counted and not converted again. ``lost`` says
    how often an item of the others was lost that the mapping says to record (``loss.vendor.内部番号``).
    """

    translator: Translator
    file: VendorFile
    owners: frozenset[str] = frozenset()
    settled: int = 0
    count: int = 0
    problems: list[Finding] = field(default_factory=list)
    problem_code: str = ""
    lost: Counter[str] = field(default_factory=Counter)

    def broken(self, code: str, *findings: Finding) -> None:
        """Note that the file as a whole cannot be used."""
        self.problem_code = self.problem_code or code
        self.problems.extend(findings)

    def __iter__(self) -> Iterator[Good | Setback]:
        """Good records and setbacks in the order of the file."""
        with self.file.drop.opened(self.file.path) as stream:
            yield from self._records(stream)

    def _records(self, stream: BinaryIO) -> Iterator[Good | Setback]:
        for record in self.translator.codec.reader(stream, self.file.name):
            if isinstance(record, BadRecord) and record.scope == "file":
                self.broken(record.error.code, *record.error.findings)
                continue
            self.count += 1
            if self.count > self.settled:
                yield self._outcome(record)

    def _outcome(self, record: VendorRecord | BadRecord) -> Good | Setback:
        if isinstance(record, BadRecord):
            return setback(self.count, record.error, record.raw)
        try:
            converted = self.translator.to_standard(record)
            values = owned(converted, self.owners)
        except AdapterError as error:
            return setback(self.count, error, record.raw)
        except Exception as error:
            # a defect of a conversion stops its record, not the file behind it
            log.logger().exception("record_failed", file=self.file.name, record=self.count)
            finding = Finding("CB9001", got=type(error).__name__, place=self.file.name)
            return Setback(self.count, "CB9001", (finding,))
        self.lost.update(f"loss.{one.side}.{one.item}" for one in converted.losses)
        return Good(self.count, values, record.origin)


def owned(converted: Converted, owners: frozenset[str]) -> dict[str, str]:
    """The items of a record; AdapterError CB6017 when it belongs to a municipality that is none of ``owners``."""
    code = converted.values.get(OWNER, "")
    if not owners or not code or code in owners:
        return converted.values
    place = ""
    for step in converted.lineage:
        if step.target == OWNER and step.sources:
            source = step.sources[0]
            place = step.origin.place(source.item, (source.offset, source.length))
    finding = Finding("CB6017", OWNER, 0, " | ".join(sorted(owners)), code, name_ja="市区町村コード", place=place)
    raise AdapterError("CB6017", [finding])


def again(
    translator: Translator, raw: bytes, name: str, record_no: int, owners: frozenset[str] = frozenset()
) -> dict[str, str]:
    """A held record's items, tried again; raises AdapterError when it still cannot go on."""
    return owned(translator.to_standard(translator.decode(raw, name, record_no)), owners)


def error_list(rows: Sequence[tuple[int, str, str, tuple[Finding, ...]]]) -> bytes:
    """The error list of a file: one line per finding, UTF-8 with BOM so that office programs read it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(ERROR_COLUMNS)
    for record_no, state, code, findings in rows:
        for finding in findings or (Finding(code),):
            entry = error_entry(finding.code or code)
            item = finding.name_ja or finding.path
            place = finding.place or (f"line={finding.line}" if finding.line else "")
            row = (
                *((record_no, _STATES.get(state, state)) if record_no else ("", _WHOLE_FILE)),
                entry.code,
                item,
                place,
                entry.title_ja,
                entry.action_ja,
                finding.expected,
                finding.got,
                entry.title_en,
                entry.action_en,
            )
            writer.writerow([_inert(str(cell)) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def list_name(name: str, number: int = 1) -> str:
    """The error list's name of the ``number``-th file of this name."""
    return f"{name}.ERR.csv" if number == 1 else f"{name}.{number}.ERR.csv"


def _inert(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text


def error_list_of(
    database: sqlite3.Connection, flow: str, source: str, problems: Sequence[Finding] = ()
) -> bytes | None:
    """The error list of a file as the store knows it; ``None`` when all of it went on."""
    rows = files.setbacks(database, flow, source)
    if problems:
        rows.insert(0, (0, REFUSED, problems[0].code, tuple(problems)))
    return error_list(rows) if rows else None


def put_away(file: VendorFile, into: str, errors: bytes | None, number: int = 1) -> None:
    """Write the error list into ``error/``, then move the file itself; ``number`` tells files of one name apart."""
    if errors is not None:
        file.drop.write_beside(ERROR, list_name(file.name, number), errors)
    file.drop.finish(file.path, into)


def log_file(database: sqlite3.Connection, flow: str, file: VendorFile, known: bool, code: str) -> None:
    """The one progress line of a file."""
    counts = files.counts(database, flow, file.source)
    log.line(
        "file_read",
        flow=flow,
        file=file.name,
        records=counts.records,
        sent=counts.sent,
        pending=counts.waiting,
        behind=counts.behind,
        held=counts.held,
        refused=counts.refused,
        known=known,
        code=code,
    )
