"""The quick run: what it leaves out is left out by its marks, and nothing else is."""

from __future__ import annotations

import pytest

from tests.conftest import QUICK, wholly_slow
from tests.support.repository import ROOT


def test_the_script_selects_what_the_rules_for_all_tests_call_quick() -> None:
    """Else the files that cost most would be imported again."""
    assert f'-m "{QUICK}"' in (ROOT / "deploy" / "test.sh").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "left_out"),
    [
        ("pytestmark = pytest.mark.slow", True),
        ("pytestmark = [pytest.mark.timeout(120), pytest.mark.system]", True),
        ('pytestmark = pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.slow), 2])', False),
        ("pytestmark = pytest.mark.timeout(120)", False),
        ("@pytest.mark.slow", False),
        ("    pytestmark = pytest.mark.slow", False),
    ],
)
def test_a_file_is_left_out_only_when_all_of_it_is_slow(line: str, left_out: bool) -> None:
    """One test that is not slow keeps its file in."""
    assert wholly_slow(f"import pytest\n\n{line}\n") is left_out
