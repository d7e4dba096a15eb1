"""Recorded traffic from captures of packets: connections are taken apart into the messages that were on the wire."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from conformance.captures import exchanges, followed, from_capture, messages
from conformance.evidence import EvidenceError
from conformance.judge import judge
from conformance.standard import load_standard

POST = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n<a/>"
CHUNKED = (
    b"POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n<b\r\n2;x=y\r\n/>\r\n0\r\nT: 1\r\n\r\n"
)
GET = b"GET /c HTTP/1.1\r\nHost: h\r\n\r\n"
HEAD = b"HEAD /c HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SILENT = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NONE = b"HTTP/1.1 204 No Content\r\n\r\n"
OPEN = b"HTTP/1.1 200 OK\r\n\r\nto the end"


def test_the_messages_of_a_connection_are_told_apart() -> None:
    """By length, by chunks with extensions and trailer, without a body, and to the end of the connection."""
    assert list(messages(POST + CHUNKED + GET + POST, [], request=True)) == [POST, CHUNKED, GET, POST]
    stream = CONTINUE + OK + SILENT + NONE + OPEN
    asked = [b"POST", b"HEAD", b"GET", b"GET"]
    assert list(messages(stream, asked, request=False)) == [OK, SILENT, NONE, OPEN]


def test_a_connection_that_was_cut_loses_no_byte() -> None:
    """What was recorded of the last message stays with it, wherever the cut."""
    for cut in range(1, len(CHUNKED)):
        assert b"".join(messages(POST + CHUNKED[:cut], [], request=True)) == POST + CHUNKED[:cut]


def test_requests_and_responses_are_paired_whoever_spoke_first() -> None:
    """A capture may begin in the middle of the handshake; other protocols are no exchange."""
    expected = [
        (0, {"request": POST, "response": OK}),
        (1, {"request": HEAD, "response": SILENT}),
        (2, {"request": GET}),
    ]
    assert list(exchanges(POST + HEAD + GET, OK + SILENT)) == expected
    assert list(exchanges(OK + SILENT, POST + HEAD + GET)) == expected
    assert list(exchanges(b"\x16\x03\x01\x02", b"\x16\x03\x03")) == []


def test_what_tshark_says_is_read_by_side() -> None:
    """Lines of hexadecimal digits, those of the second side behind a tab."""
    told = (
        b"\n=====\nFollow: tcp,raw\nFilter: tcp.stream eq 0\nNode 0: a\nNode 1: b\n4142\n\t43\n44\n=====\n"
        b"\n=====\nFollow: tcp,raw\nFilter: tcp.stream eq 1\nNode 0: a\nNode 1: b\n=====\n"
    )
    assert followed(told) == [(b"ABD", b"C"), (b"", b"")]


def frame(sport: int, dport: int, sequence: int, payload: bytes) -> bytes:
    """An Ethernet frame with IPv4 and TCP between two addresses of documentation."""
    tcp = struct.pack("!HHIIBBHHH", sport, dport, sequence, 0, 5 << 4, 0x18, 65535, 0, 0)
    ends = (b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02")
    source, target = ends if dport == 80 else ends[::-1]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0) + source + target
    return bytes(12) + b"\x08\x00" + ip + tcp + payload


def capture(frames: list[bytes]) -> bytes:
    """A pcap file."""
    packets = [struct.pack("<IIII", number, 0, len(one), len(one)) + one for number, one in enumerate(frames)]
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(packets)


@pytest.mark.slow
@pytest.mark.system
def test_a_capture_is_judged_like_any_recording(tmp_path: Path) -> None:
    """Segments sent twice, two connections; the judge sees the messages, the reader a reason where there are none."""
    file = tmp_path / "traffic.pcap"
    half = len(POST) // 2
    file.write_bytes(capture([
        frame(1001, 80, 1, POST[:half]), frame(1001, 80, 1 + half, POST[half:]),
        frame(1001, 80, 1 + half, POST[half:]),
        frame(80, 1001, 1, OK), frame(1002, 80, 7, GET), frame(80, 1002, 9, NONE),
    ]))  # fmt: skip
    bundle = from_capture(file)
    assert sorted(bundle.files.values()) == sorted([POST, OK, GET, NONE])
    assert judge(bundle, load_standard()).verdicts
    for raw in (b"no capture", capture([frame(1001, 443, 1, b"\x16\x03\x01")])):
        file.write_bytes(raw)
        with pytest.raises(EvidenceError):
            from_capture(file)
