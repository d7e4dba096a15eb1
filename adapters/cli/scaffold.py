"""``adapter new``: guess a definition from a sample file, write the folder, check it, and say what was guessed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from adapters.cli.choose import edition
from adapters.cli.output import ExitCode, document, show_findings
from adapters.sdk.problems import Problems
from adapters.suite.scaffold import guess, write_folder
from adapters.suite.scaffold.try_out import Tried, try_out
from adapters.suite.subject import load_subject
from bus.core.errors import ConfigurationError


def run(sample: Path, record: str, folder: Path, vendor: str, widths: str, *, json: bool) -> int:
    """Write the new definition to ``folder``; exit code 2 when it does not load."""
    standard = edition()
    unit, _, name = record.partition(".")
    problems = Problems()
    known = standard.units[unit].records if unit in standard.units else {}
    if name not in known:
        records = [f"{one.key}.{found}" for one in standard.units.values() for found in one.records]
        problems.unknown("--record", "record", record, records)
    if folder.exists():
        problems.add("--folder", str(folder), expected="a folder that does not exist yet", got="an existing one")
    if not all(part.isdigit() and int(part) for part in widths.split(",") if widths):
        problems.add("--widths", "widths", expected="numbers of bytes such as 15,40,8", got=widths)
    problems.raise_if_any()
    found = guess(sample.read_bytes(), [int(part) for part in widths.split(",")] if widths else ())
    files = write_folder(folder, vendor, sample, found, known[name], standard)
    tried: Tried | None = None
    try:
        tried = try_out(load_subject(folder, standard).samples[0])
    except ConfigurationError as error:
        problems.found.extend(error.findings)
    ok = not problems.found
    if json:
        document(
            {
                "ok": ok,
                "folder": str(folder),
                "files": [str(path) for path in files],
                "guessed": found.remarks,
                "tried": asdict(tried) if tried is not None else None,
                "findings": [finding.as_dict() for finding in problems.found],
            }
        )
    else:
        print(f"{folder} を作りました / made")
        for remark in found.remarks:
            print(f"  推定 guessed: {remark}")
        if tried is not None:
            print(f"  試し読み tried: {tried.said}")
        print(f"次は / next: chiikibus adapter check --folder {folder}")
    show_findings(problems.found)
    return ExitCode.DONE if ok else ExitCode.USAGE
