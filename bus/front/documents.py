"""The normative WSDL and XSD files as they are, byte for byte; only the address of the port is this bus's own."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from bus.pipeline import Tables
from bus.wire.http import XML, Response
from schemas.model import Unit

_LOCATION: Final = re.compile(
    rb"(?P<before><(?:[\w.\-]+:)?address\s[^>]*?location\s*=\s*)(?P<quote>[\"'])[^\"']*(?P=quote)"
)
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Documents:
    """The files of every unit, by ``<edition>/<unit>``; ``paths`` says which stand at an address.

    ``related`` is keyed by the path relative to the unit's WSDL, as its imports say.
    """

    wsdl: Mapping[str, bytes]
    related: Mapping[str, Mapping[str, bytes]]
    paths: Mapping[str, str]

    def answer(self, path: str, query: str, base_url: str) -> Response | None:
        """The file asked for, or ``None``.

        ``/<municipality>/<endpoint>/<unit>?wsdl`` and ``?xsd=<file>`` are the documented addresses; a client that
        resolves the relative imports of the WSDL by the rules for URLs arrives at the same files.
        """
        unit = self.paths.get(path)
        if unit is not None:
            if query.lower() == "wsdl":
                return Response(200, XML, with_address(self.wsdl[unit], f"{base_url}{path}"))
            if query.startswith("xsd="):
                return _found(self.related[unit].get(query.removeprefix("xsd=").replace("%2F", "/")))
            return None
        return None if query else _found(self._by_relative_path(posixpath.normpath(path)))

    def _by_relative_path(self, path: str) -> bytes | None:
        """A file whose address is that of a WSDL plus the import's relative path."""
        for address, unit in self.paths.items():
            folder = posixpath.dirname(address)
            for name, content in self.related[unit].items():
                if posixpath.normpath(posixpath.join(folder, name)) == path:
                    return content
        return None


def load_documents(tables: Tables) -> Documents:
    """Read the normative files of the editions in use."""
    standards = (tables.home, *tables.others.values())
    units = {f"{one.edition.version}/{unit.key}": unit for one in standards for unit in one.edition.units.values()}
    return Documents(
        wsdl={key: unit.wsdl.read_bytes() for key, unit in units.items()},
        related={key: _related(unit) for key, unit in units.items()},
        paths={
            path: f"{tables.standard(door.endpoint).edition.version}/{door.unit}" for path, door in tables.doors.items()
        },
    )


def base_url(public_url: str, host: str, listening: str, scheme: str = "http") -> str:
    """Where clients reach this bus: as configured, else as they addressed it, else where it listens."""
    if public_url:
        return public_url.rstrip("/")
    return f"{scheme}://{host if _HOST.fullmatch(host) else listening}"


def with_address(wsdl: bytes, address: str) -> bytes:
    """``wsdl`` with the location of its port replaced and every other byte kept."""
    written = b'"' + escape(address, {'"': "&quot;"}).encode() + b'"'
    return _LOCATION.sub(lambda match: match["before"] + written, wsdl)


def _related(unit: Unit) -> dict[str, bytes]:
    """The unit's schemas by relative path and by bare file name."""
    files: dict[str, bytes] = {}
    for path in unit.schemas:
        content = path.read_bytes()
        files[posixpath.normpath(Path(_relative(path, unit.wsdl.parent)).as_posix())] = content
        files.setdefault(path.name, content)
    return files


def _relative(path: Path, folder: Path) -> str:
    """``path`` as an import in ``folder`` writes it."""
    parts, base = path.resolve().parts, folder.resolve().parts
    common = 0
    while common < min(len(parts), len(base)) and parts[common] == base[common]:
        common += 1
    return "/".join([".."] * (len(base) - common) + list(parts[common:]))


def _found(content: bytes | None) -> Response | None:
    """A schema as a response."""
    return None if content is None else Response(200, XML, content)
