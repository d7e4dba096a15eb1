"""Spoilt multipart bodies: a coded refusal or the parts, the same in whatever pieces they come; never a crash."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import compat32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.core.errors import WireError, error_entry
from bus.core.types import Package
from tests.attachments.messages import ENVELOPE, SWA, part, read, swa

GOOD = swa(
    ENVELOPE,
    part("a@x", b"a,b\r\n1,2", media="text/csv", more="Content-Transfer-Encoding: 8bit\r\n"),
    part("b@x", b"QUJD\r\nREVG", more="Content-Transfer-Encoding: base64\r\n"),
    part("c@x", b"=E7=A8=8E=\r\nx", more="Content-Transfer-Encoding: quoted-printable\r\n"),
)
FIELDS = (
    b"Content-ID: <z@x>\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b" folded\r\n",
)
MARKS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"--b",
    b"\r\n--b\r\n",
    b"\n--b\n",
    b"--b--",
    b"--",
    b"\r\n\r\n",
    b"\n\n",
    b"\x0b",
    b"\x0c",
)
SIGNS = (b"\x00", b":", b" ", b"<", b">", b"%2e", b"=", b"\xff", b"\x85", b"\xe2\x80\xa8")
PIECES = st.sampled_from([*FIELDS, *MARKS, *SIGNS])
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.one_of(PIECES, st.binary(max_size=4))), max_size=4)


def spoilt(changes: list[tuple[float, int, bytes]]) -> bytes:
    """``GOOD`` with pieces taken out and put in."""
    body = GOOD
    for place, length, instead in changes:
        at = int(place * len(body))
        body = body[:at] + instead + body[at + length :]
    return body


def outcome(body: bytes, sizes: tuple[int, ...] = ()) -> tuple[Package, bytes] | str:
    """What was read, or the code of the refusal."""
    try:
        return read(body, SWA, sizes=sizes)
    except WireError as error:
        assert error.findings
        assert error_entry(error.code).http_status in {413, 500}
        return error.code


@settings(max_examples=150, deadline=None)
@given(CHANGES, st.lists(st.integers(1, 30), max_size=120))
def test_a_spoilt_body_is_judged_the_same_in_any_pieces(
    changes: list[tuple[float, int, bytes]], sizes: list[int]
) -> None:
    """A receiver that reads in other pieces than the bus reads the same."""
    body = spoilt(changes)
    assert outcome(body, tuple(sizes)) == outcome(body)


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@given(CHANGES, st.lists(st.integers(1, 30), max_size=120))
def test_many_spoilt_bodies_are_judged_the_same_in_any_pieces(
    changes: list[tuple[float, int, bytes]], sizes: list[int]
) -> None:
    """The same, longer."""
    body = spoilt(changes)
    assert outcome(body, tuple(sizes)) == outcome(body)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=60))
def test_anything_at_all_is_refused_with_a_code(body: bytes, content_type: str) -> None:
    """No bytes and no Content-Type end in anything but a WireError."""
    for media in (SWA, content_type):
        with pytest.raises(WireError):
            read(body, media)


def as_email_reads(body: bytes) -> list[tuple[str, bytes]]:
    """Content-ID and raw content of the parts that Python's lenient parser finds."""
    whole = message_from_bytes(f"Content-Type: {SWA}\r\n\r\n".encode() + body, policy=compat32)
    parts = whole.get_payload()
    assert isinstance(parts, list)
    found = []
    for each in parts:
        payload = each._payload  # as it stands there; get_payload() would guess at its encoding
        assert isinstance(payload, str)
        found.append((str(each["Content-ID"] or "").strip(), payload.encode("ascii", "surrogateescape")))
    return found


def agree(body: bytes) -> None:
    """What is accepted has the same parts for a reader that takes any line end for one."""
    result = outcome(body)
    if isinstance(result, str):
        return
    package, _ = result
    ours = [(f"<{one.content_id}>", body[one.offset : one.offset + one.length]) for one in package.attachments]
    theirs = as_email_reads(body)
    assert len(theirs) == len(ours) + 1
    for (name, content), (other, raw) in zip(ours, theirs[1:], strict=True):
        assert name == other.replace("%3A", ":")
        assert raw == content


@settings(max_examples=100, deadline=None)
@given(CHANGES)
def test_what_is_accepted_has_the_same_parts_for_a_lenient_reader(changes: list[tuple[float, int, bytes]]) -> None:
    """Python's email parser takes LF for a line end and text before the first boundary: it sees no other parts."""
    agree(spoilt(changes))


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(CHANGES)
def test_many_that_are_accepted_have_the_same_parts_for_a_lenient_reader(
    changes: list[tuple[float, int, bytes]],
) -> None:
    """The same, longer."""
    agree(spoilt(changes))
