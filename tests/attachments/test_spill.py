"""Bodies on their way to the disk: bounded memory, a disk that is slow or full, senders that go away."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bus.core.errors import ChiikibusError, JournalError, WireError
from bus.core.ids import SystemIds
from bus.core.settings import AttachmentSettings
from bus.journal.segments import SegmentReading, Segments
from bus.journal.spill import HIGH, Spill
from tests.attachments.messages import ENVELOPE, SWA, part, swa
from tests.support.polling import until_async

BODY = swa(ENVELOPE, part("a@x", bytes(range(256)) * 8192))
"""Two megabytes."""


@dataclass(slots=True)
class Sender:
    """What a spill says to the side that reads."""

    said: list[str] = field(default_factory=list)

    def spill(self, segments: Segments, *, expected: int = 0) -> Spill:
        """A spill for ``BODY``."""
        return Spill(
            segments,
            SWA,
            max_root=10_000,
            expected=expected,
            pause=lambda: self.said.append("pause"),
            resume=lambda: self.said.append("resume"),
            failed=lambda: self.said.append("failed"),
        )


@pytest.fixture
async def segments(tmp_path: Path) -> AsyncIterator[Segments]:
    """A folder of segments."""
    made = Segments(AttachmentSettings(folder=tmp_path / "attachments", min_free=0), SystemIds().exchange)
    yield made
    made.close()


def files(segments: Segments) -> list[Path]:
    """What is in it."""
    folder = segments.settings.folder
    return list(folder.iterdir()) if folder.is_dir() else []


async def refused(spill: Spill) -> ChiikibusError:
    """Why it could not be finished."""
    with pytest.raises(ChiikibusError) as error:
        await spill.finish()
    return error.value


async def test_a_body_becomes_a_segment_of_the_same_bytes(segments: Segments) -> None:
    """Envelope in memory, everything on disk, readable to the owner only."""
    spill = Sender().spill(segments)
    for start in range(0, len(BODY), 70_000):
        spill.feed(BODY[start : start + 70_000])
    package, root = await spill.finish()
    assert root == ENVELOPE
    assert segments.path(package.name).read_bytes() == BODY
    reading = SegmentReading(segments, package)
    read = b"".join(iter(reading.piece, b""))
    reading.close()
    assert read == BODY


async def test_a_slow_disk_makes_the_sender_wait(segments: Segments) -> None:
    """No more than a megabyte waits in memory before the sender is told to pause; it goes on when that is written."""
    gate = threading.Event()
    blocked = [segments.pool.submit(gate.wait) for _ in range(4)]
    sender = Sender()
    spill = sender.spill(segments)
    fed = 0
    while "pause" not in sender.said:
        spill.feed(BODY[fed : fed + 65_536])
        fed += 65_536
    assert fed <= HIGH + 65_536
    assert spill.paused
    gate.set()
    await until_async(lambda: sender.said[-1] == "resume")
    spill.feed(BODY[fed:])
    package, _ = await spill.finish()
    assert package.size == len(BODY)
    assert all(each.done() for each in blocked)


async def test_a_full_disk_stores_nothing_and_leaves_nothing(
    segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CB4001, told at once, and the file is gone."""

    def full(name: str, expected: int) -> int:
        segments.settings.folder.mkdir(parents=True)
        segments.path(name).touch()
        return os.open("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(segments, "create", full)
    sender = Sender()
    spill = sender.spill(segments)
    spill.feed(BODY)
    await until_async(lambda: "failed" in sender.said)
    error = await refused(spill)
    assert isinstance(error, JournalError)
    assert (error.code, error.findings[0].got) == ("CB4001", "ENOSPC")
    await until_async(lambda: files(segments) == [])


async def test_a_disk_that_fails_at_the_last_sync_stores_nothing(
    segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may not be durable is not accepted."""

    def failing(descriptor: int) -> None:
        raise OSError(5, "input/output error")

    spill = Sender().spill(segments)
    spill.feed(BODY)
    await until_async(lambda: files(segments) != [])
    monkeypatch.setattr("bus.journal.segments.os.fsync", failing)
    error = await refused(spill)
    assert (error.code, error.findings[0].got) == ("CB4001", "EIO")
    await until_async(lambda: files(segments) == [])


async def test_room_is_left_to_the_journal(tmp_path: Path) -> None:
    """A body that would leave less than ``min_free`` is refused before its first byte is written."""
    settings = AttachmentSettings(folder=tmp_path / "attachments", min_free=2**60)
    segments = Segments(settings, SystemIds().exchange)
    spill = Sender().spill(segments, expected=len(BODY))
    spill.feed(BODY)
    error = await refused(spill)
    assert (error.code, error.findings[0].got) == ("CB4001", "ENOSPC")
    assert files(segments) == []
    segments.close()


async def test_a_body_larger_than_allowed_is_refused_by_its_length(tmp_path: Path) -> None:
    """CB1057 without a file."""
    segments = Segments(AttachmentSettings(folder=tmp_path, max_size=1000), SystemIds().exchange)
    with pytest.raises(WireError) as error:
        Sender().spill(segments, expected=1001)
    assert error.value.code == "CB1057"
    segments.close()


async def test_a_sender_that_goes_away_leaves_nothing(segments: Segments) -> None:
    """The file goes when nobody writes to it any more."""
    spill = Sender().spill(segments)
    spill.feed(BODY[: len(BODY) // 2])
    await until_async(lambda: files(segments) != [])
    spill.abort()
    await until_async(lambda: files(segments) == [])


async def test_what_is_malformed_is_told_as_soon_as_it_is_read(segments: Segments) -> None:
    """The rest of a hundred megabytes need not come."""
    sender = Sender()
    spill = sender.spill(segments)
    spill.feed(swa(ENVELOPE, part("../a", b"x" * 99))[:-20])
    await until_async(lambda: "failed" in sender.said)
    assert (await refused(spill)).code == "CB1054"
    await until_async(lambda: files(segments) == [])


async def test_only_names_of_our_own_have_a_place(segments: Segments) -> None:
    """Whatever a row might say, nothing outside the folder is opened or removed."""
    for name in ("../journal.sqlite", "/etc/passwd", "", "x.mime", "0" * 32):
        with pytest.raises(WireError):
            segments.path(name)


async def test_a_sweep_takes_only_what_is_old_and_nobodys(segments: Segments) -> None:
    """A file that is being written has no row yet: it stays."""
    spill = Sender().spill(segments)
    spill.feed(BODY)
    await until_async(lambda: files(segments) != [])
    assert segments.sweep(frozenset(), idle_s=3600) == 0
    package, _ = await spill.finish()
    assert segments.sweep({package.name}) == 0
    await asyncio.get_running_loop().run_in_executor(None, segments.sweep, frozenset())
    assert files(segments) == []
