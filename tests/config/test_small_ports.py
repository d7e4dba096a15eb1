"""Clock, ids and Basic credentials keep their promises."""

from __future__ import annotations

import re
import uuid

import pytest

from bus.core.basic import Credential, basic_header, read_basic, same_secret
from bus.core.clock import SystemClock
from bus.core.ids import SystemIds


class FixedClock:
    """A clock that stands where it is put."""

    def __init__(self, now: float) -> None:
        self.at = now

    def now(self) -> float:
        """The set time."""
        return self.at

    def monotonic(self) -> float:
        """The set time."""
        return self.at


def test_exchange_ids_sort_by_time() -> None:
    """Later means greater as text, whatever the random part is."""
    clock = FixedClock(1_700_000_000.0)
    ids = SystemIds(clock)
    earlier = [ids.exchange() for _ in range(50)]
    clock.at += 0.001
    later = [ids.exchange() for _ in range(50)]
    assert max(earlier) < min(later)
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in earlier + later)
    assert len(set(earlier)) == 50


def test_message_ids_are_random_uuids() -> None:
    """``urn:uuid:`` of version 4."""
    text = SystemIds().message()
    assert uuid.UUID(text).version == 4
    assert text.startswith("urn:uuid:")


def test_the_system_clock_moves_forward() -> None:
    """Both clocks give seconds."""
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.now() > 1_700_000_000


def test_basic_credentials_round_trip() -> None:
    """Colons and Japanese characters in the secret survive."""
    assert read_basic(basic_header("tax", "a:秘密:b")) == Credential("tax", "a:秘密:b")


@pytest.mark.parametrize("header", ["", "Basic", "Basic ???", "Bearer abc", "Basic dGF4", "Basic /////w=="])
def test_what_is_not_basic_is_no_credential(header: str) -> None:
    """A malformed header never raises and never authenticates."""
    assert read_basic(header) is None


def test_an_empty_expected_secret_never_agrees() -> None:
    """An endpoint without a credential file cannot be entered with an empty secret."""
    assert not same_secret("", "")
    assert same_secret("x", "x")
    assert not same_secret("x", "y")


def test_a_credential_hides_its_secret() -> None:
    """repr goes into tracebacks."""
    assert "hidden" not in repr(Credential("tax", "hidden"))
