"""Read the sample with the guessed definition and write it again: the proof of a guess, or where it fails."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from adapters.codecs.factory import make_codec
from adapters.sdk.types import BadRecord, VendorRecord
from adapters.suite.subject import Sample
from bus.core.errors import AdapterError


@dataclass(frozen=True, slots=True)
class Tried:
    """How many records were read, how many were refused by which code and item, and whether all came back the same."""

    records: int
    refused: int
    same: bool
    problems: tuple[tuple[str, str, int], ...] = ()

    @property
    def said(self) -> str:
        """The same in words, without any value."""
        if self.same and not self.refused:
            return f"{self.records} 件すべて読めて、書き戻すと1バイトも違わない / every byte comes back"
        shown = "、".join(f"{code} {item or 'ファイル'} {times}件" for code, item, times in self.problems)
        why = shown or "書き戻すと違う / differs when written"
        return f"{self.records} 件を読み、{self.refused} 件を読めない（{why}）"


def try_out(sample: Sample) -> Tried:
    """What became of a sample."""
    read, header, trailer = sample.read()
    good = [one.values for one in read if isinstance(one, VendorRecord)]
    bad = [one for one in read if isinstance(one, BadRecord)]
    found = Counter((finding.code, finding.path) for one in bad for finding in one.error.findings)
    try:
        written = b"".join(make_codec(sample.layout, sample.register).encode(good, header, trailer))
    except AdapterError as error:
        found.update((finding.code, finding.path) for finding in error.findings)
        written = b""
    problems = tuple((code, item, times) for (code, item), times in found.most_common(10))
    return Tried(len(good), len(bad), not bad and written == sample.path.read_bytes(), problems)
