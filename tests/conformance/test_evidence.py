"""Bundles of evidence: written once, read with every digest checked, never holding credentials."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from conformance.evidence import SUMS, Bundle, Circumstances, EvidenceError, Exchange, load, masked, write
from conformance.judge import judge
from conformance.passive import from_folder, from_har, from_wsdl
from conformance.standard import load_standard
from tests.support.repository import ROOT

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
MESSAGES = ROOT / "conformance/mutants/bases/messages"
DOCLIT = ROOT / "conformance/mutants/bases/doclit/service.wsdl"


def bundle() -> Bundle:
    """A bundle of one answer."""
    exchange = Exchange("1", "", "", "exchanges/1.response", tls={"version": "TLSv1.3"})
    meta = Circumstances("p", ("provider",), "s", "0", "1.0", seed=7, exchanges=(exchange,))
    return Bundle(meta, {"exchanges/1.response": ANSWER})


@pytest.mark.parametrize("name", ["bundle.zip", "bundle"])
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    """As a zip file and as a folder, with the same digest."""
    write(bundle(), tmp_path / name)
    assert load(tmp_path / name) == bundle()
    assert load(tmp_path / name).digest == bundle().digest


@pytest.mark.parametrize("name", ["bundle.zip", "bundle"])
def test_a_bundle_is_never_written_over(name: str, tmp_path: Path) -> None:
    """Evidence is immutable."""
    write(bundle(), tmp_path / name)
    with pytest.raises(FileExistsError):
        write(bundle(), tmp_path / name)


def test_an_altered_a_missing_and_a_foreign_file_are_all_told(tmp_path: Path) -> None:
    """All problems at once."""
    home = tmp_path / "b"
    write(bundle(), home)
    (home / "exchanges/1.response").write_bytes(ANSWER + b"x")
    (home / "more").write_bytes(b"")
    (home / SUMS).write_text((home / SUMS).read_text() + f"{'0' * 64}  gone\n")
    with pytest.raises(EvidenceError) as caught:
        load(home)
    assert sorted(one.partition(":")[0] for one in caught.value.problems) == ["exchanges/1.response", "gone", "more"]


def test_a_zip_file_that_climbs_is_refused(tmp_path: Path) -> None:
    """A name with .. or two files of one name."""
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("../evil", b"")
    with pytest.raises(EvidenceError):
        load(tmp_path / "b.zip")


def test_credentials_are_masked_in_heads_only() -> None:
    """The four fields, in any case, and nothing of the body."""
    raw = b"POST / HTTP/1.1\r\nauthorization: Basic abc\r\nHost: x\r\n\r\nAuthorization: kept"
    assert masked(raw) == b"POST / HTTP/1.1\r\nauthorization: ***\r\nHost: x\r\n\r\nAuthorization: kept"


def test_a_folder_and_an_archive_of_the_same_messages_are_judged_alike(tmp_path: Path) -> None:
    """The two ways into passive judging lead to the same verdicts."""
    request = (MESSAGES / "request.http").read_bytes().replace(b"\n\n", b"\r\n\r\n", 1).rstrip(b"\n")
    head, _, body = request.partition(b"\r\n\r\n")
    head = head.replace(b"\n", b"\r\n").replace(b"Length: 0", b"Length: %d" % len(body))
    (tmp_path / "one.request").write_bytes(head + b"\r\n\r\n" + body)
    fields = [line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:]]
    entry = {
        "request": {"method": "POST", "url": "http://localhost/service", "httpVersion": "HTTP/1.1",
                    "headers": [{"name": name, "value": value} for name, value in fields],
                    "postData": {"text": body.decode()}},
        "response": {"status": 202, "statusText": "Accepted", "httpVersion": "HTTP/1.1", "headers": []},
    }  # fmt: skip
    (tmp_path / "one.response").write_bytes(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    har = tmp_path / "har"
    har.write_text(json.dumps({"log": {"entries": [entry]}}))
    standard = load_standard()
    first = judge(from_folder(tmp_path, DOCLIT), standard).verdicts
    second = judge(from_har(har, DOCLIT), standard).verdicts
    assert [(one.requirement, one.outcome) for one in first] == [(one.requirement, one.outcome) for one in second]
    assert {one.outcome.value for one in first} == {"pass", "na"}


def test_a_description_is_followed_by_relative_places_only(tmp_path: Path) -> None:
    """What a WSDL names elsewhere is not read."""
    text = DOCLIT.read_text().replace("types.xsd", "/etc/types.xsd").replace("messages.wsdl", "passwd")
    (tmp_path / "a.wsdl").write_text(text)
    (tmp_path / "passwd").write_text("secret")
    assert [*from_wsdl(tmp_path / "a.wsdl").files] == ["a.wsdl"]
    assert sorted(from_wsdl(DOCLIT).files) == ["messages.wsdl", "service.wsdl", "types.xsd"]
