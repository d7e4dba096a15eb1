"""The conversions: one line of ``conversions.csv`` per case, and properties for every one of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.characters.units import bare_selectors
from adapters.mapping.conversions import Conversion, ConversionError, Setup, conversion_names, make_conversion
from adapters.mapping.conversions.address import from_kanji, to_kanji
from adapters.mapping.conversions.registry import describe_conversions
from adapters.sdk.layout import LayoutField
from adapters.sdk.problems import Problems
from schemas.catalog import load_edition
from schemas.model import CodeTable, Item

HERE = Path(__file__).parent
CASES = tuple(csv.DictReader(io.StringIO((HERE / "conversions.csv").read_text(encoding="utf-8"), newline="")))
NUMBERS = ("strip_zero", "zero_pad", "scale", "steps")
ARITY = {
    "kana_split": (2, 1),
    "kana_split_hira": (2, 1),
    "name_join": (2, 1),
    "choaza_split": (2, 1),
    "join": (1, 2),
    "wareki_gengo": (1, 2),
}


@cache
def standard_codes() -> Mapping[str, CodeTable]:
    """The code tables, read once."""
    return load_edition().codes


def setup(
    name: str,
    options: dict[str, Any],
    problems: Problems,
    item: Item | None = None,
    arity: tuple[int, int] | None = None,
) -> Setup:
    """A rule with as many items as the conversion wants: 項目0, 項目1 and shinamono0, shinamono1."""
    vendor, standard = arity or ARITY.get(name, (1, 1))
    one = item or Item("shinamono", "品", "9" if name in NUMBERS else "N", 300)
    items = tuple(replace(one, name=f"{one.name}{number}") if standard > 1 else one for number in range(standard))
    fields = tuple(LayoutField(f"項目{number}", bytes=5) for number in range(vendor))
    codes = standard_codes()
    return Setup(HERE / "t.toml", 7, HERE, fields, items, codes, options, problems)


def made(name: str, options: dict[str, Any], arity: tuple[int, int] | None = None) -> Conversion:
    """A conversion without problems."""
    problems = Problems()
    found = make_conversion(name, setup(name, options, problems, arity=arity))
    assert problems.found == []
    assert found is not None
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['conversion']} {case['vendor']} {case['standard']}")
def test_a_case_of_the_corpus_holds(case: dict[str, str]) -> None:
    """both: exact in both directions; lossy: converts, but comes back differently; in/out CBxxxx: refused."""
    vendor, standard = tuple(json.loads(case["vendor"])), tuple(json.loads(case["standard"]))
    conversion = made(case["conversion"], json.loads(case["options"]), (len(vendor), len(standard)))
    way, _, rest = case["expect"].partition(" ")
    if way == "both":
        assert conversion.to_standard(vendor) == standard
        assert conversion.to_vendor(standard) == vendor
    elif way == "lossy":
        there, back = (conversion.to_standard, conversion.to_vendor)[:: 1 if rest == "in" else -1]
        before, after = (vendor, standard)[:: 1 if rest == "in" else -1]
        assert there(before) == after
        assert back(after) != before
        assert not conversion.exact or rest == "in"
    else:
        with pytest.raises(ConversionError) as caught:
            conversion.to_standard(vendor) if way == "in" else conversion.to_vendor(standard)
        assert caught.value.code == rest


def test_every_conversion_has_cases_in_both_directions() -> None:
    """A new conversion without a line in the corpus fails here."""
    covered = {case["conversion"] for case in CASES if case["expect"] == "both"}
    assert covered == set(conversion_names())
    refused = {case["conversion"] for case in CASES if case["expect"][:2] in ("in", "ou")}
    assert refused == set(conversion_names()) - {"copy"}


def test_every_conversion_says_its_options() -> None:
    """The first line of its maker's documentation begins with its name."""
    for name, text in describe_conversions().items():
        assert text.startswith(f"``{name}``")


TEXTS: dict[str, st.SearchStrategy[str]] = {
    "kana_half_full": st.text(alphabet="ｱｶﾞﾊﾟｰ ﾝ-1A", min_size=1, max_size=12),
    "kana_hira": st.text(alphabet="あがぱー　んゔゖ", min_size=1, max_size=12),
    "widen": st.text(alphabet="ｱﾞ A-1", min_size=1, max_size=12),
    "date_digits": st.integers(0, 99999999).map(lambda number: f"{number:08d}"),
    "date_slash": st.dates().map(lambda day: day.strftime("%Y/%m/%d")),
    "month_digits": st.integers(0, 999999).map(lambda number: f"{number:06d}"),
    "time_digits": st.integers(0, 999999).map(lambda number: f"{number:06d}"),
    "wareki": st.integers(0, 9999999).map(lambda number: f"{number:07d}"),
    "wareki_gengo": st.integers(1000000, 5999999).map(str),
    "strip_zero": st.text(alphabet="0123456789-", max_size=6),
    "zero_pad": st.text(alphabet="0123456789-", max_size=6),
    "punctuate": st.text(alphabet="0123-", max_size=9),
    "flag": st.sampled_from(["1", "0", "", "2"]),
}


@pytest.mark.parametrize("name", sorted(TEXTS))
@given(data=st.data())
def test_a_vendor_value_comes_back_or_is_refused_or_counts_as_lossy(name: str, data: st.DataObject) -> None:
    """An exact conversion never comes back differently; a standard value made from a vendor value is stable."""
    conversion = made(name, {"width": 5} if name in NUMBERS else {})
    values = (data.draw(TEXTS[name]),)
    try:
        standard = conversion.to_standard(values)
        again = conversion.to_vendor(standard)
    except ConversionError as error:
        assert error.code.startswith("CB60")
        return
    assert again == values or not conversion.exact
    assert conversion.to_standard(again) == standard


NAME = st.text(alphabet="総務翔子葛\U000e0101𠮟　", min_size=1, max_size=10)


@given(NAME.filter(lambda text: not bare_selectors(text) and "　\U000e0101" not in text))
def test_any_standard_name_comes_back_through_name_join(name: str) -> None:
    """Whatever spaces and selectors it has, at the ends too."""
    conversion = made("name_join", {})
    assert conversion.to_standard(conversion.to_vendor((name,))) == (name,)


@given(
    st.text(alphabet="霞が関一二三十九丁目２2〇", min_size=1, max_size=10),
    st.sampled_from(["kanji", "fullwidth", "halfwidth"]),
)
def test_any_town_comes_back_through_choaza_split(town: str, numerals: str) -> None:
    """Written with 丁目 in kanji, otherwise, or without: what the standard holds is never changed."""
    conversion = made("choaza_split", {"numerals": numerals})
    assert conversion.to_standard(conversion.to_vendor((town,))) == (town,)


@given(st.text(alphabet="ソウム　ショ", max_size=10), st.sampled_from(["full", "half", "hira"]))
def test_any_kana_name_comes_back_through_kana_split(name: str, script: str) -> None:
    """Except a U+3000 with nothing behind it, which the two parts cannot hold."""
    conversion = made("kana_split", {"script": script})
    again = conversion.to_standard(conversion.to_vendor((name,)))
    assert again == (name,) or (name.endswith("　") and name.count("　") == 1)


def test_kanji_numbers_from_1_to_99_come_back() -> None:
    """And others are none."""
    assert [from_kanji(to_kanji(number)) for number in range(1, 100)] == list(range(1, 100))
    assert [from_kanji(text) for text in ("", "一一", "十十", "二三", "百", "十〇")] == [0] * 6


@pytest.mark.parametrize(
    ("name", "options", "path"),
    [
        ("copy", {"x": 1}, "options.x"),
        ("strip_zero", {"width": "5"}, "options.width"),
        ("strip_zero", {"width": 0}, "options.width"),
        ("date_slash", {"pattern": "YYYY/MM"}, "options.pattern"),
        ("date_slash", {"pattern": 5}, "options.pattern"),
        ("wareki", {"pattern": "YY.MM.DD"}, "options.pattern"),
        ("wareki", {"western": "YYYYMMDD"}, "options.western"),
        ("wareki_gengo", {"western": "YYMMDD"}, "options.western"),
        ("choaza_split", {"numerals": "roman"}, "options.numerals"),
        ("kana_split", {"script": "latin"}, "options.script"),
        ("flag", {"on": "1", "off": "1"}, "options"),
        ("fixed", {}, "options"),
        ("code", {}, "options.table"),
        ("code", {"table": "none.csv"}, "options.table"),
        ("parts", {"separator": ""}, "options.separator"),
        ("cut", {}, "options.widths"),
        ("cut", {"widths": "3"}, "options.widths"),
        ("cut", {"widths": [0, 1]}, "options.widths"),
        ("scale", {"factor": 1}, "options.factor"),
        ("scale", {"rounding": "away"}, "options.rounding"),
        (
            "compute",
            {"to_standard": {"shinamono": "項目1"}, "to_vendor": {"項目0": "1"}},
            "options.to_standard.shinamono",
        ),
        ("compute", {"to_standard": {"x": "1"}}, "options.to_standard.x"),
        ("compute", {"to_standard": "1"}, "options.to_standard"),
        ("choose", {"case": []}, "case"),
        ("choose", {"case": [{"item": []}, {}]}, "case[0].when.vendor"),
        ("choose", {"case": [{"when": {"vendor": "項目0"}}, {}]}, "case[0].when.vendor"),
        ("choose", {"case": [{"set": {"vendor": {"項目9": "1"}}}, {}]}, "case[0].set.vendor.項目9"),
        ("choose", {"case": [{"item": [{"vendor": "項目9"}]}, {}]}, "case[0].item.vendor"),
        ("choose", {"case": [{}, {}]}, "vendor.項目0"),
        ("steps", {"steps": [{"conversion": "copy"}]}, "steps"),
        ("steps", {"steps": [{"conversion": "copy"}, {"conversion": "kopy"}]}, "conversion"),
        ("nothing", {}, "conversion"),
    ],
)
def test_wrong_options_are_named_with_their_line(name: str, options: dict[str, Any], path: str) -> None:
    """Unknown, of the wrong type, outside the choices."""
    problems = Problems()
    make_conversion(name, setup(name, options, problems))
    assert path in [finding.path for finding in problems.found]
    assert all(finding.line == 7 for finding in problems.found)


@pytest.mark.parametrize("name", NUMBERS[:2])
def test_zeros_are_never_taken_from_identifiers(name: str) -> None:
    """An item of type X or N is refused at load time."""
    problems = Problems()
    make_conversion(name, setup(name, {"width": 5}, problems, Item("atenabango", "宛名番号", "X", 15)))
    assert [finding.path for finding in problems.found] == [f"{name}.atenabango"]


def test_another_number_of_items_is_a_problem() -> None:
    """A conversion of two vendor items in a rule with one."""
    problems = Problems()
    rule = setup("copy", {}, problems)
    assert make_conversion("name_join", rule) is None
    assert [finding.path for finding in problems.found] == ["name_join"]


@pytest.mark.parametrize(
    ("rows", "path"),
    [
        ("J,1,x,both\nJ,2,x,both\n", "vendor J"),
        ("J,1,x,both\nK,1,x,both\n", "standard 1"),
        ("J,1,x,sideways\n", "direction"),
        ("J,1\n", ""),
        (",1,x,both\n", "vendor,standard"),
        ("J,7,x,both\n", "standard"),
    ],
)
def test_a_wrong_code_table_is_named_with_its_line(tmp_path: Path, rows: str, path: str) -> None:
    """Double codes on either side, unknown standard codes, wrong rows."""
    (tmp_path / "codes.csv").write_text(f"vendor,standard,name_ja,direction\n{rows}", encoding="utf-8")
    problems = Problems()
    rule = setup("code", {"table": "codes.csv"}, problems, Item("seibetsu", "性別", "X", 1, code="seibetsu"))
    rule.folder = tmp_path
    make_conversion("code", rule)
    assert path in [finding.path for finding in problems.found]
    assert all(finding.line >= 2 for finding in problems.found)
