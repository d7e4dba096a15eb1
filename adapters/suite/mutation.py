"""Judge mutants: would the universal suite notice? Each is loaded, held against the samples, and tried with values.

What notices a mutant is one of: ``load`` (the definition is refused), ``sample`` (a golden pair or the bytes of a
sample differ), ``table`` (the reviewed coverage table beside the README differs), ``generated`` (a check with generated
values fails), or nothing: then the mutant survives. They are asked in this order, and the first to notice is told.
A change after which the definition is the same as before (a default written out) is no mutant.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from adapters.codecs.factory import make_codec
from adapters.codecs.layout import read_layout
from adapters.mapping.conversions.base import ConversionError
from adapters.mapping.coverage import coverage, facts
from adapters.mapping.loader import read_mapping
from adapters.mapping.rules import ItemRule
from adapters.sdk.item_table import with_fields, with_rules
from adapters.sdk.problems import Problems
from adapters.sdk.toml import read_toml
from adapters.sdk.types import VendorRecord
from adapters.suite.check_samples import check_samples
from adapters.suite.check_values import check_values
from adapters.suite.generate import all_carried
from adapters.suite.golden import load_golden
from adapters.suite.mutants import Mutant, Source, mutants
from adapters.suite.subject import Pair, Sample, Subject
from bus.core.errors import ChiikibusError

NOTICED = ("load", "sample", "table", "generated")
SAME = "same"
_SEED, _RECORDS = 1, 20


@dataclass(frozen=True, slots=True)
class Judged:
    """A mutant and what noticed it; ``""`` for a survivor."""

    pair: str
    kind: str
    where: str
    by: str
    removed: bool


@dataclass(frozen=True, slots=True)
class _Golden:
    """A golden record as it stands on both sides, and for which direction it is right."""

    sample: Path
    vendor: VendorRecord
    standard: dict[str, str]
    direction: str


@dataclass(slots=True)
class Bench:
    """One definition and what its mutants are held against; code tables are changed in a copy of their folder."""

    subject: Subject
    share: float = 1.0
    random: Random = field(default_factory=Random)
    _codes: TemporaryDirectory[str] = field(init=False, repr=False)
    _sources: dict[str, Source] = field(init=False, repr=False, default_factory=dict)
    _golden: dict[str, list[_Golden]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._codes = TemporaryDirectory()
        for path in self.subject.folder.iterdir():
            if path.name != "codes":
                (self._folder / path.name).symlink_to(path.resolve())
        codes = self.subject.folder / "codes"
        (self._folder / "codes").mkdir()
        for path in codes.iterdir() if codes.is_dir() else ():
            (self._folder / "codes" / path.name).write_bytes(path.read_bytes())
        for pair in self.subject.pairs:
            self._sources[pair.name] = _source(pair)
            self._golden[pair.name] = [one for sample in self._samples(pair) for one in _records(sample)]

    @property
    def _folder(self) -> Path:
        return Path(self._codes.name)

    def all(self) -> Iterator[Judged]:
        """Every mutant of every mapping, layout and code table, or the share of them that was asked for."""
        try:
            for pair in self.subject.pairs:
                yield from self.judge(pair)
            for table in sorted((self.subject.folder / "codes").glob("*.csv")):
                yield from self.judge_codes(table)
        finally:
            self._codes.cleanup()

    def _chosen(self) -> bool:
        return self.share >= 1.0 or self.random.random() < self.share

    def judge(self, pair: Pair) -> Iterator[Judged]:
        """All mutants of a pair's mapping and layout."""
        for mutant in mutants(self._sources[pair.name]):
            if not self._chosen():
                continue
            by = self._noticed(pair, mutant)
            if by != SAME:
                yield Judged(pair.name, mutant.kind, mutant.where, by, mutant.removed)

    def judge_codes(self, table: Path) -> Iterator[Judged]:
        """All mutants of a code table, held against the mappings that use it; none where no mapping does."""
        name = f"codes/{table.name}"
        users = [pair for pair in self.subject.pairs if f'"{name}"' in _options(pair)]
        if not users:
            return
        place = self._folder / name
        good = place.read_bytes()
        try:
            for kind, where, text in _code_mutants(good.decode("utf-8-sig")):
                if not self._chosen():
                    continue
                place.write_text(text, encoding="utf-8")
                by = self._any_notices(users, name)
                yield Judged(name, kind, where, by, kind == "remove")
        finally:
            place.write_bytes(good)

    def _any_notices(self, users: list[Pair], table: str) -> str:
        """Whether a mapping that uses the table is refused, or reads or writes a golden record otherwise."""
        for pair in users:
            source = self._sources[pair.name]
            try:
                changed = self._load(pair, Mutant("", "", source.mapping, source.layout))
            except ChiikibusError:
                return "load"
            rules = [rule for rule in changed.mapping.rules if isinstance(rule, ItemRule) and table in rule.options]
            if any(_differs(rule, golden) for rule in rules for golden in self._golden[pair.name]):
                return "sample"
        return self._deeper(changed, users[-1])

    def _samples(self, pair: Pair) -> list[Sample]:
        return [one for one in self.subject.samples if one.pair is not None and one.pair.name == pair.name]

    def _noticed(self, pair: Pair, mutant: Mutant) -> str:
        try:
            changed = self._load(pair, mutant)
        except ChiikibusError:
            return "load"
        if _same(changed, pair, mutant.mapping is self._sources[pair.name].mapping):
            return SAME
        by_layout = mutant.layout is not self._sources[pair.name].layout
        noticed = self._read_otherwise(changed) if by_layout else self._converted_otherwise(changed)
        return "sample" if noticed else self._deeper(changed, pair)

    def _deeper(self, changed: Pair, pair: Pair) -> str:
        before, after = pair.mapping, changed.mapping
        if (coverage(before), facts(before)) != (coverage(after), facts(after)):
            return "table"
        try:
            known = {pair.name: all_carried(changed.mapping, changed.codec(), _SEED)}
            subject = replace(self.subject, pairs=(changed,), samples=())
            noticed = any(not one.ok for one in check_values(subject, known, _SEED, _RECORDS))
        except ChiikibusError:
            return "generated"
        return "generated" if noticed else ""

    def _converted_otherwise(self, changed: Pair) -> bool:
        """Whether the changed mapping reads or writes a golden record otherwise; the codec is as it was."""
        mapping = changed.mapping
        try:
            for one in self._golden[changed.name]:
                if one.direction != "to_vendor" and mapping.to_standard(one.vendor).values != one.standard:
                    return True
                if one.direction != "to_standard" and mapping.to_vendor(one.standard).values != one.vendor.values:
                    return True
        except ChiikibusError:
            return True
        return False

    def _read_otherwise(self, changed: Pair) -> bool:
        """Whether the changed layout reads or writes a sample otherwise: record by record, then whole files."""
        for sample in self._samples(changed):
            codec = make_codec(changed.layout, sample.register)
            wanted = [one.standard for one in self._golden[changed.name] if one.sample == sample.path]
            with sample.path.open("rb") as stream:
                try:
                    for number, record in enumerate(codec.decode(stream, sample.path.name)):
                        if not isinstance(record, VendorRecord) or codec.encode_record(record.values) != record.raw:
                            return True
                        if wanted and changed.mapping.to_standard(record).values != wanted[number]:
                            return True
                except (ChiikibusError, IndexError):
                    return True
        samples = tuple(replace(one, layout=changed.layout, pair=changed) for one in self._samples(changed))
        subject = replace(self.subject, pairs=(changed,), samples=samples)
        return any(not one.ok for one in check_samples(subject))

    def _load(self, pair: Pair, mutant: Mutant) -> Pair:
        """The changed pair; raises ConfigurationError as ``adapter check`` would."""
        problems = Problems()
        if mutant.mapping.data["mapping"].get("layout") != f"layout/{pair.layout.path.name}":
            problems.add(mutant.mapping.path, "mapping.layout", expected="the layout of this mapping", got="another")
        layout = read_layout(mutant.layout, problems)
        edition = self.subject.edition
        mapping = read_mapping(mutant.mapping, layout, edition, problems, self._folder) if layout is not None else None
        problems.raise_if_any()
        assert layout is not None and mapping is not None  # otherwise there was a problem
        changed = Pair(pair.name, layout, mapping)
        changed.codec()
        return changed


def _same(changed: Pair, pair: Pair, rules_untouched: bool) -> bool:
    """Whether nothing differs but the names of files and lines."""
    one, other = changed.mapping, pair.mapping
    heads = [(each.id, each.record, each.direction, each.codec_loss) for each in (one, other)]
    layout = replace(changed.layout, path=pair.layout.path)
    return heads[0] == heads[1] and (rules_untouched or one.rules == other.rules) and layout == pair.layout


def _source(pair: Pair) -> Source:
    problems = Problems()
    mapping, layout = read_toml(pair.mapping.path, problems), read_toml(pair.layout.path, problems)
    assert mapping is not None and layout is not None  # the pair was made from them
    return Source(pair, with_rules(mapping, problems), with_fields(layout, problems))


def _records(sample: Sample) -> list[_Golden]:
    if sample.golden is None or sample.pair is None:
        return []
    standard = load_golden(sample.golden, sample.pair.mapping.unit, sample.pair.mapping.record_type)
    vendor = [one for one in sample.read()[0] if isinstance(one, VendorRecord)]
    both = zip(vendor, standard, strict=True)
    return [_Golden(sample.path, theirs, ours, sample.direction) for theirs, ours in both]


def _differs(rule: ItemRule, golden: _Golden) -> bool:
    """Whether a rule converts the values of a golden record otherwise than the record says."""
    theirs = tuple(golden.vendor.values.get(name, "") for name in rule.vendor)
    ours = tuple(golden.standard.get(name, "") for name in rule.standard)
    try:
        inward = golden.direction != "to_vendor" and rule.conversion.to_standard(theirs) != ours
        return inward or (golden.direction != "to_standard" and rule.conversion.to_vendor(ours) != theirs)
    except ConversionError:
        return True


def _options(pair: Pair) -> str:
    return " ".join(rule.options for rule in pair.mapping.rules if isinstance(rule, ItemRule))


def _code_mutants(text: str) -> Iterator[tuple[str, str, str]]:
    """Kind, place and text of a table with a row taken out, two mixed up, or one made one-way."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    head, body = rows[0], [row for row in rows[1:] if row]
    at = head.index("direction") if "direction" in head else len(head)
    wide = [*head[:at], "direction"] if at == len(head) else head

    def written(changed: list[list[str]]) -> str:
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows(
            [wide, *(row if len(row) > at else [*row, ""] for row in changed)]
        )
        return out.getvalue()

    for index, row in enumerate(body):
        where = f"row {index + 2} {row[0]}={row[1]}"
        yield "remove", where, written([*body[:index], *body[index + 1 :]])
        direction = (row[at] if len(row) > at else "") or "both"
        for other in ("to_standard", "to_vendor"):
            if direction == "both":
                yield "direction", where, written([*body[:index], [*row[:at], other], *body[index + 1 :]])
        if index + 1 < len(body):
            after = body[index + 1]
            mixed = [[after[0], *row[1:]], [row[0], *after[1:]]]
            yield "mix up", where, written([*body[:index], *mixed, *body[index + 2 :]])
