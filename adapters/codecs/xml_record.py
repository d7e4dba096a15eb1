"""Private XML of a vendor: one record element by path, parsed as strictly as a message of the bus.

``form`` is object (the document is the record) or array (a root element with many records, read one at a time).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, cast

from lxml import etree

from adapters.characters.charset import Charset
from adapters.characters.problem import CharacterError, CharacterLoss
from adapters.codecs.chunks import Chunk
from adapters.codecs.field_text import byte_losses, foreign, placed, type_finding, unreadable, unwritable
from adapters.codecs.reading import FileReading
from adapters.codecs.xml_scan import behind_declaration, declared_encoding, leaves, local_name, records
from adapters.sdk.errors import adapter_error, finding
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.types import BadRecord, Loss, Origin, Span, VendorRecord
from bus.core.errors import WireError
from bus.core.types import Finding
from bus.wire import safe_xml

_NO_ORIGIN = Origin()
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NIL = f"{{{_XSI}}}nil"
_LINES = re.compile(rb"[^\r\n\t]+|[\r\n\t]")
_SPACES = b" \r\n\t"
_BREAKS = (b"\r", b"\n", b"\t")
_NAMES = {"utf-8": ("", "utf-8", "utf8"), "cp932": ("shift_jis", "shift-jis", "windows-31j", "cp932", "ms932")}


class XmlCodec:
    """Codec of ``kind = "xml"``. ``plain`` checks characters that came as references (``&#x845B;``)."""

    def __init__(self, layout: Layout, charset: Charset, plain: Charset) -> None:
        self.layout = layout
        self._charset = charset
        self._plain = plain
        self._by_path = {one.path: one for one in layout.fields}
        self._items = frozenset(one.name for one in layout.items)
        self._in = f"{{{layout.namespace}}}" if layout.namespace else ""
        self._open = b'<r xmlns="%s">' % layout.namespace.encode("ascii")

    # reading

    def reader(self, stream: BinaryIO, file: str = "") -> FileReading:
        """Decode a stream; see ``adapters.sdk.protocols.Codec``."""
        return FileReading(self, lambda: self._chunks(stream), file)

    def decode(self, stream: BinaryIO, file: str = "") -> Iterator[VendorRecord | BadRecord]:
        """The records of a stream."""
        return iter(self.reader(stream, file))

    def _chunks(self, stream: BinaryIO) -> Iterator[Chunk]:
        if self.layout.form == "object":
            raw = stream.read()
            start = behind_declaration(raw)
            wrong = self._wrong_encoding(raw)
            body = raw[start:]
            start += len(body) - len(body.lstrip(_SPACES))
            yield Chunk(start, body.strip(_SPACES), wrong, code="CB6002" if wrong else "")
            return
        head = stream.read(200)
        found = records(_Rejoined(head, stream))
        root = next(found)
        name = local_name(root.raw)
        if root.fault:
            yield root
            return
        wrong = self._wrong_encoding(head)
        if wrong or name != self.layout.root:
            fault = wrong or f"the root element is not {self.layout.root}"
            yield Chunk(root.offset, root.raw[:80], fault, ends_file=True, code="CB6002" if wrong else "CB6014")
            return
        yield from found

    def _wrong_encoding(self, raw: bytes) -> str:
        said = declared_encoding(raw)
        right = not said or said in _NAMES.get(self.layout.encoding, ())
        return "" if right else f"the declaration says another encoding than {self.layout.encoding}"

    def mark(self, raw: bytes) -> str:
        """The name of a record's element."""
        return local_name(raw)

    def check_header_line(self, raw: bytes, origin: Origin) -> None:
        """XML files have no line of column names."""

    def decode_fields(self, raw: bytes, fields: tuple[LayoutField, ...], origin: Origin) -> dict[str, str]:
        """XML files have neither header nor trailer records: always empty."""
        return {}

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """One record element; raises AdapterError CB6014, CB6002, CB6003 or E0002."""
        origin = origin or Origin(byte_length=len(raw))
        try:
            text, lost = self._text(raw)
        except CharacterError as error:
            raise adapter_error((unreadable(error, origin, self._item_at(raw, error.position), 0),)) from error
        element = self._parse(text, origin)
        values = dict.fromkeys((one.name for one in self.layout.fields), "")
        findings: list[Finding] = []
        self._collect(element, (), values, findings, origin)
        typed = ((one, values[one.name]) for one in self.layout.fields)
        findings.extend(found for one, text in typed if (found := type_finding(one, text, origin, None)))
        self._characters(values, findings, origin)
        if findings:
            raise adapter_error(placed(findings, self._locate(raw), origin))
        losses: tuple[Loss, ...] = ()
        for loss in lost:
            losses += byte_losses((loss,), origin, self._item_at(raw, loss.position), 0)
        return VendorRecord(values, origin, raw, self._locate, losses)

    def _text(self, raw: bytes) -> tuple[str, list[CharacterLoss]]:
        """The element as text; line breaks and tabs between tags are no characters of the vendor's set."""
        if self.layout.encoding == "utf-8":
            try:
                return raw.decode("utf-8"), []
            except UnicodeDecodeError as error:
                shown = raw[error.start : error.end].hex().upper()
                raise CharacterError("CB6002", error.start, shown, "not UTF-8") from error
        pieces: list[str] = []
        losses: list[CharacterLoss] = []
        for match in _LINES.finditer(raw):
            if match[0] in _BREAKS:
                pieces.append(match[0].decode("ascii"))
                continue
            try:
                piece, lost = self._charset.decode_carefully(match[0])
            except CharacterError as error:
                position = match.start() + error.position
                raise CharacterError(error.code, position, error.subject, error.reason) from error
            pieces.append(piece)
            losses += [CharacterLoss(match.start() + one.position, one.subject, one.reason) for one in lost]
        return "".join(pieces), losses

    def _parse(self, text: str, origin: Origin) -> etree._Element:
        try:
            wrapped = safe_xml.parse(self._open + text.encode("utf-8") + b"</r>")
        except WireError as error:
            got = error.findings[0].got if error.findings else ""
            found = finding("CB6014", origin, expected="a well-formed element", got=f"{error.code} {got}".strip())
            raise adapter_error((found,)) from error
        children = list(wrapped)
        expected = self._in + self.layout.element
        if len(children) != 1 or children[0].tag != expected or (wrapped.text or "").strip() or children[0].tail:
            got = str(children[0].tag) if len(children) == 1 else f"{len(children)} elements"
            raise adapter_error((finding("CB6014", origin, expected=expected, got=got),))
        return children[0]

    def _collect(
        self,
        node: etree._Element,
        path: tuple[str, ...],
        values: dict[str, str],
        findings: list[Finding],
        origin: Origin,
    ) -> None:
        self._attributes(node, path, values, findings, origin)
        if (node.text or "").strip():
            findings.append(finding("CB6014", origin, ".".join(path), expected="no text beside elements", got="text"))
        seen: set[str] = set()
        for child in node:
            tag = str(child.tag)
            name = tag.rpartition("}")[2]
            here = (*path, name)
            if tag != self._in + name or name in seen:
                expected = "another namespace" if tag != self._in + name else "each element once"
                findings.append(finding("CB6014", origin, ".".join(here), expected=expected, got="an element"))
            elif (child.tail or "").strip():
                findings.append(finding("CB6014", origin, ".".join(here), expected="no text behind", got="text"))
            elif len(child) or (here not in self._by_path and not (child.text or "").strip()):
                self._collect(child, here, values, findings, origin)
            elif child.get(_NIL) in {"true", "1"}:
                self._put(here, "", values, findings, origin)
            else:
                self._put(here, child.text or "", values, findings, origin)
                self._attributes(child, here, values, findings, origin)
            seen.add(name)

    def _attributes(
        self,
        node: etree._Element,
        path: tuple[str, ...],
        values: dict[str, str],
        findings: list[Finding],
        origin: Origin,
    ) -> None:
        for key in map(str, node.attrib):
            if not key.startswith(f"{{{_XSI}}}"):
                self._put((*path, f"@{key}"), node.get(key) or "", values, findings, origin)

    def _put(
        self, path: tuple[str, ...], text: str, values: dict[str, str], findings: list[Finding], origin: Origin
    ) -> None:
        one = self._by_path.get(path)
        if one is None:
            shown = ".".join(path)
            findings.append(finding("CB6014", origin, shown, expected="an element of the layout", got="another"))
        else:
            values[one.name] = text

    def _characters(self, values: dict[str, str], findings: list[Finding], origin: Origin) -> None:
        """Characters written as references have not passed the character set; and some are no text."""
        for name, value in values.items():
            if self._plain.watch.search(value):
                try:
                    values[name] = self._plain.decode(value.encode("utf-8", "surrogatepass"))
                except CharacterError as error:
                    findings.append(unreadable(error, origin, name, 0))

    def _item_at(self, raw: bytes, position: int) -> str:
        for name, (start, size) in self._locate(raw).items():
            if start <= position < start + size:
                return name
        return ""

    def _locate(self, raw: bytes) -> Mapping[str, Span]:
        spans: dict[str, Span] = {}
        for path, (start, end) in leaves(raw).items():
            one = self._by_path.get(path)
            spans[one.name if one else ".".join(path)] = (start, end - start)
        return spans

    # writing

    def encode_record(self, values: Mapping[str, str]) -> bytes:
        """One element in the layout's order; raises AdapterError CB6007, CB6014 or E0002."""
        findings = foreign(name for name in values if name not in self._items)
        own = self.layout.form == "object" and self.layout.namespace
        prefix = self._in if own else ""
        nsmap = cast("Mapping[str, str] | None", {None: self.layout.namespace} if own else None)
        record = etree.Element(prefix + self.layout.element, nsmap=nsmap)
        made: dict[str, etree._Element] = {}
        for one in self.layout.fields:
            text = values.get(one.name, "") or one.value
            problem = type_finding(one, text, _NO_ORIGIN, None)
            if problem is not None:
                findings.append(problem)
            elif text or self.layout.absent != "omit":
                self._write(record, made, one, text, findings)
        if findings:
            raise adapter_error(findings)
        return self._charset.encode(etree.tostring(record, encoding="unicode"))

    def _write(
        self,
        record: etree._Element,
        made: dict[str, etree._Element],
        one: LayoutField,
        text: str,
        findings: list[Finding],
    ) -> None:
        """Put one value at its place; ``made`` are the elements that stand already, by path."""
        prefix = self._in if self.layout.form == "object" else ""
        try:
            if text:
                self._charset.encode(text)
            *above, last = one.path
            node, here = record, ""
            for step in above:
                here = f"{here}.{step}"
                child = made.get(here)
                if child is None:
                    child = made[here] = etree.SubElement(node, prefix + step)
                node = child
            if last.startswith("@"):
                if text:
                    node.set(last[1:], text)
                return
            node = made[f"{here}.{last}"] = etree.SubElement(node, prefix + last)
            if text:
                node.text = text
            elif self.layout.absent == "null":
                node.set(_NIL, "true")
        except CharacterError as error:
            findings.append(unwritable(error, _NO_ORIGIN, one.name))
        except ValueError:
            findings.append(finding("CB6007", _NO_ORIGIN, one.name, expected="characters that XML can hold"))

    def encode(
        self,
        records: Iterable[Mapping[str, str]],
        header: Mapping[str, str] | None = None,
        trailer: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """A whole document in pieces, as ``form`` says."""
        if header or trailer:
            raise adapter_error((finding("CB6014", _NO_ORIGIN, expected="no header or trailer in XML"),))
        layout = self.layout
        said = "UTF-8" if layout.encoding == "utf-8" else "Shift_JIS"
        end = layout.line_end_bytes
        yield b'<?xml version="1.0" encoding="%s"?>' % said.encode("ascii") + end
        if layout.form == "array":
            attribute = b' xmlns="%s"' % layout.namespace.encode("ascii") if layout.namespace else b""
            yield b"<%s%s>" % (self._name(layout.root), attribute) + end
        for number, values in enumerate(records):
            if layout.form == "object" and number:
                raise adapter_error((finding("CB6014", _NO_ORIGIN, expected="one record in a document"),))
            yield self.encode_record(values) + end
        if layout.form == "array":
            yield b"</%s>" % self._name(layout.root) + end

    def _name(self, text: str) -> bytes:
        return self._charset.encode(text)


class _Rejoined:
    """A stream whose first bytes were looked at already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int) -> bytes:
        """The next bytes."""
        head, self._head = self._head, b""
        return head or self._stream.read(size)
