"""The whole town, as a stranger would run it: 22 units, every flow, three vendors, nothing lost or different."""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from schemas.catalog import load_edition
from tests.support.repository import ROOT

TOWN = ROOT / "deploy" / "examples" / "town"


@pytest.fixture(scope="module")
def plan() -> ModuleType:
    """The example's plan."""
    spec = importlib.util.spec_from_file_location("town_plan", TOWN / "plan.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_link_runs_between_two_vendors_in_one_of_the_rounds(plan: ModuleType) -> None:
    """And every unit has at least two vendors that could have it."""
    edition = load_edition()
    links = plan.links(edition)
    rounds = plan.allocations(edition, links)
    assert plan.crossed(rounds, links) == {(link.operation.key, link.consumer) for link in links}
    for unit in edition.units:
        folders = [ROOT / "adapters/vendors" / vendor / unit for vendor in plan.VENDORS]
        assert sum((folder / "adapter.toml").is_file() for folder in folders) >= 2


def test_every_flow_has_a_link(plan: ModuleType) -> None:
    """Nothing of the table of flows is left out."""
    edition = load_edition()
    with (edition.folder / "flows.csv").open(encoding="utf-8", newline="") as stream:
        numbers = {int(row["number"]) for row in csv.DictReader(stream)}
    assert {number for link in plan.links(edition) for number in link.flows} == numbers


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_town_loses_nothing_and_changes_nothing(tmp_path: Path) -> None:
    """The command of the README, with its last line."""
    command = [sys.executable, str(TOWN / "run.py"), "--once", "--json", "--work", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {name: figures[name] for name in ("lost", "doubled", "differences", "parked")} == {
        "lost": 0,
        "doubled": 0,
        "differences": 0,
        "parked": 0,
    }
    assert (figures["units"], figures["flows"], figures["vendors"]) == (22, 43, 3)
    assert figures["values"] > 100_000
