"""``chiikibus characters``: check, convert, explain, register and report, in this process."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from typer.testing import CliRunner

from adapters.characters import pictures
from adapters.characters.charset import charset
from adapters.characters.gaiji_lines import Line, to_csv
from adapters.characters.gaiji_page import to_html
from adapters.characters.pictures import Pictures
from adapters.characters.register import Gaiji
from adapters.cli.characters import app
from bus.core.errors import ConfigurationError
from tests.support.sites import write_site

ADAPTER = """
[[adapter]]
id = "a-juki"
vendor = "a"
unit = "juki"
municipality = "990019"
endpoint = "juki"
listen = "127.0.0.1:8491"
[adapter.settings]
gaiji = "gaiji/a-juki.csv"
"""


def run(*arguments: object) -> tuple[int, str]:
    """How a command ended and what it wrote."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value or 0), result.stdout


def answer(*arguments: object) -> Any:
    """The JSON that a command writes."""
    return json.loads(run(*arguments, "--json")[1])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site folder with one adapter and an empty register."""
    folder = write_site(tmp_path / "site")
    (folder / "adapters.toml").write_text(ADAPTER, encoding="utf-8")
    (folder / "gaiji").mkdir(exist_ok=True)
    return folder


@pytest.mark.slow
def test_check_names_every_place_by_offset(tmp_path: Path) -> None:
    """Unreadable, lossy, unstable, unregistered and outside, each with its byte offset and count."""
    file = tmp_path / "x.txt"
    file.write_bytes(b"\x88\x9f\xf0\x40\xf0\x40\r\n\xfb\xfc\r\n")
    found = answer("check", file, "--charset", "cp932", "--repertoire", "jisx0208")
    assert (found["unreadable"], found["lossy"], found["outside"]) == (2, 1, 1)
    assert [(one["offset"], one["subject"]) for one in found["remarks"]][:3] == [(2, "F040"), (4, "F040"), (8, "FBFC")]
    assert run("check", file, "--charset", "cp932")[0] == 1
    file.write_text("\ufa19\u845b\U000e01ef\n", encoding="utf-8")
    found = answer("check", file, "--charset", "utf-8")
    assert (found["unstable"], found["unregistered"]) == (1, 1)
    file.write_bytes(charset("jef").encode("\u5c71\u7530"))
    assert run("check", file, "--charset", "jef")[0] == 0
    file.write_bytes(bytes.fromhex("C128B0A1FFFF29"))
    found = answer("check", file, "--charset", "jef")
    assert [(one["offset"], one["code"]) for one in found["remarks"]] == [(4, "CB6002")]


def test_convert_writes_all_or_nothing(tmp_path: Path) -> None:
    """One character that does not go is enough; what goes comes back."""
    file, out, back = tmp_path / "in", tmp_path / "out", tmp_path / "back"
    file.write_bytes("\u5c71\u7530\r\n\u82b1\r\n".encode("cp932"))
    assert run("convert", file, out, "--from", "cp932", "--to", "keis83")[0] == 1
    assert run("convert", file, out, "--from", "cp932", "--to", "utf-8")[0] == 0
    assert out.read_text(encoding="utf-8") == "\u5c71\u7530\n\u82b1\n"
    file.write_bytes("\u5c71\u7530\u3000\u592a\u90ce 12".encode("cp932"))
    assert run("convert", file, out, "--from", "cp932", "--to", "keis83")[0] == 0
    assert run("convert", out, back, "--from", "keis83", "--to", "cp932")[0] == 0
    assert back.read_bytes() == file.read_bytes()
    out.unlink()
    file.write_bytes("\u9ad9\u6a4b".encode("cp932"))
    code, text = run("convert", file, out, "--from", "cp932", "--to", "keis83", "--json")
    assert (code, out.exists()) == (1, False)
    assert {one["code"] for one in json.loads(text)["findings"]} == {"CB6007"}
    with pytest.raises(ConfigurationError) as caught:
        run("convert", file, out, "--from", "cp932", "--to", "ebcdix")
    assert caught.value.code == "CB7030"


def test_account_counts_every_code() -> None:
    """The counts of a width add up to all codes there could be."""
    (found,) = answer("account", "--charset", "jis8")
    assert (
        found["codes"] == 256 == sum(found[name] for name in ("round_trip", "lossy", "register", "doubtful", "refused"))
    )
    assert run("account", "--charset", "ebcdik")[0] == 0


@pytest.mark.slow
def test_explain_shows_codes_variants_and_sources() -> None:
    """And says when a character is not in the list."""
    (found,) = answer("explain", "J+845B")
    assert (found["mj"], found["codes"]["juki"], found["degrade"]["text"]) == ("MJ022335", "845B", "\u845b")
    assert "MJ022336" in {one["mj"] for one in found["family"]}
    assert {one["source"] for one in found["degrade"]["candidates"]} >= {"JIS包摂規準UCS統合規則"}
    code, text = run("explain", "MJ022335")
    assert (code, "J+845B" in text) == (0, True)
    assert run("explain", "\U0001f600")[0] == 1


@pytest.mark.slow
def test_a_register_is_kept_by_commands(site: Path) -> None:
    """Decide, list, withdraw, history; the key is made once and only its owner reads it."""
    how = ("--site", site, "--adapter", "a-juki")
    facts = ("--class", "字形一致", "--evidence", "照合票（合成）", "--by", "文字同定担当")
    assert answer("register", "decide", *how, "--code", "F040", "--mj", "MJ022335", *facts)["ucs"] == "U+845B U+E0102"
    assert run("register", "decide", *how, "--code", "F041", "--ucs", "U+9AD9", *facts)[0] == 0
    assert [row["mj"] for row in answer("register", "list", *how)] == ["MJ022335", "MJ028902"]
    assert run("register", "withdraw", *how, "--code", "F041", "--by", "文字同定担当")[0] == 0
    assert run("register", "withdraw", *how, "--code", "F041", "--by", "文字同定担当")[0] == 1
    found = answer("register", "history", *how)
    assert found["ok"]
    assert [entry["scope"] for entry in found["entries"]] == ["990019/juki"] * 3
    assert ((site / "secrets" / "gaiji.key").stat().st_mode & 0o777) == 0o600
    assert answer("register", "worklist", "--site", site) == []
    with pytest.raises(ConfigurationError):
        run("register", "decide", *how, "--code", "F042", "--ucs", "U+XYZ", *facts)


@pytest.mark.slow
def test_import_takes_all_or_nothing(site: Path, tmp_path: Path) -> None:
    """A file with one wrong row changes nothing; what is taken in has a history."""
    how = ("--site", site, "--adapter", "a-juki")
    head = "code,ucs,mj,class,evidence,decided_by,decided_at,valid_from\n"
    file = tmp_path / "in.csv"
    good = "F040,,MJ022335,字形一致,票,担当,2026-01-10,\n"
    file.write_text(head + good + "F041,U+845B,MJ022335,字形一致,票,担当,2026-01-10,\n", encoding="utf-8")
    with pytest.raises(ConfigurationError):
        run("register", "import", *how, file)
    assert not (site / "gaiji" / "a-juki.csv").exists()
    file.write_text(head + good.replace(",,MJ", ",U+845B U+E0102,MJ"), encoding="utf-8")
    assert run("register", "import", *how, file)[0] == 0
    assert answer("register", "history", *how)["ok"]


@pytest.mark.slow
def test_the_report_has_four_classes_and_says_when_it_has_no_pictures(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTML and CSV with the same codes; without font or fontTools it says why."""
    how = ("--site", site, "--adapter", "a-juki", "--by", "担当", "--evidence", "<b>票</b>")
    run("register", "decide", *how, "--code", "F040", "--mj", "MJ022335", "--class", "字形一致")
    run("register", "decide", *how, "--code", "F041", "--class", "同定不可能")
    found = answer("report", "--site", site, "--out", tmp_path / "r", "--font", tmp_path / "none.ttf")
    assert (found["codes"], found["字形一致"], found["同定不可能"], found["pictures"]) == (2, 1, 1, False)
    page = html.fromstring((tmp_path / "r" / "gaiji.html").read_bytes())
    assert page.xpath("count(//table[@class='codes']//tr)") == 3
    assert page.xpath("//b") == []
    assert found["why_not"] in page.text_content()
    with (tmp_path / "r" / "gaiji.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["code"], row["juki"], row["text"]) for row in rows] == [
        ("F040", "J+845B", "\u845b\U000e0102"),
        ("F041", "", ""),
    ]

    def absent(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(pictures, "import_module", absent)
    assert "fontTools" in Pictures().why_not


@pytest.mark.slow
def test_the_report_shows_what_waits_before_what_is_decided(tmp_path: Path) -> None:
    """Open codes first, most records first; a decision by text finds its MJ glyph, a foreign pair says so."""
    lines = [
        Line("990019", "juki", "F046", Gaiji("F046", "\U00020bb7", class_="字形一致")),
        Line("990019", "juki", "F040", Gaiji("F040", "\u845b\U000e0100", class_="字形一致")),
        Line("990019", "juki", "F9FA", None, 3, "file=<b>x</b>"),
        Line("990019", "juki", "F9FB", None, 84, "file=y"),
    ]
    font = tmp_path / "font.ttf"
    found = Pictures(font)
    found.why_not = ""
    page = html.fromstring(to_html(lines, found))
    waiting, decided = page.xpath("//table[@class='codes']")
    assert [row.xpath("string(td[3])") for row in waiting.xpath(".//tr[td]")] == ["F9FB", "F9FA"]
    assert "MJ032129" in decided.xpath("string(.//tr[2])")
    assert "MJにない組合せ" in decided.xpath("string(.//tr[3])")
    assert page.xpath("//b") == []
    assert "MJ032129" in to_csv(lines)


@pytest.mark.system
def test_pictures_are_outlines_of_the_installed_font() -> None:
    """With fonts-ipamj-mincho: one em square, a path, the glyph's name; no picture for a name that is none."""
    with Pictures() as found:
        _look_at(found)


def _look_at(found: Pictures) -> None:
    """What is asked of the pictures."""
    picture = found.svg("MJ022335")
    assert picture is not None
    assert picture.findtext("title") == "MJ022335"
    path = picture.find("path")
    assert path is not None
    assert len(path.get("d", "")) > 100
    assert found.svg("MJ999999") is None
