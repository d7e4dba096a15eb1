"""One small town of real processes for the tests of a module that only look or hand in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.story.town import Town, example_module

RESIDENTS = 100


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Bus, adapters and vendor systems on free ports, a hundred residents loaded."""
    hall = example_module("townhall").TownHall(tmp_path_factory.mktemp("town"), fixed_ports=False)
    try:
        hall.prepare()
        made = Town(hall)
        made.own_definition("a-tax")
        hall.start()
        made.load(RESIDENTS, seed=7)
        yield made
    finally:
        hall.stop()
