"""Take a decision of a person into a gaiji register: checked against the MJ list, written with its history.

Nothing is decided here: the class of the survey, the evidence and who decided are given and kept.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from adapters.characters.history import History
from adapters.characters.mj import mj, unregistered
from adapters.characters.register import CLASSES, Gaiji, GaijiRegister, load_register, points, read_row, save_register
from adapters.sdk.problems import Problems

UNIDENTIFIED = CLASSES[3]


def checked(row: Gaiji, path: Path) -> Gaiji:
    """The row with MJ name and sequence completed from each other; ConfigurationError CB6008 with all problems.

    A sequence has to be a registered one; MJ name and sequence have to mean the same glyph; a glyph without Unicode
    text is decided by its MJ name alone. 同定不可能 has neither.
    """
    problems = Problems()
    glyph = mj().by_mj(row.mj) if row.mj else None
    if row.mj and glyph is None:
        problems.add(path, "mj", expected="a name of the MJ list", got=row.mj)
    if glyph is not None and not row.sequence and row.class_ != UNIDENTIFIED:
        row = replace(row, sequence=glyph.carrier() or glyph.stand_in)
    elif glyph is not None and row.sequence not in {glyph.plain, glyph.ivs, glyph.svs, glyph.stand_in}:
        problems.add(path, "ucs", expected=points(glyph.carrier()), got=points(row.sequence))
    elif row.sequence and not row.mj and (found := mj().by_text(row.sequence)) is not None:
        row = replace(row, mj=found.mj)
    if unregistered(row.sequence):
        problems.add(path, "ucs", expected="a registered ideographic variation sequence", got=points(row.sequence))
    if row.class_ == UNIDENTIFIED and row.sequence:
        problems.add(path, "class", expected="a class that identifies the character", got=row.class_)
    for name, value in (("evidence", row.evidence), ("decided_at", row.decided_at)):
        if not value:
            problems.add(path, name, expected="a value", got="")
    ucs = points(row.sequence)
    cells = [row.code, ucs, row.mj, row.class_, row.evidence, row.decided_by, row.decided_at, row.valid_from]
    read_row(cells, problems, path)
    problems.raise_if_any()
    return row


def decide(register: Path, history: History, scope: str, row: Gaiji, *, at: str) -> Gaiji:
    """Put a decision into the register: history first, then the file in one step. The row as it stands there.

    Errors: ConfigurationError CB6008. Two who decide at once wait for each other.
    """
    row = checked(row, register)
    with _alone(register):
        present = load_register(register) if register.exists() else GaijiRegister()
        before = next((one for one in present.rows if one.code == row.code), None)
        if before == row:
            return row
        rows = tuple(row if one.code == row.code else one for one in present.rows)
        history.append(at=at, by=row.decided_by, scope=scope, before=before, after=row)
        save_register(GaijiRegister(rows if before is not None else (*rows, row)), register)
    return row


def withdraw(register: Path, history: History, scope: str, code: str, *, by: str, at: str) -> bool:
    """Take a decision back; whether there was one. Records with the code wait again."""
    with _alone(register):
        present = load_register(register)
        before = next((one for one in present.rows if one.code == code), None)
        if before is None:
            return False
        history.append(at=at, by=by, scope=scope, before=before, after=None)
        save_register(GaijiRegister(tuple(one for one in present.rows if one.code != code)), register)
    return True


@contextmanager
def _alone(register: Path) -> Iterator[None]:
    register.parent.mkdir(parents=True, exist_ok=True)
    with register.with_name(register.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
