"""The gaiji of a site in the four classes of the survey, as CSV and as one HTML page with pictures."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from adapters.characters.mj import mj
from adapters.characters.pictures import Pictures
from adapters.characters.register import CLASSES, Gaiji, points, shown

OPEN = "未決定"
SURVEY = (98_030, 217_313, 619_469, 231_724)
"""The same classes among the 1,166,536 gaiji of 1,386 municipalities, for comparison."""
COLUMNS = ("municipality", "system", "code", "class", "mj", "ucs", "text", "koseki", "juki", "evidence", "decided_by",
           "decided_at", "valid_from", "records", "first_place")  # fmt: skip
_HEADINGS = ("団体", "システム", "コード", "分類", "字形", "MJ文字図形名", "文字", "符号位置", "戸籍", "住基", "根拠",
             "決定者", "決定日", "適用日", "待ち件数", "最初の位置")  # fmt: skip
_STYLE = """
body { font-family: sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { border: 1px solid #bbb; padding: .3em .6em; text-align: left; vertical-align: middle; }
th { background: #f0f0f0; }
td.n { text-align: right; }
svg { width: 3em; height: 3em; }
.open { background: #fff4d6; }
"""


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


def to_csv(lines: Iterable[Line]) -> str:
    """The lines as CSV text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in lines:
        row = line.row or Gaiji(line.code, "")
        glyph = mj().by_mj(row.mj) if row.mj else None
        writer.writerow(
            (
                line.municipality, line.system, line.code, line.class_, row.mj, points(row.sequence),
                shown(row.sequence),
                glyph.koseki if glyph else "", glyph.juki if glyph else "", row.evidence, row.decided_by,
                row.decided_at, row.valid_from, line.records, line.place,
            )
        )  # fmt: skip
    return out.getvalue()


def to_html(lines: Sequence[Line], pictures: Pictures) -> bytes:
    """The page: counts by class beside those of the survey, then every code with its picture."""
    page = etree.Element("html", lang="ja")
    head = _sub(page, "head")
    _sub(head, "meta", charset="utf-8")
    _sub(head, "title", "外字の同定状況 / gaiji by class")
    _sub(head, "style", _STYLE)
    body = _sub(page, "body")
    _sub(body, "h1", "外字の同定状況 / Gaiji by class")
    _counts(body, lines)
    if pictures.why_not:
        _sub(body, "p", f"字形の図はありません: {pictures.why_not}")
    else:
        _sub(
            body,
            "p",
            "字形は同定先の MJ 文字図形（IPAmj明朝）です。ベンダーの字形ではありません。 / by IPAmj Mincho",
        )
    table = _sub(body, "table")
    _cells(table, "th", _HEADINGS)
    for line in lines:
        _line(table, line, pictures)
    raw: bytes = etree.tostring(page, method="html", encoding="utf-8", doctype="<!DOCTYPE html>", pretty_print=True)
    return raw


def _counts(body: etree._Element, lines: Sequence[Line]) -> None:
    counts = Counter(line.class_ for line in lines)
    table = _sub(body, "table")
    _cells(table, "th", ("分類", "件数", "割合", "全国調査"))
    total, survey = max(1, len(lines)), sum(SURVEY)
    for name, whole in zip((*CLASSES, OPEN), (*SURVEY, 0), strict=True):
        share = f"{whole / survey:.1%}" if whole else "-"
        _cells(table, "td", (name, str(counts[name]), f"{counts[name] / total:.1%}", share))


def _line(table: etree._Element, line: Line, pictures: Pictures) -> None:
    row = line.row or Gaiji(line.code, "")
    glyph = mj().by_mj(row.mj) if row.mj else None
    cells = _cells(
        table,
        "td",
        (
            line.municipality, line.system, line.code, line.class_, "", row.mj, shown(row.sequence),
            points(row.sequence),
            glyph.koseki if glyph else "", glyph.juki if glyph else "", row.evidence, row.decided_by, row.decided_at,
            row.valid_from, str(line.records or ""), line.place,
        ),
    )  # fmt: skip
    picture = pictures.svg(row.mj) if row.mj else None
    if picture is not None:
        cells[4].append(picture)
    if line.row is None:
        table[-1].set("class", "open")


def _cells(table: etree._Element, tag: str, texts: Iterable[str]) -> list[etree._Element]:
    line = _sub(table, "tr")
    return [_sub(line, tag, text) for text in texts]


def _sub(parent: etree._Element, tag: str, text: str = "", **attributes: str) -> etree._Element:
    found = etree.SubElement(parent, tag, attributes)
    found.text = text or None
    return found
