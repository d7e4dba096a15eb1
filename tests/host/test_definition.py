"""adapter.toml: everything that is wrong is said at once, with its place and the nearest known name."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.host import process
from adapters.host.definition import KINDS, VENDORS, load_definition
from adapters.sdk.problems import Problems
from bus.core.errors import ConfigurationError
from bus.core.settings import AdapterSpec
from schemas.model import Edition
from tests.host.place import Place

HEAD = '[adapter]\nvendor = "x"\nunit = "juki"\n'
FLOW = """
[[flow]]
id = "ido"
kind = "file-to-bus"
folder = "out"
pattern = "IDO_*.DAT"
layout = "layout/jumin.toml"
mapping = "mapping/jumin.toml"
operation = "juki.ido_tsuchi"
"""


def write(folder: Path, text: str) -> Path:
    """A vendor folder with that adapter.toml and empty layout and mapping files."""
    for name in ("layout", "mapping"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "jumin.toml").touch()
    (folder / "adapter.toml").write_text(text, "utf-8")
    return folder


def problems_of(folder: Path, edition: Edition, spec: AdapterSpec | None = None) -> Problems:
    """What is wrong with a definition."""
    found = Problems()
    load_definition(folder, edition, found, spec)
    return found


@pytest.mark.parametrize("place", ["a/juki", "a/kojinjuminzei", "b/kojinjuminzei"])
def test_the_shipped_definitions_are_right(place: str, edition: Edition) -> None:
    """Every flow of every vendor."""
    assert problems_of(VENDORS / place, edition).found == []


def test_every_kind_of_flow_has_a_maker() -> None:
    """What may be declared can be run."""
    assert set(KINDS) == set(process.FLOWS)


def test_a_right_definition_gives_its_flows(tmp_path: Path, edition: Edition) -> None:
    """Ids, kinds and paths."""
    problems = Problems()
    found = load_definition(write(tmp_path, HEAD + FLOW), edition, problems)
    assert problems.found == []
    assert found is not None
    assert [(flow.id, flow.kind, flow.operations) for flow in found.flows] == [
        ("ido", "file-to-bus", ("juki.ido_tsuchi",))
    ]
    assert found.flows[0].path("layout") == tmp_path / "layout" / "jumin.toml"


@pytest.mark.parametrize(
    ("old", "new", "path", "hint"),
    [
        ('kind = "file-to-bus"', 'kind = "file-to-buss"', "flow[0].kind", "file-to-bus"),
        ('operation = "juki.ido_tsuchi"', 'operation = "juki.ido_tuchi"', "flow[0].operation", "juki.ido_tsuchi"),
        ('folder = "out"', 'foldr = "out"', "flow[0].foldr", "folder"),
        ('pattern = "IDO_*.DAT"', "", "flow[0].pattern", "a value"),
        ('pattern = "IDO_*.DAT"', "pattern = 3", "flow[0].pattern", "str"),
        ('layout = "layout/jumin.toml"', 'layout = "layout/none.toml"', "flow[0].layout", "a file"),
        ('vendor = "x"', "", "adapter.vendor", "a text"),
        ('unit = "juki"', 'unit = "juki"\nvendr = "y"', "adapter.vendr", "vendor"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, edition: Edition, old: str, new: str, path: str, hint: str
) -> None:
    """The key, what was expected, and the line."""
    text = HEAD + FLOW
    assert old in text
    found = problems_of(write(tmp_path, text.replace(old, new)), edition).found
    assert path in [one.path for one in found]
    one = next(one for one in found if one.path == path)
    assert hint in one.expected
    assert one.line > 0


def test_all_mistakes_come_at_once(tmp_path: Path, edition: Edition) -> None:
    """Two flows, three mistakes."""
    text = HEAD + FLOW.replace("IDO_*.DAT", "") + FLOW.replace('kind = "file-to-bus"', 'kind = "x"')
    text = text.replace('operation = "juki.ido_tsuchi"', 'operation = "juki.none"')
    assert len(problems_of(write(tmp_path, text), edition).found) >= 2


def test_a_setting_that_the_site_does_not_have_is_named(tmp_path: Path, edition: Edition) -> None:
    """The flow says which key of [adapter.settings] it needs."""
    spec = AdapterSpec("a", "x", "juki", "990019", "127.0.0.1", 1, settings={"outt": "sim/out"})
    found = problems_of(write(tmp_path, HEAD + FLOW), edition, spec).found
    assert [one.path for one in found] == ["flow[0].folder -> adapter.settings"]
    assert "outt" in found[0].expected


TRANSPORT = """
[[transport]]
id = "s3-out"
kind = "s3-fetch"
optional = true
address = "s3"
auth = "s3_key"
pattern = "*.DAT"
folder = "out"
"""


def test_an_optional_transport_is_there_only_where_the_site_has_its_address(tmp_path: Path, edition: Edition) -> None:
    """Without the address nothing of it is asked for; with it everything is; one that is not optional is always."""
    folder = write(tmp_path, HEAD + FLOW + TRANSPORT)

    def site(**settings: str) -> AdapterSpec:
        return AdapterSpec("a", "x", "juki", "990019", "127.0.0.1", 1, settings={"out": "sim/out", **settings})

    problems = Problems()
    without = load_definition(folder, edition, problems, site())
    there = load_definition(folder, edition, problems, site(s3="https://s3.example.jp/b", s3_key="secrets/s3.key"))
    declared = load_definition(folder, edition, problems)
    assert problems.found == []
    assert [one is not None and [each.id for each in one.transports] for one in (without, there, declared)] == [
        [],
        ["s3-out"],
        ["s3-out"],
    ]
    misspelt = problems_of(folder, edition, site(s33="https://s3.example.jp/b", s3_key="secrets/s3.key")).found
    assert [one.path for one in misspelt] == ["transport[0].address -> adapter.settings"]
    half = problems_of(folder, edition, site(s3="https://s3.example.jp/b")).found
    assert [one.path for one in half] == ["transport[0].auth -> adapter.settings"]
    always = write(tmp_path, HEAD + FLOW + TRANSPORT.replace("optional = true", "optional = false"))
    assert "transport[0].address -> adapter.settings" in [
        one.path for one in problems_of(always, edition, site()).found
    ]


def test_every_system_of_vendor_c_may_be_reached_by_a_bucket(edition: Edition) -> None:
    """Each folder that its flows read or write has an optional transport."""
    for path in sorted((VENDORS / "c").glob("*/adapter.toml")):
        problems = Problems()
        found = load_definition(path.parent, edition, problems)
        assert found is not None
        used = {flow.text(name) for flow in found.flows for name in ("folder", "request_folder")} - {""}
        assert {one.text("folder") for one in found.transports} == used, path.parent.name


def test_a_missing_definition_is_a_configuration_error(place: Place) -> None:
    """CB6008 with the file."""
    place.settings["a-juki"]["definition"] = "nowhere"
    place.write()
    with pytest.raises(ConfigurationError) as caught:
        process.load(place.folder, "a-juki")
    assert caught.value.code == "CB6008"


def test_an_unknown_adapter_is_a_configuration_error(place: Place) -> None:
    """CB7001 names the known ones."""
    place.write()
    with pytest.raises(ConfigurationError) as caught:
        process.load(place.folder, "a-jukii")
    assert caught.value.code == "CB7001"
    assert "a-juki" in caught.value.findings[0].expected


def test_a_wrong_register_stops_the_start(place: Place) -> None:
    """CB6008 with the line of the register."""
    place.write()
    (place.folder / "gaiji" / "a-juki.csv").write_text("nonsense\n", "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        process.load(place.folder, "a-juki")
    assert caught.value.code == "CB6008"
