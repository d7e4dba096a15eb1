"""S6: every message signed both ways. The bus verifies the request, signs it anew for the provider, verifies the
provider's answer and signs the answer for the caller: two verifications and two signatures for each call.

Every message has an id of its own and is sent once: a repetition would be answered from the journal. Requests and
answers are signed before the measurement; the provider gives to each message its own answer.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from lxml import etree

from bus.core.types import Addressing, Context
from bus.ops.security_maker import make_keys
from bus.wire import envelope, safe_xml
from bus.wire.security.keys import SigningKey, certificates_of, read_private, signing_key
from bus.wire.security.sign import Signing, sign
from harness import bus
from harness.children import HarnessError, child, free_port
from harness.load import Load, run_wrk
from harness.machine import calibration_us
from harness.messages import KB, Messages
from harness.peers import Server
from harness.scenarios import Meter

HERE = Path(__file__).resolve().parent
CLIENTS = 20
PER_SECOND = 2000
"""Messages prepared for each second of the measurement; none is sent twice."""

DAY_S = 24 * 3600.0
POLICY = "resign = true\nmax_age_s = 86400\n"


@dataclass(frozen=True, slots=True)
class SignedSample:
    """One run: which keys and how many processes, calls per second, latencies, processor seconds per 1,000 calls."""

    keys: str
    processes: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_per_1000: float
    foreign: float
    calibration_us: float
    wrong: int
    request_bytes: int
    reply_bytes: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """Bundles of signed requests and answers, and the site whose keys signed them."""

    site: Path
    requests: Path
    replies: Path
    action: str
    request_bytes: int
    reply_bytes: int


def prepare(folder: Path, count: int, *, rsa: bool) -> Prepared:
    """Make the keys of the caller, the provider and the bus, and sign ``count`` requests and answers."""
    folder.mkdir()
    names = ((bus.MUNICIPALITY, "caller"), (bus.MUNICIPALITY, "register"))
    site = folder / "keys"
    site.mkdir()
    made = make_keys(site, names, time.time() - 60, rsa=rsa)
    toml = made.toml.replace('inbound = "signed"\n', f'inbound = "signed"\n{POLICY}')
    (site / "security.toml").write_text(toml, encoding="utf-8")
    caller, register = (_key(site, name) for _, name in names)
    pair, now = Messages().inquiry(KB), time.time()
    request, reply = (safe_xml.parse(each)[-1][0] for each in (pair.request, pair.reply))
    context = Context(bus.MUNICIPALITY, "kojinjuminzei", "caller", purpose="kazei")
    sizes = [0, 0]
    with (folder / "requests.bin").open("wb") as requests, (folder / "replies.bin").open("wb") as replies:
        for number in range(count):
            identifier = f"urn:uuid:00000000-0000-4000-8000-{number:012d}"
            asked = Addressing(identifier, pair.action)
            answered = Addressing(f"{identifier}a", f"{pair.action}_kaito", relates_to=identifier)
            outgoing = envelope.build(request, addressing=asked, context=context)
            sizes[0] = _add(requests, outgoing, Signing(caller, now, DAY_S, f"c{number}"))
            sizes[1] = _add(
                replies, envelope.build(reply, addressing=answered), Signing(register, now, DAY_S, f"r{number}")
            )
    return Prepared(site, folder / "requests.bin", folder / "replies.bin", pair.action, sizes[0], sizes[1])


def _key(site: Path, name: str) -> SigningKey:
    file = f"{bus.MUNICIPALITY}-{name}"
    certificate = certificates_of((site / "trust" / "endpoints" / f"{file}.crt").read_bytes(), name)[0]
    private = read_private((site / "secrets" / "test-only-endpoints" / f"{file}.key").read_bytes(), name)
    return signing_key(name, private, certificate, name)


def _add(bundle, raw: bytes, signing: Signing) -> int:
    root = safe_xml.parse(raw)
    sign(root, signing)
    whole = etree.tostring(root, encoding="utf-8")
    bundle.write(f"{len(whole):08d}".encode("ascii") + whole)
    return len(whole)


@contextmanager
def provider(folder: Path, prepared: Prepared) -> Iterator[Server]:
    """The system that answers with what was signed for it."""
    port = free_port()
    command = [sys.executable, HERE.parent / "signed_provider.py", str(port), prepared.replies.parent]
    with child(command, port, folder / "provider.log") as pid:
        yield Server("provider", f"http://127.0.0.1:{port}/", pid)


def measure(folder: Path, prepared: Prepared, keys: str, *, seconds: int, processes: int) -> SignedSample:
    """One run with a fresh journal."""
    folder.mkdir()
    with (
        provider(folder, prepared) as backend,
        bus.serve(folder / "site", backend, sender="caller", processes=processes, like=prepared.site) as server,
    ):
        meter = Meter(server.pid)
        load = _drive(server, prepared, seconds)
        spent = meter.read()
    thousands = max(1, load.good) / 1000
    wrong = load.bad + load.broken + load.timeouts
    if wrong:
        print(load.sample, file=sys.stderr)
    return SignedSample(
        keys=keys,
        processes=processes,
        rate=round(load.good / load.seconds, 1),
        p50_ms=round(load.p50_us / 1e3, 2),
        p99_ms=round(load.p99_us / 1e3, 2),
        cpu_per_1000=round(spent.cpu / thousands, 3),
        foreign=round(spent.foreign, 3),
        calibration_us=round(calibration_us(), 3),
        wrong=wrong,
        request_bytes=prepared.request_bytes,
        reply_bytes=prepared.reply_bytes,
    )


def _drive(server: Server, prepared: Prepared, seconds: int) -> Load:
    headers = [f"{name}: {value}" for name, value in server.headers]
    marks = ["jumin_shokai_kaito", "SignatureValue"]
    arguments = [str(prepared.requests), prepared.action, *marks, *headers]
    return run_wrk(server, HERE.parent / "signed.lua", arguments, clients=CLIENTS, seconds=seconds)


def run(
    folder: Path, *, seconds: int, repetitions: int, processes: tuple[int, ...], say: Callable[[str], None]
) -> list[SignedSample]:
    """All samples, with elliptic keys and with RSA, in turn within each repetition."""
    if len(os.sched_getaffinity(0)) < 2:
        raise HarnessError("S6 is for two cores")
    prepared = {
        keys: prepare(folder / f"prepared-{keys}", PER_SECOND * seconds, rsa=keys == "RSA") for keys in ("ECDSA", "RSA")
    }
    samples = []
    for repetition in range(repetitions):
        for count in processes:
            for keys, ready in prepared.items():
                place = folder / f"{keys}-{count}-{repetition}"
                sample = measure(place, ready, keys, seconds=seconds, processes=count)
                say(f"S6 {keys:5} x {count}  {sample.rate:9,.0f}/s  {sample.cpu_per_1000:.2f} CPU s per 1,000")
                samples.append(sample)
    return samples


def signed_table(samples: list[SignedSample]) -> str:
    """The samples in Markdown, one line per kind of key and number of processes."""
    head = "| keys | processes | calls/s, median (spread) | p50 ms | p99 ms | CPU s per 1,000 | foreign load | wrong |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for keys, count in dict.fromkeys((each.keys, each.processes) for each in samples):
        own = [each for each in samples if (each.keys, each.processes) == (keys, count)]
        rates = [each.rate for each in own]
        cells = [
            keys, str(count), f"{median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})",
            f"{median(each.p50_ms for each in own):.1f}", f"{median(each.p99_ms for each in own):.1f}",
            f"{median(each.cpu_per_1000 for each in own):.2f}", f"{median(each.foreign for each in own):.0%}",
            str(sum(each.wrong for each in own)),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    first = samples[0]
    lines += [
        "",
        f"Request {first.request_bytes} bytes, answer {first.reply_bytes} bytes with their signatures (ECDSA).",
    ]
    return "\n".join(lines)
