"""``chiikibus adapter``: exit codes, JSON documents, files written, lineage down to code points."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from adapters.cli.adapter import app
from adapters.suite.subject import VENDORS, shipped
from bus.cli import run

JUKI = VENDORS / "a" / "juki"
SAMPLE = JUKI / "samples" / "jumin.dat"
GAIJI = JUKI / "samples" / "gaiji.csv"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command with --json; its exit code and document."""

    def do(*arguments: object) -> tuple[int, Any]:
        code = run(["adapter", *map(str, arguments), "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return do


@pytest.mark.slow
def test_check_passes_all_shipped_adapters(call: Any) -> None:
    """Without a name, all of them."""
    assert call("check") == (0, {"ok": True, "checked": list(shipped()), "findings": []})


def test_check_names_every_problem_and_returns_2(call: Any, tmp_path: Path) -> None:
    """A folder of one's own, with a mistake in a mapping."""
    folder = Path(shutil.copytree(JUKI, tmp_path / "x"))
    path = folder / "mapping" / "jumin.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("atenabango", "atenabngo"), encoding="utf-8")
    code, document = call("check", "--folder", folder)
    assert code == 2
    assert {finding["path"] for finding in document["findings"]} == {"standard.atenabngo", "standard.atenabango"}


def test_an_unknown_adapter_is_a_usage_error_with_the_nearest_name(call: Any) -> None:
    """Exit code 2."""
    code, document = call("check", "a/jyuki")
    assert code == 2
    assert "a/juki" in document["findings"][0]["expected"]


def test_a_file_goes_to_the_standard_and_back(call: Any, tmp_path: Path) -> None:
    """The XML is the golden file's content; the data records come back byte for byte."""
    out, back = tmp_path / "x.xml", tmp_path / "x.dat"
    code, document = call("convert", SAMPLE, "--gaiji", GAIJI, "--out", out)
    assert (code, document["refused"], document["converted"]) == (0, 0, document["records"])
    wanted = etree.parse(JUKI / "samples" / "jumin.xml")
    assert [len(one) for one in etree.parse(out).getroot()] == [len(one) for one in wanted.getroot()]
    options = ("--to", "vendor", "--adapter", "a/juki", "--mapping", "mapping/jumin.toml", "--gaiji", GAIJI)
    code, document = call("convert", out, *options, "--out", back)
    assert (code, document["refused"]) == (0, 0)
    assert back.read_bytes().split(b"\r\n")[1:] == SAMPLE.read_bytes().split(b"\r\n")[1:]


def test_refused_records_are_counted_and_named_and_the_rest_is_converted(call: Any, tmp_path: Path) -> None:
    """Without the gaiji register: exit code 1, converted + refused = records, each finding with its byte."""
    code, document = call("convert", SAMPLE, "--out", tmp_path / "x.xml")
    assert code == 1
    assert document["refused"] > 0
    assert document["converted"] + document["refused"] == document["records"]
    assert {finding["code"] for finding in document["findings"]} == {"CB6003"}
    assert all("byte=" in finding["place"] and finding["name_ja"] for finding in document["findings"])
    assert not (tmp_path / "x.xml.part").exists()


def test_an_unknown_target_is_a_usage_error(call: Any) -> None:
    """standard or vendor."""
    assert call("convert", SAMPLE, "--to", "xml")[0] == 2


def test_a_file_that_no_definition_knows_asks_which(call: Any, tmp_path: Path) -> None:
    """The candidates are listed."""
    path = tmp_path / "unknown.bin"
    path.write_bytes(b"x")
    code, document = call("convert", path)
    assert code == 2
    assert "--adapter a/juki" in document["error"]["findings"][0]["expected"]


def test_explain_shows_bytes_and_code_points(call: Any) -> None:
    """By the standard's item, its Japanese name or the vendor's item."""
    for item in ("shimei", "氏名", "漢字氏名"):
        code, document = call("explain", SAMPLE, "--record", 1, "--item", item, "--gaiji", GAIJI)
        assert code == 0
        (row,) = [one for one in document["items"] if one["item"] == "shimei"]
        assert row["code_points"] == "U+7DCF U+52D9 U+3000 U+7FD4 U+5B50"
        source = row["sources"][0]
        assert source["raw"].startswith("91 8D 96 B1")
        assert SAMPLE.read_bytes()[source["byte"] : source["byte"] + 2] == bytes.fromhex("918D")


def test_explain_of_a_refused_record_names_the_problem(call: Any) -> None:
    """Exit code 1."""
    code, document = call("explain", SAMPLE, "--record", 6)
    assert code == 1
    assert document["error"]["code"] == "CB6003"


@pytest.mark.parametrize("options", [("--record", 9999), ("--record", 0), ("--item", "shimei")])
def test_explain_of_what_is_not_there_is_a_usage_error(call: Any, options: tuple[object, ...]) -> None:
    """A record behind the last, record 0, no record at all."""
    assert call("explain", SAMPLE, *options)[0] == 2


def test_explain_of_an_absent_item_is_a_negative_answer(call: Any) -> None:
    """There is no value to explain."""
    assert call("explain", SAMPLE, "--record", 1, "--item", "tsusho", "--gaiji", GAIJI)[0] == 1


def test_coverage_writes_a_file_for_every_mapping(call: Any, tmp_path: Path) -> None:
    """In the format asked for."""
    code, document = call("coverage", "a/juki", "--format", "html", "--out", tmp_path / "c")
    assert code == 0
    assert sorted(Path(one["file"]).name for one in document) == sorted(
        path.name for path in (tmp_path / "c").iterdir()
    )
    assert call("coverage", "a/juki", "--format", "pdf", "--out", tmp_path)[0] == 2


def test_coverage_prints_one_mapping(call: Any) -> None:
    """All items of both sides."""
    code, document = call("coverage", "a/juki", "--mapping", "mapping/jumin_shokai.toml")
    assert code == 0
    assert {row["item"] for row in document["items"] if row["side"] == "standard"} == {"atenabango", "kijunbi"}


@pytest.mark.slow
def test_suite_returns_0_for_a_good_and_1_for_a_bad_adapter(call: Any, tmp_path: Path) -> None:
    """The verdicts stand in the document."""
    code, document = call("suite", "b/kojinjuminzei", "--records", 20)
    assert (code, document["ok"]) == (0, True)
    folder = Path(shutil.copytree(VENDORS / "b" / "kojinjuminzei", tmp_path / "b"))
    shutil.rmtree(folder / "samples")
    code, document = call("suite", "--folder", folder, "--records", 20)
    assert code == 1
    assert [one["check"] for one in document["verdicts"] if not one["ok"]] == ["samples", "golden-complete"]


@pytest.mark.slow
def test_every_command_speaks_to_a_person_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Without --json: Japanese and English, the same exit codes."""
    assert run(["adapter", "check", "a/juki"]) == 0
    assert run(["adapter", "convert", str(SAMPLE), "--out", str(tmp_path / "x.xml")]) == 1
    assert run(["adapter", "explain", str(SAMPLE), "--record", "1", "--gaiji", str(GAIJI)]) == 0
    assert run(["adapter", "coverage", "a/juki", "--out", str(tmp_path / "c")]) == 0
    assert run(["adapter", "suite", "b/kojinjuminzei", "--records", "5"]) == 0
    written = capsys.readouterr()
    assert "拒否" in written.out
    assert "対処 CB6003" in written.err


def test_the_group_offers_its_commands() -> None:
    """new, check, convert, explain, coverage, suite; serve comes from the host."""
    names = {
        command.name or (command.callback.__name__ if command.callback else "") for command in app.registered_commands
    }
    assert {"new", "check", "convert", "explain", "coverage", "suite", "serve"} <= names


def test_a_file_by_an_interface_that_adapters_share_is_known_by_its_name(call: Any, tmp_path: Path) -> None:
    """The flow that reads such files names the layout; nothing else is read."""
    sample = VENDORS / "a" / "interfaces" / "samples" / "kokuho.shikaku.dat"
    path = Path(shutil.copy(sample, tmp_path / "kokuho.shikaku_tsuchi_000001.DAT"))
    code, _ = call("convert", path, "--out", tmp_path / "out.xml")
    assert code == 0
    assert (tmp_path / "out.xml").read_text("utf-8").count("</shikaku>") == 3
