"""Losses that a mapping says to record land in the adapter's books, by flow, side and item."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from adapters.host.flows.reading import Good, RecordReader, take
from adapters.host.store import files, received
from adapters.host.store.received import Incoming
from adapters.host.store.schema import open_store
from adapters.host.store.status import count
from adapters.host.translate import Translator
from adapters.transports.file_drop import FileDrop
from tests.mapping.small import VENDOR_A, load


def test_a_file_counts_what_its_records_lost(tmp_path: Path) -> None:
    """Three records with an item that the standard does not have: three losses, and the records go on."""
    mapping, codec = load(tmp_path)
    data = b"".join(codec.encode({**VENDOR_A, "番号": str(number), "内部番号": "77"} for number in range(3)))
    drop = FileDrop(tmp_path, ("f.dat",), "")
    (tmp_path / "f.dat").write_bytes(data)
    reader = RecordReader(Translator(codec, mapping), take(drop, tmp_path / "f.dat"))
    assert all(isinstance(one, Good) for one in reader)
    assert reader.lost == {"loss.vendor.内部番号": 3}


def test_recorded_losses_are_counted_with_the_file_and_with_the_record(tmp_path: Path) -> None:
    """In the same transaction as what they belong to; a duplicate loses nothing again."""
    path = tmp_path / "a.sqlite"
    row = Incoming(1, "t.hito", "1", 1, 0, "x", b"{}", lost=("loss.standard.biko",))
    with closing(open_store(path)) as database:
        files.begin(database, "out", "f.dat", "sha", "source", 10, 0.0)
        lost = {"loss.vendor.内部番号": 3}
        files.finish(database, "out", "f.dat", "sha", state=files.DONE, records=3, now=1.0, lost=lost)
        assert received.take(database, "in", "t.op", "m", [row, row], 1.0) == 1
    counters = count(path)["counters"]
    assert (counters["out.loss.vendor.内部番号"], counters["in.loss.standard.biko"]) == (3, 1)
