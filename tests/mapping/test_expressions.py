"""Expressions: what they compute, what they refuse at load time with the place, and that they reach nothing else."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mapping.expressions import ExpressionError, SyntaxProblem, parse
from adapters.mapping.expressions.functions import FUNCTIONS
from adapters.mapping.expressions.parse import MAX_DEPTH
from adapters.mapping.expressions.tokens import MAX_LENGTH
from adapters.mapping.expressions.values import MAX_DIGITS, number, text

VALUES = {
    "税額": "0012345",
    "日数": "17",
    "区分": "1",
    "名前（漢字）": "総務",
    "日": "2024-02-28",
    "空": "",
    "住所１": "霞が関",
}


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("税額", "0012345"),
        ("税額 + 0", "12345"),
        ("税額 * 日数 / 17", "12345"),
        ("1 / 8 - 1", "-0.875"),
        ("floor(税額 * 日数 / 30, 100)", "6900"),
        ("floor(-税額, 100)", "-12400"),
        ("truncate(-税額, 100)", "-12300"),
        ("ceil(税額, 1000)", "13000"),
        ("round(税額, 10)", "12350"),
        ("round(-5 / 2)", "-3"),
        ("税額 div 1000 & \"千円\"", "12千円"),
        ("税額 mod 1000", "345"),
        ("2 + 3 * 4 - -1", "15"),
        ("[名前（漢字）] & '　' & 住所１", "総務　霞が関"),
        ("名前（漢字） & 住所１", "総務霞が関"),
        ("if(区分 in (\"1\", \"2\"), 税額, 0)", "0012345"),
        ("if(区分 = 1 and not present(空), \"甲\", \"乙\")", "甲"),
        ("pad(日数, 5)", "00017"),
        ("strip(税額)", "12345"),
        ("left(住所１, 2) & middle(住所１, 3, 1) & right(住所１, 0)", "霞が関"),
        ("length(住所１)", "3"),
        ("first(空, 住所１)", "霞が関"),
        ("number(空, 7) + sum(空, 日数)", "24"),
        ("min(3, 日数, 5) + max(1, 2) + abs(-4)", "9"),
        ("days(日, \"2024-03-01\")", "2"),
        ("text(12) & \"\"", "12"),
    ],
)  # fmt: skip
def test_an_expression_gives_its_result(source: str, result: str) -> None:
    """Numbers are exact, texts stay texts."""
    assert parse(source, VALUES).text(VALUES) == result


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ('区分 = "1"', True),
        ("税額 = 12345", True),
        ('税額 = "12345"', False),
        ("空 = 0", False),
        ("空 <> 0", True),
        ("税額 > 日数 * 1000", False),
        ("税額 <= 12345 and 税額 >= 12345", True),
        ('日 < "2024-03-01" or 空 <> ""', True),
        ("not not (absent(空))", True),
        ('starts(住所１, "霞") and not starts(住所１, "関")', True),
        ('not 区分 = "2" and 区分 in ("1")', True),
    ],
)
def test_a_condition_holds_or_not(source: str, holds: bool) -> None:
    """Texts beside numbers are read as numbers, an absent item equals none."""
    assert parse(source, VALUES, "truth").holds(VALUES) is holds


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("税学 * 2", 1),
        ("1 +", 4),
        ("foo(1)", 1),
        ("__import__(1)", 1),
        ("税額.real", 1),
        ("(1", 3),
        ("1 2", 3),
        ("区分 and 区分", 1),
        ("1 = 1", 1),
        ('"x" + 1', 1),
        ("floor(1, 2, 3)", 1),
        ("if(1, 2, 3)", 4),
        ('"x', 1),
        ("区分 in (1)", 8),
        ("[]", 1),
        ("lambda: 1", 1),
        ("", 1),
        ("(" * (MAX_DEPTH + 1) + "1", MAX_DEPTH + 1),
        ("1+" * MAX_LENGTH, MAX_LENGTH),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(source: str, place: int) -> None:
    """At load time, before any record is read."""
    with pytest.raises(SyntaxProblem) as caught:
        parse(source, VALUES)
    assert caught.value.place == place


@pytest.mark.parametrize(
    "source",
    ["住所１ + 1", "空 + 1", "1 / 0", "1 div (日数 - 17)", "1 / 3", "pad(税額, 3)", "left(住所１, 5000)", "floor(1, 0)",
     "days(住所１, 日)", "9999999999999999999999 * 9999999999999999999999", "middle(日, 0)", "1 / " + "8" * 60],
)  # fmt: skip
def test_what_has_no_result_is_an_error_and_no_guess(source: str) -> None:
    """Nothing is rounded, cut or taken for zero unasked."""
    with pytest.raises(ExpressionError):
        parse(source, VALUES).text(VALUES)


def test_the_names_an_expression_reads_are_known() -> None:
    """Each once, in their order."""
    assert parse("税額 + 日数 * 税額", VALUES).names == ("税額", "日数")


@given(st.text(alphabet="税額区分12.+-*/&=<>()[]\"', andortixfl", max_size=40))
def test_any_text_is_an_expression_or_a_problem(source: str) -> None:
    """Nothing else comes out of the parser, and nothing else out of an expression."""
    try:
        found = parse(source, VALUES)
    except SyntaxProblem as problem:
        assert 1 <= problem.place <= len(source) + 1
        return
    with suppress(ExpressionError):
        assert isinstance(found.text(VALUES), str)


@given(st.integers(-(10**18), 10**18), st.integers(0, 12))
def test_a_number_written_is_the_number_read(mantissa: int, places: int) -> None:
    """Exact, with decimals too."""
    value = Fraction(mantissa, 10**places)
    assert number(text(value)) == value
    assert len(text(value)) <= MAX_DIGITS


def test_every_function_says_how_it_is_called() -> None:
    """The documentation lists these lines."""
    for name, function in FUNCTIONS.items():
        assert function.about.startswith(f"{name}(")
        assert function.least <= function.most
