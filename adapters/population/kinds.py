"""The 37 異動事由 of the standard as one enumeration, and the few other codes the population writes."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """異動事由; the value is the standard's code, the order that of its table."""

    TENNYU = "01"
    KOKUGAI_TENNYU = "02"
    SHUSSHO = "03"
    KIKA_KISAI = "04"
    KOKUSEKI_SOSHITSU_KISAI = "05"
    SHOKKEN_KISAI = "06"
    KAISEI_KISAI = "07"
    SAISEI_KISAI = "08"
    TORIKESHI_ZO = "09"
    TENSHUTSU = "10"
    KOKUGAI_TENSHUTSU = "11"
    SHIBO = "12"
    KIKA_SHOJO = "13"
    KOKUSEKI_SOSHITSU_SHOJO = "14"
    SHOKKEN_SHOJO = "15"
    KAISEI_SHOJO = "16"
    SAISEI_SHOJO = "17"
    TORIKESHI_GEN = "18"
    TENKYO = "19"
    KEIBI_SHUSEI = "20"
    SHOKKEN_SHUSEI = "21"
    GOKI_SHUSEI = "22"
    BANGO_HENKO = "23"
    BANGO_SHOKKEN_SHUSEI = "24"
    BANGO_SHOKKEN_KISAI = "25"
    JUMINHYOKODO_HENKO = "26"
    JUMINHYOKODO_SHOKKEN_KISAI = "27"
    SETAI_BUNRI = "28"
    SETAI_GAPPEI = "29"
    SETAI_HENKO = "30"
    SETAINUSHI_HENKO = "31"
    KYUJI_KISAI = "32"
    KYUJI_HENKO = "33"
    KYUJI_SAKUJO = "34"
    TSUSHO_KISAI = "35"
    TSUSHO_SAKUJO = "36"
    TORIKESHI_SHUSEI = "37"

    @property
    def kubun(self) -> str:
        """異動区分: 1 増, 2 減, 3 修正."""
        number = int(self.value)
        return "1" if number <= 9 else "2" if number <= 18 else "3"


CANCELLATION = {"1": Kind.TORIKESHI_GEN, "2": Kind.TORIKESHI_ZO, "3": Kind.TORIKESHI_SHUSEI}
"""異動区分 of the event taken back -> the 異動事由 of the event that takes it back."""

SHOKKEN = frozenset(
    {
        Kind.KIKA_KISAI,
        Kind.KOKUSEKI_SOSHITSU_KISAI,
        Kind.SHOKKEN_KISAI,
        Kind.KIKA_SHOJO,
        Kind.KOKUSEKI_SOSHITSU_SHOJO,
        Kind.SHOKKEN_SHOJO,
        Kind.SHOKKEN_SHUSEI,
        Kind.GOKI_SHUSEI,
        Kind.BANGO_SHOKKEN_SHUSEI,
        Kind.BANGO_SHOKKEN_KISAI,
        Kind.JUMINHYOKODO_SHOKKEN_KISAI,
        Kind.KAISEI_KISAI,
        Kind.KAISEI_SHOJO,
        Kind.SAISEI_KISAI,
        Kind.SAISEI_SHOJO,
    }
)
"""Kinds that the municipality makes by itself (記載等の種別 2); the others follow a report (1)."""

RESIDENT, MOVED_OUT, DECEASED, REMOVED = "1", "2", "3", "9"
"""住民状態."""

JAPANESE, FOREIGNER = "1", "2"
"""住民種別."""

MALE, FEMALE = "1", "2"
"""性別."""
