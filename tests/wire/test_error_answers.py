"""Every code of the catalogue is answered by the same rules, by the bus and by an adapter."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from adapters.host.face import error_response as adapter_response
from bus.core.errors import ChiikibusError, error_entry
from bus.core.types import Addressing, Finding
from bus.wire import envelope, safe_xml
from bus.wire.addressing import NO_ADDRESSING
from bus.wire.fault import error_response, read_fault
from schemas.catalog import load_errors
from tests.support.repository import ROOT

CODES = tuple(load_errors())
FAULTS = {500, 503}
PAGE = (ROOT / "docs" / "standard" / "errors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", CODES)
def test_status_and_form_of_an_answer_follow_from_its_code(code: str) -> None:
    """500 and 503 are faults, the rest are short texts; 503 and retryable say when to come again."""
    entry = error_entry(code)
    response = error_response(ChiikibusError(code, retry_after_s=7), record_id="r1")
    assert response.status == entry.http_status
    fields = dict(response.headers)
    assert (fields.get("Retry-After") == "7") == (response.status == 503)
    if response.status not in FAULTS:
        assert response.content_type == "text/plain; charset=utf-8"
        assert response.body.decode() == f"{code} {entry.title_ja} / {entry.title_en}\n"
        return
    assert response.content_type == "text/xml; charset=utf-8"
    read = envelope.read(safe_xml.parse(response.body))
    fault = read_fault(read.body)
    assert read.is_fault
    assert (fault.code, fault.record_id) == (code, "r1")
    assert fault.faultcode == entry.faultcode.rpartition(":")[2]
    assert [etree.QName(child).localname for child in read.body] == ["faultcode", "faultstring", "detail"]
    assert all(etree.QName(child).namespace is None for child in read.body), "R1001"
    prefix = (read.body.findtext("faultcode") or "").partition(":")[0]
    assert prefix in read.body[0].nsmap, "R1004: the faultcode is a name that is bound"


@pytest.mark.parametrize("request_of", [NO_ADDRESSING, Addressing("urn:uuid:1", "urn:a")], ids=["plain", "addressed"])
def test_an_adapter_answers_an_error_as_the_bus_does(request_of: Addressing) -> None:
    """Byte for byte, with the same fields; it only takes no other methods."""
    for code in CODES:
        error = ChiikibusError(code, [Finding(code, path="a/b")])
        wanted = error_response(error, record_id="r1", request=request_of)
        got = adapter_response(error, "r1", request_of)
        assert (got.status, got.body, got.headers["Content-Type"]) == (wanted.status, wanted.body, wanted.content_type)
        fields = {**dict(wanted.headers), **({"Allow": "POST"} if wanted.status == 405 else {})}
        assert {name: got.headers[name] for name in fields} == fields


def test_a_catalogue_row_promises_nothing_that_its_status_cannot_keep() -> None:
    """What HTTP refuses is the caller's to mend by other means than repetition; what may pass is no caller's fault."""
    for entry in map(error_entry, CODES):
        if entry.http_status not in FAULTS:
            assert (entry.faultcode, entry.retryable) == ("Client", False), entry.code
        if entry.retryable:
            assert entry.faultcode == "Server", entry.code


def test_the_page_has_every_code_once_and_in_words() -> None:
    """Japanese and English meaning, what to do, faultcode, status."""
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.*?) \| (\d+) \| (○?) \|$", PAGE, re.M)
    assert [row[0] for row in rows] == list(CODES)
    for code, meaning, action, faultcode, status, again in rows:
        entry = error_entry(code)
        assert meaning == f"{entry.title_ja}<br>{entry.title_en}".replace("|", "\\|")
        assert action == f"{entry.action_ja}<br>{entry.action_en}".replace("|", "\\|")
        assert faultcode.strip("`") in {entry.faultcode, ""}
        assert (int(status), bool(again)) == (entry.http_status, entry.retryable)
