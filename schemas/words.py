"""Words for people: how the marks of an edition's tables are called in Japanese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CARE_JA: Mapping[str, str] = MappingProxyType(
    {
        "kojinbango": "個人番号",
        "juminhyokodo": "住民票コード",
        "address": "住所",
        "honseki": "本籍",
        "shotoku": "所得",
        "shiensochi": "支援措置",
        "seinenhikokennin": "成年被後見人",
        "kisonenkinbango": "基礎年金番号",
        "zairyukado": "在留カード",
        "koseki": "戸籍",
        "renrakusaki": "連絡先",
        "shugakuenjo": "就学援助",
        "zeigaku": "税・保険料額",
        "koza": "口座",
        "kyufu": "給付",
        "nintei": "要介護認定",
        "shogai": "障害",
        "hogo": "生活保護",
        "kenko": "健康",
        "shisan": "資産",
        "shuno": "収納・未納",
        "tainoshobun": "滞納処分",
        "tazeimoku": "ほかの税目",
        "kyuyo": "給与",
        "jinji": "人事",
        "sharyo": "車両",
        "saishu": "債主",
        "kenmei": "件名",
        "sashidashinin": "差出人・宛先",
    }
)
"""The kinds of care that an item needs (its ``sensitivity``)."""
