"""The trust store of a site: which certificate is believed, when, and for which endpoint. Files only, no network.

A certificate counts when it is registered for the endpoint, and a path leads from it to an authority of the store,
every step of it valid now, allowed to do what it does, of sound cryptography and not revoked. How a path is found is
decided in ``bus.core.certificates``, for TLS and for messages alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bus.core.certificates import RevocationList, Revoked, list_signed_by, path_to_anchor, unfit, weaknesses
from bus.core.channel import Certificate as Facts
from bus.core.channel import Revocation, Validity
from bus.wire.security.keys import Certificate, weakness
from bus.wire.security.refusal import SecurityRefusal

CACHE: Final = 512
"""Certificates whose path was found lately; a site has a few dozen."""

CACHE_S: Final = 60.0
"""How long a path that was found is believed without looking again."""

UNTRUSTED: Final = "CB2026"
FOREIGN: Final = "CB2027"


@dataclass(frozen=True, slots=True)
class RevocationRule:
    """Whether every authority must have a revocation list, and how long one that is not up to date still speaks."""

    required: bool = False
    grace_s: float = 7 * 24 * 3600.0


class TrustStore:
    """Authorities and their revocation lists. Only remembers what it found out; a reload makes a new one."""

    def __init__(
        self,
        authorities: Iterable[Facts],
        lists: Iterable[RevocationList] = (),
        rule: RevocationRule | None = None,
    ) -> None:
        self.authorities = tuple(authorities)
        self.lists = tuple(lists)
        self.rule = rule or RevocationRule()
        self._revoked = Revoked(self.lists, self.authorities)
        self._found: dict[str, tuple[float, float]] = {}

    def check(self, certificate: Certificate, now: float) -> None:
        """A path leads to an authority, and the certificate may sign messages.

        Errors: ``SecurityRefusal`` CB2026 with what is wrong.
        """
        times = self._found.get(certificate.fingerprint)
        if times is not None and times[0] <= now <= times[1]:
            return
        facts = certificate.facts
        wrong = weakness(certificate.public) or self.reason(facts, now)
        if wrong:
            raise SecurityRefusal(UNTRUSTED, "certificate", expected="trusted", got=f"{wrong}: {facts.subject}")
        if len(self._found) >= CACHE:
            self._found.clear()
        self._found[certificate.fingerprint] = (max(now, facts.not_before), min(now + CACHE_S, facts.not_after))

    def reason(self, facts: Facts, now: float) -> str:
        """Why a certificate is not believed, empty when it is."""
        if facts.validity(now) is not Validity.VALID:
            return facts.validity(now).value
        own = (*weaknesses(facts), *unfit(facts, "signing"))
        if own:
            return own[0]
        if not path_to_anchor(facts, (), self.authorities, now):
            return f"no path to an authority of the store; issuer {facts.issuer}"
        return self._revocation(facts, now)

    def _revocation(self, facts: Facts, now: float) -> str:
        """A list speaks until its next update and the rule's grace; where none is, the rule decides."""
        state = self._revoked.state(facts, now - self.rule.grace_s)
        if state is Revocation.REVOKED or state is Revocation.STALE:
            return f"revocation list: {state.value}"
        return "revocation list: none" if self.rule.required and state is Revocation.UNLISTED else ""


@dataclass(frozen=True, slots=True)
class Registered:
    """The certificates registered for one endpoint: by content, fingerprint or subject; several may be current."""

    certificates: tuple[Certificate, ...] = ()
    fingerprints: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.fingerprints or self.subjects)

    def check(self, certificate: Certificate) -> None:
        """Errors: ``SecurityRefusal`` CB2027 when it is none of them."""
        if certificate.fingerprint in self.fingerprints or certificate.facts.subject in self.subjects:
            return
        got = f"{certificate.facts.subject} sha256:{certificate.fingerprint[:16]}"
        raise SecurityRefusal(FOREIGN, "certificate", expected="registered for the endpoint", got=got)

    def find(
        self, *, ski: bytes = b"", thumbprint: bytes = b"", issuer: str = "", serial: int = -1
    ) -> Certificate | None:
        """The one registered certificate that a reference names; ``None`` when there is none, or not exactly one."""
        found = [
            each
            for each in self.certificates
            if (ski and each.ski == ski)
            or (thumbprint and each.thumbprint == thumbprint)
            or (issuer and serial == each.serial and same_name(issuer, each.facts.issuer))
        ]
        return found[0] if len(found) == 1 else None


def same_name(text: str, name: str) -> bool:
    """Whether two texts are the same distinguished name, in either of the usual orders, with or without blanks.

    It only selects among the registered certificates, so that it need not be exact in rare forms.
    """

    def parts(value: str) -> list[str]:
        return sorted(part.strip().casefold() for part in value.replace("\\,", "\0").split(","))

    return parts(text) == parts(name)


def problems(facts: Facts, now: float, soon_s: float) -> Sequence[tuple[str, str]]:
    """What an operator should know of a certificate: (code, text) pairs; out of date, soon to expire, weak."""
    found: list[tuple[str, str]] = []
    validity = facts.validity(now)
    if validity is not Validity.VALID:
        found.append(("CB2035", validity.value))
    elif now + soon_s > facts.not_after:
        found.append(("CB2036", f"{(facts.not_after - now) / 86400:.0f} days left"))
    return found + [("CB2037", weak) for weak in weaknesses(facts)]


def list_problems(crl: RevocationList, authorities: Iterable[Facts], now: float) -> Sequence[tuple[str, str]]:
    """What an operator should know of a revocation list: of no authority here, or out of date."""
    if not any(list_signed_by(crl, each) for each in authorities):
        return [("CB2038", f"not signed by an authority of the store: {crl.issuer}")]
    if crl.next_update and now > crl.next_update:
        return [("CB2038", f"next update was due {(now - crl.next_update) / 86400:.0f} days ago: {crl.issuer}")]
    return []
