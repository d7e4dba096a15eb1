"""Goes on with every resend job that runs and that nobody else holds, a step at a time."""

from __future__ import annotations

from bus.journal.resend.desk import ResendDesk
from bus.journal.resend.run import Tokens
from bus.journal.resend.values import Job, JobState


class JobKeeper:
    """For a process that outlives commands. Keeps the pace of a job from one step to the next."""

    def __init__(self, name: str) -> None:
        """``name`` is the process, as others see who runs a job."""
        self._name = name
        self._paces: dict[int, Tokens] = {}

    def tick(self, desk: ResendDesk) -> tuple[int, list[Job]]:
        """A step of each; how many run, and those that have stopped with it. Errors: CB4001."""
        running = sorted(job.number for job in desk.jobs(states=[JobState.RUNNING]))
        self._paces = {number: self._paces.get(number) or Tokens() for number in running}
        stepped = [desk.runner(number, self._name, self._paces[number]).step() for number in running]
        return len(running), [job for job in stepped if job.state is not JobState.RUNNING]
