"""A site folder is read whole, and every problem of it is reported at once with file, key and line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.types import Finding, Mode
from schemas.catalog import load_edition
from tests.support.sites import change, write_secret, write_site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid site folder."""
    return write_site(tmp_path / "site")


def problems(folder: Path, *, need_secrets: bool = False) -> list[Finding]:
    """All findings of a folder."""
    try:
        load_site(folder, need_secrets=need_secrets)
    except ConfigurationError as error:
        return list(error.findings)
    return []


def only(folder: Path) -> Finding:
    """The only finding."""
    (finding,) = problems(folder)
    return finding


def test_a_valid_folder_becomes_a_site(folder: Path) -> None:
    """Endpoints carry their secrets, routes their mode, paths are absolute."""
    site = load_site(folder, need_secrets=True)
    tax = site.endpoint("990019", "tax")
    assert tax is not None
    assert (tax.unit, tax.purpose, tax.secret) == ("kojinjuminzei", "kazei", "secret-of-tax")
    assert [(route.operation, route.mode) for route in site.routes] == [
        ("juki.jumin_shokai", Mode.DIRECT),
        ("juki.ido_tsuchi", Mode.QUEUED),
    ]
    assert site.journal.path == folder / "var/journal.sqlite"
    assert site.delivery.retry_first_s == 0.05
    assert "secret-of-tax" not in repr(site)


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8480", "http://127.0.0.1:8480"),
        ("0.0.0.0:8480", "http://127.0.0.1:8480"),
        ("[::]:8480", "http://[::1]:8480"),
        ("[fd00::5]:8480", "http://[fd00::5]:8480"),
    ],
)
def test_programs_of_the_site_reach_the_bus_where_it_listens(folder: Path, listen: str, url: str) -> None:
    """An address that means every network card is reached on the loopback one."""
    path = folder / "site.toml"
    path.write_text(re.sub(r'listen = "[^"]*"', f'listen = "{listen}"', path.read_text("utf-8"), count=1), "utf-8")
    assert load_site(folder).front.url == url


def test_the_hash_follows_every_file_but_not_the_secrets(folder: Path) -> None:
    """The tables that decided a message can be told apart; a rotated secret is no other table."""
    first = load_site(folder).tables_hash
    write_secret(folder, "tax")
    assert load_site(folder).tables_hash == first
    with (folder / "rights.toml").open("a") as rights:
        rights.write("# a comment\n")
    assert load_site(folder).tables_hash != first


def test_a_whole_address_may_be_withheld(folder: Path) -> None:
    """A rule asks for an address in full; where none of it is left, the rule has nothing to ask for."""
    names = [
        item.name for item in load_edition().units["juki"].records["jumin"].items if item.name.startswith("jusho_")
    ]
    change(folder / "rights.toml", 'purposes = ["jumin"]', f'purposes = ["jumin"], withhold = {json.dumps(names)}')
    assert problems(folder) == []


def test_an_adapter_gives_its_endpoint_the_address(folder: Path) -> None:
    """The endpoint's line names the adapter; its address follows from the adapter's listen."""
    change(
        folder / "endpoints.toml",
        'purpose = "kazei", address = "http://127.0.0.1:9/soap"',
        'purpose = "kazei", adapter = "a-tax"',
    )
    (folder / "adapters.toml").write_text(
        """
[[adapter]]
id = "a-tax"
vendor = "a"
unit = "kojinjuminzei"
municipality = "990019"
endpoint = "tax"
listen = "127.0.0.1:8492"
[adapter.settings]
inbox = "var/a-tax/out"
"""
    )
    site = load_site(folder)
    tax = site.endpoint("990019", "tax")
    assert tax is not None
    assert tax.address == "http://127.0.0.1:8492/soap/990019/tax"
    assert site.adapters[0].settings == {"inbox": "var/a-tax/out"}


def test_a_byte_order_mark_and_crlf_are_accepted(folder: Path) -> None:
    """Files edited on an office computer are read as they are."""
    path = folder / "routes.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert problems(folder) == []
    change(path, 'to = ["juki"]', 'to = ["jukki"]')
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert only(folder).line == 2


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """CB7002 says where site.toml was looked for."""
    with pytest.raises(ConfigurationError) as caught:
        load_site(tmp_path / "nowhere")
    assert caught.value.code == "CB7002"


OTHER = "kojinjuminzei.shotoku_shokai"
UNROUTED = f'{{ municipality = "990019", endpoint = "kokuho", operation = "{OTHER}", purposes = ["kokuho"] }}'
CASES: dict[str, tuple[str, str, str, str, str, int]] = {
    # name: file, old text, new text, code, key path, line
    "unknown key": ("routes.toml", "deadline_s = 2", "dedline_s = 2", "CB7011", "route[0].dedline_s", 2),
    "wrong type": ("routes.toml", "deadline_s = 2", 'deadline_s = "2"', "CB7012", "route[0].deadline_s", 2),
    "out of range": ("site.toml", "sweep_s = 0.05", "sweep_s = -1", "CB7012", "delivery.sweep_s", 22),
    "no listen": ("site.toml", "127.0.0.1:0", "127.0.0.1", "CB7012", "front.listen", 10),
    "wrong mode": ("routes.toml", '"queued"', '"queue"', "CB7012", "route[1].mode", 3),
    "missing key": ("endpoints.toml", 'id = "tax", ', "", "CB7013", "endpoint[1].id", 3),
    "unknown unit": ("endpoints.toml", 'unit = "kokuho"', 'unit = "kokuhou"', "CB7014", "endpoint[2].unit", 4),
    "unknown operation": ("routes.toml", "juki.jumin_shokai", "juki.jumin_shoukai", "CB7014", "route[0].operation", 2),
    "unknown target": ("routes.toml", '["juki"]', '["jukki"]', "CB7014", "route[0].to[0]", 2),
    "unknown sender": ("routes.toml", '["juki"]', '["juki"], from = ["taxx"]', "CB7014", "route[0].from[0]", 2),
    "unknown adapter": (
        "endpoints.toml",
        'purpose = "jumin", address = "http://127.0.0.1:9/soap"',
        'adapter = "a"',
        "CB7014",
        "endpoint[0].adapter",
        2,
    ),
    "unknown municipality": (
        "routes.toml",
        '990019", operation = "juki.jumin',
        '131016", operation = "juki.jumin',
        "CB7014",
        "route[0].municipality",
        2,
    ),
    "unknown edition": ("endpoints.toml", 'purpose = "kazei"', 'edition = "2.0"', "CB7014", "endpoint[1].edition", 3),
    "unknown endpoint of a right": (
        "rights.toml",
        '"kokuho", operation',
        '"kokuhoo", operation',
        "CB7014",
        "right[3].endpoint",
        5,
    ),
    "unknown withheld item": (
        "rights.toml",
        'purposes = ["jumin"]',
        'purposes = ["jumin"], withhold = ["juminhyo"]',
        "CB7014",
        "right[1].withhold",
        3,
    ),
    "check digit": ("site.toml", 'code = "990019"', 'code = "990018"', "CB7016", "municipality[0].code", 6),
    "endpoint twice": ("endpoints.toml", 'id = "kokuho"', 'id = "tax"', "CB7015", "endpoint[2].id", 4),
    "no right": (
        "rights.toml",
        'operation = "juki.jumin_shokai"',
        'operation = "juki.setai_shokai"',
        "CB7017",
        "route[0].operation",
        2,
    ),
    "no route": ("rights.toml", "right = [", f"right = [ {UNROUTED},", "CB7018", "right[0].operation", 1),
    "receiver without a right": (
        "rights.toml",
        '"kokuho", operation = "juki.ido_tsuchi"',
        '"kokuho", operation = "juki.jumin_shokai"',
        "CB7017",
        "route[1].to[1]",
        3,
    ),
    "no targets": ("routes.toml", '["tax", "kokuho"]', "[]", "CB7019", "route[1].to", 3),
    "no address": (
        "endpoints.toml",
        'purpose = "kokuho", address = "http://127.0.0.1:9/soap"',
        'purpose = "kokuho"',
        "CB7020",
        "route[1].to[1]",
        3,
    ),
    "purpose not allowed": ("rights.toml", '["kokuho"]', '["zaimu"]', "CB7021", "right[3].purposes[0]", 5),
    "purpose star": ("rights.toml", '["kokuho"]', '["*"]', "CB7021", "right[3].purposes[0]", 5),
    "unknown purpose": (
        "endpoints.toml",
        'purpose = "kokuho"',
        'purpose = "kokuhoo"',
        "CB7021",
        "endpoint[2].purpose",
        4,
    ),
    "inquiry queued": ("routes.toml", '"direct"', '"queued"', "CB7024", "route[0].mode", 2),
    "inquiry to the wrong unit": ("routes.toml", '["juki"]', '["tax"]', "CB7024", "route[0].to[0]", 2),
    "mandatory item withheld": (
        "rights.toml",
        'purposes = ["jumin"]',
        'purposes = ["jumin"], withhold = ["atenabango"]',
        "CB7024",
        "right[1].withhold",
        3,
    ),
    "part of an address withheld": (
        "rights.toml",
        'purposes = ["jumin"]',
        'purposes = ["jumin"], withhold = ["jusho_choaza"]',
        "CB7024",
        "right[1].withhold",
        3,
    ),
    "no TOML": ("rights.toml", "right = [", "right = [[", "CB7010", "rights.toml", 0),
    "other engine": ("site.toml", '"sqlite"', '"postgres"', "CB7012", "journal.engine", 13),
    "other broker": ("site.toml", '"memory"', '"rabbit"', "CB7012", "broker.engine", 17),
    "too short a lease": ("site.toml", 'engine = "sqlite"', "lease_s = 1", "CB7012", "journal.lease_s", 13),
    "no database": ("site.toml", '"sqlite"', '"postgresql"', "CB7013", "journal.dsn", 12),
    "secret in the DSN": (
        "site.toml",
        'engine = "sqlite"',
        'dsn = "host=/run/db password=x"',
        "CB7064",
        "journal.dsn",
        13,
    ),
    "database in the open": (
        "site.toml",
        'engine = "sqlite"',
        'dsn = "host=db.example dbname=x"',
        "CB7065",
        "journal.dsn",
        13,
    ),
    "schema": ("site.toml", 'engine = "sqlite"', 'schema = "Größe"', "CB7012", "journal.schema", 13),
}


WITH_CONSEQUENCES = {
    "missing key",
    "endpoint twice",
    "check digit",
    "unknown endpoint of a right",
}  # other files refer to the spoilt name


@pytest.mark.parametrize("case", CASES)
def test_one_spoilt_line_is_one_finding_at_its_place(folder: Path, case: str) -> None:
    """Code, key path and line name the spoilt place, whatever is wrong with it."""
    file, old, new, code, path, line = CASES[case]
    change(folder / file, old, new)
    findings = problems(folder)
    if case in WITH_CONSEQUENCES:
        findings = [finding for finding in findings if finding.code == code and finding.path.endswith(path)]
    finding = only_of(findings, code)
    assert finding.code == code
    assert finding.path.endswith(path)
    assert finding.path.startswith(file) or code in {"CB7017", "CB7020"}
    assert finding.line == line or line == 0


def only_of(findings: list[Finding], code: str) -> Finding:
    """The only finding; its code is compared first so that a failure shows all of them."""
    assert [finding.code for finding in findings] == [code], findings
    return findings[0]


def test_the_nearest_known_name_is_offered(folder: Path) -> None:
    """A misspelling names what was probably meant."""
    change(folder / "routes.toml", "juki.jumin_shokai", "juki.jumin_shoukai")
    assert only(folder).expected == "juki.jumin_shokai?"


def test_one_purpose_of_one_operation_is_allowed_once(folder: Path) -> None:
    """Two rows of an endpoint for different purposes are two rights; the same purpose twice is a finding."""
    row = '{ municipality = "990019", endpoint = "tax", operation = "juki.jumin_shokai", purposes = ["PURPOSE"] },'
    change(folder / "rights.toml", "right = [", "right = [" + row.replace("PURPOSE", "shuno"))
    assert only(folder).code == "CB2051", "the standard discloses nothing to the tax for another's purpose"
    change(folder / "rights.toml", '"shuno"', '"kazei"')
    assert only(folder).code == "CB7015"


def test_all_problems_are_reported_at_once_in_the_order_of_the_files(folder: Path) -> None:
    """One run shows everything: nobody mends a folder in ten rounds."""
    change(folder / "site.toml", 'name = "試験の町"', "nam = 1")
    change(folder / "endpoints.toml", 'unit = "kokuho"', 'unit = "kokuhou"')
    change(folder / "routes.toml", '["juki"]', '["jukki"]')
    change(folder / "rights.toml", '["kokuho"]', '["*"]')
    assert [(finding.path.partition(":")[0], finding.code) for finding in problems(folder)] == [
        ("site.toml", "CB7013"),
        ("site.toml", "CB7011"),
        ("endpoints.toml", "CB7014"),
        ("routes.toml", "CB7014"),
        ("rights.toml", "CB7021"),
    ]


def test_a_broken_file_does_not_hide_the_problems_of_the_others(folder: Path) -> None:
    """What can be judged without the unreadable file is judged; what depends on it is not guessed."""
    (folder / "rights.toml").write_text("right = [")
    change(folder / "endpoints.toml", 'purpose = "kokuho"', 'purpos = "kokuho"')
    assert [finding.code for finding in problems(folder)] == ["CB7011", "CB7010"]


def test_a_file_that_is_not_utf8_is_named_with_its_line(folder: Path) -> None:
    """An editor that saved CP932 is found out."""
    path = folder / "site.toml"
    path.write_bytes(path.read_text("utf-8").encode("cp932"))
    finding = problems(folder)[0]
    assert (finding.code, finding.path, finding.line) == ("CB7010", "site.toml", 2)


def test_missing_secrets_count_only_where_they_are_needed(folder: Path) -> None:
    """A folder may be checked before its secrets are created."""
    (folder / "secrets/990019-tax.key").unlink()
    assert problems(folder) == []
    finding = only_of(problems(folder, need_secrets=True), "CB7022")
    assert finding.expected == "secrets/990019-tax.key"


def test_a_secret_that_others_can_read_is_a_finding(folder: Path) -> None:
    """Mode 600 is asked for."""
    (folder / "secrets/990019-tax.key").chmod(0o644)
    assert only(folder).code == "CB7025"


def test_a_folder_that_cannot_be_written_is_a_finding(folder: Path) -> None:
    """The journal's folder is probed before anything starts."""
    (folder / "var").write_text("a file where a folder should be")
    assert {finding.code for finding in problems(folder)} == {"CB7023"}


def test_two_processes_on_one_address_are_a_finding(folder: Path) -> None:
    """The front and every adapter need an address of their own."""
    change(folder / "site.toml", "127.0.0.1:0", "127.0.0.1:8480")
    adapter = """
[[adapter]]
id = "{id}"
vendor = "a"
unit = "juki"
municipality = "990019"
listen = "127.0.0.1:{port}"
"""
    text = "".join(
        adapter.replace("{id}", name).replace("{port}", port)
        for name, port in (("a", "8480"), ("b", "8491"), ("c", "8491"))
    )
    (folder / "adapters.toml").write_text(text)
    assert [(finding.code, finding.path) for finding in problems(folder)] == [
        ("CB7015", "adapters.toml: adapter[0].listen"),
        ("CB7015", "adapters.toml: adapter[2].listen"),
    ]


def test_an_adapter_that_stands_for_another_endpoint_is_a_contradiction(folder: Path) -> None:
    """The vendor switch is one changed line, and a wrong one is told."""
    change(
        folder / "endpoints.toml",
        'purpose = "kazei", address = "http://127.0.0.1:9/soap"',
        'purpose = "kazei", adapter = "a-juki"',
    )
    (folder / "adapters.toml").write_text(
        '[[adapter]]\nid = "a-juki"\nvendor = "a"\nunit = "juki"\nmunicipality = "990019"\nendpoint = "juki"\n'
        'listen = "127.0.0.1:8491"\n'
    )
    assert only_of(problems(folder), "CB7024").path == "endpoints.toml: endpoint[1].adapter"


def test_the_wrong_standard_stops_with_its_own_code(folder: Path) -> None:
    """An edition that is not there is CB7003."""
    change(folder / "site.toml", 'edition = "1.0"', 'edition = "9.9"')
    with pytest.raises(ConfigurationError) as caught:
        load_site(folder)
    assert caught.value.code == "CB7003"


def test_a_repertoire_is_read_by_name_or_from_a_list(folder: Path) -> None:
    """An unknown name gets the nearest known one; a list with a wrong line is named with it."""
    tax = 'id = "tax", '
    change(folder / "endpoints.toml", tax, f'{tax}repertoire = "jisx0213", ')
    endpoint = load_site(folder).endpoint("990019", "tax")
    assert endpoint is not None
    assert endpoint.repertoire is not None
    assert endpoint.repertoire.name == "jisx0213"
    change(folder / "endpoints.toml", '"jisx0213"', '"jisx0214"')
    assert "jisx0213" in only(folder).expected
    change(folder / "endpoints.toml", '"jisx0214"', '"own.txt"')
    (folder / "own.txt").write_text("U+3042\nnonsense\n", encoding="utf-8")
    assert "own.txt:2" in only(folder).got


def test_the_mixing_guard_exempts_items_that_there_are(folder: Path) -> None:
    """A misspelt exemption would exempt nothing and look as if it did."""
    site_toml = folder / "site.toml"
    site_toml.write_text(site_toml.read_text("utf-8") + '\n[guard]\nexempt = ["atenabango"]\njuminhyokodo = "digits"\n')
    guard = load_site(folder).guard
    assert (guard.exempt, guard.resident_code) == (frozenset({"atenabango"}), "digits")
    change(site_toml, '"atenabango"', '"atenabangou"')
    finding = only(folder)
    assert (finding.code, finding.got) == ("CB7014", "atenabangou")
