"""docs/interop.md says what the interoperability tests do: the same stacks, versions, calls and numbers."""

from __future__ import annotations

import csv
import json

from tests.interop.cases import cases
from tests.interop.stacks import CLIENTS, PROGRAMS, PROVIDERS
from tests.support.repository import ROOT

DOCUMENT = (ROOT / "docs" / "interop.md").read_text("utf-8")


def test_every_program_is_named_and_every_named_program_exists() -> None:
    """A row of the table for each stack, with its client and, where there is one, its provider."""
    programs = {f"{path.parent.name}/{path.name}" for path in PROGRAMS.glob("*/*")}
    sources = {name for name in programs if name.partition("/")[2].partition(".")[0].lower() in {"client", "provider"}}
    assert {name for name in sources if f"`{name}`" not in DOCUMENT} == set()
    assert {name.partition("/")[0] for name in sources if "client" in name.lower()} == {*CLIENTS}
    assert {name.partition("/")[0] for name in sources if "provider" in name.lower()} == {*PROVIDERS}


def test_the_versions_are_those_that_are_pinned() -> None:
    """node-soap by its lock file, suds and zeep by setup.cfg."""
    lock = json.loads((PROGRAMS / "node" / "package-lock.json").read_text("utf-8"))
    assert f"| node-soap | {lock['packages']['node_modules/soap']['version']}" in DOCUMENT
    pinned = dict(line.strip().split("==") for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines()[1:])
    for name in ("suds", "zeep"):
        assert f"| {name} | {pinned[name]} |" in DOCUMENT


def test_the_numbers_are_those_of_the_data() -> None:
    """Calls of a client and answers of careless providers."""
    with (ROOT / "tests" / "corpus" / "replies" / "careless.csv").open(encoding="utf-8", newline="") as rows:
        answers = len(list(csv.DictReader(rows)))
    assert f"{answers}の例" in DOCUMENT
    assert f"{len(cases().calls)}回の呼び出し" in DOCUMENT
