"""The look-up tables of the steps, prepared once when a site is loaded, so that a step costs a few look-ups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from lxml import etree

from bus.core.basic import basic_header
from bus.core.channel import Caller, Certificate, Revocation
from bus.core.config.editions import pinned_editions
from bus.core.settings import FrontSettings, ReliableSettings, Site
from bus.core.types import Endpoint, Finding, Right, Route
from bus.pipeline.guard import Guard, guards
from bus.pipeline.numbering import NumberCheck, number_check
from bus.pipeline.rows import Subject
from bus.pipeline.veil import Views, views
from bus.pipeline.way import Way, find
from bus.wire.attachments.binary import Places
from bus.wire.contract import Values
from bus.wire.contract import contracts as compiled
from schemas.model import Edition, Operation, Unit

if TYPE_CHECKING:
    from bus.wire.security.gate import Gate
RevocationOf = Callable[[Certificate, float], Revocation]
"""What the site's revocation lists say of a caller's certificate at a moment."""

ANSWER_SUFFIX = "#kaito"
"""Added to an operation's key for the delivery of its late answer to the requester."""


class Contract(Protocol):
    """Judges a payload element by the standard of its unit; ``places`` say where references to attachments stand."""

    @property
    def places(self) -> Places:
        """Elements of binary content, and references."""
        ...

    def values(self, payload: etree._Element) -> Values | None:
        """What a request or reply element says, ``None`` where it is not known."""
        ...

    def validate(self, payload: etree._Element, values: Values | None = None) -> tuple[Finding, ...]:
        """Everything wrong with a request or reply element, or an empty tuple."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """One address of the bus, ``/<municipality>/<endpoint>/<unit>``: who calls through it, and which unit.

    ``caller`` is what is asked of the connection, ``None`` where the secret alone opens the door.
    """

    endpoint: Endpoint
    unit: str
    authorization: bytes = field(repr=False)
    caller: Caller | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """An ordering key's name and the element path, in Clark notation, below the payload that gives its value."""

    name: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PreparedRoute:
    """A route with its targets looked up.

    ``denied`` are targets that have no right to the operation, or (``lapsed``) whose statement of conformity has ended.
    ``from_unit`` is the unit whose endpoints alone may send here, empty when anybody with a right may: what goes to
    others than the providing unit comes from it, so that a right to receive a notice is not a right to send one.
    ``limited`` says that some targets are not to have every record; ``subject`` what an answer has to be about.
    """

    route: Route
    targets: tuple[Endpoint, ...]
    denied: tuple[str, ...]
    senders: frozenset[str]
    from_unit: str
    limited: bool = False
    subject: Subject | None = None
    lapsed: frozenset[str] = frozenset()

    def serves(self, sender: Endpoint) -> bool:
        """Whether this sender's messages take this route."""
        return not self.senders or sender.id in self.senders


@dataclass(frozen=True, slots=True)
class UnitTable:
    """The operations of a unit by what a message shows of them."""

    by_input: Mapping[str, Operation]
    by_output: Mapping[str, Operation]
    by_action: Mapping[str, Operation]


@dataclass(frozen=True, slots=True)
class Standard:
    """One edition by the keys the steps ask with: contracts and operations by unit, operations and lanes by key.

    ``guards`` holds the mixing guard of each operation that is not 番号利用, ``views`` what receivers do not see.
    """

    edition: Edition
    contracts: Mapping[str, Contract]
    units: Mapping[str, UnitTable]
    operations: Mapping[str, Operation]
    lanes: Mapping[str, tuple[Lane, ...]]
    views: Views
    guards: Mapping[str, Guard]


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that a site folder and an edition say, by the keys the steps ask with.

    ``rights`` is keyed by (endpoint key, operation key, purpose), ``known_rights`` by (endpoint key, operation key);
    ``views`` hold what receivers do not see; ``routes`` is keyed by (municipality, operation key), ``opaque`` by
    (municipality, unit), ``addresses`` by (municipality, URL), ``gates`` by endpoint key for those endpoints whose
    messages are signed, encrypted or carry a UsernameToken; ``with_attachments`` holds the (municipality, unit) of
    every route that carries them. ``home`` is the site's own edition, ``others`` are those that endpoints
    are pinned to, by version. ``ways`` remembers what was found out for messages,
    ``numbers`` checks the municipality's own numbers where the site says how.
    """

    home: Standard
    endpoints: Mapping[tuple[str, str], Endpoint]
    doors: Mapping[str, Door]
    addresses: Mapping[tuple[str, str], Endpoint]
    rights: Mapping[tuple[str, str, str], Right]
    known_rights: frozenset[tuple[str, str]]
    views: Views
    routes: Mapping[tuple[str, str], tuple[PreparedRoute, ...]]
    opaque: Mapping[tuple[str, str], tuple[PreparedRoute, ...]]
    front: FrontSettings
    reliable: ReliableSettings
    tables_hash: str
    with_attachments: frozenset[tuple[str, str]]
    gates: Mapping[str, Gate] = field(default_factory=lambda: MappingProxyType({}))
    revocation: RevocationOf | None = None
    others: Mapping[str, Standard] = field(default_factory=lambda: MappingProxyType({}))
    numbers: NumberCheck | None = None
    ways: dict[tuple[str, str], Way] = field(init=False, repr=False, compare=False, default_factory=dict)

    def way(self, sender: Endpoint, operation: Operation) -> Way:
        """What all of this says of an operation of one endpoint; found out once."""
        key = (sender.key, operation.key)
        way = self.ways.get(key)
        if way is None:
            way = self.ways[key] = find(self, sender, operation)
        return way

    def standard(self, endpoint: Endpoint | None) -> Standard:
        """The edition that an endpoint speaks; nobody speaks the site's own."""
        others = self.others
        return others.get(endpoint.edition, self.home) if others and endpoint is not None else self.home

    def seen_by(self, endpoint: Endpoint | None) -> Views:
        """The views by the tags of an endpoint's own edition."""
        if not self.others:
            return self.views
        own = self.standard(endpoint)
        return self.views if own is self.home else own.views

    @property
    def opener(self) -> Gate | None:
        """Any gate: all of them hold the bus's decryption keys, whatever became of the policy of a message's sender."""
        return next(iter(self.gates.values()), None)

    def route_for(self, sender: Endpoint, operation: str) -> PreparedRoute | None:
        """The first route of the sender's municipality that serves this sender and operation."""
        for prepared in self.routes.get((sender.municipality, operation), ()):
            if prepared.serves(sender):
                return prepared
        return None


def build_tables(site: Site, edition: Edition, contracts: Mapping[str, Contract]) -> Tables:
    """The tables of a checked site; ``contracts`` are those of the edition by unit."""
    endpoints = {(endpoint.municipality, endpoint.id): endpoint for endpoint in site.endpoints}
    home = _standard(site, edition, contracts, endpoints)
    others = {
        version: _standard(site, one, compiled(one, ()), endpoints) for version, one in pinned_editions(site).items()
    }
    operations, seen = home.operations, _allowed(home.views, others, endpoints)
    routes: dict[tuple[str, str], tuple[PreparedRoute, ...]] = {}
    opaque: dict[tuple[str, str], tuple[PreparedRoute, ...]] = {}
    for route in site.routes:
        operation = operations[route.operation]
        prepared = _prepare(route, operation, endpoints, seen, site.lapsed)
        key = (route.municipality, route.operation)
        routes[key] = (*routes.get(key, ()), prepared)
        if route.opaque:
            unit = (route.municipality, operation.unit)
            opaque[unit] = (*opaque.get(unit, ()), prepared)
    return Tables(
        home=home,
        others=MappingProxyType(others),
        endpoints=MappingProxyType(endpoints),
        doors=MappingProxyType(_doors(site, home, others)),
        addresses=MappingProxyType({(e.municipality, e.address): e for e in site.endpoints if e.address}),
        rights=MappingProxyType(dict(seen.rights)),
        known_rights=seen.known,
        views=seen,
        routes=MappingProxyType(routes),
        opaque=MappingProxyType(opaque),
        gates=_gates(site),
        front=site.front,
        reliable=site.reliable,
        tables_hash=site.tables_hash,
        with_attachments=frozenset(
            (route.municipality, operations[route.operation].unit) for route in site.routes if route.attachments
        ),
        revocation=revocation_of(site.front),
        numbers=number_check(site.numbering, (edition, *(one.edition for one in others.values()))),
    )


def _gates(site: Site) -> Mapping[str, Gate]:
    """The message security of the site; a site without any does not even load the libraries. Errors: CB7001."""
    if all(endpoint.security is None for endpoint in site.endpoints):
        return MappingProxyType({})
    from bus.wire.security.gate import Gate  # noqa: PLC0415 - 40 ms and 10 MB that most sites need not spend
    from bus.wire.security.load import load  # noqa: PLC0415 - the same

    return MappingProxyType({key: Gate(policy) for key, policy in load(site).policies.items()})


def revocation_of(front: FrontSettings) -> RevocationOf | None:
    """The judgement of the front's revocation lists, ``None`` without any."""
    tls = front.tls
    if tls is None or not tls.material.lists:
        return None
    from bus.core import certificates  # noqa: PLC0415 - only sites with revocation lists pay for the import

    lists = [each for content in tls.material.lists for each in certificates.read_revocation_lists(content)]
    return certificates.Revoked(lists, certificates.read_certificates(tls.material.authorities)).state


def _allowed(seen: Views, others: Mapping[str, Standard], endpoints: Mapping[tuple[str, str], Endpoint]) -> Views:
    """The rights and views of the site's own edition, without the rights that an endpoint's own edition makes void."""
    own = {
        endpoint.key: others[endpoint.edition].views for endpoint in endpoints.values() if endpoint.edition in others
    }
    if not own:
        return seen
    rights = {
        place: right for place, right in seen.rights.items() if place[0] not in own or place in own[place[0]].rights
    }
    known = frozenset(place for place in seen.known if place[0] not in own or place in own[place[0]].known)
    return replace(seen, rights=rights, known=known)


def _standard(
    site: Site,
    edition: Edition,
    contracts: Mapping[str, Contract],
    endpoints: Mapping[tuple[str, str], Endpoint],
) -> Standard:
    """An edition by the keys the steps ask with."""
    operations = {op.key: op for unit in edition.units.values() for op in unit.operations.values()}
    return Standard(
        edition=edition,
        contracts=contracts,
        units=MappingProxyType({key: _unit_table(unit) for key, unit in edition.units.items()}),
        operations=MappingProxyType(operations),
        lanes=MappingProxyType({key: _lanes(op, edition) for key, op in operations.items()}),
        views=views(site, edition, endpoints),
        guards=MappingProxyType(guards(edition, site.guard)),
    )


def _doors(site: Site, home: Standard, others: Mapping[str, Standard]) -> dict[str, Door]:
    """Every endpoint may ask at its own address of every unit; the rights decide what it gets."""
    doors = {}
    for endpoint in site.endpoints:
        expected = basic_header(endpoint.id, endpoint.secret).encode("latin-1") if endpoint.secret else b""
        caller = endpoint.caller if endpoint.caller.asks_tls else None
        for unit in others.get(endpoint.edition, home).edition.units:
            doors[f"/{endpoint.key}/{unit}"] = Door(endpoint, unit, expected, caller)
    return doors


def _prepare(
    route: Route,
    operation: Operation,
    endpoints: Mapping[tuple[str, str], Endpoint],
    seen: Views,
    lapsed: frozenset[str],
) -> PreparedRoute:
    """Targets of a route; those outside the providing unit need a right of their own, some routes a statement."""
    targets = tuple(endpoints[route.municipality, name] for name in route.targets)
    denied = tuple(
        target.key
        for target in targets
        if target.unit != operation.provider and (target.key, operation.key) not in seen.known
    )
    ended = tuple(target.key for target in targets if route.require_statement and target.key in lapsed)
    outward = any(target.unit != operation.provider for target in targets)
    veils = (seen.deliveries.get((target.key, operation.key)) for target in targets)
    return PreparedRoute(
        route,
        targets,
        denied + ended,
        frozenset(route.senders),
        operation.provider if outward else "",
        any(veil is not None and veil.limits for veil in veils),
        seen.subjects.get(operation.key),
        frozenset(ended),
    )


def _unit_table(unit: Unit) -> UnitTable:
    """A unit's operations by input element, output element and action."""
    operations = unit.operations.values()
    return UnitTable(
        MappingProxyType({op.input: op for op in operations}),
        MappingProxyType({op.output: op for op in operations}),
        MappingProxyType({op.action: op for op in operations}),
    )


def _lanes(operation: Operation, edition: Edition) -> tuple[Lane, ...]:
    """``atena=jumin/atenabango`` as lane name and element names."""
    prefix = f"{{{edition.units[operation.unit].namespace}}}"
    lanes = []
    for entry in operation.ordering:
        name, _, path = entry.partition("=")
        lanes.append(Lane(name, tuple(prefix + step for step in path.split("/"))))
    return tuple(lanes)
