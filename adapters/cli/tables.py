"""``adapter coverage``: the tables of all items of both sides, printed, written to files, or kept beside the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from adapters.cli.choose import chosen, edition
from adapters.cli.output import ExitCode, document, show_findings, table
from adapters.mapping.coverage import FORMATS, coverage, render, summary
from adapters.suite.coverage_pages import Shared, stale, write_pages
from adapters.suite.subject import Subject, find_folder, load_subject, shipped
from bus.core.errors import ConfigurationError
from bus.core.types import Finding


def show(loaded: Subject, mapping: str, form: str, out: Path | None, *, json: bool) -> int:
    """Print the tables of the mappings chosen, or write each to a file of ``out``."""
    if form not in FORMATS:
        wrong = Finding("CB7030", path="--format", expected=" | ".join(FORMATS), got=form)
        raise ConfigurationError("CB7030", (wrong,))
    documents: list[dict[str, Any]] = []
    for pair in chosen(loaded, mapping):
        rows = coverage(pair.mapping)
        text = render(pair.mapping.id, rows, form)
        documents.append({"mapping": pair.mapping.id, "summary": summary(rows)})
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            path = out / f"{pair.mapping.id}.{form}"
            path.write_text(text, encoding="utf-8", newline="")
            documents[-1]["file"] = str(path)
        else:
            typer.echo(text, nl=False)
    if out is not None:
        if json:
            document(documents)
        else:
            rows_shown = [(one["mapping"], one["file"], one["summary"]) for one in documents]
            table(("対応定義 mapping", "ファイル file", "項目数 items"), rows_shown)
    return ExitCode.DONE


def beside(name: str, folder: Path | None, version: str, *, write: bool, json: bool) -> int:
    """Write the tables that stand beside the README, or compare them; all shipped adapters without a name."""
    standard = edition(version)
    shared: Shared = {}
    files: list[str] = []
    findings: list[Finding] = []
    for one in [name] if name or folder else shipped():
        loaded = load_subject(find_folder(one, folder), standard)
        if write:
            files += [str(loaded.folder / path) for path in write_pages(loaded, shared)]
        else:
            findings += stale(loaded, shared)
    if json:
        found = [finding.as_dict() for finding in findings]
        document({"ok": not findings, "written": files, "findings": found})
    elif write:
        print("\n".join(files) or "対応表は最新です / the tables are current")
    elif not findings:
        print("対応表は最新です / the tables are current")
    if findings:
        show_findings(findings)
    return ExitCode.NEGATIVE if findings else ExitCode.DONE
