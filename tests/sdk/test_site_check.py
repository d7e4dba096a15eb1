"""``chiikibus check`` asks the adapters: definitions, settings and registers of a site."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from adapters.cli.checks import check_site
from adapters.suite.subject import VENDORS
from bus.core.settings import (
    AdapterSpec,
    BrokerSettings,
    DeliverySettings,
    FrontSettings,
    JournalSettings,
    Site,
)

SETTINGS = {"inbox": "in", "tcp": "127.0.0.1:1", "request": "r"}


def site(folder: Path, *adapters: AdapterSpec) -> Site:
    """A site with these adapters and nothing else."""
    return Site(
        folder,
        "試し",
        "1.0",
        None,
        {},
        (),
        (),
        (),
        (),
        adapters,
        FrontSettings(),
        JournalSettings(),
        BrokerSettings(),
        DeliverySettings(),
        folder / "var" / "run",
    )


def spec(vendor: str = "a", unit: str = "juki", **settings: str) -> AdapterSpec:
    """An adapter of vendor A's juki."""
    return AdapterSpec("x", vendor, unit, "990019", "127.0.0.1", 0, settings=dict(settings))


def test_a_setting_that_a_flow_names_must_be_there(tmp_path: Path) -> None:
    """Without any settings, each is missing."""
    found = check_site(site(tmp_path, spec()))
    assert found
    assert all("settings" in finding.path for finding in found)


def test_a_missing_definition_is_named(tmp_path: Path) -> None:
    """A vendor that is not shipped."""
    assert [finding.path for finding in check_site(site(tmp_path, spec("z")))] == ["x.vendor"]


def test_a_missing_gaiji_register_is_named(tmp_path: Path) -> None:
    """By its path."""
    found = check_site(site(tmp_path, spec(gaiji="gaiji/none.csv")))
    assert any(finding.place.endswith("none.csv") for finding in found)


@pytest.mark.parametrize("broken", ["mapping/jumin.toml", "layout/jumin.toml", "adapter.toml"])
def test_a_definition_of_the_site_itself_is_checked(tmp_path: Path, broken: str) -> None:
    """The setting ``definition`` names a folder of the site."""

    shutil.copytree(VENDORS / "a" / "juki", tmp_path / "own")
    (tmp_path / "own" / broken).write_text("[", encoding="utf-8")
    found = check_site(site(tmp_path, spec(definition="own")))
    assert any(finding.place.endswith(broken) for finding in found)
