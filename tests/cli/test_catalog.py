"""``chiikibus catalog``: the interfaces as tables and files, the agreement sheet, and what editions differ in."""

from __future__ import annotations

import csv
import io
import json
import shutil
import stat
from pathlib import Path

import pytest
from lxml import html

from bus.cli import printing
from bus.core.errors import ConfigurationError
from schemas.catalog import HOME
from tests.cli.conftest import Cli

EDITION = HOME / "standard" / "1.0"


@pytest.fixture
def two_units(tmp_path: Path) -> Path:
    """A folder with the resident register and the electoral roll of the shipped edition."""
    for name in ("common", "juki", "senkyo"):
        shutil.copytree(EDITION / name, tmp_path / "1.1" / name)
    return tmp_path / "1.1"


def test_units_operations_and_items_are_shown(cli: Cli, two_units: Path) -> None:
    """Without a name all units, with a unit its operations, with an operation its items."""
    units = cli("catalog", "show", "--edition", two_units, "--json").document
    assert (units["edition"], [one["key"] for one in units["units"]]) == ("1.1", ["juki", "senkyo"])
    unit = cli("catalog", "show", "juki", "--consumer", "koseki", "--edition", two_units)
    assert "fuhyo_tsuchi" in unit.out
    one = cli("catalog", "show", "senkyo.senkyotoroku_tsuchi", "--edition", two_units, "--json").document["units"][0]
    assert [operation["consumers"] for operation in one["operations"]] == [["juki"]]
    assert one["records"][0]["key"] == ["atenabango"]
    assert one["records"][0]["name_ja"] == "選挙人名簿登録有無"
    assert "選挙人名簿登録有無（senkyotoroku）" in cli("catalog", "show", "senkyo", "--edition", two_units).out
    assert "選挙人名簿登録有無" in cli("catalog", "show", "senkyo.senkyotoroku_tsuchi", "--edition", two_units).out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "near"),
    [(["jukki"], "juki?"), (["juki.ido_tuchi"], "ido_tsuchi?"), (["juki", "--consumer", "kokuhu"], "kokuho?")],
)
def test_a_misspelt_name_is_answered_with_the_nearest(
    cli: Cli, two_units: Path, arguments: list[str], near: str
) -> None:
    """CB7014, as in the site's tables."""
    found = cli("catalog", "show", *arguments, "--edition", two_units, "--json")
    assert (found.code, found.document["error"]["code"]) == (2, "CB7014")
    assert near in found.err


@pytest.mark.slow
def test_an_edition_that_is_not_there_is_a_coded_problem(cli: Cli) -> None:
    """The known ones are named."""
    found = cli("catalog", "show", "--edition", "9.9", "--json")
    assert (found.code, found.document["error"]["code"]) == (2, "CB7003")


@pytest.mark.slow
def test_the_export_has_a_line_for_every_item_of_every_part(cli: Cli, two_units: Path, tmp_path: Path) -> None:
    """CSV as Excel reads it, and the same as JSON with code tables and rules."""
    table, document = tmp_path / "items.csv", tmp_path / "items.json"
    for form, path in (("csv", table), ("json", document)):
        found = cli("catalog", "export", "--format", form, "--to", path, "--edition", two_units, "--json")
        assert found.document["written"] == str(path)
    raw = table.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    jumin = [row for row in rows if row["operation"] == "ido_tsuchi"]
    assert [int(row["number"]) for row in jumin] == list(range(1, len(jumin) + 1))
    assert {(row["record"], row["record_ja"]) for row in jumin} == {("jumin", "住民")}
    assert (jumin[1]["name"], jumin[1]["name_ja"], jumin[1]["mandatory"]) == ("atenabango", "宛名番号", "yes")
    juki = json.loads(document.read_bytes())["units"][0]
    assert len(next(one for one in juki["records"] if one["name"] == "jumin")["items"]) == len(jumin)
    assert {"seibetsu", "ido_jiyu"} <= {one["name"] for one in juki["codes"]}
    assert juki["rules"]


def test_the_agreement_sheet_names_both_sides_all_items_and_where_to_sign(
    cli: Cli, two_units: Path, tmp_path: Path
) -> None:
    """One self-contained page: nothing is fetched or run, and the digest changes with the tables."""

    def sheet() -> tuple[str, html.HtmlElement]:
        path = tmp_path / "sheet.html"
        arguments = ["--format", "html", "--provider", "senkyo", "--consumer", "juki", "--to", path]
        assert cli("catalog", "export", *arguments, "--edition", two_units).code == 0
        page = html.parse(str(path)).getroot()
        found: str = page.xpath("string(//tr[contains(th, 'SHA-256')]/td)")
        return found, page

    digest, page = sheet()
    text = page.text_content()
    assert "選挙人名簿管理 → 住民基本台帳" in page.findtext("head/title")
    for words in (
        "senkyo_toroku_umu",
        "選挙人名簿登録有無（senkyotoroku）",
        "発注者（市区町村）",
        "提供側システムの事業者",
        "合意日",
    ):
        assert words in text, words
    assert len(digest) == 64
    assert not page.xpath("//script | //link | //img | //@src | //@href")
    assert "default-src 'none'" in page.xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")
    path = two_units / "senkyo" / "items" / "senkyotoroku.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("処理年月日", "処理した年月日"), encoding="utf-8")
    assert sheet()[0] != digest


@pytest.mark.slow
def test_a_sheet_needs_a_provider_and_a_pdf_a_file(cli: Cli, two_units: Path) -> None:
    """CB7030 names the option that is missing."""
    for arguments in (["--format", "html"], ["--format", "pdf", "--provider", "senkyo"]):
        found = cli("catalog", "export", *arguments, "--edition", two_units, "--json")
        assert (found.code, found.document["error"]["code"]) == (2, "CB7030")


@pytest.mark.slow
def test_diff_says_what_changed_and_who_has_to_change(cli: Cli, two_units: Path) -> None:
    """Exit 0 where both sides go on, 1 where somebody does not."""
    old = two_units.parent / "1.0"
    shutil.copytree(two_units, old)
    same = cli("catalog", "diff", old, two_units, "--json")
    assert (same.code, same.document["compatible"], same.document["changes"]) == (0, True, [])
    path = two_units / "senkyo" / "items" / "senkyotoroku.csv"
    path.write_text(path.read_text(encoding="utf-8") + "biko,備考,N,300,,yes,,,,ours\n", encoding="utf-8")
    found = cli("catalog", "diff", old, two_units, "--json")
    assert found.code == 1
    assert [(one["kind"], one["place"], one["senders"]) for one in found.document["changes"]] == [
        ("added", "senkyo/senkyotoroku/biko", False),
        ("changed", "senkyo/senkyotoroku -> juki jumin", True),
    ]
    assert "要対応" in cli("catalog", "diff", old, two_units).out


def fake_browser(folder: Path, script: str) -> str:
    """A program that stands for Chromium; its last argument is the page, one before it names the PDF."""
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_without_a_browser_a_pdf_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """CB7060, and not a traceback."""
    monkeypatch.setenv(printing.VARIABLE, "no-such-browser")
    with pytest.raises(ConfigurationError) as caught:
        printing.pdf(b"<p>x</p>")
    assert caught.value.code == "CB7060"


@pytest.mark.slow
@pytest.mark.parametrize("script", ["exit 0", "exit 3", "sleep 5"], ids=["nothing", "failure", "never"])
def test_a_browser_that_makes_no_pdf_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """CB7061: whether it fails, writes nothing, or does not end."""
    monkeypatch.setenv(printing.VARIABLE, fake_browser(tmp_path, script))
    with pytest.raises(ConfigurationError) as caught:
        printing.pdf(b"<p>x</p>", timeout_s=0.3)
    assert caught.value.code == "CB7061"


@pytest.mark.slow
@pytest.mark.system
def test_a_real_browser_prints_the_sheet(cli: Cli, tmp_path: Path) -> None:
    """Chromium is part of the machine that runs the system tests."""
    path = tmp_path / "sheet.pdf"
    found = cli("catalog", "export", "--format", "pdf", "--provider", "senkyo", "--consumer", "juki", "--to", path)
    assert found.code == 0, found.err
    assert path.read_bytes().startswith(b"%PDF-")
