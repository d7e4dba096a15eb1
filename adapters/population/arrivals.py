"""Changes that bring somebody into the register: 転入, 出生, 職権記載, and the pairs of removal and re-entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from adapters.population.days import gengo, shifted
from adapters.population.drafts import Address, Draft, Household, draw_household
from adapters.population.generate import Resident, removal_items
from adapters.population.kin import Kin, relation
from adapters.population.kinds import FEMALE, FOREIGNER, JAPANESE, MALE, RESIDENT, Kind
from adapters.population.names import FOREIGN_NAMES
from adapters.population.numbers import zairyukado
from adapters.population.record import (
    Record,
    clean,
    first_record,
    foreign_name,
    japanese_name,
    person_items,
    since_items,
)
from adapters.population.scene import Scene, foreign, japanese, plain
from adapters.population.town import Event

Events = tuple[Event, ...] | None


def makers() -> Mapping[Kind, Callable[[Scene], Events]]:
    """The kinds of this file."""
    naturalise = partial(_pair, first=Kind.KIKA_SHOJO, second=Kind.KIKA_KISAI)
    lose = partial(_pair, first=Kind.KOKUSEKI_SOSHITSU_SHOJO, second=Kind.KOKUSEKI_SOSHITSU_KISAI)
    rebuild = partial(_pair, first=Kind.KAISEI_SHOJO, second=Kind.KAISEI_KISAI)
    restore = partial(_pair, first=Kind.SAISEI_SHOJO, second=Kind.SAISEI_KISAI)
    return {
        Kind.TENNYU: partial(_move_in, kind=Kind.TENNYU),
        Kind.KOKUGAI_TENNYU: partial(_move_in, kind=Kind.KOKUGAI_TENNYU),
        Kind.SHUSSHO: _birth,
        Kind.SHOKKEN_KISAI: partial(_move_in, kind=Kind.SHOKKEN_KISAI),
        Kind.KIKA_KISAI: naturalise,
        Kind.KIKA_SHOJO: naturalise,
        Kind.KOKUSEKI_SOSHITSU_KISAI: lose,
        Kind.KOKUSEKI_SOSHITSU_SHOJO: lose,
        Kind.KAISEI_KISAI: rebuild,
        Kind.KAISEI_SHOJO: rebuild,
        Kind.SAISEI_KISAI: restore,
        Kind.SAISEI_SHOJO: restore,
    }


def _move_in(scene: Scene, kind: Kind) -> Events:
    """A household comes: from another town, from abroad, or one person is recorded ex officio."""
    on = scene.day(())
    town, rng = scene.town, scene.rng
    shape = ""
    if kind is Kind.SHOKKEN_KISAI or scene.room < 6:
        shape = "middle"
    elif kind is Kind.KOKUGAI_TENNYU and rng.random() < 0.7:
        shape = "foreign"
    drawn = draw_household(rng, town.registrar.names, on, shape)
    household = Household(drawn.members, drawn.address, on, drawn.origin, kind=kind, reported=scene.today)
    arrived = town.registrar.register(household, on, rng)
    scene.set_head(arrived[0].current["setaibango"], arrived[0].atenabango)
    return tuple(scene.enter(resident) for resident in arrived)


def _birth(scene: Scene) -> Events:
    """A child is born into its mother's household; it has neither 個人番号 nor 住民票コード yet."""

    def fits(resident: Resident) -> bool:
        return (
            japanese(resident)
            and plain(resident)
            and resident.kin.sex == FEMALE
            and 18 <= scene.age(resident) <= 45
            and bool(scene.head_of(resident.current["setaibango"]))
        )

    mother = scene.find(fits)
    if mother is None:
        return None
    town, rng = scene.town, scene.rng
    registrar = town.registrar
    on = scene.day(())
    setaibango = mother.current["setaibango"]
    household = town.households[setaibango]
    sex = MALE if rng.random() < 0.513 else FEMALE
    draft = Draft(
        sex,
        on,
        (mother.current["uji_nihonjin"], mother.current["uji_nihonjin_furigana"]),
        registrar.names.given_name(rng, sex, on),
    )
    atenabango = registrar.sequences.atenabango()
    father = mother.kin.spouse if mother.kin.spouse in household else ""
    kin = Kin(sex, on, tuple(parent for parent in (mother.atenabango, father) if parent))
    head = scene.head_of(setaibango)
    family = {name: town.people[name].kin for name in household} | {atenabango: kin}
    family[head] = town.people[head].kin
    record = first_record(
        clean(person_items(draft, on, rng, registrar.sequences, numbered=False)),
        _address_of(mother.current),
        relation(head, atenabango, family),
        kind=Kind.SHUSSHO,
        on=on,
        reported=scene.today,
        origin=registrar.names.towns[0],
        atenabango=atenabango,
        setaibango=setaibango,
        head_name=town.people[head].current["shimei"],
        place=len(household),
        sequences=registrar.sequences,
        municipality=town.municipality,
    )
    return (scene.enter(Resident(atenabango, kin, [record])),)


def _pair(scene: Scene, first: Kind, second: Kind) -> Events:
    """The old record is closed and a new one opened on the same day: 帰化, 国籍喪失, 改製, 再製."""
    wanted = {Kind.KIKA_SHOJO: foreign}.get(first, japanese)

    def fits(resident: Resident) -> bool:
        alone = len(scene.household(resident)) == 1 if wanted(resident) else False
        return wanted(resident) and plain(resident) and (alone or not scene.is_head(resident))

    resident = scene.find(fits) if scene.room >= 2 else None
    if resident is None:
        return None
    on = scene.day((resident,))
    before = resident.current
    changed: Record = {}
    if first is Kind.KIKA_SHOJO:
        changed = _as_japanese(scene, resident)
    elif first is Kind.KOKUSEKI_SOSHITSU_SHOJO:
        changed = _as_foreigner(scene, resident)
    if first in (Kind.KIKA_SHOJO, Kind.KOKUSEKI_SOSHITSU_SHOJO):
        closing = removal_items(first, on)
    else:
        closing = {"johyofuragu": "1", "rirekisentakufukafuragu": "1"}
    closed = scene.write(resident, first, on, closing)
    reopened = dict.fromkeys(removal_items(first, on), "") | {
        "juminjotai": RESIDENT,
        "senkyo_toroku_umu": before["senkyo_toroku_umu"],
        "johyofuragu": "0",
        "rirekisentakufukafuragu": "0",
        "kaiseibango": str(int(before["kaiseibango"]) + 1),
        "kaisei_kisainengappi": on.isoformat(),
        "kisai_idonengappi": on.isoformat(),
        "kisai_jiyu": second.value,
    }
    opened = scene.write(resident, second, on, reopened | changed)
    if changed and scene.is_head(resident):
        opened.record["setainushi_shimei"] = opened.record["shimei"]
    return closed, opened


def _as_japanese(scene: Scene, resident: Resident) -> Record:
    """A naturalised person takes a Japanese name; what belongs to foreign residents goes."""
    names, rng = scene.town.registrar.names, scene.rng
    family, given = names.family(rng), names.given_name(rng, resident.kin.sex, resident.kin.birth)
    gone = [name for name in resident.current if name.startswith(("zairyu", "kokumei", "kokuseki", "tsusho"))]
    gone += [
        "shimei_gaikokujinromaji",
        "shimei_gaikokujinkanji",
        "daisanjujo45kitei_kubun",
        "jukyochitodokede_umu",
    ]
    return dict.fromkeys(gone, "") | {
        "juminshubetsu": JAPANESE,
        **since_items(JAPANESE, scene.today),
        **japanese_name(family, given),
        "seinengappi_gengo": gengo(resident.kin.birth),
        "honseki": "架空県地域市本町一丁目１番地",
        "honseki_choaza": "本町一丁目",
        "honseki_chibangogaikufugo": "１番地",
        "hittosha": family[0] + "\u3000" + given[0],
        "hittosha_uji": family[0],
        "hittosha_na": given[0],
    }


def _as_foreigner(scene: Scene, resident: Resident) -> Record:
    """A person who lost Japanese nationality is recorded under a foreign name."""
    index = scene.rng.randrange(len(FOREIGN_NAMES))
    gone = [name for name in resident.current if name.startswith(("honseki", "hittosha", "uji_", "na_", "kyuji"))]
    on = scene.today
    return dict.fromkeys(gone, "") | {
        "juminshubetsu": FOREIGNER,
        **since_items(FOREIGNER, on),
        **foreign_name(index),
        "seinengappi_gengo": "",
        "senkyo_toroku_umu": "0",
        "zairyukadotobango": zairyukado(scene.town.registrar.sequences.index()),
        "zairyukadotobango_kubun": "1",
        "daisanjujo45kitei_kubun": "1",
        "jukyochitodokede_umu": "1",
        "zairyushikakutokodo": "110",
        "zairyukikantokodo_nen": "3",
        "zairyukikantokodo_tsuki": "0",
        "zairyukikantokodo_hi": "0",
        "zairyukikan_manryobi": shifted(on, 3 * 365).isoformat(),
    }


def _address_of(record: Record) -> Address:
    return Address(
        record["jusho_choazakodo"],
        record["jusho_choaza"],
        record.get("jusho_banchigohyoki", ""),
        record.get("jusho_katagaki", ""),
        record.get("jusho_katagaki_furigana", ""),
        record.get("jusho_yubinbango", ""),
    )
