"""The page itself: built from words, without any text in the script, so that it is Japanese or English as asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from lxml import etree
from lxml.html import builder as h

from conformance.reports.html import words_of
from conformance.verdicts import Outcome
from schemas.model import Unit

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""The report has its style inside and no script at all."""


def page(units: Iterable[Unit], skips: Iterable[str], token: str, language: str) -> bytes:
    """The page as UTF-8; ``skips`` are steps that the peer may leave out."""
    words = words_of(language)
    other = "en" if language == "ja" else "ja"
    ja = language == "ja"
    told = {key: text for key, text in words.items() if key.startswith("serve_") or key in _SHARED}
    told |= {f"outcome_{one.value}": one.name_ja if ja else one.value for one in Outcome}
    options = [h.OPTION(f"{one.name_ja}（{one.key}）" if ja else one.key, value=one.key) for one in units]
    body = h.BODY(
        h.E.header(
            h.H1(words["serve_title"]),
            h.A(words["serve_other"], href=f"/?lang={other}&token={token}", lang=other, id="language"),
        ),
        h.E.main(
            h.E.section(
                h.H2(words["serve_try"]), h.P(words["serve_try_words"]),
                h.LABEL(words["serve_skip"], h.SELECT(
                    h.OPTION(words["serve_right"], value=""), *[h.OPTION(one, value=one) for one in skips], id="skip",
                )),
                h.BUTTON(words["serve_peer"], id="peer", type="button"),
            ),
            h.E.section(
                h.H2(words["serve_assess"]),
                h.LABEL(words["serve_unit"], h.SELECT(*options, id="unit")),
                h.LABEL(words["subject"], h.INPUT(id="subject", type="url", size="50", placeholder="http://127.0.0.1:8080/juki")),
                h.BUTTON(words["serve_run"], id="run", type="button"),
                h.P("", id="message", role="status"),
            ),
            h.E.section(h.H2(words["serve_log"]), h.E.progress(id="progress", max="46", value="0"), h.OL(id="log")),
            h.E.section(h.H2(words["result"]), h.P("", id="result"), h.P("", id="links"), h.DIV(id="verdicts")),
        ),
        h.E.footer(h.P(words["note"])),
        h.SCRIPT(json.dumps(told, ensure_ascii=False).replace("<", "\\u003c"), id="words", type="application/json"),
        h.SCRIPT(src="/page.js"),
    )  # fmt: skip
    body.set("data-token", token)
    head = h.HEAD(
        h.META(charset="utf-8"), h.META(name="viewport", content="width=device-width"), h.TITLE(words["serve_title"]),
        h.LINK(rel="stylesheet", href="/page.css"),
    )  # fmt: skip
    return etree.tostring(h.HTML(head, body, lang=language), method="html", encoding="utf-8", doctype="<!DOCTYPE html>")


_SHARED: Final = ("conforms", "fails", "incomplete", "expected", "actual", "place", "clause")
