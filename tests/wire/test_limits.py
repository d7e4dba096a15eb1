"""Limits before trees: what is hostile is refused at the price of looking at its bytes."""

from __future__ import annotations

import gc
import gzip
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.core.errors import WireError
from bus.wire import envelope, safe_xml
from bus.wire.coding import room, unpack
from bus.wire.envelope import SOAP
from bus.wire.explain import MAX_FINDINGS
from bus.wire.fault import error_response
from bus.wire.limits import LIMITS, Limits
from tests.pipeline.messages import JUKI, compiled

MB = 1024 * 1024
CPU_S = 0.25
"""The mark is 50 ms on an idle machine; process time of a crowded one varies."""


def message(inner: bytes, start: bytes = b"") -> bytes:
    """An envelope with a payload of this start tag and content."""
    head = b"<s:Envelope xmlns:s='%s'><s:Body><p:a xmlns:p='urn:x'%s>" % (SOAP.encode(), start)
    return head + inner + b"</p:a></s:Body></s:Envelope>"


def numbered(form: bytes, count: int) -> bytes:
    """``form`` with the numbers from 0 on."""
    return b"".join(form % number for number in range(count))


HOSTILE: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "billion laughs": ("CB1005", "", lambda: b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>' + message(b"")),
    "quadratic blow-up": (
        "CB1005",
        "",
        lambda: b'<!DOCTYPE a [<!ENTITY a "%s">]>' % (b"x" * MB) + message(b"&a;" * MB),
    ),
    "external entity": (
        "CB1005",
        "",
        lambda: b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///dev/zero">]>' + message(b"&a;"),
    ),
    "500,000 attributes": ("CB1006", "all attributes", lambda: message(b"", numbered(b" a%d=''", 500_000))),
    "200 attributes on each": ("CB1006", "attributes", lambda: message((b"<b%s/>" % numbered(b" a%d=''", 200)) * 900)),
    "2,000,000 elements": ("CB1006", "elements", lambda: message(b"<a/>" * 2_000_000)),
    "16 MB of brackets": ("CB1006", "elements", lambda: b"<" * (16 * MB)),
    "comments": ("CB1006", "elements", lambda: message(b"<!---->" * 2_000_000)),
    "CDATA sections": ("CB1006", "elements", lambda: message(b"<![CDATA[]]>" * 1_300_000)),
    "depth 100,000": ("CB1006", "depth or text", lambda: message(b"<a>" * 100_000 + b"</a>" * 100_000)),
    "different names": ("CB1006", "names", lambda: message(numbered(b"<n%06d/>", 590_000))),
    "namespaces": ("CB1006", "namespaces", lambda: message((b"<a%s/>" % numbered(b" xmlns:b%d='u'", 40)) * 1_000)),
    "namespaces everywhere": ("CB1006", "all namespaces", lambda: message(b"<a xmlns='urn:x'/>" * 100_000)),
    "texts": ("CB1006", "nodes", lambda: message(b"<a/>x" * 590_000)),
    "one text": ("CB1006", "text", lambda: message(b"x" * (15 * MB))),
    "one attribute": ("CB1006", "text", lambda: message(b"", b" b='%s'" % (b"x" * (15 * MB)))),
    "a tag of spaces": ("CB1006", "text", lambda: message(b"", b" " * (15 * MB))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused_for_the_price_of_a_look(name: str) -> None:
    """The code, the limit, and the processor time of the best of three."""
    code, limit, make = HOSTILE[name]
    raw = make()
    spent = []
    for _ in range(3):
        gc.collect()
        before = time.thread_time()
        with pytest.raises(WireError) as caught:
            safe_xml.parse(raw)
        spent.append(time.thread_time() - before)
    assert (caught.value.code, caught.value.findings[0].path) == (code, limit)
    assert min(spent) < CPU_S


# A message at the limit, the same with one more, and the limit.
EDGES: dict[str, tuple[bytes, bytes, Limits]] = {
    "attributes": (
        message(b"", numbered(b" a%d='1'", 33)),
        message(b"", numbered(b" a%d='1'", 34)),
        Limits(max_attributes=34),
    ),
    "all attributes": (
        message(b"<b c=''/>" * 5),
        message(b"<b c=''/>" * 6),
        Limits(max_all_attributes=7, max_namespaces=1),
    ),
    "namespaces": (
        message(b"", b" k='v'" + numbered(b" xmlns:a%d='u'", 3)),
        message(b"", b" k='v'" + numbered(b" xmlns:a%d='u'", 4)),
        Limits(max_namespaces=4),
    ),
    "all namespaces": (
        message(b"<b xmlns='u'/>" * 7),
        message(b"<b xmlns='u'/>" * 8),
        Limits(max_namespaces=1, max_all_namespaces=9),
    ),
    "elements": (message(b"<b/>" * 17), message(b"<b/>" * 18), Limits(max_elements=20, max_names=9)),
    "names": (message(numbered(b"<b%d/>", 17)), message(numbered(b"<b%d/>", 18)), Limits(max_names=20)),
    "nodes": (message(b"<b>x</b>" * 10), message(b"<b>x</b>" * 11), Limits(max_nodes=24, max_names=9)),
    "text": (message(b"x" * 180), message(b"x" * 181), Limits(max_text=200)),
    "depth": (message(b"<b>" * 7 + b"</b>" * 7), message(b"<b>" * 8 + b"</b>" * 8), Limits(max_depth=10)),
    "bytes": (message(b"x"), message(b"xx"), Limits(max_bytes=len(message(b"x")))),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_message_at_a_limit_is_read_and_one_over_it_is_not(name: str) -> None:
    """No limit is off by one."""
    within, beyond, limits = EDGES[name]
    safe_xml.parse(within, limits=limits)
    with pytest.raises(WireError) as caught:
        safe_xml.parse(beyond, limits=limits)
    assert (caught.value.code, caught.value.findings[0].path) == ("CB1006", name)


def test_refusals_by_a_limit_are_faults_that_name_it() -> None:
    """413 is only for the length of a body."""
    with pytest.raises(WireError) as caught:
        safe_xml.parse(message(b"<b/>" * 3), limits=Limits(max_elements=2, max_names=1))
    response = error_response(caught.value)
    assert (response.status, b"CB1006" in response.body, b"elements" in response.body) == (500, True, True)
    assert error_response(WireError("CB1006")).status == 413


@pytest.mark.parametrize("size", [*range(7, 14), 40])
def test_a_long_text_is_found_wherever_it_stands(size: int) -> None:
    """The look at stretches misses none, and finds none that is not there."""
    limits = Limits(max_text=11)
    for before in range(25):
        raw = b"<a>" + b"<b/>" * before + b"x" * size + b"<c/>" * 3 + b"</a>"
        if size + (len(b"b/>") if before else len(b"a>")) > limits.max_text:
            with pytest.raises(WireError) as caught:
                safe_xml.parse(raw, limits=limits)
            assert caught.value.findings[0].path == "text"
        else:
            assert safe_xml.parse(raw, limits=limits).tag == "a"


def resident_kb() -> int:
    """The resident memory of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.slow
def test_new_names_do_not_make_the_process_grow() -> None:
    """10,000 messages with 500 names each that were never seen before: without forgetting they cost 190 MB."""
    for number in range(600):
        safe_xml.parse(message(numbered(b"<w%d%%03d/>" % number, 500)))
    before = resident_kb()
    for number in range(10_000):
        safe_xml.parse(message(numbered(b"<n%d%%03d/>" % number, 500)))
    assert resident_kb() - before < 16 * 1024


def test_a_document_outlives_the_names_of_its_thread() -> None:
    """Trees that are in use when names are forgotten stay whole, and parts of them can be put into new messages."""
    kept = safe_xml.parse(message(b"<old><inner x='1'>text</inner></old>"))
    for number in range(10):
        safe_xml._parsers.renew()
        safe_xml.parse(message(numbered(b"<m%d%%03d/>" % number, 500)))
    raw = envelope.build(envelope.read(kept).body)
    assert envelope.read(safe_xml.parse(raw)).body[0][0].get("x") == "1"
    assert LIMITS.max_depth == 64


FLOODS = {
    "unknown items": ("jumin_shokai", b"<a/>" * 100_000),
    "one item again and again": ("jumin_shokai", b"<j:atenabango>1</j:atenabango>" * 100_000),
    "unknown items in a record": ("ido_tsuchi", b"<j:jumin>" + b"<a/>" * 100_000 + b"</j:jumin>"),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_problems_is_not_explained_to_its_end(name: str) -> None:
    """A fault carries fifty findings; looking for more would cost seconds."""
    operation, inner = FLOODS[name]
    raw = message(b"").replace(b"<p:a xmlns:p='urn:x'></p:a>", b"<j:%s xmlns:j='%s'>%s</j:%s>")
    payload = envelope.read(safe_xml.parse(raw % (operation.encode(), JUKI.encode(), inner, operation.encode()))).body
    before = time.thread_time()
    findings = compiled()["juki"].validate(payload)
    assert time.thread_time() - before < CPU_S
    assert len(findings) == MAX_FINDINGS


def test_a_bomb_is_given_up_as_soon_as_it_shows() -> None:
    """Long before the limit of the body: what was unpacked is compared with what was read."""
    packed = gzip.compress(bytes(50 * MB), 1, mtime=0)
    before = time.thread_time()
    with pytest.raises(WireError) as caught:
        unpack(packed, room(len(packed), LIMITS.max_bytes))
    assert caught.value.code == "CB1006"
    assert time.thread_time() - before < CPU_S / 5


def test_a_packed_bulk_part_may_grow() -> None:
    """A hundred times its size is what monotonous records come to."""
    plain = b"".join(b"<jumin><atenabango>%015d</atenabango></jumin>" % number for number in range(40_000))
    packed = gzip.compress(plain, 9, mtime=0)
    assert unpack(packed, room(len(packed), LIMITS.max_bytes)) == plain
