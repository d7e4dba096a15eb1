"""The commands that need only the site folder: check, secrets, routes explain."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bus.cli import check as check_module
from bus.core.settings import Site
from bus.core.types import Finding
from tests.cli.conftest import Cli
from tests.support.sites import change, write_site


def test_check_says_that_all_is_well(cli: Cli, folder: Path) -> None:
    """Exit 0 and an empty list."""
    assert cli("check", "--site", folder, "--json").document == {"ok": True, "site": str(folder), "findings": []}


def test_check_names_every_problem_with_its_line(cli: Cli, folder: Path) -> None:
    """One document for scripts, a list for people; both hold all of them."""
    change(folder / "routes.toml", '["juki"]', '["jukki"]')
    change(folder / "rights.toml", '["kokuho"]', '["*"]')
    found = cli("check", "--site", folder, "--json")
    assert found.code == 2
    assert [(each["code"], each["line"]) for each in found.document["findings"]] == [("CB7014", 2), ("CB7021", 5)]
    assert "CB7014" in found.err
    assert "juki?" in found.err


def test_check_asks_installed_packages_too(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an adapter package finds in the site is a problem like any other; one that breaks is a problem itself."""

    class Point:
        """An entry point without an installed package."""

        def __init__(self, name: str, *, fails: bool) -> None:
            self.name = self.value = name
            self.fails = fails

        def load(self) -> object:
            """The callable, or the failure of an import."""
            if self.fails:
                raise ImportError("missing part")

            def find(site: Site) -> list[Finding]:
                return [Finding("CB6008", path=f"{len(site.endpoints)} endpoints")]

            return find

    points = [Point("b", fails=True), Point("a", fails=False)]
    monkeypatch.setattr(check_module, "entry_points", lambda group: points)
    found = cli("check", "--site", folder, "--json")
    assert [each["code"] for each in found.document["findings"]] == ["CB6008", "CB9004"]


def test_secrets_are_made_once_and_for_the_owner_only(cli: Cli, tmp_path: Path) -> None:
    """Mode 600, long, all different; a second run changes nothing."""
    folder = write_site(tmp_path / "site", secrets=False)
    assert cli("check", "--site", folder).code == 2
    made = cli("secrets", "create", "--site", folder, "--json").document
    assert sorted(made["created"]) == ["990019/juki", "990019/kokuho", "990019/tax"]
    files = sorted((folder / "secrets").iterdir())
    before = [path.read_text() for path in files]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600] * 3
    assert len(set(before)) == 3
    assert min(len(text) for text in before) > 40
    again = cli("secrets", "create", "--site", folder, "--json").document
    assert (again["created"], len(again["kept"])) == ([], 3)
    assert [path.read_text() for path in files] == before
    assert cli("check", "--site", folder).code == 0


def test_routes_explain_an_allowed_call(cli: Cli, folder: Path) -> None:
    """The rules by file and index, the target and its address, the mode."""
    found = cli("routes", "explain", "--site", folder, "--from", "juki", "--operation", "juki.ido_tsuchi", "--json")
    assert found.code == 0
    told = found.document
    assert (told["right"], told["route"], told["mode"]) == ("rights.toml: right[1]", "routes.toml: route[1]", "queued")
    assert [target["endpoint"] for target in told["targets"]] == ["990019/tax", "990019/kokuho"]
    assert [target["rule"] for target in told["targets"]] == ["rights.toml: right[2]", "rights.toml: right[3]"]


@pytest.mark.parametrize(
    ("sender", "operation", "purpose", "code"),
    [
        ("tax", "juki.jumin_shokai", "shuno", "CB2003"),
        ("kokuho", "juki.jumin_shokai", "kokuho", "CB2002"),
    ],
)
def test_routes_explain_why_not(cli: Cli, folder: Path, sender: str, operation: str, purpose: str, code: str) -> None:
    """A refusal has the code the sender would get, and exit code 1."""
    arguments = ["--site", str(folder), "--from", sender, "--operation", operation, "--purpose", purpose]
    found = cli("routes", "explain", *arguments, "--json")
    assert (found.code, found.document["code"]) == (1, code)
    assert code in cli("routes", "explain", *arguments).out


def test_routes_explain_shows_what_is_withheld(cli: Cli, folder: Path) -> None:
    """From the sender's answer and from each receiver."""
    change(folder / "rights.toml", 'jumin_shokai", purposes = ["kazei"]',
           'jumin_shokai", purposes = ["kazei"], withhold = ["juminhyokodo"]')  # fmt: skip
    arguments = ["--site", str(folder), "--from", "tax", "--operation", "juki.jumin_shokai"]
    withheld = cli("routes", "explain", *arguments, "--json").document["withheld"]
    assert {"juminhyokodo", "kisonenkinbango"} <= set(withheld), "by the right, and by the standard"


@pytest.mark.parametrize("wrong", [["--from", "taxx"], ["--operation", "juki.jumin_shoukai"]])
def test_routes_explain_knows_the_nearest_name(cli: Cli, folder: Path, wrong: list[str]) -> None:
    """A misspelling is a usage error with a suggestion."""
    arguments = {"--from": "tax", "--operation": "juki.jumin_shokai", wrong[0]: wrong[1]}
    found = cli("routes", "explain", "--site", folder, *(part for pair in arguments.items() for part in pair))
    assert found.code == 2
    assert "?" in found.err
