"""The editions of the standard that a site uses: its own, and those that endpoints are pinned to until a day."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from bus.core.types import Finding
from schemas.catalog import HOME, CatalogError, load_edition
from schemas.model import Edition


def shipped() -> frozenset[str]:
    """The versions that come with the program."""
    return frozenset(path.name for path in (HOME / "standard").iterdir() if path.is_dir())


def other_editions(home: str, versions: Mapping[str, Path], pinned: frozenset[str]) -> Mapping[str, Edition]:
    """The pinned editions beside the site's own that can be found: in the folders of ``[editions]``, else shipped.

    Errors: ``ConfigurationError`` CB7003 with every problem of their tables.
    """
    known = set(versions) | shipped()
    return {version: _load(version, versions.get(version)) for version in sorted((pinned & known) - {home})}


def pinned_editions(site: Site) -> Mapping[str, Edition]:
    """The same for a checked site."""
    pinned = frozenset(endpoint.edition for endpoint in site.endpoints)
    return other_editions(site.edition, site.editions, pinned)


def edition_for(site: Site, version: str) -> Edition:
    """One edition of a checked site. Errors: ``ConfigurationError`` CB7003."""
    if version != site.edition:
        return _load(version, site.editions.get(version))
    try:
        return load_edition(site.edition, site.standard_folder, site.mounts)
    except CatalogError as error:
        raise _unusable(error) from error


@lru_cache(maxsize=8)
def _load(version: str, folder: Path | None) -> Edition:
    """Kept, since every reload of the tables asks; a changed folder of an edition counts from the next start on."""
    try:
        return load_edition(version, folder)
    except CatalogError as error:
        raise _unusable(error) from error


def _unusable(error: CatalogError) -> ConfigurationError:
    return ConfigurationError("CB7003", [Finding("CB7003", path=problem) for problem in error.problems])
