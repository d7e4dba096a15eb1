"""Records of the standard as an XML file, one root element around them; written and read in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from lxml import etree

from bus.core.errors import AdapterError
from bus.core.types import Finding
from bus.wire.records import from_element, to_element
from schemas.model import RecordType, Unit

ROOT = "kiroku_ichiran"


def write_records(stream: BinaryIO, unit: Unit, record_type: RecordType, records: Iterable[Mapping[str, str]]) -> None:
    """Write the records, items in the order of the standard, absent items left out."""
    with etree.xmlfile(stream, encoding="utf-8") as writer:
        writer.write_declaration()
        with writer.element(f"{{{unit.namespace}}}{ROOT}", nsmap={None: unit.namespace}):
            for values in records:
                writer.write("\n")
                writer.write(to_element(None, unit.namespace, record_type, values), pretty_print=True)
            writer.write("\n")


def read_records(stream: BinaryIO, unit: Unit, record_type: RecordType, file: str = "") -> Iterator[dict[str, str]]:
    """The records one by one; raises AdapterError CB6014 when the file is no such XML."""
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
