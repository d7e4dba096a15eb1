"""Make the index of a multipart message while it comes: the envelope in memory, of the rest only sizes and digests."""

from __future__ import annotations

import hashlib

from bus.core.errors import WireError
from bus.core.types import Attachment, Finding, Package
from bus.wire.attachments import content_id, media
from bus.wire.attachments.head import PartHead
from bus.wire.attachments.limits import LIMITS, PackageLimits
from bus.wire.attachments.parser import Parser, over
from bus.wire.attachments.transfer import Decoder, decoder


class PackageReader:
    """Reads one multipart body. ``root`` is the envelope as far as it came.

    Errors (WireError): CB1051 structure, CB1052 types, CB1053 part fields, CB1054 Content-IDs, CB1055 transfer
    encodings, CB1057 limits, CB1003 encoding of the envelope.
    """

    def __init__(self, content_type: str, limits: PackageLimits = LIMITS) -> None:
        self._content_type = content_type
        self._kind = media.read_kind(content_type)
        self._limits = limits
        self._parser = Parser(self._kind.boundary, self, limits)
        self._whole = hashlib.sha256()
        self._size = 0
        self._names: set[str] = set()
        self._attachments: list[Attachment] = []
        self._head: PartHead | None = None
        self._decoder: Decoder = decoder("binary")
        self.in_root = False
        self._root_type = ""
        self._offset = self._length = self._content_size = 0
        self._content = hashlib.sha256()
        self.root = bytearray()

    @property
    def size(self) -> int:
        """Bytes fed so far."""
        return self._size

    @property
    def sha256(self) -> str:
        """The digest of the bytes fed so far."""
        return self._whole.hexdigest()

    def feed(self, data: bytes) -> None:
        """The next piece of the body."""
        self._size += len(data)
        if self._size > self._limits.max_size:
            raise over("bytes of the message", self._limits.max_size)
        self._whole.update(data)
        self._parser.feed(data)

    def finish(self, name: str = "") -> Package:
        """The body is complete; ``name`` is that of the segment."""
        self._parser.finish()
        if not self._root_type:
            raise WireError("CB1054", [Finding("CB1054", path="start", expected="a part of this name", got="none")])
        return Package(
            name=name,
            content_type=self._content_type,
            root_type=self._root_type,
            size=self._size,
            sha256=self._whole.hexdigest(),
            digest=self._digest(),
            attachments=tuple(self._attachments),
            mtom=self._kind.mtom,
        )

    def begin(self, head: PartHead, offset: int) -> None:
        """A part begins: its name is its own, its type may be one of an attachment."""
        name = head.content_id
        if name and name in self._names:
            raise content_id.bad("each name once", "twice")
        self._names.add(name)
        start = self._kind.start
        self.in_root = not self._root_type and (name == start if start else len(self._names) == 1)
        if self.in_root:
            self._root_type = media.root_type(head.content_type, self._kind)
        elif not name:
            raise content_id.bad("a Content-ID", "none")
        else:
            media.part_type(head.content_type or "application/octet-stream")
        self._head, self._decoder = head, decoder(head.encoding)
        self._offset, self._length, self._content_size = offset, 0, 0
        self._content = hashlib.sha256()

    def content(self, data: bytes) -> None:
        """A piece of the part's content as sent."""
        self._length += len(data)
        self.take(self._decoder.feed(data))

    def end(self) -> None:
        """The part is complete."""
        self.take(self._decoder.finish())
        head = self._head
        assert head is not None
        if not self.in_root:
            self._attachments.append(
                Attachment(
                    content_id=head.content_id,
                    content_type=head.content_type or "application/octet-stream",
                    encoding=head.encoding,
                    offset=self._offset,
                    length=self._length,
                    size=self._content_size,
                    sha256=self._content.hexdigest(),
                )
            )

    def take(self, content: bytes) -> None:
        """Decoded content: kept of the envelope, counted of an attachment."""
        if self.in_root:
            if len(self.root) + len(content) > self._limits.max_root:
                raise over("bytes of the envelope", self._limits.max_root)
            self.root += content
        else:
            self._content.update(content)
            self._content_size += len(content)

    def _digest(self) -> str:
        """Over the envelope, then name, type, size and digest of each attachment in their order."""
        digest = hashlib.sha256(b"package\n")
        digest.update(hashlib.sha256(self.root).digest())
        for part in self._attachments:
            digest.update(f"\n{part.content_id}\n{part.content_type}\n{part.size}\n{part.sha256}".encode())
        return digest.hexdigest()
