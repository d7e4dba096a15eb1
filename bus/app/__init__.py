"""The composition root: the only place that names concrete classes, and the supervisor of the site's processes.

``build`` imports its parts when called, so that the supervisor stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bus.app.composition import App
    from bus.core.settings import Site
    from schemas.model import Edition


def build(site: Site, edition: Edition | None = None) -> App:
    """The bus of a site, not yet started. Errors: ``ConfigurationError`` CB7001 for an engine that does not exist."""
    from bus.app.composition import App

    return App(site, edition)
