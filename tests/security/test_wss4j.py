"""WSS4J, the WS-Security of most Java stacks: each accepts what the other signs, and we open what it encrypts."""

from __future__ import annotations

import subprocess
import time
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from lxml import etree

from bus.core.certificates import read_certificates
from bus.core.types import Inbound
from bus.ops.certificate_maker import Authority, Made
from bus.wire import safe_xml
from bus.wire.security import names
from bus.wire.security.gate import Gate
from bus.wire.security.keys import certificates_of, decryption_key, read_private, signing_key
from bus.wire.security.policy import Policy
from bus.wire.security.sign import Signing, sign
from bus.wire.security.trust import Registered, TrustStore
from tests.security.ground import ADDRESSING, CONTEXT, accept, plain, settings
from tests.support.processes import need

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(120)]
JARS = [
    Path("/usr/share/java") / f"{name}.jar" for name in ("wss4j", "xmlsec", "slf4j-api", "slf4j-nop", "commons-logging")
]
PROGRAM = Path(__file__).parent / "programs" / "Wss4j.java"
PASSWORD = "synthetic"


def store(path: Path, *entries: tuple[str, Made], authority: Authority) -> None:
    """A PKCS#12 store with one key, its certificate and the authority's."""
    ((name, made),) = entries
    own = x509.load_pem_x509_certificate(made.certificate)
    key = load_pem_private_key(made.key, None)
    above = x509.load_pem_x509_certificate(authority.pem)
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            name.encode(),
            key,
            own,
            [above],
            BestAvailableEncryption(PASSWORD.encode()),
        )
    )


class Run:
    """One run of the program: what it wrote and what it said of our messages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = time.time()
        self.authority = Authority("authority", self.now - 600)
        self.sender = self.authority.issue("sender", purposes=(), rsa_bits=2048)
        self.elliptic = self.authority.issue("elliptic", purposes=())
        self.bus = self.authority.issue("bus", purposes=(), rsa_bits=2048, digital_signature=False)
        store(folder / "sender.p12", ("sender", self.sender), authority=self.authority)
        store(folder / "bus.p12", ("bus", self.bus), authority=self.authority)
        (folder / "authority.crt").write_bytes(self.authority.pem)
        (folder / "plain.xml").write_bytes(plain())
        self.ours("rsa", self.sender)
        self.ours("ecdsa", self.elliptic)
        changed = (folder / "ours-rsa.xml").read_bytes().replace("試験".encode(), "試問".encode())
        (folder / "ours-changed.xml").write_bytes(changed)
        command = ["java", "-cp", ":".join(map(str, JARS)), PROGRAM, folder, PASSWORD]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 0, done.stderr
        self.said = dict(line.split(": ", 1) for line in done.stdout.splitlines())

    def ours(self, name: str, made: Made) -> None:
        """A message that we sign."""
        certificate = certificates_of(made.certificate, name)[0]
        root = safe_xml.parse(plain())
        key = signing_key(name, read_private(made.key, name), certificate, name)
        sign(root, Signing(key, self.now, 300.0, "a1"))
        (self.folder / f"ours-{name}.xml").write_bytes(etree.tostring(root, encoding="utf-8"))

    def gate(self, **changed: object) -> Gate:
        """The bus's gate for the sender."""
        certificate = certificates_of(self.sender.certificate, "x")[0]
        key = decryption_key("bus", read_private(self.bus.key, "x"), certificates_of(self.bus.certificate, "x")[0], "x")
        return Gate(
            Policy(
                settings=settings(**changed),
                username="tax",
                trust=TrustStore(read_certificates(self.authority.pem)),
                registered=Registered((certificate,), frozenset({certificate.fingerprint})),
                digests=frozenset({names.SHA256}),
                decrypt=(key,),
            )
        )


@cache
def _once(folder: Path) -> Run:
    return Run(folder)


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The one run of this process."""
    need("java")
    if not all(jar.is_file() for jar in JARS):
        pytest.skip("programs not installed: libwss4j-java libslf4j-java libcommons-logging-java")
    return _once(tmp_path_factory.getbasetemp() / _made(tmp_path_factory.getbasetemp()))


def _made(base: Path) -> str:
    (base / "wss4j").mkdir(exist_ok=True)
    return "wss4j"


@pytest.mark.parametrize("how", ["direct", "issuer", "ski"])
def test_what_wss4j_signs_is_accepted(run: Run, how: str) -> None:
    """With its token in the message, or named by issuer and serial, or by thumbprint; with its prefix lists."""
    read = accept((run.folder / f"{how}.xml").read_bytes(), run.gate(), run.now + 5)
    assert (read.addressing, read.context) == (ADDRESSING, CONTEXT)


def test_what_wss4j_encrypts_is_opened_where_its_oaep_is_allowed(run: Run) -> None:
    """This version knows OAEP with SHA-1 only: accepted by explicit policy, refused without."""
    raw = (run.folder / "sealed.xml").read_bytes()
    read = accept(raw, run.gate(inbound=Inbound.ENCRYPTED, legacy_oaep=True), run.now + 5)
    assert read.addressing == ADDRESSING
    with pytest.raises(Exception, match="CB2023"):
        accept(raw, run.gate(inbound=Inbound.ENCRYPTED), run.now + 5)


def test_wss4j_accepts_what_we_sign_and_nothing_changed(run: Run) -> None:
    """RSA and elliptic keys; a changed character is found."""
    assert (run.said["ours-rsa.xml"], run.said["ours-ecdsa.xml"]) == ("ok", "ok")
    assert run.said["ours-changed.xml"] != "ok"
