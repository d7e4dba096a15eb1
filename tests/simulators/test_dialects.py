"""The vendors' house rules: each the inverse of itself for every record, and each vendor unlike the others."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from adapters.population.records import synthetic
from adapters.simulators import dialects, papers
from adapters.simulators.holdings import Interface, interface
from schemas.catalog import load_edition
from schemas.model import Edition

SAMPLES = (
    ("a", "counted", ("架空　太郎",), ("架空太郎", "2")),
    ("a", "lines", ("霞が関二丁目", "１－２", "見本荘"), ("霞が関二丁目１－２", "見本荘")),
    ("a", "lines", ("番地町", "７番地の８"), ("番地町７番地の８",)),
    ("a", "wareki", ("2019-04-30",), ("4310430",)),
    ("a", "filled", ("1", "", "0"), ("2",)),
    ("b", "hira2", ("カクウ　タロウ",), ("かくう", "たろう")),
    ("b", "two", ("架空　太郎",), ("架空", "太郎")),
    ("c", "town", ("霞が関十二丁目",), ("霞が関", "１２")),
    ("c", "town", ("丁目",), ("丁目", "")),
    ("c", "lot", ("３０－４－５",), ("３０", "４－５")),
    ("c", "letters", ("1978-04-01",), ("S53.04.01",)),
    ("c", "letters", ("9999-12-31",), ("R99.12.31",)),
    ("c", "sign", ("-120",), ("減", "120")),
    ("c", "sign", ("0",), ("増", "0")),
)


@cache
def edition() -> Edition:
    """Edition 1.0."""
    return load_edition()


@pytest.mark.parametrize(("vendor", "form", "values", "texts"), SAMPLES)
def test_a_form_writes_what_the_vendors_manual_says(
    vendor: str, form: str, values: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    """Pairs written down by hand, and the way back."""
    assert vendor in "abc"
    assert dialects.dialect_forms.written(form, values) == texts
    if form != "filled":
        assert dialects.dialect_forms.read(form, texts) == values


@pytest.mark.slow
@pytest.mark.parametrize("vendor", ["a", "b", "c"])
def test_every_record_comes_back_through_the_vendors_own_papers(vendor: str) -> None:
    """Each record of each unit, whole and half full: row, file or document, row, record."""
    seen: set[str] = set()
    for unit in edition().units.values():
        for record in unit.records.values():
            face = interface(vendor, edition(), f"{unit.key}.{record.name}")
            for number, share in enumerate((1.0, 0.5, 0.0)):
                values = synthetic(unit, record, Random(f"{unit.key}.{record.name}.{number}"), share=share)
                row = dialects.to_vendor(vendor, unit, record, values)
                assert dialects.from_vendor(vendor, unit, record, through(vendor, face, row)) == values
            seen.update(rule.form for rule in dialects.rules(vendor, unit, record))
    assert (
        seen
        >= {
            "a": {"counted", "lines", "filled", "wareki", "half", "mark", "flag"},
            "b": {"two", "hira2"},
            "c": {"two", "town", "lot", "letters", "sign", "arinashi"},
        }[vendor]
    )


def through(vendor: str, face: Interface, row: dict[str, str]) -> dict[str, str]:
    """A row through the vendor's own paper and back."""
    if vendor == "a":
        return papers.from_fixed(face.columns, papers.fixed(face.columns, row))
    if vendor == "b":
        return papers.from_document(face.columns, papers.document(face.columns, row))
    return papers.from_table(papers.table(face.columns, [row], papers.ENCODING), papers.ENCODING)[0]


def test_a_file_of_the_mainframe_vendor_is_held_to_its_trailer() -> None:
    """A record less, or an amount changed, and the stand-in does not take the file."""
    face = interface("a", edition(), "kokuho.chotei")
    values = synthetic(face.unit, face.record, Random(7), share=1.0)
    data = papers.host_file(face, [dialects.to_vendor("a", face.unit, face.record, values)] * 3)
    assert len(papers.rows_of(face, data)) == 3
    width = papers.size(face.columns)
    with pytest.raises(ValueError, match="count"):
        papers.rows_of(face, data[: 2 * width] + data[3 * width :])
    total = data.rindex(b"\xf8") + 6
    with pytest.raises(ValueError, match="total"):
        papers.rows_of(face, data[:total] + bytes(9) + b"\x1c" + data[total + 10 :])
