"""What a client without any SOAP stack meets: the served WSDL, curl with a file, a refusal before the body is read."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest
from lxml import etree

from tests.interop.cases import COMMON, JUKI, JUKI_ACTION, SOAP, cases, differences, items_of, texts_of
from tests.interop.conftest import Town
from tests.interop.stacks import PROGRAMS, output_of
from tests.support.processes import need

CLIENT_S = 60
NORMATIVE = Path(__file__).parents[2] / "schemas" / "standard" / "1.0" / "juki" / "service.wsdl"
pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def curl(town: Town, folder: Path, request: str, *more: str) -> tuple[str, etree._Element]:
    """Status line fields and Body of the answer to a file that is posted as it is."""
    need("curl")
    answer = folder / "answer.xml"
    command: list[str | Path] = ["curl", "--silent", "--show-error", "--user", f"{town.door.user}:{town.door.secret}"]
    command += ["--header", "Content-Type: text/xml; charset=utf-8", "--data-binary", f"@{PROGRAMS / 'curl' / request}"]
    command += ["--output", answer, "--write-out", "%{http_code} %{content_type}", *more, town.door.url]
    status = output_of(command)
    return status, etree.parse(answer).getroot().find(f"{SOAP}Body")


def test_curl_asks_with_a_file_and_gets_the_record(town: Town, tmp_path: Path) -> None:
    """No SOAPAction, no header block: a file, a credential and the media type are enough."""
    status, body = curl(town, tmp_path, "jumin_shokai.xml")
    assert status == "200 text/xml; charset=utf-8"
    record = body.find(f"{JUKI}jumin_shokai_kaito/{JUKI}jumin")
    assert differences(items_of(record), cases().residents["000000000000123"]) == []


@pytest.mark.parametrize("how", ["Transfer-Encoding: chunked", "Expect: 100-continue", "SOAPAction: {action}"])
def test_curl_may_speak_http_in_its_own_ways(how: str, town: Town, tmp_path: Path) -> None:
    """A body in chunks, a client that waits to be told to go on, a SOAPAction without its quotes."""
    field = how.format(action=f"{JUKI_ACTION}jumin_shokai")
    status, body = curl(town, tmp_path, "jumin_shokai.xml", "--header", field)
    assert status.startswith("200 ")
    assert body[0].tag == f"{JUKI}jumin_shokai_kaito"


def test_curl_may_offer_http_2(town: Town, tmp_path: Path) -> None:
    """An offer to upgrade (h2c), as Java's and curl's clients make it, is passed over and not an error."""
    status, body = curl(town, tmp_path, "jumin_shokai.xml", "--http2")
    assert status.startswith("200 ")
    assert body[0].tag == f"{JUKI}jumin_shokai_kaito"


def test_curl_gets_a_fault_that_a_person_can_read(town: Town, tmp_path: Path) -> None:
    """500 with a SOAP 1.1 Fault: qualified faultcode, both languages, code and finding in the detail."""
    status, body = curl(town, tmp_path, "not_a_date.xml")
    assert status == "500 text/xml; charset=utf-8"
    fault = body[0]
    assert fault.tag == f"{SOAP}Fault"
    assert [child.tag for child in fault] == ["faultcode", "faultstring", "detail"]
    prefix, _, local = fault.findtext("faultcode").partition(":")
    assert (fault.find("faultcode").nsmap[prefix], local) == (SOAP[1:-1], "Client")
    assert fault.findtext("faultstring") == " / ".join(texts_of("E0002"))
    shogai = fault.find(f"detail/{COMMON}shogai")
    assert shogai.findtext(f"{COMMON}kodo") == "E0002"
    assert shogai.findtext(f"{COMMON}shiteki/{COMMON}komoku") == "jumin_shokai/kijunbi"


def test_the_served_wsdl_is_the_normative_file_but_for_the_address(town: Town) -> None:
    """What a client generates from is what the standard says."""
    with urllib.request.urlopen(town.door.wsdl, timeout=CLIENT_S) as answer:
        served = answer.read()

    def but_for_the_address(text: bytes) -> list[bytes]:
        return [line for line in text.splitlines() if b"soap:address" not in line]

    assert town.door.url.encode() in served
    assert but_for_the_address(served) == but_for_the_address(NORMATIVE.read_bytes())


def test_a_wrong_secret_is_refused_before_anything_is_read(town: Town) -> None:
    """401 with the realm, for a client without a valid credential."""
    request = urllib.request.Request(town.door.url, data=b"<x/>", headers={"Content-Type": "text/xml; charset=utf-8"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=CLIENT_S)
    with refused.value as answer:
        assert answer.code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.read().decode("utf-8").startswith("CB2001")
