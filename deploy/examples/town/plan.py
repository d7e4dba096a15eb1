"""Who is who in the example town: which vendor has which unit in which round, and the site folder that says so."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.model import Edition, Operation

MUNICIPALITY: Final = "990019"
BUCKET: Final = "c-sha"
VENDORS: Final = ("a", "b", "c")
ONLY: Final[Mapping[str, str]] = {"kojinjuminzei": "c"}
"""Units whose other vendors are shown in the example tax-juki with a smaller set of flows."""

NOT: Final = frozenset({("juki", "a")})
VENDOR_NAMES: Final[Mapping[str, str]] = {"a": "A社", "b": "B社", "c": "C社"}


@dataclass(frozen=True, slots=True)
class Link:
    """One operation from its provider to one consumer; ``flows`` are the rows of ``flows.csv`` that need it."""

    operation: Operation
    consumer: str
    flows: tuple[int, ...]

    @property
    def provider(self) -> str:
        """The unit that answers or sends."""
        return self.operation.unit


def links(edition: Edition) -> list[Link]:
    """Every operation of ``flows.csv`` with every consumer that its row names; each pair once.

    A consumer to which the standard discloses nothing of it, for no purpose, is left out: it has no right to it.
    """
    found: dict[tuple[str, str], list[int]] = {}
    with (edition.folder / "flows.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            names = list(edition.units) if row["consumers"] == "*" else row["consumers"].split("|")
            for key, consumer in itertools.product(row["operations"].split("|"), names):
                if consumer != row["provider"]:
                    found.setdefault((key, consumer), []).append(int(row["number"]))
    made = []
    for (key, consumer), numbers in found.items():
        operation = edition.operation(key)
        assert operation is not None, key
        if edition.purposes_for(operation, consumer):
            made.append(Link(operation, consumer, tuple(numbers)))
    return made


def allocations(edition: Edition, all_links: Iterable[Link]) -> list[dict[str, str]]:
    """Rounds of unit to vendor, so that every link runs between different vendors in one of them.

    Units one after the other, those with most neighbours first, each get the first combination of vendors that
    leaves the fewest links to earlier units with one vendor in every round.
    """
    neighbours: dict[str, set[str]] = {unit: set() for unit in edition.units}
    for link in all_links:
        neighbours[link.provider].add(link.consumer)
        neighbours[link.consumer].add(link.provider)
    order = sorted(neighbours, key=lambda unit: (unit not in ONLY, -len(neighbours[unit]), unit))
    chosen: dict[str, tuple[str, ...]] = {}
    for unit in order:
        allowed = [vendor for vendor in VENDORS if ONLY.get(unit, vendor) == vendor and (unit, vendor) not in NOT]
        used = [vendor for combination in chosen.values() for vendor in combination]
        chosen[unit] = min(
            itertools.product(allowed, repeat=2),
            key=lambda combination: (
                sum(chosen.get(other) == combination for other in neighbours[unit]),
                sum(used.count(vendor) for vendor in combination),
            ),
        )
    return [{unit: chosen[unit][number] for unit in edition.units} for number in range(2)]


def crossed(rounds: Iterable[Mapping[str, str]], all_links: Iterable[Link]) -> set[tuple[str, str]]:
    """The links (operation, consumer) that run between different vendors in at least one round."""
    return {
        (link.operation.key, link.consumer)
        for who in rounds
        for link in all_links
        if who[link.provider] != who[link.consumer]
    }


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens: the bus, each unit's adapter, each vendor's panel, A's telegrams, C's bucket."""

    bus: int
    adapters: Mapping[str, int]
    panels: Mapping[str, int]
    tcp: int
    bucket: int


def write_site(folder: Path, edition: Edition, who: Mapping[str, str], all_links: Iterable[Link], ports: Ports) -> None:
    """The five files of the site folder, and a folder for each unit's files."""
    all_links = list(all_links)
    folder.mkdir(parents=True)
    _write(folder / "site.toml", _site(ports))
    _write(folder / "endpoints.toml", _endpoints(edition, who, all_links))
    _write(folder / "adapters.toml", "\n".join(_adapter(unit, vendor, ports) for unit, vendor in who.items()))
    _write(folder / "routes.toml", _listed("route", _routes(edition, all_links)))
    _write(folder / "rights.toml", _listed("right", _rights(edition, all_links)))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _site(ports: Ports) -> str:
    return (
        '[site]\nname = "地域市の全業務（例題）"\nedition = "1.0"\n\n'
        f'[[municipality]]\ncode = "{MUNICIPALITY}"\nname = "地域市（架空）"\n\n'
        f'[front]\nlisten = "127.0.0.1:{ports.bus}"\n\n'
        '[journal]\nengine = "sqlite"\npath = "var/journal.sqlite"\n\n[broker]\nengine = "memory"\n\n'
        "[delivery]\nretry_first_s = 0.2\nretry_max_s = 5.0\nbreaker_open_s = 1.0\n"
    )


def _purpose(edition: Edition, unit: str, all_links: Iterable[Link]) -> str:
    """The purpose that an endpoint stands for: the one under which it uses most operations of others."""
    used = Counter(edition.purposes_for(link.operation, unit)[0] for link in all_links if link.consumer == unit)
    own = next(one.purposes[0] for one in edition.units[unit].operations.values())
    return used.most_common(1)[0][0] if used else own


def _endpoints(edition: Edition, who: Mapping[str, str], all_links: list[Link]) -> str:
    lines = [
        f'  {{ id = "{unit}", municipality = "{MUNICIPALITY}", unit = "{unit}", adapter = "{vendor}-{unit}", '
        f'purpose = "{_purpose(edition, unit, all_links)}", '
        f'name = "{edition.units[unit].name_ja}（{VENDOR_NAMES[vendor]}）" }},'
        for unit, vendor in who.items()
    ]
    return "endpoint = [\n" + "\n".join(lines) + "\n]\n"


def _adapter(unit: str, vendor: str, ports: Ports) -> str:
    place = f"sim/{vendor}/{unit}" if vendor != "c" else f"var/{vendor}/{unit}"
    settings = {name: f"{place}/{name}" for name in ("out", "in", "shokai", "kaito", "irai")}
    if vendor == "a":
        settings["tcp"] = f"127.0.0.1:{ports.tcp}"
    if vendor == "b":
        settings |= {
            "rest": f"http://127.0.0.1:{ports.panels['b']}",
            "rest_token": "secrets/rest.token",
            "face_token": "secrets/face.token",
        }
    if vendor == "c":
        settings |= {
            "soap": f"http://127.0.0.1:{ports.panels['c']}",
            "face_token": "secrets/face.token",
            "s3": f"http://127.0.0.1:{ports.bucket}/{BUCKET}/{unit}",
            "s3_key": "secrets/bucket.key",
        }
    lines = "\n".join(f'{name} = "{value}"' for name, value in settings.items())
    return (
        f'[[adapter]]\nid = "{vendor}-{unit}"\nvendor = "{vendor}"\nunit = "{unit}"\nmunicipality = "{MUNICIPALITY}"\n'
        f'endpoint = "{unit}"\nlisten = "127.0.0.1:{ports.adapters[unit]}"\n[adapter.settings]\n{lines}\n'
    )


def confirming(operation: Operation) -> str:
    """The operation by which the receiver of a bulk transfer confirms it."""
    return f"{operation.unit}.{operation.name.replace('soshin', 'kakunin')}"


def _routes(edition: Edition, all_links: list[Link]) -> list[str]:
    consumers: dict[str, list[str]] = {}
    for link in all_links:
        consumers.setdefault(link.operation.key, []).append(link.consumer)
    found = []
    for key, names in consumers.items():
        operation = edition.operation(key)
        assert operation is not None
        asked = operation.pattern in {"inquiry", "late"}
        to, mode = ([operation.unit], "direct") if asked else (names, "queued")
        targets = ", ".join(f'"{name}"' for name in to)
        deadline = ", deadline_s = 30" if asked else ""
        found.append(
            f'{{ municipality = "{MUNICIPALITY}", operation = "{key}", to = [{targets}], mode = "{mode}"{deadline} }}'
        )
        if operation.pattern == "bulk":
            found.append(
                f'{{ municipality = "{MUNICIPALITY}", operation = "{confirming(operation)}", '
                f'to = ["{operation.unit}"], mode = "queued" }}'
            )
    return found


def _rights(edition: Edition, all_links: list[Link]) -> list[str]:
    found: dict[tuple[str, str], str] = {}
    for link in all_links:
        keys = [link.operation.key]
        if link.operation.pattern == "bulk":
            keys.append(confirming(link.operation))
        for endpoint, key in itertools.product((link.provider, link.consumer), keys):
            operation = edition.operation(key)
            assert operation is not None
            mine = endpoint == operation.unit or not operation.record
            names = operation.purposes if mine else edition.purposes_for(operation, endpoint)[:1]
            purposes = ", ".join(f'"{name}"' for name in names)
            found[endpoint, key] = (
                f'{{ municipality = "{MUNICIPALITY}", endpoint = "{endpoint}", operation = "{key}", '
                f"purposes = [{purposes}] }}"
            )
    return list(found.values())


def _listed(name: str, lines: Iterable[str]) -> str:
    return f"{name} = [\n" + "".join(f"  {line},\n" for line in lines) + "]\n"
