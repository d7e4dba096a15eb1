"""What travels through RabbitMQ: everything the delivery needs, and nothing about a person."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.broker.amqp.cargo import FORM, Cargo, Unreadable, keyed_lane_hash, packed, unpacked
from bus.core.types import FIRST
from tests.support.deliveries import acceptance, consignment

HASHED = keyed_lane_hash("the secret of a site")


def test_bodies_and_keys_stay_at_home() -> None:
    """Neither the body nor an 宛名番号 stands in the frame; equal keys are equal hashes, with another secret others."""
    sent = consignment(
        acceptance(raw="<氏名>架空 花子</氏名>".encode()), ordering_keys=("atena:100000000012345", "setai:77", FIRST)
    )
    body = packed("life", 3, [sent], HASHED)
    assert b"100000000012345" not in body
    assert b"setai" not in body
    assert "花子".encode() not in body
    assert HASHED("setai:77") == HASHED("setai:77") != keyed_lane_hash("another")("setai:77")
    arrived = unpacked(body).references[0].consignment()
    assert arrived == replace(sent, raw=b"", ordering_keys=(HASHED("atena:100000000012345"), HASHED("setai:77"), FIRST))


def test_a_frame_says_who_published_it_and_when() -> None:
    """The life of the process, its connection, and the deliveries in order."""
    sent = [consignment(acceptance(), attempt=number, not_before=1.5, parked=True) for number in range(3)]
    cargo = unpacked(packed("life", 3, sent, HASHED))
    assert (cargo.form, cargo.publisher, cargo.epoch) == (FORM, "life", 3)
    assert [each.delivery_id for each in cargo.references] == [each.delivery_id for each in sent]
    assert [each.attempt for each in cargo.references] == [0, 1, 2]
    assert all(each.parked and each.not_before == 1.5 for each in cargo.references)


def test_another_form_is_unreadable() -> None:
    """A newer program may have written it: it is not guessed at."""
    import msgspec  # noqa: PLC0415 - to write what the program never writes

    with pytest.raises(Unreadable):
        unpacked(msgspec.msgpack.encode(Cargo(FORM + 1, "life", 1, ())))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_unreadable(body: bytes) -> None:
    """Nothing else may come out of it, whatever somebody puts into a queue."""
    try:
        unpacked(body)
    except Unreadable:
        return
