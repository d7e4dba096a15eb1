"""The front holds on uvloop, which the bus runs on, what it holds on the loop of the standard library."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from tests.front import test_documents_and_health, test_http, test_tls

Scenario = Callable[..., Awaitable[None]]

SCENARIOS: dict[str, Scenario] = {
    name: function
    for module in (test_http, test_documents_and_health, test_tls)
    for name, function in vars(module).items()
    if name.startswith("test_") and inspect.iscoroutinefunction(function) and not inspect.signature(function).parameters
}


async def run(scenario: Scenario, **given: object) -> None:
    """One scenario."""
    await scenario(**given)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_holds_on_uvloop(name: str) -> None:
    """Every scenario without parameters."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(SCENARIOS[name]))


@pytest.mark.parametrize("name", test_http.MALFORMED)
def test_a_malformed_request_ends_the_connection_on_uvloop_too(name: str) -> None:
    """The defence against request smuggling does not depend on the loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(test_http.test_a_malformed_request_is_400_and_ends_the_connection, name=name))


@pytest.mark.parametrize("chunked", [False, True])
def test_an_offer_of_another_protocol_is_passed_over_on_uvloop_too(chunked: bool) -> None:
    """Bodies and the next requests stay in step."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(test_http.test_the_offer_of_another_protocol_is_passed_over, chunked=chunked))
