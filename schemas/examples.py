"""Read the sample records of a unit (``examples.toml``): invented values that show what an item looks like."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from schemas.catalog import CatalogError, nearest
from schemas.model import Unit

NAME = "examples.toml"


def load_examples(unit: Unit) -> Mapping[str, Mapping[str, str]]:
    """Values by record and item; nothing where the unit has no samples. Values are text, as in a message.

    Errors: CatalogError with every unknown record and item, every value that is no text, and mandatory items left out.
    """
    path = unit.wsdl.parent / NAME
    if not path.is_file():
        return {}
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    problems = [
        f"{path}:0: unknown record {name!r}{nearest(name, unit.records)}" for name in data.keys() - unit.records
    ]
    for name in data.keys() & unit.records:
        items = {item.name: item for item in unit.records[name].items}
        problems += [
            f"{path}:0: {name}: unknown item {key!r}{nearest(key, items)}" for key in data[name].keys() - items.keys()
        ]
        problems += [
            f"{path}:0: {name}: {key} is no text" for key, value in data[name].items() if type(value) is not str
        ]
        missing = [item.name for item in items.values() if item.mandatory and item.name not in data[name]]
        problems += [f"{path}:0: {name}: mandatory {key} is missing" for key in missing]
    if problems:
        raise CatalogError(sorted(problems))
    return {name: {item.name: data[name][item.name] for item in unit.records[name].items if item.name in data[name]}
            for name in unit.records if name in data}  # fmt: skip
