"""A small standard and two small vendors for mapping tests: the ministry's example of the lock-in."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from adapters.characters.register import EMPTY, GaijiRegister
from adapters.codecs import load_layout, make_codec
from adapters.mapping import Mapping, load_mapping
from adapters.sdk.protocols import Codec
from schemas.catalog import load_edition
from schemas.model import Edition, Item, RecordType, Unit

ITEMS = (
    Item("atenabango", "宛名番号", "X", 15, mandatory=True, format="atenabango"),
    Item("shimei", "氏名", "N", 20, mandatory=True, format="shimei"),
    Item("shimei_furigana", "氏名_フリガナ", "N", 100),
    Item("jusho_choaza", "住所_町字", "N", 20),
    Item("seinengappi_gengo", "生年月日_元号", "X", 1, code="gengo"),
    Item("seinengappi", "生年月日", "DATE", 10, mandatory=True),
    Item("seibetsu", "性別", "X", 1, mandatory=True, code="seibetsu"),
    Item("shotoku", "所得", "S9", 12),
    Item("biko", "備考", "N", 30),
    Item("sakujofuragu", "削除フラグ", "X", 1, code="umu"),
)

LAYOUT_A = """
[layout]
id = "a.hito"
kind = "fixed"
encoding = "cp932"
gaiji = true
record_bytes = 120
line_end = "crlf"
[[field]]
name = "番号"
bytes = 15
type = "X"
[[field]]
name = "名前１"
bytes = 10
type = "X"
[[field]]
name = "名前２"
bytes = 10
type = "X"
[[field]]
name = "名前（漢字）"
bytes = 30
type = "N"
[[field]]
name = "氏文字数"
bytes = 2
type = "X"
[[field]]
name = "町名"
bytes = 20
type = "N"
[[field]]
name = "丁"
bytes = 6
type = "N"
[[field]]
name = "生年月日"
bytes = 7
type = "X"
[[field]]
name = "性別"
bytes = 1
type = "X"
[[field]]
name = "所得"
bytes = 12
type = "X"
[[field]]
name = "内部番号"
bytes = 6
type = "X"
[[field]]
name = "版"
bytes = 1
type = "X"
"""

MAPPING_A = """
[mapping]
id = "a.hito"
layout = "layout/hito.toml"
record = "t.hito"
[[item]]
vendor = ["番号"]
standard = ["atenabango"]
conversion = "copy"
[[item]]
vendor = ["名前１", "名前２"]
standard = ["shimei_furigana"]
conversion = "kana_split"
options = { script = "half" }
[[item]]
vendor = ["名前（漢字）", "氏文字数"]
standard = ["shimei"]
conversion = "name_join"
note = "空白を持たない"
[[item]]
vendor = ["町名", "丁"]
standard = ["jusho_choaza"]
conversion = "choaza_split"
[[item]]
vendor = ["生年月日"]
standard = ["seinengappi_gengo", "seinengappi"]
conversion = "wareki_gengo"
[[item]]
vendor = ["性別"]
standard = ["seibetsu"]
conversion = "code"
options = { table = "codes/seibetsu.csv" }
[[item]]
vendor = ["所得"]
standard = ["shotoku"]
conversion = "copy"
[[unmapped]]
side = "vendor"
items = ["内部番号"]
reason = "A社の内部項目"
loss = "record"
[[unmapped]]
side = "standard"
items = ["biko"]
reason = "A社は保持しない"
loss = "record"
[[constant]]
side = "vendor"
item = "版"
value = "1"
reason = "様式の版"
[[constant]]
side = "standard"
item = "sakujofuragu"
value = "0"
reason = "A社は削除を出さない"
"""

CODES = "vendor,standard,name_ja\nM,1,男\nF,2,女\nN,0,空欄\n"

LAYOUT_B = """
[layout]
id = "b.hito"
kind = "json"
encoding = "utf-8"
form = "object"
""" + "".join(
    f'[[field]]\nname = "{name}"\ntype = "N"\n'
    for name in ("番号", "氏名１", "氏名２", "氏名３", "氏文字数", "住所１", "住所２", "生年月日", "元号", "性別")
)

MAPPING_B = """
[mapping]
id = "b.hito"
layout = "layout/hito.toml"
record = "t.hito"
direction = "to_vendor"
[[item]]
vendor = ["番号"]
standard = ["atenabango"]
conversion = "copy"
[[item]]
vendor = ["氏名１", "氏名２"]
standard = ["shimei_furigana"]
conversion = "kana_split_hira"
[[item]]
vendor = ["氏名３", "氏文字数"]
standard = ["shimei"]
conversion = "name_join"
[[item]]
vendor = ["住所１", "住所２"]
standard = ["jusho_choaza"]
conversion = "choaza_split"
options = { numerals = "fullwidth" }
[[item]]
vendor = ["生年月日"]
standard = ["seinengappi"]
conversion = "date_slash"
[[item]]
vendor = ["元号"]
standard = ["seinengappi_gengo"]
conversion = "copy"
[[item]]
vendor = ["性別"]
standard = ["seibetsu"]
conversion = "code"
options = { table = "codes/seibetsu.csv" }
[[unmapped]]
side = "standard"
items = ["shotoku", "biko", "sakujofuragu"]
reason = "B社は保持しない"
loss = "allow"
"""

VENDOR_A = {
    "番号": "001",
    "名前１": "ｿｳﾑ",
    "名前２": "ｼｮｳｺ",
    "名前（漢字）": "総務翔子",
    "氏文字数": "2",
    "町名": "霞が関",
    "丁": "二",
    "生年月日": "3260101",
    "性別": "F",
    "所得": "-5",
    "内部番号": "",
    "版": "1",
}
VENDOR_B = {
    "番号": "001",
    "氏名１": "そうむ",
    "氏名２": "しょうこ",
    "氏名３": "総務翔子",
    "氏文字数": "2",
    "住所１": "霞が関",
    "住所２": "２",
    "生年月日": "1951/01/01",
    "元号": "3",
    "性別": "F",
}
STANDARD = {
    "atenabango": "001",
    "shimei": "総務　翔子",
    "shimei_furigana": "ソウム　ショウコ",
    "jusho_choaza": "霞が関二丁目",
    "seinengappi_gengo": "3",
    "seinengappi": "1951-01-01",
    "seibetsu": "2",
    "shotoku": "-5",
    "sakujofuragu": "0",
}


@cache
def edition(items: tuple[Item, ...] = ITEMS) -> Edition:
    """An edition with the unit ``t`` and its record ``hito``."""
    real = load_edition()
    records = {"hito": RecordType("t", "hito", items)}
    unit = Unit("t", 1, "試し", "trial", "urn:t", "1.0", Path(), (), {}, records, real.codes, real.formats)
    return Edition("1.0", Path(), {"t": unit}, real.codes, real.formats)


def write(folder: Path, mapping: str = MAPPING_A, layout: str = LAYOUT_A, codes: str = CODES) -> Path:
    """A vendor's folder; the mapping's path."""
    for name, text in (("layout/hito.toml", layout), ("mapping/hito.toml", mapping), ("codes/seibetsu.csv", codes)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "mapping" / "hito.toml"


def load(
    folder: Path, mapping: str = MAPPING_A, layout: str = LAYOUT_A, codes: str = CODES, register: GaijiRegister = EMPTY
) -> tuple[Mapping, Codec]:
    """The mapping and codec of a folder with these texts."""
    path = write(folder, mapping, layout, codes)
    made = load_layout(folder / "layout" / "hito.toml")
    assert made is not None
    found = load_mapping(path, made, edition())
    assert found is not None
    return found, make_codec(made, register)
