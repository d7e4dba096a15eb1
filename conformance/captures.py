"""Evidence from a capture of packets (pcap, pcapng), put together by tshark; nothing is captured here.

tshark reassembles the TCP streams (retransmissions, order, loss); the HTTP messages in them are told apart here, so
that they are judged byte for byte as they were on the wire. Encrypted streams hold no HTTP and are not opened.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from conformance.evidence import Bundle, EvidenceError
from conformance.http1 import parse
from conformance.passive import recorded_bundle

ENDINGS: Final = (".pcap", ".pcapng", ".cap")
TIMEOUT_S: Final = 300.0
MAX_STREAMS: Final = 10_000
MAX_MESSAGES: Final = 100_000
AT_ONCE: Final = 200
"""Streams that tshark follows in one pass over the file."""
_LINE: Final = re.compile(rb"(\t?)([0-9a-fA-F]+)\r?")
_START: Final = re.compile(rb"[A-Z]{3,20} [^\r\n]* HTTP/\d\.\d\r?\n|HTTP/\d\.\d \d{3}")


def from_capture(file: Path, wsdl: Path | None = None) -> Bundle:
    """Evidence of a capture. Errors: EvidenceError without tshark, for what it cannot read, without HTTP."""
    numbers = sorted({int(one) for one in _tshark(file, "-T", "fields", "-e", "tcp.stream").split() if one.isdigit()})
    if len(numbers) > MAX_STREAMS:
        raise EvidenceError((f"{file.name}: more than {MAX_STREAMS} connections",))
    pairs: dict[str, dict[str, bytes]] = {}
    for start in range(0, len(numbers), AT_ONCE):
        chosen = numbers[start : start + AT_ONCE]
        told = _tshark(file, "-q", *(part for one in chosen for part in ("-z", f"follow,tcp,raw,{one}")))
        for stream, (asked, answered) in zip(chosen, followed(told), strict=False):
            for key, sides in exchanges(asked, answered):
                pairs[f"{stream:05d}-{key:04d}"] = sides
                if len(pairs) > MAX_MESSAGES:
                    raise EvidenceError((f"{file.name}: more than {MAX_MESSAGES} messages",))
    if not pairs:
        raise EvidenceError((f"{file.name}: holds no HTTP message in the clear",))
    return recorded_bundle(file.name, pairs, wsdl)


def followed(told: bytes) -> list[tuple[bytes, bytes]]:
    """The bytes of each side, that of the first sender first, of every stream that tshark has followed."""
    found: list[tuple[bytes, bytes]] = []
    for block in told.split(b"Follow: tcp,raw")[1:]:
        sides = (bytearray(), bytearray())
        for line in block.split(b"\n")[4:]:
            matched = _LINE.fullmatch(line)
            if matched is not None:
                sides[bool(matched.group(1))].extend(bytes.fromhex(matched.group(2).decode()))
        found.append((bytes(sides[0]), bytes(sides[1])))
    return found


def exchanges(one: bytes, other: bytes) -> Iterator[tuple[int, dict[str, bytes]]]:
    """The requests of a connection with their responses; none where it is not HTTP. ``one`` may be the server."""
    asked, answered = (other, one) if one.startswith(b"HTTP/") else (one, other)
    if _START.match(asked) is None:
        return
    requests = list(messages(asked, [], request=True))
    methods = [raw.partition(b" ")[0] for raw in requests]
    responses = list(messages(answered, methods, request=False))
    for number, raw in enumerate(requests):
        sides = {"request": raw}
        if number < len(responses):
            sides["response"] = responses[number]
        yield number, sides


def messages(stream: bytes, methods: list[bytes], *, request: bool) -> Iterator[bytes]:
    """The messages of one direction. A response to HEAD (``methods``), 204 and 304 have no body; 1xx is no answer."""
    at = number = 0
    while at < len(stream):
        rest = stream[at:]
        end = rest.find(b"\r\n\r\n")
        parsed = parse(rest, request=request) if end >= 0 else None
        if parsed is None:
            yield rest
            return
        head = parsed.head
        silent = not request and (
            head.status in (204, 304) or 100 <= head.status < 200 or methods[number : number + 1] == [b"HEAD"]
        )
        length = end + 4 + (0 if silent else _length(rest[end + 4 :], head.value("Transfer-Encoding") or "",
                                                     head.value("Content-Length"), request=request))  # fmt: skip
        if request or not 100 <= head.status < 200:
            yield rest[:length]
            number += 1
        at += length


def _length(body: bytes, coding: str, given: str | None, *, request: bool) -> int:
    """How many bytes of what follows belong to this message."""
    if "chunked" in coding.lower():
        found = re.match(rb"(?:[1-9A-Fa-f0][0-9A-Fa-f]{0,7})", body)
        at = 0
        while found is not None:
            line = body.find(b"\r\n", at)
            size = int(found.group(), 16)
            at = line + 2 + size + 2
            if line < 0 or at > len(body):
                return len(body)
            if size == 0:
                end = body.find(b"\r\n\r\n", line)
                return at if body[line + 2 : line + 4] == b"\r\n" else (end + 4 if end >= 0 else len(body))
            found = re.match(rb"(?:[0-9A-Fa-f]{1,8})", body[at : at + 8])
        return len(body)
    if given is not None and given.isdecimal():
        return min(int(given), len(body))
    return 0 if request else len(body)


def _tshark(file: Path, *arguments: str) -> bytes:
    program = shutil.which("tshark")
    if program is None:
        raise EvidenceError((f"{file.name}: tshark がありません / tshark is needed to read a capture",))
    try:
        done = subprocess.run(  # noqa: S603 - a program of this machine, our own arguments
            [program, "-n", "-r", str(file), *arguments], capture_output=True, timeout=TIMEOUT_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EvidenceError((f"{file.name}: tshark: {type(error).__name__}",)) from error
    if done.returncode not in (0, 2) or (done.returncode == 2 and not done.stdout):
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise EvidenceError((f"{file.name}: tshark: {said[-1][:200] if said else done.returncode}",))
    return done.stdout
