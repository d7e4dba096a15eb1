"""Certificates, keys and revocation lists are read as facts and judged without a network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bus.core.certificates import (
    Revoked,
    certificate_of,
    issued_by,
    key_problem,
    path_to_anchor,
    read_certificates,
    read_revocation_lists,
    unfit,
    weaknesses,
)
from bus.core.channel import Binding, Certificate, Revocation, Validity
from bus.core.errors import ConfigurationError
from bus.ops.certificate_maker import DAY, Authority, Made

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def root() -> Authority:
    """A root authority."""
    return Authority("root", NOW)


def facts(made: Made | Authority) -> Certificate:
    """The facts of what was made."""
    return read_certificates(made.pem if isinstance(made, Authority) else made.certificate)[0]


def test_the_facts_of_a_certificate_are_those_it_was_made_with(root: Authority) -> None:
    """Names, dates, usages, purposes, kind of key and fingerprint."""
    made = root.issue("tax", names=("dns:Tax.example", "ip:127.0.0.1", "uri:urn:x"), purposes=("client_auth",))
    leaf = facts(made)
    assert leaf.subject == "CN=tax,O=TEST ONLY"
    assert leaf.issuer == "CN=root,O=TEST ONLY"
    assert leaf.names == ("dns:tax.example", "ip:127.0.0.1", "uri:urn:x")
    assert (leaf.key, leaf.signature, leaf.authority) == ("EC secp256r1", "sha256", False)
    assert (leaf.usages, leaf.purposes) == ({"digital_signature"}, {"client_auth"})
    assert (leaf.not_before, leaf.not_after) == (NOW - 3600, NOW - 3600 + 365 * DAY)
    assert leaf.serial == f"{made.serial:x}"
    assert certificate_of(leaf.der) == leaf


def test_dates_are_judged_at_both_ends(root: Authority) -> None:
    """The first and the last second belong to the certificate."""
    leaf = facts(root.issue("x"))
    assert leaf.validity(leaf.not_before) is Validity.VALID
    assert leaf.validity(leaf.not_before - 1) is Validity.NOT_YET
    assert leaf.validity(leaf.not_after) is Validity.VALID
    assert leaf.validity(leaf.not_after + 1) is Validity.EXPIRED


def test_a_purpose_that_is_not_there_makes_a_certificate_unfit(root: Authority) -> None:
    """A server's certificate is no client's, an authority is neither, and without the extension both are allowed."""
    server = facts(root.issue("s"))
    assert unfit(server, "server_auth") == ()
    assert unfit(server, "client_auth")
    assert unfit(facts(root), "server_auth")
    assert unfit(facts(root.issue("any", purposes=())), "client_auth") == ()
    assert unfit(facts(root.issue("enc", digital_signature=False)), "server_auth")


def test_weak_keys_and_hashes_are_named(root: Authority) -> None:
    """RSA below 2048 bits, SHA-1 signatures and unknown keys; an anchor's own signature does not matter."""
    leaf = facts(root.issue("x"))
    assert weaknesses(leaf) == ()
    assert weaknesses(replace(leaf, key="RSA 1024"))
    assert weaknesses(replace(leaf, key="RSA 2048")) == ()
    assert weaknesses(replace(leaf, key="EC secp192r1"))
    assert weaknesses(replace(leaf, key="DSA"))
    assert weaknesses(replace(leaf, signature="sha1"))
    assert weaknesses(replace(facts(root), signature="sha1")) == ()


def test_a_path_leads_over_intermediate_authorities_to_an_anchor(root: Authority) -> None:
    """With the intermediate there is a path, without it or with another root of the same name there is none."""
    middle = Authority("middle", NOW, above=root)
    leaf = facts(middle.issue("x"))
    assert path_to_anchor(leaf, [facts(middle)], [facts(root)], NOW) == (leaf, facts(middle), facts(root))
    assert path_to_anchor(leaf, [], [facts(root)], NOW) == ()
    other = Authority("root", NOW)
    assert path_to_anchor(leaf, [facts(middle)], [facts(other)], NOW) == ()
    assert not issued_by(facts(root.issue("y")), facts(other))


def test_no_path_leads_over_what_may_not_issue(root: Authority) -> None:
    """A leaf is no issuer; path length, dates, weak keys and unknown critical extensions count."""
    leaf = facts(root.issue("leaf"))
    assert path_to_anchor(replace(leaf, issuer=leaf.subject), [leaf], [facts(root)], NOW) == ()
    short = Authority("short", NOW, path_length=0)
    below = Authority("below", NOW, above=short)
    far = facts(below.issue("far"))
    assert path_to_anchor(far, [facts(below)], [facts(short)], NOW) == ()
    assert path_to_anchor(facts(short.issue("near")), [], [facts(short)], NOW)
    assert path_to_anchor(leaf, [], [facts(root)], NOW + 4000 * DAY) == ()
    assert path_to_anchor(leaf, [], [replace(facts(root), key="RSA 1024")], NOW) == ()
    strange = replace(facts(root), unknown_critical=frozenset({"2.5.29.30"}))
    assert path_to_anchor(leaf, [], [strange], NOW) == ()


def test_revocation_lists_speak_for_their_issuer_and_for_their_time(root: Authority) -> None:
    """Revoked, good, stale, unlisted; a list by somebody else of the same name is not used."""
    bad, good = root.issue("bad"), root.issue("good")
    lists = read_revocation_lists(root.revocation_list([bad.serial]))
    revoked = Revoked(lists, [facts(root)])
    assert revoked.state(facts(bad), NOW) is Revocation.REVOKED
    assert revoked.state(facts(good), NOW) is Revocation.GOOD
    assert revoked.state(facts(good), NOW + 31 * DAY) is Revocation.STALE
    assert revoked.state(facts(bad), NOW + 31 * DAY) is Revocation.REVOKED
    assert revoked.state(facts(Authority("other", NOW).issue("x")), NOW) is Revocation.UNLISTED
    forged = read_revocation_lists(Authority("root", NOW).revocation_list([good.serial]))
    assert Revoked(forged, [facts(root)]).problems == ("CN=root,O=TEST ONLY",)
    assert Revoked(forged, [facts(root)]).state(facts(good), NOW) is Revocation.UNLISTED


def test_what_a_revoked_authority_issued_is_revoked(root: Authority) -> None:
    """The lists above the leaf's issuer are asked too, and of two lists the newer one speaks."""
    middle = Authority("middle", NOW, above=root)
    leaf = facts(middle.issue("x"))
    serial = int(facts(middle).serial, 16)
    old = read_revocation_lists(root.revocation_list([]))
    new = read_revocation_lists(root.revocation_list([serial], from_s=0))
    own = read_revocation_lists(middle.revocation_list([]))
    issuers = [facts(root), facts(middle)]
    assert Revoked([*new, *old, *own], issuers).state(leaf, NOW) is Revocation.REVOKED
    assert Revoked([*old, *own], issuers).state(leaf, NOW) is Revocation.GOOD
    assert Revoked(old, issuers).state(leaf, NOW) is Revocation.UNLISTED


def test_a_key_is_told_apart_from_another_ones_and_from_a_locked_one(root: Authority) -> None:
    """Belongs, belongs not, wrong or missing passphrase, no key at all."""
    made = root.issue("x", passphrase="open sesame")
    leaf = facts(made)
    assert key_problem(made.key, "open sesame", leaf) == ""
    assert key_problem(made.key, "", leaf) == "passphrase"
    assert key_problem(made.key, "wrong", leaf) == "passphrase"
    assert key_problem(root.issue("y").key, "", leaf) == "mismatch"
    assert key_problem(b"nothing", "", leaf) == "unreadable"


@pytest.mark.parametrize("pem", [b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_bytes_that_are_no_certificate_are_refused_with_a_code(pem: bytes) -> None:
    """Never an exception of the library."""
    with pytest.raises(ConfigurationError) as caught:
        read_certificates(pem)
    assert caught.value.code == "CB7041"
    with pytest.raises(ConfigurationError) as caught:
        read_revocation_lists(pem)
    assert caught.value.code == "CB7041"


def test_a_binding_fits_the_certificate_it_names_and_no_other(root: Authority) -> None:
    """By fingerprint, or by issuer with subject or name; a binding that says too little fits none."""
    leaf, other = facts(root.issue("tax", names=("dns:tax.example",))), facts(root.issue("juki"))
    by_name = Binding(issuer=leaf.issuer, name="dns:tax.example")
    by_subject = Binding(issuer=leaf.issuer, subject=leaf.subject)
    for binding in (Binding(sha256=leaf.sha256), by_name, by_subject):
        assert binding.fits(leaf)
        assert not binding.fits(other)
    assert not Binding().fits(leaf)
    assert not Binding(issuer=leaf.issuer).fits(leaf)
    assert not Binding(subject=leaf.subject).fits(leaf)
    stranger = facts(Authority("stranger", NOW).issue("tax", names=("dns:tax.example",)))
    assert not by_subject.fits(stranger)
    assert not by_name.fits(stranger)
