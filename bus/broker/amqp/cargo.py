"""What travels through RabbitMQ: references to deliveries in one MessagePack frame, without bodies and personal keys.

Ordering keys hold 宛名番号 and 世帯番号. They travel as keyed hashes, equal where the keys are equal and of no use
without the secret; bodies stay in the journal. Whoever may look into the broker's disk or its console learns nothing
of a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from bus.core.ports import Consignment
from bus.core.types import FIRST

FORM: Final = 1
"""Version of the frame; another one is unreadable to this program."""

CONTENT_TYPE: Final = "application/vnd.chiikibus.cargo+msgpack"


class Reference(msgspec.Struct, array_like=True, frozen=True):
    """One delivery, as ``bus.core.ports.Consignment`` without its body."""

    delivery_id: str
    exchange_id: str
    municipality: str
    sender: str
    target: str
    operation: str
    message_id: str
    keys: tuple[str, ...]
    accepted_at: float
    expires_at: float
    attempt: int
    content_type: str
    soap_action: str
    purpose: str
    not_before: float
    parked: bool

    def consignment(self) -> Consignment:
        """The delivery, its body to be read from the journal, its keys as hashes."""
        return Consignment(
            delivery_id=self.delivery_id,
            exchange_id=self.exchange_id,
            municipality=self.municipality,
            sender=self.sender,
            target=self.target,
            operation=self.operation,
            message_id=self.message_id,
            ordering_keys=self.keys,
            accepted_at=self.accepted_at,
            expires_at=self.expires_at,
            attempt=self.attempt,
            content_type=self.content_type,
            soap_action=self.soap_action,
            purpose=self.purpose,
            not_before=self.not_before,
            parked=self.parked,
        )


class Cargo(msgspec.Struct, array_like=True, frozen=True):
    """One AMQP message. ``publisher`` is the life of one publishing process, ``epoch`` counts its connections."""

    form: int
    publisher: str
    epoch: int
    references: tuple[Reference, ...]


class Unreadable(ValueError):
    """These bytes are no cargo of this form."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Cargo)


def keyed_lane_hash(secret: str) -> Callable[[str], str]:
    """The hash of ordering keys under the site's secret; the marker for those that go first stays as it is."""
    key = hashlib.blake2b(secret.encode(), person=b"chiikibus-lane").digest()

    def hashed(text: str) -> str:
        return text if text == FIRST else hashlib.blake2b(text.encode(), key=key, digest_size=12).hexdigest()

    return hashed


def packed(publisher: str, epoch: int, consignments: Sequence[Consignment], hashed: Callable[[str], str]) -> bytes:
    """The frame of these deliveries."""
    return _encoder.encode(
        Cargo(
            FORM,
            publisher,
            epoch,
            tuple(
                Reference(
                    each.delivery_id,
                    each.exchange_id,
                    each.municipality,
                    each.sender,
                    each.target,
                    each.operation,
                    each.message_id,
                    tuple(map(hashed, each.ordering_keys)),
                    each.accepted_at,
                    each.expires_at,
                    each.attempt,
                    each.content_type,
                    each.soap_action,
                    each.purpose,
                    each.not_before,
                    each.parked,
                )
                for each in consignments
            ),
        )
    )


def unpacked(body: bytes) -> Cargo:
    """What a frame holds. Errors: ``Unreadable``."""
    try:
        cargo = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise Unreadable(str(error)) from error
    if cargo.form != FORM:
        raise Unreadable(f"form {cargo.form}")
    return cargo
