"""The management service of a running bus, called over HTTP by zeep as a vendor system would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from lxml import etree

from schemas.catalog import load_edition
from tests.support.polling import until
from tests.support.residents import ATENABANGO, RESIDENT, message
from tests.support.town import RunningTown, running_town

MESSAGE_ID = "urn:uuid:00000000-0000-4000-8000-00000000000b"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTown]:
    """One running town for all tests of this file; each asks about messages of its own."""
    folder: Path = tmp_path_factory.mktemp("management") / "site"
    with running_town(folder) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """An HTTP session that is closed again."""
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


def client(town: RunningTown, session: requests.Session, user: str) -> Any:
    """A zeep client with an endpoint's credential."""
    session.auth = (user, f"secret-of-{user.rpartition('/')[2]}")
    return zeep.Client(f"{town.url}/management?wsdl", transport=zeep.Transport(session=session))


def send(town: RunningTown, session: requests.Session, sender: str, operation: str, body: bytes) -> None:
    """Post a message to the bus."""
    found = load_edition().operation(operation)
    assert found is not None
    response = session.post(
        f"{town.url}/990019/{sender}/{found.unit}",
        data=body,
        headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{found.action}"'},
        auth=(sender, f"secret-of-{sender}"),
        timeout=20,
    )
    assert response.status_code == 200, response.text


def test_the_sender_follows_its_notice(town: RunningTown, session: requests.Session) -> None:
    """Both deliveries with their states; nobody else sees them, not even a receiver of the notice."""
    body = message(load_edition(), "juki.ido_tsuchi", RESIDENT, MESSAGE_ID)
    send(town, session, "juki", "juki.ido_tsuchi", body)
    juki = client(town, session, "juki")

    def states() -> dict[str, str]:
        return {row.soshinsaki: row.jotai for row in juki.service.haiso_jokyo(MESSAGE_ID)}

    wanted = {"990019/tax": "PARKED", "990019/kokuho": "DELIVERED"}
    until(lambda: states() == wanted, what="both outcomes")
    assert not client(town, session, "tax").service.haiso_jokyo(MESSAGE_ID)


def test_an_answer_is_fetched_again(town: RunningTown, session: requests.Session) -> None:
    """What the caller was answered can be polled by the message's id."""
    message_id = MESSAGE_ID.replace("b", "c")
    values = {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}
    body = message(load_edition(), "juki.jumin_shokai", values, message_id)
    send(town, session, "tax", "juki.jumin_shokai", body)
    found = client(town, session, "990019/tax").service.kaito_shutoku(message_id)
    assert found.jotai == "REPLIED"
    assert etree.QName(found.naiyo[0]).localname == "jumin_shokai_kaito"


def test_routes_are_told_from_the_present_tables(town: RunningTown, session: requests.Session) -> None:
    """Allowed with its targets, refused with its code, unknown with another."""
    tax = client(town, session, "tax")
    assert tax.service.keiro_shokai("juki.jumin_shokai").soshinsaki == ["990019/juki"]
    assert tax.service.keiro_shokai("juki.jumin_shokai", "shuno").kodo == "CB2003"
    assert tax.service.keiro_shokai("juki.nai").kodo == "CB1013"


def test_echo_over_http(town: RunningTown, session: requests.Session) -> None:
    """The simplest test of a connection."""
    assert client(town, session, "kokuho").service.echo("届きましたか") == "届きましたか"


@pytest.mark.parametrize("credential", [None, ("tax", "wrong"), ("nobody", "secret-of-tax"), ("tax", "")])
def test_a_wrong_credential_is_refused(
    town: RunningTown, session: requests.Session, credential: tuple[str, str] | None
) -> None:
    """401 before anything is read of the message."""
    response = session.post(f"{town.url}/management", data=b"<a/>", auth=credential, timeout=20)
    assert (response.status_code, response.text[:6]) == (401, "CB2001")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/management", 404),
        ("GET", "/management/other?wsdl", 404),
        ("PUT", "/management", 405),
        ("GET", "/management?WSDL", 200),
    ],
)
def test_other_requests(town: RunningTown, session: requests.Session, method: str, path: str, status: int) -> None:
    """Only POST and ``?wsdl``."""
    assert session.request(method, town.url + path, timeout=20).status_code == status


def test_the_served_address_is_the_one_asked(town: RunningTown, session: requests.Session) -> None:
    """Behind another host name the WSDL leads back there."""
    response = session.get(f"{town.url}/management?wsdl", headers={"Host": "bus.example:8443"}, timeout=20)
    assert b'location="http://bus.example:8443/management"' in response.content
