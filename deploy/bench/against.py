"""Measures this checkout against an earlier commit, run about, so that both meet the same minutes of the machine.

    .venv/bin/python deploy/bench/against.py REVISION [--scenario S3] [--runs 5] [--seconds 4]
        [--clients 20] [--processes 1]

Each run starts the bus and the backend of its own checkout and drives them with that checkout's load generator; the
first second is not counted. Prints a line per run and, last, JSON: medians and spreads of messages per second and of
processor microseconds per message of the bus, and their ratios (this checkout to the earlier one).
Exit code: 0 measured, 1 an answer was wrong, 2 no such revision, 3 the machine lacks wrk or nginx.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ONE_RUN = """
import json, sys, tempfile
from pathlib import Path
from harness import bus, peers
from harness.load import drive
from harness.machine import cpu_seconds
from harness.messages import KB, SEQUENCE_DIGITS, Messages
scenario, clients, seconds, processes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
messages, folder = Messages(), Path(tempfile.mkdtemp(dir=sys.argv[5]))
if scenario == "S9":
    pair, sender, told = messages.notice(KB), "register", {"expected": None, "digits": SEQUENCE_DIGITS}
    target = peers.receiver(folder / "target", pair)
else:
    pair = messages.opaque(KB) if scenario == "S1" else messages.inquiry(KB)
    sender, told = "caller", {"expected": pair.reply}
    target = peers.backend(folder / "target", pair)
site = {"sender": sender, "opaque": scenario == "S1", "processes": processes}
with target as backend, bus.serve(folder / "bus", backend, **site) as it:
    drive(it, pair, folder, clients=clients, seconds=1, **told)
    before = cpu_seconds(it.pid)
    load = drive(it, pair, folder, clients=clients, seconds=seconds, **told)
    used = cpu_seconds(it.pid) - before
print(json.dumps({"rate": load.good / load.seconds, "cpu_us": 1e6 * used / load.good, "wrong": load.bad + load.broken}))
"""


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision")
    parser.add_argument("--scenario", choices=("S1", "S3", "S9"), default="S3")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    wanted = parser.parse_args()
    if missing := [name for name in ("wrk", "nginx") if shutil.which(name, path=_path()) is None]:
        print(f"missing: {', '.join(missing)} (deploy/bench/run.sh --quick installs them)", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="chiikibus-against-") as folder:
        earlier = Path(folder) / "earlier"
        made = subprocess.run(
            ("git", "worktree", "add", "--quiet", "--detach", earlier, wanted.revision), cwd=ROOT, check=False
        )
        if made.returncode:
            return 2
        try:
            return _measure({"earlier": earlier, "this": ROOT}, wanted, Path(folder))
        finally:
            subprocess.run(("git", "worktree", "remove", "--force", earlier), cwd=ROOT, check=False)


def _measure(trees: dict[str, Path], wanted: argparse.Namespace, folder: Path) -> int:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for _ in range(wanted.runs):
        for name, tree in trees.items():
            run = _run(tree, wanted, folder)
            found[name].append(run)
            print(f"{name:8} {run['rate']:8.0f}/s {run['cpu_us']:8.1f} µs {run['wrong']:.0f} wrong", flush=True)
    told: dict[str, object] = {"scenario": wanted.scenario, "clients": wanted.clients, "processes": wanted.processes}
    middle: dict[tuple[str, str], float] = {}
    for name, runs in found.items():
        for key in ("rate", "cpu_us"):
            values = sorted(run[key] for run in runs)
            middle[name, key] = statistics.median(values)
            told[f"{name}_{key}"] = [round(value, 1) for value in (middle[name, key], values[0], values[-1])]
    for key in ("rate", "cpu_us"):
        told[f"ratio_{key}"] = round(middle["this", key] / middle["earlier", key], 3)
    wrong = sum(int(run["wrong"]) for runs in found.values() for run in runs)
    print(json.dumps(told | {"runs": wanted.runs, "wrong": wrong}))
    return 1 if wrong else 0


def _run(tree: Path, wanted: argparse.Namespace, folder: Path) -> dict[str, float]:
    environment = os.environ | {"PYTHONPATH": f"{tree}:{tree}/deploy/bench", "PATH": _path()}
    numbers = (str(wanted.clients), str(wanted.seconds), str(wanted.processes))
    done = subprocess.run(
        (sys.executable, "-c", ONE_RUN, wanted.scenario, *numbers, folder),
        cwd=tree, env=environment, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin"


if __name__ == "__main__":
    sys.exit(main())
