"""The bus as a consumer: it delivers notices to the suite's mock peer, which answers by script."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from lxml import etree

from bus.journal.reader import SqliteReader
from conformance import reference
from conformance.driver.cases import Base
from conformance.driver.consumer import Mock, drive, listening, quiet
from conformance.evidence import Bundle
from conformance.http1 import parse
from conformance.payloads import fill
from conformance.peer import Peer
from conformance.rooms.consumer import FAILURE, SUCCESS
from conformance.script import Scenario
from conformance.standard import Standard
from tests.certify.site import MUNICIPALITY, Subject, secret_of, write_site
from tests.certify.town import bus, ports
from tests.support.polling import until

OPERATION = "ido_tsuchi"
UNIT = "juki"
SETTLED_S = 60.0
ENDS = {"DELIVERED": SUCCESS, "PARKED": FAILURE, "EXPIRED": FAILURE}


@dataclass(slots=True)
class Sender:
    """Hands a notice to the bus and waits for what becomes of its delivery."""

    base: Base
    address: str
    journal: Path
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def __call__(self, _scenario: Scenario) -> str:
        """One notice about a person of its own, as one that is parked holds later ones back; how its delivery ended."""
        number = next(self._numbers)
        message_id = f"urn:uuid:00000000-0000-4000-a000-{number:012x}"
        body = self.base.body()
        for item in ("atenabango", "setaibango"):
            known = reference.residents()[0][item]
            body = body.replace(f"<t:{item}>{known}<".encode(), f"<t:{item}>{number + 500:015d}<".encode(), 1)
        raw = self.base.http(body, Chiikibus_Message_Id=message_id)
        url = urlsplit(self.address)
        with socket.create_connection((url.hostname or "", url.port or 0), 60.0) as connection:
            connection.sendall(raw)
            answered = connection.makefile("rb").read()
        parsed = parse(answered, request=False)
        assert parsed is not None
        assert parsed.head.status == 200, answered
        return self._ended(message_id)

    def _ended(self, message_id: str) -> str:
        ends = until(lambda: self._ends(message_id), within_s=SETTLED_S, what="the delivery to end")
        return str(ends)

    def _ends(self, message_id: str) -> str:
        reader = SqliteReader(self.journal)
        rows = [row for row in reader.search(operation=f"{UNIT}.{OPERATION}") if row["message_id"] == message_id]
        reader.close()
        return ENDS.get(str(rows[0]["state"]), "") if rows else ""


def notice(standard: Standard, subject: Subject, host: str) -> Base:
    """The right notice of a resident, as its sender's client writes it."""
    unit = standard.edition.units[UNIT]
    operation = unit.operations[OPERATION]
    payload = etree.Element(operation.input, nsmap={"t": unit.namespace})
    record = etree.SubElement(payload, f"{{{unit.namespace}}}{operation.record}")
    fill(record, unit, unit.records[operation.record], reference.residents()[0])
    credential = b64encode(f"{subject.id}:{secret_of(subject.id)}".encode()).decode()
    target = f"/{MUNICIPALITY}/{subject.id}/{UNIT}"
    return Base(unit, operation, payload, host, target, (("Authorization", f"Basic {credential}"),))


def as_consumer(folder: Path, standard: Standard, only: Iterable[str] = ()) -> Bundle:
    """The evidence of the bus delivering to the mock peer."""
    mock = Mock(Peer(standard.edition, standard.edition.units[UNIT]))
    (port,) = ports(1)
    subject = Subject(UNIT, address="http://127.0.0.1:9/")
    with listening(mock) as (host, number):
        write_site(folder, standard.edition, port, [subject], {}, f"http://{host}:{number}")
        with bus(folder, port) as address:
            sender = Sender(notice(standard, subject, f"127.0.0.1:{port}"), address, folder / "var" / "journal.sqlite")
            return drive(
                mock, sender, profile=f"{UNIT}-consumer", subject="bus", only=only, settled=quiet(SETTLED_S, 0.5)
            )
