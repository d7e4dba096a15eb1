"""Foreign stacks before the provider suite, with no bus between: what of the standard each keeps by itself.

A stack is a provider program of ``tests/interop/programs`` that knows the reference population and only the description
that a bus serves; it is driven directly.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance import reference
from conformance.evidence import Bundle
from conformance.standard import Standard
from schemas.model import Edition
from tests.certify.assess import driven
from tests.certify.site import MUNICIPALITY, Subject
from tests.certify.town import bus, ports
from tests.interop.site import client_of, secret_of, write_site
from tests.interop.stacks import Workshop, providing

USER = "chiikibus"
STACKS = ("php", "gsoap", "node", "java", "perl", "spyne")
NOBODY = {"vendor_fault": {"atenabango": "000000000000990", "faultstring": "障害"}, "crash": "000000000000981"}
"""Persons whom the suite never asks for: the programs make their faults on purpose at these."""


def population(edition: Edition) -> dict[str, object]:
    """The reference population as a provider program reads what it knows, items in the order of the table."""
    households: dict[str, list[str]] = {}
    for one in reference.residents():
        households.setdefault(one[reference.HOUSEHOLD], []).append(one["atenabango"])
    order = [item.name for item in edition.units["juki"].records["jumin"].items]
    return {
        "residents": {
            one["atenabango"]: {name: one[name] for name in order if name in one} for one in reference.residents()
        },
        "households": households,
        **NOBODY,
    }


@dataclass(frozen=True, slots=True)
class Field:
    """Where stacks are driven: a bus at ``address`` serves the description and knows each stack on its own port."""

    address: str
    places: Mapping[str, int]
    folder: Path
    workshop: Workshop
    standard: Standard

    def evidence(self, stack: str) -> tuple[Bundle, Bundle]:
        """What driving a stack gave: directly, and through the bus as the plain client beside it.

        It is started anew for each, since what a caller sends may change how a program answers everybody after it.
        """
        client, place = client_of(stack), f"http://127.0.0.1:{self.places[stack]}/soap"
        with self._running(stack, "direct"):
            direct = self._driven(stack, place, USER, secret_of(stack))
        with self._running(stack, "behind"):
            return direct, self._driven(stack, self._door(stack), client, secret_of(client))

    def _door(self, stack: str) -> str:
        return f"{self.address}/{MUNICIPALITY}/{client_of(stack)}/juki"

    @contextmanager
    def _running(self, stack: str, name: str) -> Iterator[None]:
        folder = self.folder / f"{stack}-{name}"
        folder.mkdir()
        known = folder / "known.json"
        known.write_text(json.dumps(population(self.standard.edition), ensure_ascii=False), "utf-8")
        wsdl, port, secret = f"{self._door(stack)}?wsdl", self.places[stack], secret_of(stack)
        with providing(stack, self.workshop, wsdl, port, secret, folder, knowing=known):
            yield

    def _driven(self, stack: str, where: str, user: str, secret: str) -> Bundle:
        credential = b64encode(f"{user}:{secret}".encode()).decode()
        headers = (("Authorization", f"Basic {credential}"),)
        return driven(where, Subject("juki", stack), self.standard, headers)


@contextmanager
def field(folder: Path, stacks: Sequence[str], workshop: Workshop, standard: Standard) -> Iterator[Field]:
    """A bus for these stacks; each runs only while it is driven."""
    port, *rest = ports(1 + len(stacks))
    places = dict(zip(stacks, rest, strict=True))
    site = folder / "site"
    site.mkdir(parents=True)
    write_site(site, port, {one: f"http://127.0.0.1:{at}/soap" for one, at in places.items()})
    with bus(site, port) as address:
        yield Field(address, places, folder, workshop, standard)
