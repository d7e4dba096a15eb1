"""The coverage tables that stand beside an adapter's README: made from its definition, compared with what is there.

A definition with few mappings has all its tables in ``COVERAGE.md``; one with many has a page for each unit of the
standard below ``coverage/``, and ``COVERAGE.md`` leads there. An adapter whose flows use a vendor's shared interfaces
says which of their tables it uses.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.mapping.coverage import STATES_JA, CoverageRow, coverage, facts
from adapters.suite.subject import Pair, Subject, load_pair
from bus.core.types import Finding
from schemas.model import Edition

FRONT = "COVERAGE.md"
PAGES = "coverage"
FEW = 12
"""Mappings up to which all tables stand on the front page."""
STATES = ("mapped", "constant", "derived", "unmapped", "structure")
TO_CONFIRM = "要確認"
"""What a scaffold writes in place of a reason."""
_HEAD = ("ベンダーの項目", "型", "標準の項目", "項目名", "型", "状態", "変換", "欠落", "理由・注記")

Shared = dict[Path, tuple[str, tuple[CoverageRow, ...]]]
"""Record and rows of mappings by their path."""


@dataclass(frozen=True, slots=True)
class _Table:
    """One table, with every mapping that it is the table of."""

    titles: tuple[str, ...]
    facts: tuple[str, ...]
    record: str
    unit_ja: str
    rows: tuple[CoverageRow, ...]


def pages(subject: Subject, shared: Shared | None = None) -> dict[Path, str]:
    """Every page of the definition: its path below the folder, and its text.

    ``shared`` remembers shared mappings that were read, for callers with many definitions.
    """
    tables = _tables(subject.pairs)
    if not subject.pairs:
        return {Path(FRONT): _references(subject, {} if shared is None else shared)}
    if len(subject.pairs) <= FEW:
        body = "".join(f"\n{_section(one)}" for one in tables)
        return {Path(FRONT): _front(subject, tables, "") + body}
    found: dict[Path, str] = {}
    for unit in dict.fromkeys(one.record.partition(".")[0] for one in tables):
        own = [one for one in tables if one.record.startswith(f"{unit}.")]
        title = f"# {subject.definition.vendor_ja} {own[0].unit_ja}: 全項目の対応表 / coverage tables\n"
        found[Path(PAGES) / f"{unit}.md"] = title + "".join(f"\n{_section(one)}" for one in own)
    return {Path(FRONT): _front(subject, tables, PAGES), **found}


def write_pages(subject: Subject, shared: Shared | None = None) -> list[Path]:
    """Write the pages that are not current and take away those of units that are gone; the paths touched."""
    wanted = pages(subject, shared)
    touched = [path for path, text in wanted.items() if _there(subject.folder / path) != text]
    for path in touched:
        (subject.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (subject.folder / path).write_text(wanted[path], encoding="utf-8", newline="\n")
    for path in _gone(subject, wanted):
        (subject.folder / path).unlink()
        touched.append(path)
    return touched


def stale(subject: Subject, shared: Shared | None = None) -> tuple[Finding, ...]:
    """CB6054 for every page that is missing, differs from the definition, or has none any more."""
    wanted = pages(subject, shared)
    found = []
    for path, text in wanted.items():
        there = _there(subject.folder / path)
        if there != text:
            got = "missing" if there is None else _first_difference(text, there)
            found.append(Finding("CB6054", path=str(path), got=got, place=str(subject.folder)))
    found += [
        Finding("CB6054", path=str(path), expected="no page", got="a page", place=str(subject.folder))
        for path in _gone(subject, wanted)
    ]
    return tuple(found)


def unexplained(subject: Subject) -> tuple[Finding, ...]:
    """CB6055 for every item whose reason is still the scaffold's."""
    return tuple(
        Finding("CB6055", path=f"{row.side}.{row.item}", expected="a reason", got=TO_CONFIRM, place=pair.name)
        for pair in subject.pairs
        for row in coverage(pair.mapping)
        if row.state != "mapped" and TO_CONFIRM in row.reason
    )


def _there(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _gone(subject: Subject, wanted: Iterable[Path]) -> list[Path]:
    there = {path.relative_to(subject.folder) for path in (subject.folder / PAGES).glob("*.md")}
    return sorted(there - set(wanted))


def _first_difference(wanted: str, there: str) -> str:
    new, old = wanted.splitlines(), there.splitlines()
    line = next((at for at, (a, b) in enumerate(zip(new, old, strict=False)) if a != b), min(len(new), len(old)))
    return f"line {line + 1} differs"


def _tables(found: Iterable[Pair]) -> list[_Table]:
    """The tables in the order of their records; mappings of one record with the same rows share one."""
    found_by: dict[tuple[str, tuple[CoverageRow, ...]], list[Pair]] = {}
    for pair in found:
        found_by.setdefault((pair.mapping.record, coverage(pair.mapping)), []).append(pair)
    tables = [
        _Table(
            tuple(one.mapping.id for one in pairs),
            tuple(facts(one.mapping) for one in pairs),
            record,
            pairs[0].mapping.unit.name_ja,
            rows,
        )
        for (record, rows), pairs in found_by.items()
    ]
    return sorted(tables, key=lambda one: (one.record, one.titles))


def _counts(rows: Iterable[CoverageRow]) -> dict[str, int]:
    counts = dict.fromkeys((f"{side}_{state}" for side in ("vendor", "standard") for state in STATES), 0)
    for row in rows:
        counts[f"{row.side}_{row.state}"] += 1
    return counts


def _front(subject: Subject, tables: list[_Table], folder: str) -> str:
    head = (
        f"# {subject.definition.name_ja}: 全項目の対応表 / coverage\n\n"
        "ベンダーの全項目と標準の全項目について、対応・固定値・算出・対象外（理由つき）・構造のどれかを示します。\n"
        "`chiikibus adapter coverage --write` が作るページです。手では直しません。古ければ試験が失敗します"
        "（CB6054）。\n\n"
        "*English.* Every item of the vendor and of the standard: mapped, constant, derived, structure, or left out\n"
        "with its reason. Written by `chiikibus adapter coverage --write`; a test fails when it is not current.\n\n"
    )
    lines = []
    for one in tables:
        name = "・".join(one.titles)
        where = f"{folder}/{one.record.partition('.')[0]}.md" if folder else ""
        lines.append((f"[{name}]({where}#{_anchor(name)})" if where else name, one.record, *_numbers(one.rows)))
    return head + _markdown(("対応定義", "標準のレコード", *_COUNTED), lines)


_COUNTED = ("ベンダー 対応", "固定値・算出", "対象外", "構造", "標準 対応", "固定値・算出", "対象外")


def _numbers(rows: Iterable[CoverageRow]) -> tuple[str, ...]:
    counts = _counts(rows)
    found = []
    for side in ("vendor", "standard"):
        fixed = counts[f"{side}_constant"] + counts[f"{side}_derived"]
        found += [counts[f"{side}_mapped"], fixed, counts[f"{side}_unmapped"]]
        found += [counts["vendor_structure"]] if side == "vendor" else []
    return tuple(map(str, found))


def _anchor(name: str) -> str:
    """The anchor of a heading as the usual renderers make it: lower case, dots and middle dots left out."""
    return name.lower().replace(".", "").replace("・", "")


def _section(table: _Table) -> str:
    text = f"## {'・'.join(table.titles)}\n\n標準のレコード: `{table.record}`\n\n"
    forms = "".join(f"- {name}: `{said}`\n" for name, said in zip(table.titles, table.facts, strict=True))
    text += f"様式:\n\n{forms}\n"
    return text + _markdown(_HEAD, _lines(table.rows))


def _lines(rows: tuple[CoverageRow, ...]) -> Iterator[tuple[str, ...]]:
    """A line for each item of the vendor with its counterpart; then the standard's items that have none."""
    names = {row.item: row for row in rows if row.side == "standard"}
    for row in rows:
        if row.side != "vendor" or row.state == "structure":
            continue
        others = [names[name] for name in row.counterpart.split("・") if name]
        theirs = ("・".join(map(str, one)) for one in zip(*((o.item, o.name_ja, o.type) for o in others), strict=True))
        yield row.item, row.type, *(tuple(theirs) or ("", "", "")), *_state(row)
    for row in rows:
        if row.side == "standard" and row.state != "mapped":
            yield "", "", row.item, row.name_ja, row.type, *_state(row)
    for row in rows:
        if row.state == "structure":
            yield row.item, row.type, "", row.name_ja, "", *_state(row)


def _state(row: CoverageRow) -> tuple[str, str, str, str]:
    return STATES_JA[row.state], row.conversion, row.loss, row.reason


def _markdown(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "|" + "|".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + "|\n"

    names = tuple(head)
    return line(names) + line("---" for _ in names) + "".join(map(line, lines))


def _references(subject: Subject, shared: Shared) -> str:
    """Which shared tables an adapter without mappings of its own uses, flow by flow."""
    lines = []
    for flow in subject.definition.flows:
        for prefix, what in (("", "データ"), ("request_", "要求"), ("reply_", "回答")):
            name = flow.text(f"{prefix}mapping")
            if not name:
                continue
            path = flow.path(f"{prefix}mapping").resolve()
            record, rows = shared[path] if path in shared else shared.setdefault(path, _shared(path, subject.edition))
            home = os.path.relpath(path.parents[1], subject.folder.resolve())
            where = f"{home}/{PAGES}/{record.partition('.')[0]}.md"
            lines.append((flow.id, "・".join(flow.operations), what, f"[{name}]({where})", *_numbers(rows)))
    return (
        f"# {subject.definition.name_ja}: 全項目の対応表 / coverage\n\n"
        "このアダプターの流れが使う連携仕様と、その項目の数です。全項目の表はリンクの先にあります。\n"
        "`chiikibus adapter coverage --write` が作るページです。古ければ試験が失敗します（CB6054）。\n\n"
        "*English.* The shared interfaces that the flows of this adapter use; every item is in the tables linked.\n\n"
        + _markdown(("流れ flow", "操作", "用途", "対応定義", *_COUNTED), lines)
    )


def _shared(path: Path, edition: Edition) -> tuple[str, tuple[CoverageRow, ...]]:
    pair = load_pair(path, edition)
    assert pair is not None  # what could not be read has been raised
    return pair.mapping.record, coverage(pair.mapping)
