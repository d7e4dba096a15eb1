"""The files of a site's message security: keys, certificates, authorities, revocation lists; all problems at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from bus.core.certificates import RevocationList
from bus.core.errors import ConfigurationError
from bus.core.settings import EndpointSecurity, SecuritySettings, Site
from bus.core.types import Endpoint, Finding
from bus.wire.security.gate import Gate
from bus.wire.security.keys import (
    UNREADABLE,
    Certificate,
    DecryptionKey,
    Recipient,
    SigningKey,
    UnusableKey,
    certificates_of,
    decryption_key,
    read_private,
    recipient,
    revocation_lists_of,
    signing_key,
)
from bus.wire.security.policy import DIGESTS, Policy
from bus.wire.security.trust import Registered, RevocationRule, TrustStore, list_problems, problems

T = TypeVar("T")
KEYS: Final = Path("secrets") / "security"
AUTHORITIES: Final = Path("trust") / "ca"
CRLS: Final = Path("trust") / "crl"
CERTIFICATES: Final = (".crt", ".pem", ".cer")
DAY_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the files hold. ``policies`` is keyed by endpoint key; endpoints without a policy are not in it."""

    policies: Mapping[str, Policy]
    own: tuple[tuple[str, Certificate], ...]
    named: tuple[tuple[str, Certificate], ...]
    crls: tuple[tuple[str, RevocationList], ...]
    authorities: tuple[tuple[str, Certificate], ...]


class _Reader:
    """Reads files of one site folder; what cannot be used becomes a finding."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.findings: list[Finding] = []

    def octets(self, path: str) -> bytes | None:
        """The bytes of a file, ``None`` with a finding when it cannot be read."""
        try:
            return (self.folder / path).read_bytes()
        except OSError as error:
            self.findings.append(Finding(UNREADABLE, path=path, expected="readable file", got=type(error).__name__))
            return None

    def use(self, make: Callable[[], T]) -> T | None:
        """What ``make`` gives, or ``None`` with its finding."""
        try:
            return make()
        except UnusableKey as error:
            self.findings.append(error.finding)
            return None

    def certificates(self, path: str) -> list[Certificate]:
        """All certificates of a file."""
        raw = self.octets(path)
        return [] if raw is None else self.use(lambda: certificates_of(raw, path)) or []

    def certificate(self, path: str) -> Certificate | None:
        """The first certificate of a file."""
        found = self.certificates(path)
        return found[0] if found else None

    def pair(self, name: str, make: Callable[..., T]) -> T | None:
        """A key of the bus with its certificate."""
        key, path = self.octets(str(KEYS / f"{name}.key")), str(KEYS / f"{name}.crt")
        certificate = self.certificate(path)
        if key is None or certificate is None:
            return None
        private = self.use(lambda: read_private(key, str(KEYS / f"{name}.key")))
        return None if private is None else self.use(lambda: make(name, private, certificate, path))

    def listed(self, folder: Path, suffixes: tuple[str, ...]) -> list[str]:
        """The files of a folder below the site, in order."""
        found = (self.folder / folder).iterdir() if (self.folder / folder).is_dir() else ()
        return sorted(str(folder / path.name) for path in found if path.suffix in suffixes)


def load(site: Site) -> Loaded:
    """Everything the site's endpoints name. Errors: ``ConfigurationError`` CB7001 with every file that is unusable."""
    settings = site.security or SecuritySettings()
    reader = _Reader(site.folder)
    secured = [endpoint for endpoint in site.endpoints if endpoint.security is not None]
    signing = [pair for name in settings.sign if (pair := reader.pair(name, signing_key)) is not None]
    decryption = [key for name in settings.decrypt if (key := reader.pair(name, decryption_key)) is not None]
    authorities = [
        (path, each) for path in reader.listed(AUTHORITIES, CERTIFICATES) for each in reader.certificates(path)
    ]
    crls = _crls(reader)
    rule = RevocationRule(settings.revocation_required, settings.crl_grace_days * DAY_S)
    trust = TrustStore([each.facts for _, each in authorities], [each for _, each in crls], rule)
    named: list[tuple[str, Certificate]] = []
    policies = {
        endpoint.key: _policy(reader, endpoint, endpoint.security, trust, (signing, decryption), named)
        for endpoint in secured
        if endpoint.security is not None
    }
    if reader.findings:
        raise ConfigurationError("CB7001", reader.findings)
    own: list[SigningKey | DecryptionKey] = [*signing, *decryption]
    return Loaded(
        MappingProxyType(policies),
        tuple((str(KEYS / f"{key.name}.crt"), key.certificate) for key in own),
        tuple(named),
        tuple(crls),
        tuple(authorities),
    )


def gate_with(site: Site, settings: EndpointSecurity, name: str, sign: Sequence[str]) -> Gate:
    """A gate for the other side of the bus: these settings, the site's trust, these keys. Errors: CB7001."""
    reader = _Reader(site.folder)
    chosen = site.security or SecuritySettings()
    keys = [pair for each in sign if (pair := reader.pair(each, signing_key)) is not None]
    authorities = [each for path in reader.listed(AUTHORITIES, CERTIFICATES) for each in reader.certificates(path)]
    rule = RevocationRule(chosen.revocation_required, chosen.crl_grace_days * DAY_S)
    trust = TrustStore([each.facts for each in authorities], [each for _, each in _crls(reader)], rule)
    endpoint = Endpoint(name, "", "", security=settings)
    policy = _policy(reader, endpoint, settings, trust, (keys, []), [])
    if reader.findings:
        raise ConfigurationError("CB7001", reader.findings)
    return Gate(policy)


def _crls(reader: _Reader) -> list[tuple[str, RevocationList]]:
    found: list[tuple[str, RevocationList]] = []
    for path in reader.listed(CRLS, (".crl", ".pem")):
        raw = reader.octets(path)
        read = None if raw is None else reader.use(partial(revocation_lists_of, raw, path))
        found += [(path, each) for each in read or ()]
    return found


def _policy(
    reader: _Reader,
    endpoint: Endpoint,
    settings: EndpointSecurity,
    trust: TrustStore,
    own: tuple[list[SigningKey], list[DecryptionKey]],
    named: list[tuple[str, Certificate]],
) -> Policy:
    certificates: list[Certificate] = []
    fingerprints, subjects = set(), set()
    for text in settings.certificates:
        kind, _, value = text.partition(":")
        if kind == "sha256":
            fingerprints.add(value.replace(":", "").lower())
        elif kind == "subject":
            subjects.add(value.strip())
        else:
            certificate = reader.certificate(value)
            if certificate is not None:
                certificates.append(certificate)
                named.append((value, certificate))
    return Policy(
        settings=settings,
        username=endpoint.id,
        trust=trust,
        registered=Registered(
            tuple(certificates),
            frozenset(fingerprints | {each.fingerprint for each in certificates}),
            frozenset(subjects),
        ),
        digests=frozenset(DIGESTS[name] for name in settings.digests),
        sign=tuple(own[0]),
        decrypt=tuple(own[1]),
        recipient=_recipient(reader, settings.encrypt_to, named),
    )


def _recipient(reader: _Reader, path: str, named: list[tuple[str, Certificate]]) -> Recipient | None:
    certificate = reader.certificate(path) if path else None
    if certificate is None:
        return None
    named.append((path, certificate))
    return reader.use(lambda: recipient(certificate, path))


def report(loaded: Loaded, settings: SecuritySettings, now: float) -> tuple[list[Finding], list[Finding]]:
    """Problems and warnings of certificates and revocation lists: expired, weak, stale, soon to be so."""
    found: list[Finding] = []
    soon = settings.warn_days * DAY_S
    for path, certificate in (*loaded.own, *loaded.named, *loaded.authorities):
        for code, text in problems(certificate.facts, now, soon):
            found.append(Finding(code, path=path, expected="valid", got=text))
    authorities = [certificate.facts for _, certificate in loaded.authorities]
    for path, crl in loaded.crls:
        for code, text in list_problems(crl, authorities, now):
            found.append(Finding(code, path=path, expected="current list of an authority", got=text))
    return [each for each in found if each.code != "CB2036"], [each for each in found if each.code == "CB2036"]
