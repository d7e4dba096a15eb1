"""What the rules about data files say: bulk transfers in messages, and layout files with their declaration.

``data/layout.toml`` of a bundle declares the layout files beside it; a bundle of the profile ``data-file`` holds its
transfers from end to end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from conformance.evidence import Bundle
from conformance.findings import Missing, Result
from conformance.messages import Message
from conformance.rooms import bulk, layouts
from conformance.standard import Standard
from conformance.tables import LAYOUT, LayoutError, read_layout, read_table
from conformance.transfers import transfers_of
from conformance.verdicts import HarnessError

PROFILE: Final = "data-file"
FOLDER: Final = "data/"
Named = tuple[str, list[tuple[str, Result | HarnessError]]]


def shown(bundle: Bundle, messages: Iterable[Message], standard: Standard, ask: layouts.Ask) -> Iterator[Named]:
    """Requirement and results by subject, of the requirements that the evidence concerns."""
    whole = bundle.circumstances.profile == PROFILE
    transfers = transfers_of(messages, standard.edition, whole=whole)
    if transfers:
        for name, on_transfer in bulk.PREDICATES.items():
            yield name, [(one.id, ask(on_transfer, one)) for one in transfers]
    if FOLDER + LAYOUT in bundle.files:
        yield from _tables(bundle, standard, ask)


def _tables(bundle: Bundle, standard: Standard, ask: layouts.Ask) -> Iterator[Named]:
    try:
        layout = read_layout(bundle.files[FOLDER + LAYOUT], standard.edition)
    except LayoutError as error:
        unusable = Missing(f"正しい宣言（{error.problems[0]}）", f"a right declaration ({error.problems[0]})")
        for name in layouts.PREDICATES:
            yield name, [(LAYOUT, unusable)]
        return
    tables = {
        name: read_table(name, bundle.files.get(FOLDER + name), layout, standard.edition) for name in layout.files
    }
    for name, on_table in layouts.ON_TABLES.items():
        yield name, [(one.name, ask(on_table, one)) for one in tables.values()]
    yield "LAY-107", [(LAYOUT, ask(lambda one: layouts.references(one, tables), layout))]
    swept = {one.name: layouts.sweep(one, ask) for one in tables.values()}
    for name in layouts.ON_ROWS:
        yield name, [(table, results[name]) for table, results in swept.items()]


def problems_of(layout: bytes, standard: Standard, unit: str = "") -> tuple[str, ...]:
    """All that is wrong with a declaration, and whether it is of another unit than asked for."""
    try:
        declared = read_layout(layout, standard.edition).unit
    except LayoutError as error:
        return error.problems
    return (f"{LAYOUT}: unit: {declared!r}, but {unit!r} was asked for",) if unit and unit != declared else ()
