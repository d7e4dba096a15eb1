"""What the vendor tests share: the shipped definitions with the example's gaiji, and the people of the samples.

Run as a program (``python -m tests.vendors.world``) it writes the samples of all vendors anew from the population,
those of A社 住民記録 by the simulator itself; the differences to what is checked in are then to be read by a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from adapters.characters.register import GaijiRegister, load_register
from adapters.codecs.factory import make_codec
from adapters.codecs.layout import load_layout
from adapters.mapping import Mapping as ItemMapping
from adapters.mapping import load_mapping
from adapters.mapping.rules import ItemRule
from adapters.population import Town
from adapters.population.kinds import Kind
from adapters.population.record import Record
from adapters.sdk.protocols import Codec
from adapters.simulators.a_juki import native_file
from adapters.suite.golden import write_records
from schemas.catalog import load_edition
from schemas.model import Edition

ROOT = Path(__file__).resolve().parents[2]
VENDORS = ROOT / "adapters" / "vendors"
GAIJI = ROOT / "deploy" / "examples" / "tax-juki" / "site" / "gaiji"
SAMPLE_CASES = (
    "lock-in",
    "fusho-09",
    "fusho-12",
    "meiji-45-07-30",
    "showa-64-01-07",
    "ivs-katsu",
    "compatibility-kami",
    "plane-2-yoshi",
    "nec-taka-saki",
    "leap-common-year",
    "hogo-subete",
    "space-both",
    "circled-one",
    "dashes",
    "katagaki-gaiji",
    "long-katagaki",
    "no-furigana",
    "no-number",
    "ido-fusho",
    "kyuji-gaiji",
    "misettei",
    "yon-sedai",
    "gaikokujin-tsusho",
    "gaikokujin-ichigo",
    "gaikokujin-nagai",
    "tokubetsu-eijusha",
    "tenshutsusha",
)
SAMPLE_KINDS = (
    Kind.SHUSSHO,
    Kind.TENKYO,
    Kind.SETAI_BUNRI,
    Kind.TORIKESHI_GEN,
    Kind.TORIKESHI_ZO,
    Kind.TORIKESHI_SHUSEI,
)


@dataclass(frozen=True, slots=True)
class Definition:
    """One layout with its mapping and codec."""

    codec: Codec
    mapping: ItemMapping


@cache
def edition() -> Edition:
    """The standard."""
    return load_edition("1.0")


def definition(vendor: str, unit: str, name: str = "jumin") -> Definition:
    """A shipped definition with the gaiji of the example's site."""
    folder = VENDORS / vendor / unit
    layout = load_layout(folder / "layout" / f"{name}.toml")
    assert layout is not None
    file = GAIJI / f"990019-{vendor}-{'juki' if unit == 'juki' else 'tax'}.csv"
    register = load_register(file) if file.exists() else GaijiRegister()
    mapping = load_mapping(folder / "mapping" / f"{name}.toml", layout, edition())
    assert mapping is not None
    return Definition(make_codec(layout, register), mapping)


def sample_people() -> list[Record]:
    """The people of the samples: the first of each awkward household, then one event of several kinds."""
    town = Town.generate(300, 1)
    by_case = {case: one for one in reversed(list(town.people.values())) for case in one.cases}
    people = [by_case[case].current for case in SAMPLE_CASES]
    events = [event for change in town.changes(400) for event in change.events]
    return people + [next(event.record for event in events if event.kind is kind) for kind in SAMPLE_KINDS]


def write_sample(vendor: str, unit: str, name: str, extension: str, records: Sequence[Mapping[str, str]]) -> None:
    """Write one golden pair: the vendor's file and the records of the standard that it stands for."""
    made = definition(vendor, unit, name)
    folder = VENDORS / vendor / unit / "samples"
    folder.mkdir(exist_ok=True)
    written = [made.mapping.to_vendor(record).values for record in records]
    if made.codec.layout.header:
        data = b"".join(native_file(records, "990019", "01"))
    else:
        data = b"".join(made.codec.encode(written))
    (folder / f"{name}.{extension}").write_bytes(data)
    held = {item for one in made.mapping.rules if isinstance(one, ItemRule) for item in one.standard}
    unit_name, _, record_name = made.mapping.record.partition(".")
    standard = edition().units[unit_name]
    kept = [{item: value for item, value in record.items() if item in held} for record in records]
    with (folder / f"{name}.xml").open("wb") as stream:
        write_records(stream, standard, standard.records[record_name], kept)


def write_samples() -> None:
    """Write ``samples/`` of every vendor."""
    people = sample_people()
    person = {"atenabango": people[0]["atenabango"], "kijunbi": "2026-01-01"}
    write_sample("a", "juki", "jumin", "dat", people)
    write_sample("a", "juki", "jumin_shokai", "dat", [person])
    write_sample("a", "juki", "setai_shokai", "dat", [{"setaibango": people[0]["setaibango"], "kijunbi": "2026-01-01"}])
    write_sample("a", "kojinjuminzei", "jumin", "csv", people)
    write_sample("b", "kojinjuminzei", "jumin", "json", people[:1])


if __name__ == "__main__":
    write_samples()
