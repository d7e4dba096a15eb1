"""Changes that correct or rearrange: 転居, corrections of names and numbers, households, 旧氏 and 通称."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

from adapters.population import numbers
from adapters.population.drafts import wide
from adapters.population.generate import Resident
from adapters.population.kinds import Kind
from adapters.population.record import SPACE, Record
from adapters.population.scene import ADULT, Scene, foreign, japanese, plain, present
from adapters.population.town import Event

Events = tuple[Event, ...] | None

_ADDRESS = (
    "jusho_choazakodo",
    "jusho_choaza",
    "jusho_banchigohyoki",
    "jusho_katagaki",
)


def makers() -> Mapping[Kind, Callable[[Scene], Events]]:
    """The kinds of this file."""
    return {
        Kind.TENKYO: _move,
        Kind.KEIBI_SHUSEI: _touch_up,
        Kind.SHOKKEN_SHUSEI: _ex_officio,
        Kind.GOKI_SHUSEI: _name_corrected,
        Kind.BANGO_HENKO: partial(_number, kind=Kind.BANGO_HENKO),
        Kind.BANGO_SHOKKEN_SHUSEI: partial(_number, kind=Kind.BANGO_SHOKKEN_SHUSEI),
        Kind.BANGO_SHOKKEN_KISAI: partial(_number, kind=Kind.BANGO_SHOKKEN_KISAI),
        Kind.JUMINHYOKODO_HENKO: partial(_code, kind=Kind.JUMINHYOKODO_HENKO),
        Kind.JUMINHYOKODO_SHOKKEN_KISAI: partial(_code, kind=Kind.JUMINHYOKODO_SHOKKEN_KISAI),
        Kind.SETAI_BUNRI: _split,
        Kind.SETAI_GAPPEI: _merge,
        Kind.SETAI_HENKO: _change_household,
        Kind.SETAINUSHI_HENKO: _change_head,
        Kind.KYUJI_KISAI: partial(_former_name, kind=Kind.KYUJI_KISAI),
        Kind.KYUJI_HENKO: partial(_former_name, kind=Kind.KYUJI_HENKO),
        Kind.KYUJI_SAKUJO: partial(_former_name, kind=Kind.KYUJI_SAKUJO),
        Kind.TSUSHO_KISAI: partial(_alias, kind=Kind.TSUSHO_KISAI),
        Kind.TSUSHO_SAKUJO: partial(_alias, kind=Kind.TSUSHO_SAKUJO),
    }


def _move(scene: Scene) -> Events:
    """A household moves inside the town, or one of its adults moves out into a household of their own."""
    alone = scene.rng.random() < 0.3

    def fits(resident: Resident) -> bool:
        if not (present(resident) and plain(resident)):
            return False
        household = scene.household(resident)
        if alone:
            return len(household) > 1 and not scene.is_head(resident) and scene.age(resident) >= ADULT
        return len(household) <= scene.room and all(plain(member) for member in household)

    resident = scene.find(fits)
    if resident is None:
        return None
    movers = [resident] if alone else list(scene.household(resident))
    on = scene.day(movers)
    items = scene.new_address() | {"jushosadame_nengappi": on.isoformat()}
    if alone:
        return (_own_household(scene, resident, Kind.TENKYO, on, items),)
    return tuple(scene.write(member, Kind.TENKYO, on, items) for member in movers)


def _touch_up(scene: Scene) -> Events:
    """The name of a building is written differently; the whole household is touched."""

    def fits(resident: Resident) -> bool:
        household = scene.household(resident) if present(resident) else []
        return bool(household) and len(household) <= scene.room and all(plain(member) for member in household)

    resident = scene.find(fits)
    if resident is None:
        return None
    household = list(scene.household(resident))
    on = scene.day(household)
    room = wide(scene.rng.randint(101, 912))
    items = {"jusho_katagaki": f"コーポ若葉{room}", "jusho_katagaki_furigana": "コーポワカバ"}
    return tuple(scene.write(member, Kind.KEIBI_SHUSEI, on, items) for member in household)


def _ex_officio(scene: Scene) -> Events:
    """One person: the reading is confirmed, or protection begins or ends."""
    resident = scene.find(lambda one: present(one) and plain(one))
    if resident is None:
        return None
    on = scene.day((resident,))
    record = resident.current
    if scene.rng.random() < 0.5:
        protected = record["shiensochi_kubun"] == "0"
        items = {
            "shiensochi_kubun": "1" if protected else "0",
            "hakkoyokushifuragu": "1" if protected else "0",
            "tagyomusanshofukafuragu": "1" if protected and scene.rng.random() < 0.5 else "0",
        }
    else:
        items = {"shimei_furiganakakuninjokyo": "0" if record.get("shimei_furiganakakuninjokyo") == "1" else "1"}
    return (scene.write(resident, Kind.SHOKKEN_SHUSEI, on, items),)


def _name_corrected(scene: Scene) -> Events:
    """A given name was written wrongly; a head's name also stands in the records of the others."""

    def fits(resident: Resident) -> bool:
        return japanese(resident) and plain(resident) and len(scene.household(resident)) <= scene.room

    resident = scene.find(fits)
    if resident is None:
        return None
    record = resident.current
    names = scene.town.registrar.names
    kanji, kana = names.given_name(scene.rng, resident.kin.sex, resident.kin.birth)
    if kanji == record["na_nihonjin"]:
        kanji, kana = "翼", "ツバサ"
    items: Record = {
        "shimei": record["uji_nihonjin"] + SPACE + kanji,
        "na_nihonjin": kanji,
        "shimei_furigana": record["uji_nihonjin_furigana"] + SPACE + kana,
        "na_nihonjin_furigana": kana,
    }
    others = [member for member in scene.household(resident) if member is not resident]
    heads = scene.is_head(resident)
    on = scene.day([resident, *others])
    if heads:
        items["setainushi_shimei"] = items["shimei"]
    events = [scene.write(resident, Kind.GOKI_SHUSEI, on, items)]
    if heads:
        events += scene.rearrange(others, on, Kind.KEIBI_SHUSEI)
    return tuple(events)


def _number(scene: Scene, kind: Kind) -> Events:
    missing = kind is Kind.BANGO_SHOKKEN_KISAI
    resident = scene.find(lambda one: present(one) and plain(one) and ("kojinbango" not in one.current) == missing)
    if resident is None:
        return None
    number = numbers.kojinbango(scene.town.registrar.sequences.index())
    return (scene.write(resident, kind, scene.day((resident,)), {"kojinbango": number}),)


def _code(scene: Scene, kind: Kind) -> Events:
    missing = kind is Kind.JUMINHYOKODO_SHOKKEN_KISAI
    resident = scene.find(lambda one: present(one) and plain(one) and ("juminhyokodo" not in one.current) == missing)
    if resident is None:
        return None
    code = numbers.juminhyokodo(scene.town.registrar.sequences.index())
    return (scene.write(resident, kind, scene.day((resident,)), {"juminhyokodo": code}),)


def _own_household(scene: Scene, resident: Resident, kind: Kind, on: date, items: Record) -> Event:
    setaibango = scene.town.registrar.sequences.setaibango()
    scene.set_head(setaibango, resident.atenabango)
    moved = items | {"setaibango": setaibango, "kisaijuni": "1"}
    return scene.write(resident, kind, on, moved | scene.town.relation_items(resident, setaibango))


def _split(scene: Scene) -> Events:
    """世帯分離: an adult who is not the head becomes a household of their own at the same address."""

    def fits(resident: Resident) -> bool:
        return present(resident) and plain(resident) and not scene.is_head(resident) and scene.age(resident) >= ADULT

    resident = scene.find(fits)
    if resident is None:
        return None
    on = scene.day((resident,))
    return (_own_household(scene, resident, Kind.SETAI_BUNRI, on, {}),)


def _merge(scene: Scene) -> Events:
    """世帯合併: a whole household joins another one at the same address."""
    pair = _neighbours(scene, whole=True)
    if pair is None:
        return None
    leaving, target = pair
    return _join(scene, leaving, target, Kind.SETAI_GAPPEI)


def _change_household(scene: Scene) -> Events:
    """世帯変更: one member who is not the head goes over to another household at the same address."""
    pair = _neighbours(scene, whole=False)
    if pair is None:
        return None
    leaving, target = pair
    return _join(scene, leaving, target, Kind.SETAI_HENKO)


def _join(scene: Scene, leaving: list[Resident], target: str, kind: Kind) -> Events:
    on = scene.day([*leaving, *scene.town.members(target)])
    place = len(scene.town.households[target])
    for member in leaving:
        scene.heads.setdefault(member.current["setaibango"], scene.head_of(member.current["setaibango"]))
    return tuple(
        scene.write(
            member,
            kind,
            on,
            {"setaibango": target, "kisaijuni": str(place + offset)} | scene.town.relation_items(member, target),
        )
        for offset, member in enumerate(leaving, start=1)
    )


def _neighbours(scene: Scene, *, whole: bool) -> tuple[list[Resident], str] | None:
    """Members who may go, and the household at their address that takes them in."""
    by_address: dict[tuple[str, ...], list[str]] = {}
    for setaibango, members in scene.town.households.items():
        head = scene.head_of(setaibango)
        if head not in members or len(members) > scene.room:
            continue
        record = scene.town.people[head].current
        by_address.setdefault(tuple(record.get(name, "") for name in _ADDRESS), []).append(setaibango)
    shared = [found for found in by_address.values() if len(found) > 1]
    scene.rng.shuffle(shared)
    for first, second, *_ in shared:
        for source, target in ((second, first), (first, second)):
            going = scene.town.members(source)
            if not whole:
                going = [one for one in going if not scene.is_head(one)][:1]
            if going and all(plain(one) for one in going):
                return going, target
    return None


def _change_head(scene: Scene) -> Events:
    """世帯主変更: another adult becomes head; every member's 続柄 changes."""

    def fits(resident: Resident) -> bool:
        if not (present(resident) and plain(resident)) or scene.age(resident) < ADULT or scene.is_head(resident):
            return False
        household = scene.household(resident)
        return 1 < len(household) <= scene.room and all(plain(member) for member in household)

    resident = scene.find(fits)
    if resident is None:
        return None
    household = list(scene.household(resident))
    on = scene.day(household)
    scene.set_head(resident.current["setaibango"], resident.atenabango)
    return tuple(scene.rearrange(household, on))


def _former_name(scene: Scene, kind: Kind) -> Events:
    missing = kind is Kind.KYUJI_KISAI
    resident = scene.find(lambda one: japanese(one) and plain(one) and ("kyuji" not in one.current) == missing)
    if resident is None:
        return None
    kanji, kana = scene.town.registrar.names.family(scene.rng)
    items = {"kyuji": kanji, "kyuji_furigana": kana}
    if kind is Kind.KYUJI_SAKUJO:
        items = dict.fromkeys(items, "")
    return (scene.write(resident, kind, scene.day((resident,)), items),)


def _alias(scene: Scene, kind: Kind) -> Events:
    missing = kind is Kind.TSUSHO_KISAI
    resident = scene.find(lambda one: foreign(one) and ("tsusho" not in one.current) == missing)
    if resident is None:
        return None
    on = scene.day((resident,))
    if missing:
        family, given = scene.town.registrar.names.family(scene.rng), ("一郎", "イチロウ")
        items = {
            "tsusho": family[0] + SPACE + given[0],
            "tsusho_furigana": family[1] + SPACE + given[1],
            "tsusho_kisainengappi": on.isoformat(),
            "tsusho_kisaishikuchosonmei": "地域市",
            "tsusho_sakujonengappi": "",
            "tsusho_sakujoshikuchosonmei": "",
        }
    else:
        items = {
            "tsusho": "",
            "tsusho_furigana": "",
            "tsusho_sakujonengappi": on.isoformat(),
            "tsusho_sakujoshikuchosonmei": "地域市",
        }
    return (scene.write(resident, kind, on, items),)
