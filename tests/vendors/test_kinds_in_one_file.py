"""C社's tax notices: four kinds of line in one file, through the shipped definition, whole and damaged."""

from __future__ import annotations

import io
from random import Random

import pytest

from adapters.codecs.factory import make_codec
from adapters.population.records import atenabango, synthetic
from adapters.sdk.types import BadRecord, VendorRecord
from adapters.simulators import dialects, papers
from adapters.simulators.holdings import interface
from adapters.suite.subject import Pair, find_folder, load_pair
from schemas.catalog import load_edition
from schemas.model import Edition

pytestmark = pytest.mark.slow
UNITS = ("hojinjuminzei", "kaigo", "keijidoshazei", "kojinjuminzei", "kokikorei", "kokuho", "koteishisanzei")


@pytest.fixture(scope="module")
def edition() -> Edition:
    """The shipped edition."""
    return load_edition()


def pair_of(unit: str, edition: Edition) -> Pair:
    """Layout and mapping of a unit's notices."""
    found = load_pair(find_folder("c/interfaces") / "mapping" / f"{unit}.chotei.csv.toml", edition)
    assert found is not None
    return found


def truth(unit: str, edition: Edition) -> list[dict[str, str]]:
    """Three notices with four, one and two instalments; the second amount of each goes down."""
    record = edition.units[unit].records["chotei"]
    rows: list[dict[str, str]] = []
    for number, times in enumerate((4, 1, 2), 1):
        random = Random(f"{unit}/{number}")
        notice = synthetic(edition.units[unit], record, random, {"atenabango": atenabango(number)}, share=1.0)
        for kibetsu in range(1, times + 1):
            amount = "-1500" if kibetsu == 2 else str(10_000 * kibetsu)
            rows.append({**notice, "kibetsu": str(kibetsu), "choteigaku": amount})
    return rows


def vendor_file(unit: str, edition: Edition) -> bytes:
    """The same as C社's own system writes it."""
    face = interface("c", edition, f"{unit}.chotei")
    rows = [dialects.to_vendor("c", face.unit, face.record, row) for row in truth(unit, edition)]
    return papers.open_file(face, rows)


def read(pair: Pair, data: bytes) -> list[VendorRecord | BadRecord]:
    """What the adapter reads of a file."""
    return list(make_codec(pair.layout).decode(io.BytesIO(data), "chotei.csv"))


def found_in(pair: Pair, data: bytes) -> tuple[list[dict[str, str]], list[str]]:
    """The records in the standard, and the codes of everything else."""
    records = read(pair, data)
    good = [pair.mapping.to_standard(one).values for one in records if isinstance(one, VendorRecord)]
    return good, [one.error.code for one in records if isinstance(one, BadRecord)]


@pytest.mark.parametrize("unit", UNITS)
def test_notices_of_every_tax_are_read_and_written_as_the_vendor_does(unit: str, edition: Edition) -> None:
    """The vendor's own file gives every instalment with its notice; written again it is the same, byte for byte."""
    pair, rows, data = pair_of(unit, edition), truth(unit, edition), vendor_file(unit, edition)
    assert [line[:2] for line in data.splitlines()] == [*b"H, T, K, K, K, K, T, K, T, K, K, E,".split(b" ")]
    assert found_in(pair, data) == (rows, [])
    reading = make_codec(pair.layout).reader(io.BytesIO(data), "")
    records = [pair.mapping.to_vendor(pair.mapping.to_standard(one).values).values for one in reading]
    assert b"".join(make_codec(pair.layout).encode(records, reading.header)) == data
    face = interface("c", edition, f"{unit}.chotei")
    assert papers.from_open_file(face, data) == [dialects.to_vendor("c", face.unit, face.record, row) for row in rows]


@pytest.mark.parametrize("unit", ["kokuho"])
@pytest.mark.parametrize(
    ("name", "codes", "left"),
    [
        ("no last line", {"CB6001"}, 7),
        ("no header", {"CB6053"}, 7),
        ("a wrong total", {"CB6052"}, 7),
        ("a wrong count of instalments", {"CB6001"}, 7),
        ("a wrong count of notices", {"CB6001"}, 7),
        ("a total that is none", {"CB6052"}, 7),
        ("an unknown kind", {"CB6053", "CB6001"}, 6),
        ("a notice without instalments", {"CB6053", "CB6001"}, 6),
        ("instalments before any notice", {"CB6053", "CB6001"}, 3),
        ("a column too many", {"CB6014"}, 6),
        ("something behind the last line", {"CB6053"}, 7),
        ("two headers", {"CB6053"}, 7),
        ("cut in a line", {"CB6001", "CB6014"}, 6),
    ],
)
def test_a_damaged_file_is_told_and_what_is_whole_of_it_is_read(
    unit: str, edition: Edition, name: str, codes: set[str], left: int
) -> None:
    """The codes name what is wrong; the instalments that are whole come with their notice all the same."""
    pair = pair_of(unit, edition)
    lines = vendor_file(unit, edition).split(b"\r\n")[:-1]
    cells = lines[-1].split(b",")
    spoilt = {
        "no last line": lines[:-1],
        "no header": lines[1:],
        "a wrong total": [*lines[:-1], b",".join([*cells[:-1], b"1"])],
        "a wrong count of instalments": [*lines[:-1], b",".join([*cells[:2], b"8", cells[3]])],
        "a wrong count of notices": [*lines[:-1], b",".join([cells[0], b"4", *cells[2:]])],
        "a total that is none": [*lines[:-1], b",".join([*cells[:-1], b"=1+1"])],
        "an unknown kind": [*lines[:3], b"X" + lines[3][1:], *lines[4:]],
        "a notice without instalments": [*lines[:7], *lines[8:]],
        "instalments before any notice": [lines[0], *lines[2:]],
        "a column too many": [*lines[:3], lines[3] + b",x", *lines[4:]],
        "something behind the last line": [*lines, lines[-1]],
        "two headers": [lines[0], *lines],
        "cut in a line": [*lines[:-2], lines[-2][:9]],
    }[name]
    data = b"\r\n".join(spoilt) + (b"" if name == "cut in a line" else b"\r\n")
    good, found = found_in(pair, data)
    assert set(found) & codes, found
    assert len(good) == left
    assert all(row in truth(unit, edition) for row in good)


def test_no_line_can_be_lost_or_doubled_unseen(edition: Edition) -> None:
    """Any line left out or doubled: something is said of the file."""
    pair = pair_of("kokuho", edition)
    lines = vendor_file("kokuho", edition).split(b"\r\n")[:-1]
    for at, line in enumerate(lines):
        for changed in ([*lines[:at], *lines[at + 1 :]], [*lines[:at], line, *lines[at:]]):
            assert found_in(pair, b"\r\n".join(changed) + b"\r\n")[1], at


@pytest.mark.parametrize("seed", range(3))
def test_bytes_at_random_places_never_break_the_reading(edition: Edition, seed: int) -> None:
    """200 files each with some bytes spoilt: records or coded errors, never anything else."""
    pair, data, dice = pair_of("kokuho", edition), vendor_file("kokuho", edition), Random(seed)
    for _ in range(200):
        spoilt = bytearray(data)
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(spoilt))
            spoilt[at : at + dice.randrange(0, 3)] = bytes(dice.randrange(256) for _ in range(dice.randrange(0, 3)))
        for one in read(pair, bytes(spoilt)):
            assert isinstance(one, VendorRecord | BadRecord)
            assert not isinstance(one, BadRecord) or one.error.code.startswith(("CB6", "E0"))
