"""A subject assessed: driven as any client would drive it, and judged."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from conformance.driver.provider import drive, first_inquiry
from conformance.driver.transport import SocketTransport
from conformance.evidence import Bundle
from conformance.judge import Judgement, judge
from conformance.standard import Standard
from conformance.verdicts import Class, Outcome
from tests.certify.site import MUNICIPALITY, PATIENCE_S, Subject, secret_of


def through_the_bus(address: str, subject: Subject, standard: Standard, only: Iterable[str] = ()) -> Bundle:
    """The evidence of driving a subject through the bus, as the plain client beside it."""
    where = f"{address}/{MUNICIPALITY}/{subject.client}/{subject.unit}"
    credential = b64encode(f"{subject.client}:{secret_of(subject.client)}".encode()).decode()
    return driven(where, subject, standard, (("Authorization", f"Basic {credential}"),), only)


def driven(
    where: str, subject: Subject, standard: Standard, headers: tuple[tuple[str, str], ...], only: Iterable[str] = ()
) -> Bundle:
    """The evidence of driving what listens at an address as a provider of the subject's unit."""
    found = first_inquiry(standard.edition.units[subject.unit])
    assert found is not None, subject.unit
    url = urlsplit(where)
    assert url.hostname is not None
    assert url.port is not None
    base = replace(found, host=f"{url.hostname}:{url.port}", target=url.path)
    return drive(
        base,
        SocketTransport(url.hostname, url.port, 2.0 * PATIENCE_S),
        standard.edition,
        profile=f"{subject.unit}-provider",
        subject=subject.id,
        headers=headers,
        only=only,
        unheld=subject.unheld,
    )


@dataclass(frozen=True, slots=True)
class Result:
    """What a run of a subject said: the class, how many requirements had which verdict, and the objections."""

    subject: Subject
    result: Class
    counts: Mapping[str, int]
    objections: tuple[str, ...]
    unheld: int

    @property
    def broken(self) -> frozenset[str]:
        """The requirements that are not settled."""
        return frozenset(one.partition(" ")[0] for one in self.objections)


def assessed(address: str, subject: Subject, standard: Standard) -> Result:
    """Drive a subject through the bus and judge the evidence."""
    return result_of(subject, judge(through_the_bus(address, subject, standard), standard))


def result_of(subject: Subject, judgement: Judgement) -> Result:
    """A judgement in short; objections say requirement, case, what was expected and what came."""
    settled = (Outcome.PASS, Outcome.NA)
    objections = [
        f"{one.requirement} {one.outcome}: "
        + "; ".join(f"{at.subject} {at.finding.path}: {at.finding.expected} / {at.finding.actual}" for at in one.places)
        for one in judgement.verdicts
        if one.outcome not in settled
    ]
    counts = Counter(one.outcome.value for one in judgement.verdicts)
    return Result(subject, judgement.result, counts, tuple(objections), len(subject.unheld))
