"""The gaiji of a site as one HTML page: what waits for a decision first, then every decided code with its picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from lxml import etree

from adapters.characters.gaiji_lines import OPEN, Line
from adapters.characters.pictures import Pictures
from adapters.characters.register import CLASSES, points, shown

SURVEY = (98_030, 217_313, 619_469, 231_724)
"""The four classes among the 1,166,536 gaiji of 1,386 municipalities, for comparison."""
_MEANING = (
    "文字情報基盤の文字図形と同じ形",
    "同じ文字のデザインの違い",
    "よく似た別の文字",
    "どの文字か決められない",
    "人の決定を待っている（レコードは保留中）",
)
_DECIDED = ("字形", "コード", "分類", "文字", "MJ・戸籍・住基", "根拠と決定")
_WAITING = ("コード", "待ちレコード", "最初の位置")
_STYLE = """
body { font-family: "Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic", Meiryo, sans-serif;
  margin: 0 auto; padding: 1.5em; max-width: 70em; color: #1d2430; line-height: 1.5; }
h1 { font-size: 1.5em; margin: 0 0 .2em; }
h2 { font-size: 1.15em; margin: 1.8em 0 .4em; padding-left: .5em; border-left: .3em solid #2b5c8a; }
.en { color: #5a6472; font-size: .85em; font-weight: normal; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .6em 0; }
th, td { border: 1px solid #c3c9d1; padding: .35em .7em; text-align: left; vertical-align: middle; }
th { background: #eef1f5; white-space: nowrap; }
td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.c { white-space: nowrap; }
td.g { text-align: center; width: 4.5em; }
td.p { overflow-wrap: anywhere; }
.codes { width: 100%; }
.codes td { font-size: .92em; }
svg { width: 3.6em; height: 3.6em; display: block; margin: auto; }
.text { font-size: 1.5em; }
.small { color: #5a6472; font-size: .85em; white-space: nowrap; }
.tag { display: inline-block; padding: 0 .6em; border-radius: 1em; white-space: nowrap; background: #e4ebf3; }
.tag.k1 { background: #fdf0d3; } .tag.k2 { background: #fbe0d2; } .tag.k3 { background: #e5e5e5; }
.open td { background: #fff4d6; }
@media (max-width: 40em) { body { padding: .8em; } h1 { font-size: 1.25em; } th, td { padding: .3em .45em; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } tr { break-inside: avoid; } }
"""


def to_html(lines: Sequence[Line], pictures: Pictures) -> bytes:
    """The page: counts by class beside those of the survey, what is open, then the decided codes of each system."""
    page = etree.Element("html", lang="ja")
    head = _sub(page, "head")
    _sub(head, "meta", charset="utf-8")
    _sub(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    _sub(head, "title", "外字の同定状況")
    _sub(head, "style", _STYLE)
    body = _sub(page, "body")
    _sub(body, "h1", "外字の同定状況")
    _sub(body, "div", "Gaiji by class of the national survey", **{"class": "en"})
    _counts(body, lines)
    _waiting(body, [line for line in lines if line.row is None])
    decided = [line for line in lines if line.row is not None]
    if pictures.why_not:
        _sub(body, "p", f"字形の図はありません: {pictures.why_not}")
    elif decided:
        _sub(body, "p", "字形は同定先の MJ 文字図形（IPAmj明朝）です。ベンダーの字形ではありません。")
        _sub(body, "div", "Pictures are the MJ glyphs decided upon, not the vendor's own.", **{"class": "en"})
    for (municipality, system), group in groupby(decided, key=lambda line: (line.municipality, line.system)):
        _heading(body, f"団体 {municipality} ・ {system}", "decided")
        table = _table(body, _DECIDED, "codes")
        for line in group:
            _decided(table, line, pictures)
    raw: bytes = etree.tostring(page, method="html", encoding="utf-8", doctype="<!DOCTYPE html>", pretty_print=True)
    return raw


def _counts(body: etree._Element, lines: Sequence[Line]) -> None:
    counts = Counter(line.class_ for line in lines)
    table = _table(body, ("分類", "意味", "字数", "割合", "全国調査"))
    total, survey = max(1, len(lines)), sum(SURVEY)
    for at, (name, whole) in enumerate(zip((*CLASSES, OPEN), (*SURVEY, 0), strict=True)):
        share = f"{whole / survey:.1%}" if whole else "－"
        row = _sub(table, "tr", **({"class": "open"} if name == OPEN and counts[name] else {}))
        _sub(row, "td", name, **{"class": "c"})
        _sub(row, "td", _MEANING[at])
        for text in (f"{counts[name]:,}", f"{counts[name] / total:.1%}", share):
            _sub(row, "td", text, **{"class": "n"})


def _waiting(body: etree._Element, lines: Sequence[Line]) -> None:
    _heading(body, f"決定を待つ文字　{len(lines)} 字", "waiting for a decision")
    if not lines:
        _sub(body, "p", "ありません。")
        return
    _sub(
        body,
        "p",
        "この文字を含むレコードは送らずに保留しています。chiikibus characters register decide で決めると順に流れます。",
    )
    table = _table(body, ("団体", "システム", *_WAITING), "codes")
    for line in sorted(lines, key=lambda line: -line.records):
        row = _sub(table, "tr", **{"class": "open"})
        for text, kind in (
            (line.municipality, "c"), (line.system, "c"), (line.code, "c"), (f"{line.records:,}", "n"),
            (line.place, "p"),
        ):  # fmt: skip
            _sub(row, "td", text, **{"class": kind})


def _decided(table: etree._Element, line: Line, pictures: Pictures) -> None:
    decision, glyph = line.row, line.glyph
    if decision is None:
        return
    row = _sub(table, "tr")
    cell = _sub(row, "td", **{"class": "g"})
    picture = pictures.svg(glyph.mj) if glyph else None
    if picture is not None:
        cell.append(picture)
    elif not pictures.why_not:
        _sub(cell, "span", "MJにない組合せ" if decision.sequence else "－", **{"class": "small"})
    _sub(row, "td", line.code, **{"class": "c"})
    kind = CLASSES.index(decision.class_) if decision.class_ in CLASSES else 0
    cell = _sub(row, "td")
    _sub(cell, "span", decision.class_, **{"class": f"tag k{kind}"})
    _stacked(row, (shown(decision.sequence), "text"), (points(decision.sequence), "small"))
    numbers = (
        [(glyph.mj, ""), (f"戸籍 {glyph.koseki}" if glyph.koseki else "", "small"), (glyph.juki, "small")]
        if glyph
        else []
    )
    _stacked(row, *numbers)
    who = "　".join(part for part in (decision.decided_by, decision.decided_at) if part)
    valid = f"適用 {decision.valid_from}" if decision.valid_from else ""
    _stacked(row, (decision.evidence, ""), (who, "small"), (valid, "small"))


def _stacked(row: etree._Element, *parts: tuple[str, str]) -> None:
    """A cell with one line for each text."""
    cell = _sub(row, "td")
    for text, kind in parts:
        if text:
            _sub(cell, "div", text, **({"class": kind} if kind else {}))


def _heading(body: etree._Element, text: str, english: str) -> None:
    heading = _sub(body, "h2", f"{text} ")
    _sub(heading, "span", english, **{"class": "en"})


def _table(body: etree._Element, headings: Iterable[str], kind: str = "") -> etree._Element:
    """A table that scrolls by itself where the page is narrower."""
    table = _sub(_sub(body, "div", **{"class": "wide"}), "table", **({"class": kind} if kind else {}))
    row = _sub(table, "tr")
    for text in headings:
        _sub(row, "th", text)
    return table


def _sub(parent: etree._Element, tag: str, text: str = "", **attributes: str) -> etree._Element:
    found = etree.SubElement(parent, tag, attributes)
    found.text = text or None
    return found
