"""The tables beside an adapter's README: current for what is shipped, and complete."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from adapters.mapping.coverage import coverage
from adapters.suite.coverage_pages import FRONT, pages, stale, unexplained, write_pages
from adapters.suite.subject import VENDORS, Subject, load_subject, shipped
from bus.cli import run
from schemas.catalog import load_edition

JUKI = VENDORS / "a" / "juki"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of a shipped definition."""
    return Path(shutil.copytree(JUKI, tmp_path / "x"))


def load(folder: Path) -> Subject:
    """The definition in a folder."""
    return load_subject(folder, load_edition())


@pytest.mark.slow
def test_the_tables_of_all_shipped_adapters_are_current() -> None:
    """What stands beside each README is what the definitions say today."""
    assert len(shipped()) > 60
    assert run(["adapter", "coverage", "--check"]) == 0


def test_every_item_of_both_sides_is_in_the_table(own: Path) -> None:
    """Names of the layout, structure included, and names of the record."""
    subject = load(own)
    text = pages(subject)[Path(FRONT)]
    for pair in subject.pairs:
        section = re.split(rf"## {re.escape(pair.mapping.id)}\n", text)[1].partition("\n## ")[0]
        cells = {cell for line in section.splitlines() for one in line.split("|") for cell in one.split("・")}
        fields = (*pair.layout.fields, *pair.layout.header, *pair.layout.trailer)
        assert {one.name for one in fields if "・" not in one.name} <= cells
        assert {item.name for item in pair.mapping.record_type.items} <= cells
        assert len(coverage(pair.mapping)) == len(fields) + len(pair.mapping.record_type.items)


def test_a_changed_rule_makes_the_table_stale_until_it_is_written(own: Path) -> None:
    """CB6054 names the page; writing it anew touches only what differs."""
    assert stale(load(own)) == ()
    path = own / "mapping" / "jumin.toml"
    text = path.read_text("utf-8")
    assert 'loss = "forbid"' in text
    path.write_text(text.replace('loss = "forbid"', 'loss = "allow"', 1), encoding="utf-8")
    assert [(one.code, one.path) for one in stale(load(own))] == [("CB6054", FRONT)]
    assert run(["adapter", "coverage", "--folder", str(own), "--check", "--json"]) == 1
    assert run(["adapter", "coverage", "--folder", str(own), "--write", "--json"]) == 0
    assert stale(load(own)) == ()
    assert write_pages(load(own)) == []


def test_a_missing_table_and_one_that_nothing_needs_are_named(own: Path) -> None:
    """A page that is not there, and a page of a unit that the definition does not have."""
    (own / FRONT).unlink()
    (own / "coverage").mkdir()
    (own / "coverage" / "kaigo.md").write_text("x", encoding="utf-8")
    assert {one.path for one in stale(load(own))} == {FRONT, "coverage/kaigo.md"}
    write_pages(load(own))
    assert stale(load(own)) == ()


def test_a_reason_that_is_still_to_be_confirmed_is_no_reason(own: Path) -> None:
    """CB6055 for each such item."""
    assert unexplained(load(own)) == ()
    path = own / "mapping" / "jumin.toml"
    head, mark, rest = path.read_text("utf-8").partition("[[unmapped]]")
    text = head + mark + re.sub(r'reason = "[^"]*"', 'reason = "要確認"', rest)
    path.write_text(text, encoding="utf-8")
    found = unexplained(load(own))
    assert found
    assert {one.code for one in found} == {"CB6055"}
