"""The generated contracts: current, understood by three schema engines and zeep, and within WS-I Basic Profile 1.1."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import xmlschema
import zeep
from lxml import etree

from bus.wire.addressing_fault import SOAP_FAULT_ACTION
from schemas import manifest
from schemas.catalog import load_edition
from schemas.model import Unit
from tests.support.repository import ROOT

EDITION = load_edition()
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
XS = "{http://www.w3.org/2001/XMLSchema}"
UNITS = pytest.mark.parametrize("unit", EDITION.units.values(), ids=lambda unit: unit.key)
QUICK = {"juki", "kojinjuminzei", "shutaino"}
COSTLY = pytest.mark.parametrize(
    "unit",
    [
        pytest.param(unit, id=unit.key, marks=() if unit.key in QUICK else pytest.mark.slow)
        for unit in EDITION.units.values()
    ],
)
"""For what takes a third of a second a unit: the quick run looks at three."""


def test_generating_again_gives_the_same_bytes() -> None:
    """WSDL, XSD, item lists and manifest in the repository are what the tables say."""
    script = ROOT / "deploy" / "tools" / "generate_contracts.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manifest_lists_every_file_with_its_digest_and_provenance() -> None:
    """No file of the edition is unlisted, altered or of unknown origin."""
    assert manifest.problems(EDITION.folder) == ()


def test_the_manifest_notices_a_changed_a_new_and_a_missing_file(tmp_path: Path) -> None:
    """Each kind of difference is named, and rewriting keeps the provenance that was there."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    (tmp_path / manifest.NAME).write_text(manifest.text(tmp_path).replace("ours", "reconstructed"), encoding="utf-8")
    assert manifest.problems(tmp_path) == ()
    (tmp_path / "a.csv").write_text("other", encoding="utf-8")
    (tmp_path / "b.csv").unlink()
    (tmp_path / "c.csv").write_text("new", encoding="utf-8")
    assert [problem.partition(":")[0] for problem in manifest.problems(tmp_path)] == ["c.csv", "b.csv", "a.csv"]
    again = manifest.text(tmp_path)
    assert again.count("reconstructed") == 1
    assert again.count("ours") == 1


@COSTLY
def test_two_schema_engines_compile_the_contract(unit: Unit) -> None:
    """libxml2 and xmlschema accept the schemas as XML Schema 1.0, by relative imports only."""
    etree.XMLSchema(etree.parse(unit.schemas[0]))
    assert xmlschema.XMLSchema10(str(unit.schemas[0]), allow="local").is_valid is not None
    for path in unit.schemas:
        assert all("://" not in node.get("schemaLocation", "") for node in etree.parse(path).iter(f"{XS}import"))


@COSTLY
def test_zeep_reads_the_description_and_knows_every_operation(unit: Unit) -> None:
    """A client that knows only the WSDL finds each operation with its elements."""
    client = zeep.Client(str(unit.wsdl))
    binding = client.service._binding
    assert set(binding._operations) == set(unit.operations)
    for name, operation in unit.operations.items():
        assert binding._operations[name].input.body.qname.text == operation.input
        assert binding._operations[name].output.body.qname.text == operation.output


@UNITS
def test_the_description_keeps_the_basic_profile(unit: Unit) -> None:
    """Document/literal, element parts, one Body child each, HTTP transport, quoted-able actions, faults declared."""
    root = etree.parse(unit.wsdl).getroot()
    assert not list(root.iter(f"{WSDL}import"))
    assert {part.get("type") for part in root.iter(f"{WSDL}part")} == {None}
    binding = root.find(f"{WSDL}binding")
    assert binding is not None
    transport = binding.find(f"{SOAP}binding")
    assert transport is not None
    assert transport.get("transport") == "http://schemas.xmlsoap.org/soap/http"
    assert {node.get("style") for node in binding.iter(f"{SOAP}binding", f"{SOAP}operation")} == {"document"}
    assert {node.get("use") for node in binding.iter(f"{SOAP}body", f"{SOAP}fault")} == {"literal"}
    actions = [node.get("soapAction") for node in binding.iter(f"{SOAP}operation")]
    assert actions == [operation.action for operation in unit.operations.values()]
    inputs = [node.get("message") for node in root.iter(f"{WSDL}input") if node.get("message")]
    assert len(set(inputs)) == len(unit.operations)
    schema = root.find(f"{WSDL}types/{XS}schema")
    assert schema is not None
    assert {child.tag for child in schema} == {f"{XS}import"}


@UNITS
def test_patterns_use_no_class_on_which_engines_differ(unit: Unit) -> None:
    r"""No \d, \w, \s, \i, \c or \p{} and no character beyond the first plane in any pattern."""
    for path in unit.schemas:
        for node in etree.parse(path).iter(f"{XS}pattern"):
            value = node.get("value", "")
            assert not any(f"\\{letter}" in value for letter in "dDwWsSiIcCpP"), value
            assert all(ord(character) <= 0xFFFF for character in value), value


@UNITS
def test_every_item_carries_its_japanese_name_type_and_digits(unit: Unit) -> None:
    """Annotations let a developer read the schema beside the item list."""
    root = etree.parse(unit.schemas[0]).getroot()
    for name in {operation.record for operation in unit.operations.values()} - {""}:
        kind = root.find(f"{XS}complexType[@name='{name}']/{XS}sequence")
        assert kind is not None
        for node, item in zip(kind, unit.records[name].items, strict=True):
            assert node.get("name") == item.name
            size = f"{item.digits},{item.scale}" if item.scale else str(item.digits)
            assert node.findtext(f"{XS}annotation/{XS}documentation") == f"{item.name_ja}［{item.type}({size})］"
            assert (node.get("minOccurs") is None) == item.mandatory


@UNITS
def test_the_wsdl_states_the_action_of_every_message(unit: Unit) -> None:
    """What is sent, what comes back, and what a fault says: a stack that speaks WS-Addressing compares them."""
    action = "{http://www.w3.org/2007/05/addressing/metadata}Action"
    port = etree.parse(unit.wsdl).getroot().find(f"{WSDL}portType")
    assert port is not None
    stated = {
        entry.get("name"): {etree.QName(each).localname: each.get(action) for each in entry if each.get(action)}
        for entry in port.iterchildren(f"{WSDL}operation")
    }
    assert stated == {
        operation.name: {"input": operation.action, "output": operation.reply_action, "fault": SOAP_FAULT_ACTION}
        for operation in unit.operations.values()
    }
