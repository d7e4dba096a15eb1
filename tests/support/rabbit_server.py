"""A RabbitMQ of the tests' own, and settings of brokers on it whose queues nobody else uses."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus.core.settings import BrokerSettings
from tests.support.loading import deployed

private_rabbitmq = deployed("lib/private_rabbitmq.py")
PrivateRabbitMq = private_rabbitmq.PrivateRabbitMq


@contextmanager
def rabbitmq_at(folder: Path, **options: Any) -> Iterator[Any]:
    """A running node; skipped where RabbitMQ is not installed (in CI that is an error)."""
    if not (private_rabbitmq.PROGRAMS / "rabbitmq-server").exists():
        pytest.skip("programs not installed: rabbitmq-server")
    with PrivateRabbitMq(folder, **options) as server:
        yield server


def settings_for(server: Any, **changes: Any) -> BrokerSettings:
    """The settings of a broker on this server with queue names of its own."""
    base = BrokerSettings(
        engine="rabbitmq",
        max_resident=1 << 20,
        nodes=(("127.0.0.1", server.port),),
        user=server.user,
        password=server.password,
        prefix=f"t-{secrets.token_hex(6)}",
        timeout_s=20.0,
    )
    return replace(base, **changes)
