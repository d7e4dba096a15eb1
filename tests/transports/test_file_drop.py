"""File drop: whole files only, in a stable order, each taken once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.transports.file_drop import FileDrop, watch, write_data, write_end_mark, write_file
from bus.core.errors import AdapterError
from tests.support.polling import until_async


def test_a_file_appears_whole_and_then_its_end_mark(tmp_path: Path) -> None:
    """Data under its final name, nothing temporary left; complete only with the mark."""
    drop = FileDrop(tmp_path / "in", ("*.DAT",))
    write_data(drop.folder, "A.DAT", b"data")
    assert drop.complete() == []
    write_end_mark(drop.folder, "A.DAT")
    assert [path.name for path in drop.complete()] == ["A.DAT"]
    assert sorted(path.name for path in drop.folder.iterdir()) == ["A.DAT", "A.DAT.END"]
    assert drop.read(drop.folder / "A.DAT") == b"data"


def test_without_an_end_mark_presence_is_completeness(tmp_path: Path) -> None:
    """For systems that rename into place."""
    drop = FileDrop(tmp_path, ("*.CSV",), "")
    write_file(tmp_path, "A.CSV", b"", "")
    assert [path.name for path in drop.complete()] == ["A.CSV"]


def test_names_decide_the_order_and_what_is_not_a_file_is_left(tmp_path: Path) -> None:
    """Links, folders, hidden files and other names are not taken."""
    for name in ("B.DAT", "A.DAT", "C.TXT"):
        write_file(tmp_path, name, b"x")
    (tmp_path / "D.DAT").symlink_to(tmp_path / "A.DAT")
    (tmp_path / "D.DAT.END").touch()
    (tmp_path / "E.DAT").mkdir()
    write_file(tmp_path, ".F.DAT", b"x")
    assert [path.name for path in FileDrop(tmp_path, ("*.DAT",)).complete()] == ["A.DAT", "B.DAT"]


def test_several_kinds_come_in_the_order_of_their_making(tmp_path: Path) -> None:
    """By time, then by name."""
    for name, stamp in (("ZEN_1", 5), ("SABUN_2", 7), ("SABUN_1", 3), ("ZEN_2", 7)):
        os.utime(write_file(tmp_path, name, b"x"), (stamp, stamp))
    drop = FileDrop(tmp_path, ("ZEN_*", "SABUN_*"), by_time=True)
    assert [path.name for path in drop.complete()] == ["SABUN_1", "ZEN_1", "SABUN_2", "ZEN_2"]


def test_an_end_mark_without_its_file_is_removed(tmp_path: Path) -> None:
    """It is left over from a take that was cut off; it must not make a later file look complete."""
    (tmp_path / "A.DAT.END").touch()
    (tmp_path / "B.TXT.END").touch()
    assert FileDrop(tmp_path, ("*.DAT",)).complete() == []
    assert [path.name for path in tmp_path.iterdir()] == ["B.TXT.END"]


def test_a_finished_file_moves_with_its_mark_gone(tmp_path: Path) -> None:
    """A name that is there already gets a number; nothing is overwritten."""
    drop = FileDrop(tmp_path, ("*.DAT",))
    for content in (b"1", b"2"):
        drop.finish(write_file(tmp_path, "A.DAT", content))
    assert (tmp_path / "done" / "A.DAT").read_bytes() == b"1"
    assert (tmp_path / "done" / "A.DAT.2").read_bytes() == b"2"
    assert [path.name for path in tmp_path.iterdir()] == ["done"]


def test_a_companion_file_stands_beside_the_broken_ones(tmp_path: Path) -> None:
    """The error list in error/."""
    FileDrop(tmp_path, ("*",)).write_beside("error", "A.ERR.csv", b"x")
    assert (tmp_path / "error" / "A.ERR.csv").read_bytes() == b"x"


def test_an_absurd_file_is_refused_unread(tmp_path: Path) -> None:
    """CB6014 names the limit."""
    drop = FileDrop(tmp_path, ("*",), max_bytes=10)
    with pytest.raises(AdapterError) as caught:
        drop.read(write_file(tmp_path, "A", b"x" * 11))
    assert caught.value.code == "CB6014"


def test_a_file_that_vanishes_while_the_folder_is_listed_is_no_trouble_with_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program renames its half-written file just then: the others are listed."""
    write_file(tmp_path, "a.dat", b"a")
    write_file(tmp_path, "b.dat", b"b")
    scandir = os.scandir

    @contextmanager
    def vanishing(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
            (tmp_path / "a.dat").unlink()
            (tmp_path / "a.dat.END").unlink()
            yield iter(found)

    monkeypatch.setattr("adapters.transports.file_drop.os.scandir", vanishing)
    assert [path.name for path in FileDrop(tmp_path, ("*.dat",)).complete()] == ["b.dat"]


def test_a_folder_that_cannot_be_used_is_cb6009(tmp_path: Path) -> None:
    """A file in its place: reading, writing and moving say so."""
    (tmp_path / "in").write_bytes(b"")
    drop = FileDrop(tmp_path / "in", ("*",))
    for call in (
        drop.complete,
        lambda: write_file(drop.folder, "A", b""),
        lambda: drop.read(drop.folder / "A"),
        lambda: drop.finish(drop.folder / "A"),
        lambda: write_end_mark(drop.folder, "A"),
    ):
        with pytest.raises(AdapterError) as caught:
            call()
        assert caught.value.code == "CB6009"


async def collect(drop: FileDrop, stop: asyncio.Event, into: list[str]) -> None:
    """Take and finish until told to stop."""
    async for owner, path in watch([drop], stop):
        into.append(path.name)
        owner.finish(path)


async def test_watching_takes_what_comes_and_ends_when_told(tmp_path: Path) -> None:
    """Files present at the start, files that come later, and a folder that comes back."""
    drop = FileDrop(tmp_path / "in", ("*.DAT",))
    write_file(drop.folder, "A.DAT", b"1")
    stop, taken = asyncio.Event(), list[str]()
    task = asyncio.create_task(collect(drop, stop, taken))
    await until_async(lambda: taken == ["A.DAT"])
    write_file(drop.folder, "B.DAT", b"2")
    await until_async(lambda: taken == ["A.DAT", "B.DAT"])
    drop.folder.rename(tmp_path / "away")
    drop.folder.write_bytes(b"")
    await asyncio.to_thread(lambda: None)
    drop.folder.unlink()
    (tmp_path / "away").rename(drop.folder)
    write_file(drop.folder, "C.DAT", b"3")
    await until_async(lambda: taken[-1] == "C.DAT")
    stop.set()
    await asyncio.wait_for(task, 5)


async def test_a_file_that_is_left_is_offered_again(tmp_path: Path) -> None:
    """The taker could not store it: nothing is skipped."""
    drop = FileDrop(tmp_path, ("*.DAT",))
    write_file(tmp_path, "A.DAT", b"1")
    stop = asyncio.Event()
    seen = 0
    async for _, path in watch([drop], stop):
        seen += 1
        if seen == 3:
            drop.finish(path)
            stop.set()
    assert seen == 3
