"""The examples of docs/standard/attachments.md are messages that the bus reads."""

from __future__ import annotations

import re

from lxml import etree

from bus.wire import envelope, safe_xml
from bus.wire.attachments.binary import Places, Room
from bus.wire.attachments.references import follow
from tests.attachments.messages import read
from tests.support.repository import ROOT

EXAMPLE = re.compile(r"```http\nContent-Type: (.*?)\n\n(.*?)```", re.DOTALL)
PLACES = Places({"{urn:rei}fairu": Room()})


def test_every_message_shown_is_read_and_its_references_reach_their_parts() -> None:
    """One of each kind; the attachment's name is the one shown."""
    text = (ROOT / "docs/standard/attachments.md").read_text("utf-8")
    found = EXAMPLE.findall(text)
    kinds = set()
    for content_type, body in found:
        package, root = read(body.replace("\n", "\r\n").encode(), content_type)
        payload = envelope.read(safe_xml.parse(root, package.root_type)).body
        follow(payload, package, PLACES, judged=True)
        assert etree.QName(payload).localname == "irai"
        assert len(package.attachments) == 1
        kinds.add(package.mtom)
    assert kinds == {True, False}
