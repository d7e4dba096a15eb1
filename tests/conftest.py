"""Rules for all tests: in CI a skip is an error unless listed; Hypothesis measures no time on shared machines.

The quick run does not even import a file whose tests are all slow, and tries a fifth of the generated examples.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.rabbit_server import rabbitmq_at

QUICK = "not slow and not system"
"""What ``deploy/test.sh --fast`` selects."""

ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.csv"

settings.register_profile("whole", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)


def pytest_configure(config: pytest.Config) -> None:
    """How many examples a property is tried with, where its test does not say so itself."""
    settings.load_profile("quick" if config.option.markexpr == QUICK else "whole")


@cache
def allowed_skips() -> frozenset[str]:
    """Node ids that may be skipped in CI; each row of ``allowed_skips.csv`` carries its reason."""
    with ALLOWED_SKIPS.open(encoding="utf-8", newline="") as rows:
        return frozenset(row["test"] for row in csv.DictReader(rows) if row["reason"].strip())


def pytest_sessionfinish() -> None:
    """End the servers that tests share."""
    postgres = sys.modules.get("tests.support.postgres")
    if postgres is not None:
        postgres.SHARED.remove()


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Generator[Any, None, None]:
    """A running RabbitMQ, one for all tests of this process; who stops or blocks one starts its own."""
    with rabbitmq_at(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn an unlisted skip into an error when CI=true, so that nothing is left out unseen."""
    report = yield
    unlisted = item.nodeid.partition("[")[0] not in allowed_skips()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true" and unlisted:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped in CI without a row in {ALLOWED_SKIPS.name}: {reason}"
    return report


def wholly_slow(text: str) -> bool:
    """Whether one line marks all tests of a file as slow, or as needing programs beyond Python."""
    marks = [line for line in text.splitlines() if line.startswith("pytestmark = ") and "param" not in line]
    return any(f"pytest.mark.{mark}" in line for line in marks for mark in ("slow", "system"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave such files out of the quick run: importing them costs each worker more than it costs to look."""
    if config.option.markexpr != QUICK or not collection_path.name.startswith("test_"):
        return None
    return wholly_slow(collection_path.read_text(encoding="utf-8")) or None
