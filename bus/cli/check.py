"""``chiikibus check``: every problem of a site folder at once, also those that installed packages know how to find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

import typer

from bus.app.stores import journal_findings, journal_owner
from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output, finding_text, print_problem
from bus.cli.security import site_findings
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.config.pins import ending
from bus.core.errors import ChiikibusError, ConfigurationError
from bus.core.settings import Site
from bus.core.types import Finding

CHECKS = "chiikibus.checks"

app = typer.Typer(add_completion=False)

SiteCheck = Callable[[Site], Sequence[Finding]]


def contributed_findings(site: Site) -> list[Finding]:
    """Findings of the entry-point group ``chiikibus.checks``; one that cannot be loaded is a finding itself."""
    found: list[Finding] = []
    for point in sorted(entry_points(group=CHECKS), key=lambda point: point.name):
        try:
            check: SiteCheck = point.load()
        except Exception as error:
            found.append(Finding("CB9004", path=point.value, got=f"{type(error).__name__}: {error}"[:200]))
            continue
        try:
            found.extend(check(site))
        except ChiikibusError as error:
            found.extend(error.findings or [Finding(error.code, path=point.name)])
    return found


def _tls(site: Site) -> tuple[list[Finding], list[Finding]]:
    """Problems and warnings of the certificates of TLS; a site without any does not load the library."""
    if not site.uses_tls:
        return [], []
    from bus.ops.tls_check import tls_findings

    return tls_findings(site, SystemClock().now())


def _statements(site: Site) -> tuple[list[Finding], list[Finding]]:
    """Statements that have ended or end soon; a site that asks for none does not load the library."""
    if not site.statements:
        return [], []
    from bus.core.statements import at_this_time

    return at_this_time(site, SystemClock().now())


def _broker(site: Site, *, ask: bool) -> tuple[list[Finding], list[Finding]]:
    """Problems and warnings of the broker; nobody is asked where it is embedded."""
    if site.broker.engine != "rabbitmq" or not ask:
        return [], []
    from bus.app.rabbitmq import check_site

    return check_site(site)


def _console(site: Site) -> list[Finding]:
    """Problems of ``console.toml``, where the site has one."""
    from bus.console.people import FILE, read_console

    if not (site.folder / FILE).is_file():
        return []
    try:
        read_console(site)
    except ConfigurationError as error:
        return list(error.findings)
    return []


@app.command()
def check(site: SiteOption, json: JsonOption = False, secrets: bool = True, engines: bool = True) -> int:
    """設定フォルダーの誤りをすべて挙げる（--no-engines は接続しない）。 / Name every problem of a site folder."""
    output = Output(json=json)
    findings: list[Finding] = []
    warnings: list[Finding] = []
    owner: dict[str, object] | None = None
    try:
        loaded = load_site(site, need_secrets=secrets)
        findings, warnings = site_findings(loaded)
        problems, soon = _tls(loaded)
        of_journal, later = journal_findings(loaded) if engines else ([], [])
        owner = journal_owner(loaded) if engines else None
        problems, soon = problems + of_journal, soon + later
        findings, warnings = findings + problems, warnings + soon
        problems, soon = _broker(loaded, ask=engines and secrets)
        findings, warnings = findings + problems, warnings + soon
        warnings += ending(loaded, SystemClock().now())
        problems, soon = _statements(loaded)
        findings, warnings = findings + problems, warnings + soon
        findings += _console(loaded)
        findings += contributed_findings(loaded)
    except ConfigurationError as error:
        if error.code != "CB7001":
            raise
        findings = list(error.findings)
    document = {"ok": not findings, "site": str(site), "findings": [finding.as_dict() for finding in findings]}
    if owner is not None:
        document["journal_owner"] = owner
    if warnings:
        document["warnings"] = [finding.as_dict() for finding in warnings]
    output.document(document)
    for finding in warnings:
        output.say(f"注意 warning: {finding_text(finding)}")
    if findings:
        print_problem("CB7001", findings)
        return ExitCode.USAGE
    if owner is not None:
        output.fields({"記録簿の所有 owner of the journal": f"{owner['holder'] or '-'} ({owner['left_s']} s)"})
    output.say(f"設定に誤りはありません / no problems: {site}")
    return ExitCode.DONE
