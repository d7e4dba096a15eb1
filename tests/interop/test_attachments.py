"""Attachments as foreign stacks write and read them: gSOAP, JAX-WS RI, SAAJ RI and zeep, through the real bus."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep

from schemas.catalog import load_edition
from tests.attachments.messages import MTOM, SWA, mtom, part, swa
from tests.interop.stacks import JAR_NAMES, JARS, PROGRAMS, Command, output_of
from tests.support.processes import need
from tests.support.providers import Received, answer_inquiry
from tests.support.residents import ATENABANGO, RESIDENT
from tests.support.sites import change
from tests.support.town import RunningTown, running_town

pytestmark = [pytest.mark.system, pytest.mark.slow]

FILE = bytes(range(256)) * 3000 + "架空　花子\r\n--MIME\r\n".encode()
DIGEST = hashlib.sha256(FILE).hexdigest()
FIRST, SECOND = "deadline_s = 2 }", 'deadline_s = 2, opaque = true, attachments = true, unfiltered = "試験" }'


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTown]:
    """A bus whose provider answers with the very multipart bytes it got."""
    with running_town(tmp_path_factory.mktemp("echo") / "site") as town:
        change(town.folder / "routes.toml", FIRST, SECOND)
        town.reload()

        def again(received: Received) -> tuple[int, bytes]:
            town.juki.content_type = received.headers["content-type"]
            return 200, received.body

        town.juki.behaviour = again
        yield town


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with what could be taken for a boundary in it."""
    path = tmp_path / "file.bin"
    path.write_bytes(FILE)
    return path


def door(town: RunningTown) -> tuple[str, str, str]:
    """Address, user and secret of a plain client."""
    return f"{town.url}/990019/tax/juki", "tax", "secret-of-tax"


@pytest.fixture(scope="module")
def gsoap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled gSOAP program."""
    need("soapcpp2", "g++")
    place = tmp_path_factory.mktemp("gsoap")
    for name in ("attach.h", "attach.cpp"):
        shutil.copy(PROGRAMS / "gsoap" / name, place)
    output_of(["soapcpp2", "-CL", "-x", "-I/usr/share/gsoap", "-I/usr/share/gsoap/import", "attach.h"], place)
    sources = ["attach.cpp", "soapC.cpp", "soapClient.cpp"]
    output_of(["g++", "-O0", "-I.", *sources, "-lgsoap++", "-o", "attach"], place)
    return place / "attach"


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command of the compiled Java program."""
    need("java", "javac")
    jars = [JARS / f"{name}.jar" for name in JAR_NAMES]
    if missing := [jar.name for jar in jars if not jar.exists()]:
        pytest.skip(f"Java archives not installed: {' '.join(missing)} (libjaxws-java, libgoogle-gson-java)")
    place = tmp_path_factory.mktemp("java")
    path = ":".join(map(str, [place, *jars]))
    source = PROGRAMS / "java" / "Attach.java"
    output_of(["javac", "-nowarn", "-encoding", "UTF-8", "-cp", path, "-d", place, source])
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", path, "Attach"]


@pytest.mark.parametrize("kind", ["mtom", "swa"])
def test_gsoap_sends_a_file_and_reads_it_back(
    gsoap: Path, echo: RunningTown, file: Path, tmp_path: Path, kind: str
) -> None:
    """Content-IDs without an @, its own start and start-info."""
    before = len(echo.juki.received)
    output_of([gsoap, kind, *door(echo), file, tmp_path / "back"])
    assert (tmp_path / "back").read_bytes() == FILE
    (received,) = echo.juki.received[before:]
    assert FILE in received.body


@pytest.mark.parametrize("kind", ["mtom", "swa"])
def test_java_sends_a_file_and_reads_it_back(java: Command, echo: RunningTown, file: Path, kind: str) -> None:
    """JAX-WS RI with MTOM, SAAJ RI with SwA."""
    before = len(echo.juki.received)
    assert output_of([*java, kind, *door(echo), file]).split() == [DIGEST]
    (received,) = echo.juki.received[before:]
    assert FILE in received.body


def zeep_client(town: RunningTown) -> zeep.Client:
    """A zeep client of the served WSDL."""
    url, user, secret = door(town)
    session = requests.Session()
    session.trust_env, session.auth = False, (user, secret)
    return zeep.Client(f"{url}?wsdl", transport=zeep.Transport(session=session))


def answer_of(town: RunningTown, content_type: str, body: bytes) -> Any:
    """What zeep got, raw, for an inquiry that is answered so."""
    before, town.juki.behaviour = town.juki.behaviour, lambda _: (200, body)
    town.juki.content_type = content_type
    client = zeep_client(town)
    try:
        with client.settings(raw_response=True):
            raw = client.service.jumin_shokai(atenabango="000000000000018", kijunbi="2026-01-01")
    finally:
        town.juki.behaviour = before
    assert (raw.status_code, raw.headers["content-type"], raw.content) == (200, content_type, body)
    return client.service._binding.process_reply(client, client.service._binding.get("jumin_shokai"), raw)


def test_zeep_reads_an_answer_with_an_attachment_beside_it(echo: RunningTown) -> None:
    """SwA: the answer and the attachment."""
    plain = answer_inquiry(load_edition(), "juki.jumin_shokai", RESIDENT)
    _, envelope = plain(Received("", {}, b""))
    found = answer_of(echo, SWA, swa(envelope, part("a@x", FILE)))
    assert found.root.atenabango == ATENABANGO
    assert [one.content for one in found.attachments] == [FILE]


def test_zeep_puts_the_content_of_an_answer_back_into_its_element(echo: RunningTown) -> None:
    """MTOM: an item of the answer comes as attachment (the route carries bodies unread)."""
    values = {**RESIDENT, "biko": "@"}
    _, envelope = answer_inquiry(load_edition(), "juki.jumin_shokai", values)(Received("", {}, b""))
    include = b'<i:Include xmlns:i="http://www.w3.org/2004/08/xop/include" href="cid:a@x"/>'
    found = answer_of(echo, MTOM, mtom(envelope.replace(b">@<", b">" + include + b"<"), part("a@x", FILE)))
    assert base64.b64decode(getattr(found, "root", found).biko) == FILE
