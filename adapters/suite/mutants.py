"""Definitions with one line taken out or made wrong: what a careless hand could do to a mapping, layout or code table.

A mutant is the parsed file with one change. Changes that cannot matter are not made: the loss policy of a conversion
that never loses anything, an option written out with its default value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from adapters.mapping.rules import ItemRule
from adapters.sdk.toml import TomlFile
from adapters.suite.subject import Pair

POLICIES = ("forbid", "record", "allow")
_RULES = ("item", "unmapped", "constant", "derived")
_LOOKS = ("id", "note", "table")
"""Keys of a head that name things and change nothing."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """``kind`` is the sort of change, ``where`` the line it was made in; the files are those after the change.

    ``removed`` tells a line taken out from a line made wrong.
    """

    kind: str
    where: str
    mapping: TomlFile
    layout: TomlFile
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """The parsed files of a pair, item tables already in them."""

    pair: Pair
    mapping: TomlFile
    layout: TomlFile

    @property
    def one_table(self) -> bool:
        """Whether mapping and layout come from the same item table: its line is a line of both."""
        return self.mapping.path == self.layout.path


def mutants(source: Source) -> Iterator[Mutant]:
    """All mutants of a pair's mapping and layout, in the order of the files."""
    for table in _RULES:
        for index, block in enumerate(source.mapping.data.get(table, [])):
            where = f"{table}[{index}] {_about(block)}"
            for kind, blocks in _changed(source, table, index, block):
                yield _mutant(source, kind, where, "mapping", {**source.mapping.data, **blocks})
            if source.one_table:
                yield _line_gone(source, table, index, block, where)
    yield from _swapped(source)
    yield from _head(source, "mapping", source.mapping)
    yield from _layout(source)


def _mutant(source: Source, kind: str, where: str, side: str, data: dict[str, Any]) -> Mutant:
    changed = replace(source.mapping if side == "mapping" else source.layout, data=data)
    mapping, layout = (changed, source.layout) if side == "mapping" else (source.mapping, changed)
    return Mutant(kind, f"{side}: {where}", mapping, layout, kind.startswith("remove"))


def _about(block: dict[str, Any]) -> str:
    names = block.get("vendor") or block.get("items") or block.get("item") or block.get("name") or ""
    return "・".join(names) if isinstance(names, list) else str(names)


def _changed(
    source: Source, table: str, index: int, block: dict[str, Any]
) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """Kind of change, and the lists of blocks after it."""
    blocks = source.mapping.data[table]

    def put(*instead: dict[str, Any]) -> dict[str, list[Any]]:
        return {table: [*blocks[:index], *instead, *blocks[index + 1 :]]}

    yield "remove", put()
    for name in block.get("items", []) if len(block.get("items", [])) > 1 else ():
        yield "remove name", put({**block, "items": [one for one in block["items"] if one != name]})
    for policy in POLICIES:
        if policy != block.get("loss", "forbid") and _can_lose(source, table, block):
            yield "loss", put({**block, "loss": policy})
    left = [*source.mapping.data.get("unmapped", [])]
    if table == "item":
        away = [_left_out("vendor", _names(block["vendor"])), _left_out("standard", _names(block["standard"]))]
        yield "explain away", {**put(), "unmapped": [*left, *away]}
        for kind, changed in _item(block):
            yield kind, put(changed)
    elif table in ("constant", "derived"):
        away = [_left_out(str(block["side"]), [str(block["item"])])]
        yield "explain away", {**put(), "unmapped": [*left, *away]}
        for value in _values(block["value"]) if table == "constant" else (f"({block['value']}) & 1",):
            yield "value", put({**block, "value": value})


def _left_out(side: str, names: list[str]) -> dict[str, Any]:
    return {"side": side, "items": names, "reason": "taken out", "loss": "allow"}


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _rule(source: Source, block: dict[str, Any]) -> ItemRule | None:
    vendor = tuple(_names(block["vendor"]))
    return next((one for one in source.pair.mapping.rules if isinstance(one, ItemRule) and one.vendor == vendor), None)


def _can_lose(source: Source, table: str, block: dict[str, Any]) -> bool:
    if table != "item":
        return True
    rule = _rule(source, block)
    return rule is None or not rule.conversion.exact


def _item(block: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Another conversion, other options, items in another order, fewer cases and steps, another default."""
    bare = {key: value for key, value in block.items() if key not in ("options", "steps", "case", "default")}
    if block.get("conversion") != "copy" and len(_names(block["vendor"])) == len(_names(block["standard"])) == 1:
        yield "conversion", {**bare, "conversion": "copy"}
    for side in ("vendor", "standard"):
        if len(_names(block[side])) > 1:
            yield "order", {**block, side: _names(block[side])[::-1]}
    for options in _tables(block.get("options", {})):
        yield "option", {**block, "options": options}
    if "default" in block:
        yield "default", {key: value for key, value in block.items() if key != "default"}
        for name in set(block["default"]) - {"reason"}:
            for value in _values(block["default"][name]):
                yield "default", {**block, "default": {**block["default"], name: value}}
    for name in ("case", "steps"):
        for index, one in enumerate(block.get(name, [])):
            others = [*block[name][:index], *block[name][index + 1 :]]
            yield name, {**block, name: others}
            for changed in _case(one) if name == "case" else _steps(one):
                yield name, {**block, name: [*block[name][:index], changed, *block[name][index + 1 :]]}


def _tables(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Options with one left out, or one changed."""
    for name, value in options.items():
        yield {key: other for key, other in options.items() if key != name}
        for changed in _values(value):
            yield {**options, name: changed}


def _steps(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for options in _tables(step.get("options", {})):
        yield {**step, "options": options}


def _case(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for side, condition in case.get("when", {}).items():
        yield {**case, "when": {**case["when"], side: f"not ({condition})"}}
        yield {**case, "when": {key: one for key, one in case["when"].items() if key != side}}
    for side, fixed in case.get("set", {}).items():
        for table in _tables(fixed):
            yield {**case, "set": {**case["set"], side: table}}
    for index in range(len(case.get("item", []))):
        yield {**case, "item": [*case["item"][:index], *case["item"][index + 1 :]]}


def _values(value: Any) -> Iterator[Any]:
    """Other values near this one."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, str):
        digits = value.isascii() and value.isdigit()
        yield str(int(value) + 1).zfill(len(value))[-len(value) :] if digits else f"{value}X"
    elif isinstance(value, list):
        yield [*value[:-1], *_values(value[-1])] if value else []


def _line_gone(source: Source, table: str, index: int, block: dict[str, Any], where: str) -> Mutant:
    """A line of an item table that is both field and rule."""
    names = _names(block["vendor"]) if "vendor" in block else _names(block.get("items") or block.get("item") or [])
    blocks = source.mapping.data[table]
    mapping = {**source.mapping.data, table: [*blocks[:index], *blocks[index + 1 :]]}
    layout = dict(source.layout.data)
    if table == "item" or block.get("side") == "vendor":
        layout["field"] = [one for one in layout["field"] if one["name"] not in names]
    gone = replace(source.mapping, data=mapping), replace(source.layout, data=layout)
    return Mutant("remove line", f"table: {where}", *gone, removed=True)


def _swapped(source: Source) -> Iterator[Mutant]:
    """The standard items of two neighbouring rules of the same conversion mixed up."""
    blocks = source.mapping.data.get("item", [])
    for index, (one, other) in enumerate(pairwise(blocks)):
        alike = all(one.get(key) == other.get(key) for key in ("conversion", "options", "case", "steps", "default"))
        if alike and len(_names(one["standard"])) == len(_names(other["standard"])):
            mixed = [{**one, "standard": other["standard"]}, {**other, "standard": one["standard"]}]
            data = {**source.mapping.data, "item": [*blocks[:index], *mixed, *blocks[index + 2 :]]}
            yield _mutant(source, "mix up", f"item[{index}] {_about(one)} / {_about(other)}", "mapping", data)


def _head(source: Source, side: str, file: TomlFile) -> Iterator[Mutant]:
    """Keys of the first table left out or changed."""
    name = "mapping" if side == "mapping" else "layout"
    head = file.data.get(name, {})
    for key, value in head.items():
        if key in _LOOKS:
            continue
        rest = {other: one for other, one in head.items() if other != key}
        yield _mutant(source, "remove", f"{name}.{key}", side, {**file.data, name: rest})
        for changed in _values(value):
            yield _mutant(source, "value", f"{name}.{key}", side, {**file.data, name: {**head, key: changed}})


def _layout(source: Source) -> Iterator[Mutant]:
    file = source.layout
    yield from _head(source, "layout", file)
    for part in ("header", "field", "trailer"):
        blocks = file.data.get(part, [])
        for index, block in enumerate(blocks):
            where = f"{part}[{index}] {_about(block)}"
            for kind, changed in _fields(blocks, index, block):
                yield _mutant(source, kind, where, "layout", {**file.data, part: changed})
    kinds = file.data.get("record", [])
    for index, block in enumerate(kinds):
        where = f"record[{index}] {block.get('role', '')}"
        for kind, changed in _kinds(kinds, index, block):
            yield _mutant(source, kind, where, "layout", {**file.data, "record": changed})


def _kinds(blocks: list[dict[str, Any]], index: int, block: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """A kind of record left out, or with another mark, layout, count or total."""
    before, behind = blocks[:index], blocks[index + 1 :]
    yield "remove", [*before, *behind]
    for key, value in block.items():
        if key in ("note", "reason", "role"):
            continue
        if isinstance(value, dict):
            for name in value:
                rest = {other: one for other, one in value.items() if other != name}
                yield "key", [*before, {**block, key: rest}, *behind]
        else:
            yield "key", [*before, {other: one for other, one in block.items() if other != key}, *behind]
            yield from (("key", [*before, {**block, key: changed}, *behind]) for changed in _values(value))


def _fields(blocks: list[dict[str, Any]], index: int, block: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    before, behind = blocks[:index], blocks[index + 1 :]
    yield "remove", [*before, *behind]
    for key, value in block.items():
        if key in ("note", "name"):
            continue
        if key == "type":
            other = {"X": "N", "N": "X", "9": "N"}.get(str(value), "X")
            yield "type", [*before, {**block, key: other}, *behind]
        elif key == "bytes":
            for by in (1, -1):
                if behind and behind[0].get("bytes", 0) - by > 0 and value + by > 0:
                    moved = {**behind[0], "bytes": behind[0]["bytes"] - by}
                    yield "width", [*before, {**block, key: value + by}, moved, *behind[1:]]
        else:
            rest = {other: one for other, one in block.items() if other != key}
            yield "key", [*before, rest, *behind]
            for changed in _values(value):
                yield "key", [*before, {**block, key: changed}, *behind]
