"""The reference population: deterministic, complete in its awkward cases, and consistent after any change."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from tracemalloc import get_traced_memory, start, stop

import pytest

from adapters.population import Change, Town, residents
from adapters.population import cases as cases_module
from adapters.population.cases import FUSHO, all_cases
from adapters.population.kinds import Kind
from adapters.population.numbers import kojinbango, modulus_11

SIZE, CHANGES = 600, 1_000


@pytest.fixture(scope="module")
def changed() -> tuple[Town, list[Change]]:
    """A town after 1,000 notices."""
    town = Town.generate(SIZE, 3)
    return town, list(town.changes(CHANGES))


def test_the_same_seed_gives_the_same_town_and_the_same_changes() -> None:
    """Two towns of one seed agree in every record, also when the changes are drawn in two portions."""
    first, second = Town.generate(300, 11), Town.generate(300, 11)
    one = [event.record for change in first.changes(200) for event in change.events]
    two = [event.record for change in second.changes(200) for event in change.events]
    assert one == two
    assert list(first.current()) == list(second.current())


def test_another_seed_gives_another_town() -> None:
    """Names and numbers of households differ."""
    ours, others = Town.generate(300, 1), Town.generate(300, 2)
    assert [record["shimei"] for record in ours.current()] != [record["shimei"] for record in others.current()]


@pytest.mark.parametrize("size", [1, 5, 150, 777])
def test_a_town_has_exactly_the_size_asked_for(size: int) -> None:
    """The last household is cut to fit."""
    assert sum(1 for _ in residents(size, 5)) == size


@pytest.mark.slow
def test_a_million_residents_need_no_more_memory_than_a_few() -> None:
    """Residents stream: the peak of the first 2,000 out of 1,000,000 stays below 3 MB."""
    start()
    count = sum(1 for _ in islice(residents(1_000_000, 5), 2_000))
    peak = get_traced_memory()[1]
    stop()
    assert count == 2_000
    assert peak < 3_000_000


def test_every_awkward_case_is_present() -> None:
    """Each listed case marks at least one resident of a town of 300."""
    present = {case for resident in residents(300, 1) for case in resident.cases}
    assert present == {case.key for case in all_cases()}


def test_all_fourteen_uncertain_birth_dates_are_there_with_a_substitute_date() -> None:
    """The wording, the flag and the register's own date travel together."""
    rows = {
        resident.current["seinengappi_fushohyoki"]: resident.current
        for resident in residents(300, 1)
        if resident.current["seinengappi_fushofuragu"] == "1"
    }
    assert set(rows) == {wording for wording, _, _ in FUSHO}
    assert len(rows) == 14
    assert rows["年月日不詳"]["seinengappi"] == "0000-01-01"


def test_characters_stay_as_they_are_written() -> None:
    """IVS, compatibility ideographs and plane 2 appear unchanged."""
    names = "".join(resident.current["shimei"] for resident in residents(300, 1))
    for text in ("\u845b\U000e0100", "\ufa19", "\U00020bb7", "\u9ad9\ufa11", "\U0002363a", "\u9089\U000e0101"):
        assert text in names


def test_relations_reach_four_generations_and_no_further() -> None:
    """A fifth step becomes 縁故者."""
    texts = {resident.current.get("tsuzukigara_hyoki") for resident in residents(300, 1)}
    assert {"子の子の子の子", "縁故者", "同居人", "妻（未届）", None} <= texts


def test_a_name_of_a_hundred_characters_is_there() -> None:
    """The longest name fills the item exactly."""
    assert max(len(resident.current["shimei"]) for resident in residents(300, 1)) == 100


def test_numbers_are_unique_and_carry_valid_check_digits() -> None:
    """宛名番号 and 個人番号 are checked by their published rules."""
    town = Town.generate(2_000, 1)
    atena = [record["atenabango"] for record in town.current()]
    assert all(modulus_11(number[:-1]) == number[-1] for number in atena)
    assert len(set(atena)) == len(atena)
    mine = [record["kojinbango"] for record in town.current() if "kojinbango" in record]
    assert len(set(mine)) == len(mine)
    assert kojinbango(1)[:2] == "00"


def test_a_thousand_changes_contain_all_37_kinds(changed: tuple[Town, list[Change]]) -> None:
    """Exactly as many events as asked for, and every 異動事由 among them."""
    events = [event for change in changed[1] for event in change.events]
    assert len(events) == CHANGES
    assert {event.kind for event in events} == set(Kind)


def test_history_numbers_rise_by_one_and_only_the_last_is_latest(changed: tuple[Town, list[Change]]) -> None:
    """(宛名番号, 履歴番号) is a key."""
    for resident in changed[0].people.values():
        assert [int(record["rirekibango"]) for record in resident.history] == list(range(1, len(resident.history) + 1))
        assert [record["saishinfuragu"] for record in resident.history] == ["0"] * (len(resident.history) - 1) + ["1"]
        assert all(value for record in resident.history for value in record.values())


def test_events_carry_the_record_as_it_was_when_it_came_into_being(changed: tuple[Town, list[Change]]) -> None:
    """An event is always sent as the latest record of its time."""
    for change in changed[1]:
        for event in change.events:
            assert event.record["saishinfuragu"] == "1"
            assert event.record["ido_jiyu"] == event.kind.value
            assert event.record["ido_kubun"] == event.kind.kubun


def test_households_stay_consistent(changed: tuple[Town, list[Change]]) -> None:
    """Every member names the household's head, and 続柄 follows from kinship as it stood at the last rearrangement."""
    town = changed[0]
    for setaibango, members in town.households.items():
        head = town.heads.get(setaibango)
        for name in members:
            record = town.people[name].current
            assert record["setaibango"] == setaibango
            assert record["juminjotai"] == "1"
            if head is None:
                assert record["setainushi_misetteifuragu"] == "1"
                assert "setainushi_shimei" not in record
            else:
                assert record["setainushi_shimei"] == town.people[head].current["shimei"]
        if head and members:
            assert head in members
            assert Counter(town.people[name].current.get("tsuzukigara_kodo1") for name in members)["02"] == 1


def test_a_cancellation_restores_what_was_before(changed: tuple[Town, list[Change]]) -> None:
    """It names the record it takes back, takes its date, and brings the state of the record before that."""
    town = changed[0]
    seen: Counter[Kind] = Counter()
    for change in changed[1]:
        for event in change.events:
            if "torikeshi_rirekibango" not in event.record:
                continue
            seen[event.kind] += 1
            history = town.people[event.atenabango].history
            number = int(event.record["rirekibango"])
            assert int(event.record["torikeshi_rirekibango"]) == number - 1
            assert event.record["ido_nengappi"] == history[number - 2]["ido_nengappi"]
            if number == 2:
                assert event.record["juminjotai"] == "9"
            else:
                before = history[number - 3]
                for item in ("juminjotai", "setaibango", "shimei", "jusho_choaza", "kojinbango"):
                    assert event.record.get(item) == before.get(item)
    assert set(seen) == {Kind.TORIKESHI_GEN, Kind.TORIKESHI_ZO, Kind.TORIKESHI_SHUSEI}


def test_the_state_at_a_base_date_is_the_record_in_force_then(changed: tuple[Town, list[Change]]) -> None:
    """Before the first record there is nobody; on the day of a record it is in force; today it is the latest."""
    town = changed[0]
    for resident in list(town.people.values())[:300]:
        first = min(record["ido_nengappi"] for record in resident.history)
        assert town.state(resident.atenabango, date.fromisoformat(first) - timedelta(days=1)) is None
        assert town.state(resident.atenabango) is resident.current
        assert town.state(resident.atenabango, date(2100, 1, 1)) is resident.current


def test_the_household_at_a_base_date_has_only_its_residents(changed: tuple[Town, list[Change]]) -> None:
    """Members come in the order of 記載順位."""
    town = changed[0]
    setaibango = next(name for name, members in town.households.items() if len(members) > 2)
    found = town.household_state(setaibango)
    assert {record["atenabango"] for record in found} == set(town.households[setaibango])
    assert town.household_state("nobody") == []


def test_the_published_list_names_every_case() -> None:
    """README.md of the population and the program agree."""
    text = Path(cases_module.__file__).with_name("README.md").read_text("utf-8")
    for case in all_cases():
        assert f"| `{case.key}` | {case.name_ja} |" in text
