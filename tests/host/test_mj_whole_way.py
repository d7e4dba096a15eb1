"""All 63,989 MJ sequences on the whole way: vendor file, adapter, SOAP, bus, adapter, file; byte for byte."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from adapters.characters.mj import mj, unstable, was_normalised
from adapters.characters.register import COLUMNS
from adapters.host import process
from adapters.transports.file_drop import write_file
from bus.app import build
from bus.core.config import load_site
from bus.core.nameless import nameless
from schemas.catalog import load_edition
from schemas.model import RecordType, Unit
from tests.support.network import free_port
from tests.support.polling import until_async
from tests.support.sites import MUNICIPALITY, SITE, write_secret
from tests.support.valid_records import valid

UNIT, RECORD, ITEM, OPERATION = "hojinjuminzei", "hojinshinkoku", "biko", "hojinjuminzei.shinkoku_tsuchi"
SHARE = 280
KEPT_BACK = ("shihonkintogaku", "shikenkenkyu_kojogaku", "kanpuhojinzeigaku_kojogaku", "taishokunenkin_hojinzeigaku",
             "sosashaid", "sosanengappi", "sosajikoku")  # fmt: skip
"""Optional items that the standard does not disclose to the receiver: left empty, so that every byte arrives."""
ENDPOINTS = """\
endpoint = [
  { id = "out", municipality = "990019", unit = "hojinjuminzei", adapter = "mj-out", purpose = "kazei" },
  { id = "in", municipality = "990019", unit = "shutaino", adapter = "mj-in", purpose = "shuno" },
]
"""
ROUTES = 'route = [{ municipality = "990019", operation = "OP", to = ["in"], mode = "queued" }]\n'
RIGHTS = """\
right = [
  { municipality = "990019", endpoint = "out", operation = "OP", purposes = ["kazei"] },
  { municipality = "990019", endpoint = "in", operation = "OP", purposes = ["shuno"] },
]
"""
ADAPTERS = """
[[adapter]]
id = "mj-out"
vendor = "t"
unit = "hojinjuminzei"
municipality = "990019"
endpoint = "out"
listen = "127.0.0.1:{out}"
[adapter.settings]
definition = "vendor"
bus = "http://127.0.0.1:{bus}"
folder = "var/sent"
[[adapter]]
id = "mj-in"
vendor = "t"
unit = "shutaino"
municipality = "990019"
endpoint = "in"
listen = "127.0.0.1:{in_}"
[adapter.settings]
definition = "vendor-in"
bus = "http://127.0.0.1:{bus}"
folder = "var/received"
"""
DEFINITION = """\
[adapter]
vendor = "t"
unit = "{unit}"
edition = "1.0"
[[flow]]
id = "all"
folder = "folder"
layout = "layout/all.toml"
mapping = "mapping/all.toml"
"""
SENDING = f'kind = "file-to-bus"\noperation = "{OPERATION}"\npurpose = "kazei"\npattern = "ALL_*.CSV"\n'
TAKING = f'kind = "bus-to-file"\noperations = ["{OPERATION}"]\nfile_name = "ALL_{{batch:05d}}.CSV"\nbatch_s = 0.2\n'


def write_definition(folder: Path, unit: str, flow: str, record: RecordType) -> None:
    """A vendor that writes every standard item as it is, in UTF-8 with a header line."""
    layout = '[layout]\nid = "t.all"\nkind = "delimited"\nencoding = "utf-8"\nline_end = "lf"\nheader_line = true\n'
    mapping = f'[mapping]\nid = "t.all"\nlayout = "layout/all.toml"\nrecord = "{UNIT}.{record.name}"\n'
    for item in record.items:
        layout += f'[[field]]\nname = "{item.name}"\ntype = "{"N" if item.type == "N" else "X"}"\n'
        mapping += f'[[item]]\nvendor = ["{item.name}"]\nstandard = ["{item.name}"]\nconversion = "copy"\n'
    for name, text in (("layout", layout), ("mapping", mapping)):
        path = folder / name / "all.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "adapter.toml").write_text(DEFINITION.format(unit=unit) + flow, encoding="utf-8")


def lines(unit: Unit, record: RecordType, texts: list[str]) -> list[str]:
    """One synthetic record for each text, each about a subject of its own."""
    made = []
    for number, text in enumerate(texts, 1):
        values = valid(unit, record, Random(number))  # test data
        values |= {ITEM: text, "atenabango": f"{number:015d}", "shinkokubango": f"{number:020d}"}
        made.append(",".join("" if i.name in KEPT_BACK else values.get(i.name, "") for i in record.items))
    return made


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[None]:
    """The bus and both adapters, in this process, on free ports."""
    edition = load_edition()
    app = build(load_site(folder, edition, need_secrets=True), edition)
    await app.start()
    stop = asyncio.Event()
    tasks = [asyncio.create_task(process.load(folder, name).run(stop)) for name in ("mj-out", "mj-in")]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)
        await app.stop()


def prepare(folder: Path, record: RecordType) -> None:
    """The site and both definitions."""
    ports = {"bus": free_port(), "out": free_port(), "in_": free_port()}
    folder.mkdir()
    for name, text in (
        ("site.toml", SITE.replace("{port}", str(ports["bus"]))),
        ("endpoints.toml", ENDPOINTS),
        ("routes.toml", ROUTES.replace("OP", OPERATION)),
        ("rights.toml", RIGHTS.replace("OP", OPERATION)),
        ("adapters.toml", ADAPTERS.format(**ports)),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    for endpoint in ("out", "in"):
        write_secret(folder, endpoint, MUNICIPALITY)
    write_definition(folder / "vendor", UNIT, SENDING, record)
    write_definition(folder / "vendor-in", "shutaino", TAKING, record)


def arrived(folder: Path) -> list[bytes]:
    """The records of all files that the receiver was given, without their headers."""
    rows: list[bytes] = []
    for path in sorted((folder / "var" / "received").glob("ALL_*.CSV")):
        rows += path.read_bytes().split(b"\n")[1:-1]
    return rows


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_every_mj_sequence_arrives_as_the_bytes_that_were_sent(tmp_path: Path) -> None:
    """Nothing is normalised, cut or replaced on the way; the 89 characters that NFC would change are among them."""
    unit = load_edition().units[UNIT]
    record = unit.records[RECORD]
    folder = tmp_path / "site"
    prepare(folder, record)
    sequences = mj().sequences()
    assert len(sequences) == 63_989
    texts = ["".join(sequences[at : at + SHARE]) for at in range(0, len(sequences), SHARE)]
    sent = lines(unit, record, texts)
    header = ",".join(item.name for item in record.items)
    data = "\n".join([header, *sent, ""]).encode("utf-8")
    assert unstable() <= set("".join(texts))

    async with running(folder):
        write_file(folder / "var" / "sent", "ALL_0001.CSV", data)
        await until_async(lambda: len(arrived(folder)) >= len(sent), within_s=120, what="all records")
    assert sorted(arrived(folder)) == sorted(line.encode("utf-8") for line in sent)
    got = b"".join(arrived(folder)).decode("utf-8")
    assert was_normalised("".join(sorted(unstable())), got) == ()
    assert len(was_normalised("".join(sorted(unstable())), unicodedata.normalize("NFC", got))) > 80


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_the_nineteen_glyphs_without_unicode_arrive_as_the_bytes_that_were_sent(tmp_path: Path) -> None:
    """The sender's own code becomes the MJ name on the wire, and that the receiver's code: the same bytes here."""
    unit = load_edition().units[UNIT]
    record = unit.records[RECORD]
    folder = tmp_path / "site"
    prepare(folder, record)
    names = sorted(nameless())
    assert len(names) == 19
    codes = {name: chr(0xE000 + at) for at, name in enumerate(names)}
    rows = [f"U+{ord(codes[name]):04X},,{name},字形一致,照合票,文字同定担当,2026-01-01," for name in names]
    register = "\n".join([",".join(COLUMNS), *rows, ""])
    (folder / "gaiji.csv").write_text(register, encoding="utf-8")
    adapters = (folder / "adapters.toml").read_text(encoding="utf-8")
    adapters = adapters.replace('definition = "', 'gaiji = "gaiji.csv"\ndefinition = "')
    (folder / "adapters.toml").write_text(adapters, encoding="utf-8")
    for layout in folder.glob("vendor*/layout/all.toml"):
        text = layout.read_text(encoding="utf-8")
        layout.write_text(text.replace('encoding = "utf-8"\n', 'encoding = "utf-8"\ngaiji = true\n'), encoding="utf-8")
    texts = [f"外{codes[name]}字\u3042" for name in names] + ["".join(codes.values()), "字のみ"]
    sent = lines(unit, record, texts)
    data = "\n".join([",".join(item.name for item in record.items), *sent, ""]).encode("utf-8")

    async with running(folder):
        write_file(folder / "var" / "sent", "ALL_0001.CSV", data)
        await until_async(lambda: len(arrived(folder)) >= len(sent), within_s=60, what="all records")
    assert sorted(arrived(folder)) == sorted(line.encode("utf-8") for line in sent)
