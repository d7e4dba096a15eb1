"""Routes that ask for a statement of conformity: what the site has to hold, and what is said where it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.statements import at_this_time, lapsed, next_change, with_lapsed
from bus.ops.explain import explain
from conformance.signing import sign
from schemas.catalog import load_edition
from schemas.statements import JAPAN, address_digest, written
from tests.support.sites import change, write_site
from tests.support.statements import STATED, authority, signed, signer

pytestmark = pytest.mark.slow
NOW = datetime(2026, 7, 1, tzinfo=JAPAN).timestamp()
DAY_S = 24 * 3600
KEY = "990019/juki"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site whose route to juki asks for a statement, with a trusted signer and none of its statements yet."""
    made = write_site(tmp_path / "site")
    change(made / "routes.toml", 'mode = "direct"', 'mode = "direct", require_statement = true')
    (made / "statements" / "trusted").mkdir(parents=True)
    (made / "statements" / "trusted" / "signer.crt").write_bytes(signer()[1])
    return made


def put(folder: Path, raw: bytes, name: str = "juki.json") -> None:
    """Lay a statement into the site folder."""
    (folder / "statements" / name).write_bytes(raw)


def codes(folder: Path) -> list[str]:
    """What is wrong with the site."""
    with pytest.raises(ConfigurationError) as caught:
        load_site(folder)
    return [one.code for one in caught.value.findings]


def test_a_valid_statement_opens_the_route(folder: Path) -> None:
    """The site says until when it holds."""
    put(folder, written(signed(valid_until="2026-12-31")))
    site = load_site(folder)
    assert site.statements == {KEY: datetime(2027, 1, 1, tzinfo=JAPAN).timestamp()}
    assert not lapsed(site, NOW)


def test_of_two_statements_the_longer_one_counts(folder: Path) -> None:
    """The old one may lie beside its renewal; the hash of the tables changes with them."""
    put(folder, written(signed(valid_until="2026-12-31")))
    before = load_site(folder)
    put(folder, written(signed(valid_until="2027-12-31")), "renewed.json")
    site = load_site(folder)
    assert site.statements[KEY] == datetime(2028, 1, 1, tzinfo=JAPAN).timestamp()
    assert site.tables_hash != before.tables_hash


def test_an_authority_may_be_trusted(folder: Path) -> None:
    """Then its signers need not be named."""
    root, key, certificate = authority()
    (folder / "statements" / "trusted" / "signer.crt").write_bytes(root)
    put(folder, written(sign(STATED, key, certificate)))
    assert KEY in load_site(folder).statements


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "CB7075"),
        (written(signed()).replace(b"3.2.1", b"3.2.2"), "CB7077"),
        (written(replace(signed(), value=bytes(64))), "CB7077"),
        (b"{}", "CB7077"),
        (written(sign(STATED, *signer("別の署名者（架空）"))), "CB7078"),
        (written(signed(edition="1.1")), "CB7079"),
        (written(signed(unit="koseki")), "CB7079"),
        (written(signed(roles=("consumer",))), "CB7079"),
        (written(signed(result="incomplete")), "CB7079"),
        (written(signed(endpoints=(address_digest("http://127.0.0.1:10/soap"),))), "CB7079"),
    ],
)  # fmt: skip
def test_without_a_genuine_statement_the_site_is_refused(folder: Path, raw: bytes, code: str) -> None:
    """None, altered, by a stranger, of another edition, unit, role, result or address: each has its code."""
    if raw:
        put(folder, raw)
    assert code in codes(folder)


def test_a_broken_certificate_among_the_trusted_is_named(folder: Path) -> None:
    """Who should be trusted but cannot be read is not passed over."""
    put(folder, written(signed()))
    (folder / "statements" / "trusted" / "other.crt").write_text("no certificate", "utf-8")
    assert codes(folder) == ["CB7078"]


def test_where_no_route_asks_nobody_looks(folder: Path) -> None:
    """Statements may lie about; they neither count nor are read."""
    change(folder / "routes.toml", ", require_statement = true", "")
    put(folder, b"{}")
    site = load_site(folder)
    assert site.statements == {}
    assert with_lapsed(site, NOW) is site


def test_an_end_closes_the_route_and_nothing_else(folder: Path) -> None:
    """The site is loaded, ``check`` names a problem, ``explain`` says CB2056, other routes go on."""
    put(folder, written(signed(valid_until="2026-06-30")))
    site = with_lapsed(load_site(folder), NOW)
    problems, warnings = at_this_time(site, NOW)
    assert ([one.code for one in problems], warnings, site.lapsed) == (["CB7076"], [], {KEY})
    edition = load_edition()
    tax, juki = site.endpoint("990019", "tax"), site.endpoint("990019", "juki")
    assert tax is not None
    assert juki is not None
    asked = explain(site, edition, tax, "juki.jumin_shokai")
    assert (asked.code, asked.targets[0].code) == ("CB2056", "CB2056")
    assert explain(site, edition, juki, "juki.ido_tsuchi").allowed


def test_the_end_is_announced_and_known_to_the_second(folder: Path) -> None:
    """Thirty days before, ``check`` warns; the moment is midnight in Japan after the last day."""
    put(folder, written(signed(valid_until="2026-07-05")))
    site = load_site(folder)
    assert [one.code for one in at_this_time(site, NOW)[1]] == ["CB7080"]
    assert next_change(site, NOW) == NOW + 5 * DAY_S
    assert not lapsed(site, NOW + 5 * DAY_S - 1)
    assert lapsed(site, NOW + 5 * DAY_S) == {KEY}
    assert next_change(site, NOW + 5 * DAY_S) == float("inf")
