"""Private XML: records by path, cut out of large files, exact places, and nothing that only looks like a record."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.codecs.xml_scan import leaves
from adapters.sdk.protocols import Codec
from adapters.sdk.types import BadRecord, VendorRecord
from bus.core.errors import AdapterError, ConfigurationError
from tests.codecs.layouts import XML, codec

RECORD = {"版": "1", "番号": "01", "氏名": "総務　翔子 & <子>", "カナ": "そうむ"}
RAW = (
    '<Jumin ver="1"><Bango>01</Bango><Shimei><Kanji>総務　翔子 &amp; &lt;子&gt;</Kanji>'
    "<Kana>そうむ</Kana></Shimei></Jumin>"
).encode()
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<Jumins xmlns="urn:example:jumin">\n'
TAIL = b"</Jumins>\n"


@cache
def shared(changes: str = "") -> Codec:
    """A codec; ``changes`` are ``old=>new`` in the layout, separated by ``|``."""
    text = XML
    for change in changes.split("|") if changes else ():
        old, _, new = change.partition("=>")
        assert old in text
        text = text.replace(old, new)
    return codec(Path(mkdtemp()), text)


OBJECT = 'form = "array"=>form = "object"|root = "Jumins"=>'
SJIS = 'encoding = "utf-8"=>encoding = "cp932"'


def split(made: Codec, data: bytes) -> tuple[list[VendorRecord], list[BadRecord]]:
    """Good and bad items of a file."""
    found = list(made.decode(io.BytesIO(data), "f.xml"))
    return [one for one in found if isinstance(one, VendorRecord)], [one for one in found if isinstance(one, BadRecord)]


def test_a_file_comes_back_byte_for_byte() -> None:
    """Records in the layout's order, in the root's namespace, one to a line."""
    data = b"".join(shared().encode([RECORD, RECORD | {"番号": "02"}]))
    assert data == HEAD + RAW + b"\n" + RAW.replace(b"01", b"02") + b"\n" + TAIL
    good, bad = split(shared(), data)
    assert [one.values["番号"] for one in good] == ["01", "02"]
    assert good[0].values == RECORD
    assert bad == []
    assert data[good[1].origin.byte_offset :].startswith(good[1].raw)


def test_a_document_of_its_own_carries_its_namespace() -> None:
    """``form = "object"``: the record is the root element."""
    made = shared(OBJECT)
    raw = made.encode_record(RECORD)
    assert raw.startswith(b'<Jumin xmlns="urn:example:jumin"')
    assert made.decode_record(raw).values == RECORD
    (only,), bad = split(made, b"".join(made.encode([RECORD])))
    assert only.values == RECORD
    assert bad == []


def test_prefixes_of_the_root_go_with_each_record() -> None:
    """A held record is read again without its file."""
    inner = RAW.replace(b"<", b"<j:").replace(b"<j:/", b"</j:").replace(b"</j:j:", b"</j:")
    data = b'<j:Jumins xmlns:j="urn:example:jumin">' + inner + b"</j:Jumins>"
    (only,), bad = split(shared(), data)
    assert bad == []
    assert shared().decode_record(only.raw).values == RECORD


def test_the_layout_of_a_text_does_not_matter_but_its_values_do() -> None:
    """Comments, indentation and empty elements; white space inside a value is kept."""
    data = (
        b"\xef\xbb\xbf<?xml version='1.0'?>\r\n<!-- <Jumin> --><Jumins xmlns='urn:example:jumin'>\r\n\t<!-- c -->\r\n"
        b"  <Jumin>\r\n    <Bango> 01 </Bango>\r\n    <Shimei>\r\n  <Kana/>\r\n  </Shimei>\r\n  </Jumin >\r\n</Jumins>"
    )
    (only,), bad = split(shared(), data)
    assert bad == []
    assert only.values == {"版": "", "番号": " 01 ", "氏名": "", "カナ": ""}


def test_places_name_the_bytes_of_a_value() -> None:
    """Absolute in the file."""
    data = HEAD + RAW + b"\n" + TAIL
    (only,), _ = split(shared(), data)
    start, size = only.spans["カナ"]
    assert data[start : start + size].decode() == "そうむ"


@pytest.mark.parametrize("absent", ["omit", "empty", "null"])
def test_absent_values_are_written_as_declared(absent: str) -> None:
    """Left out, an empty element, or xsi:nil; read as absent in each form."""
    made = shared(f'absent = "omit"=>absent = "{absent}"')
    raw = made.encode_record({"番号": "01"})
    assert (b"Kana" in raw, b"nil" in raw) == (absent != "omit", absent == "null")
    assert made.decode_record(raw).values == dict.fromkeys(RECORD, "") | {"番号": "01"}


def test_shift_jis_is_read_and_written_with_its_gaiji_watched() -> None:
    """The declaration names it; an unknown gaiji stops the record at its byte."""
    made = shared(SJIS)
    data = b"".join(made.encode([RECORD]))
    assert b'encoding="Shift_JIS"' in data
    assert split(made, data)[0][0].values == RECORD
    broken = data.replace("翔".encode("cp932"), b"\xf9\xfc")
    _, (bad,) = split(made, broken)
    assert bad.error.code == "CB6003"
    assert bad.error.findings[0].path == "氏名"
    assert f"byte={broken.index(bytes.fromhex('f9fc'))}+2" in bad.error.findings[0].place


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("<Jumin><Bango>1</Bango><Bango>2</Bango></Jumin>", "CB6014"),
        ("<Jumin><Nazo>1</Nazo></Jumin>", "CB6014"),
        ("<Jumin nazo='1'/>", "CB6014"),
        ("<Jumin><Bango nazo='1'>1</Bango></Jumin>", "CB6014"),
        ("<Jumin>text<Bango>1</Bango></Jumin>", "CB6014"),
        ("<Jumin><Bango>1</Bango>text</Jumin>", "CB6014"),
        ("<Jumin><Shimei>text<Kana>あ</Kana></Shimei></Jumin>", "CB6014"),
        ("<Jumin><Bango xmlns='urn:other'>1</Bango></Jumin>", "CB6014"),
        ("<Hito/>", "CB6014"),
        ("<Jumin><Bango>&nazo;</Bango></Jumin>", "CB6014"),
        ("<Jumin><Bango>1</Jumin>", "CB6014"),
        ("<Jumin><?php x?></Jumin>", "CB6014"),
        ("<Jumin ver='a'/>", "E0002"),
        ("<Jumin><Bango>全角</Bango></Jumin>", "E0002"),
        ("<Jumin><Shimei><Kanji>&#xE000;</Kanji></Shimei></Jumin>", "CB6003"),
        ("<Jumin><Shimei><Kanji>&#xFFFD;</Kanji></Shimei></Jumin>", "CB6002"),
        ("<Jumin><Shimei><Kanji>あ\nい</Kanji></Shimei></Jumin>", "CB6002"),
    ],
)
def test_a_record_of_another_form_is_refused_and_the_next_goes_on(record: str, code: str) -> None:
    """Unknown, doubled, mixed, foreign, malformed, hostile."""
    good, (bad,) = split(shared(), HEAD + record.encode() + RAW + TAIL)
    assert bad.error.code == code
    assert [one.values["番号"] for one in good] == ["01"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (HEAD + RAW, "CB6001"),
        (HEAD + RAW[:-3], "CB6001"),
        (b"<Jumins", "CB6001"),
        (b"", "CB6001"),
        (HEAD + b"text" + RAW + TAIL, "CB6014"),
        (HEAD + TAIL + b"more", "CB6014"),
        (b"<Nazo></Nazo>", "CB6014"),
        (b'<!DOCTYPE Jumins [<!ENTITY a "b">]><Jumins/>', "CB6014"),
        (b'<?xml version="1.0" encoding="EUC-JP"?><Jumins/>', "CB6002"),
    ],
)
def test_a_file_of_another_form_is_in_doubt_as_a_whole(data: bytes, code: str) -> None:
    """Broken off, text between records, another root, a document type, another encoding."""
    _, bad = split(shared(), data)
    assert (bad[-1].error.code, bad[-1].scope) == (code, "file")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"番号": "全角"}, "E0002"),
        ({"氏名": "\x07"}, "CB6007"),
        ({"氏名": "\ue000"}, "CB6007"),
        ({"無": "1"}, "CB6014"),
    ],
)
def test_what_cannot_be_written_is_refused(values: dict[str, str], code: str) -> None:
    """Types, characters, unknown items."""
    with pytest.raises(AdapterError) as caught:
        shared().encode_record(values)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "change",
    [
        'element = "Jumin"=>element = "1x"',
        'root = "Jumins"=>',
        'form = "array"=>form = "lines"',
        'namespace = "urn:example:jumin"=>namespace = "urn:\\"x"',
        'path = "Bango"=>path = "@a.b"',
        'path = "Shimei.Kana"=>path = "Shimei"',
    ],
)
def test_a_layout_that_cannot_be_xml_is_refused(change: str) -> None:
    """CB6008 with the key."""
    with pytest.raises(ConfigurationError):
        shared(change)


@given(st.text(alphabet="あ　a<>&\"'=総/! -[]?", max_size=30))
def test_any_text_goes_through(text: str) -> None:
    """Characters that mean something in XML among them."""
    data = b"".join(shared().encode([{"氏名": text}]))
    (only,), bad = split(shared(), data)
    assert bad == []
    assert only.values["氏名"] == text


@given(st.binary(max_size=60))
def test_any_bytes_give_records_or_errors_and_no_crash(data: bytes) -> None:
    """Whatever stands between the root's tags."""
    split(shared(), HEAD + data + RAW + TAIL)
    leaves(data)


def test_a_tag_that_never_ends_costs_no_more_than_a_record() -> None:
    """The scanner stops; quotes that never close cost no time."""
    _, bad = split(shared(), HEAD + b"<Jumin " + b'a="' * 200_000)
    assert bad[-1].error.code == "CB6001"
