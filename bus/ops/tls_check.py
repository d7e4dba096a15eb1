"""What will be wrong, or soon, with the certificates of a site: dates, revocation lists, callers that never get in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from bus.core import certificates
from bus.core.certificates import RevocationList
from bus.core.channel import Binding, Certificate, TlsMaterial, Validity
from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from bus.core.types import Endpoint, Finding

EXPIRED, NOT_YET, SOON, OLD_LIST, NEVER = "CB7044", "CB7045", "CB7047", "CB7049", "CB7050"

DAYS_BEFORE: Final = (7, 30, 60)
"""When an end is worth a warning: an authority takes weeks to issue, a town to ask for it."""

LIST_DAYS_BEFORE: Final = 3
"""Lists live for a week or a month and are renewed well before they end."""

DAY: Final = 24 * 3600.0


@dataclass(slots=True)
class _Report:
    """Problems and warnings at the time ``now``."""

    now: float
    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def dates(self, path: str, certificate: Certificate, *, needed: bool = True) -> None:
        """A certificate out of its dates, or soon; one that is not ``needed`` only warns."""
        findings = self.problems if needed else self.warnings
        validity = certificate.validity(self.now)
        if validity is Validity.VALID:
            self._soon(path, certificate)
            return
        at = certificate.not_after if validity is Validity.EXPIRED else certificate.not_before
        code = EXPIRED if validity is Validity.EXPIRED else NOT_YET
        findings.append(Finding(code, path=path, expected=certificate.subject, got=_day(at)))

    def _soon(self, path: str, certificate: Certificate) -> None:
        left = certificate.not_after - self.now
        step = next((days for days in DAYS_BEFORE if left <= days * DAY), None)
        if step is not None:
            got = f"{int(left // DAY)} 日 days ({_day(certificate.not_after)})"
            expected = f"> {step} 日 days: {certificate.subject}"
            self.warnings.append(Finding(SOON, path=path, expected=expected, got=got))

    def authorities(self, path: str, pem: bytes) -> None:
        """Old authorities beside a current one do no harm; without any current one nobody is trusted."""
        found = certificates.read_certificates(pem) if pem else ()
        current = any(each.validity(self.now) is Validity.VALID for each in found)
        for each in found:
            self.dates(path, each, needed=not current)

    def list_dates(self, path: str, crl: RevocationList, *, refuses: bool) -> None:
        """A list past its next update, which refuses everybody of its issuer where the site says so."""
        left = crl.next_update - self.now
        if left > LIST_DAYS_BEFORE * DAY:
            return
        findings = self.problems if left < 0 and refuses else self.warnings
        findings.append(Finding(OLD_LIST, path=path, expected=crl.issuer, got=_day(crl.next_update)))


def tls_findings(site: Site, now: float) -> tuple[list[Finding], list[Finding]]:
    """Problems and warnings of every certificate and list that the site's TLS uses, for ``chiikibus check``."""
    report = _Report(now)
    seen: set[str] = set()
    for path, material, authorities in _materials(site):
        if material.digest not in seen:
            seen.add(material.digest)
            _material(report, path, material, authorities)
    for endpoint in site.endpoints:
        _callers(report, site, endpoint)
    return report.problems, report.warnings


def _materials(site: Site) -> Iterator[tuple[str, TlsMaterial, str]]:
    """Each table with the name of its key for authorities."""
    if site.front.tls is not None:
        yield "site.toml: front.tls", site.front.tls.material, "client_ca"
    if site.outgoing is not None:
        yield "site.toml: delivery.tls", site.outgoing.material, "ca"
    for number, endpoint in enumerate(site.endpoints):
        if endpoint.tls is not None:
            yield f"endpoints.toml: endpoint[{number}].tls ({endpoint.key})", endpoint.tls.material, "ca"
    for number, adapter in enumerate(site.adapters):
        if adapter.tls is not None:
            yield f"adapters.toml: adapter[{number}].tls ({adapter.id})", adapter.tls.material, "ca"


def _material(report: _Report, path: str, material: TlsMaterial, authorities: str) -> None:
    if material.certificate:
        for each in certificates.read_certificates(material.certificate):
            report.dates(f"{path}.certificate", each)
    report.authorities(f"{path}.{authorities}", material.authorities)
    for number, content in enumerate(material.lists):
        for crl in _newest(certificates.read_revocation_lists(content)):
            report.list_dates(f"{path}.crl[{number}]", crl, refuses=material.stale_lists == "refuse")


def _newest(lists: Sequence[RevocationList]) -> Iterable[RevocationList]:
    """Of several lists of an issuer the newest speaks."""
    return {each.issuer: each for each in sorted(lists, key=lambda each: each.this_update)}.values()


def _callers(report: _Report, site: Site, endpoint: Endpoint) -> None:
    """The certificates that stand for an endpoint, as far as their files are known."""
    path = f"endpoints.toml: caller.certificates ({endpoint.key})"
    known = [(binding, _read(site, binding)) for binding in endpoint.caller.certificates if binding.file]
    found = [(binding, chain) for binding, chain in known if chain]
    others = len(endpoint.caller.certificates) > len(found)
    current = others or any(chain[0].validity(report.now) is Validity.VALID for _, chain in found)
    for binding, chain in found:
        report.dates(f"{path} {binding.file}", chain[0], needed=not current)
        if chain[0].validity(report.now) is Validity.VALID:
            _admitted(report, site, endpoint, binding, chain)


def _admitted(
    report: _Report, site: Site, endpoint: Endpoint, binding: Binding, chain: tuple[Certificate, ...]
) -> None:
    """Whether the listener would let the certificate in: what it does not trust never reaches the binding.

    Where the file holds no intermediates the caller may still send them: that is a warning.
    """
    tls = site.front.tls
    if tls is None or not tls.material.authorities:
        return
    authorities = certificates.read_certificates(tls.material.authorities)
    unfit = (*certificates.unfit(chain[0], "client_auth"), *certificates.weaknesses(chain[0]))
    trusted = certificates.path_to_anchor(chain[0], chain[1:], authorities, report.now)
    if trusted and not unfit:
        return
    findings = report.problems if unfit else report.warnings
    got = unfit[0] if unfit else chain[0].issuer
    expected = "clientAuth" if unfit else "issued by an authority of client_ca"
    path = f"endpoints.toml: caller.certificates ({endpoint.key}) {binding.file}"
    findings.append(Finding(NEVER, path=path, expected=expected, got=got))


def _read(site: Site, binding: Binding) -> tuple[Certificate, ...]:
    """The certificates of a file that was read with the site; empty when it has gone or changed since."""
    try:
        return certificates.read_certificates((site.folder / binding.file).read_bytes())
    except (OSError, ConfigurationError):
        return ()


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="minutes")
