"""Records of the standard as XML text and back, quickly: what lxml would write, written without building a tree.

Every tag is serialised by lxml once, when the writer is made; values are put between tags only where not a single
character of the record would have to be escaped or refused. Any other record is built and serialised by lxml. So the
bytes are lxml's in both cases, and a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lxml import etree

from bus.wire.records import to_element
from schemas.model import RecordType

_TEXT = "[^<>&\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
_ITEM = re.compile(f"  <([A-Za-z_][A-Za-z0-9_.-]*)>({_TEXT}+)</\\1>\n")
_SPECIAL = re.compile("[<>&\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class RecordWriter:
    """Writes records of one type, each as an element of its own with its namespace, indented, with a line end."""

    def __init__(self, namespace: str, record_type: RecordType) -> None:
        self._namespace = namespace
        self._record_type = record_type
        whole = to_element(None, namespace, record_type, {item.name: "x" for item in record_type.items})
        first, *lines, last = self._serialised(whole).decode("utf-8").splitlines(keepends=True)
        self._first, self._last = first, last
        self._tags = tuple((item.name, *_around(line)) for item, line in zip(record_type.items, lines, strict=True))

    @property
    def frame(self) -> tuple[str, str]:
        """What stands before and behind the items of a record."""
        return self._first, self._last

    def write(self, values: Mapping[str, str]) -> bytes:
        """The record in UTF-8; ValueError names an item it does not have, or a character that XML does not have."""
        get = values.get
        if not _SPECIAL.search("".join(values.values())):
            items = [f"{before}{value}{behind}" for name, before, behind in self._tags if (value := get(name))]
            if len(items) == len(values) and items:
                return f"{self._first}{''.join(items)}{self._last}".encode()
        return self._serialised(to_element(None, self._namespace, self._record_type, values))

    @staticmethod
    def _serialised(element: etree._Element) -> bytes:
        return etree.tostring(element, encoding="utf-8", xml_declaration=False, pretty_print=True)


def _around(line: str) -> tuple[str, str]:
    """What stands before and behind the one character of text in a line."""
    end = line.index(">") + 1
    return line[:end], line[end + 1 :]


class RecordReader:
    """Reads what ``RecordWriter`` writes: a strict form of XML whose every match means what lxml would read."""

    def __init__(self, namespace: str, record_type: RecordType) -> None:
        empty = RecordWriter(namespace, record_type)
        self.begin, self.end = empty.frame

    def read(self, text: str) -> dict[str, str] | None:
        """The items between the tags of a record, ``None`` for anything that is not exactly of the form."""
        found = _ITEM.findall(text)
        length = 8 * len(found)
        for name, value in found:
            length += 2 * len(name) + len(value)
        return dict(found) if length == len(text) and found else None
