"""Endpoints pinned to another edition: what the site folder must say, and what is announced before the end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bus.core.config import load_site
from bus.core.config.editions import edition_for
from bus.core.config.pins import ending
from bus.core.errors import ConfigurationError
from tests.support.second_edition import second_edition
from tests.support.sites import change, write_site

pytestmark = pytest.mark.slow
TAX = 'id = "tax", '


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site that knows the folder of edition 1.1."""
    made = write_site(tmp_path / "site")
    site = made / "site.toml"
    site.write_text(site.read_text("utf-8") + f'\n[editions]\n"1.1" = "{second_edition()}"\n', "utf-8")
    return made


def pin(folder: Path, keys: str) -> None:
    """Give the tax endpoint these keys."""
    change(folder / "endpoints.toml", TAX, f"{TAX}{keys}, ")


def findings(folder: Path) -> list[tuple[str, str]]:
    """Codes and places of what is wrong with a site."""
    with pytest.raises(ConfigurationError) as caught:
        load_site(folder)
    return [(one.code, one.path.rpartition(".")[2]) for one in caught.value.findings]


def test_an_endpoint_may_be_pinned_to_another_edition_until_a_day(folder: Path) -> None:
    """The site keeps its own edition, the endpoint has the other."""
    pin(folder, 'edition = "1.1", edition_until = "2030-03-31"')
    site = load_site(folder)
    tax = site.endpoint("990019", "tax")
    assert tax is not None
    assert (site.edition, tax.edition, tax.edition_until) == ("1.0", "1.1", "2030-03-31")
    assert edition_for(site, "1.1").units["juki"].edition == "1.1"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('edition = "1.2", edition_until = "2030-03-31"', ("CB7014", "edition")),
        ('edition = "1.1"', ("CB7013", "edition_until")),
        ('edition = "1.1", edition_until = "2030-02-30"', ("CB7012", "edition_until")),
        ('edition = "1.1", edition_until = "令和12年"', ("CB7012", "edition_until")),
    ],
)
def test_a_pin_names_a_known_edition_and_a_day(folder: Path, keys: str, expected: tuple[str, str]) -> None:
    """A pin without an end would be there for ever."""
    pin(folder, keys)
    assert expected in findings(folder)


def test_the_folder_of_an_edition_must_be_there(folder: Path) -> None:
    """As those of ``[mounts]``."""
    change(folder / "site.toml", str(second_edition()), "no-such-folder")
    assert ("CB7010", "1.1") in [(code, path if path != "1" else "1.1") for code, path in findings(folder)]


def test_what_the_bus_cannot_carry_between_editions_is_a_problem_of_the_route(folder: Path) -> None:
    """An operation that one edition does not have, and inquiries whose answer comes later."""
    pin(folder, 'edition = "1.1", edition_until = "2030-03-31"')
    route = '{ municipality = "990019", operation = "kojinjuminzei.shotoku_shokai", to = ["tax"], mode = "direct" },'
    change(folder / "routes.toml", "route = [", f"route = [\n  {route}")
    right = (
        route.partition(", to")[0].replace(" operation", ' endpoint = "kokuho", operation')
        + ', purposes = ["kokuho"] },'
    )
    change(folder / "rights.toml", "right = [", f"right = [\n  {right}")
    assert [code for code, _ in findings(folder)] == ["CB7062", "CB7062"]


def test_a_queued_inquiry_stays_in_one_edition(folder: Path) -> None:
    """Its answer travels by itself."""
    pin(folder, 'edition = "1.1", edition_until = "2030-03-31"')
    change(folder / "routes.toml", 'mode = "direct", deadline_s = 2', 'mode = "queued"')
    assert ("CB7062", "operation") in findings(folder)


def test_the_end_is_announced_90_days_before_and_stops_nothing(folder: Path) -> None:
    """CB7063 says which endpoint, which edition and until when."""
    pin(folder, 'edition = "1.1", edition_until = "2030-03-31"')
    site = load_site(folder)
    at = [datetime(2029, 12, 31, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 4, 1, tzinfo=UTC)]
    assert [[one.code for one in ending(site, day.timestamp())] for day in at] == [[], ["CB7063"], ["CB7063"]]
    assert ending(site, at[1].timestamp())[0].got == "1.1 until 2030-03-31"
