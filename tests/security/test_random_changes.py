"""Signed and encrypted messages changed at random: a coded refusal or exactly what was signed, never anything else."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from lxml import etree

from bus.core.errors import ChiikibusError
from bus.core.types import Inbound
from tests.security.ground import accept, gate, ring, settings, signed
from tests.security.test_forms import sealed

CHANGES = 20_000
PIECES = (
    b"<ds:Reference", b"Id=", b"<wsu:", b"</", b"<!--", b"<![CDATA[", b"&#0;", b"\x00", b"http://", b"#", b'xmlns=""',
    b"<xenc:", b"\xef\xbb\xbf",
)  # fmt: skip


def changed(raw: bytes, chance: random.Random) -> bytes:
    """One to four changes: a byte, a piece left out, a piece of the message or of a list put in, another case."""
    whole = bytearray(raw)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at, kind = chance.randrange(len(whole)), chance.random()
        if kind < 0.35:
            whole[at] = chance.randrange(256)
        elif kind < 0.5:
            del whole[at : at + chance.randrange(1, 60)]
        elif kind < 0.65:
            start = chance.randrange(len(whole))
            whole[at:at] = whole[start : start + chance.randrange(1, 400)]
        elif kind < 0.8:
            whole[at:at] = chance.choice(PIECES)
        else:
            whole[at : at + 1] = whole[at : at + 1].swapcase()
    return bytes(whole)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_is_changed_nothing_but_what_was_signed_is_dispatched(seed: int) -> None:
    """Some seven thousand changes for each seed; what was found this way is a test of its own."""
    chance = random.Random(seed)
    encrypted = etree.tostring(sealed())
    at = gate(settings(inbound=Inbound.ENCRYPTED, legacy_oaep=True))
    messages = [(signed(ring().tax_ec), gate()), (signed(ring().tax), gate()), (encrypted, at)]
    first = accept(messages[0][0])
    expected = (first.addressing, first.context, [each.text for each in first.body])
    outcomes: Counter[str] = Counter()
    for _ in range(CHANGES // 3):
        raw, judge = chance.choice(messages)
        try:
            read = accept(changed(raw, chance), judge)
        except ChiikibusError as error:
            outcomes[error.code] += 1
        else:
            assert (read.addressing, read.context, [each.text for each in read.body]) == expected
            outcomes["same"] += 1
    assert outcomes["CB2025"] > 2
    assert outcomes["CB2024"] > 2
    assert outcomes["same"] > 2
