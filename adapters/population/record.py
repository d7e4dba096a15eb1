"""The standard's record ``juki.jumin`` of a resident: the first one, and the one after an event.

A record is a plain dict of standard item name to text; absent items are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from random import Random

from adapters.population import numbers
from adapters.population.days import age, gengo
from adapters.population.drafts import Address, Draft, wide
from adapters.population.kin import Relation
from adapters.population.kinds import FOREIGNER, JAPANESE, RESIDENT, SHOKKEN, Kind
from adapters.population.names import FOREIGN_NAMES, OtherTown

Record = dict[str, str]

MUNICIPALITY = "990019"
PREFECTURE = "架空県"
CITY = "地域市"
SPACE = "\u3000"
PROTECTION_UNKNOWN = "9"
"""支援措置区分 of somebody whose addresses are given to nobody, since protection may have been asked for."""
_WHERE = ("jusho_", "tennyumaejusho_", "tenshutsusaki", "chikukanrikodo1")
"""How the names of the items begin that tell where somebody lives, lived or will live."""
_FOREIGNER_LAW = date(2012, 7, 9)


def japanese_name(family: tuple[str, str], given: tuple[str, str]) -> Record:
    """The name items of a Japanese resident; name parts are separated by exactly one U+3000."""
    return {
        "shimei": family[0] + SPACE + given[0],
        "uji_nihonjin": family[0],
        "na_nihonjin": given[0],
        "shimei_furigana": family[1] + SPACE + given[1],
        "uji_nihonjin_furigana": family[1],
        "na_nihonjin_furigana": given[1],
    }


def foreign_name(index: int) -> Record:
    """The name items of a foreign resident."""
    romaji, kanji, kana, country, country_name = FOREIGN_NAMES[index]
    record = {
        "shimei": romaji,
        "shimei_furigana": kana,
        "shimei_gaikokujinromaji": romaji,
        "kokumeikodo": country,
        "kokusekimeito": country_name,
    }
    if kanji:
        record["shimei_gaikokujinkanji"] = kanji
    return record


def address_items(address: Address, municipality: str) -> Record:
    """The items of an address in the town; absent parts are empty (and so remove an earlier value)."""
    return {
        "jusho_shikuchosonkodo": municipality,
        "jusho_choazakodo": address.choazakodo,
        "jusho_todofuken": PREFECTURE,
        "jusho_shikugunchosonmei": CITY,
        "jusho_choaza": address.choaza,
        "jusho_banchigohyoki": address.banchigo,
        "jusho_katagaki": address.katagaki,
        "jusho_katagaki_furigana": address.katagaki_furigana,
        "jusho_yubinbango": address.yubinbango,
    }


def origin_items(origin: OtherTown) -> Record:
    """転入前住所 in another municipality."""
    return {
        "tennyumaejusho_shikuchosonkodo": origin.code,
        "tennyumaejusho_choazakodo": "0000000",
        "tennyumaejusho_todofuken": origin.prefecture,
        "tennyumaejusho_shikugunchosonmei": origin.name,
        "tennyumaejusho_choaza": "本町一丁目",
        "tennyumaejusho_banchigohyoki": "１番１号",
        "tennyumaejusho_yubinbango": "0000099",
    }


def person_items(draft: Draft, on: date, rng: Random, sequences: numbers.Sequences, *, numbered: bool) -> Record:
    """What belongs to the person and not to an event: names, birth, sex, numbers, registrations as of ``on``."""
    foreign = draft.foreign >= 0
    index = sequences.index()
    record: Record = {
        "juminshubetsu": FOREIGNER if foreign else JAPANESE,
        **(foreign_name(draft.foreign) if foreign else japanese_name(draft.family, draft.given)),
        "shimei_furiganakakuninjokyo": "0" if foreign or rng.random() < 0.1 else "1",
        "seibetsu": draft.sex,
        "seibetsu_hyoki": "男" if draft.sex == "1" else "女",
        "seinengappi": draft.birth.isoformat(),
        "seinengappi_fushofuragu": "0",
        "seinenhikokennin_umu": "0",
        "shiensochi_kubun": "0",
        "hakkoyokushifuragu": "0",
        "tagyomusanshofukafuragu": "0",
        "card_hakkojokyo": "1" if rng.random() < 0.75 else "0",
        "togoatenafuragu": "0",
    }
    if numbered:
        record["kojinbango"] = numbers.kojinbango(index)
        record["juminhyokodo"] = numbers.juminhyokodo(index)
    if foreign:
        record |= _residence_status(index, on)
    else:
        record["seinengappi_gengo"] = gengo(draft.birth)
        record |= _koseki(draft, rng)
    record |= _registrations(draft, on, index, rng)
    return record


def first_record(
    person: Record,
    address: Address,
    relation: Relation | None,
    *,
    kind: Kind,
    on: date,
    reported: date,
    origin: OtherTown,
    atenabango: str,
    setaibango: str,
    head_name: str,
    place: int,
    sequences: numbers.Sequences,
    municipality: str,
) -> Record:
    """履歴番号 1: how the person came into the register."""
    record: Record = {
        "shikuchosonkodo": municipality,
        "atenabango": atenabango,
        "rirekibango": "1",
        "rirekibango_eda": "0",
        "saishinfuragu": "1",
        "kaiseibango": "1",
        "setaibango": setaibango,
        "juminjotai": RESIDENT,
        **person,
        **address_items(address, municipality),
        **household_items(relation, head_name),
        "kisai_idonengappi": on.isoformat(),
        "kisai_idonengappi_fushofuragu": "0",
        "kisai_jiyu": kind.value,
        "jushosadame_nengappi": on.isoformat(),
        "jushosadame_nengappi_fushofuragu": "0",
        "chikukanrikodo1": address.choazakodo[:4],
        "kisaijuni": str(place + 1),
        "johyofuragu": "0",
        "rirekisentakufukafuragu": "0",
        "gyomuid": "001",
        "sakujofuragu": "0",
    }
    if kind is Kind.TENNYU:
        record |= origin_items(origin)
    elif kind is Kind.KOKUGAI_TENNYU:
        record["tennyumaejusho_kokugaijusho"] = "国外（住所の詳細は架空）"
    record |= since_items(record["juminshubetsu"], on)
    return clean(record | event_items(kind, on, reported, sequences))


def since_items(shubetsu: str, on: date) -> Record:
    """住民となった年月日 of a Japanese, 外国人住民となった年月日 of a foreign resident; the other one is empty."""
    foreign = shubetsu == FOREIGNER
    day = max(on, _FOREIGNER_LAW).isoformat() if foreign else on.isoformat()
    mine, other = "jumintonattanengappi", "gaikokujinjumintonattanengappi"
    if foreign:
        mine, other = other, mine
    return {mine: day, f"{mine}_fushofuragu": "0", other: "", f"{other}_fushofuragu": "", f"{other}_fushohyoki": ""}


def household_items(relation: Relation | None, head_name: str) -> Record:
    """続柄 and 世帯主; ``None`` is 世帯主未設定."""
    if relation is None:
        empty = dict.fromkeys(
            (
                "tsuzukigara_kodo1",
                "tsuzukigara_kodo2",
                "tsuzukigara_kodo3",
                "tsuzukigara_kodo4",
                "tsuzukigara_hyoki",
                "setainushi_shimei",
            ),
            "",
        )
        return empty | {"setainushi_misetteifuragu": "1"}
    return relation.items() | {"setainushi_shimei": head_name, "setainushi_misetteifuragu": "0"}


def event_items(kind: Kind, on: date, reported: date, sequences: numbers.Sequences) -> Record:
    """The items that say what happened, when, and who wrote it down."""
    number = sequences.todokedebango()
    done = reported.isoformat()
    seconds = int(number) * 37 % 28_800  # between 09:00 and 17:00
    return {
        "ido_nengappi": on.isoformat(),
        "ido_nengappi_fushofuragu": "0",
        "ido_nengappi_fushohyoki": "",
        "ido_todokedenengappi": done,
        "todokedebango": number,
        "ido_jiyu": kind.value,
        "ido_kubun": kind.kubun,
        "tsuchibi": "",
        "kisaito_shubetsu": "2" if kind in SHOKKEN else "1",
        "torikeshi_rirekibango": "",
        "shorinengappi": done,
        "sosashaid": f"op{int(number) % 12:03d}",
        "sosanengappi": done,
        "sosajikoku": f"{9 + seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}",
    }


def successor(before: Mapping[str, str], updates: Mapping[str, str]) -> Record:
    """The next record of a person: 履歴番号 one higher, ``updates`` applied, empty values removed."""
    return clean({**before, **updates, "rirekibango": str(int(before["rirekibango"]) + 1), "saishinfuragu": "1"})


def clean(record: Mapping[str, str]) -> Record:
    """The record without empty items, and without addresses while it is unknown whether they may be given out."""
    if record.get("shiensochi_kubun") == PROTECTION_UNKNOWN:
        return {name: value for name, value in record.items() if value and not name.startswith(_WHERE)}
    return {name: value for name, value in record.items() if value}


def _koseki(draft: Draft, rng: Random) -> Record:
    ground = wide(rng.randint(1, 3000))
    return {
        "honseki": f"{PREFECTURE}{CITY}本町一丁目{ground}番地",
        "honseki_choaza": "本町一丁目",
        "honseki_chibangogaikufugo": f"{ground}番地",
        "honseki_shikuchosonkodo": MUNICIPALITY,
        "honseki_choazakodo": "0003001",
        "hittosha": draft.family[0] + SPACE + draft.given[0],
        "hittosha_uji": draft.family[0],
        "hittosha_na": draft.given[0],
    }


def _residence_status(index: int, on: date) -> Record:
    return {
        "zairyukadotobango": numbers.zairyukado(index),
        "zairyukadotobango_kubun": "1",
        "daisanjujo45kitei_kubun": "1",
        "jukyochitodokede_umu": "1",
        "zairyushikakutokodo": f"{101 + index % 27:03d}",
        "zairyukikantokodo_nen": "3",
        "zairyukikantokodo_tsuki": "0",
        "zairyukikantokodo_hi": "0",
        "zairyukikan_manryobi": f"{on.year + 3}-{on.month:02d}-{min(on.day, 28):02d}",
    }


def _registrations(draft: Draft, on: date, index: int, rng: Random) -> Record:
    years = age(draft.birth, on)
    birth = draft.birth

    def reached(at: int) -> str:
        day = min(birth.day, 28)
        return max(date(birth.year + at, birth.month, day), min(on, date(1961, 4, 1))).isoformat()

    kokuho = years < 75 and rng.random() < 0.3
    record = {
        "senkyo_toroku_umu": "1" if years >= 18 and draft.foreign < 0 else "0",
        "kokuho_shikaku_umu": "1" if kokuho else "0",
        "kokikorei_shikaku_umu": "1" if years >= 75 else "0",
        "kaigo_shikaku_umu": "1" if years >= 65 else "0",
        "nenkin_shikaku_umu": "1" if 20 <= years < 60 else "0",
        "jidoteate_shikakukubun": "1" if years < 18 else "0",
    }
    if kokuho:
        record["kokuho_shutokunengappi"] = birth.isoformat()
    if years >= 75:
        record["kokikorei_shutokunengappi"] = reached(75)
    if years >= 65:
        record["kaigo_shutokunengappi"] = reached(65)
    if 20 <= years < 60:
        record["kisonenkinbango"] = numbers.kisonenkinbango(index)
        record["nenkin_shubetsu"] = rng.choice("123")
        record["nenkin_shutokunengappi"] = reached(20)
    if years < 18:
        record["jidoteate_kaishinengetsu"] = f"{birth.year + birth.month // 12}-{birth.month % 12 + 1:02d}"
    return record
