"""Transports of files: each file once, in order, whole, whatever breaks between any two steps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.host.store import Store, carried
from adapters.transports.directory import DirectoryPlace
from adapters.transports.file_drop import write_file
from adapters.transports.place import Promise, mark_text
from bus.core.errors import AdapterError
from tests.host.carrying import Ground, names, once


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """Two folders and a store."""
    for name in ("there", "here"):
        (tmp_path / name).mkdir()
    store = Store(tmp_path / "var" / "store.sqlite")
    store.open()
    yield Ground(tmp_path, store)
    store.close()


def offer(ground: Ground, name: str, data: bytes, mark: str = ".END") -> None:
    """Put a complete file into the vendor's directory."""
    write_file(ground.there, name, data, mark)


# fetching


async def test_only_complete_files_are_fetched_and_put_away(ground: Ground) -> None:
    """With end mark, in the declared pattern; afterwards the vendor's copy is in done/."""
    offer(ground, "A.DAT", b"one")
    (ground.there / "B.DAT").write_bytes(b"no mark yet")
    offer(ground, "C.TXT", b"another pattern")
    assert await once(ground.fetch())
    assert names(ground.here) == ["A.DAT", "A.DAT.END"]
    assert (ground.here / "A.DAT").read_bytes() == b"one"
    assert names(ground.there / "done") == ["A.DAT", "A.DAT.END"]
    assert not await once(ground.fetch())


async def test_a_download_that_broke_is_continued(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is here already is not asked for again."""
    offer(ground, "A.DAT", b"0123456789")
    asked: list[int] = []
    read = DirectoryPlace.read

    async def breaks(self: DirectoryPlace, name: str, offset: int = 0) -> AsyncIterator[bytes]:
        asked.append(offset)
        async for chunk in read(self, name, offset):
            if offset == 0:
                yield chunk[:4]
                raise AdapterError("CB6009")
            yield chunk

    monkeypatch.setattr(DirectoryPlace, "read", breaks)
    with pytest.raises(AdapterError):
        await once(ground.fetch())
    assert await once(ground.fetch())
    assert asked == [0, 4]
    assert (ground.here / "A.DAT").read_bytes() == b"0123456789"


@pytest.mark.parametrize("step", ["_appear", "_put_away"])
async def test_after_a_crash_the_next_step_follows(ground: Ground, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noted but not in place, or in place but not put away: once it is there, once it is away."""
    offer(ground, "A.DAT", b"one")

    def crash(*_: object) -> None:
        raise AdapterError("CB6009")

    broken = ground.fetch()
    with monkeypatch.context() as patch:
        patch.setattr(type(broken), step, crash)
        with pytest.raises(AdapterError):
            await once(broken)
    if step == "_put_away":
        (ground.here / "A.DAT").unlink()  # the flow has taken it
        (ground.here / "A.DAT.END").unlink()
    await once(ground.fetch())
    assert names(ground.here) == (["A.DAT", "A.DAT.END"] if step == "_appear" else [])
    assert names(ground.there / "done") == ["A.DAT", "A.DAT.END"]


async def test_a_file_that_is_kept_at_the_vendors_is_fetched_once_per_version(ground: Ground) -> None:
    """``after = "keep"``: seen again it is known; changed it is another file."""
    offer(ground, "A.DAT", b"one")
    for _ in range(2):
        await once(ground.fetch(after="keep"))
    (ground.here / "A.DAT").unlink()
    assert not await once(ground.fetch(after="keep"))
    offer(ground, "A.DAT", b"another")
    assert await once(ground.fetch(after="keep"))
    assert (ground.here / "A.DAT").read_bytes() == b"another"


async def test_the_next_file_of_a_name_waits_until_the_flow_took_the_last(ground: Ground) -> None:
    """Nothing is written over."""
    offer(ground, "A.DAT", b"one")
    await once(ground.fetch())
    offer(ground, "A.DAT", b"two")
    assert not await once(ground.fetch())
    assert (ground.here / "A.DAT").read_bytes() == b"one"
    (ground.here / "A.DAT").unlink()
    assert await once(ground.fetch())
    assert (ground.here / "A.DAT").read_bytes() == b"two"


@pytest.mark.parametrize("marker", ["sha256", "manifest"])
async def test_a_file_that_is_not_what_its_mark_says_stays_where_it_is(ground: Ground, marker: str) -> None:
    """CB6062, remembered until the vendor repairs it; the repaired one comes by itself."""
    promise = Promise("A.DAT", 3, "0" * 64)
    suffix = {"sha256": ".sha256", "manifest": ".manifest.json"}[marker]
    (ground.there / "A.DAT").write_bytes(b"one")
    (ground.there / f"A.DAT{suffix}").write_bytes(mark_text(marker, promise))
    await once(ground.fetch(marker=marker))
    assert names(ground.here) == []
    assert [one.name for one in carried.in_state(ground.store.reader, "objects-fetch", carried.FAILED)] == ["A.DAT"]
    right = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"  # of "one"
    (ground.there / "A.DAT").write_bytes(b"one")
    (ground.there / f"A.DAT{suffix}").write_bytes(mark_text(marker, Promise("A.DAT", 3, right)))
    assert await once(ground.fetch(marker=marker))
    assert names(ground.here) == ["A.DAT", "A.DAT.END"]


async def test_a_manifest_waits_for_all_its_files(ground: Ground) -> None:
    """Half of a delivery is none; whole, every file comes and the manifest goes last."""
    digest = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    entries = ",".join(f'{{"name":"{name}","bytes":3,"sha256":"{digest}"}}' for name in ("A.DAT", "B.DAT"))
    (ground.there / "X.manifest.json").write_text(f'{{"files":[{entries}]}}')
    (ground.there / "A.DAT").write_bytes(b"one")
    assert not await once(ground.fetch(marker="manifest"))
    assert names(ground.here) == []
    (ground.there / "B.DAT").write_bytes(b"one")
    assert await once(ground.fetch(marker="manifest"))
    assert names(ground.here) == ["A.DAT", "A.DAT.END", "B.DAT", "B.DAT.END"]
    assert names(ground.there / "done") == ["A.DAT", "B.DAT", "X.manifest.json"]


async def test_a_file_without_mark_must_have_come_to_rest(ground: Ground) -> None:
    """It is fetched when size and time have not changed for ``settle_s``."""
    (ground.there / "A.DAT").write_bytes(b"o")
    carrier = ground.fetch(marker="none", settle_s=10)
    assert not await once(carrier)
    (ground.there / "A.DAT").write_bytes(b"one")
    ground.clock.seconds += 9
    assert not await once(carrier)
    ground.clock.seconds += 9
    assert not await once(carrier)
    ground.clock.seconds += 1
    assert await once(carrier)
    assert (ground.here / "A.DAT").read_bytes() == b"one"


async def test_a_file_above_the_limit_is_left_where_it_is(ground: Ground) -> None:
    """CB6081 before a byte is read."""
    offer(ground, "A.DAT", b"0123456789")
    await once(ground.fetch(max_bytes=9))
    assert names(ground.here) == []
    assert (ground.there / "A.DAT").exists()
    assert len(carried.in_state(ground.store.reader, "objects-fetch", carried.FAILED)) == 1


# sending


async def test_a_file_is_sent_with_its_mark_and_moved_to_done(ground: Ground) -> None:
    """The data before the mark, in the order of the names."""
    write_file(ground.here, "B.DAT", b"two")
    write_file(ground.here, "A.DAT", b"one")
    assert await once(ground.send(marker="sha256"))
    assert names(ground.there) == ["A.DAT", "A.DAT.sha256", "B.DAT", "B.DAT.sha256"]
    assert (ground.there / "A.DAT.sha256").read_bytes().endswith(b"  A.DAT\n")
    assert names(ground.here) == ["done"]
    assert names(ground.here / "done") == ["A.DAT", "B.DAT"]


@pytest.mark.parametrize("step", ["publish", "write", "finish"])
async def test_an_interrupted_sending_shows_the_vendor_each_file_once(
    ground: Ground, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken before it appeared, before its mark, or before the end here."""
    write_file(ground.here, "A.DAT", b"one")

    def crash(*_: object, **__: object) -> None:
        raise AdapterError("CB6009")

    carrier = ground.send()
    with monkeypatch.context() as patch:
        target = type(carrier.drop) if step == "finish" else DirectoryPlace
        patch.setattr(target, step, crash)
        with pytest.raises(AdapterError):
            await once(carrier)
    if step == "finish":
        (ground.there / "A.DAT").unlink()  # the vendor has taken it
        (ground.there / "A.DAT.END").unlink()
    assert await once(ground.send())
    assert names(ground.there) == ([] if step == "finish" else ["A.DAT", "A.DAT.END"])
    assert names(ground.here / "done") == ["A.DAT"]


async def test_a_file_that_appeared_and_was_taken_before_it_was_noted_is_not_sent_again(ground: Ground) -> None:
    """An upload that is complete and is gone was taken, where there is no mark to wait for."""
    path = write_file(ground.here, "A.DAT", b"one")
    carrier = ground.send(marker="none")
    sha256 = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    await ground.store.write(carried.put, "objects-send", path.name, sha256, carried.STAGED, now=0)
    assert await once(carrier)
    assert names(ground.there) == []
    assert names(ground.here / "done") == ["A.DAT"]


async def test_another_file_of_the_name_is_never_replaced(ground: Ground) -> None:
    """CB6063: the new one waits in error/ for a person; put back, it goes once the name is free."""
    (ground.there / "A.DAT").write_bytes(b"not taken")
    write_file(ground.here, "A.DAT", b"one")
    await once(ground.send())
    assert (ground.there / "A.DAT").read_bytes() == b"not taken"
    assert names(ground.here / "error") == ["A.DAT"]
    (ground.there / "A.DAT").unlink()
    write_file(ground.here, "A.DAT", b"one")
    await once(ground.send())
    assert (ground.there / "A.DAT").read_bytes() == b"one"


async def test_the_same_file_that_is_there_already_counts_as_sent(ground: Ground) -> None:
    """Sent before the store was lost: compared by content, declared, done."""
    (ground.there / "A.DAT").write_bytes(b"one")
    write_file(ground.here, "A.DAT", b"one")
    await once(ground.send())
    assert names(ground.there) == ["A.DAT", "A.DAT.END"]
    assert names(ground.here / "done") == ["A.DAT"]
