"""A社 住民記録 (simulated): A's fixed-length records and files, from the widths of its record description."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAYOUT = Path(__file__).parent.parent / "vendors" / "a" / "juki" / "layout" / "jumin.toml"
IDO, ZENKEN, SABUN = "01", "02", "03"
CRLF = b"\r\n"

GAIJI = (
    # characters that A has registered in its user area, from F040 on
    "\u845b\U000e0100",
    "\u8fbb\U000e0100",
    "\u9089\U000e0101",
    "\u82a6\U000e0100",
    "\u7947\U000e0100",
    "\u698a\U000e0100",
    "\U00020bb7",
    "\U0002363a",
    "\U0002123d",
)
_GAIJI = re.compile("|".join(map(re.escape, GAIJI)))
_USER_AREA = 0xE000
"""Python's CP932 writes U+E000 as F040, U+E001 as F041 and so on."""


def kanji_bytes(text: str) -> bytes:
    """CP932 with A's own gaiji; UnicodeEncodeError for anything else."""
    if text.isascii():
        return text.encode("ascii")
    return _GAIJI.sub(lambda found: chr(_USER_AREA + GAIJI.index(found[0])), text).encode("cp932")


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the record: where it stands and how it is filled up."""

    name: str
    start: int
    width: int
    zeros: bool


class Records:
    """Writes A's records and files."""

    def __init__(self, layout: Path = LAYOUT) -> None:
        described = tomllib.loads(layout.read_text("utf-8"))
        self.columns = tuple(_columns(described["field"]))
        self.header = tuple(_columns(described["header"]))
        self.trailer = tuple(_columns(described["trailer"]))
        self.size = int(described["layout"]["record_bytes"])
        self._current = next(column.start for column in self.columns if column.name == "現在区分")

    def pack(self, items: Mapping[str, str]) -> bytes:
        """One data record without its line end."""
        return _filled(self.columns, {**items, "レコード区分": "2"}, self.size)

    def outdated(self, record: bytes) -> bytes:
        """The record as it is held once a newer one exists: 現在区分 N."""
        return record[: self._current] + b"N" + record[self._current + 1 :]

    def item(self, record: bytes, name: str) -> str:
        """One item of a record."""
        column = next(column for column in self.columns if column.name == name)
        text = record[column.start : column.start + column.width].decode("cp932").rstrip(" ")
        return (text.lstrip("0") or "0") if column.zeros and text else text

    def lines(self, kind: str, municipality: str, made: tuple[str, str], records: Iterable[bytes]) -> Iterator[bytes]:
        """A whole file in pieces: header, data, trailer with the count. ``made`` is date (和暦) and time of making."""
        head = {"レコード区分": "1", "ファイル種別": kind, "団体コード": municipality}
        head |= {"作成日": made[0], "作成時刻": made[1]}
        yield _filled(self.header, head, self.size) + CRLF
        count = 0
        for record in records:
            count += 1
            yield record + CRLF
        yield _filled(self.trailer, {"レコード区分": "9", "件数": str(count)}, self.size) + CRLF


def write_lines(folder: Path, name: str, lines: Iterable[bytes]) -> Path:
    """Write a file piece by piece under a hidden name, rename it, then set its end mark."""
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / f".{name}.tmp"
    with hidden.open("wb") as stream:
        stream.writelines(lines)
        stream.flush()
        os.fsync(stream.fileno())
    path = folder / name
    hidden.replace(path)
    (folder / f"{name}.END").touch()
    return path


def _columns(fields: list[dict[str, Any]]) -> Iterator[Column]:
    start = 0
    for field in fields:
        yield Column(field["name"], start, field["bytes"], field.get("pad") == "left-zero")
        start += field["bytes"]


def _filled(columns: tuple[Column, ...], items: Mapping[str, str], size: int) -> bytes:
    pieces = []
    for column in columns:
        text = items.get(column.name, "")
        if not text:
            pieces.append(b" " * column.width)
            continue
        data = kanji_bytes(text)
        if len(data) > column.width:
            raise ValueError(f"{column.name}: {len(data)} bytes for {column.width}")
        pieces.append(data.rjust(column.width, b"0") if column.zeros else data.ljust(column.width))
    return b"".join(pieces).ljust(size)
