"""The command itself: overview, wrong use, contributed groups, start-up."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from bus.cli import contributed, load_group, overview
from bus.cli.commands import COMMANDS
from bus.core.errors import EnvironmentFault
from tests.cli.conftest import Cli


def test_the_overview_names_every_command(cli: Cli) -> None:
    """Without arguments it is shown too, but that is no success."""
    shown = cli("--help")
    assert shown.code == 0
    assert all(f"  {name} " in shown.out for name in [*COMMANDS, *contributed()])
    assert cli().code == 2


def test_a_misspelt_command_is_answered_with_the_nearest_one(cli: Cli) -> None:
    """CB7031 on standard error, in both languages and with the remedy."""
    found = cli("mesages")
    assert found.code == 2
    assert "CB7031" in found.err
    assert "messages?" in found.err
    assert "対処" in found.err
    assert found.out == ""


@pytest.mark.parametrize(
    "arguments", [["check"], ["check", "--sit", "x"], ["messages"], ["messages", "list"], ["secrets", "creat"]]
)
def test_wrong_use_is_coded(cli: Cli, arguments: list[str]) -> None:
    """Missing and unknown options end with 2 and CB7030 or a help text, never with a trace."""
    found = cli(*arguments)
    assert found.code == 2
    assert "Traceback" not in found.err


def test_json_errors_are_one_document(cli: Cli) -> None:
    """A script reads the code from standard output; a person reads standard error."""
    found = cli("check", "--json", "--site", "nowhere")
    assert found.code == 2
    assert found.document["error"]["code"] == "CB7002"
    assert found.err.startswith("CB7002 ")


def test_a_group_that_cannot_be_imported_is_named() -> None:
    """A broken part of the installation is told by its name and reason, without a trace."""
    point = EntryPoint("broken", "bus.cli.nothing_here:app", "chiikibus.commands")
    with pytest.raises(EnvironmentFault) as caught:
        load_group(point)
    assert caught.value.code == "CB9004"
    assert "nothing_here" in caught.value.findings[0].got


def test_version_names_the_parts(cli: Cli) -> None:
    """For a report of a fault."""
    assert {"chiikibus", "python", "sqlite", "lxml"} <= set(cli("version", "--json").document)
    assert cli("--version").code == 0


def test_every_command_knows_json_and_help(cli: Cli) -> None:
    """The habits hold for all of them."""
    for name in COMMANDS:
        shown = cli(name, "--help")
        assert shown.code == 0
        groups = {
            "messages": ["list", "show", "trace", "parked", "resend", "cancel"],
            "resend": ["plan", "try", "start", "pause", "cancel", "status", "list"],
            "sequences": ["list", "show", "terminate"],
            "secrets": ["create"],
        }
        for command in groups.get(name, ["explain"] if name == "routes" else []):
            assert "--json" in cli(name, command, "--help").out


def test_the_overview_loads_nothing_heavy() -> None:
    """The command starts fast because it imports a command's module only when it is called."""
    code = (
        "import sys; from bus.cli import run; run(['--help']); "
        "heavy = {'lxml', 'zeep', 'spyne', 'uvloop', 'requests', 'rich.console', 'typer'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=60).returncode == 0


def test_the_overview_is_japanese_first() -> None:
    """And English beside it."""
    assert "使い方 usage" in overview([])
