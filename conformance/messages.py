"""A SOAP message as the judge sees it: its HTTP head, its envelope and what the description says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from email import policy
from email.parser import BytesParser
from types import MappingProxyType
from typing import Final

from conformance.description import Description, Element, Operation
from conformance.documents import Document, children, read
from conformance.http1 import Head, parse
from conformance.names import BODY, ENVELOPE, FAULT, HEADER, RM, WSA

MAX_PARTS: Final = 1000
_UNDESCRIBED: Final = (RM, WSA)
"""Namespaces of Body children that protocols own and no description names."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart message; header names are in lower case."""

    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an exchange.

    ``name`` says where it stands in the evidence. ``direction`` is request or response. ``head`` is ``None`` for a bare
    document. ``document`` is the envelope, ``None`` where the body is empty. ``parts`` are those of a multipart body,
    the root part first. ``description`` is what the message is judged against, if anything was handed in.
    """

    name: str
    direction: str
    head: Head | None
    body: bytes
    complete: bool = True
    document: Document | None = None
    parts: tuple[Part, ...] = ()
    description: Description | None = None
    case: str = ""

    @property
    def root(self) -> Element | None:
        """The document element, if there is a tree."""
        return self.document.root if self.document is not None else None

    @property
    def envelope(self) -> Element | None:
        """The Envelope of SOAP 1.1, or ``None``."""
        return self.root if self.root is not None and self.root.tag == ENVELOPE else None

    @property
    def header_blocks(self) -> list[Element]:
        """The header blocks."""
        header = self._only(HEADER)
        return children(header) if header is not None else []

    @property
    def soap_body(self) -> Element | None:
        """The Body, where there is exactly one."""
        return self._only(BODY)

    def _only(self, tag: str) -> Element | None:
        found = children(self.envelope, tag) if self.envelope is not None else []
        return found[0] if len(found) == 1 else None

    @property
    def entries(self) -> list[Element]:
        """The child elements of the Body."""
        return children(self.soap_body) if self.soap_body is not None else []

    @property
    def fault(self) -> Element | None:
        """The Fault, if the Body holds one."""
        return next((one for one in self.entries if one.tag == FAULT), None)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of the description that the Body's first child may belong to; empty where there is none."""
        if self.description is None or self.fault is not None or self.soap_body is None:
            return ()
        request = self.direction == "request"
        found = []
        for one in self.description.operations:
            parts = one.inputs if request else one.outputs
            if parts is None:
                continue
            if not self.entries:
                fits = one.style == "document" and not parts
            else:
                tag = self.entries[0].tag
                space, suffix = (one.input_namespace, "") if request else (one.output_namespace, "Response")
                rpc = f"{{{space}}}{one.name}{suffix}"
                fits = tag == rpc if one.style == "rpc" else any(element == tag for _, element, _ in parts)
            if fits:
                found.append(one)
        return tuple(found)

    @property
    def of_protocol(self) -> bool:
        """Whether the Body holds a message of a protocol (a sequence is created, ...) that no description names."""
        return any(str(one.tag).startswith(tuple(f"{{{space}}}" for space in _UNDESCRIBED)) for one in self.entries)


def from_wire(name: str, raw: bytes, direction: str, description: Description | None = None, case: str = "") -> Message:
    """A message from the bytes of the wire (with its HTTP head) or a bare envelope."""
    parsed = None if raw.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"<", b"\xff\xfe", b"\xfe\xff")) else parse(
        raw, request=direction == "request"
    )  # fmt: skip
    if parsed is None:
        return Message(name, direction, None, raw, True, read(raw) if raw else None, (), description, case)
    message = Message(name, direction, parsed.head, parsed.body, parsed.complete, None, (), description, case)
    if parsed.head.media_type.startswith("multipart/"):
        parts = split(parsed.head.value("Content-Type") or "", parsed.body)
        root = root_part(parts, parsed.head.parameter("start"))
        rest = tuple(part for part in parts if part is not root)
        document = read(root.content) if root is not None else None
        return replace(message, document=document, parts=((root, *rest) if root is not None else rest))
    return replace(message, document=read(parsed.body) if parsed.body else None)


def split(content_type: str, body: bytes) -> tuple[Part, ...]:
    """The parts of a multipart body, in their order; at most ``MAX_PARTS``."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    parsed = BytesParser(policy=policy.compat32).parsebytes(head + body)
    found = []
    for part in parsed.get_payload() if parsed.is_multipart() else ():
        headers = {str(key).lower(): str(value) for key, value in part.items()}  # type: ignore[union-attr]  # parts of a multipart are messages
        content = part.get_payload(decode=True)  # type: ignore[union-attr]  # as above
        found.append(Part(MappingProxyType(headers), content if isinstance(content, bytes) else b""))
    return tuple(found[:MAX_PARTS])


def root_part(parts: tuple[Part, ...], start: str | None) -> Part | None:
    """The part that ``start`` names, else the first."""
    if start:
        return next((part for part in parts if part.headers.get("content-id", "").strip() == start.strip()), None)
    return parts[0] if parts else None
