"""``chiikibus population``: files of the standard and of vendor A, the list of cases, JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.cli.population import app
from adapters.population import Town
from adapters.population.cases import all_cases
from adapters.simulators.a_juki_files import Records

RUNNER = CliRunner()


def run(*arguments: str) -> str:
    """The standard output of a successful command."""
    done = RUNNER.invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_standard_csv_holds_the_residents_and_the_events(tmp_path: Path) -> None:
    """Texts stay texts: leading zeros and characters are those of the population."""
    told = json.loads(
        run("generate", "--size", "200", "--seed", "3", "--changes", "50", "--out", str(tmp_path), "--json")
    )
    town = Town.generate(200, 3)
    assert told["residents"] == 200
    for name, expected in (
        ("jumin", list(town.current())),
        ("ido", [event.record for change in town.changes(50) for event in change.events]),
    ):
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            rows = [{key: value for key, value in row.items() if value} for row in csv.DictReader(stream)]
        assert rows == expected


def test_vendor_a_form_is_a_complete_file_with_its_end_mark(tmp_path: Path) -> None:
    """Header, 150 records, trailer."""
    run("generate", "--size", "150", "--format", "a-juki", "--out", str(tmp_path))
    lines = (tmp_path / "ZEN_00000001.DAT").read_bytes().split(b"\r\n")
    assert len(lines) == 150 + 3
    assert {len(line) for line in lines[:-1]} == {Records().size}
    assert (tmp_path / "ZEN_00000001.DAT.END").exists()


def test_the_awkward_cases_are_listed() -> None:
    """Every key with a Japanese name."""
    listed = json.loads(run("cases", "--json"))
    assert [one["key"] for one in listed] == [case.key for case in all_cases()]
    assert all(one["name_ja"] for one in listed)
    assert "lock-in" in run("cases")


@pytest.mark.parametrize("arguments", [("--size", "0"), ("--size", "ten"), ("--format", "xml", "--size", "1")])
def test_a_wrong_option_is_a_usage_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Exit code 2."""
    assert RUNNER.invoke(app, ["generate", "--out", str(tmp_path), *arguments]).exit_code == 2
