"""The conversions by name; a vendor can add its own through the entry-point group ``chiikibus.conversions``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import cast

from adapters.mapping.conversions import (
    address,
    chain,
    choose,
    code,
    compute,
    dates,
    kana,
    names,
    numbers,
    parts,
    scale,
    text,
    wareki,
)
from adapters.mapping.conversions.base import Conversion, Setup

Maker = Callable[[Setup], Conversion | None]
GROUP = "chiikibus.conversions"


def _make_choose(setup: Setup) -> Conversion | None:
    """``choose``: [[item.case]] with ``when``, ``item`` and ``set``: the first case that applies, on each side."""
    return choose.make_choose(setup, make_conversion)


def _make_steps(setup: Setup) -> Conversion | None:
    """``steps``: a list of { conversion, options }, one after the other from the vendor to the standard."""
    return chain.make_steps(setup, make_conversion)


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
        "address_join": address.make_address_join,
        "parts": parts.make_parts,
        "cut": parts.make_cut,
        "scale": scale.make_scale,
        "compute": compute.make_compute,
        "choose": _make_choose,
        "steps": _make_steps,
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
    if made is None:
        return None
    wanted = (len(setup.fields), len(setup.items))
    if made.arity != wanted:
        expected = f"{made.arity[0]} vendor and {made.arity[1]} standard items"
        setup.problem(name, expected, f"{wanted[0]} and {wanted[1]}")
        return None
    return made
