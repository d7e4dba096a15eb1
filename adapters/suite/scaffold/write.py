"""Write the guessed definition: adapter.toml, layout, mapping with every item spoken of, sample, README."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from adapters.suite.scaffold.model import TYPE_FIELD, Guess, GuessedField, GuessedKind
from schemas.model import Edition, RecordType

TO_CONFIRM = "要確認"


_CI = """# 自社の CI の一段: 定義が変わるたびに汎用試験を行う / a CI step: the universal suite at every change
steps:
  - run: python -m pip install chiikibus
  - run: chiikibus adapter check --folder .
  - run: chiikibus adapter coverage --folder . --check
  - run: chiikibus adapter suite --folder . --json
  - run: chiikibus adapter mutants --folder . --json
"""


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def write_folder(
    folder: Path, vendor: str, sample: Path, found: Guess, record: RecordType, edition: Edition
) -> tuple[Path, ...]:
    """The files of a new definition; ``folder`` must not exist yet (FileExistsError)."""
    folder.mkdir(parents=True)
    for name in ("layout", "mapping", "codes", "samples", "ci"):
        (folder / name).mkdir()
    shutil.copyfile(sample, folder / "samples" / sample.name)
    texts = {
        "adapter.toml": _adapter(vendor, sample, record, edition),
        f"layout/{record.name}.toml": _layout(vendor, found, record),
        f"mapping/{record.name}.toml": _mapping(vendor, found, record),
        "samples/samples.toml": _samples(sample, record),
        "README.md": _readme(vendor, found, record),
        "ci/adapter.yml": _CI,
    }
    for one in found.kinds:
        texts[f"layout/{record.name}.{one.role}.toml"] = _kind(vendor, found, record, one)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(folder / name for name in texts)


def _adapter(vendor: str, sample: Path, record: RecordType, edition: Edition) -> str:
    operations = edition.units[record.unit].operations.values()
    fitting = [one for one in operations if record.name in (one.record, one.request_record)]
    notices = [one for one in fitting if one.pattern == "notice"]
    operation = (notices or fitting or list(operations))[0]
    return "\n".join(
        (
            "[adapter]",
            f"vendor = {_quote(vendor)}",
            f"vendor_ja = {_quote(vendor + '社')}",
            f"unit = {_quote(record.unit)}",
            f"name_ja = {_quote(f'{vendor}社 アダプター（{TO_CONFIRM}）')}",
            f"edition = {_quote(edition.version)}",
            "",
            f"# {TO_CONFIRM}: 操作・フォルダー・ファイル名の型",
            "[[flow]]",
            f"id = {_quote(record.name)}",
            'kind = "file-to-bus"',
            'folder = "inbox"',
            f"pattern = {_quote('*' + sample.suffix)}",
            'end_mark = ".END"',
            f"layout = {_quote(f'layout/{record.name}.toml')}",
            f"mapping = {_quote(f'mapping/{record.name}.toml')}",
            f"operation = {_quote(operation.key)}",
            "",
        )
    )


def _kind(vendor: str, found: Guess, record: RecordType, one: GuessedKind) -> str:
    """The layout of one kind of record of a file of several."""
    lines = [f"# {one.role} レコード（先頭の項目が {one.mark}）", "[layout]"]
    lines += [f"id = {_quote(f'{vendor}.{record.name}.{one.role}')}", 'kind = "fixed"']
    lines += [f"encoding = {_quote(found.encoding)}", f"record_bytes = {found.record_bytes}"]
    lines += [f"line_end = {_quote(found.line_end)}"]
    for field in one.fields:
        lines += _field("field", field, "fixed")
    return "\n".join([*lines, ""])


def _kinds(vendor: str, found: Guess, record: RecordType) -> str:
    """The layout of the whole file: which kinds of record there are, and what is counted and added up."""
    lines = [*(f"# {remark}" for remark in found.remarks), "[layout]"]
    lines += [f"id = {_quote(f'{vendor}.{record.name}')}", 'kind = "multi"']
    for one in found.kinds:
        lines += ["", "[[record]]", f"role = {_quote(one.role)}", f"mark = {_quote(one.mark)}"]
        lines += [f"layout = {_quote(f'{record.name}.{one.role}.toml')}"]
        for key, pairs in (("counts", one.counts), ("totals", one.totals)):
            shown = ", ".join(f"{_quote(name)} = {_quote(what)}" for name, what in pairs)
            lines += [f"{key} = {{ {shown} }}"] if pairs else []
    return "\n".join([*lines, ""])


def _layout(vendor: str, found: Guess, record: RecordType) -> str:
    if found.kinds:
        return _kinds(vendor, found, record)
    lines = [*(f"# {remark}" for remark in found.remarks), "[layout]"]
    lines += [f"id = {_quote(f'{vendor}.{record.name}')}", f"kind = {_quote(found.kind)}"]
    lines += [f"encoding = {_quote(found.encoding)}"]
    if found.gaiji:
        lines.append("gaiji = true")
    if found.kind == "fixed":
        lines += [f"record_bytes = {found.record_bytes}", f"line_end = {_quote(found.line_end)}"]
    if found.kind == "delimited":
        lines += [f"line_end = {_quote(found.line_end)}", f"delimiter = {_quote(found.delimiter)}"]
        lines += ['quote = "\\""', f"quoting = {_quote(found.quoting)}"]
        lines += [f"header_line = {str(found.header_line).lower()}"]
    if found.kind == "json":
        lines += [f"form = {_quote(found.form)}", f"absent = {_quote(found.absent)}"]
        lines += [f"line_end = {_quote(found.line_end)}"] if found.form == "lines" else []
    if any(found.marks):
        header, data, trailer = found.marks
        lines += ["", "[records]", 'type_field = "レコード区分"', f"header = {_quote(header)}"]
        lines += [f"data = {_quote(data)}", f"trailer = {_quote(trailer)}"]
    for table, fields in (("header", found.header), ("field", found.fields), ("trailer", found.trailer)):
        for one in fields:
            lines += _field(table, one, found.kind)
    return "\n".join([*lines, ""])


def _field(table: str, one: GuessedField, kind: str) -> list[str]:
    lines = ["", f"[[{table}]]", f"name = {_quote(one.name)}", f"type = {_quote(one.type)}"]
    if kind == "fixed":
        lines.append(f"bytes = {one.bytes}")
        lines += [f"pad = {_quote(one.pad)}"] if one.pad != "right-space" else []
        for key in ("usage", "sign", "blank"):
            lines += [f"{key} = {_quote(getattr(one, key))}"] if getattr(one, key) else []
        lines += [f"{key} = true" for key in ("wide", "keep_zeros", "filler") if getattr(one, key)]
    lines += ['json = "number"'] if one.number else []
    return lines + ([f"path = {_quote(one.path)}"] if "." in one.path else [])


def _mapping(vendor: str, found: Guess, record: RecordType) -> str:
    dates = {one.name: one.conversion for one in found.fields if one.conversion}
    marked = any(found.marks)
    names = [one.name for one in found.fields if not (one.filler or (marked and one.name == TYPE_FIELD))]
    same = {item.name_ja: item for item in record.items}
    lines = [
        f"# {TO_CONFIRM}: 対応が決まった項目を [[item]] に移す。必須項目がすべて対応したら direction を both にする。",
        "[mapping]",
        f"id = {_quote(f'{vendor}.{record.name}')}",
        f"layout = {_quote(f'layout/{record.name}.toml')}",
        f"record = {_quote(f'{record.unit}.{record.name}')}",
        'direction = "to_vendor"',
    ]
    for name in names:
        if name in same:
            lines += ["", f"# {TO_CONFIRM}: 項目名が同じ", "[[item]]", f"vendor = [{_quote(name)}]"]
            how = dates.get(name, "copy") if same[name].type == "DATE" else "copy"
            lines += [f"standard = [{_quote(same[name].name)}]", f"conversion = {_quote(how)}"]
    rest = [name for name in names if name not in same]
    missing = [item.name for item in record.items if item.name_ja not in names]
    lines += _unmapped("vendor", rest) + _unmapped("standard", missing)
    return "\n".join([*lines, ""])


def _unmapped(side: str, names: Iterable[str]) -> list[str]:
    listed = [f"    {_quote(name)}," for name in names]
    if not listed:
        return []
    head = ["", "[[unmapped]]", f"side = {_quote(side)}", "items = ["]
    return [*head, *listed, "]", f"reason = {_quote(TO_CONFIRM)}", 'loss = "forbid"']


def _samples(sample: Path, record: RecordType) -> str:
    lines = ("[[sample]]", f"file = {_quote(sample.name)}", f"layout = {_quote(f'layout/{record.name}.toml')}")
    return "\n".join((*lines, f"mapping = {_quote(f'mapping/{record.name}.toml')}", ""))


def _readme(vendor: str, found: Guess, record: RecordType) -> str:
    remarks = "\n".join(f"- {remark}" for remark in found.remarks)
    return f"""# {vendor}社 {record.unit}.{record.name} アダプター定義（ひな形）

サンプルファイルから次のように推定しました。すべて人が確かめてください。

{remarks}

次にすること:
1. `layout/{record.name}.toml` の項目名・型・幅を確かめる。
2. `mapping/{record.name}.toml` の「{TO_CONFIRM}」を、対応（`[[item]]`）か理由のある対象外に置き換える。
3. `chiikibus adapter check --folder . --proofs` で誤りをなくし、入らない幅を確かめる。
4. サンプルの正しい読み（`chiikibus adapter convert`）を仕様書と見比べ、`samples/samples.toml` の `standard` に加える。
5. `chiikibus adapter golden`、`coverage --write`、`suite`、`mutants`（どれも `--folder .`）を順に行う。
6. `ci/adapter.yml` を自社の CI に置く。変更のたびに汎用試験が走る。

A definition guessed from a sample file; every guess above is for a person to confirm.
"""
