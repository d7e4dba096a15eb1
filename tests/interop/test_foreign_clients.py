"""php-soap, gSOAP and zeep, knowing only the served WSDL, use the bus as plain clients."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.interop.conftest import Town
from tests.interop.provider import RESIDENT
from tests.support.polling import until
from tests.support.processes import need

PROGRAMS = Path(__file__).parent / "programs"
CLIENT_S = 60
BUILD_S = 300
pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

Call = Callable[[Town, str, str], list[str]]


def lines_of(command: Sequence[str | Path], folder: Path | None = None, within_s: int = CLIENT_S) -> list[str]:
    """Run a program to its end; its standard output by lines. Fails with what it said when it fails."""
    run = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        timeout=within_s,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert run.returncode == 0, run.stdout.decode() + run.stderr.decode()
    return run.stdout.decode("utf-8").split("\n")[:-1]


@pytest.fixture(scope="module")
def gsoap_client(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gSOAP client, generated from the served WSDL and compiled."""
    need("wsdl2h", "soapcpp2", "g++")
    folder = tmp_path_factory.mktemp("gsoap")
    lines_of(["wsdl2h", "-c++11", "-o", "juki.h", town.wsdl], folder, BUILD_S)
    lines_of(["soapcpp2", "-C", "-c++11", "-j", "-x", "-I/usr/share/gsoap/import", "juki.h"], folder, BUILD_S)
    generated = ["soapC.cpp", "soapjuki_USCOREsoapProxy.cpp"]
    lines_of(
        ["g++", "-O0", "-std=c++11", "-I.", PROGRAMS / "client.cpp", *generated, "-lgsoap++", "-o", "client"],
        folder,
        BUILD_S,
    )
    return folder / "client"


@pytest.fixture(params=["php", "gsoap", "zeep"])
def call(request: pytest.FixtureRequest) -> Call:
    """One foreign client as a function of the town, 宛名番号 and 基準日; gives the lines it prints."""
    if request.param == "gsoap":
        program = request.getfixturevalue("gsoap_client")
        return lambda town, number, date: lines_of([program, town.url, town.user, town.secret, number, date])
    command: list[str | Path]
    if request.param == "php":
        need("php")
        command = ["php", "-d", "default_socket_timeout=30", PROGRAMS / "client.php"]
    else:
        command = [sys.executable, PROGRAMS / "client.py"]
    return lambda town, number, date: lines_of([*command, town.wsdl, town.user, town.secret, number, date])


def test_a_plain_client_reads_a_resident_and_sends_it_as_a_notice(call: Call, town: Town) -> None:
    """Every item passes both ways unchanged: leading zeros, U+3000 at the ends, IVS, supplementary plane."""
    before = len(town.provider.notices)
    said = call(town, RESIDENT["atenabango"], "2026-01-01")
    assert f"shimei={RESIDENT['shimei']}" in said
    assert f"biko={RESIDENT['biko']}" in said
    assert f"atenabango={RESIDENT['atenabango']}" in said
    assert said[-1].startswith("uketsukebango=")
    until(lambda: len(town.provider.notices) > before, what="the notice to be delivered")
    assert town.provider.notices[-1] == RESIDENT


def test_a_plain_client_is_told_that_nobody_has_this_number(call: Call, town: Town) -> None:
    """Not found is an answer without a resident, not a fault."""
    assert call(town, "999999999999999", "2026-01-01") == ["none"]


def test_a_plain_client_can_read_a_refusal(call: Call, town: Town) -> None:
    """The fault names code and item in the typed detail, and says it in Japanese and English."""
    said = call(town, RESIDENT["atenabango"], "2026年1月1日")
    assert "kodo=E0002" in said or "kodo=CB1016" in said
    text = next(line for line in said if line.startswith("fault="))
    assert " / " in text
    findings = [line for line in said if line.startswith("shiteki=")]
    assert any("kijunbi" in line for line in findings)


def test_the_served_wsdl_is_the_normative_file_but_for_the_address(town: Town) -> None:
    """What a client generates from is what the standard says."""
    served = fetch(town, town.wsdl)
    normative = Path("schemas/standard/1.0/juki/service.wsdl")
    ours = (Path(__file__).parents[2] / normative).read_bytes()
    assert town.url.encode() in served
    kept = [line for line in ours.splitlines() if b"soap:address" not in line and b"schemaLocation" not in line]
    assert [
        line for line in served.splitlines() if b"soap:address" not in line and b"schemaLocation" not in line
    ] == kept


def fetch(town: Town, url: str) -> bytes:
    """GET with the client's credential."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, town.user, town.secret)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
    with opener.open(url, timeout=CLIENT_S) as answer:
        body: bytes = answer.read()
        return body


def test_a_wrong_secret_is_refused_before_anything_is_read(town: Town) -> None:
    """401 with the realm, for a client without a valid credential."""
    request = urllib.request.Request(town.url, data=b"<x/>", headers={"Content-Type": "text/xml; charset=utf-8"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=CLIENT_S)
    with refused.value as answer:
        assert answer.code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.read().decode("utf-8").startswith("CB2001")
