"""Whom the bus believes: path, dates, usage, revocation, strength; and what happens when files change."""

from __future__ import annotations

import pytest

from bus.core.certificates import read_certificates, read_revocation_lists
from bus.ops.certificate_maker import Authority, Made
from bus.wire.security.keys import Certificate, UnusableKey, certificates_of, read_private, recipient, weakness
from bus.wire.security.refusal import SecurityRefusal
from bus.wire.security.trust import RevocationRule, TrustStore, same_name
from tests.security.ground import NOW, ring

DAY = 86400.0
AUTHORITY = Authority("trusted", NOW - DAY)


def leaf(made: Made) -> Certificate:
    """The certificate of what was made."""
    return certificates_of(made.certificate, "x")[0]


def store(*crls: bytes, rule: RevocationRule | None = None, authorities: bytes = AUTHORITY.pem) -> TrustStore:
    """A store with the authority and these lists."""
    return TrustStore(
        read_certificates(authorities), [each for crl in crls for each in read_revocation_lists(crl)], rule
    )


def refused(trust: TrustStore, certificate: Certificate, now: float = NOW) -> bool:
    """Whether the certificate is not trusted."""
    try:
        trust.check(certificate, now)
    except SecurityRefusal as refusal:
        assert refusal.code == "CB2026"
        return True
    return False


def test_each_reason_not_to_trust_has_its_words() -> None:
    """Unknown authority, dates, usage, key, path length, an authority itself."""
    trust = store()
    assert not refused(trust, leaf(AUTHORITY.issue("good", purposes=())))
    assert not refused(trust, leaf(AUTHORITY.issue("good", purposes=("client_auth",))))
    assert refused(trust, leaf(Authority("trusted", NOW - DAY).issue("same name, other key", purposes=())))
    assert refused(trust, leaf(AUTHORITY.issue("later", purposes=(), from_s=3 * DAY)))
    assert refused(trust, leaf(AUTHORITY.issue("over", purposes=(), days=0.5)))
    assert refused(trust, leaf(AUTHORITY.issue("encrypts", purposes=(), digital_signature=False)))
    assert refused(trust, leaf(AUTHORITY.issue("weak", purposes=(), rsa_bits=1024)))
    assert refused(trust, certificates_of(AUTHORITY.pem, "x")[0])


def test_an_intermediate_authority_must_be_in_the_store_and_within_its_path() -> None:
    """What comes with a message is not an authority."""
    between = Authority("between", NOW - DAY, above=AUTHORITY, path_length=0)
    below = Authority("below", NOW - DAY, above=between)
    assert refused(store(), leaf(between.issue("x", purposes=())))
    assert not refused(store(authorities=AUTHORITY.pem + between.pem), leaf(between.issue("x", purposes=())))
    assert refused(TrustStore(read_certificates(AUTHORITY.pem)), leaf(below.issue("x", purposes=())))


def test_a_revoked_certificate_is_refused_by_a_list_of_its_authority_only() -> None:
    """Somebody else's list revokes nothing."""
    made = AUTHORITY.issue("x", purposes=())
    assert refused(store(AUTHORITY.revocation_list([made.serial])), leaf(made))
    assert not refused(store(AUTHORITY.revocation_list([made.serial + 1])), leaf(made))
    assert not refused(store(Authority("trusted", NOW - DAY).revocation_list([made.serial])), leaf(made))


def test_a_list_speaks_for_its_grace_and_the_rule_may_ask_for_one() -> None:
    """A week late is believed, more is not; without a list the rule decides."""
    made = AUTHORITY.issue("x", purposes=(), days=3000)
    old = AUTHORITY.revocation_list(days=10)
    assert not refused(store(old), leaf(made), NOW + 15 * DAY)
    assert refused(store(old), leaf(made), NOW + 17 * DAY)
    strict = RevocationRule(required=True, grace_s=0.0)
    assert refused(store(rule=strict), leaf(made))
    assert not refused(store(old, rule=strict), leaf(made))
    assert refused(store(old, rule=strict), leaf(made), NOW + 10 * DAY)


def test_what_was_found_is_remembered_for_a_minute_at_most() -> None:
    """A certificate that ends is refused although it was trusted a moment before."""
    made = AUTHORITY.issue("x", purposes=(), from_s=0.0, days=1.5)
    trust = store()
    assert not refused(trust, leaf(made))
    assert refused(trust, leaf(made), NOW + DAY)


@pytest.mark.parametrize("text", ["CN=a,O=b", "O=b, CN=a", "cn=A,o=B"])
def test_a_distinguished_name_is_known_in_either_order(text: str) -> None:
    """Stacks write issuers in both orders, with and without blanks."""
    assert same_name(text, "CN=a,O=b")
    assert not same_name(text, "CN=a,O=c")


def test_keys_that_are_too_weak_or_for_something_else_are_not_used() -> None:
    """Neither to sign nor to encrypt to."""
    assert weakness(object())
    with pytest.raises(UnusableKey):
        read_private(AUTHORITY.issue("weak", rsa_bits=1024).key, "x")
    with pytest.raises(UnusableKey):
        read_private(b"no key", "x")
    with pytest.raises(UnusableKey):
        recipient(ring().tax_ec.certificate, "x")
    with pytest.raises(UnusableKey):
        recipient(ring().tax.certificate, "x")
    assert recipient(ring().bus_decrypt.certificate, "x")
