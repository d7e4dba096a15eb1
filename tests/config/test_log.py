"""The log masks personal data, keeps documented keys and costs little."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bus.core import log
from bus.core.errors import JournalError
from bus.core.log_keys import ID_KEYS, LOG_KEYS

# Synthetic: neither the name, the address nor the number belongs to anybody.
CANARY_NAME = "架空 花子"
CANARY_ADDRESS = "地域市架空町一丁目二番三号"
CANARY_NUMBER = "123456789018"


@pytest.fixture
def stream() -> Iterator[io.BytesIO]:
    """A configured log that writes to memory; structlog is put back afterwards."""
    out = io.BytesIO()
    log.configure(stream=out)
    yield out
    structlog.reset_defaults()


def written(stream: io.BytesIO) -> list[dict[str, Any]]:
    """The lines as dictionaries."""
    return [json.loads(text) for text in stream.getvalue().splitlines()]


def test_documented_keys_pass(stream: io.BytesIO) -> None:
    """What an operator needs is written as it is, with time and level."""
    log.line("delivery", exchange_id="0" * 32, target="990019/tax", state="DELIVERED", attempt=2, duration_ms=1.5)
    (entry,) = written(stream)
    assert entry.pop("ts") > 0
    assert entry == {
        "level": "info",
        "event": "delivery",
        "exchange_id": "0" * 32,
        "target": "990019/tax",
        "state": "DELIVERED",
        "attempt": 2,
        "duration_ms": 1.5,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"shimei": CANARY_NAME},
        {"anything": CANARY_NAME},
        {"jusho": CANARY_ADDRESS},
        {"kojinbango": CANARY_NUMBER},
        {"kojinbango": int(CANARY_NUMBER)},
        {"anything": CANARY_NUMBER},
        {"anything": int(CANARY_NUMBER)},
        {"anything": "１２３４５６７８９０１８"},
        {"anything": "1234-5678-9018"},
        {"reason": f"number {CANARY_NUMBER} is wrong"},
        {"氏名": "anything"},
        {"nested": {"shimei": CANARY_NAME, "deep": [{"jusho": CANARY_ADDRESS}]}},
        {"values": (CANARY_NAME, CANARY_NUMBER)},
        {"raw": CANARY_NAME.encode()},
        {"body": b"<shimei>" + CANARY_NAME.encode()},
    ],
)
@pytest.mark.parametrize("way", ["line", "structlog"])
def test_canaries_never_leave(stream: io.BytesIO, fields: dict[str, Any], way: str) -> None:
    """A synthetic name, address and 12-digit number put under any key are masked on both ways into the log."""
    if way == "line":
        log.line("canary", **fields)
    else:
        log.logger().info("canary", **fields)
    text = stream.getvalue().decode()
    assert text.endswith("\n")
    for canary in (CANARY_NAME, CANARY_ADDRESS, CANARY_NUMBER, "１２３４５６７８９０１８", "1234-5678-9018"):
        assert canary not in text
        assert json.dumps(canary).strip('"') not in text


def test_identifiers_keep_their_digits(stream: io.BytesIO) -> None:
    """An exchange id may hold twelve digits by chance and must stay searchable."""
    exchange_id = "0123456789012" + "ab" * 9 + "c"
    log.line("delivery", exchange_id=exchange_id)
    assert written(stream)[0]["exchange_id"] == exchange_id


def fail(error: Exception) -> None:
    """Raise what is given."""
    raise error


def test_an_exception_is_written_without_its_message(stream: io.BytesIO) -> None:
    """The text of an exception may quote data: type, code and place are enough."""
    for error in (JournalError("CB4001"), ValueError(CANARY_NAME)):
        try:
            fail(error)
        except (JournalError, ValueError) as caught:
            log.logger().error("failed", exc_info=caught)
    first, second = written(stream)
    assert (first["error"], first["code"]) == ("JournalError", "CB4001")
    assert second["error"] == "ValueError"
    assert CANARY_NAME not in stream.getvalue().decode()
    assert "test_log" in second["where"]


def test_levels_below_the_threshold_are_silent() -> None:
    """At level warning an info line costs nothing and writes nothing."""
    out = io.BytesIO()
    log.configure("warning", stream=out)
    log.line("quiet")
    log.logger().info("quiet")
    log.warn("loud")
    structlog.reset_defaults()
    assert [entry["event"] for entry in written(out)] == ["loud"]


def test_nothing_is_written_before_configuration() -> None:
    """A library user who never configured the log hears nothing."""
    structlog.reset_defaults()
    log.line("unheard")


def test_the_console_form_is_masked_too() -> None:
    """For a person the same line is shown as text."""
    out = io.BytesIO()
    log.configure(json=False, stream=out)
    log.line("delivery", state="PARKED", shimei=CANARY_NAME)
    structlog.reset_defaults()
    assert b"delivery state=PARKED shimei=***" in out.getvalue()


def test_every_identifier_key_is_documented() -> None:
    """The exemptions from masking are a subset of the documented keys."""
    assert set(LOG_KEYS) >= ID_KEYS - {"at"}
