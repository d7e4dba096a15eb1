"""A社 住民記録 (simulated): a resident as A itself holds it, in A's items, codes, 和暦 dates and half-width kana.

Written by hand from A's own interface description, without the mapping engine and without its codecs, so that the
adapter's mapping is proved against somebody else's work.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

Items = dict[str, str]

_AS_IT_IS: Mapping[str, str] = MappingProxyType(
    {
        "団体コード": "shikuchosonkodo",
        "宛名コード": "atenabango",
        "異動連番": "rirekibango",
        "異動連番枝": "rirekibango_eda",
        "改製回数": "kaiseibango",
        "世帯コード": "setaibango",
        "住民票コード": "juminhyokodo",
        "マイナンバー": "kojinbango",
        "異動日不詳文言": "ido_nengappi_fushohyoki",
        "届出番号": "todokedebango",
        "取消対象連番": "torikeshi_rirekibango",
        "漢字氏": "uji_nihonjin",
        "漢字名": "na_nihonjin",
        "併記漢字氏名": "shimei_gaikokujinkanji",
        "旧氏漢字": "kyuji",
        "通称漢字": "tsusho",
        "通称記載市町村": "tsusho_kisaishikuchosonmei",
        "通称削除市町村": "tsusho_sakujoshikuchosonmei",
        "性別文字": "seibetsu_hyoki",
        "生年月日不詳文言": "seinengappi_fushohyoki",
        "続柄文字": "tsuzukigara_hyoki",
        "世帯主漢字氏名": "setainushi_shimei",
        "住所市町村コード": "jusho_shikuchosonkodo",
        "住所町コード": "jusho_choazakodo",
        "住所都道府県": "jusho_todofuken",
        "住所市町村": "jusho_shikugunchosonmei",
        "住所町名": "jusho_choaza",
        "住所番地": "jusho_banchigohyoki",
        "住所方書": "jusho_katagaki",
        "住民となった日不詳文言": "jumintonattanengappi_fushohyoki",
        "地区番号": "chikukanrikodo1",
        "前住所市町村コード": "tennyumaejusho_shikuchosonkodo",
        "前住所町コード": "tennyumaejusho_choazakodo",
        "前住所都道府県": "tennyumaejusho_todofuken",
        "前住所市町村": "tennyumaejusho_shikugunchosonmei",
        "前住所町名": "tennyumaejusho_choaza",
        "前住所番地": "tennyumaejusho_banchigohyoki",
        "前住所国外": "tennyumaejusho_kokugaijusho",
        "本籍": "honseki",
        "本籍町名": "honseki_choaza",
        "本籍番地": "honseki_chibangogaikufugo",
        "本籍市町村コード": "honseki_shikuchosonkodo",
        "本籍町コード": "honseki_choazakodo",
        "筆頭者": "hittosha",
        "筆頭者氏": "hittosha_uji",
        "筆頭者名": "hittosha_na",
        "転出予定市町村コード": "tenshutsusakiyotei_shikuchosonkodo",
        "転出予定住所": "tenshutsusakiyotei_jusho",
        "転出先市町村コード": "tenshutsusaki_shikuchosonkodo",
        "転出先都道府県": "tenshutsusaki_todofuken",
        "転出先市町村": "tenshutsusaki_shikugunchosonmei",
        "転出先町名": "tenshutsusaki_choaza",
        "転出先番地": "tenshutsusaki_banchigohyoki",
        "転出先方書": "tenshutsusaki_katagaki",
        "世帯内順位": "kisaijuni",
        "業務ＩＤ": "gyomuid",
        "担当者": "sosashaid",
        "在留カード番号": "zairyukadotobango",
        "国籍コード": "kokumeikodo",
        "国籍名": "kokusekimeito",
        "在留資格": "zairyushikakutokodo",
        "在留期間年": "zairyukikantokodo_nen",
        "在留期間月": "zairyukikantokodo_tsuki",
        "在留期間日": "zairyukikantokodo_hi",
        "備考": "biko",
    }
)
_DATES: Mapping[str, str] = MappingProxyType(
    {
        "異動日": "ido_nengappi",
        "届出日": "ido_todokedenengappi",
        "通知受理日": "tsuchibi",
        "通称記載日": "tsusho_kisainengappi",
        "通称削除日": "tsusho_sakujonengappi",
        "住民となった日": "jumintonattanengappi",
        "記載異動日": "kisai_idonengappi",
        "住所を定めた日": "jushosadame_nengappi",
        "転出届日": "tenshutsu_todokedenengappi",
        "転出予定日": "tenshutsu_yoteinengappi",
        "転出確定日": "tenshutsu_kakuteinengappi",
        "転入通知日": "tennyutsuchi_nengappi",
        "消除届日": "shojo_todokedenengappi",
        "消除異動日": "shojo_idonengappi",
        "除票登録日": "johyo_torokunengappi",
        "処理日": "shorinengappi",
        "改製日": "kaisei_kisainengappi",
        "国保取得日": "kokuho_shutokunengappi",
        "国保喪失日": "kokuho_soshitsunengappi",
        "後期取得日": "kokikorei_shutokunengappi",
        "後期喪失日": "kokikorei_soshitsunengappi",
        "介護取得日": "kaigo_shutokunengappi",
        "介護喪失日": "kaigo_soshitsunengappi",
        "年金種別変更日": "nenkin_shubetsuhenkonengappi",
        "年金取得日": "nenkin_shutokunengappi",
        "年金喪失日": "nenkin_soshitsunengappi",
        "操作日": "sosanengappi",
        "外国人住民となった日": "gaikokujinjumintonattanengappi",
    }
)
_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "現在区分": "saishinfuragu",
        "異動日不詳": "ido_nengappi_fushofuragu",
        "生年月日不詳": "seinengappi_fushofuragu",
        "世帯主未設定": "setainushi_misetteifuragu",
        "住民となった日不詳": "jumintonattanengappi_fushofuragu",
        "記載異動日不詳": "kisai_idonengappi_fushofuragu",
        "住所を定めた日不詳": "jushosadame_nengappi_fushofuragu",
        "消除異動日不詳": "shojo_idonengappi_fushofuragu",
        "後見": "seinenhikokennin_umu",
        "除票": "johyofuragu",
        "履歴選択不可": "rirekisentakufukafuragu",
        "改製日不詳": "kaisei_kisainengappi_fushofuragu",
        "選挙登録": "senkyo_toroku_umu",
        "国保": "kokuho_shikaku_umu",
        "後期": "kokikorei_shikaku_umu",
        "介護": "kaigo_shikaku_umu",
        "年金": "nenkin_shikaku_umu",
        "児童手当": "jidoteate_shikakukubun",
        "統合宛名": "togoatenafuragu",
        "他業務参照不可": "tagyomusanshofukafuragu",
        "発行抑止": "hakkoyokushifuragu",
        "削除": "sakujofuragu",
        "外国人住民となった日不詳": "gaikokujinjumintonattanengappi_fushofuragu",
        "住居地届出": "jukyochitodokede_umu",
    }
)
_KANA: Mapping[str, str] = MappingProxyType(
    {
        "カナ氏名": "shimei_furigana",
        "カナ氏": "uji_nihonjin_furigana",
        "カナ名": "na_nihonjin_furigana",
        "旧氏カナ": "kyuji_furigana",
        "通称カナ": "tsusho_furigana",
        "住所方書カナ": "jusho_katagaki_furigana",
    }
)

# A's own codes, in the order of the standard's codes 01 to 37
_JIYU_FIRST = ((1, 51), (10, 61), (19, 71))
_ZOKUGARA = MappingProxyType(
    {
        "02": "01",
        "11": "02",
        "12": "03",
        "13": "04",
        "14": "05",
        "20": "10",
        "51": "20",
        "52": "21",
        "71": "30",
        "74": "31",
        "81": "32",
        "84": "33",
        "96": "80",
        "99": "90",
    }
)
_CODES: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "住民種別": ("juminshubetsu", {"1": "J", "2": "F"}),
        "異動後状態": ("juminjotai", {"1": "00", "2": "10", "3": "20", "9": "90"}),
        "増減区分": ("ido_kubun", {"1": "A", "2": "D", "3": "C"}),
        "記載種別": ("kisaito_shubetsu", {"1": "T", "2": "S", "3": "N", "4": "M", "9": "Z"}),
        "カナ確認": ("shimei_furiganakakuninjokyo", {"0": "0", "1": "9"}),
        "性別": ("seibetsu", {"0": "9", "1": "1", "2": "2"}),
        "続柄１": ("tsuzukigara_kodo1", _ZOKUGARA),
        "続柄２": ("tsuzukigara_kodo2", _ZOKUGARA),
        "続柄３": ("tsuzukigara_kodo3", _ZOKUGARA),
        "続柄４": ("tsuzukigara_kodo4", _ZOKUGARA),
        "年金種別": ("nenkin_shubetsu", {"1": "K1", "2": "K2", "3": "K3", "4": "NI"}),
        "支援措置": ("shiensochi_kubun", {"0": "N", "1": "Y", "2": "K", "9": "U"}),
        "カード状況": ("card_hakkojokyo", {"0": "N", "1": "Y", "2": "X", "3": "R"}),
        "在留カード区分": ("zairyukadotobango_kubun", {"1": "ZC", "2": "TE", "3": "MZ", "4": "MT"}),
        "法３０条の４５": ("daisanjujo45kitei_kubun", {"1": "C1", "2": "T1", "3": "H1", "4": "K1", "5": "P1"}),
    }
)
_JIYU = MappingProxyType({"異動事由": "ido_jiyu", "記載事由": "kisai_jiyu", "消除事由": "shojo_jiyu"})
_YUBIN = MappingProxyType(
    {
        "住所郵便番号": "jusho_yubinbango",
        "前住所郵便番号": "tennyumaejusho_yubinbango",
        "転出先郵便番号": "tenshutsusaki_yubinbango",
    }
)
_ERAS = (
    # first day, code, year 1
    ("2019-05-01", "5", 2019),
    ("1989-01-08", "4", 1989),
    ("1926-12-25", "3", 1926),
    ("1912-07-30", "2", 1912),
    ("1868-01-25", "1", 1868),
)
_OPEN = MappingProxyType({"0000-01-01": "0000000", "9999-12-31": "9999999"})


def a_items(record: Mapping[str, str]) -> Items:
    """The person of a population record as A's items; absent items are empty."""

    def has(name: str) -> str:
        return record.get(name, "")

    items = {mine: has(theirs) for mine, theirs in _AS_IT_IS.items()}
    items |= {mine: wareki(has(theirs)) for mine, theirs in _DATES.items()}
    items |= {mine: {"1": "Y", "0": "N"}.get(has(theirs), "") for mine, theirs in _FLAGS.items()}
    items |= {mine: half_width(has(theirs)) for mine, theirs in _KANA.items()}
    items |= {mine: table.get(has(theirs), "") for mine, (theirs, table) in _CODES.items()}
    items |= {mine: _jiyu(has(theirs)) for mine, theirs in _JIYU.items()}
    items |= {mine: _hyphen(has(theirs), 3) for mine, theirs in _YUBIN.items()}
    items["漢字氏名"], items["氏文字数"] = _name(has("shimei"))
    items["英字氏名"] = half_width(has("shimei_gaikokujinromaji"))
    items["生年月日"] = _birth(has("seinengappi_gengo"), has("seinengappi"))
    items["基礎年金番号"] = _hyphen(has("kisonenkinbango"), 4)
    items["児童手当開始月"] = has("jidoteate_kaishinengetsu").replace("-", "")
    items["児童手当終了月"] = has("jidoteate_shuryonengetsu").replace("-", "")
    items["操作時刻"] = has("sosajikoku").replace(":", "")
    items["在留満了日"] = has("zairyukikan_manryobi").replace("-", "")
    return items


def wareki(day: str, era: str = "") -> str:
    """``2025-12-01`` as ``5071201``: 元号, year, month, day; in the era asked for."""
    if not day or day in _OPEN:
        return _OPEN.get(day, "")
    code, first = next((code, first) for start, code, first in _ERAS if (code == era if era else day >= start))
    return f"{code}{int(day[:4]) - first + 1:02d}{day[5:7]}{day[8:]}"


def seireki(text: str) -> str:
    """The inverse of ``wareki`` for what stands in an inquiry."""
    for day, written in _OPEN.items():
        if text == written:
            return day
    first = next(first for _, code, first in _ERAS if code == text[0])
    return f"{first + int(text[1:3]) - 1:04d}-{text[3:5]}-{text[5:]}"


def half_width(text: str) -> str:
    """Katakana, Latin letters and spaces in half width."""
    table = _half_width_table()
    return "".join(table[char] for char in text)


@cache
def _half_width_table() -> Mapping[str, str]:
    table = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF61, 0xFF9E)}
    for base in range(0xFF66, 0xFF9E):
        for mark in "\uff9e\uff9f":
            joined = unicodedata.normalize("NFKC", chr(base) + mark)
            if len(joined) == 1:
                table[joined] = chr(base) + mark
    table |= {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
    table["\u3000"] = " "
    return MappingProxyType(table)


def _jiyu(code: str) -> str:
    if not code:
        return ""
    first, mine = max(pair for pair in _JIYU_FIRST if pair[0] <= int(code))
    return str(mine + int(code) - first)


def _name(shimei: str) -> tuple[str, str]:
    """A's name has no space between family and given name; the number of the family name's characters says where."""
    family, space, given = shimei.partition("\u3000")
    if not space:
        return shimei, ""
    return family + given, str(sum(not 0xE0100 <= ord(char) <= 0xE01EF for char in family))


def _birth(gengo: str, day: str) -> str:
    if not gengo and day not in _OPEN:
        return day.replace("-", "")
    return wareki(day, gengo)


def _hyphen(digits: str, at: int) -> str:
    return f"{digits[:at]}-{digits[at:]}" if digits else ""
