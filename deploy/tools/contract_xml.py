"""Turn the tables of an edition into WSDL 1.1 and XML Schema 1.0 trees."""

from __future__ import annotations

import re

from lxml import etree
from lxml.builder import ElementMaker

from schemas.model import CodeTable, Edition, Format, Item, Operation, RecordType, Unit

XS = "http://www.w3.org/2001/XMLSchema"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
SOAP = "http://schemas.xmlsoap.org/wsdl/soap/"
SOAP_HTTP = "http://schemas.xmlsoap.org/soap/http"
WSAM = "http://www.w3.org/2007/05/addressing/metadata"
FAULT_ACTION = "http://www.w3.org/2005/08/addressing/soap/fault"
XML = "http://www.w3.org/XML/1998/namespace"
COMMON = "urn:chiikibus:standard:1.0:common"
"""The frame of every message (context, receipt, fault detail): the same in all editions that run side by side."""

MAX_FINDINGS = 50
IVS_WIDTH = 2  # XML Schema counts a base character and its variation selector as two
DIRECT = ("YEAR", "DATE", "TIME", "DATETIME")

UKETSUKE = (
    Item("messageid", "電文ID", "X", 255, mandatory=True),
    Item("uketsukebango", "受付番号", "X", 64, mandatory=True),
    Item("uketsuke_nichiji", "受付日時", "DATETIME", 29, mandatory=True),
)
SYSTEM = (
    Item("dantaikodo", "団体コード", "X", 6, mandatory=True, format="dantaikodo"),
    Item("gyomu", "業務", "X", 32),
    Item("shisutemu", "システム", "X", 64),
)
CONTEXT = (
    Item("sosa", "操作", "X", 64),
    Item("hansu", "版数", "X", 16),
    Item("riyomokuteki", "利用目的（事務コード）", "X", 32),
    Item("sosashaid", "操作者ID", "X", 64),
    Item("soshin_nichiji", "送信日時", "DATETIME", 29),
    Item("junjokagi", "順序鍵", "X", 128),
    Item("shikenfuragu", "試験フラグ", "X", 1, code="umu"),
)


def characters(pattern: str) -> str:
    """A pattern of ``formats.csv`` with its ``\\uXXXX`` escapes turned into characters, as XML Schema wants it."""
    return re.sub(r"\\u([0-9A-Fa-f]{4})", lambda match: chr(int(match[1], 16)), pattern)


class Schemas:
    """Makes the schema documents and the descriptions of one edition."""

    def __init__(self, edition: Edition) -> None:
        self.edition = edition
        self.common_namespace = COMMON
        self.xs = ElementMaker(namespace=XS, nsmap={"xs": XS})
        records = [record for unit in edition.units.values() for record in unit.records.values()]
        used = {item.code for record in records for item in record.items} | {item.code for item in CONTEXT}
        self.shared = [table for name, table in edition.codes.items() if name in used]

    def common(self) -> etree._Element:
        """``common.xsd``: lexical types, shared code types, receipt, context header block and fault detail."""
        xs = self.xs
        root = self._root(self.common_namespace, "c")
        self._say(root, "地域バス標準プロファイル 共通定義", "Chiikibus Standard Profile: common definitions")
        for form in self.edition.formats.values():
            if form.pattern:
                root.append(self._form(form))
        for table in self.shared:
            root.append(self._table(table))
        receipt = self._sequence(UKETSUKE, "c")
        root.append(
            xs.complexType(self._note("受付", "Receipt: the message is durably stored"), receipt, name="uketsuke")
        )
        system = self._sequence(SYSTEM, "c")
        root.append(
            xs.complexType(self._note("システムの識別", "A system of a municipality"), system, name="shisutemu")
        )
        block = xs.sequence(
            xs.element(self._note("送信元", "Sender"), name="soshinmoto", type="c:shisutemu"),
            xs.element(self._note("送信先", "Receiver"), name="soshinsaki", type="c:shisutemu", minOccurs="0"),
            *self._sequence(CONTEXT, "c"),
        )
        note = self._note("連携コンテキスト（SOAPヘッダー）", "Context header block; may be left out by plain clients")
        root.append(xs.element(note, xs.complexType(block), name="Context"))
        root.append(self._withheld())
        root.append(self._glyphs())
        root.append(self._fault())
        return root

    def _withheld(self) -> etree._Element:
        """``Hikaiji``: item names by the class of the reason, as ``bus.wire.withheld`` writes them."""
        xs = self.xs
        named = xs.extension(xs.attribute(name="riyu", type="xs:NMTOKEN", use="required"), base="xs:NMTOKENS")
        item = xs.element(xs.complexType(xs.simpleContent(named)), name="komoku", maxOccurs="unbounded")
        note = self._note("非開示（SOAPヘッダー）", "Header block of the bus: items that are withheld, by reason")
        return xs.element(note, xs.complexType(xs.sequence(item)), name="Hikaiji")

    def _glyphs(self) -> etree._Element:
        """``Mojizukei``: MJ names of glyphs without Unicode text, in the order of U+FFFC (``bus.wire.glyphs``)."""
        xs = self.xs
        extended = xs.extension(xs.attribute(name="komoku", type="xs:NMTOKEN", use="required"), base="xs:string")
        glyph = xs.element(xs.complexType(xs.simpleContent(extended)), name="moji", maxOccurs="unbounded")
        note = self._note(
            "文字図形（SOAPヘッダー）", "MJ names of the glyphs for which U+FFFC stands in the Body, in order"
        )
        return xs.element(note, xs.complexType(xs.sequence(glyph)), name="Mojizukei")

    def unit(self, unit: Unit) -> etree._Element:
        """``<unit>.xsd``: code types, record types and the payload elements of every operation."""
        xs = self.xs
        root = self._root(unit.namespace, "t", c=self.common_namespace)
        root.append(xs("import", namespace=self.common_namespace, schemaLocation="../common/common.xsd"))
        self._say(root, f"{unit.name_ja} データ定義", f"{unit.name_en}: data definitions")
        carried = {operation.record for operation in unit.operations.values()} - {""}
        used = {item.code for record in unit.records.values() for item in record.items} - {"", *self.edition.codes}
        for name in sorted(used):
            root.append(self._table(unit.codes[name]))
        for name in sorted(carried):
            kind = xs.complexType(self._sequence(unit.records[name].items, "t"), name=name)
            root.append(kind)
        for operation in unit.operations.values():
            self._payloads(root, unit, operation)
        return root

    def description(self, unit: Unit) -> etree._Element:
        """``service.wsdl``: WSDL 1.1, document/literal, one port; the context header is left out of the binding."""
        maker = ElementMaker(
            namespace=WSDL,
            nsmap={"wsdl": WSDL, "soap": SOAP, "xs": XS, "wsam": WSAM, "t": unit.namespace, "c": self.common_namespace},
        )
        soap = ElementMaker(namespace=SOAP)
        root = maker.definitions(name=unit.key, targetNamespace=unit.namespace)
        text = maker.documentation(
            f"{unit.name_ja} / {unit.name_en} — 地域バス標準プロファイル {unit.edition} / Chiikibus Standard Profile"
        )
        root.append(text)
        imports = self.xs.schema(
            self.xs("import", namespace=unit.namespace, schemaLocation=f"{unit.key}.xsd"),
            self.xs("import", namespace=self.common_namespace, schemaLocation="../common/common.xsd"),
        )
        root.append(maker.types(imports))
        port = maker.portType(name=unit.key)
        binding = maker.binding(
            soap.binding(style="document", transport=SOAP_HTTP), name=f"{unit.key}_soap", type=f"t:{unit.key}"
        )
        for operation in unit.operations.values():
            names = [_local(operation.input), _local(operation.output)]
            for name in names:
                root.append(maker.message(maker.part(name="parameters", element=f"t:{name}"), name=name))
            entry = maker.operation(
                maker.documentation(operation.name_ja),
                maker.input({f"{{{WSAM}}}Action": operation.action}, message=f"t:{names[0]}"),
                maker.output({f"{{{WSAM}}}Action": operation.reply_action}, message=f"t:{names[1]}"),
                maker.fault({f"{{{WSAM}}}Action": FAULT_ACTION}, name="shogai", message="t:shogai"),
                name=operation.name,
            )
            port.append(entry)
            bound = maker.operation(
                soap.operation(soapAction=operation.action, style="document"),
                maker.input(soap.body(use="literal")),
                maker.output(soap.body(use="literal")),
                maker.fault(soap.fault(name="shogai", use="literal"), name="shogai"),
                name=operation.name,
            )
            binding.append(bound)
        root.append(maker.message(maker.part(name="fault", element="c:shogai"), name="shogai"))
        root.extend([port, binding])
        address = soap.address(location=f"http://localhost/{unit.key}")
        root.append(maker.service(maker.port(address, name=unit.key, binding=f"t:{unit.key}_soap"), name=unit.key))
        return root

    def _root(self, namespace: str, prefix: str, **others: str) -> etree._Element:
        maker = ElementMaker(namespace=XS, nsmap={"xs": XS, prefix: namespace, **others})
        return maker.schema(targetNamespace=namespace, elementFormDefault="qualified", version=self.edition.version)

    def _note(self, ja: str, en: str = "") -> etree._Element:
        texts = [self.xs.documentation({f"{{{XML}}}lang": "ja"}, ja)]
        if en:
            texts.append(self.xs.documentation({f"{{{XML}}}lang": "en"}, en))
        return self.xs.annotation(*texts)

    def _say(self, root: etree._Element, ja: str, en: str) -> None:
        root.append(self._note(ja, en))

    def _form(self, form: Format) -> etree._Element:
        pattern = self.xs.pattern(value=characters(form.pattern))
        return self.xs.simpleType(
            self._note(form.name_ja), self.xs.restriction(pattern, base="xs:string"), name=f"kata_{form.name}"
        )

    def _table(self, table: CodeTable) -> etree._Element:
        rows = [
            self.xs.enumeration(self._note(row.name_ja + (f"（{row.group}）" if row.group else "")), value=row.code)
            for row in table.rows
        ]
        return self.xs.simpleType(
            self._note(table.name_ja), self.xs.restriction(*rows, base="xs:string"), name=f"kodo_{table.name}"
        )

    def _sequence(self, items: tuple[Item, ...], prefix: str) -> etree._Element:
        return self.xs.sequence(*(self._item(item, prefix) for item in items))

    def _item(self, item: Item, prefix: str) -> etree._Element:
        """One element; its length is exact for half-width text and generous for N, whose selectors count double."""
        xs = self.xs
        size = f"{item.digits},{item.scale}" if item.scale else str(item.digits)
        element = xs.element(self._note(f"{item.name_ja}［{item.type}({size})］"), name=item.name)
        if not item.mandatory:
            element.set("minOccurs", "0")
        form = self.edition.formats.get(item.format)
        base = form.name if form is not None and form.pattern else item.type
        if item.code:
            element.set("type", f"{'c' if item.code in self.edition.codes else prefix}:kodo_{item.code}")
        elif item.type in DIRECT or item.type not in {base, "N"}:
            element.set("type", f"c:kata_{base}")
        else:
            element.append(xs.simpleType(self._restriction(item, base)))
        return element

    def _restriction(self, item: Item, base: str) -> etree._Element:
        xs = self.xs
        if item.type == "S9":
            return xs.restriction(xs.pattern(value=f"-?[0-9]{{1,{item.digits}}}"), base="xs:string")
        if item.type == "9V":
            pattern = f"[0-9]{{1,{item.digits}}}(\\.[0-9]{{1,{item.scale}}})?"
            return xs.restriction(xs.pattern(value=pattern), base="xs:string")
        longest = item.digits * IVS_WIDTH if item.type == "N" else item.digits
        return xs.restriction(xs.maxLength(value=str(longest)), base=f"c:kata_{base}")

    def _payloads(self, root: etree._Element, unit: Unit, operation: Operation) -> None:
        """The request and the reply element of one operation."""
        xs = self.xs
        asks, carries = unit.records.get(operation.request_record), unit.records.get(operation.record)
        inquiry = operation.output.endswith("_kaito")
        request = self._sequence(asks.items if asks else (), "t")
        if carries is not None and not inquiry:
            request.append(self._carried(carries, repeats=operation.repeats, mandatory=not operation.repeats))
        root.append(xs.element(self._note(operation.name_ja), xs.complexType(request), name=_local(operation.input)))
        name = _local(operation.output)
        if not inquiry:
            root.append(xs.element(self._note(f"{operation.name_ja} 受付"), name=name, type="c:uketsuke"))
            return
        own = unit.records.get(name)
        reply = self._sequence(own.items if own else (), "t")
        if carries is not None:
            reply.append(self._carried(carries, repeats=operation.repeats, mandatory=False))
        root.append(xs.element(self._note(f"{operation.name_ja} 回答"), xs.complexType(reply), name=name))

    def _carried(self, record: RecordType, *, repeats: bool, mandatory: bool) -> etree._Element:
        element = self.xs.element(name=record.name, type=f"t:{record.name}")
        if not mandatory:
            element.set("minOccurs", "0")
        if repeats:
            element.set("maxOccurs", "unbounded")
        return element

    def _fault(self) -> etree._Element:
        """The SOAP fault's detail: free text, so that a fault is never refused for its wording."""
        xs = self.xs

        def text(name: str, ja: str, **more: str) -> etree._Element:
            return xs.element(self._note(ja), name=name, type="xs:string", **more)

        optional = {"minOccurs": "0"}
        finding = xs.sequence(
            text("kodo", "コード"),
            text("komoku", "項目の位置（パス）", **optional),
            text("komokumei", "項目名", **optional),
            xs.element(self._note("行"), name="gyo", type="xs:nonNegativeInteger", minOccurs="0"),
            text("basho", "場所", **optional),
            text("kitai", "期待する値", **optional),
            text("jissai", "実際（値そのものは載せない）", **optional),
        )
        body = xs.sequence(
            text("kodo", "障害コード"),
            text("bunmen_ja", "文面（日本語）"),
            text("bunmen_en", "文面（英語）"),
            text("taisho_ja", "対処（日本語）", **optional),
            text("taisho_en", "対処（英語）", **optional),
            text("kirokubango", "記録番号", **optional),
            xs.element(
                self._note("指摘"), xs.complexType(finding), name="shiteki", minOccurs="0", maxOccurs=str(MAX_FINDINGS)
            ),
        )
        return xs.element(self._note("障害", "Fault detail"), xs.complexType(body), name="shogai")


def _local(name: str) -> str:
    return name.rpartition("}")[2]
