"""What a site folder says of attachments: read whole, and contradictions found before a message comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from schemas.catalog import load_edition
from tests.support.sites import change, write_site

EDITION = load_edition()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid site folder."""
    return write_site(tmp_path / "site")


def add(folder: Path, lines: str) -> None:
    """More lines of ``site.toml``."""
    path = folder / "site.toml"
    path.write_text(path.read_text("utf-8") + f"\n[attachments]\n{lines}\n", "utf-8")


def only(folder: Path) -> Finding:
    """The one problem of the folder."""
    with pytest.raises(ConfigurationError) as caught:
        load_site(folder, EDITION)
    (finding,) = caught.value.findings
    return finding


def test_without_a_word_nothing_carries_attachments(folder: Path) -> None:
    """They are allowed by route; the folder of the segments is below the site's own."""
    site = load_site(folder, EDITION)
    assert not any(route.attachments for route in site.routes)
    assert site.attachments.folder == folder / "var/attachments"


def test_everything_can_be_said(folder: Path) -> None:
    """Folder, sizes, numbers and rate; a relative folder is one of the site's."""
    add(folder, 'folder = "store"\nmax_size = 2048\nmax_parts = 3\nmax_in_flight = 4096\nmin_free = 0\nmin_rate = 7')
    change(folder / "routes.toml", 'mode = "queued" }', 'mode = "queued", attachments = true, unfiltered = "試験" }')
    site = load_site(folder, EDITION)
    found = site.attachments
    assert (found.folder, found.max_size, found.max_parts) == (folder / "store", 2048, 3)
    assert (found.max_in_flight, found.min_free, found.min_rate) == (4096, 0, 7)
    assert [route.attachments for route in site.routes] == [False, True]


@pytest.mark.parametrize(
    ("lines", "code", "path"),
    [
        ("max_sice = 5000", "CB7011", "attachments.max_sice"),
        ("max_size = 1", "CB7012", "attachments.max_size"),
        ("min_rate = 0", "CB7012", "attachments.min_rate"),
        ("max_in_flight = 2048", "CB7024", "attachments.max_in_flight"),
        ('folder = "/dev/null/attachments"', "CB7023", "attachments.folder"),
    ],
)
def test_a_wrong_value_is_one_finding_at_its_place(folder: Path, lines: str, code: str, path: str) -> None:
    """Unknown keys, numbers out of range, less room in flight than one message may take, a folder nobody can write."""
    add(folder, lines)
    finding = only(folder)
    assert (finding.code, finding.path) == (code, f"site.toml: {path}")


def test_a_right_that_withholds_items_contradicts_a_route_with_attachments(folder: Path) -> None:
    """Nobody can take an item out of an attachment."""
    change(folder / "routes.toml", 'mode = "queued" }', 'mode = "queued", attachments = true, unfiltered = "試験" }')
    change(folder / "rights.toml", 'purposes = ["jumin"]', 'purposes = ["jumin"], withhold = ["juminhyokodo"]')
    finding = only(folder)
    assert (finding.code, finding.path) == ("CB7024", "routes.toml: route[1].attachments")
    assert finding.got == "juminhyokodo"
