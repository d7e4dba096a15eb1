"""A vendor's own SOAP service: built and read by its WSDL, against spyne; what the WSDL does not know is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from lxml import etree

from adapters.simulators.soap_face import SoapFace
from adapters.transports.rest import HttpSite, RestClient, bearer
from adapters.transports.soap_paths import at, put, text_at, values_of
from adapters.transports.vendor_soap import SoapContract, VendorSoap
from bus.core.errors import AdapterError, ConfigurationError
from bus.wire.spyne_shim import importing

pytestmark = pytest.mark.slow

with importing():
    from spyne import Array, ComplexModel, Fault, ServiceBase, Unicode, rpc

SPACE = "urn:example:vendor"


class Jumin(ComplexModel):
    """A resident as the vendor has it."""

    __namespace__ = SPACE
    bango = Unicode(max_len=5, min_occurs=1, nillable=False)
    shimei = Unicode


class Kekka(ComplexModel):
    """Result code and residents."""

    __namespace__ = SPACE
    code = Unicode
    jumin = Array(Jumin)


class Madoguchi(ServiceBase):
    """The vendor's service. ``ctx.udc`` is a list of what came."""

    @rpc(Unicode, Jumin, _returns=Unicode)
    def Toroku(ctx: Any, torihiki: str, jumin: Jumin) -> str:
        """Take a resident."""
        if jumin.shimei == "拒否":
            raise Fault("Client.Kyohi", "personal data of 架空 in the text")
        if jumin.shimei == "障害":
            raise RuntimeError
        ctx.udc.append((torihiki, jumin.bango, jumin.shimei))
        return "0"

    @rpc(Unicode, _returns=Kekka)
    def Shokai(ctx: Any, bango: str) -> Kekka:
        """Give residents."""
        return Kekka(code="0", jumin=[Jumin(bango=bango, shimei="架空　一"), Jumin(bango="2", shimei="架空　二")])


@pytest.fixture
async def vendor(tmp_path: Path) -> AsyncIterator[tuple[Path, HttpSite, list[Any]]]:
    """The WSDL's file, the running service and what it took."""
    took: list[Any] = []
    face = SoapFace([Madoguchi], SPACE, "Madoguchi", took, bearer("secret"))
    app = web.Application()
    app.router.add_route("*", "/soap", face.handle)
    site = HttpSite(app, drain_s=0.1)
    await site.start()
    path = tmp_path / "vendor" / "madoguchi.wsdl"
    path.parent.mkdir()
    path.write_bytes(face.wsdl("http://elsewhere.example/soap"))
    yield path, site, took
    await site.stop()


def caller(path: Path, site: HttpSite, operation: str, token: str = "secret") -> VendorSoap:
    """A client of one operation."""
    return VendorSoap(SoapContract(path, operation), RestClient(site.url, bearer(token), deadline_s=5), "/soap")


async def test_a_record_goes_over_and_the_answer_comes_back(vendor: tuple[Path, HttpSite, list[Any]]) -> None:
    """At the site's address, not at the one of the WSDL."""
    path, site, took = vendor
    soap = caller(path, site, "Toroku")
    body = await soap.call({"torihiki": "k1", "jumin": {"bango": "1", "shimei": "架空　一"}})
    await soap.client.close()
    assert took == [("k1", "1", "架空　一")]
    assert text_at(body, "TorokuResult") == "0"


async def test_repeated_elements_of_an_answer_are_found_by_their_path(
    vendor: tuple[Path, HttpSite, list[Any]],
) -> None:
    """By local names."""
    path, site, _ = vendor
    soap = caller(path, site, "Shokai")
    body = await soap.call({"bango": "1"})
    await soap.client.close()
    found = at(body, "ShokaiResult.jumin.Jumin")
    assert [values_of(one) for one in found] == [
        {"bango": "1", "shimei": "架空　一"},
        {"bango": "2", "shimei": "架空　二"},
    ]


@pytest.mark.parametrize(("name", "code", "got"), [("拒否", "CB6066", "Client.Kyohi"), ("障害", "CB6009", "Server")])
async def test_a_fault_has_its_code_and_keeps_its_text_to_itself(
    vendor: tuple[Path, HttpSite, list[Any]], name: str, code: str, got: str
) -> None:
    """The client's fault is for good, the server's for a while; the text may hold personal data."""
    path, site, _ = vendor
    soap = caller(path, site, "Toroku")
    with pytest.raises(AdapterError) as caught:
        await soap.call({"torihiki": "k", "jumin": {"bango": "1", "shimei": name}})
    await soap.client.close()
    assert caught.value.code == code
    assert got in caught.value.findings[0].got
    assert "架空" not in str(caught.value)


async def test_a_wrong_credential_is_said(vendor: tuple[Path, HttpSite, list[Any]]) -> None:
    """CB6061."""
    path, site, _ = vendor
    soap = caller(path, site, "Shokai", "wrong")
    with pytest.raises(AdapterError) as caught:
        await soap.call({"bango": "1"})
    await soap.client.close()
    assert caught.value.code == "CB6061"


@pytest.mark.parametrize(
    "values",
    [
        {"torihiki": "k", "jumin": {"bango": "1", "nazo": "x"}},
        {"nazo": "k"},
        {"torihiki": "k", "jumin": {"shimei": "x"}},
        {"torihiki": "k", "jumin": {"bango": "123456"}},
    ],
)
async def test_what_the_wsdl_does_not_allow_is_not_sent(
    vendor: tuple[Path, HttpSite, list[Any]], values: dict[str, Any]
) -> None:
    """CB6066: an unknown item, a missing one, one that is too long."""
    with pytest.raises(AdapterError) as caught:
        SoapContract(vendor[0], "Toroku").request(values)
    assert caught.value.code == "CB6066"


ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:v="urn:example:vendor">{}</s:Envelope>'
)
GOOD = "<s:Body><v:TorokuResponse><v:TorokuResult>0</v:TorokuResult></v:TorokuResponse></s:Body>"


@pytest.mark.parametrize(
    ("text", "media"),
    [
        (ENVELOPE.format(GOOD), "text/html"),
        (ENVELOPE.format(GOOD), "multipart/related"),
        ("<html/>", "text/xml"),
        ("no xml", "text/xml"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]>" + ENVELOPE.format(GOOD), "text/xml"),
        (ENVELOPE.format("<s:Body/>"), "text/xml"),
        (ENVELOPE.format("<s:Body><v:Nazo/></s:Body>"), "text/xml"),
        (ENVELOPE.format(GOOD.replace("TorokuResult>", "Nazo>")), "text/xml"),
        (ENVELOPE.format('<s:Header><v:h s:mustUnderstand="1"/></s:Header>' + GOOD), "text/xml"),
        (ENVELOPE.format(GOOD).replace("schemas.xmlsoap.org/soap/envelope/", "other.example/"), "text/xml"),
    ],
)
def test_an_answer_of_another_form_is_not_used(vendor: tuple[Path, HttpSite, list[Any]], text: str, media: str) -> None:
    """CB6065, whatever it is."""
    with pytest.raises(AdapterError) as caught:
        SoapContract(vendor[0], "Toroku").read_reply(text.encode(), media)
    assert caught.value.code == "CB6065"


def test_a_good_answer_is_used(vendor: tuple[Path, HttpSite, list[Any]]) -> None:
    """The counterpart of the refusals above."""
    body = SoapContract(vendor[0], "Toroku").read_reply(ENVELOPE.format(GOOD).encode(), "text/xml; charset=utf-8")
    assert text_at(body, "TorokuResult") == "0"


def test_our_own_service_by_the_vendors_wsdl_reads_and_answers(vendor: tuple[Path, HttpSite, list[Any]]) -> None:
    """What the vendor would send is read; what is answered is what the vendor's client reads."""
    contract = SoapContract(vendor[0], "Toroku")
    call = contract.request({"torihiki": "k1", "jumin": {"bango": "1", "shimei": "架空"}})
    body = contract.read_request(call, "text/xml")
    assert values_of(at(body, "jumin")[0]) == {"bango": "1", "shimei": "架空"}
    assert text_at(contract.read_reply(contract.reply({"TorokuResult": "0"}), "text/xml"), "TorokuResult") == "0"
    with pytest.raises(AdapterError):
        contract.read_request(call.replace(b">1<", b">123456<"), "text/xml")


@pytest.mark.parametrize("operation", ["Nazo", ""])
def test_an_operation_that_the_wsdl_does_not_have_is_said_at_the_start(
    vendor: tuple[Path, HttpSite, list[Any]], operation: str
) -> None:
    """CB6067."""
    with pytest.raises(ConfigurationError) as caught:
        SoapContract(vendor[0], operation)
    assert caught.value.code == "CB6067"


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:9/x.xsd", "../outside.xsd", "/etc/passwd", "file:///etc/passwd"]
)
def test_a_wsdl_fetches_nothing(vendor: tuple[Path, HttpSite, list[Any]], location: str) -> None:
    """CB6067 for an import from the network or outside of the vendor's folder."""
    path, _, _ = vendor
    (path.parent.parent / "outside.xsd").write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>')
    root = etree.fromstring(path.read_bytes())
    schema = next(root.iter("{http://www.w3.org/2001/XMLSchema}schema"))
    schema.insert(
        0, schema.makeelement("{http://www.w3.org/2001/XMLSchema}import", namespace="urn:x", schemaLocation=location)
    )
    path.write_bytes(etree.tostring(root))
    with pytest.raises(ConfigurationError) as caught:
        SoapContract(path, "Toroku")
    assert caught.value.code == "CB6067"


async def test_a_service_that_hangs_is_left_after_the_deadline(tmp_path: Path, vendor: Any) -> None:
    """CB6011."""

    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/soap", hang)
    site = HttpSite(app, drain_s=0.1)
    await site.start()
    soap = VendorSoap(SoapContract(vendor[0], "Shokai"), RestClient(site.url, deadline_s=0.1), "/soap")
    with pytest.raises(AdapterError) as caught:
        await soap.call({"bango": "1"})
    await soap.client.close()
    await site.stop()
    assert caught.value.code == "CB6011"


def test_values_are_put_at_paths() -> None:
    """Nested, and merged at the top."""
    values: dict[str, Any] = {}
    put(values, "a.b", "1")
    put(values, "", {"c": "2"})
    put(values, "a.d", "3")
    assert values == {"a": {"b": "1", "d": "3"}, "c": "2"}
