"""Decisions of people: checked against the MJ list, kept with who, when and what was before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.characters.decide import checked, decide, withdraw
from adapters.characters.history import History, history_path
from adapters.characters.register import CLASSES, Gaiji, load_register
from bus.core.errors import ConfigurationError

KEY = b"k" * 32
AT = "2026-01-10T09:00:00+09:00"
ROW = Gaiji("F040", "", "MJ022335", "字形一致", "照合票 1（合成）", "文字同定担当", "2026-01-10", "")


def begun(tmp_path: Path) -> tuple[Path, History]:
    """An empty register and its history."""
    path = tmp_path / "gaiji.csv"
    return path, History(history_path(path), KEY)


def test_a_decision_stands_in_register_and_history(tmp_path: Path) -> None:
    """The sequence comes from the MJ name; the history names scope, role and time, and verifies."""
    path, history = begun(tmp_path)
    row = decide(path, history, "990019/juki", ROW, at=AT)
    assert row.sequence == "\u845b\U000e0102"
    assert load_register(path).rows == (row,)
    (entry,) = history.entries()
    assert (entry["action"], entry["scope"], entry["by"], entry["at"]) == ("decided", "990019/juki", "文字同定担当", AT)
    assert history.verify(load_register(path)) == ()


def test_revision_and_withdrawal_keep_what_was_before(tmp_path: Path) -> None:
    """Nothing is forgotten; the same decision twice is one."""
    path, history = begun(tmp_path)
    first = decide(path, history, "990019/juki", ROW, at=AT)
    assert decide(path, history, "990019/juki", ROW, at=AT) == first
    decide(path, history, "990019/juki", replace(ROW, mj="MJ022336", class_="デザイン差"), at=AT)
    assert withdraw(path, history, "990019/juki", "F040", by="文字同定担当", at=AT)
    assert not withdraw(path, history, "990019/juki", "F040", by="文字同定担当", at=AT)
    entries = list(history.entries())
    assert [entry["action"] for entry in entries] == ["decided", "revised", "withdrawn"]
    assert entries[1]["before"]["mj"] == "MJ022335"
    assert load_register(path).rows == ()
    assert history.verify(load_register(path)) == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: [lines[0].replace(b"MJ022335", b"MJ022336"), *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [lines[1], lines[0]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [b"nonsense", *lines[1:]],
        lambda lines: lines[:-1],
    ],
)
def test_a_history_that_was_touched_does_not_verify(tmp_path: Path, spoil: object) -> None:
    """Changed, taken out, moved, doubled, spoilt, cut short: each shows."""
    path, history = begun(tmp_path)
    decide(path, history, "990019/juki", ROW, at=AT)
    decide(path, history, "990019/juki", replace(ROW, code="F041", mj="MJ022336"), at=AT)
    file = history_path(path)
    assert callable(spoil)
    file.write_bytes(b"\n".join(spoil(file.read_bytes().splitlines())) + b"\n")
    assert history.verify(load_register(path))


def test_a_register_that_was_edited_by_hand_shows(tmp_path: Path) -> None:
    """A row without a decision behind it is named, and so is another key."""
    path, history = begun(tmp_path)
    row = decide(path, history, "990019/juki", ROW, at=AT)
    path.write_text(path.read_text("utf-8").replace("照合票 1", "照合票 2"), encoding="utf-8")
    assert [one.reason for one in history.verify(load_register(path))] == ["register"]
    other = History(history_path(path), b"x" * 32)
    assert "signature" in {one.reason for one in other.verify()}
    assert row.evidence
    with pytest.raises(ValueError, match="32"):
        History(path, b"short")


@pytest.mark.parametrize(
    ("row", "item"),
    [
        (replace(ROW, mj="MJ999999"), "mj"),
        (replace(ROW, sequence="\u845b"), "ucs"),
        (replace(ROW, mj="", sequence="\u845b\U000e01ef"), "ucs"),
        (replace(ROW, mj="MJ003719", sequence="\u845b"), "ucs"),
        (replace(ROW, sequence="\u845b\U000e0102", class_=CLASSES[3]), "class"),
        (replace(ROW, evidence=""), "evidence"),
        (replace(ROW, decided_by=""), "decided_by"),
        (replace(ROW, class_="字形不一致"), "class"),
        (replace(ROW, code="0041"), "code"),
    ],
)
def test_a_decision_that_cannot_be_right_is_refused(tmp_path: Path, row: Gaiji, item: str) -> None:
    """Unknown glyph, glyph and text that differ, an unregistered pair, a glyph without text, missing facts."""
    path, history = begun(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        decide(path, history, "990019/juki", row, at=AT)
    assert item in {one.path for one in caught.value.findings}
    assert not path.exists()
    assert list(history.entries()) == []


def test_the_unidentifiable_is_a_decision_too(tmp_path: Path) -> None:
    """同定不可能 has no text; the MJ name is found for a text that has one."""
    row = checked(replace(ROW, mj="", class_=CLASSES[3]), tmp_path)
    assert (row.sequence, row.mj) == ("", "")
    assert checked(replace(ROW, mj="", sequence="\u9ad9"), tmp_path).mj == "MJ028902"


def test_host_codes_may_be_decided(tmp_path: Path) -> None:
    """The user area of JEF, an extended code, a private-use character."""
    path, history = begun(tmp_path)
    for number, code in enumerate(("80A1", "41A1", "7421", "U+E000")):
        decide(path, history, "990019/juki", replace(ROW, code=code, mj=f"MJ02233{5 + number}"), at=AT)
    assert len(load_register(path).rows) == 4
    assert json.loads(history_path(path).read_text("utf-8").splitlines()[-1])["number"] == 4
