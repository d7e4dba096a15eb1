"""What the bus writes in the common namespace is valid by ``common.xsd``: fault detail, context header, receipt."""

from __future__ import annotations

from lxml import etree

from bus.core.errors import WireError
from bus.core.types import Context, Finding
from bus.wire import envelope, fault, records
from schemas.catalog import HOME

COMMON = "{urn:chiikibus:standard:1.0:common}"
SCHEMA = etree.XMLSchema(etree.parse(HOME / "standard" / "1.0" / "common" / "common.xsd"))


def test_the_fault_detail_is_valid_and_bounded() -> None:
    """A refusal with more findings than fit is still a valid detail."""
    findings = [Finding("E0002", "a/b", 3, "X(1)", "2桁", "性別", "file.csv")] * 80
    root = etree.fromstring(fault.fault_bytes(WireError("E0002", findings), record_id="0" * 32))
    detail = next(root.iter(f"{COMMON}shogai"))
    assert SCHEMA.validate(detail), SCHEMA.error_log
    assert len(detail.findall(f"{COMMON}shiteki")) == 50


def test_the_context_header_is_valid() -> None:
    """Full and least context are written as the schema says."""
    full = Context(
        "990019", "juki", "a", "990019", "kojinjuminzei", "b", "juki.ido_tsuchi", "1.0", "kazei", "u1",
        "2024-04-01T00:00:00.000+09:00", "000000000000019", test=True,
    )  # fmt: skip
    for context in (full, Context(sender_municipality="990019")):
        root = etree.fromstring(envelope.build(etree.Element("{urn:x}x"), context=context))
        block = next(root.iter(f"{COMMON}Context"))
        assert SCHEMA.validate(block), SCHEMA.error_log


def test_the_receipt_is_written_in_the_common_namespace() -> None:
    """The three items of a receipt stand in the namespace of the shared type."""
    receipt = records.receipt("{urn:x}y", COMMON[1:-1], "urn:uuid:1", "2", "2024-04-01T00:00:00Z")
    assert [child.tag for child in receipt] == [
        f"{COMMON}messageid",
        f"{COMMON}uketsukebango",
        f"{COMMON}uketsuke_nichiji",
    ]
