"""What an endpoint's policy asks of its messages, as values with the keys and certificates looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bus.core.channel import Validity
from bus.core.settings import EndpointSecurity, Inbound, Outbound
from bus.wire.security.keys import DecryptionKey, Recipient, SigningKey
from bus.wire.security.names import SHA256, SHA384, SHA512
from bus.wire.security.refusal import SecurityRefusal
from bus.wire.security.trust import Registered, TrustStore

DIGESTS: Final[Mapping[str, str]] = MappingProxyType({"sha256": SHA256, "sha384": SHA384, "sha512": SHA512})
NO_KEY: Final = "CB2033"


@dataclass(frozen=True, slots=True)
class Policy:
    """One endpoint: its settings, and what they name.

    ``sign`` are the bus's keys in the order of preference, ``decrypt`` those it can be written to with,
    ``registered`` the endpoint's certificates, ``recipient`` whom outgoing bodies are encrypted to.
    """

    settings: EndpointSecurity
    username: str
    trust: TrustStore
    registered: Registered
    digests: frozenset[str]
    sign: tuple[SigningKey, ...] = ()
    decrypt: tuple[DecryptionKey, ...] = ()
    recipient: Recipient | None = None

    @property
    def guarded(self) -> bool:
        """Whether anything is asked of what comes from the endpoint."""
        return self.settings.inbound is not Inbound.PLAIN

    @property
    def wants_username(self) -> bool:
        """Whether a UsernameToken is asked for."""
        return self.settings.inbound is Inbound.USERNAME

    @property
    def signed(self) -> bool:
        """Whether what comes from the endpoint must be signed."""
        return self.settings.inbound in {Inbound.SIGNED, Inbound.ENCRYPTED}

    @property
    def encrypted(self) -> bool:
        """Whether what comes from the endpoint must be encrypted as well."""
        return self.settings.inbound is Inbound.ENCRYPTED

    @property
    def signs(self) -> bool:
        """Whether what goes to the endpoint is signed by the bus where its sender did not."""
        return self.settings.outbound in {Outbound.SIGNED, Outbound.ENCRYPTED}

    @property
    def encrypts(self) -> bool:
        """Whether what goes to the endpoint is encrypted."""
        return self.settings.outbound is Outbound.ENCRYPTED

    def signing_key(self, now: float) -> SigningKey:
        """The first key whose certificate is valid now. Errors: CB2033 when there is none."""
        for key in self.sign:
            if key.certificate.facts.validity(now) is Validity.VALID:
                return key
        raise SecurityRefusal(NO_KEY, "security.toml: keys.sign", expected="a valid certificate", got="none")
