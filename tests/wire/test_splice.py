"""Header blocks go into and out of a message without another byte being touched."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bus.core.errors import WireError
from bus.wire import splice
from bus.wire.reliable import names
from bus.wire.reliable.headers import ask_block, sequence_block

SOAP = splice.SOAP
BODY = "<s:Body ><m:a  xmlns:m=\"urn:m\" b='1'>　あ&#x2000B;<![CDATA[<x>]]><!-- c --></m:a></s:Body>\r\n"
HEADERS = (
    "",
    "<s:Header/>",
    "<s:Header />",
    "<s:Header></s:Header>",
    '<s:Header a:b="/>" xmlns:a="urn:a"/>',
    '<s:Header>\n <!-- x --><x:y xmlns:x="urn:x"/>\n</s:Header>',
    '<s:Header><x:y xmlns:x="urn:x" z=">"><s:Header/><s:Body/></x:y ></s:Header >',
)


def _message(header: str) -> str:
    return f'<?xml version="1.0"?><!-- before --><s:Envelope xmlns:s="{SOAP}">{header}{BODY}</s:Envelope>'


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
def test_what_was_put_in_can_be_cut_out_and_the_rest_is_unchanged(header: str, encoding: str) -> None:
    """The Body's bytes stay; the new blocks are the last of the Header; cut out again, only an empty Header is left."""
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    text = _message(header).replace('"1.0"?', '"1.0" encoding="utf-16"?' if encoding in marks else '"1.0"?')
    raw = marks.get(encoding, b"") + text.encode(encoding)
    body = BODY.encode(encoding.removesuffix("-sig"))
    filled = splice.inserted(raw, [sequence_block("urn:uuid:1", 7), ask_block("urn:uuid:1")])
    assert body in filled
    root = etree.fromstring(filled)
    assert [str(block.tag) for block in root[0] if isinstance(block.tag, str)][-2:] == [
        names.SEQUENCE,
        names.ACK_REQUESTED,
    ]
    assert [block.tag for block in splice.blocks(filled)][-2:] == [names.SEQUENCE, names.ACK_REQUESTED]
    emptied = splice.without(filled, lambda tag: tag.startswith(names.PREFIX))
    assert body in emptied
    if header and not header.endswith("/>"):
        assert emptied == raw
    assert [block.tag for block in splice.blocks(emptied)] == [block.tag for block in splice.blocks(raw)]


def test_a_message_without_such_blocks_is_given_back_as_it_is() -> None:
    """The very same bytes object: nothing was copied."""
    raw = _message(HEADERS[5]).encode()
    assert splice.without(raw, lambda tag: tag.startswith(names.PREFIX)) is raw
    assert splice.inserted(raw, []) is raw


@given(
    st.lists(
        st.sampled_from(['<a:b xmlns:a="urn:a"/>', "<a:b xmlns:a='urn:a'>x</a:b>", " ", "\n", "<!--c-->", "&#32;"]),
        max_size=6,
    ),
    st.integers(0, 6),
)
def test_blocks_are_cut_wherever_they_stand(parts: list[str], place: int) -> None:
    """Between blocks, white space, comments and references: the rest is what it was without the block."""
    block = etree.tostring(sequence_block("urn:uuid:1", 1), encoding="unicode")
    with_block = [*parts[:place], block, *parts[place:]]
    raw = _message(f"<s:Header>{''.join(with_block)}</s:Header>").encode()
    expected = _message(f"<s:Header>{''.join(parts)}</s:Header>").encode()
    assert splice.without(raw, lambda tag: tag == names.SEQUENCE) == expected


@pytest.mark.parametrize("raw", [b"", b"x", b"<a>", b"<a/>", b"<a><b"])
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    """No half result."""
    with pytest.raises(WireError, match=r"CB1004|CB1008"):
        splice.inserted(raw, [ask_block("urn:uuid:1")])
