"""Unknown gaiji from one vendor's file to another vendor's file, as a stranger would run it, with fewer records."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.repository import ROOT

COMMAND = ROOT / "deploy" / "examples" / "gaiji" / "run.py"
NOTHING = ("codes_without_one_row", "delivered_too_early", "substituted", "wrong", "lost", "duplicates", "out_of_order")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_no_unknown_gaiji_is_substituted_from_file_to_file() -> None:
    """Real processes: held until decided, one row of work per code, then everything once, unchanged and in order."""
    done = subprocess.run(
        [sys.executable, str(COMMAND), "--json", "--records", "150"],
        capture_output=True,
        text=True,
        check=False,
        timeout=220,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {name: figures[name] for name in NOTHING} == dict.fromkeys(NOTHING, 0)
    assert (figures["records"], figures["delivered"]) == (150, 150)
    assert figures["held"] == figures["unknown"] > figures["codes"] == figures["worklist_rows"] > 5
    assert figures["delivered_before"] < 150 - figures["held"]


@pytest.mark.slow
def test_too_few_records_for_all_codes_are_refused() -> None:
    """The command says how many it needs."""
    done = subprocess.run(
        [sys.executable, str(COMMAND), "--records", "5"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "--records" in done.stderr
