"""What was found, for people: one HTML page with the vendor's glyph beside the candidates, and CSV."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from adapters.characters.identify.answers import CLASSES_JA, SAME_CHARACTER, UNKNOWN, Candidate, Match
from adapters.characters.identify.raster import Ink, png
from adapters.characters.mj import mj
from adapters.characters.pictures import Pictures

COLUMNS = ("code", "place", "class", "score", "margin", "character_margin", "rank", "mj", "text", "ucs",
           "candidate_score", "relation", "index_sha256")  # fmt: skip
_STYLE = """
body { font-family: sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { border: 1px solid #bbb; padding: .4em .6em; text-align: center; vertical-align: top; }
th { background: #f0f0f0; }
svg, img { width: 4.5em; height: 4.5em; object-fit: contain; image-rendering: pixelated; }
td.vendor { background: #eef4ff; }
tr.near_variant td.class { background: #fff4d6; }
tr.unknown td.class { background: #fbdcdc; }
small { display: block; color: #555; }
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """One code, where its glyph lies in the vendor's file, its drawing and what it resembles (``None``: no ink).

    ``fault`` is CB6087 where the glyph is there but broken.
    """

    code: str
    place: str
    ink: Ink
    match: Match | None
    fault: str = ""

    @property
    def nothing(self) -> str:
        """Why there is no match, for people."""
        return f"字形を読めません / unreadable {self.fault}" if self.fault else "字形なし / no glyph"


def to_csv(answers: Sequence[Answer], index_sha256: str) -> str:
    """One row per candidate; a code without glyph or without ink has one row without candidate."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in answers:
        if one.match is None:
            writer.writerow((one.code, one.place, one.fault, *[""] * 9, index_sha256))
            continue
        head = (one.code, one.place, one.match.class_, one.match.score, one.match.margin, one.match.character_margin)
        for found in one.match.candidates:
            row = (found.rank, found.mj, found.text, points(found.text), found.score, found.relation)
            writer.writerow((*head, *row, index_sha256))
    return out.getvalue()


def to_html(answers: Sequence[Answer], pictures: Pictures, source: str, index_sha256: str) -> bytes:
    """The page."""
    page = etree.Element("html", lang="ja")
    head = _sub(page, "head")
    _sub(head, "meta", charset="utf-8")
    _sub(head, "title", "字形照合の候補 / Candidates by glyph shape")
    _sub(head, "style", _STYLE)
    body = _sub(page, "body")
    _sub(body, "h1", "字形照合の候補 / Candidates by glyph shape")
    _sub(body, "p", f"{source}　索引 index {index_sha256[:16]}")
    _sub(
        body,
        "p",
        "機械による候補です。同定は人が決めて登録します。青い欄がベンダーの字形、ほかは IPAmj明朝です。 / "
        "Proposals by machine; people decide. Blue is the vendor's glyph, the others are IPAmj Mincho.",
    )
    if pictures.why_not:
        _sub(body, "p", f"候補の図はありません: {pictures.why_not}")
    table = _sub(body, "table")
    width = max((len(one.match.candidates) for one in answers if one.match is not None), default=1)
    heading = _sub(table, "tr")
    for text in ("コード", "ベンダーの字形", "判定", *(f"{rank}位" for rank in range(1, width + 1))):
        _sub(heading, "th", text)
    for one in answers:
        _answer(table, one, pictures)
    raw: bytes = etree.tostring(page, method="html", encoding="utf-8", doctype="<!DOCTYPE html>", pretty_print=True)
    return raw


def _answer(table: etree._Element, one: Answer, pictures: Pictures) -> None:
    class_ = one.match.class_ if one.match is not None else UNKNOWN
    line = _sub(table, "tr", **{"class": class_})
    code = _sub(line, "td", one.code)
    _sub(code, "small", one.place)
    vendor = _sub(line, "td", **{"class": "vendor"})
    if one.ink.size:
        data = base64.b64encode(png(one.ink)).decode("ascii")
        _sub(vendor, "img", src=f"data:image/png;base64,{data}", alt=one.code)
    verdict = _sub(line, "td", one.nothing if one.match is None else CLASSES_JA[class_], **{"class": "class"})
    if one.match is not None:
        _sub(verdict, "small", f"得点 {one.match.score:.3f}")
        _sub(verdict, "small", f"差 {one.match.margin:.3f}（字種 {one.match.character_margin:.3f}）")
        for found in one.match.candidates:
            _candidate(_sub(line, "td"), found, pictures)


def _candidate(cell: etree._Element, found: Candidate, pictures: Pictures) -> None:
    picture = pictures.svg(found.mj)
    if picture is not None:
        cell.append(picture)
    glyph = mj().by_mj(found.mj)
    related = "同じ字の別字形 / same character" if found.relation == SAME_CHARACTER else found.relation
    for text in (f"{found.mj} {found.text}", points(found.text), f"{found.score:.3f}", related,
                 f"戸籍 {glyph.koseki}" if glyph and glyph.koseki else ""):  # fmt: skip
        if text:
            _sub(cell, "small", text)


def _sub(parent: etree._Element, tag: str, text: str = "", **attributes: str) -> etree._Element:
    found = etree.SubElement(parent, tag, attributes)
    found.text = text or None
    return found


def points(text: str) -> str:
    """Code points as ``U+845B U+E0102``."""
    return " ".join(f"U+{ord(char):04X}" for char in text)
