"""Flows over a vendor's own SOAP: records handed over once and in order, inquiries both ways, calls taken durably."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from itertools import islice

import aiohttp
import pytest
from aiohttp import web
from lxml import etree

from adapters.codecs import load_layout, make_codec
from adapters.host.process import Host
from adapters.population import Town
from adapters.sdk.protocols import Codec
from adapters.sdk.types import VendorRecord
from adapters.transports.rest import bearer
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from bus.wire.records import payload
from schemas.model import Edition
from tests.host.fake_bus import Taken, xml
from tests.host.place import Caller, Place, ido_file
from tests.host.soap_world import SPACE, Peer, as_xml, soap, vendor, wsdl
from tests.support.polling import until_async
from tests.support.residents import ATENABANGO, message, resident

pytestmark = pytest.mark.slow

NOTICE, ASK, INCOME = "juki.ido_tsuchi", "juki.jumin_shokai", "kojinjuminzei.shotoku_shokai"
TAX_FLOWS = """
[[flow]]
id = "jumin"
kind = "bus-to-soap"
operations = ["juki.ido_tsuchi", "juki.ikkatsu_soshin"]
address = "soap"
path = "/soap"
auth = "rest_token"
wsdl = "vendor.wsdl"
soap_operation = "Toroku"
layout = "layout/jumin.toml"
mapping = "mapping/jumin.toml"
record_at = "Jumin"
constants = { "Kyotsu.Dantai" = "{municipality}", "Kyotsu.Torihiki" = "{key}" }
result_at = "Kekka"
result_ok = ["0"]
result_retry = ["9"]

[[flow]]
id = "shotoku"
kind = "bus-to-soap-query"
operation = "kojinjuminzei.shotoku_shokai"
address = "soap"
path = "/soap"
wsdl = "vendor.wsdl"
soap_operation = "Shotoku"
request_layout = "layout/shotoku_irai.toml"
request_mapping = "mapping/shotoku_irai.toml"
reply_layout = "layout/shotoku.toml"
reply_mapping = "mapping/shotoku.toml"
record_at = "Joken"
items_at = "Shotokus"
result_at = "Kekka"
result_ok = ["0"]
result_none = ["1"]

[[flow]]
id = "shokai"
kind = "soap-query-to-bus"
operation = "juki.jumin_shokai"
purpose = "kazei"
path = "/madoguchi"
auth = "face_token"
wsdl = "vendor.wsdl"
soap_operation = "Shokai"
request_layout = "layout/shokai.toml"
request_mapping = "mapping/shokai.toml"
reply_layout = "layout/jumin.toml"
reply_mapping = "mapping/jumin.toml"
record_at = "Joken"
items_at = "Jumins"
result_at = "Kekka"
"""
JUKI_FLOWS = """
[[flow]]
id = "ido"
kind = "soap-to-bus"
operation = "juki.ido_tsuchi"
purpose = "jumin"
path = "/madoguchi"
wsdl = "vendor.wsdl"
soap_operation = "Ido"
layout = "layout/jumin.toml"
mapping = "mapping/jumin.toml"
record_at = "Jumins"
key_at = "Torihiki"
answer = { "Kekka" = "0", "Torihiki" = "{key}" }
"""


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """The vendor's running service."""
    made = Peer()
    await made.site.start()
    yield made
    await made.site.stop()


def tax_world(place: Place, peer: Peer) -> None:
    """B社 kojinjuminzei with SOAP instead of REST."""
    folder = vendor(place.folder / "vendor", "b/kojinjuminzei", TAX_FLOWS)
    jumin = as_xml(folder / "layout" / "jumin.toml", "Jumin")
    asked = as_xml(folder / "layout" / "shotoku_irai.toml", "Joken")
    told = as_xml(folder / "layout" / "shotoku.toml", "Shotokus")
    question = as_xml(folder / "layout" / "shokai.toml", "Joken")
    kyotsu: dict[str, object] = {"Dantai": {}, "Torihiki": {}}
    document = wsdl(
        {
            "Toroku": ({"Kyotsu": kyotsu, "Jumin": jumin}, {"Kekka": {}}),
            "Shotoku": ({"Joken": asked}, {"Kekka": {}, "Shotokus": told}),
            "Shokai": ({"Joken": question}, {"Kekka": {}, "Jumins": jumin}),
        }
    )
    (folder / "vendor.wsdl").write_bytes(document)
    place.settings["b-tax"] |= {"definition": "vendor", "soap": peer.site.url}


async def call(host: Host, body: str, token: str = "") -> tuple[int, etree._Element]:
    """Call the adapter's face as the vendor does; status and the element of the answer's body."""
    headers = {"Content-Type": "text/xml; charset=utf-8", "Authorization": bearer(token)}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{host.web.url}/madoguchi", data=soap(body), headers=headers) as answer,
    ):
        raw = await answer.read()
        return answer.status, safe_xml.parse(raw)[0][0] if answer.content_type == "text/xml" else etree.Element("none")


async def test_records_are_handed_over_once_and_in_order(place: Place, edition: Edition, peer: Peer) -> None:
    """A code that asks to wait and a fault of the server are tried again under the same key; the order is kept."""
    tax_world(place, peer)
    fault = "<e:Fault><faultcode>e:Server</faultcode><faultstring>x</faultstring></e:Fault>"
    good = "<TorokuResponse><Kekka>0</Kekka></TorokuResponse>"
    peer.answers = [(good.replace("0", "9"), 200), (fault, 500), (good, 200)]
    async with place.running("b-tax") as host:
        for number in (1, 2, 3):
            row = resident(rirekibango=str(number))
            status, _, _ = await Caller(host).post(message(edition, NOTICE, row, f"urn:uuid:{number}"))
            assert status == 200
        await until_async(lambda: place.status("b-tax")["received"].get("done") == 3, within_s=20)
    assert peer.texts("履歴番号") == ["1", "1", "1", "2", "3"]
    keys = peer.texts("Torihiki")
    assert len(set(keys[:3])) == 1
    assert len(set(keys)) == 3
    assert set(peer.texts("Dantai")) == {"990019"}
    assert peer.headers[0]["SOAPAction"] == f'"{SPACE}:Toroku"'
    assert peer.headers[0]["Authorization"] == "Bearer token-rest"


@pytest.mark.parametrize(
    "answer",
    [
        ("<TorokuResponse><Kekka>5</Kekka></TorokuResponse>", 200),
        ("<e:Fault><faultcode>e:Client</faultcode><faultstring>x</faultstring></e:Fault>", 500),
    ],
)
async def test_a_record_that_the_vendor_refuses_stays_with_its_reason(
    place: Place, edition: Edition, peer: Peer, answer: tuple[str, int]
) -> None:
    """CB6066; the next record of the person goes on."""
    tax_world(place, peer)
    peer.answers = [answer, ("<TorokuResponse><Kekka>0</Kekka></TorokuResponse>", 200)]
    async with place.running("b-tax") as host:
        for number in (1, 2):
            row = resident(rirekibango=str(number))
            await Caller(host).post(message(edition, NOTICE, row, f"urn:uuid:{number}"))
        await until_async(lambda: place.status("b-tax")["received"] == {"refused": 1, "done": 1}, within_s=20)


async def test_an_inquiry_is_answered_by_the_vendors_service(place: Place, edition: Edition, peer: Peer) -> None:
    """Found, none, and a fault with its code."""
    tax_world(place, peer)
    found = (
        f"<ShotokuResponse><Kekka>0</Kekka><Shotokus><団体コード>990019</団体コード><宛名番号>{ATENABANGO}</宛名番号>"
        "<課税年度>2026</課税年度><履歴番号>1</履歴番号><申告>有</申告><登録外>無</登録外><区分>課税</区分>"
        "<所得><給与収入>1000</給与収入><給与>1000</給与><合計>1234</合計><総所得等>1000</総所得等></所得>"
        "<控除><社会保険料>0</社会保険料></控除><税額><課税標準>1000</課税標準><市所得割>60</市所得割>"
        "<市均等割>3000</市均等割><県所得割>40</県所得割><県均等割>1000</県均等割></税額></Shotokus></ShotokuResponse>"
    )
    peer.answers = [(found, 200), ("<ShotokuResponse><Kekka>1</Kekka></ShotokuResponse>", 200), ("<Nazo/>", 200)]
    results = []
    async with place.running("b-tax") as host:
        for number in (1, 2, 3):
            asked = message(edition, INCOME, {"atenabango": ATENABANGO, "kazeinendo": "2026"}, f"urn:uuid:q{number}")
            _, _, body = await Caller(host).post(asked)
            results.append(envelope.read(safe_xml.parse(body)).body)
    assert b">1234<" in etree.tostring(results[0])
    assert b"1234" not in etree.tostring(results[1])
    assert str(results[1].tag) == str(results[0].tag)
    assert read_fault(results[2]).code == "CB6065"


async def test_the_vendor_asks_by_its_own_wsdl(place: Place, edition: Edition, peer: Peer) -> None:
    """The bus's answer as the WSDL says; a wrong credential, an unknown operation and a bad question are faults."""
    tax_world(place, peer)

    async def answer_with_the_resident(asked: Taken) -> web.Response:
        record = edition.units["juki"].records[asked.operation.record]
        return xml(payload(asked.operation.output, carried=(record, [resident()])))

    async with place.running("b-tax") as host:
        place.bus.behaviour = answer_with_the_resident
        status, answer = await call(
            host,
            f"<Shokai><Joken><宛名番号>{ATENABANGO}</宛名番号><基準日>2026/01/01</基準日></Joken></Shokai>",
            "token-face",
        )
        assert status == 200, etree.tostring(answer)
        assert answer.findtext(f"{{{SPACE}}}Kekka") == "00"
        assert answer.findtext(f".//{{{SPACE}}}宛名番号") == ATENABANGO
        wrong = await call(host, "<Shokai/>", "wrong")
        unknown = await call(host, "<Nazo/>", "token-face")
        other = await call(host, "<Shokai><Nazo/></Shokai>", "token-face")
    assert wrong[0] == 401
    assert read_fault(unknown[1]).code == "CB6065"
    assert read_fault(other[1]).code == "CB6065"


def juki_world(place: Place) -> tuple[Codec, Codec]:
    """A社 juki with SOAP instead of files: its own codec, and that of the XML."""
    folder = vendor(place.folder / "vendor", "a/juki", JUKI_FLOWS)
    path = folder / "layout" / "jumin.toml"
    own = load_layout(path)
    tree = as_xml(path, "Jumins")
    (folder / "vendor.wsdl").write_bytes(
        wsdl({"Ido": ({"Torihiki": {}, "Jumins": tree}, {"Kekka": {}, "Torihiki": {}})})
    )
    made = load_layout(path)
    assert own is not None
    assert made is not None
    place.settings["a-juki"] |= {"definition": "vendor"}
    return make_codec(own), make_codec(made)


async def test_calls_of_the_vendor_become_notices_once_per_key(place: Place) -> None:
    """Answered when durable; repeated under its key it changes nothing; other content under the key is refused.

    A record that breaks the standard refuses its whole call; an unknown gaiji holds its record, and the call is taken.
    """
    fixed, made = juki_world(place)
    town = list(islice(Town.generate(5, 3).current(), 3))
    read = fixed.decode(io.BytesIO(ido_file(town)))
    rows = [one.values for one in read if isinstance(one, VendorRecord)]

    def ido(key: str, *found: dict[str, str]) -> str:
        records = "".join(made.encode_record(one).decode() for one in found)
        return f"<Ido><Torihiki>{key}</Torihiki>{records}</Ido>"

    broken = rows[2] | {"性別": "X"}
    async with place.running("a-juki") as host:
        status, answer = await call(host, ido("k1", rows[0], rows[1]))
        assert status == 200, etree.tostring(answer)
        assert (answer.findtext(f"{{{SPACE}}}Kekka"), answer.findtext(f"{{{SPACE}}}Torihiki")) == ("0", "k1")
        assert (await call(host, ido("k1", rows[0], rows[1])))[0] == 200
        other = await call(host, ido("k1", rows[2]))
        refused = await call(host, ido("k2", rows[2], broken))
        empty = await call(host, ido("k3"))
        name = town[2]["shimei"].split("　")[-1]
        held = await call(host, ido("k4", rows[2]).replace(f"{name}<", "&#xE757;<", 1))
        assert held[0] == 200, etree.tostring(held[1])
        assert (await call(host, ido("k5", rows[2] | {"異動連番": "9"})))[0] == 200
        await until_async(lambda: len(place.bus.of(NOTICE)) == 2)
        await place.idle("a-juki")
        status_now = place.status("a-juki")
    got = [one.records[0]["atenabango"] for one in place.bus.of(NOTICE)]
    assert sorted(got) == sorted(one["atenabango"] for one in town[:2])
    assert read_fault(other[1]).code == "CB6068"
    assert read_fault(refused[1]).code.startswith(("CB6", "E00"))
    assert read_fault(empty[1]).code == "CB6065"
    assert (status_now["held"], status_now["behind"]) == (1, 1)
