"""Changes that take somebody out of the register, and those that take an earlier change back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

from adapters.population.days import shifted
from adapters.population.generate import Resident, removal_items
from adapters.population.kinds import CANCELLATION, REMOVED, Kind
from adapters.population.record import Record
from adapters.population.scene import ADULT, Scene, plain, present
from adapters.population.town import Change, Event

Events = tuple[Event, ...] | None

_LOOK_BACK = 600


def makers() -> Mapping[Kind, Callable[[Scene], Events]]:
    """The kinds of this file."""
    return {
        Kind.TENSHUTSU: partial(_move_out, kind=Kind.TENSHUTSU),
        Kind.KOKUGAI_TENSHUTSU: partial(_move_out, kind=Kind.KOKUGAI_TENSHUTSU),
        Kind.SHIBO: _death,
        Kind.SHOKKEN_SHOJO: _struck_off,
        Kind.TORIKESHI_GEN: partial(_cancel, kubun="1"),
        Kind.TORIKESHI_ZO: partial(_cancel, kubun="2"),
        Kind.TORIKESHI_SHUSEI: partial(_cancel, kubun="3"),
    }


def _move_out(scene: Scene, kind: Kind) -> Events:
    """A whole household or one adult leaves the town; the day may lie ahead (転出予定)."""
    whole = scene.rng.random() < 0.6

    def fits(resident: Resident) -> bool:
        if not (present(resident) and plain(resident)):
            return False
        household = scene.household(resident)
        if any(not plain(member) for member in household):
            return False
        return len(household) <= scene.room and (whole or scene.age(resident) >= ADULT)

    resident = scene.find(fits)
    if resident is None:
        return None
    household = scene.household(resident)
    leaving = household if whole else [resident]
    on = scene.day(household, ahead=10)
    return _remove(scene, leaving, kind, on, _destination(scene, kind, on))


def _death(scene: Scene) -> Events:
    """Somebody dies, mostly of age; a head's household gets a new head or none."""
    old = scene.rng.random() < 0.9

    def fits(resident: Resident) -> bool:
        return (
            present(resident)
            and plain(resident)
            and len(scene.household(resident)) <= scene.room
            and (not old or scene.age(resident) >= 65)
        )

    resident = scene.find(fits)
    if resident is None:
        return None
    on = scene.day(scene.household(resident))
    return _remove(scene, [resident], Kind.SHIBO, on, {"card_hakkojokyo": "2"})


def _struck_off(scene: Scene) -> Events:
    """One person is struck off ex officio."""

    def fits(resident: Resident) -> bool:
        return present(resident) and plain(resident) and len(scene.household(resident)) == 1

    resident = scene.find(fits)
    if resident is None:
        return None
    return _remove(scene, [resident], Kind.SHOKKEN_SHOJO, scene.day((resident,)), {})


def _remove(scene: Scene, leaving: list[Resident], kind: Kind, on: date, more: Record) -> Events:
    setaibango = leaving[0].current["setaibango"]
    staying = [member for member in scene.town.members(setaibango) if member not in leaving]
    items = removal_items(kind, on) | {
        "shojo_todokedenengappi": scene.today.isoformat(),
        "johyo_torokunengappi": scene.today.isoformat(),
    }
    events = [scene.write(member, kind, on, items | more) for member in leaving]
    head = scene.head_of(setaibango)
    if staying and head in {member.atenabango for member in leaving}:
        scene.set_head(setaibango, scene.heir(staying))
        events += scene.rearrange(staying, on)
    return tuple(events)


def _destination(scene: Scene, kind: Kind, on: date) -> Record:
    dates = {
        "tenshutsu_todokedenengappi": scene.today.isoformat(),
        "tenshutsu_yoteinengappi": on.isoformat(),
    }
    if kind is Kind.KOKUGAI_TENSHUTSU:
        return dates | {"tenshutsusakiyotei_jusho": "国外（転出先の詳細は架空）"}
    towns = scene.town.registrar.names.towns
    town = towns[scene.rng.randrange(len(towns))]
    items = dates | {
        "tenshutsusakiyotei_shikuchosonkodo": town.code,
        "tenshutsusakiyotei_jusho": f"{town.prefecture}{town.name}本町一丁目２番３号",
    }
    if scene.rng.random() < 0.5:
        items |= {
            "tenshutsu_kakuteinengappi": on.isoformat(),
            "tennyutsuchi_nengappi": shifted(on, 5).isoformat(),
            "tenshutsusaki_shikuchosonkodo": town.code,
            "tenshutsusaki_todofuken": town.prefecture,
            "tenshutsusaki_shikugunchosonmei": town.name,
            "tenshutsusaki_choaza": "本町一丁目",
            "tenshutsusaki_banchigohyoki": "２番３号",
            "tenshutsusaki_yubinbango": "0000097",
        }
    return items


def _cancel(scene: Scene, kubun: str) -> Events:
    """Take back a recent change of that 異動区分 which nothing has been built upon since."""
    log = scene.town.log[-_LOOK_BACK:]
    start = scene.rng.randrange(len(log)) if log else 0
    for change in log[start:] + log[:start]:
        if change.kind.kubun == kubun and len(change.events) <= scene.room and _untouched(scene, change):
            return _take_back(scene, change)
    return None


def _untouched(scene: Scene, change: Change) -> bool:
    town = scene.town
    return (
        change.kind not in CANCELLATION.values()
        and len({event.atenabango for event in change.events}) == len(change.events)
        and all(town.people[event.atenabango].current is event.record for event in change.events)
        and all(town.last_touched[setaibango] == change.number for setaibango in change.touched)
    )


def _take_back(scene: Scene, change: Change) -> Events:
    for setaibango, head in change.heads:
        scene.set_head(setaibango, head)
    events = []
    for event in change.events:
        resident = scene.town.people[event.atenabango]
        kind = CANCELLATION[event.kind.kubun]
        on = date.fromisoformat(event.record["ido_nengappi"])
        updates: Record = {}
        if len(resident.history) > 1:
            before = resident.history[-2]
            updates = dict.fromkeys(event.record, "") | before
        else:
            updates = removal_items(kind, on) | {"juminjotai": REMOVED}
        for name in _EVENT_ITEMS:
            updates.pop(name, None)
        updates["torikeshi_rirekibango"] = event.record["rirekibango"]
        events.append(scene.write(resident, kind, on, updates))
    return tuple(events)


_EVENT_ITEMS = (
    "rirekibango",
    "saishinfuragu",
    "ido_nengappi",
    "ido_nengappi_fushofuragu",
    "ido_nengappi_fushohyoki",
    "ido_todokedenengappi",
    "todokedebango",
    "ido_jiyu",
    "ido_kubun",
    "tsuchibi",
    "kisaito_shubetsu",
    "shorinengappi",
    "sosashaid",
    "sosanengappi",
    "sosajikoku",
)
"""Items that describe the event itself: those of the cancellation, never those of the state it restores."""
