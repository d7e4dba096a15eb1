"""``chiikibus check`` on the certificates of TLS: what has ended, what ends soon, and who would never be let in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus.core.channel import Binding, Caller, TlsClient, TlsMaterial, TlsServer
from bus.core.config import load_site
from bus.core.settings import AdapterSpec, Site
from bus.ops.certificate_maker import DAY, Authority, Made
from bus.ops.tls_check import tls_findings
from tests.cli.conftest import Cli
from tests.support.pki import HERE, NOW, pki, write
from tests.support.sites import change, write_site

Where = tuple[str, str]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site without TLS."""
    return load_site(write_site(tmp_path_factory.mktemp("site")))


def front(made: Made | None = None, **more: Any) -> TlsServer:
    """A listener."""
    shown = made or pki().server()
    return TlsServer(
        "127.0.0.1", 8443, replace(TlsMaterial(shown.certificate, shown.key, authorities=pki().clients.pem), **more)
    )


def found(site: Site, now: float = NOW) -> tuple[list[Where], list[Where]]:
    """Code and place of problems and of warnings."""
    problems, warnings = tls_findings(site, now)
    return [(each.code, each.path) for each in problems], [(each.code, each.path) for each in warnings]


def listening(site: Site, tls: TlsServer) -> Site:
    """The site with this listener."""
    return replace(site, front=replace(site.front, tls=tls))


CERTIFICATE = "site.toml: front.tls.certificate"


@pytest.mark.parametrize(
    ("days", "problems", "warnings", "threshold"),
    [
        (365, [], [], ""),
        (60.5, [], [], ""),
        (59.5, [], ["CB7047"], "60"),
        (29.5, [], ["CB7047"], "30"),
        (6.5, [], ["CB7047"], "7"),
        (-0.5, ["CB7044"], [], ""),
    ],
)
def test_an_end_is_announced_60_30_and_7_days_before(
    plain: Site, days: float, problems: list[str], warnings: list[str], threshold: str
) -> None:
    """With the days that are left; afterwards it is a problem."""
    made = pki().servers.issue("bus", names=HERE, from_s=-2 * DAY, days=days + 2)
    site = listening(plain, front(made))
    assert found(site) == ([(code, CERTIFICATE) for code in problems], [(code, CERTIFICATE) for code in warnings])
    if warnings:
        (warning,) = tls_findings(site, NOW)[1]
        assert warning.got.startswith(f"{int(days)} ")
        assert warning.expected.startswith(f"> {threshold} ")


def test_what_is_not_valid_yet_is_a_problem_of_its_own(plain: Site) -> None:
    """It may be the clock."""
    site = listening(plain, front(pki().servers.issue("bus", names=HERE, from_s=DAY)))
    assert found(site) == ([("CB7045", CERTIFICATE)], [])


def test_every_table_of_the_site_is_looked_at(plain: Site) -> None:
    """Calls of the site, calls to one endpoint, adapters; one file that several tables use is reported once."""
    old = pki().clients.issue("bus", purposes=("client_auth",), from_s=-2 * DAY, days=1)
    other = pki().clients.issue("other", purposes=("client_auth",), from_s=-2 * DAY, days=1)
    common = TlsClient(TlsMaterial(old.certificate, old.key))
    own = TlsClient(TlsMaterial(other.certificate, other.key), "tax.example")
    endpoints = tuple(replace(each, tls=own if each.id == "tax" else common) for each in plain.endpoints)
    third = pki().servers.issue("a", names=HERE, purposes=("server_auth", "client_auth"), from_s=-2 * DAY, days=1)
    adapter = AdapterSpec("a", "a", "juki", "990019", "127.0.0.1", 1, tls=front(third))
    site = replace(plain, outgoing=common, endpoints=endpoints, adapters=(adapter,))
    problems, warnings = found(site)
    assert problems == [
        ("CB7044", "site.toml: delivery.tls.certificate"),
        ("CB7044", "endpoints.toml: endpoint[1].tls (990019/tax).certificate"),
        ("CB7044", "adapters.toml: adapter[0].tls (a).certificate"),
    ]
    assert warnings == []


def test_an_old_authority_is_a_problem_only_where_there_is_no_other(plain: Site) -> None:
    """During a change both stand in the file; an intermediate behind the own certificate has to be current."""
    old = Authority("old", NOW, days=-0.01)
    assert found(listening(plain, front(authorities=old.pem + pki().clients.pem))) == (
        [],
        [("CB7044", "site.toml: front.tls.client_ca")],
    )
    assert found(listening(plain, front(authorities=old.pem))) == ([("CB7044", "site.toml: front.tls.client_ca")], [])
    between = Authority("between", NOW, days=-0.01, above=pki().servers)
    made = between.issue("bus", names=HERE)
    behind = replace(made, certificate=made.certificate + between.pem)
    assert found(listening(plain, front(behind))) == ([("CB7044", CERTIFICATE)], [])


@pytest.mark.parametrize(
    ("days", "stale", "problems", "warnings"),
    [(30, "refuse", 0, 0), (2, "refuse", 0, 1), (-1, "refuse", 1, 0), (-1, "accept", 0, 1)],
)
def test_a_revocation_list_that_ends_is_announced(
    plain: Site, days: float, stale: str, problems: int, warnings: int
) -> None:
    """Where an old list refuses everybody it is a problem; of two lists in a file the newer one speaks."""
    lists = pki().clients.revocation_list(days=days + 9, from_s=-9 * DAY)
    older = pki().clients.revocation_list(days=1, from_s=-20 * DAY)
    expected = ("CB7049", "site.toml: front.tls.crl[0]")
    for content in (lists, lists + older):
        site = listening(plain, front(lists=(content,), stale_lists=stale))
        assert found(site) == ([expected] * problems, [expected] * warnings)


def bound(site: Site, folder: Path, *made: Made, more: tuple[Binding, ...] = ()) -> Site:
    """The tax office with these certificates as files, and a listener."""
    bindings = []
    for number, each in enumerate(made):
        write(folder, f"tax-{number}", each)
        bindings.append(Binding(sha256=str(number), file=f"tax-{number}.pem"))
    caller = Caller("certificate", certificates=(*bindings, *more))
    endpoints = tuple(replace(each, caller=caller) if each.id == "tax" else each for each in site.endpoints)
    return listening(replace(site, folder=folder, endpoints=endpoints), front())


def test_certificates_of_callers_are_looked_at(plain: Site, tmp_path: Path) -> None:
    """An old one beside a current one only warns; one that the listener would never let in has a code of its own."""
    place = "endpoints.toml: caller.certificates (990019/tax) tax-"
    old, good = pki().bad_client("expired"), pki().client()
    stranger, usage = pki().bad_client("wrong authority"), pki().bad_client("wrong usage")
    assert found(bound(plain, tmp_path, good)) == ([], [])
    assert found(bound(plain, tmp_path, old)) == ([("CB7044", f"{place}0.pem")], [])
    assert found(bound(plain, tmp_path, old, good)) == ([], [("CB7044", f"{place}0.pem")])
    assert found(bound(plain, tmp_path, old, more=(Binding(sha256="x"),))) == ([], [("CB7044", f"{place}0.pem")])
    assert found(bound(plain, tmp_path, stranger)) == ([], [("CB7050", f"{place}0.pem")])
    assert found(bound(plain, tmp_path, usage)) == ([("CB7050", f"{place}0.pem")], [])


@pytest.mark.slow
def test_check_shows_them(cli: Cli, folder: Path) -> None:
    """Problems end with exit 2, warnings with 0; both stand in the document and in the text."""
    made = cli("tls", "create", "--site", folder, "--endpoint", "tax", "--json").document
    with (folder / "site.toml").open("a", encoding="utf-8") as file:
        file.write(made["site_toml"])
    line = made["endpoints_toml"].splitlines()[1]
    change(folder / "endpoints.toml", 'purpose = "kazei"', f'purpose = "kazei", {line}')
    assert "warnings" not in cli("check", "--site", folder, "--json").document
    for days, code in ((20, 0), (-0.5, 2)):
        ends = pki().clients.issue("bus", purposes=("client_auth",), from_s=-2 * DAY, days=days + 2)
        for kind, content in (("pem", ends.certificate), ("key", ends.key)):
            (folder / f"tls/test-only-bus-client.{kind}").write_bytes(content)
        checked = cli("check", "--site", folder, "--json")
        assert checked.code == code
        where = checked.document["findings" if code else "warnings"]
        assert [(each["code"], each["path"]) for each in where] == [
            ("CB7044" if code else "CB7047", "site.toml: delivery.tls.certificate")
        ]
        text = cli("check", "--site", folder)
        assert where[0]["code"] in text.out + text.err
