"""Places where a vendor's files lie: each kind keeps the same promises; a hostile or broken server costs nothing."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from adapters.transports.directory import DirectoryPlace
from adapters.transports.place import CHUNK, Promise, RemotePlace, mark_text, read_mark, safe_name
from adapters.transports.sftp import SftpPlace, read_address, read_host_keys, read_private_key
from bus.core.errors import AdapterError, ConfigurationError
from tests.transports.ssh_server import SshFiles, make_keys, serving, sshd

pytestmark = pytest.mark.slow

KINDS = ["directory", "sftp", pytest.param("sshd", marks=[pytest.mark.system, pytest.mark.slow])]


def sftp(files: SshFiles, folder: str = "", **more: float) -> SftpPlace:
    """The client of a server of the tests."""
    return SftpPlace(read_address(files.url()), files.host_key, files.key, folder, **more)


@pytest.fixture(params=KINDS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[RemotePlace, Path]]:
    """A place of each kind with the folder that it shows."""
    if request.param == "directory":
        (tmp_path / "root").mkdir()
        yield DirectoryPlace(tmp_path / "root"), tmp_path / "root"
        return
    files = make_keys(tmp_path / "ssh")
    async with (serving if request.param == "sftp" else sshd)(files):
        base = "" if request.param == "sftp" else str(files.root)
        found = sftp(files, base)
        yield found, files.root
        await found.close()


async def whole(place: RemotePlace, name: str, offset: int = 0) -> bytes:
    """Everything that a place gives of a file."""
    return b"".join([chunk async for chunk in place.read(name, offset)])


async def test_a_listing_shows_plain_files_with_names_that_can_be_files_here(
    place: tuple[RemotePlace, Path],
) -> None:
    """Folders, links, hidden files and names with control characters are left out."""
    there, root = place
    (root / "IDO_1.DAT").write_bytes(b"12345")
    (root / "folder").mkdir()
    (root / "link").symlink_to("/etc/passwd")
    (root / ".hidden").touch()
    (root / "a\nb").touch()
    found = await there.listing()
    assert [(one.name, one.size) for one in found] == [("IDO_1.DAT", 5)]
    assert await there.look("IDO_1.DAT") == found[0]
    assert await there.look("none") is None


async def test_reading_goes_on_where_it_was_left(place: tuple[RemotePlace, Path]) -> None:
    """Any offset, across chunks."""
    there, root = place
    data = os.urandom(2 * CHUNK + 17)
    (root / "big").write_bytes(data)
    assert await whole(there, "big") == data
    assert await whole(there, "big", CHUNK + 5) == data[CHUNK + 5 :]


async def test_a_staged_file_is_seen_only_when_it_is_published(place: tuple[RemotePlace, Path], tmp_path: Path) -> None:
    """Under a hidden name first; then whole under its own."""
    there, root = place
    source = tmp_path / "source"
    source.write_bytes(b"content")
    await there.stage(source, "OUT.DAT")
    assert await there.listing() == []
    assert await there.staged("OUT.DAT")
    await there.publish(source, "OUT.DAT")
    assert not await there.staged("OUT.DAT")
    assert (root / "OUT.DAT").read_bytes() == b"content"


@pytest.mark.parametrize("left", [b"conte", b"other", b"content that is longer"])
async def test_an_interrupted_upload_is_continued_and_never_mixed(
    left: bytes, place: tuple[RemotePlace, Path], tmp_path: Path
) -> None:
    """What lies there is compared: the right start is kept, anything else is written over."""
    there, root = place
    source = tmp_path / "source"
    source.write_bytes(b"content")
    (root / ".OUT.DAT.part").write_bytes(left)
    await there.stage(source, "OUT.DAT")
    await there.publish(source, "OUT.DAT")
    assert (root / "OUT.DAT").read_bytes() == b"content"


async def test_publishing_replaces_no_file(place: tuple[RemotePlace, Path], tmp_path: Path) -> None:
    """CB6063: the vendor may not have taken the other one yet."""
    there, root = place
    (root / "OUT.DAT").write_bytes(b"not taken yet")
    source = tmp_path / "source"
    source.write_bytes(b"content")
    await there.stage(source, "OUT.DAT")
    with pytest.raises(AdapterError) as caught:
        await there.publish(source, "OUT.DAT")
    assert caught.value.code == "CB6063"
    assert (root / "OUT.DAT").read_bytes() == b"not taken yet"


async def test_files_put_away_never_replace_each_other(place: tuple[RemotePlace, Path]) -> None:
    """The second of a name gets a number; one that is gone is no error; an empty folder name deletes."""
    there, root = place
    for text in ("one", "two"):
        (root / "A").write_text(text)
        await there.put_away("A", "done")
    await there.put_away("A", "done")
    (root / "B").touch()
    await there.put_away("B", "")
    assert {path.name: path.read_text() for path in (root / "done").iterdir()} == {"A": "one", "A.2": "two"}
    assert [path.name for path in root.iterdir()] == ["done"]


async def test_a_mark_is_written_whole_over_an_older_one(place: tuple[RemotePlace, Path]) -> None:
    """A mark left over from before does not stop the new one."""
    there, root = place
    (root / "A.END").write_bytes(b"old")
    await there.write("A.END", b"new")
    assert (root / "A.END").read_bytes() == b"new"


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """CB6009, on both kinds."""
    files = make_keys(tmp_path / "ssh")
    async with serving(files):
        for there in (DirectoryPlace(tmp_path / "none"), sftp(files, "none")):
            with pytest.raises(AdapterError) as caught:
                await there.listing()
            assert caught.value.code == "CB6009"
            await there.close()


async def test_another_host_key_ends_the_connection_before_anything_is_said(tmp_path: Path) -> None:
    """CB6060: the pinned key decides, whatever the user's own known_hosts says."""
    files = make_keys(tmp_path / "ssh")
    async with serving(files):
        there = SftpPlace(read_address(files.url()), files.folder / "other_key.pub", files.key)
        with pytest.raises(AdapterError) as caught:
            await there.listing()
    assert caught.value.code == "CB6060"


async def test_a_key_that_the_server_does_not_know_is_refused(tmp_path: Path) -> None:
    """CB6061, and no password is tried."""
    files = make_keys(tmp_path / "ssh")
    async with serving(files):
        there = SftpPlace(read_address(files.url()), files.host_key, files.folder / "other_key")
        with pytest.raises(AdapterError) as caught:
            await there.listing()
    assert caught.value.code == "CB6061"


async def test_a_server_that_is_away_and_comes_back_is_used_again(tmp_path: Path) -> None:
    """CB6009 while it is away; the next call connects anew."""
    files = make_keys(tmp_path / "ssh")
    (files.root / "A").touch()
    async with serving(files):
        there = sftp(files)
        assert len(await there.listing()) == 1
    with pytest.raises(AdapterError) as caught:
        await there.listing()
    assert caught.value.code == "CB6009"
    async with serving(files):
        assert len(await there.listing()) == 1
        await there.close()


class Silent(asyncssh.SFTPServer):
    """A server that takes a question and never answers."""

    async def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """Never."""
        await asyncio.Event().wait()
        return asyncssh.SFTPAttrs()


async def test_a_server_that_does_not_answer_is_left_after_the_deadline(tmp_path: Path) -> None:
    """CB6011, not for ever."""
    files = make_keys(tmp_path / "ssh")
    async with serving(files, Silent):
        there = sftp(files, stall_s=0.2)
        await there.connect()
        with pytest.raises(AdapterError) as caught:
            await there.look("A")
        await there.close()
    assert caught.value.code == "CB6011"


@pytest.mark.parametrize(
    "text",
    [
        "sftp://host/x",
        "sftp://user:secret@host/x",
        "ftp://user@host/x",
        "sftp://user@host:99999/x",
        "sftp://user@/x",
        "host",
    ],
)
def test_an_address_without_user_or_with_a_password_is_refused(text: str) -> None:
    """CB7001, and the address is not repeated: it may hold the secret."""
    with pytest.raises(ConfigurationError) as caught:
        read_address(text)
    assert caught.value.code == "CB7001"
    assert "secret" not in str(caught.value)


def test_an_address_is_read() -> None:
    """User, host, port and folder."""
    found = read_address("sftp://a%40b@files.example:2222/out/juki")
    assert (found.user, found.host, found.port, found.folder) == ("a@b", "files.example", 2222, "/out/juki")
    assert read_address("sftp://u@h").folder == "."


def test_host_keys_are_read_as_ssh_keyscan_writes_them(tmp_path: Path) -> None:
    """With or without the host's name, comments left out; no key at all is an error."""
    files = make_keys(tmp_path / "ssh")
    line = files.host_key.read_text().strip()
    path = tmp_path / "known"
    path.write_text(f"# host:22 SSH-2.0\n[host]:22 {line}\n{line}\n")
    assert len(read_host_keys(path)) == 2
    path.write_text("# nothing\n")
    with pytest.raises(ConfigurationError):
        read_host_keys(path)


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """CB7001, as for every secret of a site."""
    files = make_keys(tmp_path / "ssh")
    read_private_key(files.key)
    files.key.chmod(0o640)
    with pytest.raises(ConfigurationError) as caught:
        read_private_key(files.key)
    assert caught.value.code == "CB7001"
    assert getpass.getuser() not in str(caught.value)


@pytest.mark.parametrize("name", ["", ".a", "a/b", "a\\b", "..", "a\x00", "a\n", "x" * 201, "\u202ea", "\udcffa"])
def test_a_name_that_is_a_path_or_hidden_or_unprintable_becomes_no_file(name: str) -> None:
    """What a server says is data, not a path."""
    assert not safe_name(name)


def test_names_in_japanese_are_names() -> None:
    """As vendors use them."""
    assert safe_name("異動_0001.DAT")
    assert safe_name("異動　0001.DAT")


@pytest.mark.parametrize("kind", ["sha256", "manifest"])
def test_what_a_mark_promises_is_read_back(kind: str) -> None:
    """Both directions use the same form."""
    promise = Promise("A.CSV", 5, "ab" * 32)
    (read,) = read_mark(kind, "A.CSV.mark", mark_text(kind, promise), "A.CSV")
    assert (read.name, read.sha256) == (promise.name, promise.sha256)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("sha256", b""),
        ("sha256", b"\xff\xff"),
        ("sha256", b"abc  A.CSV"),
        ("manifest", b"{"),
        ("manifest", b'{"files":[]}'),
        ("manifest", b'{"files":[{"name":"../../etc/passwd","sha256":"' + b"ab" * 32 + b'"}]}'),
        ("manifest", b'{"files":[{"name":"A","sha256":"zz"}]}'),
        ("manifest", b'{"files":{"name":"A"}}'),
    ],
)
def test_a_mark_that_promises_nothing_or_a_path_is_refused(kind: str, data: bytes) -> None:
    """CB6062."""
    with pytest.raises(AdapterError) as caught:
        read_mark(kind, "mark", data, "A.CSV")
    assert caught.value.code == "CB6062"
