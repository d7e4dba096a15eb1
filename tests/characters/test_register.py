"""The gaiji register: loaded with all problems, written and read without change."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.characters.register import COLUMNS, GaijiRegister, load_register, save_register
from bus.core.errors import ConfigurationError

HEADER = ",".join(COLUMNS)


def written(tmp_path: Path, *rows: str) -> Path:
    """A register file with these rows."""
    path = tmp_path / "gaiji.csv"
    path.write_text("\r\n".join((HEADER, *rows, "")), encoding="utf-8", newline="")
    return path


def test_a_register_answers_both_ways(tmp_path: Path) -> None:
    """Code to sequence and sequence to code, base and selector as one."""
    path = written(tmp_path, "F040,U+845B U+E0101,MJ022335,字形一致,照合票 1,文字同定担当,2026-01-10,")
    register = load_register(path)
    assert register.sequence("F040") == "\u845b\U000e0101"
    assert register.code("\u845b\U000e0101") == "F040"
    assert register.sequence("F041") == register.code("\u845b") == ""


def test_an_unidentified_character_stays_unknown(tmp_path: Path) -> None:
    """同定不可能 is a decision, and it gives no sequence."""
    register = load_register(written(tmp_path, "F040,,,同定不可能,,文字同定担当,2026-01-10,"))
    assert len(register.rows) == 1
    assert register.sequence("F040") == ""


def test_a_decision_is_not_used_before_its_day(tmp_path: Path) -> None:
    """valid_from is the first day."""
    path = written(tmp_path, "F040,U+9AD9,,字形一致,,文字同定担当,,2026-04-01")
    assert load_register(path, on="2026-03-31").sequence("F040") == ""
    assert load_register(path, on="2026-04-01").sequence("F040") == "\u9ad9"


def test_of_two_codes_for_one_character_the_first_is_written(tmp_path: Path) -> None:
    """Both are read; the order of the file decides which is written."""
    register = load_register(written(tmp_path, "F040,U+9AD9,,字形一致,,担当,,", "F041,U+9AD9,,デザイン差,,担当,,"))
    assert register.sequence("F041") == "\u9ad9"
    assert register.code("\u9ad9") == "F040"


def test_every_wrong_row_is_named_at_once(tmp_path: Path) -> None:
    """Each finding has its line; private use, a lone selector and unknown classes are refused."""
    path = written(
        tmp_path,
        "F03F,U+9AD9,,字形一致,,担当,,",
        "F040,U+E000,,字形一致,,担当,,",
        "F041,U+845B U+0041,,字形一致,,担当,,",
        "F042,U+9AD9,X,字形不一致,,,2026/1/1,",
        "F043,,,字形一致,,担当,,",
        "F042,U+9AD9,,字形一致,,担当,,",
        "F045",
    )
    with pytest.raises(ConfigurationError) as caught:
        load_register(path)
    assert {finding.line for finding in caught.value.findings} == {2, 3, 4, 5, 6, 7, 8}
    assert {"mj", "class", "decided_by", "decided_at"} <= {one.path for one in caught.value.findings if one.line == 5}


@pytest.mark.parametrize("content", [b"", b"a,b\r\n", b"\xff\xfe"])
def test_a_file_that_is_no_register_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, other columns, not UTF-8: one finding."""
    path = tmp_path / "gaiji.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_register(path)
    assert caught.value.code == "CB6008"


def test_a_missing_register_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is a problem, not an empty register."""
    with pytest.raises(ConfigurationError):
        load_register(tmp_path / "none.csv")


def test_a_saved_register_is_the_same_when_loaded(tmp_path: Path) -> None:
    """Save, load, save: the same bytes."""
    first = load_register(written(tmp_path, 'F040,U+9AD9,MJ028902,字形一致,"照合, 票",担当,2026-01-10,2026-04-01'))
    save_register(first, tmp_path / "again.csv")
    second = load_register(tmp_path / "again.csv")
    assert second.rows == first.rows
    assert second.dump() == first.dump()
    assert GaijiRegister().first_characters == ""
