"""Each import contract fails as soon as one import breaks it: a contract that never fails protects nothing."""

from __future__ import annotations

import configparser
from copy import deepcopy
from typing import Any

import grimp
import pytest
from importlinter import configuration
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract

from tests.support.repository import PACKAGES, ROOT

PREFIX = "importlinter:contract:"
KINDS: dict[str, type[Contract]] = {"forbidden": ForbiddenContract, "layers": LayersContract}
BROKEN_BY = {
    "schemas": ("schemas.catalog", "bus.core.types"),
    "bus": ("bus.app.composition", "adapters.host.process"),
    "conformance": ("conformance.oracle", "bus.wire.contract"),
    "adapters": ("adapters.host.process", "bus.journal.sqlite"),
    "bus-layers": ("bus.pipeline.journal", "bus.journal.sqlite"),
    "adapters-layers": ("adapters.mapping.engine", "adapters.host.translate"),
    "stand-ins": ("adapters.simulators.papers", "adapters.characters.codings"),
    "door-aio-pika": ("bus.broker.memory", "aio_pika"),
    "door-zeep": ("bus.cli.send", "zeep"),
    "door-spyne": ("bus.front.protocol", "spyne"),
    "door-xmlschema": ("bus.wire.contract", "xmlschema"),
    "door-httptools": ("bus.front.server", "httptools"),
    "door-aiohttp": ("bus.deliver.sender", "aiohttp"),
    "door-asyncssh": ("adapters.host.process", "asyncssh"),
    "door-obstore": ("adapters.host.process", "obstore"),
    "door-sqlalchemy": ("adapters.host.process", "sqlalchemy"),
    "door-psycopg": ("bus.journal.relay", "psycopg"),
    "door-alembic": ("bus.journal.postgres.journal", "alembic"),
    "door-openpyxl": ("adapters.host.process", "openpyxl"),
    "door-identify": ("adapters.characters.pictures", "numpy"),
    "door-cryptography": ("bus.deliver.sender", "cryptography"),
}


def options(parser: configparser.ConfigParser, section: str) -> dict[str, Any]:
    """The options of a contract as import-linter gives them to it: lists where there are several lines."""
    return {
        key: [line for line in value.splitlines() if line] if value.startswith("\n") else value
        for key, value in parser[section].items()
    }


@pytest.fixture(scope="module")
def contracts() -> dict[str, Contract]:
    """The contracts of setup.cfg by their short name."""
    configuration.configure()  # the clock and the files that contracts ask import-linter for
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    session = options(parser, "importlinter")
    found = {}
    for section in parser.sections():
        if section.startswith(PREFIX):
            own = options(parser, section)
            found[section.removeprefix(PREFIX)] = KINDS[own["type"]](
                name=own["name"], session_options=session, contract_options=own
            )
    return found


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom today."""
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def test_every_contract_has_its_counterexample(contracts: dict[str, Contract]) -> None:
    """A new contract comes with an import that it refuses."""
    assert contracts.keys() == BROKEN_BY.keys()


@pytest.mark.parametrize("name", BROKEN_BY)
def test_one_forbidden_import_breaks_the_contract(
    name: str, contracts: dict[str, Contract], graph: grimp.ImportGraph
) -> None:
    """Kept as the code stands, broken with one import more."""
    importer, imported = BROKEN_BY[name]
    changed = deepcopy(graph)
    assert importer in changed.modules
    assert contracts[name].check(deepcopy(graph), verbose=False).kept
    if imported not in changed.modules:
        changed.add_module(imported, is_squashed=True)
    changed.add_import(importer=importer, imported=imported)
    assert not contracts[name].check(changed, verbose=False).kept


def test_every_exception_from_a_contract_has_its_reason() -> None:
    """In setup.cfg a comment stands above the imports that a contract lets pass."""
    lines = (ROOT / "setup.cfg").read_text(encoding="utf-8").splitlines()
    places = [number for number, line in enumerate(lines) if line.startswith("ignore_imports")]
    assert places
    assert [number + 1 for number in places if not lines[number + 1].strip().startswith("# ")] == []
