"""The book of one endpoint: where each delivery stands, whatever comes from RabbitMQ and how often."""

from __future__ import annotations

from bus.broker.amqp.book import Batch, Book, Room
from tests.support.deliveries import MUNICIPALITY, acceptance, consignment

TAX = f"{MUNICIPALITY}/tax"


class Channel:
    """A source of batches that notes what was acknowledged."""

    def __init__(self) -> None:
        self.alive = True
        self.acknowledged: list[int] = []

    def acknowledge(self, tag: int) -> None:
        """Note it."""
        self.acknowledged.append(tag)


def loaded(count: int, *, lanes: int = 1, limit: int = 1 << 20) -> tuple[Book, list[str]]:
    """A book with deliveries that were published in epoch 1."""
    book = Book(TAX, lanes, Room(limit, lambda exchange_id: b"<read-back/>"))
    sent = [consignment(acceptance()) for _ in range(count)]
    for each in sent:
        book.add(each)
    for lane in range(lanes):
        book.next_unsent(lane, 1000, 1)
    return book, [each.delivery_id for each in sent]


def receive(book: Book, ids: list[str], channel: Channel, tag: int, epoch: int = 1) -> Batch:
    """One message with these deliveries arrives."""
    batch = Batch(channel, tag)
    for each in ids:
        book.arrived(each, epoch, batch)
    return batch


def taken(book: Book, limit: int = 100) -> list[str]:
    """The ids of what is taken."""
    return [each.delivery_id for each in book.take(limit)]


def test_a_message_is_acknowledged_when_nothing_of_it_is_open() -> None:
    """Not before the last of its deliveries is settled, and once."""
    book, ids = loaded(3)
    channel = Channel()
    receive(book, ids, channel, 7)
    assert taken(book) == ids
    book.settle(ids[:2])
    assert channel.acknowledged == []
    book.settle(ids)
    assert channel.acknowledged == [7]
    assert len(book) == 0


def test_a_second_copy_changes_nothing() -> None:
    """While the first is with a living channel, the copy counts as done."""
    book, ids = loaded(2)
    channel = Channel()
    receive(book, ids, channel, 1)
    assert receive(book, ids, channel, 2).left == 0
    assert taken(book) == ids
    assert receive(book, ids, channel, 3).left == 0
    assert taken(book) == []


def test_what_comes_again_through_a_new_channel_takes_the_place_of_the_old() -> None:
    """What the delivery has stays with it; only the acknowledgement goes through the new channel."""
    book, ids = loaded(3)
    old, new = Channel(), Channel()
    receive(book, ids, old, 1)
    assert taken(book, 2) == ids[:2]
    old.alive = False
    book.settle(ids[:1])
    again = receive(book, ids, new, 9)
    assert again.left == 2
    assert taken(book) == ids[2:]
    book.settle(ids[1:])
    assert (old.acknowledged, new.acknowledged) == ([], [9])


def test_copies_from_before_a_new_connection_are_left_aside() -> None:
    """What travels is published again in order, so an old copy must not come before what was in front of it."""
    book, ids = loaded(3)
    assert book.again() == 3
    assert [each.delivery_id for each in book.next_unsent(0, 100, 2)] == ids
    channel = Channel()
    assert receive(book, ids[1:], channel, 1, epoch=1).left == 0
    assert taken(book) == []
    receive(book, ids, channel, 2, epoch=2)
    assert taken(book) == ids


def test_what_is_in_this_process_is_not_published_again() -> None:
    """A new connection repeats only what is still on its way."""
    book, ids = loaded(4)
    receive(book, ids[:2], Channel(), 1)
    assert taken(book, 1) == ids[:1]
    assert book.again() == 2
    assert [each.delivery_id for each in book.next_unsent(0, 100, 2)] == ids[2:]


def test_a_withdrawn_consumer_gets_its_deliveries_again() -> None:
    """What a closed subscription had comes again through RabbitMQ, without what it had settled."""
    book, ids = loaded(3)
    old, new = Channel(), Channel()
    receive(book, ids, old, 1)
    assert taken(book, 2) == ids[:2]
    book.settle(ids[:1])
    old.alive = False
    book.withdraw(forget=False)
    assert not book.any_ready
    assert book.depth == 2
    receive(book, ids, new, 2)
    assert taken(book) == ids[1:]


def test_bodies_are_counted_to_the_last_byte() -> None:
    """After taking, giving back and settling in every stage, no byte is left over."""
    room = Room(10_000, lambda exchange_id: b"y" * 100)
    book = Book(TAX, 1, room)
    sent = [consignment(acceptance(raw=b"x" * 100)) for _ in range(6)]
    for each in sent:
        book.add(each)
    assert room.used == 600
    ids = [each.delivery_id for each in sent]
    book.next_unsent(0, 4, 1)
    receive(book, ids[:3], Channel(), 1)
    leases = book.take(2)
    assert (room.used, book.depth) == (400, 4)
    book.give_back(leases[:1])
    assert (room.used, book.depth) == (500, 5)
    book.settle(ids)
    assert (room.used, book.depth, len(book)) == (0, 0, 0)


def test_a_delivery_that_waited_for_a_lane_is_published_when_it_has_one() -> None:
    """Settling what stood in its way tells which lane has something to publish."""
    room = Room(1 << 20, lambda exchange_id: b"")
    book = Book(TAX, 2, room)
    keys = {}
    for number in range(100):
        book_lane = Book(TAX, 2, room).add(consignment(acceptance(), ordering_keys=(f"k{number}",)))
        keys.setdefault(book_lane, f"k{number}")
    first = consignment(acceptance(), ordering_keys=(keys[0],))
    second = consignment(acceptance(), ordering_keys=(keys[1],))
    both = consignment(acceptance(), ordering_keys=(keys[0], keys[1]))
    assert [book.add(first), book.add(second), book.add(both)] == [0, 1, None]
    assert [len(book.next_unsent(lane, 10, 1)) for lane in (0, 1)] == [1, 1]
    assert book.settle([first.delivery_id]) == {1}
    assert [each.delivery_id for each in book.next_unsent(1, 10, 1)] == [both.delivery_id]


def test_what_is_held_for_long_is_given_out_of_rabbitmqs_hands() -> None:
    """It stays with the delivery; when the consumer goes, it has to be published again, and the book says so."""
    book, ids = loaded(4)
    channel = Channel()
    for tag, part, at in ((1, ids[:2], 100.0), (2, ids[2:], 200.0)):
        batch = Batch(channel, tag, at=at)
        for each in part:
            book.arrived(each, 1, batch)
    assert taken(book, 3) == ids[:3]
    assert book.let_go(before=150.0) == 1
    assert channel.acknowledged == [1]
    book.settle(ids[:1])
    assert channel.acknowledged == [1]
    assert book.withdraw(forget=False)
    assert book.again() == 3
    assert [each.delivery_id for each in book.next_unsent(0, 100, 2)] == ids[1:]
