"""``adapter check --proofs``: what is proved at load time, what is not and why, and what will not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from adapters.suite.proofs import counts, notes
from adapters.suite.subject import VENDORS, Subject, load_subject
from bus.cli import run
from schemas.catalog import load_edition


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of vendor A's register, whose records have a fixed length."""
    return Path(shutil.copytree(VENDORS / "a" / "juki", tmp_path / "x"))


def load(folder: Path) -> Subject:
    """The definition in a folder."""
    return load_subject(folder, load_edition())


def about(subject: Subject, kind: str) -> set[str]:
    """What the notes of a kind are about."""
    return {one.about for one in notes(subject) if one.kind == kind}


def test_a_field_too_narrow_for_its_item_is_said_before_any_value_comes(own: Path) -> None:
    """60 bytes hold 30 full-width characters of the 50 that the standard allows."""
    assert "旧氏漢字 ↔ kyuji" in about(load(own), "width")


def test_a_table_that_leads_both_ways_is_proved_and_one_way_rows_are_counted(own: Path) -> None:
    """An alias makes the rule one that only sampling shows."""
    rule = "性別 ↔ seibetsu"
    before = load(own)
    assert rule not in about(before, "sampled") | about(before, "one-way")
    path = own / "codes" / "seibetsu.csv"
    lines = path.read_text("utf-8").splitlines()
    assert lines[0] == "vendor,standard,name_ja"
    alias = ["X", *lines[1].split(",")[1:], "to_standard"]
    text = "\n".join([f"{lines[0]},direction", *(f"{line}," for line in lines[1:]), ",".join(alias), ""])
    path.write_text(text, encoding="utf-8")
    after = load(own)
    assert rule in about(after, "sampled")
    assert rule in about(after, "one-way")
    assert counts(after)["proved"] < counts(before)["proved"]


def test_a_code_table_that_nothing_uses_is_named(own: Path) -> None:
    """Left over, or forgotten in the mapping."""
    assert about(load(own), "unused") == set()
    (own / "codes" / "extra.csv").write_text("vendor,standard,name_ja\n", encoding="utf-8")
    assert about(load(own), "unused") == {"codes/extra.csv"}


def test_the_command_tells_counts_and_notes(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, and for a person."""
    assert run(["adapter", "check", "--folder", str(own), "--proofs", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["proofs"]
    assert told["counts"]["proved"] > told["counts"]["sampled"] > 0
    assert {"kind", "mapping", "about", "says"} == set(told["notes"][0])
    assert run(["adapter", "check", "--folder", str(own), "--proofs"]) == 0
    assert "CB6005" in capsys.readouterr().out
