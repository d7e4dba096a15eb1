"""What ``chiikibus check`` asks of the adapters of a site: definitions, settings and gaiji registers."""

from __future__ import annotations

from adapters.characters.register import load_register
from adapters.host.agreed import agreed_repertoire
from adapters.host.definition import Definition, definition_folder, load_definition
from adapters.sdk.problems import Problems
from adapters.suite.subject import load_subject
from bus.core.config.editions import edition_for
from bus.core.errors import ConfigurationError
from bus.core.settings import AdapterSpec, Site
from bus.core.types import Finding

OTHERS = 0o077


def check_site(site: Site) -> tuple[Finding, ...]:
    """Every problem of every adapter of the site, each definition read once."""
    try:
        editions = {one.edition: edition_for(site, one.edition) for one in site.endpoints}
        home = editions.get(site.edition) or edition_for(site, site.edition)
    except ConfigurationError as error:
        return error.findings
    problems = Problems()
    seen: set[object] = set()
    for spec in site.adapters:
        folder = definition_folder(spec, site.folder)
        if not (folder / "adapter.toml").is_file():
            problems.add("adapters.toml", f"{spec.id}.vendor", expected="a definition folder", got=str(folder.name))
            continue
        endpoint = site.endpoint(spec.municipality, spec.endpoint)
        edition = home if endpoint is None else editions[endpoint.edition]
        definition = load_definition(folder, edition, problems, spec)
        if definition is not None and any(endpoint.secret for endpoint in site.endpoints):
            _check_credentials(site, spec, definition, problems)
        if folder not in seen:
            seen.add(folder)
            try:
                load_subject(folder, edition)
            except ConfigurationError as error:
                problems.found.extend(one for one in error.findings if one not in problems.found)
        _check_tables(site, spec, problems)
        agreed_repertoire(site, spec, problems)
        gaiji = spec.settings.get("gaiji")
        if gaiji:
            try:
                load_register(site.folder / str(gaiji))
            except ConfigurationError as error:
                problems.found.extend(error.findings)
    return tuple(problems.found)


def _check_tables(site: Site, spec: AdapterSpec, problems: Problems) -> None:
    """The folder of the vendors' own host tables, where the site has one."""
    tables = spec.settings.get("tables")
    if tables and not (site.folder / str(tables)).is_dir():
        where = f"adapters.toml: {spec.id}.settings.tables"
        problems.add(where, "", expected="a folder of host tables", got=str(tables))


def _check_credentials(site: Site, spec: AdapterSpec, definition: Definition, problems: Problems) -> None:
    """The vendor's tokens: each a file that only its owner can read."""
    declared = (*definition.flows, *definition.transports)
    named = {one.text(key) for one in declared for key in ("auth", "key_file")}
    for key in sorted(named & set(spec.settings)):
        path = site.folder / str(spec.settings[key])
        where = f"adapters.toml: {spec.id}.settings.{key}"
        if not path.is_file():
            problems.found.append(Finding("CB7022", path=where, expected=str(spec.settings[key]), got="missing"))
        elif path.stat().st_mode & OTHERS:
            problems.found.append(Finding("CB7025", path=where, expected="600", got=f"{path.stat().st_mode & 0o777:o}"))
