"""``--attach`` of ``chiikibus send``: files beside an envelope, as SwA or in place of elements (MTOM)."""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from bus.wire import envelope, safe_xml
from bus.wire.attachments import content_id
from bus.wire.attachments.references import INCLUDE, XOP_NAMESPACE
from bus.wire.attachments.writer import FilePart, MultipartMessage


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to be attached; with ``element`` it is that element's content."""

    path: Path
    element: str = ""


def parse_attachments(texts: Sequence[str]) -> tuple[Wanted, ...]:
    """``FILE`` or ``ELEMENT=FILE``, all of one kind. Errors: CB7030 no such file, or both kinds."""
    wanted = []
    for text in texts:
        element, equals, name = text.partition("=")
        plain = Path(text)
        one = Wanted(plain) if not equals or plain.is_file() else Wanted(Path(name), element)
        if not one.path.is_file():
            raise ConfigurationError("CB7030", [Finding("CB7030", path="--attach", expected="file", got=str(one.path))])
        wanted.append(one)
    if len({bool(one.element) for one in wanted}) > 1:
        finding = Finding("CB7030", path="--attach", expected="FILE ... | ELEMENT=FILE ...", got="both")
        raise ConfigurationError("CB7030", [finding])
    return tuple(wanted)


def with_files(message: bytes, wanted: Sequence[Wanted]) -> MultipartMessage:
    """The envelope with its files. Errors: CB7030 an element that is not there exactly once."""
    names = [f"attachment-{number}@chiikibus" for number in range(1, len(wanted) + 1)]
    parts = [FilePart(one.path, name, _media(one.path)) for one, name in zip(wanted, names, strict=True)]
    mtom = any(one.element for one in wanted)
    if mtom:
        message = _with_includes(message, [(one.element, name) for one, name in zip(wanted, names, strict=True)])
    return MultipartMessage(message, parts, boundary=secrets.token_hex(16), mtom=mtom)


def _with_includes(message: bytes, places: Sequence[tuple[str, str]]) -> bytes:
    """The envelope with an xop:Include as the only content of each element."""
    body = envelope.read(safe_xml.parse(message)).body
    for name, part in places:
        found = list(body.iter(f"{{*}}{name}"))
        if len(found) != 1:
            finding = Finding("CB7030", path="--attach", expected=f"one element {name}", got=str(len(found)))
            raise ConfigurationError("CB7030", [finding])
        holder = found[0]
        for child in list(holder):
            holder.remove(child)
        holder.text = None
        etree.SubElement(holder, INCLUDE, nsmap={"xop": XOP_NAMESPACE}).set("href", content_id.url(part))
    return envelope.serialise(body)


def _media(path: Path) -> str:
    """The media type by the file's suffix; ``application/octet-stream`` where it says nothing."""
    return mimetypes.guess_type(path.name, strict=True)[0] or "application/octet-stream"
