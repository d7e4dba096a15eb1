"""A site folder to a ``Site``: every problem of all files is reported at once, with file, key and line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from bus.core.config.checks import check_all
from bus.core.config.editions import other_editions
from bus.core.config.files import (
    adapter_address,
    read_adapters,
    read_endpoints,
    read_rights,
    read_routes,
    read_site,
    secret_path,
)
from bus.core.config.parts import Parts
from bus.core.config.pins import check_pins
from bus.core.config.reader import Document
from bus.core.config.security import password_path, read_security, secured
from bus.core.config.stated import concerned, read_statements
from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from bus.core.types import Finding
from schemas.catalog import CatalogError, load_edition
from schemas.model import Edition

__all__ = ["FILES", "adapter_address", "load_site", "password_path", "secret_path"]

FILES = ("site.toml", "endpoints.toml", "routes.toml", "rights.toml", "adapters.toml", "security.toml")
SECURITY = "security.toml"
OPTIONAL = frozenset({"adapters.toml", SECURITY})


def _no_site(folder: Path) -> Finding:
    """Where a site folder was looked for, and the one below that may be meant."""
    below = next(iter(sorted(folder.glob("*/site.toml"))), None) if folder.is_dir() else None
    return Finding(
        "CB7002", path=str(folder / "site.toml"), expected=f"{below.parent}?" if below else "", got="missing"
    )


def load_site(folder: Path, edition: Edition | None = None, *, need_secrets: bool = False) -> Site:
    """Read and check the site folder; ``edition`` spares loading the standard again.

    Errors: ``ConfigurationError`` CB7002 when there is no site folder, CB7003 when the standard's tables are
    wrong, CB7001 with every problem of the folder. A missing credential is a problem only with ``need_secrets``.
    """
    folder = folder.absolute()
    if not (folder / "site.toml").is_file():
        raise ConfigurationError("CB7002", [_no_site(folder)])
    findings: list[Finding] = []
    documents = {name: Document(folder / name, findings, required=name not in OPTIONAL) for name in FILES}
    site = read_site(documents["site.toml"].root(), folder)
    standard = edition or _load_edition(site.edition, site.standard_folder, site.mounts, findings)
    adapters = read_adapters(documents["adapters.toml"].root(), folder)
    specs = {entry.value.id: entry.value for entry in adapters}
    parts = Parts(
        folder=folder,
        edition=standard,
        site=site,
        adapters=adapters,
        endpoints=read_endpoints(documents["endpoints.toml"].root(), specs, folder, standard.version, site.outgoing),
        routes=read_routes(documents["routes.toml"].root(), standard),
        rights=read_rights(documents["rights.toml"].root()),
    )
    security, policies = read_security(documents["security.toml"].root(), parts.endpoints, folder)
    if all(document.readable for document in documents.values()):
        check_all(parts, need_secrets=need_secrets)
        check_pins(parts, _others(parts, findings))
    statements, wrong = read_statements(parts, folder)
    findings += wrong
    if findings:
        raise ConfigurationError("CB7001", sorted(findings, key=_by_file_and_line))
    return Site(
        folder=folder,
        name_ja=site.name_ja,
        edition=standard.version,
        standard_folder=site.standard_folder,
        mounts=site.mounts,
        municipalities=tuple(entry.value for entry in site.municipalities),
        endpoints=secured([entry.value for entry in parts.endpoints], policies),
        routes=tuple(entry.value for entry in parts.routes),
        rights=tuple(entry.value for entry in parts.rights),
        adapters=tuple(entry.value for entry in adapters),
        front=site.front,
        journal=site.journal,
        broker=site.broker,
        delivery=site.delivery,
        reliable=site.reliable,
        guard=site.guard,
        numbering=site.numbering,
        run_folder=site.run_folder,
        log_level=site.log_level,
        tables_hash=_tables_hash(documents, folder, stated=concerned(parts)),
        attachments=site.attachments,
        security=security if documents["security.toml"].raw else None,
        outgoing=site.outgoing,
        editions=site.editions,
        statements=statements,
    )


def _load_edition(version: str, standard: Path | None, mounts: dict[str, Path], before: list[Finding]) -> Edition:
    """The edition that ``site.toml`` names; its own problems end the loading at once."""
    try:
        return load_edition(version, standard, mounts)
    except CatalogError as error:
        problems = [Finding("CB7003", path=problem) for problem in error.problems]
        raise ConfigurationError("CB7003", [*before, *problems]) from error


def _others(parts: Parts, before: list[Finding]) -> Mapping[str, Edition]:
    """The editions that endpoints are pinned to; their own problems end the loading at once."""
    pinned = frozenset(entry.value.edition for entry in parts.endpoints)
    try:
        return other_editions(parts.edition.version, parts.site.editions, pinned)
    except ConfigurationError as error:
        raise ConfigurationError("CB7003", [*before, *error.findings]) from error


def _by_file_and_line(finding: Finding) -> tuple[int, int, str]:
    """Findings in the order of the files, then of their lines."""
    name = finding.path.partition(":")[0]
    return (FILES.index(name) if name in FILES else len(FILES), finding.line, finding.path)


def _tables_hash(documents: dict[str, Document], folder: Path, *, stated: bool = False) -> str:
    """SHA-256 over names, lengths and bytes of the files: which tables decided.

    A site without ``security.toml`` trusts nobody's certificates: then its trust folder does not count;
    statements count where a route asks for them.
    """
    files = {name: document.raw for name, document in documents.items() if name != SECURITY or document.raw}
    if SECURITY in files:
        trusted = (path for path in sorted((folder / "trust").rglob("*")) if path.is_file())
        files |= {str(path.relative_to(folder)): path.read_bytes() for path in trusted}
    if stated:
        from bus.core.statements import files as statement_files  # noqa: PLC0415 - only where a route asks

        files |= statement_files(folder)
    digest = hashlib.sha256()
    for name, raw in files.items():
        digest.update(f"{name}\0{len(raw)}\0".encode())
        digest.update(raw)
    return digest.hexdigest()
