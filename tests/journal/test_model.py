"""The journal against a model of the state table: any sequence of calls leaves both in agreement, restarts included."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.core.errors import JournalError
from bus.core.states import OPEN, TRANSITIONS, State
from bus.core.types import Mode
from bus.journal.sqlite import SqliteJournal
from tests.support.deliveries import MUNICIPALITY, SteppedClock, acceptance, call, refusal, step

STATES = sorted(State)
NUMBERS = st.integers(0, 5)
ACCEPT = st.tuples(st.just("accept"), NUMBERS, st.sampled_from(["queued", "direct", "refused"]))
RECORD = st.tuples(
    st.just("record"),
    st.lists(st.lists(st.tuples(NUMBERS, st.sampled_from(STATES)), min_size=1, max_size=3), min_size=1, max_size=4),
)
RESTART = st.tuples(st.just("restart"))


class Model:
    """What ought to be stored: exchange and state by message number."""

    def __init__(self) -> None:
        self.accepted = {}
        self.states: dict[str, State] = {}
        self.refused = 0

    def call(self, transitions: list[tuple[str, State]]) -> bool:
        """Whether this call is allowed; then it is applied."""
        ahead = dict(self.states)
        for delivery_id, new in transitions:
            old = ahead.get(delivery_id)
            if old is None or new not in TRANSITIONS[old]:
                return False
            ahead[delivery_id] = new
        self.states = ahead
        return True


async def play(folder: Path, plan: list[tuple]) -> None:
    """Do the same to the journal and to the model, and compare."""
    model = Model()

    async def opened() -> SqliteJournal:
        journal = SqliteJournal(folder / "journal.sqlite", clock=SteppedClock())
        await journal.open()
        return journal

    journal = await opened()
    for action, *rest in plan:
        if action == "restart":
            await journal.close()
            journal = await opened()
        elif action == "accept":
            number, kind = rest
            make = {"queued": acceptance, "direct": call, "refused": refusal}[kind]
            fresh = make(f"urn:{number}", sender="juki")
            known = await journal.accept(fresh)
            if kind == "refused":
                assert known is None
                model.refused += 1
            elif number in model.accepted:
                assert known is not None
                assert known.exchange_id == model.accepted[number].exchange_id
            else:
                assert known is None
                model.accepted[number] = fresh
                model.states[fresh.delivery_id(0)] = fresh.state
        else:
            calls = []
            for wanted in rest[0]:
                steps = [
                    step(model.accepted[number] if number in model.accepted else acceptance(), state)
                    for number, state in wanted
                ]
                allowed = model.call([(each.delivery_id, each.state) for each in steps])
                calls.append((steps, allowed))
            outcomes = await asyncio.gather(*(journal.record(steps) for steps, _ in calls), return_exceptions=True)
            for outcome, (_, allowed) in zip(outcomes, calls, strict=True):
                assert (outcome is None) == allowed
                assert allowed or (isinstance(outcome, JournalError) and outcome.code == "CB4004")
        compare(journal, model)
    await journal.close()


def compare(journal: SqliteJournal, model: Model) -> None:
    """Everything the journal shows is what the model says."""
    assert journal.states(list(model.states)) == model.states
    for number, accepted in model.accepted.items():
        known = journal.find(MUNICIPALITY, "juki", f"urn:{number}")
        assert known is not None
        assert (known.exchange_id, known.state) == (accepted.exchange_id, model.states[accepted.delivery_id(0)])
    queued = {each.delivery_id(0) for each in model.accepted.values() if each.mode is Mode.QUEUED}
    still_open = [delivery_id for delivery_id, state in model.states.items() if state in OPEN]
    found = [each.consignment.delivery_id for each in journal.open_deliveries()]
    assert found == [delivery_id for delivery_id in still_open if delivery_id in queued]
    assert set(journal.interrupted_calls()) == set(still_open) - queued
    counts = journal.counts()
    assert {state: counts[state] for state in State if state is not State.REJECTED} == {
        state: list(model.states.values()).count(state) for state in State if state is not State.REJECTED
    }
    assert counts["rejected_messages"] == model.refused
    assert counts["accepted_messages"] == len(model.accepted)


@settings(max_examples=40)
@given(st.lists(st.one_of(ACCEPT, ACCEPT, RECORD, RECORD, RECORD, RESTART), max_size=15))
@pytest.mark.slow
def test_the_journal_agrees_with_the_model_of_the_state_table(plan: list[tuple]) -> None:
    """Legal steps are stored, all others refused with CB4004 and without effect, whatever came before."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), plan))
