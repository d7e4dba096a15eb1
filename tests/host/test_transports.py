"""[[transport]] in a running adapter: files come over SFTP and become notices; large files go record by record."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tracemalloc
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adapters.codecs import load_layout, make_codec
from adapters.host.definition import VENDORS, load_definition
from adapters.host.flows.reading import RecordReader, take
from adapters.host.store import files
from adapters.host.translate import Translator
from adapters.population import Town
from adapters.sdk.problems import Problems
from adapters.sdk.types import Converted, VendorRecord
from adapters.transports.file_drop import FileDrop, write_file
from bus.core.errors import AdapterError
from schemas.model import Edition
from tests.host.place import Place, ido_file
from tests.support.polling import until_async
from tests.transports.ssh_server import make_keys, serving

pytestmark = pytest.mark.slow

NOTICE = "juki.ido_tsuchi"
TRANSPORT = """
[[transport]]
id = "sftp"
kind = "sftp-fetch"
address = "sftp"
host_key = "sftp_host_key"
key_file = "sftp_key"
remote = "out"
pattern = "IDO_*.DAT"
folder = "out"
marker = "sha256"
poll_s = 0.05
"""


def with_transports(place: Place, text: str) -> Path:
    """A社 juki with transports beside its flows."""
    folder = place.folder / "vendor"
    shutil.copytree(VENDORS / "a" / "juki", folder)
    path = folder / "adapter.toml"
    path.write_text(path.read_text("utf-8") + text, "utf-8")
    place.settings["a-juki"]["definition"] = "vendor"
    return folder


async def test_files_of_an_sftp_server_become_notices(place: Place, tmp_path: Path) -> None:
    """Fetched, read, put away on both sides; a server that was away is used as soon as it is there."""
    with_transports(place, TRANSPORT)
    ssh = make_keys(tmp_path / "ssh")
    (ssh.root / "out").mkdir()
    town = list(islice(Town.generate(8, 3).current(), 5))
    data = ido_file(town)
    async with serving(ssh):
        pass  # its port is known now
    place.settings["a-juki"] |= {
        "sftp": ssh.url(), "sftp_host_key": str(ssh.host_key), "sftp_key": str(ssh.key),
    }  # fmt: skip
    async with place.running("a-juki"):
        async with serving(ssh):
            write_file(ssh.root / "out", "IDO_0001.DAT", data, "")
            (ssh.root / "out" / "IDO_0001.DAT.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  IDO_0001.DAT\n")
            await until_async(lambda: len(place.bus.of(NOTICE)) == 5, within_s=30)
            await until_async((ssh.root / "out" / "done" / "IDO_0001.DAT.sha256").exists)
        await place.idle("a-juki")
    assert (place.path("a-juki", "out") / "done" / "IDO_0001.DAT").read_bytes() == data
    assert {one.records[0]["atenabango"] for one in place.bus.of(NOTICE)} == {one["atenabango"] for one in town}


async def test_a_file_whose_reading_broke_is_continued_behind_its_last_chunk(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is converted twice, nothing is left out."""
    monkeypatch.setattr("adapters.host.flows.file_to_bus.CHUNK", 2)
    town = list(islice(Town.generate(12, 3).current(), 9))
    finish, convert = files.finish, Translator.to_standard
    converted: list[str] = []

    def crash(*_: Any, **__: Any) -> None:
        raise AdapterError("CB6012")

    def counted(self: Translator, record: VendorRecord) -> Converted:
        converted.append(record.values["宛名コード"])
        return convert(self, record)

    monkeypatch.setattr(Translator, "to_standard", counted)
    with monkeypatch.context() as patch:
        patch.setattr(files, "finish", crash)
        async with place.running("a-juki"):
            place.drop("IDO_0001.DAT", ido_file(town))
            await until_async(lambda: len(place.bus.of(NOTICE)) == 9, within_s=20)
    assert finish is files.finish
    async with place.running("a-juki"):
        await until_async(lambda: place.status("a-juki")["files"] == {"done": 1}, within_s=20)
    assert len(set(converted)) == 9
    assert len(converted) == 9
    assert place.bus.repeats == 0


async def test_a_key_that_is_gone_stops_its_transport_and_nothing_else(place: Place, tmp_path: Path) -> None:
    """The adapter goes on with its other flows; once the key is there the transport works."""
    with_transports(place, TRANSPORT)
    ssh = make_keys(tmp_path / "ssh")
    (ssh.root / "out").mkdir()
    town = list(islice(Town.generate(8, 3).current(), 2))
    async with serving(ssh):
        place.settings["a-juki"] |= {
            "sftp": ssh.url(),
            "sftp_host_key": str(ssh.host_key),
            "sftp_key": str(tmp_path / "later"),
        }
        async with place.running("a-juki"):
            place.drop("IDO_0002.DAT", ido_file(town[:1]))
            await until_async(lambda: len(place.bus.of(NOTICE)) == 1, within_s=20)
            data = ido_file(town[1:])
            write_file(ssh.root / "out", "IDO_0001.DAT", data, "")
            (ssh.root / "out" / "IDO_0001.DAT.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  IDO_0001.DAT\n")
            shutil.copy(ssh.key, tmp_path / "later")
            await until_async(lambda: len(place.bus.of(NOTICE)) == 2, within_s=20)
        assert place.status("a-juki")["transports"] == {}


class Same:
    """A mapping that converts nothing."""

    def to_standard(self, record: VendorRecord) -> Converted:
        """The vendor's items."""
        return Converted(record.values)


async def test_a_file_larger_than_the_memory_it_may_take_is_read_record_by_record(tmp_path: Path) -> None:
    """40 MB take less than 8 MB."""
    layout = load_layout(VENDORS / "a" / "juki" / "layout" / "jumin.toml")
    assert layout is not None
    line = ido_file(list(islice(Town.generate(3, 3).current(), 1))).split(b"\r\n")
    with (tmp_path / "IDO_1.DAT").open("wb") as stream:
        stream.write(line[0] + b"\r\n")
        for _ in range(40):
            stream.write((line[1] + b"\r\n") * 200)
        stream.write(b"9" + b"%08d" % 8000 + b" " * (len(line[1]) - 9) + b"\r\n")
    translator = Translator(make_codec(layout), cast(Any, Same()))
    drop = FileDrop(tmp_path, ("*.DAT",))
    file = take(drop, tmp_path / "IDO_1.DAT", "x")
    assert file.size > 40_000_000
    tracemalloc.start()
    try:
        reader = RecordReader(translator, file)
        for _ in reader:
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (reader.count, reader.problem_code) == (8000, "")
    assert peak < 8_000_000


async def test_a_file_that_changes_while_it_is_read_is_put_off(tmp_path: Path) -> None:
    """CB6062: what was read may be neither version."""
    path = tmp_path / "A.DAT"
    path.write_bytes(b"one")
    drop = FileDrop(tmp_path, ("*.DAT",))
    with pytest.raises(AdapterError) as caught, drop.opened(path) as stream:
        stream.read()
        path.write_bytes(b"another")
    assert caught.value.code == "CB6062"


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('kind = "sftp-fetch"', 'kind = "sftp-fetsh"', "transport[0].kind"),
        ('pattern = "IDO_*.DAT"', "", "transport[0].pattern"),
        ('marker = "sha256"', 'marker = "md5"', "transport[0].marker"),
        ("poll_s = 0.05", 'poll_s = "5"', "transport[0].poll_s"),
        ("poll_s = 0.05", "pol_s = 5", "transport[0].pol_s"),
    ],
)
def test_a_wrong_declaration_of_a_transport_is_said_with_its_place(
    place: Place, edition: Edition, old: str, new: str, path: str
) -> None:
    """Unknown kinds, keys and values; missing keys; wrong types."""
    folder = with_transports(place, TRANSPORT.replace(old, new))
    problems = Problems()
    assert load_definition(folder, edition, problems) is None
    assert [one.path for one in problems.found] == [path]


async def test_a_transport_whose_settings_are_missing_does_not_start(place: Place) -> None:
    """Every key that the declaration names must be among the site's settings."""
    with_transports(place, TRANSPORT)
    with pytest.raises(Exception, match="CB6008") as caught:
        async with place.running("a-juki"):
            await asyncio.Event().wait()
    named = {one.path for one in cast(SimpleNamespace, caught.value).findings}
    assert {"transport[0].address -> adapter.settings", "transport[0].key_file -> adapter.settings"} <= named
