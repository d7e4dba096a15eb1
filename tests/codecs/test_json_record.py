"""JSON records: nested paths, numbers by their digits, every key accounted for, exact places."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.protocols import Codec
from adapters.sdk.types import BadRecord, VendorRecord
from bus.core.errors import AdapterError
from tests.codecs.layouts import JSON, codec

RECORD = {"番号": "01", "氏名": "総務　翔子", "カナ": "そうむ", "金額": "-10"}
RAW = '{"番号":"01","氏名":{"漢字":"総務　翔子","カナ":"そうむ"},"金額":-10}'.encode()


@cache
def shared(changes: str = "") -> Codec:
    """A codec; ``changes`` is ``old=>new`` in the layout."""
    old, _, new = changes.partition("=>")
    return codec(Path(mkdtemp()), JSON.replace(old, new) if changes else JSON)


def split(made: Codec, data: bytes) -> tuple[list[VendorRecord], list[BadRecord]]:
    """Good and bad items of a file."""
    found = list(made.decode(io.BytesIO(data), "f.json"))
    return [one for one in found if isinstance(one, VendorRecord)], [one for one in found if isinstance(one, BadRecord)]


def test_a_record_comes_back_byte_for_byte() -> None:
    """Compact, in the layout's order, numbers as numbers."""
    assert shared().encode_record(RECORD) == RAW
    assert shared().decode_record(RAW).values == RECORD


def test_spans_name_the_bytes_of_a_nested_value() -> None:
    """Quotes included."""
    start, length = shared().decode_record(RAW).spans["カナ"]
    assert RAW[start : start + length].decode() == '"そうむ"'


ARRAY = """
[layout]
id = "t.kibetsu"
kind = "json"
form = "object"
absent = "null"

[[field]]
name = "一期"
path = "期別額.#0"
json = "number"

[[field]]
name = "二期"
path = "期別額.#1"
json = "number"

[[field]]
name = "姓"
path = "氏名.姓"
"""


def test_an_array_has_a_place_for_each_of_its_elements() -> None:
    """Written whole with null for what is absent; a short array, null and no array are the same absence."""
    made = codec(Path(mkdtemp()), ARRAY)
    raw = made.encode_record({"二期": "300", "姓": "総務"})
    assert raw.decode() == '{"期別額":[null,300],"氏名":{"姓":"総務"}}'
    read = made.decode_record(raw)
    assert read.values == {"一期": "", "二期": "300", "姓": "総務"}
    start, length = read.spans["二期"]
    assert raw[start : start + length] == b"300"
    for text in ('{"期別額":[5]}', '{"期別額":[5,null],"氏名":null}'):
        assert made.decode_record(text.encode()).values == {"一期": "5", "二期": "", "姓": ""}


@pytest.mark.parametrize("text", ['{"期別額":[1,2,3]}', '{"期別額":7}', '{"期別額":["1"]}', '{"期別額":{"#0":"1"}}'])
def test_an_array_of_another_shape_is_refused(text: str) -> None:
    """An element too many, no array, an element of another type."""
    with pytest.raises(AdapterError) as caught:
        codec(Path(mkdtemp()), ARRAY).decode_record(text.encode())
    assert caught.value.code == "CB6014"


@pytest.mark.parametrize("absent", ["empty", "omit", "null"])
def test_absent_values_are_written_as_declared(absent: str) -> None:
    """Read as absent in each of the three forms."""
    made = shared(f'absent = "omit"=>absent = "{absent}"')
    raw = made.encode_record({"番号": "01"})
    document = json.loads(raw)
    assert document.get("氏名", {}).get("漢字", "omit") == {"empty": "", "omit": "omit", "null": None}[absent]
    assert made.decode_record(raw).values == dict.fromkeys(RECORD, "") | {"番号": "01"}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ('{"番号":"01","他":"1"}', "CB6014"),
        ('{"番号":"01","番号":"02"}', "CB6014"),
        ('{"番号":1}', "CB6014"),
        ('{"金額":"1"}', "CB6014"),
        ('{"番号":["1"]}', "CB6014"),
        ('{"番号":true}', "CB6014"),
        ('{"金額":NaN}', "CB6014"),
        ('{"番号":"山"}', "E0002"),
        ('["番号"]', "CB6014"),
        ('{"番号":"01"', "CB6014"),
        ('{"氏名":{"漢字":"\\ue000"}}', "CB6003"),
        ('{"氏名":{"漢字":"\\ufffd"}}', "CB6002"),
        ('{"氏名":{"漢字":"\\ud840"}}', "CB6002"),
        ("{" * 3000, "CB6014"),
    ],
)
def test_a_bad_record_is_named_and_the_rest_goes_on(raw: str, code: str) -> None:
    """Unknown and double keys, wrong types, broken JSON, characters that may not pass."""
    data = RAW + b"\n" + raw.encode() + b"\n" + RAW + b"\n"
    good, bad = split(shared(), data)
    assert [one.values for one in good] == [RECORD, RECORD]
    assert [one.error.code for one in bad] == [code]
    assert bad[0].error.findings[0].place.startswith("file=f.json record=2")


def test_the_place_of_a_wrong_value_is_exact() -> None:
    """Byte offset of the value in the file."""
    raw = RAW.replace("総務　翔子".encode(), "総\ue000".encode())
    _, bad = split(shared(), RAW + b"\n" + raw + b"\n")
    at = len(RAW) + 1 + raw.index("\ue000".encode())
    assert bad[0].error.findings[0].place == f"file=f.json record=2 item=氏名 byte={at}+3"


def test_an_array_is_read_element_by_element() -> None:
    """With any white space between; a damaged end is truncation."""
    made = shared('form = "lines"=>form = "array"')
    assert b"".join(made.encode([RECORD, RECORD])) == b"[" + RAW + b"," + RAW + b"]"
    good, bad = split(made, b" [ " + RAW + b" ,\n" + RAW + b" ] ")
    assert [one.values for one in good] == [RECORD, RECORD]
    assert good[1].spans["番号"][0] == 3 + len(RAW) + 3 + RAW.index(b'"01"')
    assert bad == []
    good, bad = split(made, b"[" + RAW + b"," + RAW[:-4])
    assert len(good) == 1
    assert [(one.scope, one.error.code) for one in bad] == [("file", "CB6001")]
    assert split(made, b"[]") == ([], [])


def test_an_object_is_one_record() -> None:
    """A second record does not fit into it."""
    made = shared('form = "lines"=>form = "object"')
    assert [one.values for one in split(made, RAW)[0]] == [RECORD]
    with pytest.raises(AdapterError):
        list(made.encode([RECORD, RECORD]))


@pytest.mark.parametrize(
    ("values", "code"), [({"金額": "1,0"}, "E0002"), ({"氏名": "\ue000"}, "CB6007"), ({"他": "1"}, "CB6014")]
)
def test_what_does_not_fit_is_refused_when_writing(values: dict[str, str], code: str) -> None:
    """No number, no private use, no unknown item."""
    with pytest.raises(AdapterError) as caught:
        shared().encode_record(values)
    assert caught.value.code == code


@given(
    st.fixed_dictionaries(
        {
            "番号": st.text(alphabet='09A"\\ ', max_size=5),
            "氏名": st.text(alphabet='総"\\　{}[],:', max_size=8),
            "カナ": st.text(alphabet="そ", max_size=3),
            "金額": st.one_of(st.just(""), st.integers().map(str)),
        }
    )
)
def test_any_record_comes_back(values: dict[str, str]) -> None:
    """And every span holds exactly its value."""
    raw = shared().encode_record(values)
    record = shared().decode_record(raw)
    assert record.values == values
    for name, (start, length) in record.spans.items():
        assert str(json.loads(raw[start : start + length])) == values[name]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Nothing raises but a coded error."""
    try:
        shared().decode_record(raw)
    except AdapterError as error:
        assert error.findings
