"""The suite is not easily pleased: each kind of flaw in a definition or sample makes a check fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.mapping.conversions.dates import Stamp
from adapters.suite.check_samples import check_samples
from adapters.suite.check_values import check_values
from adapters.suite.generate import all_carried
from adapters.suite.run import CHECKS, run_suite
from adapters.suite.subject import VENDORS, load_subject
from bus.core.errors import ConfigurationError
from schemas.catalog import load_edition


def copy(tmp_path: Path, name: str = "a/juki") -> Path:
    """A copy of a shipped definition that may be spoilt."""
    return Path(shutil.copytree(VENDORS / name, tmp_path / "copy"))


def replace(path: Path, old: bytes, new: bytes) -> None:
    """Change the first place of a file."""
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def failed(folder: Path) -> set[str]:
    """The checks on samples and values that a definition fails."""
    subject = load_subject(folder, load_edition())
    known = {pair.name: all_carried(pair.mapping, pair.codec(), 1) for pair in subject.pairs}
    found = [*check_samples(subject), *check_values(subject, known, 1, 5)]
    return {one.check for one in found if not one.ok}


def test_an_unspoilt_copy_passes_and_meets_every_check(tmp_path: Path) -> None:
    """A folder outside the package is judged like one inside; vendor A's juki gives each check something to judge."""
    found = run_suite(load_subject(copy(tmp_path), load_edition()), records=5)
    assert all(one.ok for one in found)
    assert {one.check for one in found} == set(CHECKS)


def test_a_definition_without_samples_does_not_pass(tmp_path: Path) -> None:
    """Nothing real was shown."""
    folder = copy(tmp_path, "b/kojinjuminzei")
    shutil.rmtree(folder / "samples")
    found = run_suite(load_subject(folder, load_edition()), records=5)
    assert [one.check for one in found if not one.ok] == ["samples", "golden-complete"]


def _sample_byte(folder: Path) -> None:
    replace(folder / "samples" / "jumin.dat", "総務翔子".encode("cp932"), "総務翔太".encode("cp932"))


def _golden(folder: Path) -> None:
    replace(folder / "samples" / "jumin.xml", "総務　翔子".encode(), "総務　翔太".encode())


def _truncated(folder: Path) -> None:
    path = folder / "samples" / "jumin.dat"
    path.write_bytes(path.read_bytes()[:-10])


def _unregistered(folder: Path) -> None:
    path = folder / "samples" / "gaiji.csv"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def _code_row(folder: Path) -> None:
    path = folder / "codes" / "ido_jiyu.csv"
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(rows[:-1]), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_sample_byte, {"golden-to-standard", "golden-to-vendor"}),
        (_golden, {"golden-to-standard", "golden-to-vendor"}),
        (_truncated, {"sample-bytes"}),
        (_unregistered, {"sample-bytes"}),
        (_code_row, {"code-table"}),
    ],
)
def test_a_flaw_is_noticed_by_its_check(tmp_path: Path, spoil: Callable[[Path], None], expected: set[str]) -> None:
    """Wrong sample, wrong golden record, truncated file, missing decision, missing code."""
    folder = copy(tmp_path)
    spoil(folder)
    assert expected <= failed(folder)


def test_a_conversion_that_forgets_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A date conversion that says it is exact and loses the day."""
    folder = copy(tmp_path, "b/kojinjuminzei")
    monkeypatch.setattr(Stamp, "forward", lambda _self, value: f"{value[:4]}-{value[5:7]}-01")
    assert "inverse" in failed(folder)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("mapping/jumin.toml", b'conversion = "copy"', b'conversion = "copi"'),
        ("mapping/jumin.toml", b"layout/jumin.toml", b"layout/jumim.toml"),
        ("layout/jumin.toml", b"bytes = ", b"bites = "),
        ("adapter.toml", b'kind = "file-to-bus"', b'kind = "file-to-buss"'),
        ("adapter.toml", b'layout = "layout/jumin.toml"', b'layout = "layout/setai_shokai.toml"'),
        ("samples/samples.toml", b'file = "jumin.dat"', b'file = "jumin.da"'),
        ("samples/samples.toml", b'layout = "layout/jumin.toml"', b'layout = "x.toml"'),
        ("samples/samples.toml", b'mapping = "mapping/jumin.toml"', b'mapping = "x.toml"'),
        ("samples/samples.toml", b"gaiji = ", b"gaizi = "),
        ("samples/gaiji.csv", "文字同定担当".encode(), b""),
    ],
)
def test_a_definition_with_a_mistake_does_not_load(tmp_path: Path, file: str, old: bytes, new: bytes) -> None:
    """Each mistake names its file."""
    folder = copy(tmp_path)
    replace(folder / file, old, new)
    with pytest.raises(ConfigurationError) as caught:
        load_subject(folder, load_edition())
    assert any(finding.place.endswith(file) for finding in caught.value.findings)


def test_mistakes_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    """Layout, mapping and adapter in one go."""
    folder = copy(tmp_path)
    replace(folder / "adapter.toml", b"purpose", b"porpoise")
    replace(folder / "mapping/setai_shokai.toml", b"conversion", b"convertion")
    replace(folder / "layout/jumin_shokai.toml", b"record_bytes", b"record_bits")
    with pytest.raises(ConfigurationError) as caught:
        load_subject(folder, load_edition())
    places = " ".join(finding.place for finding in caught.value.findings)
    assert all(name in places for name in ("adapter.toml", "setai_shokai.toml", "jumin_shokai.toml"))
