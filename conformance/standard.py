"""What the judge judges by: the requirements, an edition of the standard and its schemas in two engines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lxml import etree

from conformance.description import Element
from conformance.schema_engines import Validator, quick_validator, thorough_validator
from schemas.catalog import load_edition, load_requirements
from schemas.model import Edition, Requirement


@dataclass(frozen=True, slots=True)
class Standard:
    """The catalogue and an edition. Schemas are compiled when first asked for and kept for the process."""

    catalogue: tuple[Requirement, ...]
    edition: Edition

    @property
    def rows(self) -> dict[str, Requirement]:
        """The requirements by id."""
        return {row.id: row for row in self.catalogue}

    def quick(self, unit: str, payload: Element) -> str:
        """What libxml2 objects to in a payload, or an empty text."""
        return _quick(self.edition.units[unit].schemas[0])(_alone(payload))

    def thorough(self, unit: str, payload: Element) -> str:
        """What xmlschema objects to in a payload, or an empty text. A hundred times slower."""
        return _thorough(self.edition.units[unit].schemas[0])(_alone(payload))


def load_standard(version: str = "1.0", mounts: dict[str, Path] | None = None) -> Standard:
    """The shipped requirements and an edition. Errors: CatalogError with every problem."""
    return Standard(load_requirements(), load_edition(version, mounts=mounts))


def _alone(payload: Element) -> Any:
    return etree.fromstring(etree.tostring(payload, with_tail=False), etree.XMLParser(resolve_entities=False))


@lru_cache(maxsize=64)
def _quick(schema: Path) -> Validator:
    return quick_validator(schema)


@lru_cache(maxsize=64)
def _thorough(schema: Path) -> Validator:
    return thorough_validator(schema)
