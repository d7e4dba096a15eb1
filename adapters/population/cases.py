"""The awkward cases: every town begins with these households, each for a reason that is written down.

Characters outside plain JIS are written as escapes, because editors and normalisers change them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from random import Random

from adapters.population.days import shifted, years_before
from adapters.population.drafts import ABSENT_PARENT, Address, Draft, Household, draw_address
from adapters.population.kinds import FEMALE, MALE, Kind
from adapters.population.names import Names

FUSHO = (
    # wording of S1 1.1.8, substitute date held by the register, 元号
    ("昭和２０年頃", "1945-01-01", "3"),
    ("昭和２１年３月頃", "1946-03-01", "3"),
    ("昭和２２年５月５日頃", "1947-05-05", "3"),
    ("推定昭和２３年６月７日", "1948-06-07", "3"),
    ("推定昭和２４年８月", "1949-08-01", "3"),
    ("昭和２５年春", "1950-03-01", "3"),
    ("昭和２６年９月上旬", "1951-09-01", "3"),
    ("昭和２７年１０月中旬頃", "1952-10-11", "3"),
    ("年月日不詳", "0000-01-01", ""),
    ("昭和２８年　月日不詳", "1953-01-01", "3"),
    ("昭和２９年１１月　日不詳", "1954-11-01", "3"),
    ("昭和３０年１２月１日から１２月５日頃までの間", "1955-12-01", "3"),
    ("昭和３１年１月推定２日から８日までの間", "1956-01-02", "3"),
    ("昭和３２年２月３日頃から９日頃までの間", "1957-02-03", "3"),
)

BOUNDARIES = (
    # key, birth date, 元号 held by the register
    ("meiji-45-07-29", date(1912, 7, 29), "1"),
    ("meiji-45-07-30", date(1912, 7, 30), "1"),
    ("taisho-01-07-30", date(1912, 7, 30), "2"),
    ("taisho-15-12-24", date(1926, 12, 24), "2"),
    ("taisho-15-12-25", date(1926, 12, 25), "2"),
    ("showa-01-12-25", date(1926, 12, 25), "3"),
    ("showa-64-01-07", date(1989, 1, 7), "3"),
    ("heisei-01-01-08", date(1989, 1, 8), "4"),
    ("heisei-31-04-30", date(2019, 4, 30), "4"),
    ("reiwa-01-05-01", date(2019, 5, 1), "5"),
)

RARE_FAMILIES = (
    # key, family name, kana
    ("ivs-katsu", "\u845b\U000e0100\u57ce", "カツラギ"),
    ("ivs-tsuji", "\u8fbb\U000e0100", "ツジ"),
    ("ivs-watanabe", "\u6e21\u9089\U000e0101", "ワタナベ"),
    ("ivs-ashi", "\u82a6\U000e0100\u7530", "アシダ"),
    ("ivs-gi", "\u7947\U000e0100\u5712", "ギオン"),
    ("ivs-sakaki", "\u698a\U000e0100\u539f", "サカキバラ"),
    ("compatibility-kami", "\ufa19\u8c37", "カミヤ"),
    ("compatibility-saki", "\ufa11\u5c71", "サキヤマ"),
    ("compatibility-fuku", "\ufa1b\u6c38", "フクナガ"),
    ("plane-2-yoshi", "\U00020bb7\u91ce\u5bb6", "ヨシノヤ"),
    ("plane-2-hashi", "\u677f\U0002363a", "イタバシ"),
    ("plane-2-tsuchi", "\U0002123d\u5c4b", "ツチヤ"),
    ("nec-taka-saki", "\u9ad9\ufa11", "タカサキ"),
    ("hyphen-kana", "ケ\u30fcン\u30fbス\u30df\u30b9", "ケーンスミス"),
    ("repeat-mark", "佐\u3005木", "ササキ"),
)
"""Names that need a gaiji at vendor A, or that a normalisation would silently change."""

Maker = Callable[[Names, Random, date], Household]


@dataclass(frozen=True, slots=True)
class Case:
    """One awkward household: its key, what it is about, and how it is made."""

    key: str
    name_ja: str
    make: Maker


def households(names: Names, seed: int, today: date) -> Iterator[Household]:
    """The awkward households in their fixed order."""
    for case in all_cases():
        rng = Random(f"{seed}/case/{case.key}")  # noqa: S311 - synthetic data, not secrets
        household = case.make(names, rng, today)
        for member in household.members:
            if not member.given[0] and member.foreign < 0:
                member.given = names.given_name(rng, member.sex, member.birth)
            if not member.family[0] and member.foreign < 0:
                member.family = household.members[0].family
                if not member.family[0]:
                    member.family = names.family(rng)
            member.cases.append(case.key)
        yield household


def all_cases() -> tuple[Case, ...]:
    """Every awkward case; the list is part of the published description of the population."""
    cases = [Case("lock-in", "総務 翔子（霞が関二丁目）: 調達仕様の例示と同じ住民", _lock_in)]
    cases += [
        Case(f"fusho-{place:02d}", f"生年月日の不詳表記「{wording[0]}」", _fusho(wording))
        for place, wording in enumerate(FUSHO, start=1)
    ]
    cases += [Case(key, f"元号の境目 {day}", _boundary(day, gengo)) for key, day, gengo in BOUNDARIES]
    cases += [Case(key, f"文字: {kana}", _rare_family(family, kana)) for key, family, kana in RARE_FAMILIES]
    single: dict[str, tuple[str, Mapping[str, str]]] = {
        "leap-common-year": ("平年の2月29日", {"seinengappi": "1979-02-29", "seinengappi_gengo": "3"}),
        "shien": ("支援措置中", {"shiensochi_kubun": "1"}),
        "shien-kari": ("仮支援措置中", {"shiensochi_kubun": "2"}),
        "shien-fumei": ("支援措置の状態が不明", {"shiensochi_kubun": "9"}),
        "hakko-yokushi": ("発行抑止", {"hakkoyokushifuragu": "1"}),
        "sansho-fuka": ("他業務参照不可", {"tagyomusanshofukafuragu": "1"}),
        "hogo-subete": (
            "支援措置・発行抑止・他業務参照不可のすべて",
            {"shiensochi_kubun": "1", "hakkoyokushifuragu": "1", "tagyomusanshofukafuragu": "1"},
        ),
        "space-last": ("方書の末尾が全角空白", {"jusho_katagaki": "ハイツ青葉\u3000"}),
        "space-first": ("方書の先頭が全角空白", {"jusho_katagaki": "\u3000様方"}),
        "space-both": ("方書の両端と途中が全角空白", {"jusho_katagaki": "\u3000旧\u3000役場\u3000\u3000跡\u3000"}),
        "circled-one": ("方書に①と髙", {"jusho_katagaki": "サンハイツ\u2460棟\u9ad9層"}),
        "dashes": ("方書に全角の横棒・波線", {"jusho_katagaki": "Ａ\uff0d１０１\uff5e２"}),
        "katagaki-gaiji": ("方書に外字", {"jusho_katagaki": "\U00020bb7田荘\u8fbb\U000e0100方"}),
        "long-katagaki": ("300文字の方書", {"jusho_katagaki": "長" * 299 + "端"}),
        "no-furigana": ("フリガナなし", dict.fromkeys(_FURIGANA, "")),
        "no-number": ("個人番号なし", {"kojinbango": ""}),
        "no-code": ("住民票コードなし", {"juminhyokodo": ""}),
        "sex-unknown": ("性別が未記入", {"seibetsu": "0", "seibetsu_hyoki": ""}),
        "no-banchi": ("番地号なし・方書のみ", {"jusho_banchigohyoki": "", "jusho_katagaki": "字界無番地"}),
        "ido-fusho": (
            "異動年月日と住民となった年月日が不詳",
            {
                "ido_nengappi_fushofuragu": "1",
                "ido_nengappi_fushohyoki": "平成２５年　月日不詳",
                "jumintonattanengappi_fushofuragu": "1",
                "jumintonattanengappi_fushohyoki": "平成２５年　月日不詳",
            },
        ),
        "kyuji": ("旧氏", {"kyuji": "旧\u9ad9木", "kyuji_furigana": "キュウタカギ"}),
        "kyuji-gaiji": ("外字の旧氏", {"kyuji": "\u845b\U000e0100西", "kyuji_furigana": "カサイ"}),
        "koken": ("成年被後見人", {"seinenhikokennin_umu": "1"}),
        "honseki-nashi": ("本籍なし", dict.fromkeys(_HONSEKI, "") | {"honseki": "なし"}),
        "old-text": ("備考に改行以外の記号", {"biko": "\u300c旧\u300d\u203b\u2460\uff06\uff1c\uff1e\uff02"}),
    }
    cases += [Case(key, name, _single(values)) for key, (name, values) in single.items()]
    cases += [
        Case("misettei", "世帯主未設定（子のみ）", _misettei),
        Case("yon-sedai", "子の子の子の子までの世帯と5代先の縁故者", _four_generations),
        Case("mitodoke", "妻（未届）と同居人", _unregistered),
        Case("futago", "双子", _twins),
        Case("dosei-domei", "同姓同名・同生年月日", _namesakes),
        Case("gaikokujin-tsusho", "外国人: 漢字氏名と通称", _foreigner),
        Case("gaikokujin-ichigo", "外国人: 一語の氏名", _one_word),
        Case("gaikokujin-nagai", "外国人: 100文字の氏名", _long_name),
        Case("tokubetsu-eijusha", "特別永住者", _special_permanent),
        Case("konin-kongo", "日本人と外国人の世帯", _mixed),
        Case("tenshutsusha", "転出者", _left(Kind.TENSHUTSU)),
        Case("shibosha", "死亡者", _left(Kind.SHIBO)),
        Case("shokken-shojo", "職権消除", _left(Kind.SHOKKEN_SHOJO)),
        Case("tenkyo-rireki", "転居と軽微な修正の履歴", _with_history),
        Case("torikeshi-rireki", "転居が取り消された履歴", _with_cancellation),
    ]
    return tuple(cases)


_FURIGANA = ("shimei_furigana", "uji_nihonjin_furigana", "na_nihonjin_furigana", "shimei_furiganakakuninjokyo")
_HONSEKI = (
    "honseki_choaza",
    "honseki_chibangogaikufugo",
    "honseki_shikuchosonkodo",
    "honseki_choazakodo",
    "hittosha",
    "hittosha_uji",
    "hittosha_na",
)


def _household(
    names: Names, rng: Random, today: date, members: list[Draft], address: Address | None = None
) -> Household:
    youngest_adult = sorted(member.birth for member in members)[0]
    settled = max(shifted(today, -rng.randint(400, 6000)), shifted(youngest_adult, 1))
    return Household(members, address or draw_address(rng, names), settled, names.towns[0])


def _adult(rng: Random, today: date, years: int, sex: str = "", **values: str) -> Draft:
    birth = shifted(years_before(today, years), -rng.randint(1, 300))
    return Draft(sex or rng.choice((MALE, FEMALE)), birth, overrides=dict(values))


def _single(values: Mapping[str, str]) -> Maker:
    def make(names: Names, rng: Random, today: date) -> Household:
        return _household(names, rng, today, [_adult(rng, today, rng.randint(25, 70), **values)])

    return make


def _lock_in(names: Names, rng: Random, today: date) -> Household:
    person = Draft(FEMALE, date(1988, 4, 1), ("総務", "ソウム"), ("翔子", "ショウコ"))
    address = Address("0001002", "霞が関二丁目", "１番２号", "", "", "0000001")
    return _household(names, rng, today, [person], address)


def _fusho(row: tuple[str, str, str]) -> Maker:
    wording, day, gengo = row

    def make(names: Names, rng: Random, today: date) -> Household:
        birth = date(1940, 1, 1) if day.startswith("0000") else date.fromisoformat(day)
        values = {
            "seinengappi": day,
            "seinengappi_gengo": gengo,
            "seinengappi_fushofuragu": "1",
            "seinengappi_fushohyoki": wording,
        }
        return _household(names, rng, today, [Draft(rng.choice((MALE, FEMALE)), birth, overrides=values)])

    return make


def _boundary(day: date, gengo: str) -> Maker:
    def make(names: Names, rng: Random, today: date) -> Household:
        draft = Draft(rng.choice((MALE, FEMALE)), day, overrides={"seinengappi_gengo": gengo})
        return _household(names, rng, today, [draft])

    return make


def _rare_family(family: str, kana: str) -> Maker:
    def make(names: Names, rng: Random, today: date) -> Household:
        members = [_adult(rng, today, 45, MALE), _adult(rng, today, 43, FEMALE)]
        members[0].spouse, members[1].spouse = 1, 0
        for member in members:
            member.family = (family, kana)
        return _household(names, rng, today, members)

    return make


def _misettei(names: Names, rng: Random, today: date) -> Household:
    members = [_adult(rng, today, 14, MALE), _adult(rng, today, 9, FEMALE)]
    for member in members:
        member.parents = (ABSENT_PARENT,)
    household = _household(names, rng, today, members)
    household.misettei = True
    return household


def _four_generations(names: Names, rng: Random, today: date) -> Household:
    ages = (99, 78, 57, 36, 15)
    members = [_adult(rng, today, years, MALE if place % 2 else FEMALE) for place, years in enumerate(ages)]
    for place in range(1, len(ages)):
        members[place].parents = (place - 1,)
    # the wife of the great-grandson, her mother (4 steps) and her grandmother (5 steps: 縁故者)
    wife, mother, grandmother = (_adult(rng, today, years, FEMALE) for years in (34, 58, 80))
    members += [wife, mother, grandmother]
    members[3].spouse, wife.spouse = 5, 3
    wife.parents, mother.parents = (6,), (7,)
    return _household(names, rng, today, members)


def _unregistered(names: Names, rng: Random, today: date) -> Household:
    members = [_adult(rng, today, 50, MALE), _adult(rng, today, 48, FEMALE), _adult(rng, today, 30, MALE)]
    members[0].spouse, members[1].spouse = 1, 0
    for member in members:
        member.mitodoke = True
        member.family = names.family(rng)
    members[2].tie = "99"
    return _household(names, rng, today, members)


def _twins(names: Names, rng: Random, today: date) -> Household:
    members = [_adult(rng, today, 35, FEMALE), _adult(rng, today, 6, MALE), _adult(rng, today, 6, MALE)]
    members[2].birth = members[1].birth
    members[1].parents = members[2].parents = (0,)
    return _household(names, rng, today, members)


def _namesakes(names: Names, rng: Random, today: date) -> Household:
    members = [_adult(rng, today, 60, MALE), _adult(rng, today, 60, MALE)]
    for member in members:
        member.birth = members[0].birth
        member.family, member.given, member.tie = ("佐藤", "サトウ"), ("実", "ミノル"), "99"
    return _household(names, rng, today, members)


def _foreigner(names: Names, rng: Random, today: date) -> Household:
    person = _adult(
        rng,
        today,
        33,
        MALE,
        tsusho="金田\u3000一郎",
        tsusho_furigana="カネダ\u3000イチロウ",
        tsusho_kisainengappi="2019-05-01",
        tsusho_kisaishikuchosonmei="地域市",
    )
    person.foreign = 4
    return _household(names, rng, today, [person])


def _one_word(names: Names, rng: Random, today: date) -> Household:
    person = _adult(rng, today, 28, MALE)
    person.foreign = 11
    return _household(names, rng, today, [person])


def _long_name(names: Names, rng: Random, today: date) -> Household:
    first, last = "ＭＡＸＩＭＩＬＩＡＮＡ\u3000", "\u3000ＺＵＬＥＴＺＴ"
    long = first + "ＡＬＥＸＡＮＤＲＡ" * 7 + "ＢＥＡ"
    long = long + "Ａ" * (100 - len(long) - len(last)) + last
    person = _adult(
        rng,
        today,
        41,
        FEMALE,
        shimei=long,
        shimei_gaikokujinromaji=long,
        shimei_furigana="マキシミリアーナ\u3000アレクサンドラ",
    )
    person.foreign = 10
    return _household(names, rng, today, [person])


def _special_permanent(names: Names, rng: Random, today: date) -> Household:
    person = _adult(
        rng,
        today,
        62,
        FEMALE,
        zairyukadotobango_kubun="2",
        daisanjujo45kitei_kubun="2",
        zairyushikakutokodo="",
        zairyukikantokodo_nen="",
        zairyukikantokodo_tsuki="",
        zairyukikantokodo_hi="",
        zairyukikan_manryobi="",
        tsusho="新井\u3000花子",
        tsusho_furigana="アライ\u3000ハナコ",
        tsusho_kisainengappi="1990-04-01",
        tsusho_kisaishikuchosonmei="地域市",
    )
    person.foreign = 5
    return _household(names, rng, today, [person])


def _mixed(names: Names, rng: Random, today: date) -> Household:
    members = [_adult(rng, today, 38, MALE), _adult(rng, today, 36, FEMALE), _adult(rng, today, 5, FEMALE)]
    members[1].foreign = 6
    members[0].spouse, members[1].spouse = 1, 0
    members[2].parents = (0, 1)
    return _household(names, rng, today, members)


def _left(kind: Kind) -> Maker:
    def make(names: Names, rng: Random, today: date) -> Household:
        values: dict[str, str] = {}
        on = shifted(today, -rng.randint(20, 300))
        if kind is Kind.TENSHUTSU:
            town = names.towns[0]
            values = {
                "tenshutsu_todokedenengappi": shifted(on, -5).isoformat(),
                "tenshutsu_yoteinengappi": on.isoformat(),
                "tenshutsu_kakuteinengappi": on.isoformat(),
                "tennyutsuchi_nengappi": shifted(on, 6).isoformat(),
                "tenshutsusaki_shikuchosonkodo": town.code,
                "tenshutsusaki_todofuken": town.prefecture,
                "tenshutsusaki_shikugunchosonmei": town.name,
                "tenshutsusaki_choaza": "北二条西",
                "tenshutsusaki_banchigohyoki": "３番地",
                "tenshutsusaki_katagaki": "転出先ハイツ１号",
                "tenshutsusaki_yubinbango": "0000098",
            }
        household = _household(names, rng, today, [_adult(rng, today, 70, **values)])
        household.settled = min(household.settled, shifted(on, -10))
        household.left = (kind.value, on)
        return household

    return make


def _with_history(names: Names, rng: Random, today: date) -> Household:
    household = _household(names, rng, today, [_adult(rng, today, 55, MALE), _adult(rng, today, 52, FEMALE)])
    household.settled = shifted(today, -3000)
    household.moved, household.before = shifted(today, -500), draw_address(rng, names)
    household.touched_up = True
    return household


def _with_cancellation(names: Names, rng: Random, today: date) -> Household:
    household = _with_history(names, rng, today)
    household.touched_up, household.taken_back = False, True
    return household
