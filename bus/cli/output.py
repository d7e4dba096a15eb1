"""What a command writes: JSON or text for a person on standard output; coded problems on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import msgspec

from bus.core.errors import ChiikibusError, ConfigurationError, EnvironmentFault, error_entry
from bus.core.types import Finding

if TYPE_CHECKING:
    from rich.console import Console


class ExitCode(IntEnum):
    """How a command ends."""

    DONE = 0
    NEGATIVE = 1
    USAGE = 2
    ENVIRONMENT = 3


PIPED_WIDTH = 1000
ENVIRONMENT_CODES = frozenset({"CB4003", "CB5001", "CB5010", "CB5011", "CB6012", "CB7060", "CB7061"})


def exit_code_of(error: ChiikibusError) -> ExitCode:
    """Configuration 2, machine 3, everything else is a negative answer."""
    if isinstance(error, EnvironmentFault) or error.code in ENVIRONMENT_CODES:
        return ExitCode.ENVIRONMENT
    if isinstance(error, ConfigurationError):
        return ExitCode.USAGE
    return ExitCode.NEGATIVE


def _plain(value: Any) -> Any:
    """For what msgspec does not know."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


class Output:
    """Standard output and standard error of one command."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._encoder = msgspec.json.Encoder(enc_hook=_plain)

    def document(self, value: Any) -> None:
        """One JSON value on one line; nothing for a person."""
        if self.json:
            sys.stdout.write(self._encoder.encode(value).decode("utf-8") + "\n")
            sys.stdout.flush()

    def say(self, text: str = "") -> None:
        """A line for a person; nothing with ``--json``."""
        if not self.json:
            print(text)

    def console(self) -> Console:
        """A rich console on standard output for a person, on standard error with ``--json``; wide where piped."""
        from rich.console import Console

        stream = sys.stderr if self.json else sys.stdout
        return Console(file=stream, highlight=False, width=None if stream.isatty() else PIPED_WIDTH)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
        """Rows for a person."""
        if self.json:
            return
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title or None, box=SIMPLE_HEAD, title_justify="left")
        for heading in headings:
            table.add_column(heading, overflow="fold")  # nothing is cut: numbers are there to be copied
        for row in rows:
            table.add_row(*(Text(str(cell)) for cell in row))
        self.console().print(table)

    def fields(self, values: Mapping[str, object]) -> None:
        """Names and values for a person, one a line."""
        for name, value in values.items():
            self.say(f"{name}: {value}")

    def fail(self, error: ChiikibusError) -> ExitCode:
        """Show a coded error with its findings and remedy on standard error; as a document too with ``--json``."""
        print_problem(error.code, error.findings)
        self.document({"error": {"code": error.code, "findings": [finding.as_dict() for finding in error.findings]}})
        return exit_code_of(error)


def title(code: str) -> str:
    """A code with its titles in both languages; only the code where it is of somebody else's catalogue."""
    try:
        entry = error_entry(code)
    except KeyError:
        return code
    return f"{code} {entry.title_ja} / {entry.title_en}"


def finding_text(finding: Finding, above: str = "") -> str:
    """``endpoints.toml: endpoint[2].unit（4行目）: CB7014 ...　期待 expected: kokuho?　実際 got: kokuhou``.

    The title is left out where the code is that of the line ``above``.
    """
    where = " ".join(part for part in (finding.place, finding.path, finding.name_ja) if part)
    text = where + (f"（{finding.line}行目）" if finding.line else "")
    parts = [title(finding.code)] if finding.code != above else []
    if finding.expected:
        parts.append(f"期待 expected: {finding.expected}")
    if finding.got:
        parts.append(f"実際 got: {finding.got}")
    return f"{text}: {'　'.join(parts)}" if parts else text


def print_problem(code: str, findings: Sequence[Finding] = ()) -> None:
    """``<code> ja / en``, the findings, then what to do, on standard error."""
    entry = error_entry(code)
    lines = [f"{code} {entry.title_ja} / {entry.title_en}"]
    lines += [f"  - {finding_text(finding, code)}" for finding in findings]
    lines.append(f"  対処: {entry.action_ja} / {entry.action_en}")
    sys.stderr.write("\n".join(lines) + "\n")
