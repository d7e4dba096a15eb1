"""The receiving system of a vendor behind its adapter: files in a folder, each line of them an effect."""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from harness.messages import RESIDENT, SEQUENCE_DIGITS

from matrix.load import Load
from matrix.receiver import Behaviour

ADAPTER = "a-tax"
END_MARK = ".END"
EVERY_S = 0.1
GAIJI = Path(__file__).resolve().parents[2] / "examples" / "tax-juki" / "site" / "gaiji" / "990019-a-tax.csv"
FOLDERS = ("in", "shokai", "kaito", "shotoku", "shotoku_kai")
ADAPTERS = """
[[adapter]]
id = "{name}"
vendor = "a"
unit = "kojinjuminzei"
municipality = "990019"
endpoint = "receiver"
listen = "127.0.0.1:{port}"
[adapter.settings]
{settings}
"""


def prepare(folder: Path, port: int) -> None:
    """Declare the adapter in a site folder."""
    settings = "\n".join(f'{name} = "sim/{name}"' for name in FOLDERS) + '\ngaiji = "gaiji/a-tax.csv"'
    (folder / "adapters.toml").write_text(ADAPTERS.format(name=ADAPTER, port=port, settings=settings), "utf-8")
    (folder / "gaiji").mkdir()
    shutil.copy(GAIJI, folder / "gaiji" / "a-tax.csv")


class VendorFolder:
    """Counts as ``matrix.receiver.Receiver`` does. The vendor takes what it is given: a line twice is two effects."""

    def __init__(self, folder: Path, load: Load) -> None:
        self._folder = folder
        self._load = load
        self._seen: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self.behave: Behaviour = lambda message_id: "ok"
        self.effects: list[str] = []
        self.moments: list[float] = []
        self.digests: dict[str, bytes] = {}
        self.times: Counter[str] = Counter()
        self.altered: set[str] = set()
        self.misbehaved = 0
        self.port = 0

    async def start(self) -> VendorFolder:
        """Look into the folder from now on."""
        self._task = asyncio.create_task(self._watch())
        return self

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(EVERY_S)

    def _look(self) -> None:
        """Take the complete files that are new, in the order of their names."""
        if not self._folder.exists():
            return
        for mark in sorted(self._folder.glob(f"*.CSV{END_MARK}")):
            if mark.name not in self._seen:
                self._seen.add(mark.name)
                text = mark.with_name(mark.name.removesuffix(END_MARK)).read_bytes().decode("cp932", "replace")
                for row in csv.DictReader(io.StringIO(text)):
                    self._take(row)

    def _take(self, row: dict[str, str]) -> None:
        """One line; its digest is that of the notice if it says what the notice said of this resident."""
        message_id = self._load.message_id(int(row["宛名番号"][-SEQUENCE_DIGITS:]), int(row["履歴番号"]))
        name = RESIDENT["shimei"].replace("　", "")
        whole = (
            row["団体コード"] == RESIDENT["shikuchosonkodo"] and row["名前（漢字）"].replace("　", "").strip() == name
        )
        self.digests[message_id] = self._load.ledger.attempted.get(message_id, b"") if whole else b""
        self.times[message_id] += 1
        self.effects.append(message_id)
        self.moments.append(time.monotonic())
