"""Finding a 個人番号 in bytes and in texts: never missed, quick to say no, and never told."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bus.core.numbers import RESIDENT_CODE_CHECKS, holds, may_hold

NUMBER = "123456789018"  # made up; the check digit is computed below
SEPARATORS = ["", "-", " ", "　", "－", "‐", "‑", "–", "—", "−", "ー"]
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def check_digit(body: str) -> str:
    """個人番号, computed on its own here: sum of P(n) x Q(n), n from the right, remainder by 11."""
    total = sum(int(digit) * (n + 1 if n <= 6 else n - 5) for n, digit in enumerate(body[::-1], 1))
    return str(0 if total % 11 <= 1 else 11 - total % 11)


def valid(body: str) -> str:
    """Twelve digits with their check digit."""
    return body + check_digit(body)


def test_the_number_of_these_tests_is_valid() -> None:
    """Or the others would show nothing."""
    assert valid(NUMBER[:11]) == NUMBER
    assert holds(NUMBER)


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("sizes", [(4, 4, 4), (6, 6), (1, 11), (3, 3, 3, 3)])
def test_a_number_is_found_in_either_width_and_with_any_separator(
    separator: str, wide: bool, sizes: tuple[int, ...]
) -> None:
    """As people write it into a remark, and whatever stands around it."""
    parts, at = [], 0
    for size in sizes:
        parts.append(NUMBER[at : at + size])
        at += size
    text = separator.join(parts)
    text = text.translate(WIDE) if wide else text
    for before, after in (("", ""), ("番号は", "です。"), ("名", "名"), ("5-", ""), ("", "-1"), ("12 ", " 34")):
        whole = f"{before}{text}{after}"
        assert holds(whole), whole
        assert may_hold(f"<biko>{whole}</biko>".encode()), whole


@pytest.mark.parametrize(
    "text",
    [
        "000000000012345",
        "20240401123456",
        "123456789012",
        "2024-04-01T12:34:56.000+09:00",
        "03-1234-5678",
        "1234567890181",
        "0123456789018",
        "１２−３４番地５",
        "",
    ],
)
def test_what_is_no_number_is_left_alone(text: str) -> None:
    """Longer numbers, dates, telephone numbers, twelve digits without their check digit."""
    assert not holds(text)


@pytest.mark.parametrize(
    "raw",
    [
        b"<biko>12345678901&#56;</biko>",
        b"<biko>123456<!-- -->789018</biko>",
        b"<biko>123456<![CDATA[789018]]></biko>",
        "<biko>123456789018</biko>".encode("utf-16"),
    ],
)
def test_what_hides_digits_in_bytes_is_looked_at_field_by_field(raw: bytes) -> None:
    """References, comments, sections and another encoding never let a message pass by its bytes alone."""
    assert may_hold(raw)


around = st.text(
    st.characters(exclude_characters="0123456789０１２３４５６７８９<>&", exclude_categories=("Cs", "Cc")), max_size=8
)


@given(
    st.from_regex(r"\A[0-9]{11}\Z"),
    st.lists(st.sampled_from(SEPARATORS), min_size=11, max_size=11),
    st.booleans(),
    around,
    around,
)
@example("12345678901", ["ー"] * 11, False, "名", "ト")
def test_the_bytes_never_say_no_where_a_text_holds_a_number(
    body: str, separators: list[str], wide: bool, before: str, after: str
) -> None:
    """The quick look may only be wrong by saying yes."""
    number = valid(body)
    text = number[0] + "".join(sign + digit for sign, digit in zip(separators, number[1:], strict=True))
    text = before + (text.translate(WIDE) if wide else text) + after
    assert holds(text)
    assert may_hold(f"<a>{text}</a>".encode())


def test_resident_codes_are_looked_for_only_where_a_site_wants_it() -> None:
    """Eleven digits: off unless a check is named, since telephone numbers have eleven, too."""
    code, check = "12345678901", RESIDENT_CODE_CHECKS["digits"]
    assert not holds(code)
    assert not may_hold(f"<a>{code}</a>".encode())
    assert holds(code, check)
    assert may_hold(f"<a>{code}</a>".encode(), check)
    assert holds("1234-567-8901", check)
    assert not holds("000000000012345", check)
