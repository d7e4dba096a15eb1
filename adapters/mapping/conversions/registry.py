"""The conversions by name; a vendor can add its own through the entry-point group ``chiikibus.conversions``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import cast

from adapters.mapping.conversions import address, code, dates, kana, names, numbers, text, wareki
from adapters.mapping.conversions.base import Conversion, Setup

Maker = Callable[[Setup], Conversion]
GROUP = "chiikibus.conversions"


@cache
def _makers() -> Mapping[str, Maker]:
    own: dict[str, Maker] = {
        "copy": text.make_copy,
        "affix": text.make_affix,
        "fixed": text.make_fixed,
        "punctuate": text.make_punctuate,
        "widen": text.make_widen,
        "code": code.make_code,
        "wareki": wareki.make_wareki,
        "wareki_gengo": wareki.make_wareki_gengo,
        "date_digits": dates.make_date_digits,
        "date_slash": dates.make_date_slash,
        "month_digits": dates.make_month_digits,
        "time_digits": dates.make_time_digits,
        "kana_half_full": kana.make_half_full,
        "kana_hira": kana.make_hira,
        "kana_split": kana.make_split,
        "kana_split_hira": kana.make_split_hira,
        "join": kana.make_join,
        "name_join": names.make_name_join,
        "choaza_split": address.make_choaza_split,
        "strip_zero": numbers.make_strip_zero,
        "zero_pad": numbers.make_zero_pad,
        "flag": numbers.make_flag,
    }
    for point in entry_points(group=GROUP):
        own.setdefault(point.name, cast(Maker, point.load()))
    return MappingProxyType(own)


def conversion_names() -> tuple[str, ...]:
    """Every conversion a mapping may name."""
    return tuple(_makers())


def describe_conversions() -> dict[str, str]:
    """Name and first line of documentation (its options) of every conversion."""
    return {name: (maker.__doc__ or "").strip().splitlines()[0] for name, maker in _makers().items()}


def make_conversion(name: str, setup: Setup) -> Conversion | None:
    """The conversion ``name`` with the options of ``setup``; problems are noted, an unknown name gives ``None``."""
    maker = _makers().get(name)
    if maker is None:
        setup.problems.unknown(setup.file, "conversion", name, _makers(), line=setup.line)
        return None
    made = maker(setup)
    setup.leftovers()
    wanted = (len(setup.fields), len(setup.items))
    if made.arity != wanted:
        expected = f"{made.arity[0]} vendor and {made.arity[1]} standard items"
        setup.problem(name, expected, f"{wanted[0]} and {wanted[1]}")
        return None
    return made
