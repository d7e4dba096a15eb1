"""The tutorial works as printed: its commands are run and its files written in order, in both languages."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from bus.cli import run
from tests.support.repository import ROOT

PAGES = ROOT / "docs" / "adapters"
STEP = re.compile(r"(?:^`(?P<file>[^`\n]+)`:\n\n)?^```(?P<language>\w+)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)


def steps(page: str) -> list[tuple[str, str, str]]:
    """File (or nothing), language and text of every block of a page."""
    text = (PAGES / page).read_text("utf-8")
    return [(one["file"] or "", one["language"], one["body"]) for one in STEP.finditer(text)]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["tutorial.ja.md", "tutorial.md"])
def test_the_tutorial_leads_to_a_passed_suite(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command succeeds; the last ones are the suite and the mutants, of which none survives."""
    shutil.copy(PAGES / "tutorial" / "meibo.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    done: list[str] = []
    for file, language, body in steps(page):
        if file:
            Path(file).write_text(body, encoding="utf-8")
            continue
        assert language == "sh"
        for line in body.splitlines():
            command, *arguments = line.split()
            assert command in {"chiikibus", "cp"}
            if command == "cp":
                shutil.copy(*arguments)
            else:
                assert run(arguments) == 0, line
                done.append(arguments[1])
    assert done[0] == "new"
    assert done[-3:] == ["coverage", "suite", "mutants"]


@pytest.mark.slow
def test_the_ci_step_of_the_scaffold_passes_for_the_finished_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of ci/adapter.yml, run in the definition's folder."""
    test_the_tutorial_leads_to_a_passed_suite("tutorial.md", tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path / "x-senkyo")
    text = Path("ci/adapter.yml").read_text("utf-8")
    commands = re.findall(r"- run: chiikibus (.*)", text)
    assert len(commands) == 4
    for command in commands:
        assert run(command.split()) == 0, command


def test_both_languages_show_the_same_steps() -> None:
    """Same commands, same files."""
    assert steps("tutorial.ja.md") == steps("tutorial.md")
