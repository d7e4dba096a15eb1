"""Records of the standard as an XML file, one root element around them; written and read in pieces."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from adapters.mapping.record_text import RecordReader, RecordWriter
from bus.core.errors import AdapterError
from bus.core.types import Finding
from bus.wire.records import from_element
from schemas.model import RecordType, Unit

ROOT = "kiroku_ichiran"
BLOCK = 1 << 18


def _root(namespace: str) -> tuple[bytes, bytes]:
    """What stands before the first and behind the last record of a file."""
    names: Any = {None: namespace}
    root = etree.Element(f"{{{namespace}}}{ROOT}", nsmap=names)
    root.text = "\n"
    head, end = etree.tostring(root, encoding="utf-8", xml_declaration=True).rsplit(b"\n", 1)
    return head, end


def write_records(stream: BinaryIO, unit: Unit, record_type: RecordType, records: Iterable[Mapping[str, str]]) -> None:
    """Write the records, items in the order of the standard, absent items left out."""
    head, end = _root(unit.namespace)
    writer = RecordWriter(unit.namespace, record_type)
    stream.write(head)
    for values in records:
        stream.write(b"\n" + writer.write(values))
    stream.write(b"\n" + end)


@dataclass(slots=True)
class _Rest:
    """A stream whose first bytes have been read already."""

    data: bytes
    stream: BinaryIO

    def read(self, size: int = -1) -> bytes:
        """What was read first, then the stream."""
        data, self.data = self.data, b""
        return data or self.stream.read(size)


def read_records(stream: BinaryIO, unit: Unit, record_type: RecordType, file: str = "") -> Iterator[dict[str, str]]:
    """The records one by one; raises AdapterError CB6014 when the file is no such XML.

    What ``write_records`` writes is read by its form; from the first record on that has another, by a parser.
    """
    rest = yield from _by_form(stream, unit, record_type)
    if rest:
        yield from _parsed(_Rest(rest, stream), unit, record_type, file)


def _by_form(stream: BinaryIO, unit: Unit, record_type: RecordType) -> Generator[dict[str, str], None, bytes]:
    """Records as far as they have the form; the return value is a whole file of what is left, empty for nothing."""
    head, end = _root(unit.namespace)
    head += b"\n"
    first = stream.read(len(head))
    if first != head:
        return first
    reader = RecordReader(unit.namespace, record_type)
    begin, close = reader.begin, reader.end + "\n"
    rest = b""
    while len(rest) < BLOCK and (block := stream.read(BLOCK)):
        data = rest + block
        whole, found, rest = data.rpartition(close.encode())
        try:
            text = (whole + found).decode("utf-8")
        except UnicodeDecodeError:
            return head + data
        position = 0
        for piece in text.split(close)[:-1]:
            values = reader.read(piece[len(begin) :]) if piece.startswith(begin) else None
            if values is None:
                return head + text[position:].encode("utf-8") + rest
            yield values
            position += len(piece) + len(close)
    return b"" if rest == end else head + rest


def _parsed(stream: _Rest, unit: Unit, record_type: RecordType, file: str) -> Iterator[dict[str, str]]:
    wanted = f"{{{unit.namespace}}}{record_type.name}"
    try:
        events = etree.iterparse(
            stream,
            events=("end",),
            tag=wanted,
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
        )
        for _, element in events:
            if element.getroottree().docinfo.doctype:
                raise _broken(file, 0, "no DOCTYPE", "a DOCTYPE")
            yield from_element(element)
            element.clear()
    except etree.XMLSyntaxError as error:
        raise _broken(file, error.lineno or 0, "XML", type(error).__name__) from error


def _broken(file: str, line: int, expected: str, got: str) -> AdapterError:
    return AdapterError("CB6014", (Finding("CB6014", line=line, expected=expected, got=got, place=f"file={file}"),))


def load_golden(path: Path, unit: Unit, record_type: RecordType) -> list[dict[str, str]]:
    """All records of a golden file."""
    with path.open("rb") as stream:
        return list(read_records(stream, unit, record_type, path.name))
