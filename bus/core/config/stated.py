"""Routes that ask for statements of conformity: whom they concern, and the findings when a site is loaded."""

from __future__ import annotations

from pathlib import Path

from bus.core.config.parts import Parts
from bus.core.types import Finding


def concerned(parts: Parts) -> bool:
    """Whether any route asks; a site without such a route neither reads statements nor loads the library."""
    return any(entry.value.require_statement for entry in parts.routes)


def read_statements(parts: Parts, folder: Path) -> tuple[dict[str, float], list[Finding]]:
    """Until when the statement of each target holds, and CB7075, CB7077 to CB7079 for those without a genuine one."""
    if not concerned(parts):
        return {}, []
    from bus.core.statements import standings  # noqa: PLC0415 - as above

    asked = {
        (entry.value.municipality, target)
        for entry in parts.routes
        if entry.value.require_statement
        for target in entry.value.targets
    }
    endpoints = [entry.value for entry in parts.endpoints if (entry.value.municipality, entry.value.id) in asked]
    return standings(folder, endpoints)
