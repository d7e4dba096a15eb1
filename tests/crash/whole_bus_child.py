"""Whole buses that kill themselves: each is the composition of ``bus.app``, dead right after a numbered step.

    python -m tests.crash.whole_bus_child

Reads one order per line from standard input, ``{"folder": ..., "step": N, "hit": N, "queued": bool}``, and runs the
bus of that site folder in a forked process, so that what takes long (imports, the compiled standard) is done once.
Writes the bus's ready line, and ``{"ended": CODE}`` when it is gone. ``step`` 0 arms nothing.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bus.app.composition as composition
from bus.app import serving
from bus.core import log
from bus.core.config import load_site
from bus.core.ports import Consignment, HttpReply, Transition, Verdict
from bus.core.states import State
from bus.deliver.outgoing import HouseOutgoing
from bus.journal.sqlite import SqliteJournal
from bus.pipeline import STEPS
from bus.wire.contract import contracts
from schemas.catalog import load_edition

DELIVERY = {11: "deliver", 12: "answer", 13: "record"}
"""The steps that a queued message takes in ``bus.deliver``."""


class Fuse:
    """Kills this process the ``hit``-th time it is passed."""

    def __init__(self, hit: int) -> None:
        self._left = hit

    def burn(self) -> None:
        """The step was taken."""
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(step: int, hit: int, *, queued: bool) -> None:
    """Put the fuse behind a step of ``process``, or behind the same step of the delivery of what was queued."""
    fuse = Fuse(hit)
    if queued and step in DELIVERY:
        _arm_delivery(step, fuse)
    elif step:
        (function,) = (function for number, _, function in STEPS if number == step)
        _replace(function, _followed_by(function, fuse))


def _followed_by(function: Callable[..., Any], fuse: Fuse) -> Callable[..., Any]:
    """The step, then the fuse."""

    async def waiting(*arguments: Any) -> Any:
        result = await function(*arguments)
        fuse.burn()
        return result

    def plain(*arguments: Any) -> Any:
        result = function(*arguments)
        fuse.burn()
        return result

    return waiting if inspect.iscoroutinefunction(function) else plain


def _replace(function: Callable[..., Any], wrapped: Callable[..., Any]) -> None:
    """Everywhere in the pipeline where the step is called by its name."""
    found = [
        module
        for name, module in sys.modules.items()
        if name.partition("bus.pipeline")[0] == "" and getattr(module, function.__name__, None) is function
    ]
    assert found
    for module in found:
        setattr(module, function.__name__, wrapped)


def _arm_delivery(step: int, fuse: Fuse) -> None:
    """11: the target has it, its answer is unread. 12: the answer is judged. 13: the outcome is durable."""
    judge, record = HouseOutgoing.judge, SqliteJournal.record

    async def judging(self: HouseOutgoing, consignment: Consignment, reply: HttpReply) -> Verdict:
        if step == 11:
            fuse.burn()
        verdict = await judge(self, consignment, reply)
        if step == 12:
            fuse.burn()
        return verdict

    async def recording(self: SqliteJournal, transitions: Sequence[Transition]) -> None:
        await record(self, transitions)
        if step == 13 and {each.state for each in transitions} & {State.DELIVERED, State.REPLIED}:
            fuse.burn()

    HouseOutgoing.judge = judging
    SqliteJournal.record = recording


def serve(folder: Path, step: int, hit: int, *, queued: bool) -> None:
    """The life of one bus."""
    arm(step, hit, queued=queued)
    with (folder / "bus.log").open("ab") as stream:
        log.configure("info", json=True, stream=stream)
        serving.run(load_site(folder, need_secrets=True), say)


def say(event: dict[str, Any]) -> None:
    """One line for the test."""
    os.write(1, json.dumps(event).encode() + b"\n")


def main() -> None:
    """One bus after the other, as ordered."""
    edition = load_edition()
    compiled = contracts(edition)
    composition.load_edition = lambda *_: edition
    composition.contracts = lambda *_: compiled
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                serve(Path(order["folder"]), order["step"], order["hit"], queued=order["queued"])
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        say({"ended": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    main()
