"""Which segment belongs to which message or reply, and which attachments are in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bus.core.types import Attachment, Package
from bus.journal.database import Database

REQUEST: Final = 0
REPLY: Final = 1
"""Values of ``segment.kind``: then ``n`` is ``exchange.n`` or ``delivery.n``."""

_SEGMENT: Final = "name, content_type, root_type, size, sha256, digest, mtom"
_ATTACHMENT: Final = "content_id, content_type, encoding, at, length, size, sha256"


def add(connection: Database, kind: int, n: int, package: Package) -> None:
    """Write the rows of a package; a late reply takes the place of one that was kept before."""
    connection.execute("DELETE FROM attachment WHERE kind = ? AND n = ?", (kind, n))
    connection.execute("DELETE FROM segment WHERE kind = ? AND n = ?", (kind, n))
    connection.execute(
        f"INSERT INTO segment (kind, n, {_SEGMENT}) VALUES (?,?,?,?,?,?,?,?,?)",  # noqa: S608 (own names)
        (kind, n, package.name, package.content_type, package.root_type, package.size, package.sha256, package.digest,
         int(package.mtom)),
    )  # fmt: skip
    connection.executemany(
        f"INSERT INTO attachment (kind, n, number, {_ATTACHMENT}) VALUES (?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 (own names)
        [
            (kind, n, number, a.content_id, a.content_type, a.encoding, a.offset, a.length, a.size, a.sha256)
            for number, a in enumerate(package.attachments)
        ],
    )


def read(connection: Database, kind: int, n: int) -> Package | None:
    """The package of a message or a reply, or ``None``."""
    row = connection.execute(
        f"SELECT {_SEGMENT} FROM segment WHERE kind = ? AND n = ?",  # noqa: S608 (own names)
        (kind, n),
    ).fetchone()
    if row is None:
        return None
    name, content_type, root_type, size, sha256, digest, mtom = tuple(row)
    attachments = tuple(Attachment(*tuple(each)) for each in _attachments(connection, kind, n))
    return Package(name, content_type, root_type, size, sha256, digest, attachments, bool(mtom), kept=True)


def names(connection: Database) -> Iterator[str]:
    """The names of all segments that a row holds."""
    for row in connection.execute("SELECT DISTINCT name FROM segment"):
        yield row[0]


def _attachments(connection: Database, kind: int, n: int) -> list[tuple[Any, ...]]:
    return connection.execute(
        f"SELECT {_ATTACHMENT} FROM attachment WHERE kind = ? AND n = ? ORDER BY number",  # noqa: S608 (own names)
        (kind, n),
    ).fetchall()
