"""What ``chiikibus check`` asks of the adapters of a site: definitions, settings and gaiji registers."""

from __future__ import annotations

from adapters.characters.register import load_register
from adapters.host.definition import definition_folder, load_definition
from adapters.sdk.problems import Problems
from adapters.suite.subject import load_subject
from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from bus.core.types import Finding
from schemas.catalog import CatalogError, load_edition


def check_site(site: Site) -> tuple[Finding, ...]:
    """Every problem of every adapter of the site, each definition read once."""
    try:
        edition = load_edition(site.edition, site.standard_folder, site.mounts)
    except CatalogError as error:
        return tuple(Finding("CB7003", path=problem) for problem in error.problems)
    problems = Problems()
    seen: set[object] = set()
    for spec in site.adapters:
        folder = definition_folder(spec, site.folder)
        if not (folder / "adapter.toml").is_file():
            problems.add("adapters.toml", f"{spec.id}.vendor", expected="a definition folder", got=str(folder.name))
            continue
        load_definition(folder, edition, problems, spec)
        if folder not in seen:
            seen.add(folder)
            try:
                load_subject(folder, edition)
            except ConfigurationError as error:
                problems.found.extend(one for one in error.findings if one not in problems.found)
        gaiji = spec.settings.get("gaiji")
        if gaiji:
            try:
                load_register(site.folder / str(gaiji))
            except ConfigurationError as error:
                problems.found.extend(error.findings)
    return tuple(problems.found)
