"""The manifest of an edition: SHA-256 and provenance of every file, and what differs from it."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path

NAME = "manifest.csv"
COLUMNS = ("path", "sha256", "provenance")
PROVENANCES = ("normative copy", "reconstructed", "ours")


def read(folder: Path) -> Mapping[str, tuple[str, str]]:
    """``path -> (sha256, provenance)`` of the edition's manifest; empty where there is none."""
    if not (folder / NAME).is_file():
        return {}
    with (folder / NAME).open(encoding="utf-8", newline="") as file:
        return {row["path"]: (row["sha256"], row["provenance"]) for row in csv.DictReader(file)}


def current(folder: Path) -> Mapping[str, str]:
    """``path -> sha256`` of the files that are there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def problems(folder: Path) -> tuple[str, ...]:
    """Every file that is missing, not listed, altered or without a known provenance."""
    listed, there = read(folder), current(folder)
    found = [f"{path}: not in {NAME}" for path in there if path not in listed]
    found += [f"{path}: listed but not there" for path in listed if path not in there]
    found += [f"{path}: altered" for path in there if path in listed and listed[path][0] != there[path]]
    found += [f"{path}: unknown provenance {kind!r}" for path, (_, kind) in listed.items() if kind not in PROVENANCES]
    return tuple(found)


def text(folder: Path) -> str:
    """The manifest as it should be: known files keep their provenance, new ones have that of their rows."""
    listed = read(folder)
    rows = [
        (path, digest, listed[path][1] if path in listed else origin(folder / path))
        for path, digest in current(folder).items()
    ]
    return "\n".join(",".join(row) for row in [COLUMNS, *rows]) + "\n"


def origin(path: Path) -> str:
    """Where a file comes from: ``reconstructed`` for a table with rows that are not marked as ours, else ``ours``."""
    if path.suffix != ".csv":
        return "ours"
    with path.open(encoding="utf-8", newline="") as file:
        marks = [row.get("provenance") or "ours" for row in csv.DictReader(file)]
    return "ours" if all(mark.startswith("ours") for mark in marks) else "reconstructed"
