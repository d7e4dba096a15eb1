"""Every line of a definition matters: golden pairs exercise it, and a line taken out or made wrong is noticed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from adapters.suite.exercise import missing, unexercised
from adapters.suite.mutation import Bench
from adapters.suite.subject import VENDORS, Subject, find_folder, load_subject, shipped
from bus.cli import run
from schemas.catalog import load_edition

TAX = VENDORS / "b" / "kojinjuminzei"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of a shipped definition without the mappings that are not needed here."""
    folder = Path(shutil.copytree(TAX, tmp_path / "x"))
    for name in ("jumin", "shotoku"):
        (folder / "mapping" / f"{name}.toml").unlink()
        (folder / "layout" / f"{name}.toml").unlink()
        for path in folder.glob(f"samples/{name}.*"):
            path.unlink()
    listing = folder / "samples" / "samples.toml"
    blocks = listing.read_text("utf-8").split("[[sample]]")
    kept = [one for one in blocks[1:] if "mapping/shokai" in one or "mapping/shotoku_irai" in one]
    listing.write_text("".join(f"[[sample]]{one}" for one in kept), encoding="utf-8")
    flows = re.split(r"(?=^\[\[)", (folder / "adapter.toml").read_text("utf-8"), flags=re.MULTILINE)
    kept = [one for one in flows if not re.search(r"(jumin|shotoku)\.toml", one)]
    kept = kept if any(one.startswith("[[flow]]") for one in kept) else [*kept, FLOW]
    (folder / "adapter.toml").write_text("".join(kept), encoding="utf-8")
    return folder


FLOW = """
[[flow]]
id = "x"
kind = "file-to-bus"
folder = "in"
pattern = "*.json"
layout = "layout/shokai.toml"
mapping = "mapping/shokai.toml"
operation = "juki.jumin_shokai"
"""


def load(folder: Path) -> Subject:
    """The definition in a folder."""
    return load_subject(folder, load_edition())


def ask(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    """Run a command of the group with --json."""
    code = run(["adapter", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def without_samples(folder: Path) -> None:
    """Take all samples away."""
    shutil.rmtree(folder / "samples")


def test_a_line_without_a_golden_pair_is_named(own: Path) -> None:
    """CB6056 for each mapping and item."""
    assert unexercised(load(own)) == ()
    without_samples(own)
    found = unexercised(load(own))
    assert {one.code for one in found} == {"CB6056"}
    assert any(one.path == "mapping/shokai.toml 宛名番号" for one in found)


def test_missing_golden_pairs_are_drafted_and_then_nothing_is_missing(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The drafted files stand in samples.toml, are exact in both directions, and a second draft has nothing to do."""
    without_samples(own)
    code, document = ask(capsys, "golden", "--folder", own)
    assert (code, document["missing"]) == (0, [])
    assert document["written"]
    assert missing(load(own)) == {}
    assert ask(capsys, "golden", "--folder", own) == (0, {"ok": True, "written": [], "missing": []})


def test_no_mutant_of_a_definition_with_golden_pairs_survives(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines taken out, and lines made wrong."""
    code, document = ask(capsys, "mutants", "--folder", own)
    assert (code, document["survivors"]) == (0, [])
    assert document["removed"] > 10
    assert document["mutants"] > document["removed"]
    assert document["by"]["sample"] > 0


def test_without_golden_pairs_no_sample_notices(own: Path) -> None:
    """The judge can say no: items mixed up are then seen by the reviewed table only."""
    without_samples(own)
    found = [one for one in Bench(load(own)).all() if one.kind == "mix up"]
    assert {one.by for one in found} == {"table"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a/juki", "a/kojinjuminzei", "b/kojinjuminzei"])
def test_a_sample_of_the_mutants_of_shipped_adapters_is_killed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One in fifty; deploy/tools/mutate_adapters.py tries them all."""
    code, document = ask(capsys, "mutants", name, "--share", 0.02)
    assert (code, document["survivors"]) == (0, [])
    assert document["mutants"] > 10


@pytest.mark.slow
def test_golden_pairs_exercise_every_line_of_all_shipped_definitions() -> None:
    """Items, code rows, cases, defaults and spellings of every mapping."""
    for name in shipped():
        assert missing(load_subject(find_folder(name), load_edition())) == {}, name
