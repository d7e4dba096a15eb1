"""Collect every problem of a definition, with file, line and the nearest known name, and raise them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bus.core.config.reader import nearest
from bus.core.errors import ConfigurationError
from bus.core.types import Finding


@dataclass(slots=True)
class Problems:
    """A list of findings under one code that grows while a definition is read."""

    code: str = "CB6008"
    found: list[Finding] = field(default_factory=list)

    def add(self, file: Path | str, path: str, *, line: int = 0, expected: str = "", got: str = "") -> None:
        """Note one problem at ``path`` of ``file``."""
        self.found.append(Finding(self.code, path=path, line=line, expected=expected, got=got, place=str(file)))

    def unknown(self, file: Path | str, path: str, got: str, known: Iterable[str], *, line: int = 0) -> None:
        """Note a name that is not known, with the nearest known one."""
        names = list(known)
        close = nearest(got, names)
        expected = f"did you mean {close}?" if close else "one of " + ", ".join(names[:12])
        self.add(file, path, line=line, expected=expected, got=got)

    def raise_if_any(self) -> None:
        """Raise ConfigurationError with everything found so far, if anything was."""
        if self.found:
            raise ConfigurationError(self.code, self.found)
