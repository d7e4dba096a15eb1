"""``console.toml``: every problem at once, nobody by accident."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bus.cli import run
from bus.console.passwords import hashed, matches, well_formed
from bus.console.people import Right, read_console
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from tests.support.sites import write_site


def read(folder: Path, text: str) -> object:
    """The settings of this text."""
    (folder / "console.toml").write_text(text, "utf-8")
    return read_console(load_site(folder))


@pytest.mark.slow
def test_a_person_has_the_rights_and_places_that_are_named(tmp_path: Path, stored: str) -> None:
    """Without rights: metadata alone. Places have to be named; a star is all of the site."""
    write_site(tmp_path)
    read(tmp_path, f'[[person]]\nname = "a"\npassword = "{stored}"\nmunicipalities = ["990019"]\n')
    settings = read_console(load_site(tmp_path))
    (person,) = settings.people.values()
    assert (person.rights, person.municipalities) == (frozenset({Right.METADATA}), ("990019",))
    assert (settings.host, settings.certificate) == ("127.0.0.1", None)
    assert stored not in repr(settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", {"CB7013"}),
        ('[[person]]\nname = "a b"\npassword = "plain"\nrights = ["bdy"]\nmunicipalities = ["990020"]\n',
         {"CB7012", "CB7014"}),
        ('[console]\nlisten = "0.0.0.0:8490"\ncertificate = "c.pem"\nidel_minutes = 3\n[[person]]\nname = "a"\n',
         {"CB7024", "CB7011", "CB7013"}),
        ('[console]\nlisten = "0.0.0.0:8490"\n[[person]]\nname = "a"\n', {"CB7024", "CB7013"}),
        ("[[person", {"CB7010"}),
    ],
)  # fmt: skip
def test_every_problem_is_told_at_once(tmp_path: Path, text: str, codes: set[str]) -> None:
    """Unknown rights and places, a password that is one, a listener for others without TLS, a misspelt key."""
    write_site(tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, text)
    assert codes <= {finding.code for finding in refused.value.findings}
    assert all(finding.got != "plain" for finding in refused.value.findings)


@pytest.mark.slow
def test_a_site_without_console_is_told(tmp_path: Path) -> None:
    """The file is missing: CB7010 in CB7001."""
    write_site(tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        read_console(load_site(tmp_path))
    assert refused.value.findings[0].code == "CB7010"


@pytest.mark.slow
def test_a_password_matches_itself_alone() -> None:
    """Two lines of one password differ, both match; another does not."""
    one, two = hashed("correct horse"), hashed("correct horse")
    assert one != two
    assert matches("correct horse", one)
    assert matches("correct horse", two)
    assert not matches("correct horsf", one)
    assert well_formed(one)
    assert not any(
        well_formed(text) for text in ("", "scrypt:15:a", "scrypt:15:YQ==:YQ==", one.replace("15", "4"), "x:y")
    )


@pytest.mark.slow
def test_the_check_of_a_site_looks_at_the_console_too(
    tmp_path: Path, stored: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A right that is misspelt is told with the nearest one; a good file and no file are silent."""
    write_site(tmp_path)
    (tmp_path / "var").mkdir(exist_ok=True)
    assert run(["check", "--site", str(tmp_path), "--json"]) == 0
    good = f'[[person]]\nname = "a"\npassword = "{stored}"\nmunicipalities = ["990019"]\n'
    (tmp_path / "console.toml").write_text(good, "utf-8")
    assert run(["check", "--site", str(tmp_path), "--json"]) == 0
    capsys.readouterr()
    (tmp_path / "console.toml").write_text(good + 'rights = ["metadata", "bdy"]\n', "utf-8")
    assert run(["check", "--site", str(tmp_path), "--json"]) == 2
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["code"], finding["expected"]) == ("CB7014", "body?")
