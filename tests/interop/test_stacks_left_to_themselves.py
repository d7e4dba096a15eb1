"""What foreign stacks do without the settings of ``docs/interop.md``: detected where it can be, and known where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interop.caller import ask, body_of
from tests.interop.cases import COMMON, cases
from tests.interop.conftest import Town, running_bus
from tests.interop.provider import told
from tests.interop.site import secret_of
from tests.interop.stacks import Workshop, client_lines, providing
from tests.support.network import free_port
from tests.support.polling import until

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]

FULL_WIDTH_SPACE = "\u3000"


def trimmed(record: dict[str, str]) -> dict[str, str]:
    """A record as JavaScript's trim() leaves it."""
    return {name: value.strip() for name, value in record.items()}


@pytest.mark.parametrize(
    ("stack", "calls", "code"),
    [
        ("gsoap", ["resident_names", "resident_dates", "resident_foreign", "household_many"], "CB1004"),
        ("perl", ["resident_names", "nobody", "household_one", "vendor_fault"], "CB1008"),
    ],
)
def test_a_provider_that_guesses_or_loses_is_refused(
    stack: str, calls: list[str], code: str, town: Town, workshop: Workshop, tmp_path: Path
) -> None:
    """gSOAP keeps a character's low byte, SOAP::Lite answers as RPC: CB1017 with the finding, and nothing of it."""
    port, site = free_port(), tmp_path / "site"
    site.mkdir()
    with (
        providing(stack, workshop, town.door.wsdl, port, secret_of(stack), tmp_path / "provider", defaults=True),
        running_bus(site, {stack: f"http://127.0.0.1:{port}/soap"}) as bus,
    ):
        for call in calls:
            said = ask(bus.door(stack), cases().calls[call])
            shogai = body_of(said).find(f"detail/{COMMON}shogai")
            assert (call, said["status"], shogai.findtext(f"{COMMON}kodo")) == (call, 500, "CB1017")
            assert code in [one.text for one in shogai.iter(f"{COMMON}kodo")]


def test_node_soap_as_a_provider_loses_the_spaces_at_the_ends(town: Town, workshop: Workshop, tmp_path: Path) -> None:
    """Nobody can see it from outside, so it stands in the document; if a release mends it, this test says so."""
    port, site = free_port(), tmp_path / "site"
    site.mkdir()
    with (
        providing("node", workshop, town.door.wsdl, port, secret_of("node"), tmp_path / "p", defaults=True) as notices,
        running_bus(site, {"node": f"http://127.0.0.1:{port}/soap"}) as bus,
    ):
        ask(bus.door("node"), cases().calls["notice_names"])
        until(lambda: told(notices), what="the notice to be delivered")
    sent = dict(cases().sent("notice_names"))
    assert told(notices) == [trimmed(sent)]
    assert trimmed(sent) != sent


def test_node_soap_as_a_client_loses_the_spaces_at_the_ends(town: Town, workshop: Workshop) -> None:
    """The same in what it reads; and what it has read it sends on."""
    before = len(town.provider.notices)
    lines = client_lines("node", workshop, town.door.url, town.door.user, town.door.secret, defaults=True)
    said: dict[str, Any] = {line["call"]: line for line in lines}
    for call in ("resident_names", "resident_foreign"):
        assert said[call]["jumin"] == [trimmed(dict(record)) for record in cases().expected(call)]
    sent = len(cases().with_expectation("receipt"))
    until(lambda: len(town.provider.notices) >= before + sent, what="the notices to be delivered")
    assert all(not notice["shimei"].startswith(FULL_WIDTH_SPACE) for notice in town.provider.notices[before:])
