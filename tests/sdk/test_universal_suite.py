"""Every shipped adapter passes the universal suite."""

from __future__ import annotations

import pytest

from adapters.suite.run import CHECKS, run_suite
from adapters.suite.subject import find_folder, load_subject, shipped
from schemas.catalog import load_edition


@pytest.mark.parametrize("records", [20, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["a/juki", "a/kojinjuminzei", "b/kojinjuminzei"])
def test_a_shipped_adapter_passes_every_check(name: str, records: int) -> None:
    """Complete, exact on its samples and golden pairs, inverse, clear in its errors; no rule can be missing unseen."""
    found = run_suite(load_subject(find_folder(name), load_edition()), records=records)
    assert [one.as_dict() for one in found if not one.ok] == []
    assert {one.check for one in found} <= set(CHECKS)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [one for one in shipped() if one.endswith("/interfaces")])
def test_the_interfaces_that_adapters_share_pass_every_check(name: str) -> None:
    """Every record of every unit, as each vendor writes it: the same checks for each of them."""
    found = run_suite(load_subject(find_folder(name), load_edition()), records=10)
    assert [one.as_dict() for one in found if not one.ok] == []


def test_what_is_shipped_is_judged() -> None:
    """The names above are all that have layouts of their own."""
    judged = {"a/juki", "a/kojinjuminzei", "b/kojinjuminzei"}
    rest = [name for name in shipped() if name not in judged and not name.endswith("/interfaces")]
    assert [name for name in rest if (find_folder(name) / "layout").is_dir()] == []
    assert len(rest) > 60
