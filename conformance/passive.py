"""Evidence from what somebody else recorded: a directory of HTTP messages, an HTTP archive (HAR), or WSDL files.

A directory holds pairs ``NAME.request`` and ``NAME.response`` (raw bytes as on the wire, or bare envelopes as ``.xml``
files, whose names end in ``-request.xml`` or ``-response.xml``; other ``.xml`` files count as requests).
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from conformance.description import MAX_DOCUMENTS, locations
from conformance.documents import MAX_BYTES, read
from conformance.evidence import Bundle, Circumstances, EvidenceError, Exchange, masked

MAX_FILES: Final = 100_000
ENDINGS: Final = {".request": "request", ".response": "response"}


def from_wsdl(main: Path) -> Bundle:
    """Evidence of one description: the file and what it reaches by relative places that end in .wsdl or .xsd."""
    found: dict[Path, bytes] = {}
    waiting = [main.resolve()]
    while waiting and len(found) < MAX_DOCUMENTS:
        file = waiting.pop(0)
        if file in found or not file.is_file() or file.stat().st_size > MAX_BYTES:
            continue
        found[file] = file.read_bytes()
        root = read(found[file]).root
        places = list(locations(root)) if root is not None else []
        waiting += [(file.parent / place).resolve() for place in places if _beside(place)]
    if main.resolve() not in found:
        raise EvidenceError((f"{main.name}: larger than {MAX_BYTES} bytes",))
    home = Path(os.path.commonpath([file.parent for file in found]))
    files = {file.relative_to(home).as_posix(): data for file, data in found.items()}
    name = main.resolve().relative_to(home).as_posix()
    return Bundle(Circumstances("wsdl", ("wsdl",), main.name, "", "", wsdl=name), files)


def _beside(place: str) -> bool:
    """Whether a place is relative and names a description or a schema."""
    return not urlsplit(place).scheme and not place.startswith("/") and place.endswith((".wsdl", ".xsd"))


def from_folder(folder: Path, wsdl: Path | None = None) -> Bundle:
    """Evidence of a directory of messages. Errors: EvidenceError where it holds none."""
    pairs: dict[str, dict[str, bytes]] = {}
    for file in sorted(folder.iterdir())[:MAX_FILES]:
        named = _side(file)
        if named is not None:
            pairs.setdefault(named[0], {})[named[1]] = file.read_bytes()
    if not pairs:
        raise EvidenceError((f"{folder.name}: holds no .request, .response or .xml file",))
    return recorded_bundle(folder.name, pairs, wsdl)


def _side(file: Path) -> tuple[str, str] | None:
    if file.suffix in ENDINGS:
        return file.stem, ENDINGS[file.suffix]
    if file.suffix == ".xml":
        for side in ("request", "response"):
            if file.stem.endswith(f"-{side}"):
                return file.stem.removesuffix(f"-{side}"), side
        return file.stem, "request"
    return None


def from_har(file: Path, wsdl: Path | None = None) -> Bundle:
    """Evidence of an HTTP archive. Errors: EvidenceError where it cannot be read."""
    try:
        entries = json.loads(file.read_bytes())["log"]["entries"]
        pairs = {f"{number:05d}": dict(_har(entry)) for number, entry in enumerate(entries, 1)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvidenceError((f"{file.name}: is no HTTP archive ({type(error).__name__})",)) from error
    return recorded_bundle(file.name, pairs, wsdl)


def _har(entry: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """The two messages of an entry; lengths and transfer codings are those of the decoded body."""
    request, response = entry["request"], entry["response"]
    version = str(request.get("httpVersion") or "HTTP/1.1").upper()
    target = "/" + str(request["url"]).split("://", 1)[-1].partition("/")[2]
    body = str(request.get("postData", {}).get("text", "")).encode()
    yield "request", _message(f"{request['method']} {target} {version}", request["headers"], body)
    content = response.get("content", {})
    text = str(content.get("text", ""))
    data = base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()
    version = str(response.get("httpVersion") or "HTTP/1.1").upper()
    yield (
        "response",
        _message(f"{version} {response['status']} {response.get('statusText', '')}", response["headers"], data),
    )


def _message(start: str, headers: list[Mapping[str, str]], body: bytes) -> bytes:
    own = ("content-length", "transfer-encoding", "content-encoding")
    lines = [start] + [f"{one['name']}: {one['value']}" for one in headers if one["name"].lower() not in own]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def recorded_bundle(name: str, pairs: Mapping[str, Mapping[str, bytes]], wsdl: Path | None) -> Bundle:
    """Evidence of requests and responses by name; credentials are masked."""
    files: dict[str, bytes] = {}
    exchanges = []
    for key, sides in pairs.items():
        names = {}
        for side, raw in sides.items():
            names[side] = f"exchanges/{key}.{side}"
            files[names[side]] = masked(raw) if b"HTTP/" in raw[:2000] else raw
        exchanges.append(Exchange(key, "", names.get("request", ""), names.get("response", "")))
    main = ""
    if wsdl is not None:
        described = from_wsdl(wsdl)
        files |= described.files
        main = described.circumstances.wsdl
    roles = ("provider", "consumer", "data", *(("wsdl",) if main else ()))
    return Bundle(Circumstances("recording", roles, name, "", "", wsdl=main, exchanges=tuple(exchanges)), files)
