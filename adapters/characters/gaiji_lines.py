"""The gaiji of a site line by line, in the four classes of the survey: as values, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.characters.mj import Glyph, mj
from adapters.characters.register import Gaiji, points, shown

OPEN = "未決定"
COLUMNS = ("municipality", "system", "code", "class", "mj", "ucs", "text", "koseki", "juki", "evidence", "decided_by",
           "decided_at", "valid_from", "records", "first_place")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One code of one system: its decision, or ``None`` with what waits for one."""

    municipality: str
    system: str
    code: str
    row: Gaiji | None
    records: int = 0
    place: str = ""

    @property
    def class_(self) -> str:
        """Its class, 未決定 without a decision."""
        return OPEN if self.row is None else self.row.class_

    @property
    def glyph(self) -> Glyph | None:
        """The MJ glyph decided upon, by its name or else by its text, where the MJ list has exactly that."""
        if self.row is None:
            return None
        return mj().by_mj(self.row.mj) if self.row.mj else mj().by_text(self.row.sequence)


def to_csv(lines: Iterable[Line]) -> str:
    """The lines as CSV text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in lines:
        row, glyph = line.row or Gaiji(line.code, ""), line.glyph
        writer.writerow(
            (
                line.municipality, line.system, line.code, line.class_, glyph.mj if glyph else row.mj,
                points(row.sequence), shown(row.sequence),
                glyph.koseki if glyph else "", glyph.juki if glyph else "", row.evidence, row.decided_by,
                row.decided_at, row.valid_from, line.records, line.place,
            )
        )  # fmt: skip
    return out.getvalue()
