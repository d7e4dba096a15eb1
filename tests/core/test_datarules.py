"""Known answers and properties of the data rules."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.core import datarules as rules

DIGIT = st.sampled_from("0123456789")


def digits(count: int) -> st.SearchStrategy[str]:
    """Texts of ``count`` decimal digits."""
    return st.text(DIGIT, min_size=count, max_size=count)


@pytest.mark.parametrize("code", ["011002", "131016", "131041", "271004", "401307", "473821", "990019"])
def test_municipality_codes_with_their_check_digit_are_ok(code: str) -> None:
    """Published codes (and our fictitious 990019) satisfy the weights 6 to 2."""
    assert rules.dantaikodo_ok(code)


@pytest.mark.parametrize("code", ["011003", "11002", "0110021", "", "０１１００２", "01100a", " 11002"])
def test_other_municipality_codes_are_not_ok(code: str) -> None:
    """A wrong digit, another length, full-width digits and letters are refused."""
    assert not rules.dantaikodo_ok(code)


@pytest.mark.parametrize("number", ["123456789018", "000000000000", "111111111118"])
def test_individual_numbers_with_their_check_digit_are_ok(number: str) -> None:
    """Synthetic numbers worked out by hand from the ministry's formula."""
    assert rules.kojinbango_ok(number)


@pytest.mark.parametrize("number", ["7000012050002", "8000012010038", "8700110005901"])
def test_published_corporate_numbers_are_ok(number: str) -> None:
    """Numbers of public bodies, as published by the tax agency."""
    assert rules.hojinbango_ok(number)


@pytest.mark.parametrize("number", ["06139463", "01130012", "39131156"])
def test_insurer_numbers_are_ok(number: str) -> None:
    """Published insurer numbers satisfy modulus 10 with weights 2 and 1."""
    assert rules.hokenshabango_ok(number)


CHECKED = [
    (5, rules.check_digit_dantaikodo, rules.dantaikodo_ok, False),
    (11, rules.check_digit_kojinbango, rules.kojinbango_ok, False),
    (12, rules.check_digit_hojinbango, rules.hojinbango_ok, True),
    (7, rules.check_digit_hokenshabango, rules.hokenshabango_ok, False),
    (14, rules.check_digit_atenabango, rules.atenabango_ok, False),
]


@given(st.data())
def test_exactly_one_check_digit_fits_a_body(data: st.DataObject) -> None:
    """For every body the made digit is accepted and the nine others are not."""
    size, make, accepts, leading = data.draw(st.sampled_from(CHECKED))
    body = data.draw(digits(size))
    right = make(body)
    for digit in "0123456789":
        assert accepts(digit + body if leading else body + digit) == (digit == right)


def test_an_addressee_number_with_remainder_1_follows_the_municipality() -> None:
    """Remainder 1 is undefined in the source, so its digit is a parameter, and may be forbidden altogether."""
    body = next(str(number) for number in range(100, 999) if rules.check_digit_atenabango(str(number), "X") == "X")
    assert rules.check_digit_atenabango(body) == "0"
    assert rules.atenabango_ok(body + "1", remainder_one="1")
    assert not any(rules.atenabango_ok(body + digit, remainder_one="") for digit in "0123456789")


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("abc", 3), ("葛", 1), ("\u845b\U000e0102", 1), ("\u795e\ufe00", 1), ("\U00020b9f田", 2), ("　山　", 3)],
)
def test_length_counts_characters_as_people_do(text: str, count: int) -> None:
    """A base with its selector, or a character beyond the first plane, counts as one."""
    assert rules.length(text) == count


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("葛\U000e0102", -1),
        ("\U000e0102", 0),
        ("葛\U000e0102\U000e0102", 2),
        ("a\x1f\U000e0102", 2),
        ("\ue000", 0),
        ("ab\uf8ff", 2),
        ("\U000f0000", 0),
        ("\U00100000", -1),
        ("\uff21\uffe5", -1),
        ("\U00020b9f", -1),
        ("葛\u3000\U000e0102", 2),
        ("山".encode().decode("latin-1"), 0),
        ("\u3000" + "\U000228ef".encode().decode("latin-1"), 1),
        ("Ｊｏｓé·", -1),
        ("\u00e9\u00b7\u3000", -1),
        ("\u00ab\u00bb\u00b1", -1),
    ],
)
def test_bad_characters_are_found_where_they_stand(text: str, position: int) -> None:
    """A selector needs a base; private use of planes 0 and 15 and mojibake never cross; plane 16 is the standard's."""
    assert rules.bad_character(text) == position


@given(st.text())
def test_looking_for_bad_characters_never_fails(text: str) -> None:
    """Any text may be looked at, and the position lies in it."""
    assert -1 <= rules.bad_character(text) < max(len(text), 1)


@pytest.mark.parametrize("day", ["2024-02-29", "1981-02-29", "0000-01-01", "9999-12-31", "1912-07-30"])
def test_standard_dates_include_days_that_no_calendar_has(day: str) -> None:
    """29 February of any year and the open dates are legal."""
    assert rules.is_standard_date(day)


@pytest.mark.parametrize(
    "day", ["1980-02-30", "1980-04-31", "1980-00-10", "1980-1-1", "", "１９８０-01-01", "1980-01-01Z"]
)
def test_other_texts_are_no_dates(day: str) -> None:
    """Days beyond the month, other widths and other forms are refused."""
    assert not rules.is_standard_date(day)


def test_a_calendar_date_is_stricter() -> None:
    """The calendar knows leap years; the standard does not ask."""
    assert rules.is_calendar_date("2024-02-29")
    assert not rules.is_calendar_date("2023-02-29")
    assert not rules.is_calendar_date("0000-01-01")


@pytest.mark.parametrize(
    ("day", "gengo", "text"),
    [
        ("1912-07-30", "", "大正元年7月30日"),
        ("1912-07-30", "明治", "明治45年7月30日"),
        ("1926-12-25", "", "昭和元年12月25日"),
        ("1926-12-25", "2", "大正15年12月25日"),
        ("1989-01-07", "", "昭和64年1月7日"),
        ("1989-01-08", "", "平成元年1月8日"),
        ("2019-04-30", "", "平成31年4月30日"),
        ("2019-05-01", "5", "令和元年5月1日"),
        ("1981-02-29", "", "昭和56年2月29日"),
    ],
)
def test_dates_are_written_in_their_era(day: str, gengo: str, text: str) -> None:
    """The day of a change belongs to both eras; the later one is taken unless the earlier is asked for."""
    wareki = rules.to_wareki(day, gengo)
    assert wareki is not None
    assert wareki.text == text
    assert rules.from_wareki(wareki.era.name, wareki.year, wareki.month, wareki.day) == day


@pytest.mark.parametrize(("day", "gengo"), [("1989-01-08", "昭和"), ("1800-01-01", ""), ("9999-12-31", ""), ("x", "")])
def test_a_date_outside_the_eras_has_none(day: str, gengo: str) -> None:
    """An era is never stretched, and open dates belong to none."""
    assert rules.to_wareki(day, gengo) is None


@pytest.mark.parametrize(
    ("gengo", "year", "month", "day"),
    [
        ("平成", 1, 1, 7),
        ("昭和", 64, 1, 8),
        ("令和", 0, 5, 1),
        ("令和", 1, 4, 30),
        ("昭和", 50, 2, 30),
        ("光文", 1, 1, 1),
    ],
)
def test_days_that_an_era_does_not_hold_are_refused(gengo: str, year: int, month: int, day: int) -> None:
    """A day before or after an era, an impossible day and an unknown era raise ValueError."""
    with pytest.raises(ValueError, match="era"):
        rules.from_wareki(gengo, year, month, day)


@given(st.dates(min_value=date(1873, 1, 1), max_value=date(2100, 12, 31)))
def test_every_day_since_1873_survives_its_era(day: date) -> None:
    """To the era and back gives the same day."""
    text = str(day)
    wareki = rules.to_wareki(text)
    assert wareki is not None
    assert rules.from_wareki(wareki.era.code, wareki.year, wareki.month, wareki.day) == text


def test_every_wording_of_the_table_is_legal_in_any_era() -> None:
    """The 14 wordings hold with digits in either width and any era."""
    table = rules.load_code_table(rules.COMMON_CODES / "fushobi.csv")
    assert len(table.rows) == 14
    for row in table.rows:
        for era in ("明治", "大正", "昭和", "平成", "令和"):
            for digit in ("5", "１２"):
                assert rules.fushobi_ok(row.name_ja.replace("令和", era).replace("○○", digit).replace("○", digit))


@pytest.mark.parametrize("text", ["", "不詳", "昭和頃", "昭和５年夏", "５年頃", "昭和５年頃。", "Ｓ５年頃"])
def test_other_wordings_are_not_legal(text: str) -> None:
    """Nothing is added to the list."""
    assert not rules.fushobi_ok(text)


def test_a_datetime_of_the_standard_is_in_japanese_time() -> None:
    """29 characters at most, with milliseconds and offset."""
    assert rules.standard_datetime(1711897200.5) == "2024-04-01T00:00:00.500+09:00"


def test_every_check_named_in_the_formats_exists() -> None:
    """The column ``check`` of ``formats.csv`` names only checks that are there."""
    from schemas.catalog import load_edition  # noqa: PLC0415 - only this test needs the tables

    named = {form.check for form in load_edition().formats.values()} - {""}
    assert named <= set(rules.checks())
