"""``chiikibus tls create``: certificates for trying out that a bus, an endpoint and an adapter can use at once."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.core.certificates import issued_by, read_certificates, read_revocation_lists
from bus.core.config import load_site
from bus.ops.certificate_maker import MARK
from tests.cli.conftest import Cli, Result
from tests.support.network import free_port
from tests.support.pki import pki
from tests.support.residents import ATENABANGO
from tests.support.sites import change
from tests.support.town import RunningTown, running_town

TAX = "990019/tax"


def use(folder: Path, made: dict[str, str], port: int = 8443) -> None:
    """Put the settings where the command says."""
    text = made["site_toml"].replace("8443", str(port))
    with (folder / "site.toml").open("a", encoding="utf-8") as file:
        file.write(text)
    line = made["endpoints_toml"].splitlines()[1]
    change(folder / "endpoints.toml", 'purpose = "kazei"', f'purpose = "kazei", {line}')


def test_everything_made_says_that_it_is_for_tests(cli: Cli, folder: Path) -> None:
    """File names and subjects; keys are readable by their owner only; the list speaks for the authority."""
    made = cli("tls", "create", "--site", folder, "--endpoint", TAX, "--json").document
    assert made["kept"] == []
    for name in made["files"]:
        assert Path(name).name.startswith("test-only-")
        if name.endswith(".key"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        if name.endswith(".pem"):
            (certificate,) = read_certificates((folder / name).read_bytes())
            assert MARK in certificate.subject
    (authority,) = read_certificates((folder / "tls/test-only-ca.pem").read_bytes())
    (leaf,) = read_certificates((folder / "tls/test-only-990019-tax.pem").read_bytes())
    assert issued_by(leaf, authority)
    assert leaf.purposes == {"server_auth", "client_auth"}
    assert read_revocation_lists((folder / "tls/test-only-ca.crl").read_bytes())[0].issuer == authority.subject


@pytest.mark.slow
def test_the_settings_that_are_shown_are_valid(cli: Cli, folder: Path) -> None:
    """Pasted where the command says, ``check`` has nothing to say."""
    found = cli("tls", "create", "--site", folder, "--endpoint", TAX, "--name", "bus.example", "--name", "192.0.2.1")
    assert found.code == 0
    text = (folder / "tls/test-only-site.toml").read_text("utf-8")
    assert text in found.out
    line = next(line for line in found.out.splitlines() if line.startswith("caller = "))
    use(folder, {"site_toml": text, "endpoints_toml": f"#\n{line}"})
    assert cli("check", "--site", folder).code == 0
    tls = load_site(folder).front.tls
    assert tls is not None
    names = read_certificates(tls.material.certificate)[0].names
    assert names == ("dns:localhost", "ip:127.0.0.1", "ip:::1", "dns:bus.example", "ip:192.0.2.1")


def test_a_later_run_makes_only_what_is_missing(cli: Cli, folder: Path) -> None:
    """Nothing is overwritten; the kept authority issues for other endpoints and a second certificate beside a first."""
    cli("tls", "create", "--site", folder, "--endpoint", TAX)
    before = {path: path.read_bytes() for path in (folder / "tls").iterdir()}
    again = cli("tls", "create", "--site", folder, "--endpoint", TAX, "--json")
    assert (again.code, again.document["error"]["findings"][0]["code"]) == (2, "CB7015")
    more = cli("tls", "create", "--site", folder, "--endpoint", TAX, "--endpoint", "juki", "--label", "2027", "--json")
    names = ["990019-tax-2027", "990019-juki-2027"]
    assert more.document["files"] == [f"tls/test-only-{name}.{kind}" for name in names for kind in ("pem", "key")]
    assert {path: path.read_bytes() for path in before} == before
    (authority,) = read_certificates((folder / "tls/test-only-ca.pem").read_bytes())
    for name in ("tax", "tax-2027", "juki-2027"):
        assert issued_by(read_certificates((folder / f"tls/test-only-990019-{name}.pem").read_bytes())[0], authority)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [("remove", "CB7040"), ("another", "CB7041"), ("label", "CB7030"), ("name", "CB7030"), ("endpoint", "CB7014")],
)
def test_what_cannot_be_done_is_said(cli: Cli, folder: Path, spoil: str, code: str) -> None:
    """An authority without its key issues nothing; names end in no other folder and no strange certificate."""
    arguments = {"label": ["--label", "../x"], "name": ["--name", "bus example"], "endpoint": ["--endpoint", "nobody"]}
    cli("tls", "create", "--site", folder)
    key = folder / "tls/test-only-ca.key"
    if spoil == "remove":
        key.unlink()
    if spoil == "another":
        key.write_bytes(pki().client().key)
    before = sorted((folder / "tls").iterdir())
    found = cli("tls", "create", "--site", folder, "--json", *arguments.get(spoil, ["--endpoint", TAX]))
    error = found.document["error"]
    assert found.code == 2
    assert error["findings"][0]["code"] == code
    assert sorted((folder / "tls").iterdir()) == before


@pytest.fixture
def protected(tmp_path: Path, cli: Cli) -> Iterator[RunningTown]:
    """A running town whose tax office is known by the certificate that was made for it."""

    def prepare(folder: Path) -> None:
        made = cli("tls", "create", "--site", folder, "--endpoint", TAX, "--json").document
        use(folder, made, free_port())

    with running_town(tmp_path / "site", prepare) as running:
        yield running


def ask(cli: Cli, folder: Path, sender: str, *more: str | Path) -> Result:
    """One inquiry over the command line."""
    question = ("juki.jumin_shokai", f"atenabango={ATENABANGO}", "kijunbi=2026-01-01")
    return cli("send", "--site", folder, "--as", sender, *question, "--json", *more)


@pytest.mark.slow
def test_a_bus_with_them_answers_over_tls(cli: Cli, protected: RunningTown) -> None:
    """The certificate lets in and the site's own certificate is trusted; without or with another one nothing works."""
    folder = protected.folder
    shown = ("--certificate", folder / "tls/test-only-990019-tax.pem", "--key", folder / "tls/test-only-990019-tax.key")
    answered = ask(cli, folder, "tax", *shown)
    assert (answered.code, answered.document["ok"]) == (0, True)
    assert ask(cli, folder, "tax", *shown, "--ca", folder / "tls/test-only-ca.pem").code == 0
    assert ask(cli, folder, "tax").document["error"]["code"] == "CB7030"
    assert ask(cli, folder, "tax", *shown[:2]).document["error"]["code"] == "CB7030"
    (folder / "stranger.pem").write_bytes(pki().servers.pem)
    strange = ask(cli, folder, "tax", *shown, "--ca", folder / "stranger.pem")
    assert (strange.code, strange.document["error"]["code"]) == (3, "CB9006")
    others = pki().client("tax")
    (folder / "other.pem").write_bytes(others.certificate)
    (folder / "other.key").write_bytes(others.key)
    refused = ask(cli, folder, "tax", "--certificate", folder / "other.pem", "--key", folder / "other.key")
    assert (refused.code, refused.document["error"]["code"]) == (3, "CB9006")
    assert ask(cli, folder, "kokuho").document["fault"]["code"] == "CB2002"  # over the plain listener, as before


@pytest.mark.slow
def test_explain_connects_to_that_bus(cli: Cli, protected: RunningTown) -> None:
    """The vendor's side with its files, the operator's side by judging them."""
    folder = protected.folder
    assert protected.app.tls_address is not None
    shown = ("--certificate", folder / "tls/test-only-990019-tax.pem", "--key", folder / "tls/test-only-990019-tax.key")
    calling = ("--address", f"127.0.0.1:{protected.app.tls_address[1]}", "--ca", folder / "tls/test-only-ca.pem")
    found = cli("tls", "explain", *calling, *shown, "--json")
    assert (found.code, found.document["client"]) == (0, "accepted")
    assert found.document["skew_s"] is None or abs(found.document["skew_s"]) < 60
    assert cli("tls", "explain", "--site", folder, "--from", "tax", *shown[:2]).code == 0
