"""Rulings on disagreements of the engines: the shipped ones are about real disagreements, and each decision counts."""

from __future__ import annotations

import pytest

from conformance.description import load
from conformance.findings import KEPT, Undecided
from conformance.rooms.wsdl_types import valid_schemas
from conformance.rulings import RulingError, read, ruled, rulings
from conformance.schema_engines import first_engine, second_engine
from schemas.catalog import load_requirements

HEAD = "id,requirement,objection,decision,reason_ja,reason_en,source,since\n"
WSDL = (
    '<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
    'targetNamespace="urn:t"><w:types><xs:schema targetNamespace="urn:t"><xs:complexType name="T">{}</xs:complexType>'
    "</xs:schema></w:types></w:definitions>"
)


def model(*particles: str, times: str = "") -> str:
    """A sequence of elements with one name; each particle is given by its attributes."""
    return f"<xs:sequence {times}>" + "".join(f'<xs:element name="a" {one}/>' for one in particles) + "</xs:sequence>"


LARGE = model('type="xs:string" maxOccurs="99999999999"')
COUNTED = model('minOccurs="2" maxOccurs="2"', 'minOccurs="0"')
AMBIGUOUS = model("", 'minOccurs="0"', times='minOccurs="2" maxOccurs="2"')


@pytest.mark.slow
@pytest.mark.parametrize(("content", "ruling"), [(LARGE, ""), (COUNTED, "RULING-002"), (AMBIGUOUS, "RULING-002")])
def test_the_shipped_rulings_are_about_what_the_engines_say(content: str, ruling: str) -> None:
    """libxml2 objects and xmlschema does not; what is ruled is kept, what nobody can rule says what to do."""
    described = load("a.wsdl", {"a.wsdl": WSDL.format(content).encode()})
    assert first_engine(described)
    assert not second_engine(described)
    result = valid_schemas(described)
    if ruling:
        assert isinstance(result, Undecided)
        assert ruling in result.reason_ja
        assert ruling in result.reason_en
    else:
        assert result == KEPT


def test_each_ruling_names_a_requirement_of_the_catalogue() -> None:
    """A ruling on nothing would never be seen."""
    assert {one.requirement for one in rulings()} <= {row.id for row in load_requirements()}


@pytest.mark.parametrize(("decision", "kind"), [("kept", "()"), ("broken", "(Finding"), ("open", "Undecided")])
def test_a_decision_decides(decision: str, kind: str) -> None:
    """Only for its requirement and objection; without a ruling it stays undecided."""
    table = read(f"{HEAD}RULING-900,X-1,^odd,{decision},理由,reason,source,1.0\n")
    assert repr(ruled("X-1", "/a", "odd thing", table)).startswith(kind)
    for requirement, objection in (("X-2", "odd thing"), ("X-1", "not odd")):
        assert "only libxml2 objects" in repr(ruled(requirement, "/a", objection, table))


@pytest.mark.parametrize("row", ["R,X,o,maybe,a,b,c,1", "R,X,o,kept,a,,c,1", "R,X,o,kept,a,b,c,1\nR,X,p,kept,a,b,c,1"])
def test_a_wrong_row_is_refused(row: str) -> None:
    """An unknown decision, an empty column, an id twice."""
    with pytest.raises(RulingError):
        read(f"{HEAD}{row}\n")
