"""Turn the flows of an edition into a readable page and a picture: who gives what to whom, by which operations."""

from __future__ import annotations

from collections.abc import Iterable

from contract_docs import NOTE, PATTERNS, table
from lxml import etree

from schemas.model import Edition, Flow, Unit

SVG = "http://www.w3.org/2000/svg"
CELL, LEFT, TOP, FOOT = 36, 150, 150, 34
MARKS = {"inquiry": ("照", "#1f5fa8"), "notice": ("通", "#a8421f"), "bulk": ("括", "#2f7d3b")}
"""The letter and the colour of a pattern; the letter alone says it, too."""

HEAD = """\
業務と業務の間を何が流れるかの一覧です。行は `schemas/standard/{version}/flows.csv`、操作は業務ごとのページにあります。

![行の業務から列の業務への流れ。照=照会、通=通知、括=一括](../images/flows-{version}.svg)

行が提供する業務、列が受け取る業務です（照＝照会、通＝通知、括＝一括）。淡い印は「すべての業務」に渡すものです。
このほか、すべての業務に自業務への一括（システム更改のための移行と差分）があります。"""


def flows_page(edition: Edition, flows: Iterable[Flow]) -> str:
    """The list of units and of flows with the operations that are them."""
    names = {row.code: row.name_ja for row in edition.codes["gyomu"].rows}
    units = (_unit(unit) for unit in edition.units.values())
    rows = (
        (
            str(flow.number),
            names[flow.provider],
            "、".join("すべての業務" if one == "*" else names[one] for one in flow.units),
            flow.data_ja,
            "・".join(PATTERNS[one] for one in flow.patterns),
            "<br>".join(f"[`{key}`]({flow.provider}.md)" for key in flow.keys) or "未定",
            flow.provenance,
        )
        for flow in flows
    )
    parts = [
        NOTE,
        f"# 業務の一覧とデータの流れ（版 {edition.version}）",
        HEAD.format(version=edition.version),
        "## 業務",
        table(("番号", "業務", "キー", "番号利用事務", "操作", "主なレコードの項目数", "ページ"), units),
        "## 流れ",
        table(("#", "提供", "受取", "データ", "型", "操作", "出典"), rows),
    ]
    return "\n\n".join(parts) + "\n"


def _unit(unit: Unit) -> tuple[str, ...]:
    main = unit.operations.get("ikkatsu_soshin")
    items = str(len(unit.records[main.record].items)) if main is not None else ""
    number_use = any(operation.number_use for operation in unit.operations.values())
    return (
        str(unit.number), unit.name_ja, f"`{unit.key}`", "○" if number_use else "", str(len(unit.operations)), items,
        f"[{unit.key}.md]({unit.key}.md)",
    )  # fmt: skip


def flows_picture(edition: Edition, flows: Iterable[Flow]) -> etree._Element:
    """A matrix of providers (rows) and consumers (columns) with the patterns that lead from one to the other."""
    names = {row.code: row.name_ja for row in edition.codes["gyomu"].rows}
    keys = list(names)
    side = CELL * len(keys)
    width, height = LEFT + side + 70, TOP + side + FOOT
    root = etree.Element(f"{{{SVG}}}svg", nsmap={None: SVG}, viewBox=f"0 0 {width} {height}")
    root.set("font-family", "'Noto Sans CJK JP','Noto Sans JP','Hiragino Sans','Yu Gothic',sans-serif")
    _add(root, "title").text = f"業務と業務の間のデータの流れ（版 {edition.version}）"
    _add(root, "rect", width=width, height=height, fill="#ffffff")
    for number, key in enumerate(keys):
        at = number * CELL
        _add(root, "rect", x=LEFT, y=TOP + at, width=side, height=CELL, fill="#f4f4f4" if number % 2 else "#ffffff")
        _text(root, names[key], LEFT - 6, TOP + at + CELL / 2 + 4, size=11, anchor="end")
        label = _text(root, names[key], 0, 0, size=11, anchor="start")
        label.set("transform", f"translate({LEFT + at + CELL / 2 + 4},{TOP - 6}) rotate(-60)")
    for number in range(len(keys) + 1):
        at = number * CELL
        _add(root, "path", d=f"M{LEFT + at} {TOP}v{side}M{LEFT} {TOP + at}h{side}", stroke="#cccccc", fill="none")
    for (provider, consumer), (patterns, direct) in _cells(flows, keys).items():
        x, y = LEFT + keys.index(consumer) * CELL, TOP + keys.index(provider) * CELL
        for place, pattern in enumerate(patterns):
            mark, colour = MARKS[pattern]
            at = x + (place + 0.5) * CELL / len(patterns)
            found = _text(root, mark, at, y + CELL / 2 + 4, size=10, anchor="middle")
            found.set("fill", colour)
            if not direct:
                found.set("opacity", "0.6")
    _text(root, "受け取る業務 →", LEFT - 6, TOP - 26, size=10, anchor="end")
    _text(root, "提供する業務 ↓", LEFT - 6, TOP - 10, size=10, anchor="end")
    marks = "　".join(f"{mark}＝{PATTERNS[pattern]}" for pattern, (mark, _) in MARKS.items())
    _text(root, f"{marks}　淡い印＝すべての業務に渡すもの", LEFT, TOP + side + 22, size=11, anchor="start")
    return root


def _cells(flows: Iterable[Flow], keys: list[str]) -> dict[tuple[str, str], tuple[list[str], bool]]:
    """The patterns from one unit to another in the order of ``MARKS``, and whether a flow names the consumer."""
    found: dict[tuple[str, str], tuple[set[str], bool]] = {}
    for flow in flows:
        for consumer in keys if "*" in flow.units else flow.units:
            if consumer != flow.provider:
                before, direct = found.get((flow.provider, consumer), (set(), False))
                found[flow.provider, consumer] = (before | set(flow.patterns), direct or "*" not in flow.units)
    return {pair: ([one for one in MARKS if one in has], direct) for pair, (has, direct) in found.items()}


def _add(root: etree._Element, name: str, **attributes: object) -> etree._Element:
    return etree.SubElement(root, f"{{{SVG}}}{name}", {key: str(value) for key, value in attributes.items()})


def _text(root: etree._Element, text: str, x: float, y: float, *, size: int, anchor: str) -> etree._Element:
    found = _add(root, "text", x=f"{x:g}", y=f"{y:g}", fill="#222222")
    found.set("font-size", str(size))
    found.set("text-anchor", anchor)
    found.text = text
    return found
