"""A statement of conformity that ends while the bus runs closes its route at that moment; a new one opens it again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bus.core.clock import SystemClock
from bus.core.config import load_site
from tests.app.conftest import Town
from tests.app.test_end_to_end import code_of, inquire
from tests.support.polling import until_async

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("town", [1, 2], indirect=True)]
KEY = "990019/juki"


async def test_the_end_closes_the_route_and_a_renewal_opens_it(town: Town) -> None:
    """Nobody reloads: the bus waits for the moment itself. Notices go on meanwhile."""
    site = load_site(town.folder, town.edition, need_secrets=True)
    asked = replace(site, routes=tuple(replace(one, require_statement=one.mode == "direct") for one in site.routes))
    await town.app.reload(replace(asked, statements={KEY: SystemClock().now() + 3600}))
    assert (await inquire(town))[0] == 200
    await town.app.reload(replace(asked, statements={KEY: SystemClock().now() + 0.3}))
    await until_async(lambda: KEY in town.app.site.lapsed)

    async def closed() -> bool:
        status, raw = await inquire(town)
        return status == 500 and code_of(raw) == "CB2056"

    await until_async(closed)
    assert (await town.notify())[0] == 200
    await town.app.reload(replace(asked, statements={KEY: SystemClock().now() + 3600}))
    assert (await inquire(town))[0] == 200
