"""Data files from the command line: bulk transfers and layout files, and that two programs add up the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.host.identity import canonical_line, identify, totals
from conformance.cli import app
from conformance.datafiles import bundled
from conformance.evidence import Bundle
from conformance.filed import problems_of
from conformance.judge import judge
from conformance.messages import from_wire
from conformance.mutants import data_files
from conformance.passive import recorded_bundle
from conformance.standard import load_standard
from conformance.transfers import digests, transfers_of
from conformance.verdicts import Class, Outcome

STANDARD = load_standard()
pytestmark = pytest.mark.slow


def controls() -> Iterator[tuple[str, Bundle]]:
    """The bulk transfer without fault of every unit."""
    for one in data_files.load():
        if one.base == "bulk" and not one.fails and one.changes[0].op == "none":
            yield one.unit, data_files.bundle(one, STANDARD)


def written(folder: Path, found: Bundle) -> Path:
    """The files of a bundle as somebody else would have them."""
    folder.mkdir(exist_ok=True)
    for name, data in found.files.items():
        (folder / Path(name).name).write_bytes(data)
    return folder


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    result = CliRunner().invoke(app, ["judge", *arguments])
    return result.exit_code, result.output


def test_bus_side_and_judge_add_up_the_same() -> None:
    """The digests of the judge and those of the adapters, written apart, agree for all 22 units."""
    seen = set()
    for unit, found in controls():
        messages = [from_wire(name, raw, "request") for name, raw in found.files.items()]
        for transfer in transfers_of(messages, STANDARD.edition, whole=True):
            events = [(identify(transfer.kind, one).event, one) for one in transfer.records]
            other = totals((event, canonical_line(transfer.kind, event, one)) for event, one in events)
            assert digests(transfer.kind, transfer.records) == (other.keys, other.content)
            assert transfer.records
            seen.add(unit)
    assert seen == set(STANDARD.edition.units)


def test_a_folder_of_parts_is_judged_and_an_altered_byte_found(tmp_path: Path) -> None:
    """A transfer conforms; with one character of a name changed its content digest fails and nothing else."""
    folder = written(tmp_path / "files", dict(controls())["juki"])
    assert run(str(folder), "--unit", "juki")[0] == 0
    part = folder / "2.xml"
    part.write_bytes(part.read_bytes().replace(b"<t:shimei>", "<t:shimei>架".encode(), 1))
    code, told = run(str(folder), "--unit", "juki", "--json")
    assert code == 1
    judged = judge(bundled("x", {one.name: one.read_bytes() for one in folder.iterdir()}, "juki", STANDARD), STANDARD)
    assert [one.requirement for one in judged.verdicts if one.outcome is Outcome.FAIL] == ["FILE-103"]
    assert "FILE-103" in told


def test_layout_files_are_judged_by_their_declaration(tmp_path: Path) -> None:
    """The declaration in the folder is found without an option; all that is wrong with it is told at once."""
    mutant = next(one for one in data_files.load() if one.base == "layout" and one.unit == "juki")
    folder = written(tmp_path / "files", data_files.bundle(mutant, STANDARD))
    assert run(str(folder))[0] == 0
    assert run(str(folder), "--unit", "kaigo")[0] == 3
    (folder / "layout.toml").write_text('unit = "jukki"\nencodng = "x"\n[files]\n"jumin.csv" = "jumin"\n', "utf-8")
    code, told = run(str(folder))
    assert code == 3
    assert len([line for line in told.splitlines() if line.startswith("layout.toml")]) == 2


def test_one_file_needs_no_declaration(tmp_path: Path) -> None:
    """A file called like its record is taken for the usual dialect; an unknown unit is a wrong usage."""
    mutant = next(one for one in data_files.load() if one.base == "layout" and one.unit == "juki")
    folder = written(tmp_path / "files", data_files.bundle(mutant, STANDARD))
    (folder / "layout.toml").unlink()
    assert run(str(folder / "jumin.csv"), "--unit", "juki")[0] == 0
    assert run(str(folder / "jumin.csv"), "--unit", "jukki")[0] == 2
    (folder / "jumin.csv").write_bytes(b"\xff\xfe\xff")
    assert run(str(folder / "jumin.csv"), "--unit", "juki")[0] == 1


HOSTILE = (
    "[" * 5000, "unit = 5", 'unit = "juki"\n[files]\n"a.csv" = ["jumin"]', 'unit = "juki"\nfiles = 3', "\udcff",
    'unit = "juki"\nreference = 1\n[files]\n"a.csv" = "jumin"', 'unit = ["juki"]\nencoding = {}\nfiles = {}',
    'unit = "juki"\n[files]\n"a.csv" = "jumin"\n[[reference]]\nfile = ["a"]\nitems = [{}]\nto = 1',
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_declaration_of_any_kind_is_told_to_be_wrong(text: str) -> None:
    """What is no declaration is never an accident of the suite."""
    assert problems_of(text.encode("utf-8", "surrogateescape"), STANDARD) != ()


def test_a_report_is_written_of_data_files(tmp_path: Path) -> None:
    """Reports take data files as ``judge`` does; what failed stands in it with its line, and no value does."""
    mutant = next(one for one in data_files.load() if one.id == "F-709")
    folder = written(tmp_path / "files", data_files.bundle(mutant, STANDARD))
    report = tmp_path / "report.json"
    done = CliRunner().invoke(app, ["report", str(folder), "--out", str(report), "--format", "json"])
    assert done.exit_code == 1
    failed = [one for one in json.loads(report.read_text("utf-8"))["verdicts"] if one["outcome"] == "fail"]
    assert [one["id"] for one in failed] == ["LAY-105"]
    assert "2 /jumin/juminshubetsu" in json.dumps(failed)


def test_a_recording_that_ends_early_is_not_held_against_anybody() -> None:
    """Without the last part a recording lacks evidence, where a file would fail."""
    found = dict(controls())["juki"]
    first = found.files["exchanges/1.xml"]
    recording = recorded_bundle("x", {"1": {"request": first}}, None)
    judged = judge(recording, STANDARD)
    assert judged.of("FILE-104").outcome is Outcome.MISSING
    assert judged.of("FILE-101").outcome is Outcome.PASS
    assert judge(bundled("x", {"1.xml": first}, "juki", STANDARD), STANDARD).result is Class.FAILS
