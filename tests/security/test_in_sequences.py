"""Signed messages in sequences: the protocol is signed too, and what goes on carries no signature that cannot hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bus.core.settings import SecuritySettings
from bus.core.types import Endpoint, EndpointSecurity, Inbound
from tests.pipeline.fakes import ENDPOINTS, site
from tests.pipeline.sequences import Answer, Source, reliable_town
from tests.security.ground import NOW, ring, signed
from tests.security.site import write_keys

POLICY = EndpointSecurity(inbound=Inbound.SIGNED, certificates=("file:tax-ec.crt",))


class SigningSource(Source):
    """A source that signs everything it sends; ``blank`` leaves one message unsigned."""

    blank = False

    async def post(self, raw: bytes, **more: str) -> Answer:
        """Any message, signed."""
        return await super().post(raw if self.blank else signed(ring().tax_ec, raw=raw), **more)


def secured(endpoint: Endpoint) -> Endpoint:
    """The register must sign."""
    return replace(endpoint, security=POLICY) if endpoint.id == "juki" else endpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site folder with the ring's keys."""
    return write_keys(tmp_path)


async def test_a_signed_sequence_is_taken_and_its_messages_go_on_without_a_broken_signature(folder: Path) -> None:
    """Creation, numbers and end are signed; the receiver gets the message without blocks and signature."""
    given = replace(site(endpoints=tuple(map(secured, ENDPOINTS))), folder=folder, security=SecuritySettings())
    async with reliable_town(folder, given) as town:
        town.clock.at = NOW + 1
        source = SigningSource(town)
        identifier = await source.create()
        told = await source.tell(identifier, 1)
        assert (told.status, told.spans) == (200, ((1, 1),))
        again = await source.tell(identifier, 1)
        assert again.spans == ((1, 1),)
        handed = [each.raw for each in town.outbox.handed]
        assert len(handed) == 2
        assert not any(b"Signature" in raw or b"Sequence" in raw for raw in handed)
        source.blank = True
        forged = await source.tell(identifier, 2)
        assert (forged.status, forged.code) == (500, "CB2020")
        source.blank = False
        told = await source.tell(identifier, 2)
        assert told.spans == ((1, 2),)


async def test_a_body_without_canonical_form_is_refused_in_a_sequence(tmp_path: Path) -> None:
    """A relative namespace URI has no canonical form, and without one there is no telling a repetition."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        identifier = await source.create()
        raw = source.notice(identifier, 1).replace(b"<j:ido_tsuchi ", b'<j:ido_tsuchi xmlns:r="relative" r:x="1" ')
        assert b"relative" in raw
        assert (await source.post(raw)).code == "CB1004"
