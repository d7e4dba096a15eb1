"""Drive load with wrk; every answer is verified by ``verify.lua``."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.children import HarnessError
from harness.messages import Pair
from harness.peers import Server

SCRIPT = Path(__file__).resolve().parent.parent / "verify.lua"
TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk counted: verified answers, wrong ones (with a sample), broken connections, latency in µs."""

    good: int
    bad: int
    sample: str
    seconds: float
    broken: int
    timeouts: int
    p50_us: float
    p99_us: float
    max_us: float


def drive(
    server: Server, pair: Pair, folder: Path, *, clients: int, seconds: int, expected: bytes | None, digits: int = 0
) -> Load:
    """Post ``pair.request`` from ``clients`` kept connections for ``seconds``.

    Each answer has to equal ``expected`` byte for byte; with ``None`` it has to be a receipt with status 200.
    """
    request, answer = folder / "load-request.xml", folder / "load-answer.xml"
    request.write_bytes(pair.request)
    if expected is not None:
        answer.write_bytes(expected)
    arguments = [str(request), str(answer) if expected is not None else "-", pair.action, "uketsukebango", str(digits)]
    arguments += [f"{name}: {value}" for name, value in server.headers]
    return run_wrk(server, SCRIPT, arguments, clients=clients, seconds=seconds)


def run_wrk(server: Server, script: Path, arguments: list[str], *, clients: int, seconds: int) -> Load:
    """Run wrk with a script that prints its counts; ``arguments`` are the script's. Errors: HarnessError."""
    command = [
        "wrk",
        "-t1",
        f"-c{clients}",
        f"-d{seconds}s",
        f"--timeout={TIMEOUT_S}s",
        "-s",
        str(script),
        server.url,
    ]
    run = subprocess.run([*command, "--", *arguments], capture_output=True, text=True, check=False)
    lines = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise HarnessError(f"wrk gave no result: {run.stdout[-1000:]}{run.stderr[-1000:]}")
    return Load(**json.loads(lines[0].removeprefix("RESULT ")))
