"""Read ``layout/*.toml`` into a Layout and report every problem at once, with file and line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adapters.characters.charset import ENCODINGS, HOST_ENCODINGS
from adapters.codecs.layout_host import FIELD_CHOICES, FIELD_TYPES, RECORD_FORMATS, check_host, is_host, with_digits
from adapters.codecs.layout_shapes import grouped, is_multi, load_multi, totals
from adapters.sdk.item_table import with_fields
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.problems import Problems
from adapters.sdk.toml import TomlFile, read_toml

_KINDS = ("fixed", "delimited", "json", "xml", "excel")
_CHOICES = {
    "encoding": (*ENCODINGS, *HOST_ENCODINGS),
    "record_format": RECORD_FORMATS,
    "line_end": ("crlf", "lf", "none"),
    "quoting": ("minimal", "all", "none"),
    "form": ("object", "array", "lines"),
    "absent": ("empty", "omit", "null"),
}
_LAYOUT_KEYS = {
    "id": str,
    "kind": str,
    "encoding": str,
    "gaiji": bool,
    "record_bytes": int,
    "record_format": str,
    "line_end": str,
    "delimiter": str,
    "quote": str,
    "quoting": str,
    "header_line": bool,
    "form": str,
    "absent": str,
    "element": str,
    "root": str,
    "namespace": str,
    "sheet": str,
    "first_row": int,
    "table": str,
    "note": str,
}
_FIELD_KEYS = {
    "name": str,
    "bytes": int,
    "type": str,
    "pad": str,
    "path": str,
    "json": str,
    "filler": bool,
    "value": str,
    "cell": str,
    "note": str,
    **FIELD_TYPES,
}
_TABLES = ("layout", "records", "header", "field", "trailer", "group")
_RECORD_KEYS = ("type_field", "header", "data", "trailer", "count_field")
_TYPES = ("X", "N", "9")
_XML_NAME = re.compile(r"[^\W\d][\w.-]*\Z")
_NAMESPACE = re.compile(r"[!#-%(-;=?-~]*\Z")
_PADS = ("right-space", "left-zero", "right-wide-space")


def load_layout(path: Path, problems: Problems | None = None) -> Layout | None:
    """The layout of ``path``. Without ``problems`` raises ConfigurationError CB6008; with it, notes and goes on.

    ``None`` is returned only together with noted problems.
    """
    own = problems if problems is not None else Problems()
    before = len(own.found)
    layout = _load(path, own)
    if problems is None:
        own.raise_if_any()
    return layout if len(own.found) == before else None


def _load(path: Path, problems: Problems) -> Layout | None:
    file = read_toml(path, problems)
    return read_layout(file, problems) if file is not None else None


def read_layout(file: TomlFile, problems: Problems) -> Layout | None:
    """The layout of an already parsed file; ``None`` only together with noted problems."""
    path = file.path
    before = len(problems.found)
    layout = _read(with_fields(file, problems), path, problems)
    return layout if len(problems.found) == before else None


def _read(file: TomlFile, path: Path, problems: Problems) -> Layout | None:
    if is_multi(file):
        return load_multi(file, problems, load_layout)
    for key in file.data:
        if key not in _TABLES:
            problems.unknown(path, key, key, _TABLES, line=file.line(key))
    head = _table(file, "layout", _LAYOUT_KEYS, problems)
    kind = str(head.get("kind", ""))
    foreign = bool(kind) and kind not in _KINDS
    for key in ("id", "kind"):
        if not head.get(key):
            problems.add(path, f"layout.{key}", line=file.line("layout"), expected="a value", got="nothing")
    head.setdefault("encoding", "utf-8" if kind in {"json", "xml", "excel"} else "cp932")
    for key, choices in _CHOICES.items():
        if key in head and head[key] not in choices:
            problems.unknown(path, f"layout.{key}", str(head[key]), choices, line=file.line("layout"))
    marks = _records(file, problems)
    fields = _fields(file, "field", kind, problems)
    header = _fields(file, "header", kind, problems)
    trailer = _fields(file, "trailer", kind, problems)
    if not fields:
        problems.add(path, "field", expected="at least one [[field]]", got="none")
    count = marks.get("count_field", "")
    if not count and any(one.name == "件数" for one in trailer):
        count = "件数"
    for key in ("note", "table"):
        head.pop(key, None)
    layout = (
        Layout(
            **head,
            fields=tuple(fields),
            header=tuple(header),
            trailer=tuple(trailer),
            type_field=marks.get("type_field", ""),
            header_mark=marks.get("header", ""),
            data_mark=marks.get("data", ""),
            trailer_mark=marks.get("trailer", ""),
            count_field=count,
            totals=totals(file, fields, trailer, problems),
            path=path,
        )
        if head.get("id") and kind
        else None
    )
    if layout is not None and not foreign:
        _check(file, layout, problems)
    return grouped(file, layout, problems) if layout is not None and "group" in file.data else layout


def _table(file: TomlFile, name: str, keys: dict[str, type], problems: Problems) -> dict[str, Any]:
    found = file.data.get(name)
    if not isinstance(found, dict):
        problems.add(file.path, name, line=file.line(name), expected=f"[{name}]", got="nothing")
        return {}
    return _typed(file, name, file.line(name), found, keys, problems)


def _typed(
    file: TomlFile, name: str, line: int, found: dict[str, Any], keys: dict[str, type], problems: Problems
) -> dict[str, Any]:
    good: dict[str, Any] = {}
    for key, value in found.items():
        if key not in keys:
            problems.unknown(file.path, f"{name}.{key}", key, keys, line=line)
        elif type(value) is not keys[key]:
            problems.add(file.path, f"{name}.{key}", line=line, expected=keys[key].__name__, got=type(value).__name__)
        else:
            good[key] = value
    return good


def _records(file: TomlFile, problems: Problems) -> dict[str, str]:
    found = file.data.get("records", {})
    if not isinstance(found, dict):
        problems.add(file.path, "records", line=file.line("records"), expected="[records]", got="another shape")
        return {}
    found = {key: value for key, value in found.items() if key != "totals"}
    good = _typed(file, "records", file.line("records"), found, dict.fromkeys(_RECORD_KEYS, str), problems)
    if found and not good.get("type_field"):
        problems.add(file.path, "records.type_field", line=file.line("records"), expected="a field name", got="")
    return {key: str(value) for key, value in good.items()}


def _fields(file: TomlFile, table: str, kind: str, problems: Problems) -> list[LayoutField]:
    fields: list[LayoutField] = []
    seen: dict[str, int] = {}
    for line, found in file.tables(table, problems):
        good = _typed(file, table, line, found, _FIELD_KEYS, problems)
        name = str(good.get("name", ""))
        where = f"{table}.{name or len(fields)}"
        if not name:
            problems.add(file.path, f"{where}.name", line=line, expected="a name", got="")
            continue
        if name in seen:
            problems.add(file.path, where, line=line, expected="each name once", got=f"line {seen[name]} too")
        seen[name] = line
        for key, choices in (
            ("type", _TYPES), ("pad", _PADS), ("json", ("string", "number")), *FIELD_CHOICES.items()
        ):  # fmt: skip
            if key in good and good[key] not in choices:
                problems.unknown(file.path, f"{where}.{key}", str(good[key]), choices, line=line)
        if kind == "fixed" and good.get("bytes", 0) < 1:
            problems.add(file.path, f"{where}.bytes", line=line, expected="1 or more", got=str(good.get("bytes", 0)))
        good["path"] = tuple(good["path"].split(".")) if good.get("path") else (name,)
        fields.append(with_digits(LayoutField(**good, line=line)))
    return fields


def _check(file: TomlFile, layout: Layout, problems: Problems) -> None:
    head = file.line("layout")
    if layout.kind == "fixed":
        _check_widths(file, layout, problems)
    if is_host(layout):
        check_host(file, layout, problems)
    if layout.kind == "delimited":
        _check_delimited(file, layout, problems)
    if layout.kind == "json" and layout.encoding != "utf-8":
        problems.add(file.path, "layout.encoding", line=head, expected="utf-8", got=layout.encoding)
    if layout.kind == "json":
        _check_paths(file, layout.fields, problems)
    if layout.kind == "excel" and (layout.encoding != "utf-8" or layout.type_field or layout.first_row < 1):
        expected = "utf-8, first_row from 1, no [records]"
        problems.add(file.path, "layout.kind", line=head, expected=expected, got=layout.encoding)
    if layout.kind == "xml":
        _check_xml(file, layout, problems)
    if layout.type_field:
        if layout.kind in {"json", "xml"} or layout.header_line:
            problems.add(
                file.path, "records", line=file.line("records"), expected="fixed, or delimited without header line"
            )
        for table, fields, mark in (
            ("header", layout.header, layout.header_mark),
            ("field", layout.fields, layout.data_mark),
            ("trailer", layout.trailer, layout.trailer_mark),
        ):
            _check_marked(file, layout, table, fields, mark, problems)
    elif layout.header or layout.trailer:
        problems.add(file.path, "records", expected="[records] with type_field", got="header or trailer without it")


def _check_delimited(file: TomlFile, layout: Layout, problems: Problems) -> None:
    head = file.line("layout")
    for key, value, most in (("delimiter", layout.delimiter, 1), ("quote", layout.quote, 1)):
        if len(value) > most or not value.isascii() or (key == "delimiter" and not value):
            problems.add(file.path, f"layout.{key}", line=head, expected="one ASCII character", got=repr(value))
    if layout.quote == layout.delimiter:
        problems.add(file.path, "layout.quote", line=head, expected="another than the delimiter", got=layout.quote)
    if layout.line_end == "none":
        problems.add(file.path, "layout.line_end", line=head, expected="crlf or lf", got="none")


def _check_xml(file: TomlFile, layout: Layout, problems: Problems) -> None:
    line = file.line("layout")
    for key, needed in (("element", True), ("root", layout.form == "array")):
        text = getattr(layout, key)
        if bool(text) != needed or (text and not _XML_NAME.match(text)):
            problems.add(
                file.path, f"layout.{key}", line=line, expected="an element's name" if needed else "nothing", got=text
            )
    if layout.form == "lines":
        problems.add(file.path, "layout.form", line=line, expected="object or array", got="lines")
    if not _NAMESPACE.match(layout.namespace):
        problems.add(file.path, "layout.namespace", line=line, expected="an address in ASCII", got=layout.namespace)
    for one in layout.fields:
        if not all(_XML_NAME.match(step.removeprefix("@")) for step in one.path) or "@" in "".join(one.path[:-1]):
            got = ".".join(one.path)
            problems.add(file.path, f"{one.name}.path", line=one.line, expected="names of elements", got=got)
    _check_paths(file, layout.fields, problems)


def _check_marked(
    file: TomlFile, layout: Layout, table: str, fields: Sequence[LayoutField], mark: str, problems: Problems
) -> None:
    line = file.line("records")
    if bool(mark) != bool(fields):
        problems.add(file.path, f"records.{table}", line=line, expected=f"a mark and [[{table}]] together", got=mark)
    elif fields and fields[0].name != layout.type_field:
        got = fields[0].name
        problems.add(file.path, f"{table}.{got}", line=fields[0].line, expected=f"{layout.type_field} first", got=got)
    if table == "trailer" and layout.count_field and layout.count_field not in {one.name for one in fields}:
        names = [one.name for one in fields]
        problems.unknown(file.path, "records.count_field", layout.count_field, names, line=line)


def _check_widths(file: TomlFile, layout: Layout, problems: Problems) -> None:
    total = sum(one.bytes for one in layout.fields)
    if layout.record_bytes != total:
        line = file.line("layout")
        problems.add(
            file.path, "layout.record_bytes", line=line, expected=f"{total} (sum)", got=str(layout.record_bytes)
        )
    for table, fields in (("header", layout.header), ("trailer", layout.trailer)):
        width = sum(one.bytes for one in fields)
        if width > layout.record_bytes:
            expected = f"at most {layout.record_bytes}"
            problems.add(file.path, table, line=file.line(table), expected=expected, got=str(width))
    for one in (*layout.header, *layout.fields, *layout.trailer):
        if one.pad == "left-zero" and one.type != "9":
            problems.add(
                file.path, f"{one.name}.pad", line=one.line, expected="left-zero only for type 9", got=one.type
            )


def _check_paths(file: TomlFile, fields: Sequence[LayoutField], problems: Problems) -> None:
    leaves: dict[tuple[str, ...], str] = {}
    for one in fields:
        for other in leaves:
            short, long = sorted((one.path, other), key=len)
            if long[: len(short)] == short:
                got = ".".join(other)
                problems.add(file.path, f"{one.name}.path", line=one.line, expected="a place of its own", got=got)
        leaves[one.path] = one.name
