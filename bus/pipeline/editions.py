"""Between endpoints that are pinned to different editions a message is written anew in the receiver's edition."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lxml import etree

from bus.core.errors import WireError
from bus.core.ports import Consignment
from bus.core.types import Endpoint, Finding
from bus.pipeline.tables import ANSWER_SUFFIX, Standard, Tables
from bus.wire.recast import recast


@dataclass(frozen=True, slots=True)
class Change:
    """An operation on its way from an endpoint of one edition to one of another."""

    key: str
    old: Standard
    new: Standard

    def apply(self, payload: etree._Element) -> etree._Element:
        """The payload, in its message, as it is in the new edition. Errors: CB1013 where that has no such operation."""
        before, after = self.old.operations[self.key], self.new.operations.get(self.key)
        if after is None:
            expected = f"{self.key} in edition {self.new.edition.version}"
            raise WireError("CB1013", [Finding("CB1013", path="Body", expected=expected)])
        units = self.old.edition.units[before.unit], self.new.edition.units[after.unit]
        return recast(payload, (units[0], before), (units[1], after))

    def check(self, payload: etree._Element) -> None:
        """What the new edition does not allow is not sent. Errors: CB1016, E0001 to E0004, saying which edition."""
        found = self.new.contracts[self.key.partition(".")[0]].validate(payload)
        if found:
            place = f"edition {self.new.edition.version}"
            raise WireError(
                found[0].code, [replace(one, place=" ".join(filter(None, (one.place, place)))) for one in found]
            )

    def action(self, name: str) -> str:
        """The new edition's name of an action of the old one."""
        before, after = self.old.operations[self.key], self.new.operations.get(self.key)
        if after is None:
            return name
        return {before.action: after.action, before.reply_action: after.reply_action}.get(name, name)


def change_between(tables: Tables, key: str, giver: Endpoint | None, receiver: Endpoint | None) -> Change | None:
    """``None`` where both speak the same edition, or one of them is the bus itself, which speaks every one."""
    if not tables.others or giver is None or receiver is None:
        return None
    old, new = tables.standard(giver), tables.standard(receiver)
    return None if old is new else Change(key, old, new)


def change_of(tables: Tables, consignment: Consignment) -> Change | None:
    """The change on the way of a consignment."""
    if not tables.others:
        return None
    giver, receiver = (
        tables.endpoints.get((consignment.municipality, name)) for name in (consignment.sender, consignment.target)
    )
    return change_between(tables, consignment.operation.removesuffix(ANSWER_SUFFIX), giver, receiver)


def action_of(tables: Tables, consignment: Consignment) -> str:
    """The action of a consignment as its target names it."""
    change = change_of(tables, consignment)
    return consignment.soap_action if change is None else change.action(consignment.soap_action)
