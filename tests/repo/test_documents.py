"""Documents are held to the program: links resolve, commands exist, examples load, both languages say the same."""

from __future__ import annotations

import csv
import re
import subprocess
import tomllib
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from urllib.parse import unquote

import pytest
from lxml import etree

from bus.cli import run as chiikibus
from bus.core.config import load_site
from tests.support.repository import ROOT, documents, name_of, python_files, tracked_files

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def blocks(language: str) -> list[tuple[Path, str]]:
    """Every fenced block of a language in every document."""
    return [
        (path, body)
        for path in documents()
        for found, body in BLOCK.findall(path.read_text(encoding="utf-8"))
        if found == language
    ]


def test_every_link_inside_the_repository_leads_somewhere() -> None:
    """A relative link names an existing file or folder."""
    dead = [
        f"{name_of(path)}: {target}"
        for path in documents()
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if "://" not in target
        and not target.startswith("#")
        and not (path.parent / unquote(target.partition("#")[0])).exists()
    ]
    assert dead == []


def test_every_fenced_block_names_its_language() -> None:
    """A block without a language is a block nobody runs."""
    assert [name_of(path) for path in documents() if re.search(r"(?:\A|\n\n)```\n", path.read_text("utf-8"))] == []


def test_every_toml_block_is_toml() -> None:
    """What is shown can be read."""
    for _path, body in blocks("toml"):
        tomllib.loads(body)


def test_the_site_shown_in_the_architecture_document_is_valid(tmp_path: Path) -> None:
    """The example passes the loader that ``chiikibus check`` uses."""
    shown = {}
    for path, body in blocks("toml"):
        named = re.match(r"# (\w+\.toml)", body)
        if path == ROOT / "docs/architecture.md" and named:
            (tmp_path / named[1]).write_text(body, encoding="utf-8")
            shown[named[1]] = body
    assert set(shown) == {"site.toml", "endpoints.toml", "adapters.toml", "routes.toml", "rights.toml"}
    assert load_site(tmp_path).endpoint("990019", "tax") is not None


def shell_lines() -> list[tuple[str, str]]:
    """Every command line shown in a document, with its document."""
    return [
        (name_of(path), line.partition("  #")[0].strip())
        for path, body in blocks("sh")
        for line in body.splitlines()
        if line.strip() and not line.startswith("#")
    ]


def test_every_script_shown_exists_and_can_be_run() -> None:
    """``deploy/...`` in a shell block is an executable file whose syntax bash accepts."""
    for document, line in shell_lines():
        script = ROOT / line.split()[0]
        if line.startswith("deploy/"):
            assert script.is_file(), f"{document}: {line}"
            assert script.stat().st_mode & 0o111, f"{document}: {line}"
            subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("command", sorted({line for _, line in shell_lines() if line.startswith("chiikibus ")}))
def test_every_command_shown_is_known_to_the_command_line(command: str) -> None:
    """The sub-command exists, and so does each option shown."""
    words = command.split()[1:]
    path = []
    for word in words:
        if word.startswith("-"):
            break
        path.append(word)
    shown = ""
    while path and not shown:
        output = StringIO()
        with redirect_stdout(output):
            code = chiikibus([*path, "--help"])
        shown = output.getvalue() if code == 0 else ""
        path = path if shown else path[:-1]
    assert shown, command
    for option in (word for word in words if word.startswith("--") and word != "--help"):
        assert option in shown, f"{command}: {option}"


def test_both_readmes_say_the_same_in_the_same_order() -> None:
    """Same number of headings, same shell blocks, same table shapes, same documents linked."""

    def outline(name: str) -> tuple[int, list[str], list[int], set[str]]:
        text = (ROOT / name).read_text(encoding="utf-8")
        links = {link for link in LINK.findall(text) if not link.startswith("README")}
        tables = [line.count("|") for line in text.splitlines() if line.startswith("|")]
        return (
            len(re.findall(r"^#+ ", text, re.MULTILINE)),
            [b for a, b in BLOCK.findall(text) if a == "sh"],
            tables,
            links,
        )

    assert outline("README.md") == outline("README.ja.md")


def test_the_first_two_commands_of_the_readme_are_the_two_scripts() -> None:
    """Whoever opens the repository needs nothing else."""
    first = next(body for language, body in BLOCK.findall((ROOT / "README.md").read_text("utf-8")) if language == "sh")
    assert first.split() == ["deploy/quickstart.sh", "deploy/test.sh"]


def test_every_picture_is_well_formed_and_has_a_title() -> None:
    """An SVG can be read by a screen reader."""
    pictures = [path for path in tracked_files() if path.suffix == ".svg"]
    assert pictures
    for path in pictures:
        root = etree.parse(str(path)).getroot()
        assert root.find("{http://www.w3.org/2000/svg}title") is not None, name_of(path)


def test_every_decision_record_is_listed_and_has_its_parts() -> None:
    """One page: context, decision, consequences, and when to look again."""
    index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    records = sorted((ROOT / "docs/adr").glob("0*.md"))
    numbers = [int(path.name[:4]) for path in records]
    assert numbers == sorted(set(numbers))
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert path.name in index
        for part in ("Status: ", "## Context", "## Decision", "## Consequences", "## Look at it again when"):
            assert part in text, f"{path.name}: {part}"
        assert len(text.splitlines()) < 60, path.name


def test_every_error_code_named_in_a_document_is_in_the_catalogue() -> None:
    """Documents never invent a code."""
    catalogue = (ROOT / "schemas/errors.csv").read_text(encoding="utf-8")
    unknown = {
        f"{name_of(path)}: {code}"
        for path in documents()
        for code in re.findall(r"\b(?:CB\d{4}|E000\d)\b", path.read_text(encoding="utf-8"))
        if f"\n{code}," not in catalogue
    }
    assert unknown == set()


def test_every_error_code_of_the_catalogue_is_raised_somewhere() -> None:
    """A code that nothing gives is a promise of help for what never happens."""
    with (ROOT / "schemas/errors.csv").open(encoding="utf-8", newline="") as file:
        codes = {row["code"] for row in csv.DictReader(file)}
    program = "".join(path.read_text(encoding="utf-8") for path in python_files("bus", "adapters", "conformance"))
    assert {code for code in codes if f'"{code}"' not in program} == set()
