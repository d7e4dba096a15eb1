"""The suite tests itself: when any one rule of a mapping is taken out, it must notice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from adapters.mapping.loader import read_mapping
from adapters.sdk.item_table import with_rules
from adapters.sdk.problems import Problems
from adapters.sdk.toml import TomlFile, read_toml
from adapters.suite.subject import Pair, Subject
from adapters.suite.verdict import Verdict, fault, verdict
from bus.core.types import Finding

TABLES = ("item", "unmapped", "constant")


def check_itself(subject: Subject) -> Iterator[Verdict]:
    """``self-test`` for every mapping: each block and each name of an unmapped list taken out in turn."""
    for pair in subject.pairs:
        problems = Problems()
        file = read_toml(pair.mapping.path, problems)
        file = with_rules(file, problems) if file is not None else None
        if file is None:
            yield verdict("self-test", pair.name, problems.found)
            continue
        findings: list[Finding] = []
        count = 0
        for what, smaller in _without_one(file):
            count += 1
            if not _noticed(subject, pair, smaller):
                findings.append(fault(what, "a problem when it is taken out", "none"))
        yield verdict("self-test", pair.name, findings, f"{count} rules taken out in turn")


def _without_one(file: TomlFile) -> Iterator[tuple[str, TomlFile]]:
    for table in TABLES:
        blocks = file.data.get(table, [])
        for index, block in enumerate(blocks):
            rest = [one for at, one in enumerate(blocks) if at != index]
            yield f"{table}[{index}]", replace(file, data={**file.data, table: rest})
            names = block.get("items", [])
            for name in names if len(names) > 1 else ():
                fewer = {**block, "items": [one for one in names if one != name]}
                changed = [fewer if at == index else one for at, one in enumerate(blocks)]
                yield f"{table}[{index}].{name}", replace(file, data={**file.data, table: changed})


def _noticed(subject: Subject, pair: Pair, file: TomlFile) -> bool:
    problems = Problems()
    read_mapping(file, pair.layout, subject.edition, problems, subject.folder)
    return bool(problems.found)
