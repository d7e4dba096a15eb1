"""Multipart messages are read the same in any pieces, and as Python's own email package reads and writes them."""

from __future__ import annotations

import base64
import hashlib
import quopri
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.core.errors import WireError
from bus.wire.attachments import content_id
from bus.wire.attachments.writer import FilePart, MultipartMessage
from tests.attachments.messages import ENVELOPE, by_email, part, read, swa

CONTENTS = st.lists(
    st.one_of(
        st.binary(max_size=300), st.sampled_from([b"--b", b"\r\n--", b"\r\n-", b"-" * 9, b"\r\n\r\n", b"\r", b"b"])
    ),
    max_size=5,
).map(b"".join)


def _harmless(content: bytes) -> bool:
    """Whether the content has no line that begins with the boundary, which a sender must see to."""
    return b"\n--b" not in b"\n" + content and b"\r--b" not in content


@settings(max_examples=60, deadline=None)
@given(st.lists(CONTENTS.filter(_harmless), max_size=4), st.lists(st.integers(1, 40), max_size=60))
def test_any_cutting_of_the_same_bytes_gives_the_same_parts(contents: list[bytes], sizes: list[int]) -> None:
    """Index, digests and envelope do not depend on how the bytes come."""
    body = swa(ENVELOPE, *(part(f"p{n}@x", content) for n, content in enumerate(contents)))
    whole, root = read(body)
    cut, cut_root = read(body, sizes=tuple(sizes))
    assert (whole, root) == (cut, cut_root)
    assert root == ENVELOPE
    assert [each.sha256 for each in whole.attachments] == [hashlib.sha256(content).hexdigest() for content in contents]
    assert [body[each.offset : each.offset + each.length] for each in whole.attachments] == contents


@pytest.mark.parametrize("encode", ["base64", "quoted-printable", "binary"])
def test_size_and_digest_are_those_of_the_content_whatever_its_transfer_encoding(encode: str) -> None:
    """What a receiver will hold in its hands, not how it travelled."""
    content = "宛名番号,氏名\r\n0001,地域　太郎\r\n".encode()
    encoded = {"base64": base64.encodebytes(content).replace(b"\n", b"\r\n"), "binary": content}
    encoded["quoted-printable"] = quopri.encodestring(content).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    body = swa(ENVELOPE, part("a@x", encoded[encode], more=f"Content-Transfer-Encoding: {encode}\r\n"))
    package, _ = read(body, sizes=(5,) * 60)
    (found,) = package.attachments
    assert (found.size, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert found.encoding == encode


def test_what_pythons_email_package_writes_is_read() -> None:
    """An independent writer: base64 everywhere, folded fields, its own boundary."""
    files = {"a@x": b"a,b\r\n1,2\r\n" * 50, "c@x": bytes(range(256))}
    content_type, body = by_email(ENVELOPE, files)
    package, root = read(body, content_type)
    assert root == ENVELOPE
    sizes = {each.content_id: (each.size, each.sha256) for each in package.attachments}
    assert sizes == {name: (len(raw), hashlib.sha256(raw).hexdigest()) for name, raw in files.items()}


@pytest.mark.parametrize("mtom", [False, True])
def test_what_we_write_is_read_by_pythons_email_package(tmp_path: Path, *, mtom: bool) -> None:
    """An independent reader finds the same parts, byte for byte."""
    first, second = tmp_path / "宛名.csv", tmp_path / "b.bin"
    first.write_bytes("宛名番号,氏名\r\n".encode() * 100)
    second.write_bytes(bytes(range(256)) * 9)
    parts = [FilePart(first, "a@x", "text/csv; charset=utf-8"), FilePart(second, "b@x")]
    message = MultipartMessage(ENVELOPE, parts, boundary="0123456789abcdef", mtom=mtom)
    body = b"".join(message)
    assert len(body) == message.size
    found = message_from_bytes(f"Content-Type: {message.content_type}\r\n\r\n".encode() + body, policy=HTTP)
    payloads = [one.get_payload(decode=True) for one in found.iter_parts()]
    assert payloads == [ENVELOPE, first.read_bytes(), second.read_bytes()]
    assert [one["Content-ID"] for one in found.iter_parts()][1:] == ["<a@x>", "<b@x>"]
    package, root = read(body, message.content_type)
    assert (root, package.mtom, len(package.attachments)) == (ENVELOPE, mtom, 2)


def test_the_digest_of_a_message_does_not_depend_on_its_boundary(tmp_path: Path) -> None:
    """A sender that sends again makes a new boundary: it is the same message all the same."""
    file = tmp_path / "a.bin"
    file.write_bytes(b"content")
    digests = set()
    for boundary in ("one", "two"):
        message = MultipartMessage(ENVELOPE, [FilePart(file, "a@x")], boundary=boundary)
        package, _ = read(b"".join(message), message.content_type)
        digests.add(package.digest)
    assert len(digests) == 1


@pytest.mark.parametrize("what", ["content", "name", "type", "envelope"])
def test_the_digest_of_a_message_covers_everything_else(what: str) -> None:
    """Content, name and type of an attachment and the envelope: each makes another message."""
    changed = {
        "content": swa(ENVELOPE, part("a@x", b"2")),
        "name": swa(ENVELOPE, part("b@x", b"1")),
        "type": swa(ENVELOPE, part("a@x", b"1", media="text/csv")),
        "envelope": swa(ENVELOPE + b"\n", part("a@x", b"1")),
    }
    before, _ = read(swa(ENVELOPE, part("a@x", b"1")))
    after, _ = read(changed[what])
    assert before.digest != after.digest


@pytest.mark.parametrize("name", ["a@x\r\nX-Evil: 1", "a@x>", "a b", "../x", "%41", ""])
def test_no_name_of_a_part_can_become_a_field_or_a_path(tmp_path: Path, name: str) -> None:
    """The writer refuses what the reader would refuse: nothing can be injected."""
    file = tmp_path / "a.bin"
    file.write_bytes(b"content")
    with pytest.raises(WireError) as refused:
        MultipartMessage(ENVELOPE, [FilePart(file, name)], boundary="b")
    assert refused.value.code == "CB1054"


@pytest.mark.parametrize("media", ["text/csv\r\nX-Evil: 1", "text/csv\n", "multipart/mixed", "x", ""])
def test_no_media_type_of_a_part_can_become_a_field(tmp_path: Path, media: str) -> None:
    """Line ends, nested parts and what is no type are refused."""
    file = tmp_path / "a.bin"
    file.write_bytes(b"content")
    with pytest.raises(WireError) as refused:
        MultipartMessage(ENVELOPE, [FilePart(file, "a@x", media)], boundary="b")
    assert refused.value.code == "CB1052"


def test_a_file_that_changes_while_it_is_sent_ends_the_sending(tmp_path: Path) -> None:
    """Its length was promised in the head of the request: nothing else may follow as if it were the file."""
    file = tmp_path / "a.bin"
    file.write_bytes(b"content")
    message = MultipartMessage(ENVELOPE, [FilePart(file, "a@x")], boundary="b")
    file.write_bytes(b"con")
    with pytest.raises(OSError, match="shorter"):
        b"".join(message)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
def test_a_name_that_is_read_is_no_path_and_can_be_referred_to(text: str) -> None:
    """Whatever is accepted as a name has no dot segments, no backslash and no controls, and its URL means it."""
    try:
        name = content_id.read(f"<{text}>")
    except WireError as error:
        assert error.code == "CB1054"
        return
    assert not content_id.path_like(name)
    assert not name.startswith(("/", "\\", ".."))
    assert "\\" not in name
    assert all(" " < character < "\x7f" for character in name)
    assert content_id.reference(f"cid:{text}") == name
