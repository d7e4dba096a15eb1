"""The codings in Python's codec machinery: incremental, shift-aware, never replacing."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.characters.machinery import codec_names, register
from adapters.characters.problem import CharacterError

TEXT = "\u5c71\u7530 1-2\u3000\uff8a\uff85\u82b1A\u6a4b"


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    search = register()
    yield
    codecs.unregister(search)


@pytest.mark.parametrize("name", ["jef", "keis83", "jips-j", "ibm930", "ibm1399", "cp932-gaiji"])
def test_pieces_of_any_size_give_the_whole(name: str) -> None:
    """Cutting inside a shift code or a character changes nothing, reading and writing."""
    raw = TEXT.encode(name)
    assert raw.decode(name) == TEXT
    for size in (1, 2, 3, 5):
        decoder = codecs.getincrementaldecoder(name)("report")
        pieces = [decoder.decode(raw[at : at + size]) for at in range(0, len(raw), size)]
        assert "".join(pieces) + decoder.decode(b"", final=True) == TEXT
        encoder = codecs.getincrementalencoder(name)("report")
        parts = [encoder.encode(TEXT[at : at + size]) for at in range(0, len(TEXT), size)]
        assert b"".join(parts) + encoder.encode("", final=True) == raw


def test_a_selector_in_the_next_piece_still_belongs_to_its_base() -> None:
    """The last character waits until it is known that no selector follows."""
    text = "\u845b\U000e0102\u4e00\u845b"
    for size in (1, 2, 3):
        encoder = codecs.getincrementalencoder("juki")()
        parts = [encoder.encode(text[at : at + size]) for at in range(0, len(text), size)]
        assert (b"".join(parts) + encoder.encode("", final=True)).decode("juki") == text


def test_offsets_count_from_the_start_of_the_stream() -> None:
    """The handler ``report`` names the byte in the file, not in the piece."""
    decoder = codecs.getincrementaldecoder("jef")("report")
    decoder.decode(bytes.fromhex("C1C228B0A1"))
    with pytest.raises(CharacterError) as caught:
        decoder.decode(bytes.fromhex("B0A1FFFF29"))
    assert (caught.value.position, caught.value.subject) == (7, "FFFF")


def test_an_open_shift_at_the_end_is_an_error() -> None:
    """Found when the stream says that it is over."""
    decoder = codecs.getincrementaldecoder("keis83")("report")
    decoder.decode(bytes.fromhex("0A42B0A1"))
    with pytest.raises(CharacterError) as caught:
        decoder.decode(b"", final=True)
    assert (caught.value.code, caught.value.position) == ("CB6020", 4)


def test_the_decoder_can_be_put_back() -> None:
    """The state holds the rest, the shift and the offset, as seeking in a text file needs."""
    raw = TEXT.encode("jef")
    decoder = codecs.getincrementaldecoder("jef")()
    start = decoder.decode(raw[:4])
    state = decoder.getstate()
    first = decoder.decode(raw[4:], final=True)
    decoder.setstate(state)
    assert start + decoder.decode(raw[4:], final=True) == start + first == TEXT


@pytest.mark.parametrize("handler", ["replace", "ignore", "backslashreplace", "surrogateescape"])
@pytest.mark.parametrize("name", ["jef", "juki", "cp932-gaiji"])
def test_no_handler_may_replace(name: str, handler: str) -> None:
    """Only ``strict`` and ``report``: anything else would lose a character without a word."""
    with pytest.raises(LookupError):
        b"".decode(name, handler) or codecs.lookup(name).decode(b"A", handler)
    with pytest.raises(LookupError):
        codecs.lookup(name).encode("A", handler)


def test_strict_raises_pythons_own_errors() -> None:
    """With start, end and reason, as every codec of Python."""
    with pytest.raises(UnicodeDecodeError) as decoding:
        bytes.fromhex("C128FFFF29").decode("jef")
    assert (decoding.value.start, decoding.value.end) == (2, 4)
    with pytest.raises(UnicodeEncodeError) as encoding:
        "A\U0001f600".encode("jef")
    assert (encoding.value.start, encoding.value.end) == (1, 2)


def test_user_areas_are_private_use_characters_here() -> None:
    """For looking at files; a message never carries them."""
    assert bytes.fromhex("2880A129").decode("jef") == "\ue000"
    assert b"\xf0\x40".decode("cp932-gaiji") == "\ue000"
    assert "\ue757".encode("cp932-gaiji") == b"\xf9\xfc"
    with pytest.raises(UnicodeEncodeError):
        "\u301c".encode("cp932-gaiji")


def test_a_file_can_be_opened_in_a_host_coding(tmp_path: Path) -> None:
    """``open`` uses the incremental decoder."""
    path = tmp_path / "host.txt"
    path.write_bytes((TEXT * 3000).encode("keis83"))
    with path.open(encoding="keis83") as file:
        assert file.read() == TEXT * 3000


def test_names_are_known() -> None:
    """Every documented name is a codec, hyphens or not."""
    assert {"cp932-gaiji", "jef", "keis78", "keis83", "jips-j", "jips-e", "ibm930", "juki", "ebcdik"} <= set(
        codec_names()
    )
    assert codecs.lookup("KEIS83").name == "keis83"
    assert codecs.lookup("jef_wide").name == "jef-wide"
