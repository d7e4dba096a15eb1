"""The messages of the scenarios, built with lxml from the edition's tables. All residents are synthetic."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from schemas.catalog import load_edition
from schemas.model import RecordType, Unit

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XENC = "http://www.w3.org/2001/04/xmlenc#"
KB = 1024
SEQUENCE_DIGITS = 9
SEQUENCE_MARK = "9" * SEQUENCE_DIGITS
"""Stands where the load generator writes a running number, so that every notice concerns another resident."""

RESIDENT: dict[str, str] = {
    "shikuchosonkodo": "990019",
    "atenabango": f"000001{SEQUENCE_MARK}",
    "rirekibango": "1",
    "saishinfuragu": "1",
    "setaibango": f"000002{SEQUENCE_MARK}",
    "juminshubetsu": "1",
    "juminjotai": "1",
    "ido_nengappi": "2025-04-01",
    "ido_jiyu": "01",
    "ido_kubun": "1",
    "shimei": "総務　翔子",
    "shimei_furigana": "ソウム　ショウコ",
    "seibetsu": "2",
    "seinengappi": "1990-02-03",
    "jusho_shikuchosonkodo": "990019",
    "jusho_choazakodo": "0001002",
    "jusho_todofuken": "架空県",
    "jusho_shikugunchosonmei": "地域市",
    "jusho_choaza": "霞が関二丁目",
    "jumintonattanengappi": "2025-04-01",
    "shiensochi_kubun": "0",
}
FILLING: dict[str, int] = {
    "jusho_katagaki": 300,
    "jusho_katagaki_furigana": 300,
    "tennyumaejusho_kokugaijusho": 300,
    "tenshutsusakiyotei_jusho": 300,
    "tenshutsusaki_katagaki": 300,
    "tennyumaejusho_choaza": 120,
    "tenshutsusaki_choaza": 120,
    "setainushi_shimei": 100,
    "shimei_gaikokujinkanji": 100,
}
"""Optional items that take long text, in characters; they bring a single record up to the wanted size.

Nothing of it is kept from the receiver: what the standard does not disclose for the purpose would not arrive.
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A request with its SOAPAction and the answer the backend gives to it."""

    request: bytes
    action: str
    reply: bytes


class Messages:
    """Builds the pairs of each scenario for one edition."""

    def __init__(self) -> None:
        self.juki: Unit = load_edition().units["juki"]

    def _element(self, name: str) -> etree._Element:
        return etree.Element(f"{{{self.juki.namespace}}}{name}", nsmap={None: self.juki.namespace})

    def _fill(self, parent: etree._Element, record: RecordType, values: Mapping[str, str]) -> None:
        for item in record.items:
            if item.name in values:
                etree.SubElement(parent, f"{{{self.juki.namespace}}}{item.name}").text = values[item.name]

    def _jumin(self, parent: etree._Element, values: Mapping[str, str]) -> None:
        child = etree.SubElement(parent, f"{{{self.juki.namespace}}}jumin")
        self._fill(child, self.juki.records["jumin"], values)

    def opaque(self, size: int) -> Pair:
        """S1: an encrypted body in both directions, which no bus can look into."""
        operation = self.juki.operations["jumin_shokai"]
        bodies = []
        for name in ("jumin_shokai", "jumin_shokai_kaito"):
            body = self._element(name)
            data = etree.SubElement(body, f"{{{XENC}}}EncryptedData", nsmap={"xenc": XENC})
            cipher = etree.SubElement(etree.SubElement(data, f"{{{XENC}}}CipherData"), f"{{{XENC}}}CipherValue")
            cipher.text = noise(max(0, size - len(envelope(body))))
            bodies.append(envelope(body))
        return Pair(bodies[0], operation.action, bodies[1])

    def inquiry(self, size: int) -> Pair:
        """S3: a resident inquiry answered with about 1 KB; above, a household inquiry answered with ``size`` bytes."""
        single = size <= KB
        operation = self.juki.operations["jumin_shokai" if single else "setai_shokai"]
        request = self._element(operation.name)
        key = "atenabango" if single else "setaibango"
        self._fill(
            request,
            self.juki.records[operation.request_record],
            {key: RESIDENT[key], "kijunbi": "2026-01-01"},
        )
        reply = self._element(f"{operation.name}_kaito")
        self._jumin(reply, RESIDENT)
        while not single and len(envelope(reply)) < size:
            number = f"{len(reply):0{SEQUENCE_DIGITS}d}"
            self._jumin(reply, {**RESIDENT, "atenabango": f"000001{number}"})
        return Pair(envelope(request), operation.action, envelope(reply))

    def notice(self, size: int) -> Pair:
        """S9: a notice of change with one resident, filled up with long items; answered with a receipt."""
        operation = self.juki.operations["ido_tsuchi"]
        values = dict(RESIDENT)
        body = self._notice(values)
        for name, digits in FILLING.items():
            if len(body) >= size:
                break
            characters = min(digits, (size - len(body)) // 3 + 1)
            body = self._notice(values := {**values, name: ("架空の記載" * digits)[:characters]})
        receipt = self._element("ido_tsuchi_uketsuke")
        common = "urn:chiikibus:standard:1.0:common"
        for name, text in (
            ("messageid", "urn:uuid:00000000-0000-4000-8000-000000000000"),
            ("uketsukebango", "0000000001"),
            ("uketsuke_nichiji", "2026-01-01T00:00:00+09:00"),
        ):
            etree.SubElement(receipt, f"{{{common}}}{name}").text = text
        return Pair(body, operation.action, envelope(receipt))

    def _notice(self, values: Mapping[str, str]) -> bytes:
        body = self._element("ido_tsuchi")
        self._jumin(body, values)
        return envelope(body)


def envelope(body: etree._Element) -> bytes:
    """The SOAP 1.1 envelope around a copy of ``body``."""
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    copy = etree.fromstring(etree.tostring(body))
    etree.SubElement(root, f"{{{SOAP}}}Body").append(copy)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def content(message: bytes) -> bytes:
    """The Body of a message and what follows it: the bus says in a header block of its own what it kept back."""
    return message.partition(b"<soap:Body>")[2]


def noise(length: int) -> str:
    """Base64 text of ``length`` characters that does not compress, the same in every run."""
    blocks = (hashlib.sha256(str(number).encode()).digest() for number in range(length // 40 + 2))
    return base64.b64encode(b"".join(blocks)).decode("ascii")[:length]
