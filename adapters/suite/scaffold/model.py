"""What a sample looks like: the values of a guess, and the words for how sure it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

HIGH, MEDIUM, LOW = "高 high", "中 medium", "低 low"
"""How sure a guess is; what is not high is for a person to confirm first."""

TYPE_FIELD = "レコード区分"


@dataclass(frozen=True, slots=True)
class GuessedField:
    """One field; ``bytes`` only for fixed-length records, ``path`` and ``number`` only for JSON.

    ``conversion`` is what its values look like they need: date_slash, date_digits, or nothing. ``usage``, ``sign``,
    ``blank`` and ``wide`` are those of a host's layout; ``seen`` is the value of a field read in one record alone.
    """

    name: str
    type: str
    bytes: int = 0
    path: str = ""
    pad: str = "right-space"
    number: bool = False
    conversion: str = ""
    usage: str = ""
    sign: str = ""
    blank: str = ""
    wide: bool = False
    keep_zeros: bool = False
    filler: bool = False
    seen: str = ""

    def renamed(self, name: str) -> GuessedField:
        """The same under another name."""
        return replace(self, name=name)


@dataclass(frozen=True, slots=True)
class GuessedKind:
    """One kind of record of a file of several: a layout of its own. ``counts`` and ``totals`` are as in the layout."""

    role: str
    mark: str
    fields: tuple[GuessedField, ...]
    counts: tuple[tuple[str, str], ...] = ()
    totals: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Guess:
    """What a sample looks like. ``remarks`` say in words what was guessed and from what."""

    kind: str = "delimited"
    encoding: str = "cp932"
    line_end: str = "crlf"
    delimiter: str = ","
    quoting: str = "minimal"
    header_line: bool = False
    form: str = "object"
    absent: str = "empty"
    record_bytes: int = 0
    marks: tuple[str, str, str] = ("", "", "")
    fields: list[GuessedField] = field(default_factory=list)
    header: list[GuessedField] = field(default_factory=list)
    trailer: list[GuessedField] = field(default_factory=list)
    kinds: list[GuessedKind] = field(default_factory=list)
    gaiji: bool = False
    remarks: list[str] = field(default_factory=list)
