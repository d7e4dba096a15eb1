"""Layouts beyond one kind of single records: totals of a trailer, repeated columns ([group]), several kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.sdk.layout import Group, Layout, LayoutField, Member
from adapters.sdk.numbered import FormError, numbered
from adapters.sdk.problems import Problems
from adapters.sdk.toml import TomlFile

Load = Callable[[Path, Problems], Layout | None]

MOST_TIMES = 200
ROLES = ("header", "parent", "detail", "trailer", "end", "other")
COUNTED = ("detail", "parent", "all")
_GROUP_KEYS = ("times", "items", "key", "number", "blank", "none", "note")
_LAYOUT_KEYS = ("id", "kind", "note")
_RECORD_KEYS = ("role", "mark", "layout", "counts", "totals", "alone", "reason", "note")


def totals(
    file: TomlFile, fields: Sequence[LayoutField], trailer: Sequence[LayoutField], problems: Problems
) -> tuple[tuple[str, str], ...]:
    """``totals`` of [records]: fields of the trailer by the data field that they add up."""
    records = file.data.get("records", {})
    found = records.get("totals", {}) if isinstance(records, dict) else {}
    return _totals(file, "records.totals", file.line("records"), found, fields, trailer, problems)


def _totals(
    file: TomlFile,
    where: str,
    line: int,
    found: object,
    fields: Sequence[LayoutField],
    trailer: Sequence[LayoutField],
    problems: Problems,
) -> tuple[tuple[str, str], ...]:
    if not isinstance(found, dict):
        problems.add(file.path, where, line=line, expected="{ trailer field = data field }", got=type(found).__name__)
        return ()
    good: list[tuple[str, str]] = []
    for total, name in found.items():
        edge, data = [one.name for one in trailer], [one.name for one in fields]
        if total not in edge:
            problems.unknown(file.path, f"{where}.{total}", total, edge, line=line)
        elif name not in data:
            problems.unknown(file.path, f"{where}.{total}", str(name), data, line=line)
        else:
            good.append((total, name))
    return tuple(good)


def grouped(file: TomlFile, layout: Layout, problems: Problems) -> Layout | None:
    """The layout of the records that [group] takes a vendor record apart into."""
    line = file.line("group")
    table = file.data["group"]
    before = len(problems.found)
    if not isinstance(table, dict):
        problems.add(file.path, "group", line=line, expected="[group]", got=type(table).__name__)
        return None
    for key in table:
        if key not in _GROUP_KEYS:
            problems.unknown(file.path, f"group.{key}", key, _GROUP_KEYS, line=line)
    times = table.get("times", 0)
    if not isinstance(times, int) or not 1 < times <= MOST_TIMES:
        problems.add(file.path, "group.times", line=line, expected=f"2 to {MOST_TIMES}", got=str(times))
        return None
    items = _columns(file, layout, table.get("items", {}), times, problems)
    repeated = {column for _, columns in items for column in columns}
    shared = [one for one in layout.items if one.name not in repeated]
    key = _names(file, "group.key", line, table.get("key", []), problems)
    for name in key:
        if name not in {one.name for one in shared}:
            problems.unknown(file.path, "group.key", name, [one.name for one in shared], line=line)
    number, none = str(table.get("number", "")), str(table.get("none", "refuse"))
    taken = {one.name for one in shared} | {name for name, _ in items}
    if number in taken or len(taken) < len(shared) + len(items):
        problems.add(file.path, "group", line=line, expected="names of their own", got=number or "a column's name")
    if none not in ("refuse", "skip"):
        problems.unknown(file.path, "group.none", none, ("refuse", "skip"), line=line)
    if len(problems.found) > before:
        return None
    blank = _names(file, "group.blank", line, table.get("blank", []), problems)
    made = Group(times, items, key, number, blank, none)
    own = [LayoutField(number, type="9", line=line)] if number else []
    fields = [*shared, *own, *(replace(layout.field(columns[0]), name=name) for name, columns in items)]
    return replace(layout, fields=tuple(fields), type_field="", totals=(), group=made, inner=layout)


def _columns(
    file: TomlFile, layout: Layout, found: object, times: int, problems: Problems
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    line = file.line("group")
    if not isinstance(found, dict) or not found:
        problems.add(file.path, "group.items", line=line, expected='{ 税額 = "第{n}期税額" }', got="nothing")
        return ()
    known = {one.name: one for one in layout.items}
    items: list[tuple[str, tuple[str, ...]]] = []
    seen: dict[str, str] = {}
    for name, pattern in found.items():
        where = f"group.items.{name}"
        try:
            columns = tuple(numbered(str(pattern), number) for number in range(1, times + 1))
        except FormError as error:
            problems.add(file.path, where, line=line, expected="{n}, {n:02} or {n:wide}", got=str(error))
            continue
        for column in columns:
            if column not in known:
                problems.unknown(file.path, where, column, known, line=line)
            elif column in seen:
                problems.add(file.path, where, line=line, expected="each column once", got=column)
            elif _shape(known[column]) != _shape(known.get(columns[0])):
                problems.add(file.path, where, line=line, expected=f"the type and width of {columns[0]}", got=column)
            seen[column] = name
        items.append((name, columns))
    return tuple(items)


def _shape(one: LayoutField | None) -> tuple[object, ...]:
    return (one.type, one.bytes, one.pad, one.json) if one else ()


def _names(file: TomlFile, where: str, line: int, value: Any, problems: Problems) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    problems.add(file.path, where, line=line, expected="a list of texts", got=type(value).__name__)
    return ()


def is_multi(file: TomlFile) -> bool:
    """Whether the file says ``kind = "multi"``."""
    head = file.data.get("layout")
    return isinstance(head, dict) and head.get("kind") == "multi"


def load_multi(file: TomlFile, problems: Problems, load: Load) -> Layout | None:
    """A layout of several kinds of record, each read from its own file beside this one."""
    before = len(problems.found)
    head = file.data["layout"]
    for key in file.data:
        if key not in ("layout", "record"):
            problems.unknown(file.path, key, key, ("layout", "record"), line=file.line(key))
    for key in head:
        if key not in _LAYOUT_KEYS:
            problems.unknown(file.path, f"layout.{key}", key, _LAYOUT_KEYS, line=file.line("layout"))
    if not head.get("id"):
        problems.add(file.path, "layout.id", line=file.line("layout"), expected="a value", got="nothing")
    members = [
        found
        for number, (line, table) in enumerate(file.tables("record", problems))
        if (found := _member(file, f"record[{number}]", line, table, problems, load))
    ]
    roles = [one.role for one in members]
    for role in ROLES[:-1]:
        if roles.count(role) > 1 or (role == "detail" and role not in roles):
            expected = "exactly one" if role == "detail" else "at most one"
            problems.add(file.path, f"record.{role}", expected=expected, got=str(roles.count(role)))
    if len({one.mark for one in members}) < len(members):
        problems.add(file.path, "record.mark", expected="each mark once", got="a mark twice")
    if len(problems.found) > before:
        return None
    return _joined(file, str(head["id"]), members, problems)


def _joined(file: TomlFile, name: str, members: list[Member], problems: Problems) -> Layout | None:
    by_role = {one.role: one for one in members}
    detail = by_role["detail"].layout
    for one in members:
        for what in ("line_end", "encoding", *(("record_bytes",) if detail.line_end == "none" else ())):
            if getattr(one.layout, what) != getattr(detail, what):
                expected, got = f"{what} {getattr(detail, what)}", str(getattr(one.layout, what))
                problems.add(one.layout.path, f"layout.{what}", expected=expected, got=got)
                return None
    for one in members:
        data = {field.name: field for field in detail.fields}
        for total, source in one.totals:
            if source not in data:
                problems.unknown(file.path, f"record.{one.role}.totals.{total}", source, data)
                return None
    mark = detail.fields[0].name
    parent = by_role["parent"].layout if "parent" in by_role else None
    fields: dict[str, LayoutField] = {}
    for layout in (parent, detail):
        for field in layout.fields[1:] if layout else ():
            if not field.filler and field.name != mark:
                fields.setdefault(field.name, field)
    header = by_role["header"].layout.fields if "header" in by_role else ()
    trailer = by_role["trailer"].layout.fields if "trailer" in by_role else ()
    return replace(
        detail,
        id=name,
        path=file.path,
        fields=tuple(fields.values()),
        members=tuple(members),
        header=header,
        trailer=trailer,
    )


def _member(
    file: TomlFile, where: str, line: int, table: dict[str, Any], problems: Problems, load: Load
) -> Member | None:
    before = len(problems.found)
    for key in table:
        if key not in _RECORD_KEYS:
            problems.unknown(file.path, f"{where}.{key}", key, _RECORD_KEYS, line=line)
    role, mark = str(table.get("role", "")), str(table.get("mark", ""))
    alone = str(table.get("alone", "refuse"))
    for key, value, choices in (("role", role, ROLES), ("alone", alone, ("refuse", "skip"))):
        if value not in choices:
            problems.unknown(file.path, f"{where}.{key}", value, choices, line=line)
    if not mark:
        problems.add(file.path, f"{where}.mark", line=line, expected="the text of the first field", got="nothing")
    if role == "other" and not table.get("reason"):
        problems.add(file.path, f"{where}.reason", line=line, expected="where these records are read", got="nothing")
    path = file.path.parent / str(table.get("layout", ""))
    if not path.is_file():
        problems.add(file.path, f"{where}.layout", line=line, expected="a file beside this one", got=path.name)
        return None
    layout = load(path, problems)
    if layout is None:
        return None
    if layout.kind not in ("fixed", "delimited") or layout.type_field or layout.group or layout.members:
        expected = "a plain layout, fixed or delimited, without [records] and [group]"
        problems.add(path, "layout", expected=expected, got=layout.kind)
        return None
    counts = _pairs(file, f"{where}.counts", line, table.get("counts", {}), layout, problems)
    added = _pairs(file, f"{where}.totals", line, table.get("totals", {}), layout, problems)
    for name, what in counts:
        if what not in COUNTED:
            problems.unknown(file.path, f"{where}.counts.{name}", what, COUNTED, line=line)
    return Member(role, mark, layout, counts, added, alone) if len(problems.found) == before else None


def _pairs(
    file: TomlFile, where: str, line: int, found: object, layout: Layout, problems: Problems
) -> tuple[tuple[str, str], ...]:
    """A table from fields of the layout to something."""
    if not isinstance(found, dict):
        problems.add(file.path, where, line=line, expected="{ field = … }", got=type(found).__name__)
        return ()
    names = [one.name for one in layout.fields]
    for name in found:
        if name not in names:
            problems.unknown(file.path, f"{where}.{name}", name, names, line=line)
    return tuple((name, str(what)) for name, what in found.items())
