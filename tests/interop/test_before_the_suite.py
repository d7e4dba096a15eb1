"""Foreign stacks before the provider suite: each breaks what is published of it, and the bus mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.standard import load_standard
from tests.certify.foreign_page import outcomes, published
from tests.certify.remedies import remedy_for
from tests.interop.stacks import Workshop

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]

STACKS = ("php", "perl", "node", "spyne")
"""Those that need no compiler."""
READ_NO_UTF_16 = {"PROF-103"}


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_breaks_what_is_published_of_it_and_the_bus_mends_it(
    stack: str, workshop: Workshop, tmp_path: Path
) -> None:
    """Driven directly the verdict is the table's, and every failure has its remedy; nothing on values is broken."""
    (found,) = outcomes([stack], tmp_path / "driven", workshop, load_standard())
    broken = {one.requirement for one in found.broken}
    assert broken == published(stack)
    assert {remedy_for(one).key for one in broken}
    assert not [one for one in broken if one.startswith(("POP-", "DATA-"))]
    assert found.left == (READ_NO_UTF_16 if stack == "node" else frozenset())
