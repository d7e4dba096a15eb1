"""The golden pairs of the three hand-written definitions are what their sheets say, and nothing was drafted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.suite.exercise import missing
from adapters.suite.mutation import Bench
from adapters.suite.subject import find_folder, load_subject
from tests.vendors.sheets import HANDS, Hand, edition, files, read_sheet

FOLDERS = sorted({hand.folder for hand in HANDS})


def ids(hand: Hand) -> str:
    """The name of a test."""
    return f"{hand.folder} {hand.name}"


@pytest.mark.slow
@pytest.mark.parametrize("hand", HANDS, ids=ids)
def test_each_pair_is_what_its_sheet_says(hand: Hand) -> None:
    """Byte for byte, written without any codec or mapping."""
    for vendor, standard, theirs, ours in files(hand):
        assert vendor.read_bytes() == theirs, vendor.name
        assert standard.read_bytes() == ours, standard.name


@pytest.mark.slow
@pytest.mark.parametrize("hand", HANDS, ids=ids)
def test_each_code_in_a_sheet_is_one_of_the_standard(hand: Hand) -> None:
    """A code that the standard's table does not have would be a slip of the pen."""
    unit_name, _, name = hand.record.partition(".")
    unit = edition().units[unit_name]
    codes = {item.name: item.code for item in unit.records[name].items if item.code}
    used: dict[str, set[str]] = {}
    for _, standard in read_sheet(hand.samples / "sheets" / f"{hand.sheet}.csv"):
        for item, value in standard.items():
            if item in codes:
                used.setdefault(codes[item], set()).add(value)
    for table, values in used.items():
        assert values <= {row.code for row in unit.codes[table].rows}, table


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_definition_has_no_drafted_pair(folder: str) -> None:
    """Every line is exercised, and every golden file of the folder is of the population or of a sheet."""
    subject = load_subject(find_folder(folder), edition())
    assert missing(subject) == {}
    by_hand = {path for hand in HANDS if hand.folder == folder for path, *_ in files(hand)}
    others = {sample.path.name for sample in subject.samples if sample.path not in by_hand}
    assert by_hand <= {sample.path for sample in subject.samples}
    assert not any(".golden" in name for name in others)


@pytest.mark.slow
def test_two_codes_mixed_up_in_a_table_are_seen_by_the_sheets() -> None:
    """The sheets alone notice each pair of neighbours exchanged in the longest code table; a draft could not."""
    subject = load_subject(find_folder("b/kojinjuminzei"), edition())
    by_hand = tuple(one for one in subject.samples if ".hand" in one.path.name)
    found = Bench(replace(subject, samples=by_hand)).all()
    mixed = [one for one in found if (one.pair, one.kind) == ("codes/ido_jiyu.csv", "mix up")]
    assert len(mixed) == 36
    assert {one.by for one in mixed} == {"sample"}


def test_a_sheet_begins_again_from_an_earlier_record_and_changes_only_what_it_says() -> None:
    """``=`` takes everything of the record named."""
    hand = next(one for one in HANDS if one.name == "shotoku" and one.folder == "b/kojinjuminzei")
    records = read_sheet(hand.samples / "sheets" / "shotoku.csv")
    assert records[3][0] == {**records[1][0], "区分": "非課税"}
    assert records[3][1] == {**records[1][1], "kazeikubun": "3"}
