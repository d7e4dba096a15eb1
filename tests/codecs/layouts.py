"""Write layouts for codec tests and make their codecs."""

from __future__ import annotations

from pathlib import Path

from adapters.characters.register import EMPTY, GaijiRegister
from adapters.codecs import load_layout, make_codec
from adapters.sdk.layout import Layout
from adapters.sdk.protocols import Codec

FIXED = """
[layout]
id = "t.fixed"
kind = "fixed"
encoding = "cp932"
gaiji = true
record_bytes = 40
line_end = "crlf"
[records]
type_field = "区分"
header = "1"
data = "2"
trailer = "9"
[[header]]
name = "区分"
bytes = 1
type = "X"
[[header]]
name = "種別"
bytes = 2
type = "X"
value = "01"
[[trailer]]
name = "区分"
bytes = 1
type = "X"
[[trailer]]
name = "件数"
bytes = 6
type = "9"
pad = "left-zero"
[[field]]
name = "区分"
bytes = 1
type = "X"
[[field]]
name = "番号"
bytes = 9
type = "X"
[[field]]
name = "氏名"
bytes = 12
type = "N"
[[field]]
name = "カナ"
bytes = 8
type = "X"
[[field]]
name = "金額"
bytes = 6
type = "9"
pad = "left-zero"
[[field]]
name = "予備"
bytes = 4
filler = true
"""

DELIMITED = """
[layout]
id = "t.csv"
kind = "delimited"
encoding = "cp932"
gaiji = true
line_end = "crlf"
delimiter = ","
quote = "\\""
quoting = "minimal"
header_line = true
[[field]]
name = "番号"
type = "X"
[[field]]
name = "氏名"
type = "N"
[[field]]
name = "金額"
type = "9"
"""

JSON = """
[layout]
id = "t.json"
kind = "json"
encoding = "utf-8"
form = "lines"
line_end = "lf"
absent = "omit"
[[field]]
name = "番号"
type = "X"
[[field]]
name = "氏名"
type = "N"
path = "氏名.漢字"
[[field]]
name = "カナ"
type = "N"
path = "氏名.カナ"
[[field]]
name = "金額"
type = "X"
json = "number"
"""


def layout(folder: Path, text: str) -> Layout:
    """The layout of this TOML text."""
    path = folder / "layout.toml"
    path.write_text(text, encoding="utf-8")
    found = load_layout(path)
    assert found is not None
    return found


def codec(folder: Path, text: str, register: GaijiRegister = EMPTY) -> Codec:
    """The codec of this TOML text."""
    return make_codec(layout(folder, text), register)


XML = """
[layout]
id = "t.xml"
kind = "xml"
encoding = "utf-8"
form = "array"
root = "Jumins"
element = "Jumin"
namespace = "urn:example:jumin"
line_end = "lf"
absent = "omit"
[[field]]
name = "版"
type = "9"
path = "@ver"
[[field]]
name = "番号"
type = "X"
path = "Bango"
[[field]]
name = "氏名"
type = "N"
path = "Shimei.Kanji"
[[field]]
name = "カナ"
type = "N"
path = "Shimei.Kana"
"""
