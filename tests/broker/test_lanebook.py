"""The lane book: no key in two lanes at a time, nothing forgotten, nobody waiting for ever."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.broker.amqp.lanebook import LaneBook, natural_lane
from bus.core.types import FIRST

KEYS = st.lists(st.sampled_from("abcdefg"), max_size=3)


def test_one_lane_needs_no_book() -> None:
    """With a single lane everything goes through it at once and nothing is remembered."""
    book = LaneBook(1)
    assert [book.add(str(number), ("a", "b")) for number in range(5)] == [0] * 5
    assert len(book) == 0
    assert book.settle("3") == []


def test_a_message_of_two_lanes_waits_until_one_is_free() -> None:
    """And whatever shares a key with it waits behind it, while others go on."""
    lanes = {natural_lane(key, 3): key for key in "abcdefghij"}
    first, second, other = lanes[0], lanes[1], lanes[2]
    book = LaneBook(3)
    assert (book.add("1", [first]), book.add("2", [second])) == (0, 1)
    assert book.add("both", [first, second]) is None
    assert book.add("behind", [second]) is None
    assert book.add("free", [other]) == 2
    assert book.settle("1") == [("both", 1), ("behind", 1)]
    assert book.settle("2") == []
    assert book.add("later", [first]) == 1
    for each in ("both", "behind", "later", "free"):
        assert book.settle(each) == []
    assert len(book) == 0


def test_what_waits_can_be_settled_too() -> None:
    """An operator may cancel a message that has no lane yet; those behind it move up."""
    lanes = {natural_lane(key, 2): key for key in "abcdefghij"}
    book = LaneBook(2)
    book.add("1", [lanes[0]])
    book.add("2", [lanes[1]])
    assert book.add("both", [lanes[0], lanes[1]]) is None
    assert book.add("behind", [lanes[0]]) is None
    assert book.settle("both") == [("behind", 0)]


def test_the_marker_of_preference_is_no_key() -> None:
    """Two messages that go first have nothing else in common."""
    lanes = {natural_lane(key, 2): key for key in "abcdefghij"}
    book = LaneBook(2)
    assert book.add("1", [lanes[0], FIRST]) == 0
    assert book.add("2", [lanes[1], FIRST]) == 1


@pytest.mark.slow
@given(st.integers(min_value=2, max_value=5), st.lists(KEYS, max_size=60), st.randoms(use_true_random=False))
def test_every_message_gets_a_lane_and_each_key_keeps_its_order(lanes: int, messages: list[list[str]], dice) -> None:
    """Lanes are emptied at random; what they give out is for every key the order in which it was added."""
    book = LaneBook(lanes)
    queues: list[deque[int]] = [deque() for _ in range(lanes)]
    waiting = list(enumerate(messages))
    done: list[int] = []
    while waiting or any(queues):
        filled = [queue for queue in queues if queue]
        if waiting and (not filled or dice.random() < 0.6):
            number, keys = waiting.pop(0)
            lane = book.add(str(number), keys)
            if lane is not None:
                queues[lane].append(number)
            continue
        number = dice.choice(filled).popleft()
        done.append(number)
        for freed, lane in book.settle(str(number)):
            queues[lane].append(int(freed))
    assert sorted(done) == list(range(len(messages)))
    assert len(book) == 0
    for key in "abcdefg":
        of_key = [number for number in done if key in messages[number]]
        assert of_key == sorted(of_key)
