"""``[broker]`` of site.toml: RabbitMQ by configuration alone, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from schemas.catalog import load_edition
from tests.support.sites import change, write_site

EDITION = load_edition()
WHOLE = """\
engine = "rabbitmq"
nodes = ["mq1.example", "mq2.example:5673", "[::1]:5674"]
virtual_host = "bus"
user = "town"
password_file = "secrets/mq.key"
prefix = "town-1"
lanes = 2
prefetch = 100
replicas = 3
timeout_s = 5
heartbeat_s = 20
[broker.lanes_of]
"990019/tax" = 8
"""


def site_with(tmp_path: Path, broker: str, *, mode: int = 0o600) -> Path:
    """A site folder whose [broker] says this, with a password file."""
    folder = write_site(tmp_path / "site")
    change(folder / "site.toml", 'engine = "memory"\n', broker)
    password = folder / "secrets" / "mq.key"
    password.write_text("swordfish\n", "utf-8")
    password.chmod(mode)
    return folder


def test_everything_about_rabbitmq_is_read(tmp_path: Path) -> None:
    """Nodes with and without port, credential by file, lanes for all and for one."""
    broker = load_site(site_with(tmp_path, WHOLE), EDITION, need_secrets=True).broker
    assert broker.nodes == (("mq1.example", 5672), ("mq2.example", 5673), ("::1", 5674))
    assert (broker.engine, broker.virtual_host, broker.user, broker.password) == (
        "rabbitmq",
        "bus",
        "town",
        "swordfish",
    )
    assert (broker.prefix, broker.prefetch, broker.replicas) == ("town-1", 100, 3)
    assert (broker.lanes_for("990019/tax"), broker.lanes_for("990019/kokuho")) == (8, 2)
    assert "swordfish" not in repr(broker)


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ('"rabbitmq"', '"rabbitmg"', "CB7012", "broker.engine"),
        ('"mq1.example"', '"mq1.example:0"', "CB7012", "broker.nodes"),
        ('"town-1"', '"town 1"', "CB7012", "broker.prefix"),
        ("lanes = 2", "lanes = 0", "CB7012", "broker.lanes"),
        ("prefetch = 100", "prefetch = 70000", "CB7012", "broker.prefetch"),
        ('"990019/tax" = 8', '"990019/tux" = 8', "CB7014", "broker.lanes_of"),
        ('"990019/tax" = 8', '"990019/tax" = 100', "CB7012", "broker.lanes_of"),
        ('"secrets/mq.key"', '"secrets/none.key"', "CB7022", "broker.password_file"),
        ("replicas = 3", "replica = 3", "CB7011", "broker.replica"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, code: str, place: str) -> None:
    """The key, and where there is one the nearest known name."""
    folder = site_with(tmp_path, WHOLE.replace(old, new))
    with pytest.raises(ConfigurationError) as caught:
        load_site(folder, EDITION, need_secrets=True)
    found = [(each.code, each.path.removeprefix("site.toml: ")) for each in caught.value.findings]
    assert [each[0] for each in found] == [code]
    assert found[0][1].startswith(place)


def test_a_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """As with every other credential."""
    with pytest.raises(ConfigurationError) as caught:
        load_site(site_with(tmp_path, WHOLE, mode=0o644), EDITION)
    assert [each.code for each in caught.value.findings] == ["CB7025"]


def test_without_rabbitmq_nobody_asks_for_its_password(tmp_path: Path) -> None:
    """The embedded default needs nothing."""
    site = load_site(write_site(tmp_path / "site"), EDITION, need_secrets=True)
    assert (site.broker.engine, site.broker.password) == ("memory", "")
