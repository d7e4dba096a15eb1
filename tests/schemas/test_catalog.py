"""The loader of the standard: what it reads, and that it reports every problem at once with file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from schemas.catalog import HOME, CatalogError, load_code_table, load_edition, load_errors

EDITION = HOME / "standard" / "1.0"


COPIED = ("common", "juki", "kojinjuminzei", "keijidoshazei")
"""Enough of the edition to break: copying and reading all of it would take each test half a second."""


@pytest.fixture
def edition(tmp_path: Path) -> Path:
    """A copy of some units of the shipped edition to break."""
    for name in COPIED:
        shutil.copytree(EDITION / name, tmp_path / "1.0" / name)
    return tmp_path / "1.0"


def change(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text in a file; it must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def problems(folder: Path) -> tuple[str, ...]:
    """What the loader reports about an edition folder."""
    with pytest.raises(CatalogError) as caught:
        load_edition(folder=folder)
    return caught.value.problems


def test_the_shipped_edition_has_the_units_and_operations_of_the_plan() -> None:
    """Units stand by number under known keys; each has bulk, and juki and tax what the first release had and more."""
    edition = load_edition()
    numbers = [unit.number for unit in edition.units.values()]
    assert numbers == sorted(set(numbers))
    assert set(edition.units) <= set(edition.codes["gyomu"].codes)
    bulk = {"ikkatsu_irai", "ikkatsu_soshin", "ikkatsu_kakunin"}
    added = {"shiensochi_tsuchi", "fuhyo_tsuchi"}
    assert set(edition.units["juki"].operations) == {"jumin_shokai", "setai_shokai", "ido_tsuchi"} | added | bulk
    assert all(bulk <= set(unit.operations) for unit in edition.units.values())
    tax = {"shotoku_shokai", "shotoku_tsuchi", "jutogaikazei_tsuchi", "chotei_tsuchi"}
    assert set(edition.units["kojinjuminzei"].operations) == tax | bulk | {f"chotei_{name}" for name in bulk}
    notice = edition.operation("juki.ido_tsuchi")
    assert notice is not None
    assert notice.input == "{urn:chiikibus:standard:1.0:juki}ido_tsuchi"
    assert notice.action == "urn:chiikibus:standard:1.0:juki/ido_tsuchi"
    assert notice.reply_action == "urn:chiikibus:standard:1.0:juki/ido_tsuchi_uketsuke"
    assert notice.ordering == ("atena=jumin/atenabango", "setai=jumin/setaibango")
    assert notice.number_use
    assert edition.operation("juki.nothing") is None


def test_there_are_37_reasons_of_movement_in_three_groups() -> None:
    """異動事由: 9 entries, 9 removals and 19 corrections, each with a code of two digits."""
    rows = load_edition().units["juki"].codes["ido_jiyu"].rows
    assert [row.code for row in rows] == [f"{number:02d}" for number in range(1, 38)]
    groups = [row.group for row in rows]
    assert (groups.count("記載"), groups.count("消除"), groups.count("修正")) == (9, 9, 19)


def test_every_item_code_format_and_digit_count_is_usable() -> None:
    """Items refer only to tables that exist, fit them, and say where they come from."""
    for unit in load_edition().units.values():
        for record in unit.records.values():
            assert len({item.name for item in record.items}) == len(record.items)
            for item in record.items:
                assert item.digits > 0, item
                assert item.provenance, item
                assert all(len(code) <= item.digits for code in (unit.codes[item.code].codes if item.code else ())), (
                    item
                )


def test_a_key_of_unknown_items_or_of_an_unknown_record_is_named(edition: Path) -> None:
    """``[keys]`` is checked like the rest of the unit."""
    path = edition / "juki" / "unit.toml"
    given = '\n[keys]\njumin = ["atenabangou"]\njumim = ["atenabango"]\n'
    path.write_text(path.read_text(encoding="utf-8") + given, encoding="utf-8")
    found = problems(edition)
    assert any("unknown item 'atenabangou'; nearest: atenabango" in problem for problem in found)
    assert any("unknown record 'jumim'" in problem for problem in found)


def test_numbers_of_persons_stand_only_in_number_use_operations() -> None:
    """個人番号 and 住民票コード are carried only by operations marked 番号利用事務."""
    guarded = {"kojinbango", "juminhyokodo"}
    for unit in load_edition().units.values():
        for operation in unit.operations.values():
            records = [unit.records[name] for name in (operation.record, operation.request_record) if name]
            if any(item.sensitivity in guarded for record in records for item in record.items):
                assert operation.number_use, operation.key


def test_every_problem_is_reported_at_once_with_file_line_and_nearest_name(edition: Path) -> None:
    """Mistakes in five tables give one error with all of them, each naming its place and the name probably meant."""
    change(edition / "juki" / "items" / "jumin.csv", ",seibetsu,", ",seibetu,")
    change(edition / "juki" / "items" / "jumin.csv", "rirekibango,個人履歴番号,9,5", "rirekibango,個人履歴番号,9,five")
    change(edition / "juki" / "rules.csv", "ido_kubun=1", "ido_kubum=1")
    change(edition / "juki" / "unit.toml", 'pattern = "notice"', 'pattern = "notise"')
    change(edition / "common" / "codes" / "seibetsu.csv", "2,女", "1,女")
    found = problems(edition)
    expected = [
        ("jumin.csv:40", "nearest: seibetsu"),
        ("jumin.csv:4", "not a number"),
        ("rules.csv:", "nearest: ido_kubun"),
        ("unit.toml:", "nearest: notice"),
        ("seibetsu.csv:", "occurs twice"),
    ]
    for place, text in expected:
        assert any(place in problem and text in problem for problem in found), (place, text, found)


@pytest.mark.parametrize(
    ("file", "old", "new", "text"),
    [
        ("juki/unit.toml", 'record = "jumin"', 'record = "jumim"', "nearest: jumin"),
        ("juki/unit.toml", '"kokuho"', '"kokuhu"', "nearest: kokuho"),
        ("juki/unit.toml", "deadline_s", "deadline", "nearest: deadline_s"),
        ("juki/unit.toml", 'output = "jumin_shokai_kaito"\n', "", "output"),
        ("juki/unit.toml", 'key = "juki"', 'key = "jiki"', "not that of its folder"),
        ("juki/unit.toml", "[unit]", "[unit", "cannot be used"),
        ("juki/unit.toml", "number = 1\n", "", "number"),
        ("juki/rules.csv", "!zairyukadotobango", "!!zairyukadotobango", "not a condition"),
        ("juki/rules.csv", ",jumin,", ",jumim,", "nearest: jumin"),
        ("juki/items/jumin.csv", "name_ja", "nameja", "nearest: name_ja"),
        ("juki/items/jumin.csv", ",yes,", ",maybe,", "yes / no"),
        ("juki/items/jumin.csv", "atenabango,宛名番号", "shikuchosonkodo,宛名番号", "occurs twice"),
        ("juki/codes/tables.csv", "ido_kubun,異動区分\n", "", "not listed"),
        ("common/codes/umu.csv", "0,無", "0,,無", "fields"),
    ],
)
def test_a_mistake_in_a_table_is_named(edition: Path, file: str, old: str, new: str, text: str) -> None:
    """Each kind of mistake is reported in the words that help to mend it."""
    change(edition / file, old, new)
    assert any(text in problem for problem in problems(edition))


def test_what_is_shipped_is_read_once_and_a_folder_each_time(edition: Path) -> None:
    """A folder that the site keeps may change while the process runs; what came with the program does not."""
    assert load_edition() is load_edition("1.0")
    before = load_edition(folder=edition)
    change(edition / "juki" / "unit.toml", 'name_ja = "', 'name_ja = "新')
    assert load_edition(folder=edition).units["juki"].name_ja == f"新{before.units['juki'].name_ja}"


def test_an_edition_prints_as_one_line() -> None:
    """Wherever a program shows one (a log, a traceback, a task), it does not show tens of thousands of rows."""
    edition = load_edition()
    assert len(repr(edition)) < 300
    assert len(repr(edition.units["juki"])) < 1000


def test_an_unknown_edition_names_the_known_ones() -> None:
    """A wrong version number is answered with the versions that exist."""
    with pytest.raises(CatalogError, match=r"known: 1\.0"):
        load_edition("9.9")


def test_an_unreadable_table_is_a_problem_and_not_a_crash(edition: Path) -> None:
    """A file in another encoding is reported like any other mistake."""
    path = edition / "juki" / "codes" / "juminjotai.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp932"))
    assert any("juminjotai.csv" in problem and "UTF-8" in problem for problem in problems(edition))


def test_a_missing_code_table_is_a_problem(tmp_path: Path) -> None:
    """A single table can be loaded on its own, with the same reports."""
    with pytest.raises(CatalogError):
        load_code_table(tmp_path / "none.csv")


def test_every_error_has_two_texts_two_remedies_and_a_possible_status() -> None:
    """The catalogue is complete: both languages, a SOAP 1.1 fault code and an HTTP status."""
    errors = load_errors()
    assert {"E0001", "E0002", "E0003", "E0004"} <= set(errors)
    for entry in errors.values():
        assert entry.title_ja, entry.code
        assert entry.title_en, entry.code
        assert entry.action_ja, entry.code
        assert entry.action_en, entry.code
        known = {"Client", "Server", "VersionMismatch", "MustUnderstand", "wsse:FailedCheck"}
        assert entry.faultcode in known, entry.code
        assert entry.http_status in {400, 401, 403, 404, 405, 413, 415, 417, 429, 500, 501, 503}, entry.code
        assert entry.retryable or entry.http_status != 503 or entry.code == "CB4003", entry.code


def test_a_record_is_identified_by_its_unit_or_by_what_stands_before_its_history() -> None:
    """Declared keys first, then 宛名番号 (with 課税年度), then the mandatory items before the 履歴番号."""
    units = load_edition().units
    assert units["juki"].records["jumin"].key == ("atenabango",)
    assert units["kojinjuminzei"].records["shotoku"].key == ("atenabango", "kazeinendo")
    assert units["koseki"].records["kosekinin"].key == ("kosekibango", "kosekininbango")
    assert units["kokuho"].records["chotei"].key[-2:] == ("tsuchishobango", "kibetsu")


def test_every_record_that_is_sent_has_a_key_of_mandatory_items() -> None:
    """Otherwise two of them could not be told apart."""
    for unit in load_edition().units.values():
        for operation in unit.operations.values():
            if operation.record and operation.pattern in {"notice", "bulk"}:
                record = unit.records[operation.record]
                assert record.key
                assert all(record.item(name).mandatory for name in record.key)


def test_every_record_of_the_standard_has_a_japanese_name_of_its_own() -> None:
    """``[names]`` in each unit.toml; within a unit no two records have the same."""
    for unit in load_edition().units.values():
        names = [record.name_ja for record in unit.records.values()]
        assert all(names), unit.key
        assert len(set(names)) == len(names), unit.key
        assert all(record.title == f"{record.name_ja}（{record.name}）" for record in unit.records.values())


def test_a_name_for_a_record_that_is_not_there_is_a_problem(edition: Path) -> None:
    """``[names]`` is checked like the rest of the unit."""
    change(edition / "juki" / "unit.toml", 'fuhyo = "', 'fuhyou = "')
    assert any("unknown record 'fuhyou'; nearest: fuhyo" in problem for problem in problems(edition))
