"""Step 4: message security as the endpoint's policy asks for it. The policy is always stated, never absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bus.core.errors import WireError
from bus.core.types import Exchange, Finding
from bus.pipeline.house import House
from bus.wire.envelope import MUST_UNDERSTAND, WSSE
from bus.wire.safe_xml import line_of


@dataclass(frozen=True, slots=True)
class Policy:
    """What is asked of a message beyond the credential of its connection.

    ``understands_security`` says whether a wsse:Security block that must be understood is acted upon.
    """

    name: str
    understands_security: bool


PLAIN: Final = Policy("plain", understands_security=False)
"""The credential identifies the caller; a signature is neither asked for nor verified, and never silently ignored."""


def secure(house: House, exchange: Exchange, policy: Policy = PLAIN) -> None:
    """Errors: CB1009 for a wsse:Security block that must be understood where the policy cannot act upon it."""
    del house
    block = exchange.envelope.security
    if block is not None and block.get(MUST_UNDERSTAND) == "1" and not policy.understands_security:
        finding = Finding("CB1009", path="wsse:Security", line=line_of(block), expected=policy.name, got=WSSE)
        raise WireError("CB1009", [finding])
