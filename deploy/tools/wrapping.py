"""Forge signed messages systematically and count what the bus makes of them: ``wrapping.py --variants 5000``.

Every variant takes a message that the tax system of a synthetic town signed (Body, Timestamp, addressing, context),
puts a signed part somewhere else or a copy of it, and something forged in its place; with every kind of id, wrapper and
place. A variant is ``refused`` (a coded error), ``same`` (accepted, and exactly what was signed is dispatched), or
``forged`` (accepted, and something else is dispatched); ``crashed`` is any other exception. Forged and crashed are 0.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lxml import etree

from bus.core.certificates import read_certificates
from bus.core.errors import ChiikibusError
from bus.core.types import Addressing, Context, EndpointSecurity, Inbound
from bus.ops.certificate_maker import Authority
from bus.wire import envelope, safe_xml
from bus.wire.security import names
from bus.wire.security.c14n import canonical
from bus.wire.security.gate import Gate
from bus.wire.security.keys import SigningKey, certificates_of, read_private, signing_key
from bus.wire.security.policy import Policy
from bus.wire.security.sign import Signing, sign
from bus.wire.security.trust import Registered, TrustStore

NOW = 1_790_000_000.0
ITEM = "urn:example:item"
WSA = "http://www.w3.org/2005/08/addressing"
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
PARTS = ("Body", "Timestamp", "MessageID", "Action", "To", "ReplyTo", "Context")
IDS = (names.WSU_ID, "Id", "ID", "id", XML_ID, f"{{{names.DS}}}Id", "new", "none")
"""How the forged part is named: with the signed part's id under each attribute, with another id, with none."""

WRAPPERS = ("none", "unknown", "other-actor", "must-understand", "envelope", "object", "security", "encrypted", "body")
PLACES = (
    "envelope-first", "envelope-last", "header-first", "header-last", "body-first", "body-last", "payload-first",
    "payload-last", "security-first", "security-last", "signature-first", "signature-last", "key-info",
    "signed-info", "reference", "timestamp", "token", "nowhere",
)  # fmt: skip

Variant = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Town:
    """The signer, the gate that judges, and what was signed."""

    key: SigningKey
    gate: Gate
    raw: bytes


def town(*, elliptic: bool = True) -> Town:
    """An authority, a key of the tax system, and its signed message."""
    authority = Authority("Authority of the town", NOW - 86400)
    made = authority.issue("tax", purposes=(), rsa_bits=0 if elliptic else 2048)
    certificate = certificates_of(made.certificate, "certificate")[0]
    key = signing_key("tax", read_private(made.key, "key"), certificate, "certificate")
    policy = Policy(
        settings=EndpointSecurity(inbound=Inbound.SIGNED),
        username="tax",
        trust=TrustStore(read_certificates(authority.pem)),
        registered=Registered((certificate,), frozenset({certificate.fingerprint})),
        digests=frozenset({names.SHA256}),
    )
    body = etree.Element(f"{{{ITEM}}}ask", nsmap={"i": ITEM})
    etree.SubElement(body, f"{{{ITEM}}}atenabango").text = "000000000012345"
    address = "http://bus.example/990019/tax/juki"
    addressing = Addressing("urn:uuid:1", "urn:example:ask", address, reply_to=f"{WSA}/anonymous")
    context = Context(sender_municipality="990019", sender_unit="kojinjuminzei", sender_system="tax", purpose="kazei")
    root = safe_xml.parse(envelope.build(body, addressing=addressing, context=context))
    sign(root, Signing(key, NOW, 300.0, "a1"))
    return Town(key, Gate(policy), etree.tostring(root, encoding="utf-8"))


def dispatched(raw: bytes, gate: Gate) -> tuple[bytes, Addressing, Context]:
    """What the steps would act upon. Errors: any coded error refuses."""
    root = safe_xml.parse(raw)
    read = envelope.read(root)
    gate.check(root, read, NOW + 1, private=False, encrypted=False)
    return canonical(read.body), read.addressing, read.context


def judge(variant: bytes, expected: tuple[bytes, Addressing, Context], gate: Gate) -> str:
    """refused:<code>, same, forged or crashed:<type>."""
    try:
        seen = dispatched(variant, gate)
    except ChiikibusError as error:
        return f"refused:{error.code}"
    except Exception as error:
        return f"crashed:{type(error).__name__}"
    return "same" if seen == expected else "forged"


def part(root: etree._Element, name: str) -> etree._Element:
    """A signed part in its place."""
    if name == "Body":
        return root[-1]
    return next(element for element in root[0].iter(f"{{*}}{name}") if element.get(names.WSU_ID))


def forge(element: etree._Element, name: str, ids: str) -> etree._Element:
    """A part of the same name that says something else."""
    forged = deepcopy(element)
    identifier = forged.attrib.pop(names.WSU_ID)
    if ids == "new":
        forged.set(names.WSU_ID, "forged")
    elif ids != "none":
        forged.set(ids, identifier)
    if name == "Timestamp":
        forged[1].text = "2036-01-01T00:00:00.000Z"
    elif name == "Body":
        forged[0][0].text = "000000000099999"
    elif name == "Context":
        forged[0][0].text = "131016"
    elif name == "ReplyTo":
        forged[0].text = "http://attacker.example/"
    else:
        forged.text = "urn:example:forged"
    return forged


def wrap(element: etree._Element, wrapper: str) -> etree._Element:
    """The element inside a wrapper that a careless reader looks through."""
    if wrapper == "none":
        return element
    if wrapper == "envelope":
        outer = etree.Element(envelope.ENVELOPE)
        inner = etree.SubElement(outer, envelope.HEADER if element.tag != envelope.BODY else envelope.ENVELOPE)
        inner.append(element)
        return outer
    tags = {
        "object": f"{{{names.DS}}}Object",
        "security": names.SECURITY,
        "encrypted": names.ENCRYPTED_DATA,
        "body": envelope.BODY,
    }
    outer = etree.Element(tags.get(wrapper, "{urn:example:wrapper}Wrapper"))
    if wrapper in {"other-actor", "security"}:
        outer.set(envelope.ACTOR, "urn:example:somebody-else")
    if wrapper == "must-understand":
        outer.set(envelope.MUST_UNDERSTAND, "0")
    outer.append(element)
    return outer


def put(root: etree._Element, place: str, element: etree._Element) -> None:
    """Put an element into a place of the message."""
    security = next(root.iter(names.SECURITY))
    signature = next(security.iter(names.SIGNATURE))
    target, _, where = place.rpartition("-")
    parents = {
        "envelope": root, "header": root[0], "body": root[-1], "payload": root[-1][0], "security": security,
        "signature": signature,
    }  # fmt: skip
    if target in parents:
        parent = parents[target]
        parent.insert(0 if where == "first" else len(parent), element)
        return
    single = {
        "key-info": signature[2], "signed-info": signature[0], "reference": signature[0][2],
        "timestamp": next(security.iter(names.TIMESTAMP)), "token": next(security.iter(names.TOKEN)),
    }  # fmt: skip
    if place in single:
        single[place].append(element)


def moved(raw: bytes, name: str, ids: str, wrapper: str, place: str, *, copy: bool) -> bytes:
    """The signed part goes (or is copied) to ``place`` in ``wrapper``; a forged one stands where it was."""
    root = safe_xml.parse(raw)
    original = part(root, name)
    forged = forge(original, name, ids)
    parent = original.getparent()
    assert parent is not None
    index = parent.index(original)
    if copy:
        away = deepcopy(original)
        parent.insert(index, forged) if name != "Body" else parent.replace(original, forged)
    else:
        parent.replace(original, forged)
        away = original
    put(root, place, wrap(away, wrapper))
    return etree.tostring(root, encoding="utf-8")


def systematic(raw: bytes, step: int = 1, start: int = 0) -> Iterator[Variant]:
    """Every part, id, wrapper, place, moved and copied; with ``step`` only every such one."""
    everything = itertools.product(PARTS, IDS, WRAPPERS, PLACES, (False, True))
    for name, ids, wrapper, place, copy in itertools.islice(everything, start, None, step):
        label = f"{name} {ids.rpartition('}')[2]} {wrapper} {place} {'copy' if copy else 'move'}"
        try:
            yield label, moved(raw, name, ids, wrapper, place, copy=copy)
        except (ValueError, StopIteration, IndexError):
            continue  # a place inside the part that was moved


def by_tree(raw: bytes) -> Iterator[Variant]:
    """Changes that are no moves: extra references, signatures, headers, actors, namespaces, order."""
    changes: dict[str, Callable[[etree._Element], object]] = {
        "no security": lambda root: root[0].remove(root[0][0]),
        "no header": lambda root: root.remove(root[0]),
        "security for somebody else": lambda root: root[0][0].set(envelope.ACTOR, "urn:example:other"),
        "two securities": lambda root: root[0].append(deepcopy(root[0][0])),
        "two signatures": lambda root: root[0][0].append(deepcopy(next(root.iter(names.SIGNATURE)))),
        "two timestamps": lambda root: root[0][0].append(deepcopy(next(root.iter(names.TIMESTAMP)))),
        "two tokens": lambda root: root[0][0].append(deepcopy(next(root.iter(names.TOKEN)))),
        "headers in reverse": lambda root: root[0].extend(list(reversed(root[0]))),
        "two headers": lambda root: root.insert(1, deepcopy(root[0])),
        "two bodies": lambda root: root.append(deepcopy(root[-1])),
        "two payloads": lambda root: root[-1].append(deepcopy(root[-1][0])),
        "no payload": lambda root: root[-1].remove(root[-1][0]),
        "text beside the payload": lambda root: setattr(root[-1], "text", "x"),
        "unsigned FaultTo": lambda root: _add_wsa(root, "FaultTo"),
        "unsigned From": lambda root: _add_wsa(root, "From"),
        "unsigned RelatesTo": lambda root: setattr(etree.SubElement(root[0], f"{{{WSA}}}RelatesTo"), "text", "urn:x"),
        "unsigned reference parameter": lambda root: etree.SubElement(
            root[0], "{urn:example:p}P", {f"{{{WSA}}}IsReferenceParameter": "1"}
        ),
        "unsigned sequence": lambda root: etree.SubElement(
            root[0], "{http://docs.oasis-open.org/ws-rx/wsrm/200702}Sequence"
        ),
        "unknown unsigned block": lambda root: etree.SubElement(root[0], "{urn:example:trace}Trace"),
    }
    for label, change in changes.items():
        root = safe_xml.parse(raw)
        change(root)
        yield label, etree.tostring(root, encoding="utf-8")
    count = len(list(safe_xml.parse(raw).iter(f"{{{names.DS}}}Reference")))
    for number, other in itertools.permutations(range(count), 2):
        root = safe_xml.parse(raw)
        references = list(root.iter(f"{{{names.DS}}}Reference"))
        references[number].set("URI", references[other].get("URI", ""))
        yield f"reference {number} to {other}", etree.tostring(root, encoding="utf-8")
    for number in range(count):
        root = safe_xml.parse(raw)
        reference = list(root.iter(f"{{{names.DS}}}Reference"))[number]
        root[0][0][-1][0].remove(reference)
        yield f"without reference {number}", etree.tostring(root, encoding="utf-8")


def _add_wsa(root: etree._Element, name: str) -> None:
    block = etree.SubElement(root[0], f"{{{WSA}}}{name}")
    etree.SubElement(block, f"{{{WSA}}}Address").text = "http://attacker.example/"


def by_bytes(raw: bytes) -> Iterator[Variant]:
    """Comments, CDATA, character references, blanks and namespace declarations, at every place where they fit."""
    inserted = (b"<!--x-->", b"<![CDATA[]]>", b"<![CDATA[9]]>", b"&#57;", b" ", b"\n", b"9", "９".encode())
    for offset in range(len(raw)):
        if raw[offset : offset + 2] == b"</":
            for text in inserted:
                yield f"{text!r} at {offset}", raw[:offset] + text + raw[offset:]
    declared = (b' xmlns="urn:example:other"', b' xmlns:soap="urn:example:other"', b' xmlns:i="urn:example:other"')
    declared += (b' xmlns:wsa="urn:example:other"', b' xml:space="preserve"', b' xml:lang="ja"', b' Id="x"')
    for offset in range(1, len(raw)):
        if raw[offset : offset + 1] == b">" and raw[offset - 1 : offset] not in {b"/", b"?"}:
            start = raw.rfind(b"<", 0, offset)
            if raw[start : start + 2] == b"</":
                continue
            for text in declared:
                yield f"{text!r} at {offset}", raw[:offset] + text + raw[offset:]


def variants(raw: bytes, wanted: int) -> Iterator[Variant]:
    """The first ``wanted`` variants, taken evenly from all of them."""
    everything = [*by_tree(raw), *by_bytes(raw)]
    moves = len(PARTS) * len(IDS) * len(WRAPPERS) * len(PLACES) * 2
    step = max(1, moves // max(1, wanted - len(everything)))
    rounds = (systematic(raw, step, start) for start in range(step))
    yield from itertools.islice(itertools.chain(everything, *rounds), wanted)


def run(wanted: int, *, elliptic: bool = True) -> dict[str, object]:
    """Counts by outcome, the labels of whatever was accepted as something else, and how long it took."""
    place = town(elliptic=elliptic)
    expected = dispatched(place.raw, place.gate)
    start, counts, bad = time.perf_counter(), Counter[str](), []
    for label, variant in variants(place.raw, wanted):
        outcome = judge(variant, expected, place.gate)
        counts[outcome] += 1
        if outcome.startswith(("forged", "crashed")):
            bad.append(f"{label}: {outcome}")
    total = Counter(dict.fromkeys(("refused", "same", "forged", "crashed"), 0))
    for outcome, count in counts.items():
        total[outcome.partition(":")[0]] += count
    return {
        "variants": sum(counts.values()),
        **total,
        "by_code": {key.partition(":")[2]: count for key, count in sorted(counts.items()) if ":" in key},
        "bad": bad[:50],
        "seconds": round(time.perf_counter() - start, 2),
    }


def main() -> int:
    """Print the counts as JSON; 1 when anything forged was accepted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=5000)
    parser.add_argument("--rsa", action="store_true", help="sign with RSA instead of ECDSA")
    options = parser.parse_args()
    result = run(options.variants, elliptic=not options.rsa)
    print(json.dumps(result, ensure_ascii=False))
    return int(bool(result["forged"] or result["crashed"]))


if __name__ == "__main__":
    sys.exit(main())
