"""Every shipped adapter passes the universal suite."""

from __future__ import annotations

import pytest

from adapters.suite.run import CHECKS, run_suite
from adapters.suite.subject import find_folder, load_subject, shipped
from schemas.catalog import load_edition


@pytest.mark.parametrize("records", [20, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", shipped())
def test_a_shipped_adapter_passes_every_check(name: str, records: int) -> None:
    """Complete, exact on its samples and golden pairs, inverse, clear in its errors; no rule can be missing unseen."""
    found = run_suite(load_subject(find_folder(name), load_edition()), records=records)
    assert [one.as_dict() for one in found if not one.ok] == []
    assert {one.check for one in found} <= set(CHECKS)
