"""Step 5: default deny. Who may use which operation, in which municipality, for which purpose."""

from __future__ import annotations

from bus.core.errors import RightsError, WireError
from bus.core.types import Context, Exchange, Finding
from bus.pipeline import late
from bus.pipeline.house import House


def authorise(house: House, exchange: Exchange) -> None:
    """Errors: CB2002 no right, CB2003 purpose, CB2051 nothing is disclosed for it, CB2004 another municipality,
    CB2007 a foreign identity, CB1012.
    """
    message = exchange.message
    assert message is not None
    if message.context.sender_municipality:
        _own_identity(message.context, exchange)
    if exchange.relates_to:
        late.authorise(house, exchange)
        return
    operation, sender = exchange.operation, exchange.sender
    assert operation is not None
    purpose = message.context.purpose or sender.purpose
    tables = house.tables
    right = tables.rights.get((sender.key, operation.key, purpose))
    if right is None:
        code = "CB2003" if (sender.key, operation.key) in tables.known_rights else "CB2002"
        if (sender.key, operation.key, purpose) in tables.views.void:
            code = "CB2051"
        got = f"{sender.key} {operation.key} {purpose or '-'}"
        raise RightsError(code, [Finding(code, path="rights.toml", expected="right", got=got)])
    exchange.purpose = purpose
    exchange.right = right


def _own_identity(context: Context, exchange: Exchange) -> None:
    """What the context says of the sender, the receiver and the edition agrees with the calling endpoint."""
    sender = exchange.sender
    own = (
        ("dantaikodo", context.sender_municipality, sender.municipality),
        ("gyomu", context.sender_unit, sender.unit),
        ("shisutemu", context.sender_system, sender.id),
    )
    for name, got, expected in own:
        if got and got != expected:
            finding = Finding("CB2007", path=f"Context/soshinmoto/{name}", expected=expected, got=got)
            raise RightsError("CB2007", [finding])
    if context.receiver_municipality and context.receiver_municipality != sender.municipality:
        finding = Finding("CB2004", path="Context/soshinsaki/dantaikodo", expected=sender.municipality)
        raise RightsError("CB2004", [finding])
    if context.receiver_unit and context.receiver_unit != exchange.unit and not exchange.relates_to:
        raise WireError("CB1012", [Finding("CB1012", path="Context/soshinsaki/gyomu", expected=exchange.unit)])
    if context.edition and context.edition != sender.edition:
        raise WireError("CB1012", [Finding("CB1012", path="Context/hansu", expected=sender.edition)])
