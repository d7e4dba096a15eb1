"""``chiikibus security`` and what ``check`` says of keys: made for trying out, shown, explained, with all problems."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest
from lxml import etree

from bus.cli import run
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.ops.certificate_maker import Authority
from bus.wire import safe_xml
from bus.wire.security.keys import certificates_of, read_private, signing_key
from bus.wire.security.load import load
from bus.wire.security.sign import Signing, sign
from tests.cli.conftest import Cli, Result
from tests.security.site import question
from tests.support.sites import write_site

TAX = "990019/tax"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command line."""

    def call(*arguments: str | Path) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def folder(tmp_path: Path, cli: Cli) -> Path:
    """A site with test keys and the policy that goes with them."""
    folder = write_site(tmp_path / "site")
    made = cli("security", "create", "--site", folder, "--endpoint", TAX, "--json").document
    (folder / "security.toml").write_text(made["toml"], "utf-8")
    return folder


def message(folder: Path, now: float) -> Path:
    """A question that the tax system signed with the key it was handed."""
    certificate = certificates_of((folder / "trust/endpoints/990019-tax.crt").read_bytes(), "x")[0]
    private = read_private((folder / "secrets/test-only-endpoints/990019-tax.key").read_bytes(), "x")
    root = safe_xml.parse(question())
    sign(root, Signing(signing_key("tax", private, certificate, "x"), now, 300.0, "a1"))
    path = folder.parent / "message.xml"
    path.write_bytes(etree.tostring(root))
    return path


def test_what_create_makes_is_a_valid_site(cli: Cli, folder: Path) -> None:
    """Keys for the owner alone, certificates that say what they are, and nothing is overwritten."""
    assert cli("check", "--site", folder, "--json").document == {"ok": True, "site": str(folder), "findings": []}
    for path in (folder / "secrets" / "security").glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = cli("security", "keys", "--site", folder, "--json").document["certificates"]
    assert {row["role"] for row in rows} == {"bus", "endpoint", "authority"}
    assert all("TEST ONLY" in row["subject"] for row in rows)
    again = cli("security", "create", "--site", folder, "--endpoint", TAX, "--json")
    assert (again.code, again.document["error"]["code"]) == (2, "CB7001")


@pytest.mark.slow
def test_explain_tells_the_operator_what_the_sender_is_not_told(cli: Cli, folder: Path) -> None:
    """The reason, what was covered, whose certificate."""
    good = message(folder, time.time())
    passed = cli("security", "explain", "--site", folder, "--from", TAX, good, "--json")
    assert (passed.code, passed.document["code"]) == (0, "")
    assert "Body" in passed.document["covered"]
    assert passed.document["seen"]["registered"] == "yes"
    changed = good.with_name("changed.xml")
    changed.write_bytes(good.read_bytes().replace(b"000000000012345", b"000000000054321"))
    refused = cli("security", "explain", "--site", folder, "--from", TAX, changed, "--json")
    assert (refused.code, refused.document["code"]) == (1, "CB2025")
    old = message(folder, time.time() - 900)
    old.write_bytes(old.read_bytes().replace(b"000000000012345", b"000000000054321"))
    found = cli("security", "explain", "--site", folder, "--from", TAX, old, "--json").document
    assert [finding["code"] for finding in found["findings"]] == ["CB2028", "CB2025"]
    assert cli("security", "explain", "--site", folder, "--from", "990019/juki", good).code == 2
    assert cli("security", "explain", "--site", folder, "--from", TAX, folder / "none.xml").code == 2
    assert cli("security", "explain", "--site", folder, "--from", TAX, good, "--at", "yesterday").code == 2
    assert cli("security", "explain", "--site", folder, "--from", TAX, good).out


@pytest.mark.slow
def test_a_message_signed_by_the_command_passes(cli: Cli, folder: Path) -> None:
    """For whoever sets up a connection; a key that does not belong to the certificate is named."""
    plain, signed = folder / "plain.xml", folder / "signed.xml"
    plain.write_bytes(question())
    key, certificate = folder / "secrets/test-only-endpoints/990019-tax.key", folder / "trust/endpoints/990019-tax.crt"
    arguments = ("security", "sign", plain, "--certificate", certificate, "--output", signed)
    assert cli(*arguments, "--key", key).code == 0
    assert cli("security", "explain", "--site", folder, "--from", TAX, signed).code == 0
    other = cli(*arguments, "--key", folder / "secrets/security/bus-sign.key", "--json")
    assert (other.code, other.document["error"]["findings"][0]["code"]) == (2, "CB2039")


def codes(cli: Cli, folder: Path) -> list[str]:
    """The codes of what check finds."""
    found = cli("check", "--site", folder, "--json").document
    return [each["code"] for each in found["findings"] + found.get("warnings", [])]


@pytest.mark.slow
def test_check_names_keys_that_are_missing_open_foreign_or_no_keys(cli: Cli, folder: Path) -> None:
    """Each with its file."""
    own = folder / "secrets" / "security"
    (own / "bus-sign.key").chmod(0o640)
    assert codes(cli, folder) == ["CB7025"]
    (own / "bus-sign.key").chmod(0o600)
    kept = (own / "bus-sign.key").read_bytes()
    (own / "bus-sign.key").write_bytes(b"no key")
    assert codes(cli, folder) == ["CB2034"]
    (own / "bus-sign.key").write_bytes((own / "bus-decrypt.key").read_bytes())
    assert codes(cli, folder) == ["CB2039"]
    (own / "bus-sign.key").write_bytes(Authority("a", time.time()).issue("weak", rsa_bits=1024).key)
    assert codes(cli, folder) == ["CB2037"]
    (own / "bus-sign.key").write_bytes(kept)
    (own / "bus-decrypt.crt").unlink()
    assert codes(cli, folder) == ["CB7022"]


@pytest.mark.slow
def test_check_names_certificates_that_expired_or_will_and_stale_lists(cli: Cli, folder: Path) -> None:
    """What will expire is a warning; the rest are problems. None of them stops a bus: only that partner is refused."""
    authority = Authority("other", time.time())
    path = folder / "trust" / "endpoints" / "990019-tax.crt"
    path.write_bytes(authority.issue("tax", purposes=(), days=10).certificate)
    found = cli("check", "--site", folder, "--json")
    assert (found.code, [each["code"] for each in found.document["warnings"]]) == (0, ["CB2036"])
    path.write_bytes(authority.issue("tax", purposes=(), from_s=-10 * 86400, days=5).certificate)
    assert codes(cli, folder) == ["CB2035"]
    (folder / "trust" / "crl" / "other.crl").write_bytes(authority.revocation_list())
    assert codes(cli, folder) == ["CB2035", "CB2038"]
    (folder / "trust" / "ca" / "other.crt").write_bytes(authority.pem)
    assert codes(cli, folder) == ["CB2035"]
    (folder / "trust" / "crl" / "other.crl").write_bytes(authority.revocation_list(from_s=-40 * 86400, days=30))
    assert codes(cli, folder) == ["CB2035", "CB2038"]
    assert load(load_site(folder)).policies


MISTAKES = {
    "CB7014": ('endpoint = "tax"', 'endpoint = "taks"'),
    "CB7012": ('inbound = "signed"', 'inbound = "sined"'),
    "CB7013": ('certificates = ["file:trust/endpoints/990019-tax.crt"]', ""),
    "CB7011": ('outbound = "signed"', 'outbond = "signed"'),
    "CB7024": ('outbound = "signed"', 'outbound = "signed"\nencrypt_to = "trust/endpoints/990019-tax.crt"'),
    "CB7022": ('inbound = "signed"', 'inbound = "username"'),
}


@pytest.mark.slow
@pytest.mark.parametrize("code", MISTAKES)
def test_each_mistake_in_security_toml_has_its_code(folder: Path, code: str) -> None:
    """All at once, with line and nearest name, like every other file of the site."""
    path = folder / "security.toml"
    old, new = MISTAKES[code]
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(ConfigurationError) as error:
        load_site(folder)
    assert [finding.code for finding in error.value.findings] == [code]
    assert error.value.findings[0].path.startswith("security.toml")


@pytest.mark.slow
def test_the_hash_of_the_tables_follows_trust(folder: Path) -> None:
    """Which tables decided: another authority makes other tables, and a site without policies counts none."""
    before = load_site(folder).tables_hash
    (folder / "trust" / "ca" / "other.crt").write_bytes(Authority("other", time.time()).pem)
    assert load_site(folder).tables_hash != before
    (folder / "security.toml").unlink()
    plain = load_site(folder).tables_hash
    (folder / "trust" / "ca" / "other.crt").unlink()
    assert load_site(folder).tables_hash == plain
