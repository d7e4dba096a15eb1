"""The queues of a site as values: names, properties, and what RabbitMQ can import."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bus.broker.amqp.topology import definitions, lane_queue, lane_queues, receiving, rights
from bus.core.config import load_site
from bus.core.settings import BrokerSettings
from tests.support.repository import ROOT
from tests.support.sites import change, write_site

SETTINGS = BrokerSettings(
    engine="rabbitmq", prefix="town-1", lanes=2, lanes_of=(("990019/tax", 4),), virtual_host="bus"
)


def test_every_lane_has_a_queue() -> None:
    """As many as the site says, in a stable order and without two of one name."""
    names = [each.name for each in lane_queues(SETTINGS, ["990019/tax", "990019/kokuho"])]
    assert names == [f"town-1.990019.kokuho.{lane}" for lane in range(2)] + [
        f"town-1.990019.tax.{lane}" for lane in range(4)
    ]


def test_long_names_stay_within_what_amqp_allows() -> None:
    """An endpoint with a very long name has a queue all the same, and it is its own."""
    long, other = (f"990019/{'税' * 100}{tail}" for tail in ("a", "b"))
    first, second = lane_queue(SETTINGS, long, 0).name, lane_queue(SETTINGS, other, 0).name
    assert first != second
    assert max(len(first.encode()), len(second.encode())) <= 255


def test_queues_are_safe_by_their_properties() -> None:
    """Quorum, one active consumer, dead-lettering at least once, and no limit that would drop anything."""
    found = definitions(SETTINGS, ["990019/tax"])
    lanes = [each for each in found["queues"] if each["name"] != "town-1.dead"]
    assert len(lanes) == 4
    for queue in lanes:
        arguments = queue["arguments"]
        assert arguments["x-queue-type"] == "quorum"
        assert arguments["x-single-active-consumer"] is True
        assert arguments["x-dead-letter-exchange"] == "town-1.dead"
        assert arguments["x-dead-letter-strategy"] == "at-least-once"
        assert arguments["x-overflow"] == "reject-publish"
        assert not {"x-max-length", "x-message-ttl", "x-expires"} & set(arguments)
        assert queue["durable"] is True
    bound = {each["destination"] for each in found["bindings"]}
    assert bound == {each["name"] for each in found["queues"]}


def test_rights_reach_no_further_than_the_names_of_the_site() -> None:
    """Another site on the same broker, even one whose prefix begins alike, stays out of reach."""
    for pattern in rights(SETTINGS):
        assert re.match(pattern, "town-1.990019.tax.0")
        assert not re.match(pattern, "town-10.990019.tax.0")
        assert not re.match(pattern, "amq.default")


def test_receivers_have_queues_and_mere_callers_have_none(tmp_path: Path) -> None:
    """Endpoints with an address or in a route; one without either only calls."""
    folder = write_site(tmp_path / "site")
    change(
        folder / "endpoints.toml",
        "endpoint = [",
        'endpoint = [\n  { id = "window", municipality = "990019", unit = "kokuho", purpose = "kokuho" },',
    )
    assert receiving(load_site(folder)) == ["990019/juki", "990019/kokuho", "990019/tax"]


def test_the_shipped_definitions_are_those_of_the_example() -> None:
    """deploy/rabbitmq/definitions.json is what ``chiikibus broker definitions`` writes, and holds no credential."""
    site = load_site(ROOT / "deploy/examples/tax-juki/site")
    shipped = json.loads((ROOT / "deploy/rabbitmq/definitions.json").read_text("utf-8"))
    assert shipped == definitions(site.broker, receiving(site))
    assert "users" not in shipped
