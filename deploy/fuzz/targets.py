"""What the fuzzer asks of the wire: any bytes come to a value or a coded error, and what was read is what others read.

A target takes bytes and raises when a promise is broken. The same targets replay the kept corpus in the tests.
"""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import Callable, Mapping
from typing import Any, Final
from xml.parsers import expat

from lxml import etree

from bus.core.budget import Budget
from bus.core.errors import ChiikibusError, WireError
from bus.core.settings import FrontSettings
from bus.front.desk import charset_of_media
from bus.front.protocol import Connection
from bus.front.responses import CONTINUE
from bus.wire import coding, envelope, fault, fault_form, safe_xml, splice
from bus.wire.attachments.package import PackageReader
from bus.wire.encoding import as_utf8, charset_of
from bus.wire.envelope import SECURITY, SOAP, WSSE
from bus.wire.http import Request, Response
from bus.wire.reliable import headers as reliable
from bus.wire.security import header as security

MEDIA: Final = ("text/xml; charset=utf-8", "text/xml", "text/xml; charset=utf-16", 'Text/XML;charset="UTF-8"; action=x')
HEADER: Final = (
    b'<s:Envelope xmlns:s="%s" xmlns:w="http://www.w3.org/2005/08/addressing" '
    b'xmlns:c="urn:chiikibus:standard:1.0:common" xmlns:r="http://docs.oasis-open.org/ws-rx/wsrm/200702">'
    b'<s:Header>%%s</s:Header><s:Body><p:a xmlns:p="urn:x"/></s:Body></s:Envelope>'
) % SOAP.encode()
FAULT: Final = b'<s:Envelope xmlns:s="%s"><s:Body><s:Fault>%%s</s:Fault></s:Body></s:Envelope>' % SOAP.encode()
SECURED: Final = HEADER % (b'<y:Security xmlns:y="%s">%%s</y:Security>' % WSSE.encode())
PLACE: Final = b"%s"
LIMIT: Final = 1024 * 1024


class PromiseBroken(AssertionError):
    """Something that must never happen has happened."""


def message(data: bytes) -> None:
    """Any body under one of the media types."""
    _read(data[1:], MEDIA[data[0] % len(MEDIA)] if data else MEDIA[0])


def header(data: bytes) -> None:
    """Any header blocks in a good envelope: addressing, context, reliability."""
    _read(HEADER.replace(PLACE, data))


def fault_children(data: bytes) -> None:
    """Any children of a fault."""
    _read(FAULT.replace(PLACE, data))


def secured(data: bytes) -> None:
    """Any children of a wsse:Security block."""
    _read(SECURED.replace(PLACE, data))


def packed(data: bytes) -> None:
    """A gzip body: what is unpacked is what another program unpacks, and never more than was allowed."""
    try:
        got = coding.unpack(data, LIMIT)
    except WireError:
        return
    if len(got) > LIMIT:
        raise PromiseBroken("unpacked beyond the limit")
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as other:
        if other.read() != got:
            raise PromiseBroken("unpacked to something else")


def media_type(data: bytes) -> None:
    """A Content-Type field."""
    text = data.decode("latin-1")
    for judge in (charset_of, charset_of_media, coding.coding_of):
        try:
            judge(text)
        except WireError:
            continue


def package(data: bytes) -> None:
    """A multipart body: the same parts, whole or in pieces."""
    kind = 'multipart/related; boundary=b; type="text/xml"; start="<root>"'
    whole, pieces = _package(kind, [data]), _package(kind, [data[at : at + 3] for at in range(0, len(data), 3)])
    if whole != pieces and not (isinstance(whole, str) and isinstance(pieces, str)):
        raise PromiseBroken("the parts depend on the pieces")


def http(data: bytes) -> None:
    """The bytes of a connection: the same answers, whole or in pieces, and no room is kept."""
    if not data:
        return
    size, stream = data[0] % 9 + 1, data[1:8192]
    whole = _LOOP.run_until_complete(_converse([stream]))
    pieces = _LOOP.run_until_complete(_converse([stream[at : at + size] for at in range(0, len(stream), size)]))
    if whole != pieces:
        raise PromiseBroken(f"answers depend on the pieces: {whole!r} {pieces!r}")


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "message": message,
    "header": header,
    "fault": fault_children,
    "secured": secured,
    "packed": packed,
    "media": media_type,
    "package": package,
    "http": http,
}


def _read(raw: bytes, media: str = MEDIA[0]) -> None:
    """Parse and read; a refusal must become a fault that can be read."""
    try:
        root = safe_xml.parse(raw, media)
    except ChiikibusError as error:
        _tell(error)
        return
    _as_others_do(as_utf8(raw, charset_of(media)), root)
    try:
        read = envelope.read(root)
    except ChiikibusError as error:
        _tell(error, envelope.salvage(root))
        return
    if read.is_fault:
        fault.read_fault(read.body)
        fault_form.problems(read.body)
    again = envelope.read(safe_xml.parse(envelope.serialise(read.body)))
    if (again.addressing, again.context, again.is_fault) != (read.addressing, read.context, read.is_fault):
        raise PromiseBroken("written and read again, it says something else")
    for tolerated in (lambda: reliable.read_headers(read.headers), lambda: _security(read.security)):
        try:
            tolerated()
        except ChiikibusError as error:
            _tell(error)
    try:
        if splice.without(raw, lambda _name: False) != raw:
            raise PromiseBroken("nothing was cut out, and the bytes changed")
    except ChiikibusError as error:
        _tell(error)


def _security(block: Any) -> None:
    if block is not None and block.tag == SECURITY:
        security.read(block)


def _tell(error: ChiikibusError, request: Any = None) -> None:
    """The fault for a refusal is a message that can be read, with the code of the refusal."""
    if not error.findings and error.entry.http_status == 500:
        raise PromiseBroken(f"{error.code} does not say what is wrong")
    raw = fault.fault_bytes(error, request=request) if request is not None else fault.fault_bytes(error)
    told = fault.read_fault(envelope.read(safe_xml.parse(raw)).body)
    if told.code != error.code:
        raise PromiseBroken(f"{error.code} is told as {told.code}")


def _as_others_do(text: bytes, root: etree._Element) -> None:
    """expat, which shares nothing with libxml2, reads the same elements, attributes and characters."""
    seen: list[Any] = []

    def characters(data: str) -> None:
        if seen and isinstance(seen[-1], str):
            seen[-1] += data
        else:
            seen.append(data)

    parser = expat.ParserCreate("utf-8", "}")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: seen.append((name, attributes))
    parser.EndElementHandler = lambda name: seen.append((name,))
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        if all(str(element.tag).isascii() and "".join(map(str, element.keys())).isascii() for element in root.iter()):
            raise PromiseBroken("another reader finds it not well-formed") from None
        return  # expat knows the names of the fourth edition of XML 1.0, libxml2 those of the fifth
    own: list[Any] = []
    _flatten(root, own)
    if own != seen:
        raise PromiseBroken("another reader reads something else")


def _flatten(element: etree._Element, into: list[Any]) -> None:
    """The events of a tree, named as expat names them."""
    name = str(element.tag).removeprefix("{")
    into.append((name, {str(key).removeprefix("{"): value for key, value in element.items()}))
    if element.text:
        into.append(element.text)
    for child in element:
        _flatten(child, into)
        if child.tail:
            into.append(child.tail)
    into.append((name,))


def _package(kind: str, pieces: list[bytes]) -> Any:
    """The digest of the parts, or the code of the refusal."""
    try:
        reader = PackageReader(kind)
        for piece in pieces:
            reader.feed(piece)
        found = reader.finish()
    except ChiikibusError as error:
        return error.code
    return found, bytes(reader.root)


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written.append(bytes(data))

    def can_write_eof(self) -> bool:
        """As TCP."""
        return True

    def write_eof(self) -> None:
        """Nothing more is written."""

    def pause_reading(self) -> None:
        """Nobody reads."""

    def resume_reading(self) -> None:
        """Nobody reads."""

    def close(self) -> None:
        """The end."""
        self.closed = True

    abort = close


class _Desk:
    """Stands for the front desk: answers every request with what it got."""

    settings = FrontSettings(port=0)
    draining = False
    min_rate = 1

    def __init__(self) -> None:
        self.budget = Budget(16 * LIMIT)

    def refuse(self, method: str, path: str, headers: Mapping[str, str], channel: object = None) -> Response | None:
        """Refuse some, so that bodies are thrown away too."""
        del headers
        return Response(405) if method == "PUT" or path == "/no" else None

    def takes_attachments(self, path: str) -> bool:
        """None."""
        del path
        return False

    async def answer(self, request: Request) -> Response:
        """What was understood."""
        told = repr((request.method, request.path, request.query, sorted(request.headers.items()), request.body))
        return Response(200, "text/plain", told.encode())


class _Listener:
    """Stands for the listener."""

    date = "Date: now\r\n"
    channel_of = None

    def __init__(self) -> None:
        self.desk = _Desk()

    def add(self, connection: Connection) -> None:
        """A connection was made."""

    def remove(self, connection: Connection) -> None:
        """A connection is gone."""


_LOOP: Final = asyncio.new_event_loop()


async def _converse(pieces: list[bytes]) -> bytes:
    """Everything that is answered to these pieces."""
    listener: Any = _Listener()
    connection, transport = Connection(listener), _Transport()
    connection.connection_made(transport)
    for piece in pieces:
        connection.data_received(piece)
        await asyncio.sleep(0)
    for _ in range(40):
        await asyncio.sleep(0)
    if not transport.closed:
        connection.eof_received()
    connection.connection_lost(None)
    await asyncio.sleep(0)
    if listener.desk.budget.in_flight:
        raise PromiseBroken(f"{listener.desk.budget.in_flight} bytes stay in flight")
    return b"".join(transport.written).replace(CONTINUE, b"")
