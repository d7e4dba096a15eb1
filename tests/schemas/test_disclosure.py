"""The tables of personal data: who may see what, what protects a person, where the mixing guard does not look."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.catalog import load_edition
from schemas.disclosure import left_invalid, select
from schemas.model import Unit
from tests.schemas.test_catalog import change, edition, problems

__all__ = ["edition"]

EDITION = load_edition()
JUKI = EDITION.units["juki"]
JUMIN = JUKI.records["jumin"]
ADDRESSES = {item.name for item in JUMIN.items if item.sensitivity == "address"}


def seen(consumer: str, purpose: str, unit: Unit = JUKI, record: str = "jumin") -> frozenset[str]:
    """What a unit sees of a record."""
    items = unit.disclosed(record, consumer, purpose)
    assert items is not None
    return items


def test_what_no_row_discloses_is_not_disclosed() -> None:
    """Default deny: another purpose, another unit or a unit without need sees nothing at all."""
    assert seen("kojinjuminzei", "kazei")
    assert seen("kojinjuminzei", "senkyo") == frozenset()
    assert seen("zaimukaikei", "zaimu") == frozenset()


def test_each_consumer_sees_its_own_items_only() -> None:
    """The pension sees its number and no health insurance, the electoral roll no 個人番号, nobody the 住民票コード."""
    pension, tax, roll = seen("nenkin", "nenkin"), seen("kojinjuminzei", "kazei"), seen("senkyo", "senkyo")
    assert "kisonenkinbango" in pension
    assert not {"kokuho_shikaku_umu", "kaigo_shikaku_umu"} & pension
    assert "kojinbango" in tax
    assert "kisonenkinbango" not in tax
    assert "senkyo_toroku_umu" in roll
    assert "kojinbango" not in roll
    everybody = {item for row in JUKI.disclosure or () for item in row.items if row.record == "jumin"}
    assert "juminhyokodo" not in everybody


def test_a_mounted_unit_without_the_table_leaves_it_to_the_rights() -> None:
    """No table is not the same as an empty one."""
    bare = Unit("x", 1, "", "", "urn:x", "1", Path(), (), {}, {}, {})
    assert bare.disclosed("jumin", "tax", "kazei") is None


def test_marks_stars_and_exceptions_select_items() -> None:
    """``*`` never reaches an item with a mark, ``!`` takes out wherever it stands, and a dead selector is reported."""
    plain, dead = select("!biko|*|@addres|sei*", JUMIN)
    assert dead == ("@addres",)
    assert "shimei" in plain
    assert not {"biko", "kojinbango", *ADDRESSES} & plain
    assert {item.name for item in JUMIN.items if not item.mandatory} == select("**", JUMIN)[0]


def test_unknown_protection_withholds_every_address_of_every_unit() -> None:
    """Each record with a protection flag and addresses withholds them where the flag is unknown or absent.

    Only what a rule of the record asks for may stay, since what is left is still a message of the standard.
    """
    for unit in EDITION.units.values():
        for row in unit.protections:
            if row.effect == "none":  # there is no flag to ask: then nobody sees the address at all
                addresses = {item.name for item in unit.records[row.record].items if item.sensitivity == "address"}
                assert not any(addresses & one.items for one in unit.disclosure or () if one.record == row.record)
        flagged = {row.record for row in unit.protections if row.effect != "none"}
        for name in flagged:
            record = unit.records[name]
            addresses = {item.name for item in record.items if item.sensitivity == "address" and not item.mandatory}
            broken = [rule for rule in unit.rules if rule.record == name and left_invalid(rule, frozenset(addresses))]
            addresses -= {item for rule in broken for term in rule.then for item in term.items}
            for value in ("9", None):
                rows = [row for row in unit.protections if row.record == name and row.effect == "withhold"]
                held = {
                    item for row in rows if row.flag == "shiensochi_kubun" and row.holds(value) for item in row.items
                }
                assert not addresses or held >= addresses, (unit.key, name, value)


@pytest.mark.parametrize(
    ("file", "old", "new", "text"),
    [
        ("juki/disclosure.csv", "jumin,inkan", "jumim,inkan", "nearest: jumin"),
        ("juki/disclosure.csv", ",inkan,inkan,", ",inkam,inkan,", "nearest: inkan"),
        ("juki/disclosure.csv", ",inkan,inkan,", ",inkan,inkam,", "nearest: inkan"),
        ("juki/disclosure.csv", "@address", "@adress", "nearest: address"),
        ("juki/disclosure.csv", "!biko", "!bico", "nearest: biko"),
        ("juki/disclosure.csv", "!kaigo_*", "!keigo_*", "reaches no item"),
        ("juki/disclosure.csv", "印鑑登録の資格と登録事項の変更", "", "by what right"),
        ("juki/disclosure.csv", "@shiensochi|", "", "but not shiensochi_kubun"),
        ("juki/disclosure.csv", "senkyo,*", "senkyo,@kojinbango|*", "no 番号利用事務"),
        ("juki/disclosure.csv", "!biko", "!biko|!shimei", "mandatory items are not disclosed: shimei"),
        ("juki/disclosure.csv", "!biko", "!biko|!jumintonattanengappi", "breaks the rule nihonjin_jumin"),
        ("kojinjuminzei/disclosure.csv", "shotoku,kokuho", "shotoku,senkyo", "names senkyo as its consumer"),
        ("juki/protection.csv", ",9|-,", ",8|-,", "not in the code table shiensochi: 8"),
        ("juki/protection.csv", ",9|-,", ",,", "no values"),
        ("juki/protection.csv", "withhold", "withold", "nearest: withhold"),
        ("juki/protection.csv", "@address", "@address|shimei", "mandatory items cannot be withheld: shimei"),
        ("juki/protection.csv", "@address", "@address|shiensochi_kubun", "the flag itself"),
        ("juki/protection.csv", "@address", "", "items stand with the effect withhold"),
        ("juki/protection.csv", "!jumintonattanengappi*|", "", "what is left breaks the rule nihonjin_jumin"),
        ("juki/protection.csv", ",shiensochi_kubun,1|2|9", ",shiensochi_kobun,1|2|9", "unknown flag"),
        ("juki/protection.csv", "jumin_shien,", "jumin_shien_fumei,", "occurs twice"),
        ("common/number_guard.csv", "item,", "itemu,", "nearest: item"),
        ("juki/disclosure.csv", "@shiensochi,*,戸籍", "@shiensochi,,戸籍", "rows says nothing"),
        ("kojinjuminzei/disclosure.csv", "zeimoku=01|02", "zeimoku=77", "not in the code table zeimoku: 77"),
        ("kojinjuminzei/disclosure.csv", "zeimoku=01|02", "zeimoku!=03", "only =, an item"),
        ("kojinjuminzei/disclosure.csv", "zeimoku=01|02", "zeimok=01", "no item zeimok"),
        ("juki/disclosure.csv", "zaimukaikei,*,-,-", "zaimukaikei,*,-,*", "stand together"),
        ("juki/disclosure.csv", "jumin,zaimukaikei,*,-,-", "jumin,kokuho,*,-,-", "says that nothing is disclosed"),
        ("kojinjuminzei/disclosure.csv", "zeimoku=01|02", "*", "rows names no value of zeimoku"),
        (
            "common/row_kinds.csv",
            "A record of a document belongs to the unit that drafted or received it",
            "",
            "reason_en",
        ),
        (
            "kojinjuminzei/unit.toml",
            'about = ["atenabango", "kazeinendo"]',
            'about = ["atenabangou"]',
            "the question has no item atenabangou",
        ),
        (
            "kojinjuminzei/unit.toml",
            'about = ["atenabango", "kazeinendo"]',
            'about = ["atenabango unless kyoyu=1"]',
            "the record has no item kyoyu",
        ),
        (
            "kojinjuminzei/unit.toml",
            'about = ["atenabango", "kazeinendo"]',
            'about = ["atenabango unless kazeinendo"]',
            "an exception is an item and its value",
        ),
    ],
)
def test_a_mistake_in_a_table_of_personal_data_is_named(
    edition: Path, file: str, old: str, new: str, text: str
) -> None:
    """What would disclose too much, too little or by accident is a problem with file and line."""
    change(edition / file, old, new)
    found = problems(edition)
    assert any(text in problem and file.rpartition("/")[2] in problem for problem in found), found


def test_every_pair_of_an_operation_and_a_consumer_is_decided() -> None:
    """Each consumer of each operation either sees something or is denied in the table with the reason; none is left to
    silence. Accounts, payroll and documents get nothing from the resident register.
    """
    denied = set()
    for unit in EDITION.units.values():
        for operation in unit.operations.values():
            if operation.record not in unit.records:
                continue
            for consumer in EDITION.units if "*" in operation.consumers else operation.consumers:
                if consumer == operation.provider:
                    continue
                rows = [r for r in unit.disclosure or () if r.record == operation.record and consumer in r.consumers]
                assert rows, (operation.key, consumer)
                assert all(row.basis_ja for row in rows)
                if not any(row.items for row in rows):
                    denied.add((operation.key, consumer))
    register = ("jumin_shokai", "setai_shokai", "ido_tsuchi", "ikkatsu_soshin")
    others = ("zaimukaikei", "jinjikyuyo", "bunshokanri")
    assert denied == {(f"juki.{name}", consumer) for name in register for consumer in others}


def test_records_that_belong_to_somebody_are_shared_by_naming_their_kind() -> None:
    """Every row about a record with a kind of tax, document, examination or certificate names values of it."""
    kinds = {"zeimoku", "gyomu", "kenshin_shubetsu", "techo_shurui"}
    named = 0
    for unit in EDITION.units.values():
        for row in (one for one in unit.disclosure or () if one.items):
            bound = {item.name for item in unit.records[row.record].items if item.code in kinds}
            if bound:
                assert any(term.op == "in" and bound & set(term.items) for term in row.rows), (unit.key, row.record)
                named += 1
    assert named >= 40


def test_every_unit_says_who_may_see_it() -> None:
    """No unit of the shipped edition leaves it to the rights of a site, and whoever a flow names sees something.

    What carries an address says what protects it.
    """
    for unit in EDITION.units.values():
        assert unit.disclosure is not None, unit.key
        for operation in unit.operations.values():
            others = set(operation.consumers) - {unit.key}
            if not operation.record or not others:
                continue
            rows = [row for row in unit.disclosure if row.record == operation.record]
            told = {consumer for row in rows for consumer in row.consumers}
            if unit.key != "juki":  # not every unit has a need to see residents
                wanted = set(EDITION.units) - {unit.key} if "*" in others else others
                assert wanted <= told, (operation.key, wanted - told)
            record = unit.records[operation.record]
            if any(item.sensitivity == "address" for item in record.items):
                assert any(row.record == record.name for row in unit.protections), operation.key


ARREARS = {"sashiosae_nengappi", "sashiosae_zaisan", "tainoshobun_kubun", "haitogaku"}


@pytest.mark.parametrize(
    ("unit", "record", "consumer", "purpose", "sees", "never"),
    [
        (
            "shutaino",
            "shunojokyo",
            "kokuho",
            "kokuho",
            {"minogaku", "bunno_kaisu"},
            {"kozabango", "kojinbango"} | ARREARS,
        ),
        ("shutaino", "shunojokyo", "koteishisanzei", "kazei", {"minogaku"}, {"kozabango", "bunno_kaisu"} | ARREARS),
        ("shutaino", "kanpu", "kokuho", "kokuho", {"kanpugaku"}, {"juto_zeimoku", "kozabango"}),
        ("koteishisanzei", "nayose", "kokuho", "kokuho", {"shisanwari_kisogaku"}, {"tochi_hyokagaku", "kojinbango"}),
        ("koteishisanzei", "kaoku", "seikatsuhogo", "seikatsuhogo", {"shozai_choaza", "hyokagaku"}, {"sosashaid"}),
        ("kenkokanri", "kenshin_umu", "kokuho", "kokuho", {"juken_umu"}, set()),
        ("seikatsuhogo", "hogo", "shugaku", "shugaku", {"kyoikufujo_umu"}, {"iryofujo_umu", "kaigofujo_umu"}),
        ("shogaifukushi", "techo", "keijidoshazei", "kazei", {"keiji_genmen_kubun"}, {"shogai_nenkin_tokyu"}),
        ("jutogai", "jutogai", "bunshokanri", "bunsho", {"shimei"}, {"jusho_choaza", "kojinbango", "denwabango"}),
        ("bunshokanri", "bunsho", "zaimukaikei", "zaimu", {"bunshobango"}, {"sashidashinin", "kiansha_shokuinbango"}),
        ("zaimukaikei", "denpyo", "bunshokanri", "bunsho", {"kenmei"}, {"kozabango", "saishu_mei"}),
    ],
)
def test_what_each_consumer_sees_is_what_its_task_needs(
    unit: str, record: str, consumer: str, purpose: str, sees: set[str], never: set[str]
) -> None:
    """Neither accounts nor seizures, other taxes, diagnoses or numbers go where nobody decides by them."""
    items = seen(consumer, purpose, EDITION.units[unit], record)
    assert sees <= items
    assert not never & items


def test_every_unit_says_what_it_discloses() -> None:
    """Default deny is only complete where there is a table: no unit of the edition leaves it to the sites."""
    assert [unit.key for unit in load_edition().units.values() if unit.disclosure is None] == []


def test_every_record_with_addresses_says_what_protects_them() -> None:
    """Also where nothing does (a company's address): then the table says why."""
    for unit in load_edition().units.values():
        protected = {row.record for row in unit.protections}
        for operation in unit.operations.values():
            record = unit.records.get(operation.record)
            if record is not None and any(item.sensitivity == "address" for item in record.items):
                assert record.name in protected, operation.key
