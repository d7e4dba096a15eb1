"""Glyphs without Unicode text on the way: their names agree with the Body, and who cannot read them gets none."""

from __future__ import annotations

from lxml import etree

from bus.core.errors import DeliveryError
from bus.core.types import Endpoint, Finding
from bus.pipeline.repertoire import both, outside
from bus.pipeline.tables import Contract
from bus.wire.contract import Values
from bus.wire.envelope import Envelope
from bus.wire.glyphs import MOJIZUKEI, carries, names_in, neutral, put_in, written_by_name_only

REFUSED = "E0002"
CANNOT = "CB6019"


def judge(
    contract: Contract, sender: Endpoint, read: Envelope, raw: bytes, values: Values | None = None
) -> tuple[Finding, ...]:
    """What the contract and the repertoire agreed with the sender find in a body; a glyph counts as one character.

    ``raw`` are the bytes of the message, ``values`` those of its body where somebody has read them.
    Errors: CB6018 names and Body disagree.
    """
    if not written_by_name_only(raw, read.body):
        return (Finding(REFUSED, path="Body", expected="a character, or U+FFFC with its moji", got="U+10FFxx"),)
    block = next((one for one in read.headers if one.tag == MOJIZUKEI), None) if read.headers else None
    if block is None:
        return (
            contract.validate(read.body, values)
            if sender.repertoire is None
            else both(contract, sender.repertoire, read.body, values)
        )
    names = names_in(block, read.body)
    found = contract.validate(neutral(read.body))
    if found or sender.repertoire is None:
        return found
    opened = _copy(read.body)
    put_in(opened, names)
    return outside(sender.repertoire, opened)


def must_read(receiver: Endpoint | None, raw: bytes) -> None:
    """Errors: CB6019 when a message names glyphs and its receiver does not read that: it is held, not made to fit."""
    if receiver is not None and not receiver.glyphs and carries(raw):
        finding = Finding(CANNOT, path=f"endpoints.toml {receiver.key} mojizukei", expected="true", got="false")
        raise DeliveryError(CANNOT, [finding])


def _copy(payload: etree._Element) -> etree._Element:
    copied: etree._Element = etree.fromstring(etree.tostring(payload))
    return copied
