"""The standard's nouns as frozen values: Edition, Unit, Operation, RecordType, Item, CodeTable, Rule, ErrorEntry.

What personal data is disclosed, protected and guarded is said by Disclosure, Protection and Exemption.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Item:
    """One data item. ``type`` is X, N, 9, 9V, S9, YEAR, DATE, TIME or DATETIME; ``digits`` counts characters.

    ``format`` names a row of ``formats.csv`` that narrows the type (dantaikodo, nengetsu, fushobi, ...);
    ``code`` names a code table. ``scale`` is the number of decimals of 9V. ``sensitivity`` is empty or names
    the kind of care (kojinbango, juminhyokodo, address, honseki, shotoku, ...).
    """

    name: str
    name_ja: str
    type: str
    digits: int
    scale: int = 0
    mandatory: bool = False
    code: str = ""
    sensitivity: str = ""
    provenance: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """A lexical form: ``pattern`` in the syntax common to XML Schema and Python (``\\uXXXX`` escapes, explicit ranges).

    ``check`` names the data rule beyond the pattern (a check digit, the list of wordings), or is empty.
    """

    name: str
    name_ja: str
    pattern: str
    check: str = ""
    provenance: str = ""


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code with its Japanese name; ``group`` holds a kind such as 記載 / 消除 / 修正.

    ``valid_from`` and ``valid_to`` (both inclusive, YYYY-MM-DD) are empty where the code is not bound in time.
    """

    code: str
    name_ja: str
    group: str = ""
    valid_from: str = ""
    valid_to: str = ""
    provenance: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A code table by name, as ``tables.csv`` lists it."""

    name: str
    name_ja: str


@dataclass(frozen=True, slots=True)
class CodeTable:
    """A code table, in the order of its file."""

    name: str
    name_ja: str
    rows: tuple[CodeRow, ...]

    @property
    def codes(self) -> frozenset[str]:
        """All codes."""
        return frozenset(row.code for row in self.rows)


COMPARISONS = ("==", "<=", "<")
CONSUMER = "$consumer"
"""In the terms of ``disclosure.csv``: the key of the unit that the record goes to."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: items that are added and items that are taken off; an absent one counts as 0."""

    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        """All items of the side."""
        return self.plus + self.minus


@dataclass(frozen=True, slots=True)
class Condition:
    """One term of a rule: ``op`` over one or more items (any of them suffices).

    ``op`` is ``present``, ``absent``, ``in``, ``not in`` (``values`` are codes), ``like`` or ``unlike``
    (``values`` holds one pattern). ``not in``, ``absent`` and ``unlike`` hold for an item that is absent.
    A comparison (``==``, ``<=``, ``<``) has a ``left`` and a ``right`` side over ``items``; it holds where one
    side has no item at all. It compares numbers, or one date (year, month, time) with another where ``values``
    is ``("text",)``.
    """

    items: tuple[str, ...]
    op: str
    values: tuple[str, ...] = ()
    left: Side = Side()
    right: Side = Side()

    @property
    def compares(self) -> bool:
        """Whether the term is a comparison."""
        return self.op in COMPARISONS

    @property
    def needs_no_item(self) -> bool:
        """Whether the term holds where its items are absent."""
        return self.compares or self.op in {"absent", "not in", "unlike"}

    def hurt_by(self, withheld: frozenset[str]) -> bool:
        """Whether a right record may fail the term once these items are taken out of it."""
        if self.compares:
            touched = not withheld.isdisjoint(self.items)
            return touched and not (withheld.issuperset(self.left.items) or withheld.issuperset(self.right.items))
        return not self.needs_no_item and not withheld.isdisjoint(self.items)


@dataclass(frozen=True, slots=True)
class Rule:
    """A correlation of items within one record (E0004): when all of ``when`` hold, all of ``then`` must."""

    name: str
    record: str
    when: tuple[Condition, ...]
    then: tuple[Condition, ...]
    text_ja: str
    text_en: str
    provenance: str = ""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A row of ``disclosure.csv``: these consumers may see these items of some records for these purposes.

    ``consumers`` are unit keys, ``purposes`` codes of 利用目的; ``items`` are item names (the selectors are resolved).
    ``rows`` are the terms that a record keeps to be disclosed at all (none: every record). What no row discloses is not
    disclosed; a row without items says that nothing is. ``basis_ja`` says by what right or need, or why not.
    """

    record: str
    consumers: tuple[str, ...]
    purposes: tuple[str, ...]
    items: frozenset[str]
    basis_ja: str
    provenance: str = ""
    rows: tuple[Condition, ...] = ()

    def rows_for(self, consumer: str) -> tuple[Condition, ...]:
        """The terms with the consuming unit's own key in the place of ``$consumer``."""
        return tuple(
            replace(term, values=tuple(consumer if one == CONSUMER else one for one in term.values))
            for term in self.rows
        )


@dataclass(frozen=True, slots=True)
class Protection:
    """A row of ``protection.csv``: what follows when an item of a record has one of ``values`` (or is absent).

    ``effect`` is ``withhold`` (nobody but the providing unit sees ``items``), ``priority`` (the message goes before
    others), ``stop`` (the message goes nowhere) or ``none`` (a record with addresses needs nothing; the text says why).
    """

    name: str
    record: str
    flag: str
    values: frozenset[str]
    absent: bool
    effect: str
    items: frozenset[str]
    text_ja: str
    text_en: str
    provenance: str = ""

    def holds(self, value: str | None) -> bool:
        """Whether the flag's value (``None`` where it is absent) brings the effect."""
        return self.absent if value is None else value in self.values


@dataclass(frozen=True, slots=True)
class Exemption:
    """A row of ``number_guard.csv``: an item that may hold twelve digits that are no 個人番号."""

    item: str
    reason_ja: str
    reason_en: str
    provenance: str = ""


@dataclass(frozen=True, slots=True)
class RecordType:
    """A flat record of items in their order in XML; the element of the same name holds them.

    ``key`` names the items that say what a record is about; among records of the same key the highest 履歴番号 counts.
    ``name_ja`` is what people call it; a unit of somebody's own may have none.
    """

    unit: str
    name: str
    items: tuple[Item, ...]
    key: tuple[str, ...] = ()
    name_ja: str = ""

    @property
    def title(self) -> str:
        """The record for people: ``住民（jumin）``, or the element's name alone."""
        return f"{self.name_ja}（{self.name}）" if self.name_ja else self.name

    def item(self, name: str) -> Item:
        """The item called ``name`` (KeyError when there is none)."""
        for item in self.items:
            if item.name == name:
                return item
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a unit.

    ``key`` is ``<unit>.<name>``. ``pattern`` is inquiry, notice, late or bulk. ``input`` and ``output`` are
    element names in Clark notation ``{namespace}local``. ``ordering`` holds element paths (``jumin/atenabango``)
    below the payload element, each prefixed by the lane's name: ``atena=jumin/atenabango``.
    ``record`` names the record type carried, ``repeats`` whether it may occur more than once. ``about`` says to what
    of the question every record of an answer belongs: ``atenabango`` (the same number), ``atenabango>setaibango``
    (the same household as the record with that number).
    """

    unit: str
    name: str
    name_ja: str
    pattern: str
    action: str
    reply_action: str
    input: str
    output: str
    provider: str
    consumers: tuple[str, ...]
    ordering: tuple[str, ...] = ()
    deadline_s: float = 10.0
    number_use: bool = False
    purposes: tuple[str, ...] = ()
    record: str = ""
    repeats: bool = False
    request_record: str = ""
    about: tuple[str, ...] = ()
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Every message asks for the key several times: it is put together once."""
        object.__setattr__(self, "key", f"{self.unit}.{self.name}")


@dataclass(frozen=True, slots=True)
class Unit:
    """A business unit of one edition: its operations, record types, code tables and normative files.

    ``codes`` and ``formats`` hold the shared ones too. A mounted unit may have no record types: its XSD says all.
    ``disclosure`` is ``None`` where the unit has no such table: then the site's rights alone decide.
    ``unguarded`` are the items, shared ones too, in which the mixing guard does not look for a 個人番号.
    Its ``repr`` is one line: the tables would be megabytes wherever one is printed.
    """

    key: str
    number: int
    name_ja: str
    name_en: str
    namespace: str
    edition: str
    wsdl: Path
    schemas: tuple[Path, ...]
    operations: Mapping[str, Operation] = field(repr=False)
    records: Mapping[str, RecordType] = field(repr=False)
    codes: Mapping[str, CodeTable] = field(repr=False)
    formats: Mapping[str, Format] = field(repr=False, default_factory=dict)
    rules: tuple[Rule, ...] = field(repr=False, default=())
    disclosure: tuple[Disclosure, ...] | None = field(repr=False, default=None)
    protections: tuple[Protection, ...] = field(repr=False, default=())
    unguarded: frozenset[str] = field(repr=False, default=frozenset())

    def disclosed(self, record: str, consumer: str, purpose: str) -> frozenset[str] | None:
        """The items of ``record`` that a consuming unit may see for a purpose; ``None``: no table, nothing is said."""
        if self.disclosure is None:
            return None
        return frozenset().union(*(row.items for row in self.shares(record, consumer, purpose)))

    def shares(self, record: str, consumer: str, purpose: str) -> tuple[Disclosure, ...]:
        """The rows of ``disclosure.csv`` that disclose something of ``record`` to a consuming unit for a purpose."""
        return tuple(
            row
            for row in self.disclosure or ()
            if row.record == record and row.items and consumer in row.consumers and purpose in row.purposes
        )


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of the standard: units by key and the shared code tables."""

    version: str
    folder: Path
    units: Mapping[str, Unit] = field(repr=False)
    codes: Mapping[str, CodeTable] = field(repr=False, default_factory=dict)
    formats: Mapping[str, Format] = field(repr=False, default_factory=dict)

    def purposes_for(self, operation: Operation, consumer: str) -> tuple[str, ...]:
        """The purposes for which a unit may use an operation, the one that shows it most items first."""
        unit = self.units[operation.unit]
        shown = {purpose: unit.disclosed(operation.record, consumer, purpose) for purpose in operation.purposes}
        allowed = [purpose for purpose, items in shown.items() if items is None or items]
        return tuple(sorted(allowed, key=lambda purpose: -len(shown[purpose] or ())))

    def operation(self, key: str) -> Operation | None:
        """The operation ``<unit>.<name>``, or ``None``."""
        unit, _, name = key.partition(".")
        found = self.units.get(unit)
        return found.operations.get(name) if found else None


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """A row of ``errors.csv``."""

    code: str
    title_ja: str
    title_en: str
    faultcode: str
    http_status: int
    retryable: bool
    action_ja: str
    action_en: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a specification that the bus keeps, in our own words.

    ``role`` says on whom it falls: ``provider`` and ``consumer`` of a service, ``both``, the ``wsdl``, an ``adapter``,
    ``data`` (records and files) or a ``registry``. ``tests`` holds ``<file>::<function>`` separated by semicolons, or
    is empty: then ``not_tested_reason`` says why. ``not_judged_reason`` (Japanese / English) says why the conformance
    suite has no judgement on it; ``requires`` names a requirement without which it cannot be judged. ``retired`` names
    the version in which it was taken back, or is empty.
    """

    id: str
    level: str
    role: str
    document: str
    clause: str
    text_ja: str
    text_en: str
    tests: str
    not_tested_reason: str
    since: str
    not_judged_reason: str = ""
    requires: str = ""
    retired: str = ""

    @property
    def test_names(self) -> tuple[str, ...]:
        """The tests that show it, each as ``<file>::<function>``."""
        return tuple(name.strip() for name in self.tests.split(";") if name.strip())


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow of data from a business unit to others, and the operations that are it.

    ``consumers``, ``pattern`` (inquiry, notice, bulk) and ``operations`` (``<unit>.<name>``) hold several, separated by
    ``|``; the consumer ``*`` means every unit.
    """

    number: int
    provider: str
    consumers: str
    data_ja: str
    pattern: str
    operations: str
    note: str
    provenance: str

    @property
    def units(self) -> tuple[str, ...]:
        """The consumers."""
        return tuple(self.consumers.split("|"))

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns."""
        return tuple(self.pattern.split("|"))

    @property
    def keys(self) -> tuple[str, ...]:
        """The operations."""
        return tuple(key for key in self.operations.split("|") if key)
