"""The requirement rows: complete, in order, and each shown by tests that exist or with a reason why not."""

from __future__ import annotations

import ast
import csv
from functools import cache
from pathlib import Path

import pytest

from schemas.catalog import CatalogError, load_requirements
from schemas.model import Requirement
from tests.support.repository import ROOT

ROWS = load_requirements()
GOOD = {
    "id": "BP-R1",
    "level": "MUST",
    "role": "both",
    "document": "WS-I BP 1.1",
    "clause": "R1",
    "text_ja": "こうする。",
    "text_en": "So it is.",
    "tests": "tests/schemas/test_requirements.py::test_a_row_without_fault_is_read",
    "not_tested_reason": "",
    "since": "1.0",
    "not_judged_reason": "",
    "requires": "",
    "retired": "",
}
SPOILT = {
    "no level": ({"level": "WILL"}, "unknown level"),
    "no role": ({"role": "server"}, "unknown role"),
    "no Japanese": ({"text_ja": "This is so."}, "no Japanese text"),
    "no English": ({"text_en": " "}, "empty: text_en"),
    "no id": ({"id": ""}, "empty: id"),
    "no clause": ({"clause": ""}, "empty: clause"),
    "no document": ({"document": ""}, "empty: document"),
    "no version": ({"since": ""}, "empty: since"),
    "neither test nor reason": ({"tests": ""}, "either tests or a reason"),
    "test and reason": ({"not_tested_reason": "whatever"}, "either tests or a reason"),
    "no test": ({"tests": "by hand"}, "is not tests/<room>"),
    "twice": ({"id": "BP-R0"}, "occurs twice"),
    "out of order": ({"id": "BP-Q9"}, "out of order"),
}


def write(folder: Path, *rows: dict[str, str]) -> Path:
    """A folder with one document."""
    with (folder / "bp.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(GOOD))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the test functions of a file; none where there is no such file."""
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def missing(row: Requirement) -> list[str]:
    """The tests that a row names and that are not there."""
    found = []
    for name in row.test_names:
        file, _, function = name.partition("::")
        if function not in names_in(ROOT / file):
            found.append(f"{row.id}: {name}")
    return found


def test_every_named_test_is_in_the_tree() -> None:
    """A renamed test has to be renamed here too."""
    assert [problem for row in ROWS for problem in missing(row)] == []


@pytest.mark.parametrize("name", ["tests/schemas/test_requirements.py::test_x", "tests/nowhere/test_x.py::test_x"])
def test_a_test_that_is_not_there_is_noticed(name: str) -> None:
    """A function that is missing from its file, and a file that is missing."""
    assert missing(Requirement(**{**GOOD, "tests": f"{GOOD['tests']}; {name}"})) == [f"BP-R1: {name}"]


def test_a_row_without_fault_is_read(tmp_path: Path) -> None:
    """With its tests as names, and 9 before 10."""
    rows = load_requirements(write(tmp_path, {**GOOD, "id": "BP-R9"}, {**GOOD, "id": "BP-R10"}))
    assert [row.id for row in rows] == ["BP-R9", "BP-R10"]
    assert rows[0].test_names == (GOOD["tests"],)


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_row_is_noticed(name: str, tmp_path: Path) -> None:
    """Each check bites: file, line and what is wrong."""
    values, text = SPOILT[name]
    with pytest.raises(CatalogError) as caught:
        load_requirements(write(tmp_path, {**GOOD, "id": "BP-R0"}, {**GOOD, **values}))
    assert any("bp.csv:3" in problem and text in problem for problem in caught.value.problems), caught.value


def test_a_missing_column_is_noticed(tmp_path: Path) -> None:
    """The columns are exactly those of the value."""
    (tmp_path / "bp.csv").write_text("id,level\nBP-R1,MUST\n", "utf-8")
    with pytest.raises(CatalogError, match="missing columns: role"):
        load_requirements(tmp_path)


def test_an_id_of_another_document_is_noticed(tmp_path: Path) -> None:
    """Ids are unique among all documents."""
    write(tmp_path, GOOD)
    (tmp_path / "ws.csv").write_text((tmp_path / "bp.csv").read_text("utf-8"), "utf-8")
    with pytest.raises(CatalogError, match="occurs twice"):
        load_requirements(tmp_path)
