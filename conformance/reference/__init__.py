"""The reference population: synthetic residents (no real person) that contain awkward cases, and their records.

``juki.toml`` holds what a resident has in common with others under ``[common]`` and what is its own under
``[[resident]]``; an item that a resident has not is the empty text there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

HOME = Path(__file__).parent


def residents() -> tuple[Mapping[str, str], ...]:
    """The records of the residents in the order of the file, by item."""
    data = tomllib.loads((HOME / "juki.toml").read_text(encoding="utf-8"))
    merged = [{**data["common"], **one} for one in data["resident"]]
    return tuple({name: value for name, value in one.items() if value and name != "case"} for one in merged)


def others() -> Mapping[str, Mapping[str, str]]:
    """Records that are no residents (inquiries and such) by name."""
    data = tomllib.loads((HOME / "juki.toml").read_text(encoding="utf-8"))
    found: Mapping[str, Mapping[str, str]] = data["record"]
    return found
