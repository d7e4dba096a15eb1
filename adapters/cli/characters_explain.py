"""What ``chiikibus characters explain`` says about one character."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

from adapters.characters.charset import charset
from adapters.characters.degrade import degrade
from adapters.characters.mj import Glyph, mj
from adapters.characters.problem import CharacterError
from adapters.characters.register import points
from adapters.cli.output import table
from bus.core.errors import ConfigurationError
from bus.core.repertoire import Repertoire, repertoire, repertoire_names

CODES = ("cp932", "juki", "jef-wide", "keis78-wide", "keis83-wide", "jips-j-wide", "jips-e-wide", "ibm930-wide",
         "ibm1390-wide")  # fmt: skip


def facts(query: str, target: Repertoire | None, tables: Path | None) -> list[dict[str, Any]]:
    """The glyphs that a query names, each as JSON-ready facts."""
    return [_facts(glyph, target, tables) for glyph in mj().look_up(query)]


def _facts(glyph: Glyph, target: Repertoire | None, tables: Path | None) -> dict[str, Any]:
    text = glyph.carrier()
    own = text or glyph.stand_in
    found: dict[str, Any] = {
        "mj": glyph.mj,
        "text": text,
        "ucs": points(glyph.ucs),
        "carrier": points(text),
        "ivs": points(glyph.ivs),
        "svs": points(glyph.svs),
        "juki": glyph.juki,
        "koseki": glyph.koseki,
        "toki": glyph.toki,
        "x0213": glyph.x0213,
        "x0212": glyph.x0212,
        "kakusu": glyph.kakusu,
        "bushu": glyph.bushu,
        "daikanwa": glyph.daikanwa,
        "yomi": list(mj().readings(glyph.mj)),
        "nfc": points(unicodedata.normalize("NFC", text)) if unicodedata.normalize("NFC", text) != text else "",
        "codes": {name: code for name in CODES if (code := _code(name, text, tables))},
        "repertoires": [name for name in repertoire_names() if own and repertoire(name).admits(own)],
        "name_only": not text,
        "family": [
            {"mj": one.mj, "text": one.carrier(), "carrier": points(one.carrier())} for one in mj().family(glyph)
        ],
    }
    if target is not None:
        answer = degrade(glyph, target.admits)
        found["degrade"] = {
            "into": target.name,
            "text": answer.text,
            "same": answer.same,
            "ambiguous": answer.ambiguous,
            "candidates": [
                {"text": one.text, "ucs": points(one.text), "source": one.source, "rank": one.rank,
                 "automatic": one.automatic}
                for one in answer.candidates
            ],
        }  # fmt: skip
    return found


def _code(name: str, text: str, tables: Path | None) -> str:
    try:
        return charset(name, tables=tables).encode(text).hex().upper() if text else ""
    except (CharacterError, ConfigurationError):
        return ""


def show(found: list[dict[str, Any]]) -> None:
    """The facts for a person."""
    for one in found:
        rows = [
            ("文字", one["text"] or "（符号位置なし・MJ 名でのみ扱える）"),
            ("対応する UCS", one["ucs"]),
            ("運搬する列", one["carrier"]),
            ("異体字列 IVS", one["ivs"]),
            ("住基 / 戸籍 / 登記", " / ".join((one["juki"] or "-", one["koseki"] or "-", one["toki"] or "-"))),
            ("X0213 / X0212", " / ".join((one["x0213"] or "-", one["x0212"] or "-"))),
            ("部首.画数 / 総画数 / 大漢和", " / ".join((one["bushu"], one["kakusu"], one["daikanwa"] or "-"))),
            ("読み", "・".join(one["yomi"])),
            *((f"コード {name}", code) for name, code in one["codes"].items()),
            ("含む文字集合", ", ".join(one["repertoires"]) or "-"),
            ("同じ字の別字形", "　".join(f"{other['mj']} {other['text']}" for other in one["family"]) or "-"),
        ]
        if one["nfc"]:
            rows.append(("注意", f"NFC 正規化で {one['nfc']} に変わる / normalisation changes it"))
        table(("項目", "値"), rows, title=one["mj"])
        if "degrade" in one:
            _show_degrade(one["degrade"])


def _show_degrade(answer: dict[str, Any]) -> None:
    if answer["same"]:
        print(f"{answer['into']}: そのまま含む / in the set as it is")
        return
    verdict = answer["text"] or (
        "候補が複数あり人が決める / ambiguous" if answer["ambiguous"] else "自動では決まらない / by people"
    )
    rows = [
        (one["text"], one["ucs"], one["source"], one["rank"] or "", "自動可" if one["automatic"] else "人が決める")
        for one in answer["candidates"]
    ]
    if rows:
        table(("候補", "符号位置", "根拠", "順位", "扱い"), rows, title=f"{answer['into']} への縮退: {verdict}")
    else:
        print(f"{answer['into']}: 縮退候補なし / no candidate")
