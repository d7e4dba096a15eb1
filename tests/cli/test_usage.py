"""Wrong use and defects: named by option, item or place, in both languages, never with a trace or a value."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from bus.core.errors import EnvironmentFault
from tests.cli.conftest import Cli


def test_a_defect_of_a_command_is_coded_and_quotes_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """CB9001 with the place in the program; the exception's message, which might hold data, is left out."""
    app = typer.Typer(add_completion=False)

    @app.command()
    def broken() -> None:
        raise ValueError("総務翔子")

    monkeypatch.setattr("bus.cli.find_command", lambda _name: app)
    found = cli("check")
    assert found.code == 3
    assert "CB9001" in found.err
    assert "broken" in found.err
    assert "総務" not in found.err + found.out
    assert "Traceback" not in found.err


def test_a_coded_error_of_a_command_keeps_its_code(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raised as a code is shown as that code."""
    app = typer.Typer(add_completion=False)

    @app.command()
    def away() -> None:
        raise EnvironmentFault("CB9006")

    monkeypatch.setattr("bus.cli.find_command", lambda _name: app)
    found = cli("check")
    assert found.code == 3
    assert found.err.startswith("CB9006 ")


@pytest.mark.parametrize("group", ["messages", "sequences", "routes", "secrets", "adapter", "simulator", "population"])
def test_a_group_without_a_command_shows_its_help_and_nothing_else(cli: Cli, group: str) -> None:
    """The list of its commands, exit code 2, no error beside it."""
    found = cli(group)
    assert (found.code, found.err) == (2, "")
    assert f"chiikibus {group}" in found.out
    assert "install-completion" not in found.out


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["routes", "explain", "--site", "."], "--from"),
        (["check"], "--site"),
        (["messages", "show", "--site", "."], "ID"),
        (["simulator", "a-juki", "--folder", "."], "--municipality"),
    ],
)
def test_what_is_missing_is_named(cli: Cli, arguments: list[str], missing: str) -> None:
    """CB7030 with the sub-command and the option as its documentation writes it."""
    (finding,) = cli(*arguments, "--json").document["error"]["findings"]
    assert (finding["code"], finding["expected"]) == ("CB7030", missing)


def test_a_folder_above_the_site_folder_is_answered_with_it(cli: Cli, folder: Path) -> None:
    """Whoever names the folder one too high is told the right one."""
    (finding,) = cli("check", "--site", folder.parent, "--json").document["error"]["findings"]
    assert (finding["code"], finding["expected"]) == ("CB7002", f"{folder}?")


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["juki.jumin_shokai", "atena=1"], "CB7014", "atenabango?"),
        (["juki.ido_tsuchi", "jumin.shime=1"], "CB7014", "shimei?"),
        (["juki.ido_tsuchi", "jumi.shimei=1"], "CB7014", "jumin?"),
        (["juki.jumin_shoka"], "CB7014", "juki.jumin_shokai?"),
    ],
)
def test_an_unknown_item_is_answered_with_the_nearest_before_anything_is_sent(
    cli: Cli, folder: Path, arguments: list[str], code: str, expected: str
) -> None:
    """The bus need not run for that."""
    (finding,) = cli("send", "--site", folder, "--as", "tax", *arguments, "--json").document["error"]["findings"]
    assert (finding["code"], finding["expected"]) == (code, expected)


@pytest.mark.parametrize(
    "arguments",
    [
        ["adapter", "coverage", "a/juki", "--mapping", "jumi"],
        ["adapter", "coverage", "a/juki", "--format", "pdf"],
        ["adapter", "check", "a/jukii"],
        ["adapter", "status", "--site", "nowhere"],
    ],
)
def test_wrong_names_are_usage_not_a_broken_mapping(cli: Cli, arguments: list[str]) -> None:
    """Exit code 2 with the names there are; CB6008 is kept for definitions."""
    found = cli(*arguments)
    assert found.code == 2
    assert "CB6008" not in found.err
    assert "期待" in found.err or "CB7002" in found.err
