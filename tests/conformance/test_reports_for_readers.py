"""What readers get: code points, the catalogue for other tools, the settings file, pages that print."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner

from conformance.cli import app
from conformance.reports.catalogue import TAML
from conformance.reports.fields import points
from conformance.reports.printing import PrintingError, pdf
from schemas.catalog import load_requirements

RUNNER = CliRunner()


def exported(tmp_path: Path, form: str, language: str = "ja") -> bytes:
    """The catalogue in a form."""
    out = tmp_path / "out"
    done = RUNNER.invoke(app, ["export", "--format", form, "--lang", language, "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out.read_bytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A", []),
        ("\u3000", [("U+3000", "81 40", ("invisible", "wide"))]),
        ("葛\U000e0100", [("U+845B U+E0100", "", ("variation",))]),
        ("\U00020b9f", [("U+20B9F", "", ("supplementary",))]),
        ("\ue000\ue000", [("U+E000", "F0 40", ("private",))]),
        ("\ufa11", [("U+FA11", "FA B1", ("compatibility",))]),
        ("U+E000 (character 4)", [("U+E000", "F0 40", ("private",))]),
        ("U+845B U+E0100", [("U+845B U+E0100", "", ("variation",))]),
        ("\u200b", [("U+200B", "", ("invisible",))]),
        ("\ud800", [("U+D800", "", ("surrogate",))]),
        ("髙高", [("U+9AD9", "FB FC", ()), ("U+9AD8", "8D 82", ())]),
    ],
)
def test_characters_that_look_alike_are_told_apart(text: str, expected: list[tuple[str, str, tuple[str, ...]]]) -> None:
    """Each once, with its code points, its bytes in the vendor's world and what to beware of."""
    assert [(one.code, one.vendor, one.remarks) for one in points(text)] == expected


@pytest.mark.slow
def test_the_catalogue_is_exported_whole(tmp_path: Path) -> None:
    """Every row in every form, in the order of the catalogue, Japanese readable by a spreadsheet."""
    rows = load_requirements()
    raw = exported(tmp_path, "csv")
    assert raw.startswith(b"\xef\xbb\xbf")
    listed = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [(one["id"], one["text_ja"]) for one in listed] == [(row.id, row.text_ja) for row in rows]
    for language in ("ja", "en"):
        page = exported(tmp_path, "html", language).decode()
        assert all(f'id="{row.id}"' in page for row in rows)


@pytest.mark.slow
def test_the_catalogue_is_exported_as_test_assertions(tmp_path: Path) -> None:
    """TAML: each requirement has source, target, predicate and level, and a prerequisite where it needs another."""
    root = etree.fromstring(exported(tmp_path, "taml"))
    assert root.tag == f"{{{TAML}}}testAssertionSet"
    rows = load_requirements()
    found = {one.get("id"): one for one in root}
    assert [*found] == [row.id for row in rows]
    for row in rows:
        one = found[row.id]
        names = [etree.QName(child).localname for child in one]
        assert names[:2] == ["description", "normativeSource"]
        assert ("prerequisite" in names) == bool(row.requires)
        level = one.find(f"{{{TAML}}}prescription").get("level")
        assert level == {"MUST": "mandatory", "SHOULD": "preferred", "MAY": "permitted"}[row.level]
        assert one.findtext(f"{{{TAML}}}predicate") == row.text_en


@pytest.mark.slow
def test_init_asks_and_writes_what_run_reads(tmp_path: Path) -> None:
    """The answers stand in the file; a wrong one is named with the nearest known name, and nothing is written."""
    folder = tmp_path / "trial"
    asked = RUNNER.invoke(app, ["init", str(folder)], input="koseki\nprovider\nhttps://example.test/k\nCRED\n")
    assert asked.exit_code == 0, asked.output
    text = (folder / "conformance.toml").read_text(encoding="utf-8")
    for line in ('profile = "koseki-provider"', 'subject = "https://example.test/k"', 'credentials_env = "CRED"'):
        assert f"\n{line}\n" in text
    other = tmp_path / "other"
    wrong = RUNNER.invoke(app, ["init", str(other), "--no-ask", "--unit", "jukii", "--subject", "ftp://x"])
    assert (wrong.exit_code, other.exists()) == (2, False)
    assert "juki" in wrong.output
    assert "--subject" in wrong.output


@pytest.mark.slow
def test_every_problem_of_the_settings_is_named_at_once(tmp_path: Path) -> None:
    """Unknown keys with the nearest known one, wrong types, what is missing."""
    file = tmp_path / "conformance.toml"
    file.write_text('profil = "juki-provider"\ndeadline_s = "10"\n', encoding="utf-8")
    done = RUNNER.invoke(app, ["run", "--settings", str(file)])
    assert done.exit_code == 2
    for part in ("profil:", "→ profile", "deadline_s: float", "profile: ", "subject: "):
        assert part in done.output


def test_without_a_chromium_the_reader_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No PDF is no crash: the message names the variable and the way out."""
    monkeypatch.setenv("CHIIKIBUS_CHROMIUM", "no-such-program")
    with pytest.raises(PrintingError, match="CHIIKIBUS_CHROMIUM"):
        pdf(b"<p>x</p>")


@pytest.mark.slow
@pytest.mark.system
def test_a_printed_page_holds_its_fonts() -> None:
    """The PDF of a Japanese page has pages and embedded fonts, no references to fonts outside."""
    if not any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        pytest.skip("no Chromium")
    made = pdf('<!DOCTYPE html><meta charset="utf-8"><p>適合確認書 葛\U000e0100 \U00020b9f</p>'.encode())
    assert made.startswith(b"%PDF-")
    assert b"/FontFile" in made or b"/Type3" in made or b"/ObjStm" in made
