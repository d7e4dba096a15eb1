"""The benchmark of mappings runs, and what comes back is what went in."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.repository import ROOT


@pytest.mark.slow
def test_the_benchmark_of_mappings_gives_its_figures() -> None:
    """Every step has a cost, both directions a rate, the peer of the same run a ratio."""
    done = subprocess.run(
        [sys.executable, ROOT / "deploy/bench/mapping.py", "--records", "40", "--rounds", "2", "--json"],
        capture_output=True,
        check=False,
        timeout=120,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr.decode()
    for one in json.loads(done.stdout)["mapping"]:
        assert one["same"] is True
        assert one["items"] > 50
        assert all(cost > 0 for cost in one["us"].values())
        assert min(one["to_standard_per_s"], one["to_vendor_per_s"], one["peer_per_s"], one["ratio_to_peer"]) > 0
