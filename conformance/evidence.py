"""The evidence bundle: what went over the wire and how it came to be, as a folder or zip file that never changes.

``evidence.json`` holds the circumstances and the list of exchanges; ``exchanges/`` the bytes of each request and
response; ``wsdl/`` the description, ``data/`` data files; ``SHA256SUMS`` the digest of each file, as ``sha256sum -c``
reads it. Reading checks every digest. The format is described in ``docs/conformance.md``.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

FORMAT: Final = "chiikibus-evidence/1"
IMPOSSIBLE: Final = "impossible"
"""The outcome of a case that cannot be made from the driven operation: no item of the kind that it spoils."""
UNHELD: Final = "unheld"
"""The outcome of a question about a record that the subject's system cannot hold: a character that it does not have."""
SUMS: Final = "SHA256SUMS"
META: Final = "evidence.json"
MAX_TOTAL: Final = 2 * 1024**3
"""More than a bundle of any profile holds; a zip file that unpacks to more is refused."""
_NAME: Final = re.compile(r"(?!/)(?!.*(?:^|/)\.\.(?:/|$))[^\x00-\x1f\\]+")
_SECRET: Final = re.compile(rb"(?im)^((?:proxy-)?authorization|cookie|set-cookie):[^\r\n]*")


class EvidenceError(Exception):
    """The bundle cannot be used; ``problems`` says why, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. ``request_by`` and ``response_by`` are ``subject`` or ``suite``.

    ``request`` and ``response`` name files of the bundle (empty: there was none). ``outcome`` is answered, closed,
    timeout, refused, impossible or unheld. Times are ISO 8601 in UTC. ``tls`` holds version and cipher where TLS was
    spoken.
    """

    id: str
    case: str
    request: str
    response: str
    request_by: str = "subject"
    response_by: str = "subject"
    outcome: str = "answered"
    started: str = ""
    ended: str = ""
    tls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How the evidence came to be. ``roles`` are those that it is evidence for; ``wsdl`` names the main description."""

    profile: str
    roles: tuple[str, ...]
    subject: str
    suite: str
    edition: str
    seed: int = 0
    started: str = ""
    ended: str = ""
    unit: str = ""
    wsdl: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """Circumstances and files (name in the bundle to bytes, without manifest and circumstances)."""

    circumstances: Circumstances
    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest: it identifies the bundle."""
        return hashlib.sha256(_sums(_contents(self))).hexdigest()


def masked(raw: bytes) -> bytes:
    """The bytes of an HTTP message without credentials: the values of four header fields become ``***``."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    return _SECRET.sub(rb"\1: ***", head) + separator + body


def _contents(bundle: Bundle) -> dict[str, bytes]:
    meta = {"format": FORMAT, **asdict(bundle.circumstances)}
    text = json.dumps(meta, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    return {**dict(sorted(bundle.files.items())), META: text.encode()}


def _sums(contents: Mapping[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(contents.items())]
    return "".join(lines).encode()


def write(bundle: Bundle, path: Path) -> None:
    """Write the bundle as a zip file (``.zip``) or a folder that is not there yet; FileExistsError otherwise."""
    contents = _contents(bundle)
    contents[SUMS] = _sums(contents)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as archive:
            for name, data in contents.items():
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        return
    path.mkdir(parents=True)
    for name, data in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


def load(path: Path) -> Bundle:
    """Read a bundle and check every digest. Errors: EvidenceError with all that is wrong."""
    contents = _unpack(path)
    problems = _against_sums(contents)
    try:
        meta = json.loads(contents.get(META, b""))
        if meta.pop("format", "") != FORMAT:
            problems.append(f"{META}: the format is not {FORMAT}")
        exchanges = tuple(Exchange(**one) for one in meta.pop("exchanges", ()))
        meta["roles"] = tuple(meta.get("roles", ()))
        circumstances = Circumstances(**meta, exchanges=exchanges)
    except (ValueError, TypeError, AttributeError) as error:
        raise EvidenceError((*problems, f"{META}: cannot be read ({type(error).__name__})")) from error
    for one in circumstances.exchanges:
        problems += [
            f"{one.id}: {name} is not there" for name in (one.request, one.response) if name and name not in contents
        ]
    if problems:
        raise EvidenceError(tuple(problems))
    files = {name: data for name, data in contents.items() if name not in (META, SUMS)}
    return Bundle(circumstances, files)


def _unpack(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        found = {one.relative_to(path).as_posix(): one for one in sorted(path.rglob("*")) if one.is_file()}
        return {name: one.read_bytes() for name, one in found.items()}
    try:
        with zipfile.ZipFile(path) as archive:
            listed = [one for one in archive.infolist() if not one.is_dir()]
            if sum(one.file_size for one in listed) > MAX_TOTAL:
                raise EvidenceError((f"{path.name}: unpacks to more than {MAX_TOTAL} bytes",))
            bad = [one.filename for one in listed if not _NAME.fullmatch(one.filename)]
            if bad or len({one.filename for one in listed}) < len(listed):
                raise EvidenceError((f"{path.name}: names that are not allowed or occur twice",))
            return {one.filename: archive.read(one) for one in listed}
    except (OSError, zipfile.BadZipFile) as error:
        raise EvidenceError((f"{path.name}: is neither a folder nor a zip file ({type(error).__name__})",)) from error


def _against_sums(contents: Mapping[str, bytes]) -> list[str]:
    if SUMS not in contents:
        return [f"{SUMS} is not there"]
    listed = {}
    for line in contents[SUMS].decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    there = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items() if name != SUMS}
    problems = [f"{name}: not in {SUMS}" for name in there if name not in listed]
    problems += [f"{name}: listed but not there" for name in listed if name not in there]
    return problems + [f"{name}: altered" for name in there if listed.get(name, there[name]) != there[name]]
