"""The report for people: one HTML file in Japanese or English that needs no network, and prints well."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from lxml import etree
from lxml.html import builder as h

from conformance.evidence import Bundle, Exchange
from conformance.judge import Judgement
from conformance.reports.fields import Point, again, case_again, exchange_of, points
from conformance.verdicts import Outcome, Place, Verdict
from schemas.model import Requirement

Element = etree._Element
MAX_SHOWN: Final = 4000
MAX_PLACES: Final = 20


def words_of(language: str) -> Mapping[str, str]:
    """The words of a report in a language (``words.csv``)."""
    text = (files("conformance.reports") / "words.csv").read_text(encoding="utf-8")
    return {row["key"]: row[language] for row in csv.DictReader(text.splitlines())}


def report(
    judgement: Judgement,
    rows: Mapping[str, Requirement],
    bundle: Bundle,
    language: str = "ja",
    *,
    printed: bool = False,
) -> bytes:
    """The report as UTF-8. Bodies of messages are shown as they were; the evidence decides who may read it.

    ``printed`` shows them unfolded, as paper cannot be clicked at.
    """
    words = words_of(language)
    page = _Page(rows, bundle, language, words, printed=printed)
    by = {outcome: [one for one in judgement.verdicts if one.outcome is outcome] for outcome in Outcome}
    objected = by[Outcome.FAIL] + by[Outcome.WARNING]
    undecided = [one for one in judgement.verdicts if one.outcome not in _SETTLED]
    body = h.BODY(
        h.H1(words["title"]),
        page.head(judgement),
        page.figures(by),
        h.H2(f"{words['objections']} ({len(objected)})"),
        *[page.objection(one) for one in objected],
        h.H2(f"{words['open']} ({len(undecided)})"),
        page.listed(undecided),
        h.H2(f"{words['passed']} ({len(by[Outcome.PASS])})"),
        page.listed(by[Outcome.PASS]),
        h.H2(f"{words['na']} ({len(by[Outcome.NA])})"),
        page.listed(by[Outcome.NA]),
        h.H2(f"{words['unjudged']} ({len(judgement.unjudged)})"),
        page.unjudged(judgement),
        h.P(words["note"]),
    )
    style = (files("conformance.reports") / "report.css").read_text(encoding="utf-8")
    head = h.HEAD(h.META(charset="utf-8"), h.TITLE(words["title"]), h.STYLE(style))
    return etree.tostring(h.HTML(head, body, lang=language), method="html", encoding="utf-8", doctype="<!DOCTYPE html>")


_SETTLED: Final = (Outcome.PASS, Outcome.NA, Outcome.FAIL, Outcome.WARNING)


class _Page:
    """The parts of one report."""

    def __init__(
        self, rows: Mapping[str, Requirement], bundle: Bundle, language: str, words: Mapping[str, str], *,
        printed: bool = False,
    ) -> None:  # fmt: skip
        self.printed = printed
        self.rows, self.bundle, self.ja, self.words = rows, bundle, language == "ja", words

    def _name(self, outcome: Outcome) -> str:
        return outcome.name_ja if self.ja else outcome.value

    def _text(self, row: Requirement) -> str:
        return row.text_ja if self.ja else row.text_en

    def _pairs(self, *pairs: tuple[str, str]) -> Element:
        table: Element = h.TABLE(*[h.TR(h.TH(_safe(name)), h.TD(_safe(value))) for name, value in pairs if value])
        return table

    def head(self, judgement: Judgement) -> Element:
        """Who was judged, by what, when, and the result."""
        one, words = self.bundle.circumstances, self.words
        when = f"{one.started} - {one.ended}" if one.started else ""
        return self._pairs(
            (words["result"], words[judgement.result.value]), (words["subject"], one.subject),
            (words["profile"], one.profile), (words["edition"], one.edition), (words["suite"], one.suite),
            (words["when"], when), (words["evidence"], self.bundle.digest),
        )  # fmt: skip

    def figures(self, by: Mapping[Outcome, list[Verdict]]) -> Element:
        """How many of each verdict."""
        there = [(self._name(outcome), str(len(listed))) for outcome, listed in by.items() if listed]
        table: Element = h.TABLE(h.TR(*[h.TH(name) for name, _ in there]), h.TR(*[h.TD(count) for _, count in there]))
        return table

    def objection(self, verdict: Verdict) -> Element:
        """One requirement that was not kept, with each place, the messages and how to do it again."""
        row, words = self.rows[verdict.requirement], self.words
        parts = [
            h.H3(f"{self._name(verdict.outcome)} {row.id}: {self._text(row)}", id=row.id),
            h.P(f"{words['clause']}: {row.document} {row.clause} ({row.level})"),
        ]
        parts += [self._place(place) for place in verdict.places[:MAX_PLACES]]
        if len(verdict.places) > MAX_PLACES:
            parts.append(h.P(words["more"].format(len(verdict.places) - MAX_PLACES)))
        shown = dict.fromkeys(place.subject for place in verdict.places[:3])
        parts += [part for subject in shown for part in self._exchange(exchange_of(self.bundle, subject))]
        line = case_again(self.bundle, verdict)
        if line:
            parts.append(h.PRE(f"# {words['again']}\n{line}"))
        section: Element = h.E.section(*parts)
        return section

    def _place(self, place: Place) -> Element:
        finding, words = place.finding, self.words
        table = self._pairs(
            (words["place"], f"{place.subject} {finding.path}".strip()), (words["expected"], finding.expected),
            (words["actual"], finding.actual),
        )  # fmt: skip
        shown = points(finding.actual)
        if shown:
            table.append(h.TR(h.TH(words["points"]), h.TD(self._points(shown))))
        return table

    def _points(self, shown: tuple[Point, ...]) -> Element:
        """A table of characters: glyph, code points, name, code of the vendor's world, what to beware of."""
        words = self.words
        keys = ("glyph", "codepoint", "character_name", "vendor_code", "remark")
        lines = [
            h.TR(h.TD(_safe(one.glyph), h.CLASS("glyph")), h.TD(one.code), h.TD(one.name),
                 h.TD(one.vendor or words["not_encodable"]), h.TD("、".join(words[key] for key in one.remarks)))
            for one in shown
        ]  # fmt: skip
        table: Element = h.TABLE(h.TR(*[h.TH(words[key]) for key in keys]), *lines, h.CLASS("points"))
        return table

    def _exchange(self, one: Exchange | None) -> list[Element]:
        if one is None:
            return []
        found = []
        for title, name in ((self.words["request"], one.request), (self.words["response"], one.response)):
            raw = self.bundle.files.get(name, b"")
            if raw:
                text = raw[:MAX_SHOWN].decode("utf-8", "backslashreplace")
                folded = h.DETAILS(h.SUMMARY(f"{title} {name} ({len(raw)})"), h.PRE(_safe(text)))
                if self.printed:
                    folded.set("open", "open")
                found.append(folded)
        line = again(self.bundle, one)
        return [*found, h.PRE(line)] if line else found

    def listed(self, verdicts: list[Verdict]) -> Element:
        """A table of requirements with their reasons."""
        lines = [
            h.TR(h.TD(one.requirement), h.TD(self._name(one.outcome)), h.TD(self._text(self.rows[one.requirement])),
                 h.TD(_safe(one.reason_ja if self.ja else one.reason_en)))
            for one in verdicts
        ]  # fmt: skip
        table: Element = h.TABLE(*lines)
        return table

    def unjudged(self, judgement: Judgement) -> Element:
        """The rows that the suite does not judge, with their reasons in the language of the report."""
        lines = []
        for row in judgement.unjudged:
            ja, _, en = row.not_judged_reason.partition(" / ")
            lines.append(h.TR(h.TD(row.id), h.TD(row.level), h.TD(self._text(row)), h.TD(ja if self.ja else en)))
        table: Element = h.TABLE(*lines)
        return table


def _safe(text: str) -> str:
    """The text without what no XML may hold: control characters are shown as their pictures."""
    return "".join(
        one if one in "\n\t" or (one >= " " and not 0xD800 <= ord(one) <= 0xDFFF and ord(one) & 0xFFFE != 0xFFFE) else
        ("" if one == "\r" else chr(0x2400 + ord(one)) if ord(one) < 0x20 else f"U+{ord(one):04X}")
        for one in text
    )  # fmt: skip
