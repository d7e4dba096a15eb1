"""Ordering lanes keep order per key, block nothing else, starve nobody and never lock up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bus.core.types import FIRST
from bus.deliver.lanes import Lanes

KEYS = ("atena:1", "atena:2", "atena:3", "setai:1", "setai:2")


def plain(key: str) -> str:
    """Show keys as they are; these are invented."""
    return key


def test_the_oldest_of_a_key_goes_first() -> None:
    """The second of the same key waits until the first is finished."""
    lanes = Lanes()
    lanes.add("a", ["atena:1"])
    lanes.add("b", ["atena:1"])
    assert lanes.start(9) == ["a"]
    assert lanes.start(9) == []
    lanes.finish("a")
    assert lanes.start(9) == ["b"]


def test_different_keys_go_side_by_side() -> None:
    """A held key holds up nothing but itself, and what has no key waits for nobody."""
    lanes = Lanes()
    lanes.add("a", ["atena:1"])
    lanes.start(9)
    lanes.hold("a", "CB5001", 1.0)
    lanes.add("b", ["atena:1"])
    lanes.add("c", ["atena:2"])
    lanes.add("d", [])
    assert lanes.start(9) == ["c", "d"]


def test_a_delivery_with_two_keys_waits_for_both() -> None:
    """It is the bridge between a person's and a household's changes: earlier ones of either go first."""
    lanes = Lanes()
    lanes.add("person", ["atena:1"])
    lanes.add("household", ["setai:1"])
    lanes.add("both", ["atena:1", "setai:1"])
    lanes.add("later", ["setai:1"])
    assert lanes.start(9) == ["person", "household"]
    lanes.finish("household")
    assert lanes.start(9) == []
    lanes.finish("person")
    assert lanes.start(9) == ["both"]
    lanes.finish("both")
    assert lanes.start(9) == ["later"]


def test_a_blocked_key_is_visible_without_its_number() -> None:
    """Shown are a keyed hash, the cause, since when, and how many wait behind."""
    lanes = Lanes()
    for name in ("a", "b", "c"):
        lanes.add(name, ["atena:1"])
    lanes.start(1)
    lanes.hold("a", "CB5004", 12.5)
    (blocked,) = lanes.blocked()
    assert (blocked.delivery_id, blocked.cause, blocked.since, blocked.count) == ("a", "CB5004", 12.5, 2)
    assert "atena" not in blocked.key_hash
    lanes.release("a")
    assert lanes.blocked() == []
    assert lanes.start(9) == ["a"]


def test_what_is_put_back_starts_again_before_all_others() -> None:
    """The order of those put back is kept."""
    lanes = Lanes()
    for name in ("a", "b", "c"):
        lanes.add(name, [])
    lanes.put_back(lanes.start(2))
    assert lanes.start(9) == ["a", "b", "c"]


def test_a_delivery_joins_once() -> None:
    """The same id twice is told apart, and repeated keys count once."""
    lanes = Lanes()
    assert lanes.add("a", ["atena:1", "atena:1"])
    assert not lanes.add("a", ["atena:1"])
    assert len(lanes) == 1
    lanes.finish("a")
    lanes.finish("a")
    assert len(lanes) == 0
    assert "a" not in lanes


@given(st.lists(st.lists(st.sampled_from(KEYS), max_size=3), max_size=30), st.randoms(use_true_random=False))
def test_everything_is_delivered_and_every_key_keeps_its_order(keys_of: list[list[str]], random) -> None:
    """Whatever finishes when, all are started, and per key in the order of arrival: no starvation, no deadlock."""
    lanes = Lanes()
    for number, keys in enumerate(keys_of):
        lanes.add(str(number), keys)
    running: list[str] = []
    started: list[int] = []
    while len(lanes):
        fresh = lanes.start(random.randint(1, 4))
        started += [int(each) for each in fresh]
        running += fresh
        assert running, "nothing runs although something waits"
        lanes.finish(running.pop(random.randrange(len(running))))
    assert sorted(started) == list(range(len(keys_of)))
    for key in KEYS:
        of_key = [number for number in started if key in keys_of[number]]
        assert of_key == sorted(of_key)


class LanesAgainstModel(RuleBasedStateMachine):
    """Any sequence of arrivals, starts, holds, releases and ends agrees with a plain list of everything present."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(plain)
        self.present: list[tuple[str, frozenset[str]]] = []
        self.running: set[str] = set()
        self.held: set[str] = set()
        self.next = 0

    def may_start(self) -> set[str]:
        """Neither running nor held, and no earlier one shares a key."""
        found = set()
        for position, (name, keys) in enumerate(self.present):
            if name in self.running or name in self.held:
                continue
            if not any(keys & earlier for _, earlier in self.present[:position]):
                found.add(name)
        return found

    @rule(keys=st.lists(st.sampled_from(KEYS), max_size=3))
    def arrive(self, keys: list[str]) -> None:
        """A delivery joins."""
        name = str(self.next)
        self.next += 1
        assert self.lanes.add(name, keys)
        self.present.append((name, frozenset(keys)))

    @rule(limit=st.integers(1, 5))
    def start(self, limit: int) -> None:
        """Exactly those that may start are started, up to the limit."""
        allowed = self.may_start()
        started = self.lanes.start(limit)
        assert set(started) <= allowed
        assert len(started) == min(limit, len(allowed))
        self.running |= set(started)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        """A started one returns unsent."""
        name = data.draw(st.sampled_from(sorted(self.running)))
        self.lanes.put_back([name])
        self.running.discard(name)

    @precondition(lambda self: self.present)
    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        """Any present one may be held: a running one that failed, or one that arrives as parked."""
        name = data.draw(st.sampled_from([name for name, _ in self.present]))
        self.lanes.hold(name, "CB5001", 1.0)
        self.running.discard(name)
        self.held.add(name)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """A held one goes on."""
        name = data.draw(st.sampled_from(sorted(self.held)))
        self.lanes.release(name)
        self.held.discard(name)

    @precondition(lambda self: self.present)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """Any present one may leave: delivered, cancelled by an operator, expired."""
        name = data.draw(st.sampled_from([name for name, _ in self.present]))
        self.lanes.finish(name)
        self.present = [each for each in self.present if each[0] != name]
        self.running.discard(name)
        self.held.discard(name)

    @invariant()
    def agrees(self) -> None:
        """Presence, held ones and blocked keys are those of the model."""
        assert len(self.lanes) == len(self.present)
        assert set(self.lanes.held()) == self.held
        expected = set()
        for position, (name, keys) in enumerate(self.present):
            if name in self.held:
                earlier = frozenset().union(*(each for _, each in self.present[:position]))
                expected |= {(key, name) for key in keys - earlier}
        assert {(each.key_hash, each.delivery_id) for each in self.lanes.blocked()} == expected


TestLanesAgainstModel = LanesAgainstModel.TestCase


def test_what_goes_first_overtakes_others_but_never_its_own_person() -> None:
    """A notice of protection waits for earlier ones of its person, and for nobody else's."""
    lanes = Lanes(plain)
    lanes.add("a1", ["atena:1"])
    lanes.add("b1", ["atena:2"])
    lanes.add("b2", ["atena:2", FIRST])
    lanes.add("c1", ["atena:3", FIRST])
    assert lanes.start(1) == ["c1"]
    assert lanes.start(9) == ["a1", "b1"]
    lanes.add("d1", ["atena:4"])
    lanes.finish("b1")
    assert lanes.start(1) == ["b2"]
    assert lanes.start(9) == ["d1"]
    for one in ("a1", "b2", "c1", "d1"):
        lanes.finish(one)
    assert not lanes.any_ready
    assert len(lanes) == 0
