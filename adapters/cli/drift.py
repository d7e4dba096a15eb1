"""``chiikibus adapter drift``: hold a vendor file to the accepted profile of its kind, and accept a new one."""

from __future__ import annotations

from pathlib import Path

from adapters.characters.register import GaijiRegister
from adapters.cli.output import ExitCode, document, show_findings
from adapters.mapping.drift import STOPS, changes, declared, load_profile, profile
from adapters.suite.subject import Pair
from bus.core.errors import ConfigurationError
from bus.core.types import Finding


def run(file: Path, baseline: Path, pair: Pair, gaiji: GaijiRegister, *, accept: bool, json: bool) -> int:
    """Compare, show what changed before and after, and with ``accept`` write the file's profile as the accepted one.

    Without an accepted profile the file is held to what the layout declares.
    """
    after = profile(pair.mapping, pair.codec(gaiji), file.read_bytes())
    before = declared(pair.mapping.layout)
    if baseline.is_file():
        try:
            before = load_profile(baseline.read_text(encoding="utf-8"))
        except (ValueError, TypeError) as error:
            got = Finding("CB7030", path="--baseline", expected="a profile (JSON)", got=type(error).__name__)
            raise ConfigurationError("CB7030", (got,)) from error
    found = changes(before, after)
    if accept:
        temporary = baseline.with_name(baseline.name + ".part")
        temporary.write_text(after.dump(), encoding="utf-8")
        temporary.replace(baseline)
    if json:
        findings = [one.as_dict() for one in found]
        stops = any(one.code in STOPS for one in found)
        document({"records": after.records, "stops": stops, "accepted": accept, "changes": findings})
    elif not found:
        print(f"{file.name}: 様式の変化はありません / no drift ({after.records} records)")
    show_findings(found)
    return ExitCode.DONE if accept or not found else ExitCode.NEGATIVE
