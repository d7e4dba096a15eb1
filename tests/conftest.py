"""Rules for all tests: in CI a skip is an error unless listed; Hypothesis measures no time on shared machines."""

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

ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.csv"

settings.register_profile("chiikibus", deadline=None)
settings.load_profile("chiikibus")


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
