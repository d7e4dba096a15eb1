"""The statement of conformity (適合確認書) as a page to read and to print, in Japanese or English."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from lxml import etree
from lxml.html import builder as h

from conformance.reports.html import words_of
from conformance.verdicts import Outcome
from schemas.statements import Statement

RULES: Final = ("void_version", "void_endpoint", "void_edition", "void_day", "void_finding")
"""What ends a statement before its day, as keys of ``words.csv``."""


def sheet(statement: Statement, digest: str, language: str = "ja") -> bytes:
    """The page as UTF-8, always the same for the same statement. ``digest`` is the SHA-256 of the statement's file."""
    words = words_of(language)
    ja = language == "ja"
    counts = "、".join if ja else ", ".join
    told = counts(
        f"{one.name_ja if ja else one.value} {statement.counts[one.value]}"
        for one in Outcome
        if statement.counts.get(one.value)
    )
    rows = [
        ("vendor", statement.vendor), ("product", statement.product), ("version", statement.version),
        ("profile", statement.profile), ("edition", statement.edition),
        ("result", f"{words[statement.result]}（{told}）" if ja else f"{words[statement.result]} ({told})"),
        ("judged_on", statement.judged_on), ("valid_until", statement.valid_until), ("suite", statement.suite),
        ("catalogue", f"{statement.requirements} {words['rows']}, SHA-256 {statement.catalogue}"),
        ("endpoints", "\n".join(statement.endpoints)), ("evidence", statement.evidence),
        ("verdicts", statement.verdicts), ("signer", statement.signer), ("file_digest", digest),
    ]  # fmt: skip
    body = h.BODY(
        h.H1(words["statement"]),
        h.P(words["states"], h.CLASS("states")),
        h.TABLE(*[h.TR(h.TH(words[key]), h.TD(value)) for key, value in rows]),
        h.H2(words["void"]),
        h.UL(*[h.LI(words[key]) for key in RULES]),
        h.H2(words["how"]),
        h.PRE("chiikibus conformance verify statement.json --trust SIGNER.crt --evidence EVIDENCE.zip"),
        h.P(words["note"], h.CLASS("note")),
        h.CLASS("statement"),
    )
    style = (files("conformance.reports") / "report.css").read_text(encoding="utf-8")
    head = h.HEAD(h.META(charset="utf-8"), h.TITLE(words["statement"]), h.STYLE(style))
    return etree.tostring(h.HTML(head, body, lang=language), method="html", encoding="utf-8", doctype="<!DOCTYPE html>")
