"""The RabbitMQ of a site: its broker, and what an operator asks of it beside a running bus."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path

from bus.app.bodies import body_or_nothing
from bus.broker.amqp.broker import RabbitMqBroker
from bus.broker.amqp.inspection import Inspection, QueueState, emptied, inspect, prune
from bus.broker.amqp.topology import lane_queues, receiving
from bus.core import log
from bus.core.errors import BrokerError
from bus.core.settings import Site
from bus.core.types import Finding
from bus.journal.counter import SharedJournal


def rabbitmq_broker(site: Site, journal: SharedJournal) -> RabbitMqBroker:
    """The conveyor on RabbitMQ; the relay of this process refills it."""
    remember(site)
    return RabbitMqBroker(
        site.broker,
        body_or_nothing(journal),
        endpoints=receiving(site),
        log=log.line,
        context=tls_context(site),
        held=lambda: journal.held,
        replaces=site.journal.standby,
    )


def tls_context(site: Site) -> Callable[[], ssl.SSLContext | None]:
    """How connections to it are protected. Errors, when called: ``ConfigurationError`` CB7046."""
    tls = site.broker.tls
    if tls is None:
        return lambda: None

    def context() -> ssl.SSLContext:
        from bus.core.tls import client_context

        return client_context(tls.material)

    return context


def _names_file(site: Site) -> Path:
    return site.run_folder / f"broker-{site.broker.prefix}.queues"


def known_queues(site: Site) -> set[str]:
    """The queues that this site has ever had: AMQP cannot list them."""
    try:
        return set(_names_file(site).read_text("utf-8").split("\n")) - {""}
    except OSError:
        return set()


def remember(site: Site, *, but: Iterable[str] = ()) -> None:
    """Note the queues of the site beside those known from before, without those in ``but``."""
    names = known_queues(site) | {each.name for each in lane_queues(site.broker, receiving(site))}
    path = _names_file(site)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f"{name}\n" for name in sorted(names - set(but))), "utf-8")
    fresh.replace(path)


def inspected(site: Site) -> Inspection:
    """What RabbitMQ says about this site. Errors: CB5010, CB5011."""
    return asyncio.run(inspect(site.broker, tls_context(site)(), receiving(site), known_queues(site)))


def check_site(site: Site) -> tuple[list[Finding], list[Finding]]:
    """Problems and warnings, for ``chiikibus check``."""
    try:
        found = inspected(site)
    except BrokerError as error:
        return list(error.findings), []
    return list(found.findings), list(found.warnings)


def pruned(site: Site) -> tuple[list[str], list[QueueState]]:
    """Delete what is left and empty. Errors: CB5010, CB5011."""
    configured = {each.name for each in lane_queues(site.broker, receiving(site))}
    deleted, left = asyncio.run(prune(site.broker, tls_context(site)(), known_queues(site) - configured))
    remember(site, but=deleted)
    return deleted, left


def rebuilt(site: Site) -> int:
    """Empty the lanes; a running bus publishes them anew, one that starts does so anyway. Errors: CB5010, CB5011."""
    return asyncio.run(emptied(site.broker, tls_context(site)(), receiving(site)))
