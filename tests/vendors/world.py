"""What the vendor tests share: the shipped definitions with the example's gaiji, and the people of the samples.

Run as a program (``python -m tests.vendors.world``) it writes the samples of A社 住民記録 anew from the population, by
the simulator's own hand; the differences to what is checked in are then to be read by a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lxml import etree

from adapters.characters.register import GaijiRegister, load_register
from adapters.codecs.factory import make_codec
from adapters.codecs.layout import load_layout
from adapters.mapping import Mapping as ItemMapping
from adapters.mapping import load_mapping
from adapters.population import Town
from adapters.population.kinds import Kind
from adapters.population.record import Record
from adapters.sdk.protocols import Codec
from adapters.simulators.a_juki import native_file
from bus.wire.records import to_element
from schemas.catalog import load_edition
from schemas.model import Edition

ROOT = Path(__file__).resolve().parents[2]
VENDORS = ROOT / "adapters" / "vendors"
GAIJI = ROOT / "deploy" / "examples" / "tax-juki" / "site" / "gaiji"
GOLDEN = "urn:chiikibus:golden"
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


def golden(records: Iterable[Mapping[str, str]]) -> bytes:
    """Standard records as a document of notice payloads."""
    unit = edition().units["juki"]
    root = etree.Element(f"{{{GOLDEN}}}golden", nsmap={None: GOLDEN, "j": unit.namespace})
    for record in records:
        payload = etree.SubElement(root, f"{{{unit.namespace}}}ido_tsuchi")
        to_element(payload, unit.namespace, unit.records["jumin"], record)
    etree.indent(root, space=" ")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def write_samples() -> None:
    """Write ``samples/`` of A社 住民記録."""
    people = sample_people()
    folder = VENDORS / "a" / "juki" / "samples"
    folder.mkdir(exist_ok=True)
    (folder / "jumin.dat").write_bytes(b"".join(native_file(people, "990019", "01")))
    (folder / "jumin.xml").write_bytes(golden(people))


if __name__ == "__main__":
    write_samples()
