"""What the adapter commands write: JSON on one line or text for a person, findings on standard error, progress bars."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bus.core.errors import error_entry
from bus.core.types import Finding

JsonOption = Annotated[bool, typer.Option("--json", help="JSON で出力する / print JSON")]


class ExitCode(IntEnum):
    """How a command ends."""

    DONE = 0
    NEGATIVE = 1
    USAGE = 2
    ENVIRONMENT = 3


PIPED_WIDTH = 1000


def document(value: Any) -> None:
    """One JSON value on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Rows for a person."""
    found = Table(title=title or None, box=SIMPLE_HEAD, title_justify="left")
    for heading in headings:
        found.add_column(heading, overflow="fold")  # nothing is cut: names are there to be copied
    for row in rows:
        found.add_row(*(Text(str(cell)) for cell in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH).print(found)


def code_text(code: str) -> str:
    """A code with its Japanese title; empty for none."""
    return f"{code} {error_entry(code).title_ja}" if code else ""


def finding_text(finding: Finding) -> str:
    """One finding on one line: place, item, Japanese title, what was expected and got."""
    entry = error_entry(finding.code)
    where = " ".join(part for part in (finding.place, finding.path, finding.name_ja) if part)
    line = f"（{finding.line}行目）" if finding.line else ""
    text = f"{where}{line}: {finding.code} {entry.title_ja} / {entry.title_en}"
    if finding.expected:
        text += f"　期待 expected: {finding.expected}"
    return text + (f"　実際 got: {finding.got}" if finding.got else "")


def show_findings(findings: Sequence[Finding], limit: int = 100) -> None:
    """Findings with the remedy of their codes on standard error."""
    for finding in findings[:limit]:
        print(f"  - {finding_text(finding)}", file=sys.stderr)
    if len(findings) > limit:
        print(f"  … ほか {len(findings) - limit} 件 / and more", file=sys.stderr)
    for code in dict.fromkeys(finding.code for finding in findings):
        entry = error_entry(code)
        print(f"  対処 {code}: {entry.action_ja} / {entry.action_en}", file=sys.stderr)


def progress(*, quiet: bool) -> Progress:
    """A progress bar on standard error; none for JSON or where nobody watches."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    return Progress(*columns, TimeRemainingColumn(), console=console, disable=quiet or not console.is_terminal)
