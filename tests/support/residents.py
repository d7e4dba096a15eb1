"""One synthetic resident and the messages about it. Neither the name nor the address belongs to anybody."""

from __future__ import annotations

from collections.abc import Mapping

from bus.core.types import Addressing
from bus.wire import envelope
from bus.wire.records import payload
from schemas.model import Edition

ATENABANGO = "000000000000018"
RESIDENT: Mapping[str, str] = {
    "shikuchosonkodo": "990019",
    "atenabango": ATENABANGO,
    "rirekibango": "1",
    "saishinfuragu": "1",
    "setaibango": "000000000000026",
    "juminshubetsu": "1",
    "juminjotai": "1",
    "ido_nengappi": "2026-01-01",
    "ido_jiyu": "01",
    "ido_kubun": "1",
    "shimei": "架空　花子",
    "seibetsu": "2",
    "seinengappi": "1990-04-01",
    "jumintonattanengappi": "2026-01-01",
    "jusho_shikuchosonkodo": "990019",
    "jusho_choazakodo": "0001001",
    "jusho_todofuken": "架空県",
    "jusho_shikugunchosonmei": "地域市",
    "jusho_choaza": "架空町一丁目",
    "shiensochi_kubun": "0",
}


def message(edition: Edition, operation: str, values: Mapping[str, str], message_id: str = "") -> bytes:
    """A SOAP message: the request's own items, or one carried record where the operation carries records."""
    found = edition.operation(operation)
    assert found is not None
    unit = edition.units[found.unit]
    if found.request_record:
        body = payload(found.input, unit.records[found.request_record], values)
    else:
        body = payload(found.input, carried=(unit.records[found.record], [values]))
    addressing = Addressing(message_id=message_id, action=found.action) if message_id else None
    return envelope.build(body, addressing=addressing)


def resident(**changes: str) -> dict[str, str]:
    """The resident with other values."""
    return {**RESIDENT, **changes}
