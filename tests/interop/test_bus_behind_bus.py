"""Two buses in a row: to the first one the second looks like any native provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.core.basic import BUS_USER
from tests.interop.caller import ask, body_of
from tests.interop.cases import COMMON, cases, differences, items_of
from tests.interop.conftest import running_bus
from tests.interop.provider import serving
from tests.interop.site import MUNICIPALITY, secret_of
from tests.support.polling import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CALLS = ("resident_names", "notice_names", "vendor_fault", "not_a_date")


def test_a_bus_behind_a_bus_is_a_provider_like_any_other(tmp_path: Path) -> None:
    """Inquiry, fault and notice pass both unchanged; a notice keeps its id, or its receipt would be another's."""
    for name in ("front", "behind"):
        (tmp_path / name).mkdir()
    with (
        serving(secret_of("system")) as system,
        running_bus(tmp_path / "behind", {"system": system.url}, clients={"system": BUS_USER}) as behind,
        running_bus(
            tmp_path / "front",
            {"other": f"http://127.0.0.1:{behind.port}/{MUNICIPALITY}/{BUS_USER}/juki"},
            secrets={"other": secret_of(BUS_USER)},
        ) as front,
    ):
        said = {call: ask(front.door("other"), cases().calls[call]) for call in CALLS}
        until(lambda: system.notices, what="the notice to pass both buses")
        until(lambda: front.notices("other") == [("DELIVERED", "")], what="the receipt of the second bus")
        until(lambda: behind.notices("system") == [("DELIVERED", "")], what="the receipt of the system behind")
        assert behind.ids("system") == front.ids("other")
    assert differences(items_of(body_of(said["resident_names"])[0]), cases().residents["000000000000123"]) == []
    assert differences(system.notices[0], cases().sent("notice_names")) == []
    assert body_of(said["vendor_fault"]).findtext("faultstring") == cases().fault_text
    refused = body_of(said["not_a_date"])
    assert refused.findtext(f"detail/{COMMON}shogai/{COMMON}kodo") == "E0002"
