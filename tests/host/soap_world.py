"""Shipped vendors as if they spoke SOAP of their own: layouts turned to XML, and the WSDL such a vendor hands out."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from lxml import etree

from adapters.host.definition import VENDORS
from adapters.transports.rest import HttpSite

SPACE = "urn:example:vendor"
XS = "http://www.w3.org/2001/XMLSchema"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
SOAP = "http://schemas.xmlsoap.org/wsdl/soap/"
HALF = {ord("０") + digit: str(digit) for digit in range(10)}
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"


def as_xml(path: Path, element: str) -> dict[str, Any]:
    """Turn a layout into one of private XML, each field at a path of its own; the fields as a tree of names."""
    data = tomllib.loads(path.read_text("utf-8"))
    plain = data["layout"]["kind"] != "json"
    lines = [f'[layout]\nid = "x"\nkind = "xml"\nform = "object"\nabsent = "omit"\nelement = "{element}"']
    lines.append(f'encoding = "utf-8"\ngaiji = true\nnamespace = "{SPACE}"')
    tree: dict[str, Any] = {}
    for number, one in enumerate(data["field"]):
        if one.get("filler") or one["name"] == data.get("records", {}).get("type_field"):
            continue
        # names of XML Schema have no full-width digits
        where = f"k{number}" if plain else one.get("path", one["name"]).translate(HALF)
        kind = "N" if plain and one.get("type") == "9" else one.get("type", "N")
        lines.append(f'[[field]]\nname = "{one["name"]}"\npath = "{where}"\ntype = "{kind}"')
        node = tree
        *above, last = where.split(".")
        for step in above:
            node = node.setdefault(step, {})
        node[last] = {}
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return tree


def _sequence(parent: etree._Element, tree: Mapping[str, Any]) -> None:
    kind = etree.SubElement(parent, f"{{{XS}}}complexType")
    sequence = etree.SubElement(kind, f"{{{XS}}}sequence")
    for name, below in tree.items():
        one = etree.SubElement(sequence, f"{{{XS}}}element", name=name, minOccurs="0")
        if name.endswith("s") and name.isascii():
            one.set("maxOccurs", "unbounded")
        if below:
            _sequence(one, below)
        else:
            one.set("type", "xs:string")


def wsdl(operations: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]) -> bytes:
    """A document/literal WSDL; each operation's request and answer as trees of names (``…s`` repeats)."""
    root = etree.Element(f"{{{WSDL}}}definitions", nsmap={None: WSDL, "s": SOAP, "xs": XS, "t": SPACE}, name="V")
    root.set("targetNamespace", SPACE)
    types = etree.SubElement(root, f"{{{WSDL}}}types")
    schema = etree.SubElement(types, f"{{{XS}}}schema", targetNamespace=SPACE, elementFormDefault="qualified")
    port = etree.Element(f"{{{WSDL}}}portType", name="P")
    binding = etree.Element(f"{{{WSDL}}}binding", name="B", type="t:P")
    etree.SubElement(binding, f"{{{SOAP}}}binding", transport="http://schemas.xmlsoap.org/soap/http")
    for name, trees in operations.items():
        bound = etree.SubElement(binding, f"{{{WSDL}}}operation", name=name)
        etree.SubElement(bound, f"{{{SOAP}}}operation", soapAction=f"{SPACE}:{name}")
        listed = etree.SubElement(port, f"{{{WSDL}}}operation", name=name)
        for side, suffix, tree in zip(("input", "output"), ("", "Response"), trees, strict=True):
            element = etree.SubElement(schema, f"{{{XS}}}element", name=name + suffix)
            _sequence(element, tree)
            message = etree.SubElement(root, f"{{{WSDL}}}message", name=f"M{name}{suffix}")
            etree.SubElement(message, f"{{{WSDL}}}part", name="parameters", element=f"t:{name}{suffix}")
            etree.SubElement(listed, f"{{{WSDL}}}{side}", message=f"t:M{name}{suffix}")
            body = etree.SubElement(bound, f"{{{WSDL}}}{side}")
            etree.SubElement(body, f"{{{SOAP}}}body", use="literal")
    root.append(port)
    root.append(binding)
    service = etree.SubElement(root, f"{{{WSDL}}}service", name="S")
    place = etree.SubElement(service, f"{{{WSDL}}}port", name="SP", binding="t:B")
    etree.SubElement(place, f"{{{SOAP}}}address", location="http://elsewhere.example/")
    return etree.tostring(root)


def vendor(folder: Path, shipped: str, flows: str) -> Path:
    """A copy of a shipped vendor's folder with other flows."""
    shutil.copytree(VENDORS / shipped, folder)
    head = (folder / "adapter.toml").read_text("utf-8").partition("[[flow]]")[0]
    (folder / "adapter.toml").write_text(head + flows, "utf-8")
    return folder


@dataclass(slots=True)
class Peer:
    """The vendor's service: keeps what came, answers with what the test says (body text, status)."""

    answers: list[tuple[str, int]] = field(default_factory=list)
    came: list[etree._Element] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    site: HttpSite = field(init=False)

    def __post_init__(self) -> None:
        app = web.Application()
        app.router.add_post("/soap", self._handle)
        self.site = HttpSite(app, drain_s=0.1)

    async def _handle(self, request: web.Request) -> web.Response:
        self.came.append(etree.fromstring(await request.read())[0][0])
        self.headers.append(request.headers)
        text, status = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        return web.Response(body=soap(text), status=status, content_type="text/xml")

    def texts(self, name: str) -> Sequence[str]:
        """The text of the elements of this local name in what came."""
        return [str(one.text) for body in self.came for one in body.iter(f"{{{SPACE}}}{name}")]


def soap(text: str) -> bytes:
    """An envelope with this body; the default namespace is the vendor's."""
    return f'<e:Envelope xmlns:e="{ENVELOPE}" xmlns="{SPACE}"><e:Body>{text}</e:Body></e:Envelope>'.encode()
