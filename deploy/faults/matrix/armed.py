"""A bus that kills itself right after a numbered step: the composition of ``bus.app`` with a fuse behind one step.

    python -m matrix.armed SITE STEP HIT

``STEP`` 10 to 13 is the step of the delivery of what was queued; ``HIT``: at which passing the bus dies.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bus.core import log
from bus.core.config import load_site
from bus.core.ports import Consignment, HttpReply, Transition, Verdict
from bus.core.states import State
from bus.deliver.outgoing import HouseOutgoing
from bus.journal.stored import StoredJournal
from bus.pipeline import STEPS

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
    if not found:
        raise SystemExit(f"nobody calls {function.__name__}")
    for module in found:
        setattr(module, function.__name__, wrapped)


def _arm_delivery(step: int, fuse: Fuse) -> None:
    """11: the target has it, its answer is unread. 12: the answer is judged. 13: the outcome is durable."""
    judge, record = HouseOutgoing.judge, StoredJournal.record

    async def judging(self: HouseOutgoing, consignment: Consignment, reply: HttpReply) -> Verdict:
        if step == 11:
            fuse.burn()
        verdict = await judge(self, consignment, reply)
        if step == 12:
            fuse.burn()
        return verdict

    async def recording(self: StoredJournal, transitions: Sequence[Transition]) -> None:
        await record(self, transitions)
        if step == 13 and {each.state for each in transitions} & {State.DELIVERED, State.REPLIED}:
            fuse.burn()

    HouseOutgoing.judge = judging
    StoredJournal.record = recording


def main() -> None:
    """The life of one bus."""
    from bus.app import serving  # noqa: PLC0415 - a module that imports this one for ``arm`` alone needs no bus

    site, step, hit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    arm(step, hit, queued=True)
    log.configure("info", json=True, stream=sys.stderr.buffer)
    serving.run(load_site(site, need_secrets=True), lambda event: None)


if __name__ == "__main__":
    main()
